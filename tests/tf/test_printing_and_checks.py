"""tf.print, tf.debugging, tf.nest, strings of tensors, and Python functions as ops."""

import numpy as np
import pytest

import tensorwright as tf


def printed(capsys, *args, **kwargs):
    tf.print(*args, **kwargs)
    return capsys.readouterr().err


def test_elements_are_printed_short(capsys):
    c = tf.constant
    assert printed(capsys, c([[1.0, 2.5], [3.0, 4.0]])) == "[[1 2.5]\n [3 4]]\n"
    assert printed(capsys, c(0.1), c(1 / 3), c(1e10)) == "0.1 0.333333343 1e+10\n"
    assert printed(capsys, c(1 / 3, tf.float64)) == "0.33333333333333331\n"
    assert printed(capsys, tf.range(10)) == "[0 1 2 ... 7 8 9]\n"
    assert printed(capsys, tf.range(5), summarize=1) == "[0 ... 4]\n"
    assert printed(capsys, tf.range(8), summarize=-1) == "[0 1 2 3 4 5 6 7]\n"
    assert printed(capsys, "a", 1.5, None, True) == "a 1.5 None True\n"
    assert printed(capsys, c("s"), c(["x", "y"]), c(True)) == '"s" ["x" "y"] 1\n'
    assert printed(capsys, [1, c(2.0)], {"k": c([1])}, sep="|", end="!") == "[1, 2]|{'k': [1]}!"
    assert printed(capsys, tf.zeros([2, 1, 1])) == "[[[0]]\n\n [[0]]]\n"
    assert printed(capsys, tf.Variable(2.0)) == "2\n"


def test_where_it_is_printed(capsys, tmp_path):
    tf.print("out", output_stream="stdout")
    assert capsys.readouterr().out == "out\n"
    tf.print(tf.constant(1), output_stream=f"file://{tmp_path / 'log'}")
    assert (tmp_path / "log").read_text() == "1\n"
    with pytest.raises(ValueError, match="Unsupported output stream"):
        tf.print("x", output_stream="nowhere")


def test_functions_print_at_each_call(capsys):
    @tf.function
    def f(x):
        tf.print("x =", x, [x + 1])
        return x

    f(tf.constant([1.0, 2.0]))
    assert capsys.readouterr().err == "x = [1 2] [[2 3]]\n"
    f(tf.constant([3.0, 4.0]))
    assert capsys.readouterr().err == "x = [3 4] [[4 5]]\n"


def test_functions_check_at_each_call():
    v = tf.Variable(0.0)

    @tf.function
    def f(x):
        tf.debugging.assert_positive(x, message="not positive")
        tf.Assert(tf.reduce_max(x) < 5, [x])
        v.assign(tf.reduce_sum(x))
        return x

    f(tf.constant([1.0, 2.0]))
    for wrong, text in (([-1.0, 1.0], "not positive"), ([1.0, 9.0], "Summarized data")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=text):
            f(tf.constant(wrong))
        assert v.numpy() == 3.0


def test_checks_that_hold():
    x = tf.constant([1.0, 2.0])
    checks = tf.debugging
    checks.assert_equal(x, [1.0, 2.0])
    checks.assert_none_equal(x, 5.0)
    checks.assert_less(x, 3.0)
    checks.assert_less_equal(x, 2.0)
    checks.assert_greater(x, 0.0)
    checks.assert_greater_equal(x, 1.0)
    checks.assert_near(x, x + 1e-8)
    checks.assert_negative(-x)
    checks.assert_non_negative(x)
    checks.assert_non_positive(-x)
    checks.assert_non_decreasing(x)
    checks.assert_strictly_increasing(x)
    checks.assert_integer(tf.constant(1))
    checks.assert_rank_at_least(x, 1)
    checks.assert_rank_in(x, [1, 2])
    checks.assert_shapes([(x, ("n",)), (tf.zeros([2, 3]), ("n", 3))])
    assert checks.assert_scalar(tf.constant(1)).numpy() == 1
    assert checks.assert_same_float_dtype([x]) is tf.float32
    assert checks.is_numeric_tensor(x)
    assert not checks.is_numeric_tensor([1])
    assert checks.assert_all_finite(x, "message") is x


def test_strings_of_tensors():
    t = tf.constant(0.1)
    assert repr(t) == "<tf.Tensor: shape=(), dtype=float32, numpy=0.10000000149011612>"
    assert str(t) == "tf.Tensor(0.1, shape=(), dtype=float32)"
    assert f"{t:.3f}" == "0.100"
    assert "%2.5f" % t == "0.10000"  # noqa: UP031  (as programs write it)
    assert f"{tf.constant([1.0])}" == "[1.]"
    assert repr(tf.constant(b"x")) == "<tf.Tensor: shape=(), dtype=string, numpy=b'x'>"


def test_nest():
    nested = {"b": [1, (2, 3)], "a": 0}
    assert tf.nest.flatten(nested) == [0, 1, 2, 3]
    assert tf.nest.pack_sequence_as(nested, [9, 8, 7, 6]) == {"b": [8, (7, 6)], "a": 9}
    assert tf.nest.map_structure(lambda x, y: x + y, nested, nested)["b"] == [2, (4, 6)]
    assert tf.nest.is_nested([1])
    assert not tf.nest.is_nested("text")
    tf.nest.assert_same_structure([1, {"a": 2}], [3, {"a": 4}])
    with pytest.raises(TypeError, match="sequence type"):
        tf.nest.assert_same_structure([1], (1,))


def test_python_functions_as_ops():
    doubled = tf.py_function(lambda x: x.numpy() * 2, [tf.constant([1.0])], tf.float32)
    assert doubled.numpy().tolist() == [2.0]
    both = tf.numpy_function(lambda x: (x, x.sum()), [tf.constant([1.0])], [tf.float32, tf.float64])
    assert [t.dtype for t in both] == [tf.float32, tf.float64]
    with pytest.raises(TypeError, match=r"tf\.numpy_function calls Python with values"):
        tf.function(lambda x: tf.numpy_function(np.sin, [x], tf.float32))(tf.constant(1.0))


def test_ops_that_need_values_say_so():
    for name in ("unique", "boolean_mask"):
        function = tf.function(
            lambda x, name=name: getattr(tf, name)(x, *[x > 0][: name[0] == "b"])
        )
        with pytest.raises(TypeError, match=f"tf.{name} needs values"):
            function(tf.constant([1.0, 2.0]))


def test_scopes():
    with tf.name_scope("layer") as scope, tf.control_dependencies([]):
        assert scope == "layer/"
    outside = []

    @tf.function
    def f(x):
        with tf.init_scope():
            outside.append(tf.executing_eagerly())
            outside.append(tf.constant(1.0) + 1)
        assert not tf.executing_eagerly()
        return x

    f(tf.constant(1.0))
    assert outside[0] is True
    assert outside[1].numpy() == 2.0
    assert tf.is_tensor(tf.Variable(1.0))
    assert not tf.is_tensor(1.0)
    assert tf.get_static_value(tf.constant(3)) == 3
