"""Ops that run on the host, and what surrounds them; values and messages as of TensorFlow 2.21."""

import io
import os
import sys

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from support.sessions import run


def message(fetches, feed=None):
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        run(fetches, feed)
    return str(found.value)


# -- order and effects ----------------------------------------------------------------------------


def test_what_runs_on_the_host_runs_once_even_while_a_run_finds_out_what_else_has_to():
    calls = []

    def count():
        calls.append(1)
        return np.float32(len(calls))

    x = tf.py_func(count, [], tf.float32)
    x.set_shape([])
    _, grown = tf.while_loop(  # its shapes need the host, which shows when it is compiled
        lambda i, s: i < 3, lambda i, s: (i + 1, tf.concat([s, s], 0)), (0, tf.reshape(x, [1])),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )  # fmt: skip
    v = tf.Variable(0.0)
    bump = v.assign_add(x)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run([grown, bump])[0].tolist() == [1.0] * 8
        assert len(calls) == 1 and sess.run(v) == 1.0


def test_sizes_are_known_behind_ops_on_the_host():
    w = tf.Variable([1.0, 2.0])
    x = tf.py_func(lambda: np.float32(3), [], tf.float32)
    x.set_shape([])
    loss = tf.reduce_sum(w * x + tf.fill([2], 1.0))
    (g,) = tf.gradients(loss, w)
    with tf.Session() as sess:
        sess.run(w.initializer)
        assert sess.run([loss, g])[1].tolist() == [3.0, 3.0]
        (plan,) = [p for p in set(sess._plans.values()) if len(p._segments) > 1]
        assert not plan._on_host


# -- assertions -----------------------------------------------------------------------------------


def test_assertions_show_their_data():
    x = tf.placeholder(tf.float32, [None], name="p")
    check = tf.Assert(
        x[0] > 3, ["msg", x, x[0], tf.constant(["a", "b"]), [True, False], [[1, 2], [3, 4]]]
    )
    assert isinstance(check, tf.Operation)
    assert run(check, {x: [4.0]}) is None
    shown = message(check, {x: [1.0, 2.0, 3.0, 4.0]})
    assert "assertion failed: [msg] [1 2 3...] [1] [a b] [1 0] [[1 2][3...]...]" in shown
    assert "node Assert" in shown
    whole = tf.Assert(x[0] > 3, [x], summarize=10)
    assert "assertion failed: [1 2.5 1e+10 1e-07]" in message(whole, {x: [1, 2.5, 1e10, 1e-7]})
    with pytest.raises(ValueError, match="Shape must be rank 0"):
        tf.Assert(x > 0, [x])


@pytest.mark.parametrize(
    ("name", "good", "sign"),
    [
        ("assert_equal", [5.0, 5.0], "=="),
        ("assert_none_equal", [4.0, 6.0], "!="),
        ("assert_less", [4.0, 3.0], "<"),
        ("assert_less_equal", [5.0, 4.0], "<="),
        ("assert_greater", [6.0, 7.0], ">"),
        ("assert_greater_equal", [5.0, 6.0], ">="),
    ],
)
def test_comparisons_are_asserted_in_runs(name, good, sign):
    x = tf.placeholder(tf.float32, [None], name="p")
    check = getattr(tf, name)(x, 5.0)
    assert getattr(tf.debugging, name) is not None
    assert run(check, {x: good}) is None
    shown = message(check, {x: [5.0, 4.0, 6.0]})
    text = f"[Condition x {sign} y did not hold element-wise:] [x (p:0) = ] [5 4 6]"
    assert f"assertion failed: {text} [y ({name}/y:0) = ] [5]" in shown


@pytest.mark.parametrize(
    ("name", "good", "relation"),
    [
        ("assert_positive", [1.0], "> 0"),
        ("assert_negative", [-1.0], "< 0"),
        ("assert_non_negative", [0.0], ">= 0"),
        ("assert_non_positive", [0.0], "<= 0"),
    ],
)
def test_signs_are_asserted_in_runs(name, good, relation):
    x = tf.placeholder(tf.float32, [None], name="p")
    check = getattr(tf, name)(x)
    assert run(check, {x: good}) is None
    assert f"Condition x {relation} did not hold element-wise" in message(check, {x: [0, -1, 1]})


def test_what_is_known_to_be_wrong_is_an_error_at_once():
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        tf.assert_equal([1, 2], [1, 3], message="mm")
    assert str(found.value) == (
        "mm\nCondition x == y did not hold element-wise:\nx (assert_equal/x:0) = \n[1 2]\n"
        "y (assert_equal/y:0) = \n[1 3]"
    )
    assert run(tf.assert_equal([1, 2], [1, 2])) is None


def test_assertions_are_waited_for():
    x = tf.placeholder(tf.float32, [])
    with tf.control_dependencies([tf.assert_near(x, 1.0, message="far")]):
        y = x * 2.0
    assert run(y, {x: 1.0}) == 2.0
    assert "far" in message(y, {x: 1.5})


def test_ranks_and_types():
    x = tf.placeholder(tf.float32, [None], name="p")
    assert run(tf.assert_rank(x, 1), {x: [1.0]}) is None
    with pytest.raises(ValueError, match=r"mm.  Tensor p:0 must have rank 2.  Received rank 1"):
        tf.assert_rank(x, 2, message="mm")
    with pytest.raises(ValueError, match=r"must have rank in \(2, 3\)"):
        tf.assert_rank_in(x, [2, 3])
    with pytest.raises(ValueError, match="must have rank at least 2"):
        tf.assert_rank_at_least(x, 2)
    open_ = tf.placeholder(tf.float32)
    assert "must have rank 2" in message(tf.assert_rank(open_, 2), {open_: [1.0]})
    assert run(tf.assert_rank(open_, 2), {open_: [[1.0]]}) is None
    with pytest.raises(TypeError, match=r"p:0 must be of type tf.int32; got tf.float32"):
        tf.assert_type(x, tf.int32)
    with pytest.raises(TypeError, match="to be integer type"):
        tf.assert_integer(x)
    with pytest.raises(ValueError, match="Expected scalar shape"):
        tf.assert_scalar(x)
    with pytest.raises(ValueError, match="must be of the same type"):
        tf.debugging.assert_same_float_dtype([x], tf.float64)
    with pytest.raises(TypeError, match="proper"):
        tf.assert_proper_iterable(x)
    shaped = tf.debugging.assert_shapes([(open_, ("n", 2))])
    assert run(shaped, {open_: [[1.0, 2.0]]}) is None
    assert "dimension 1 must have size 2" in message(shaped, {open_: [[1.0]]})


def test_numerics_are_checked_and_differentiated():
    x = tf.placeholder(tf.float32, [None])
    y = tf.check_numerics(x * 2.0, "bad")
    assert y.name == "CheckNumerics:0"
    assert run([y, tf.gradients(y, x)[0]], {x: [1.0]})[1].tolist() == [2.0]
    assert "bad : Tensor had Inf and NaN values" in message(y, {x: [np.inf, np.nan]})
    z = tf.verify_tensor_all_finite(x, "worse")
    assert "worse : Tensor had NaN values" in message(z, {x: [np.nan]})
    with pytest.raises(NotImplementedError, match="check_numerics"):
        tf.add_check_numerics_ops()


# -- printing and Python --------------------------------------------------------------------------


def test_printing(capfd, monkeypatch):
    x = tf.placeholder(tf.float32, [None])
    done = tf.print("hello", x, {"a": x, "b": 1}, output_stream=sys.stdout, sep=",", end="!\n")
    assert isinstance(done, tf.Operation)
    short = tf.print(x, summarize=2, output_stream=sys.stdout)
    assert capfd.readouterr().out == ""
    run(done, {x: [1.0, 2.0]})
    assert capfd.readouterr().out == "hello,[1 2],{'a': [1 2], 'b': 1}!\n"
    run(short, {x: np.arange(10.0)})
    assert capfd.readouterr().out == "[0 1 ... 8 9]\n"
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    run(tf.Print(x, [x, tf.constant([[1, 2], [3, 4]])], message="seen: "), {x: [1.0, 2.5]})
    assert stream.getvalue() == "seen: [1 2.5][[1 2][3...]...]\n"


def test_python_functions():
    two = tf.constant(2.0)
    y = tf.py_function(lambda t: t.numpy() * 2 + tf.square(t), [two], tf.float32)
    assert repr(y) == "<tf.Tensor 'EagerPyFunc:0' shape=<unknown> dtype=float32>"
    assert run(y) == 8.0
    assert run(tf.numpy_function(lambda a: a * 2, [two], tf.float32)) == 4.0
    pair = tf.numpy_function(lambda a: (a * 2, a), [two], [tf.float32, tf.float32])
    assert run(pair) == [4.0, 2.0]


def test_the_time_is_that_of_the_run():
    now = tf.timestamp()
    with tf.Session() as sess:
        assert sess.run(now) <= sess.run(now)


# -- files and strings ----------------------------------------------------------------------------


def test_files_are_written_and_read_by_runs(tmp_path):
    path = str(tmp_path / "folder" / "x.txt")
    write, read = tf.write_file(path, "data"), tf.read_file(path)
    assert isinstance(write, tf.Operation) and not os.path.exists(path)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.NotFoundError):
            sess.run(read)
        assert sess.run(write) is None
        assert sess.run(read) == b"data"
        found = sess.run(tf.matching_files(str(tmp_path / "folder" / "*")))
    assert found.tolist() == [path.encode()]


def test_strings():
    words = tf.constant(["abc", "d"])
    encoded = tf.encode_base64(words)
    assert repr(encoded) == "<tf.Tensor 'EncodeBase64:0' shape=(2,) dtype=string>"
    joined = tf.string_join([words, "x"], separator="-")
    assert joined.name == "StringJoin:0"
    found = run({
        "encoded": encoded, "joined": joined, "text": tf.as_string([1.5, 2.0]),
        "number": tf.string_to_number(["1.5", "2"]), "length": tf.strings.length(words),
        "replaced": tf.regex_replace("abab", "a", "x"), "part": tf.substr("hello", 1, 3),
        "raw": tf.decode_raw(tf.constant(b"\x01\x02"), tf.uint8),
    })  # fmt: skip
    expected = {
        "encoded": [b"YWJj", b"ZA"], "joined": [b"abc-x", b"d-x"],
        "text": [b"1.500000", b"2.000000"], "number": [1.5, 2.0], "length": [3, 1],
        "replaced": b"xbxb", "part": b"ell", "raw": [1, 2],
    }  # fmt: skip
    assert {k: v.tolist() if hasattr(v, "tolist") else v for k, v in found.items()} == expected


# -- choosing -------------------------------------------------------------------------------------


def test_where():
    places = tf.where([[True, False], [False, True]])
    assert places.name == "Where:0" and run(places).tolist() == [[0, 0], [1, 1]]
    assert run(tf.where([True, False], [1, 2], [3, 4])).tolist() == [1, 4]
    rows = tf.where([True, False], [[1, 2], [3, 4]], [[5, 6], [7, 8]])
    assert rows.name == "Select_1:0" and run(rows).tolist() == [[1, 2], [7, 8]]
    with pytest.raises(ValueError, match="both be non-None"):
        tf.where([True], [1])


def test_unique_and_masks():
    y, idx = tf.unique([1, 1, 2, 4, 4])
    found = run([y, idx, tf.boolean_mask([1, 2, 3], [True, False, True])])
    assert [a.tolist() for a in found] == [[1, 2, 4], [0, 0, 1, 2, 2], [1, 3]]
    out, where = run(tf.setdiff1d([1, 2, 3], [2]))
    assert out.tolist() == [1, 3] and where.tolist() == [0, 2]
    x = tf.placeholder(tf.float32, [None])
    assert run(tf.boolean_mask(x, x > 1), {x: [1, 2, 3]}).tolist() == [2.0, 3.0]


def test_complex_numbers_pass():
    for dtype in (tf.complex64, tf.complex128):
        x = tf.placeholder(dtype)
        found = run(tf.identity(x), {x: [1 + 2j]})
        assert found.dtype == dtype.as_numpy_dtype and found.tolist() == [1 + 2j]
