"""Sessions: fetches, feeds, what runs and what does not, errors."""

from collections import namedtuple

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from tensorwright.frontend.tf.graph.session import Session


def programs(sess: Session):
    """All programs that a session has compiled."""
    return {p for plan in set(sess._plans.values()) for p in plan.programs}


# -- fetches --------------------------------------------------------------------------------------


def test_values_come_in_the_structure_of_the_fetches():
    pair = namedtuple("pair", "a b")
    a, b = tf.constant(2.0), tf.constant([3.0, 4.0])
    with tf.Session() as sess:
        one = sess.run(a)
        assert one == 2.0
        assert type(one) is np.float32
        two = sess.run(b)
        assert type(two) is np.ndarray
        assert two.dtype == np.float32
        assert two.tolist() == [3.0, 4.0]
        assert type(sess.run([a])) is list
        assert type(sess.run((a, a))) is tuple
        found = sess.run({"x": a, "y": [a, (a.op, a)], "z": pair(a, {"deep": a})})
        assert found == {"x": 2.0, "y": [2.0, (None, 2.0)], "z": pair(2.0, {"deep": 2.0})}
        assert sess.run(()) == ()
        assert sess.run([]) == []
        assert sess.run({}) == {}


def test_operations_give_none_variables_and_names_their_values():
    v = tf.Variable(3, name="v")
    with tf.Session() as sess:
        assert sess.run(v.initializer) is None
        assert sess.run("v/Assign") is None
        assert sess.run([v, "v:0", "v/read:0", v.op, v * 2]) == [3, 3, 3, None, 6]


@pytest.mark.parametrize(
    ("fetch", "error", "message"),
    [
        (3, TypeError, 'fetch` = 3 has invalid type "int" must be a string or Tensor'),
        (None, TypeError, "Cannot be None"),
        ([None], TypeError, "Cannot be None"),
        ({"a": None}, TypeError, "Cannot be None"),
        ("nothing:0", ValueError, "cannot be interpreted as a Tensor"),
        (np.ones(2), TypeError, "invalid type"),
    ],
)
def test_what_cannot_be_fetched(fetch, error, message):
    tf.constant(1.0)
    with tf.Session() as sess, pytest.raises(error, match=message):
        sess.run(fetch)


def test_results_belong_to_the_caller():
    v, c = tf.Variable([1.0, 2.0]), tf.constant([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    with tf.Session() as sess:
        sess.run(v.initializer)
        given = np.array([5.0, 6.0], np.float32)
        for tensor in (v, c, v.value(), v.assign(x), tf.identity(x)):
            before = sess.run(tensor, {x: given}).copy()
            sess.run(tensor, {x: given})[:] = 99.0
            assert np.array_equal(sess.run(tensor, {x: given}), before)
        assert given.tolist() == [5.0, 6.0]
        given[:] = 0.0
        assert sess.run(v).tolist() == [5.0, 6.0]


# -- what runs ------------------------------------------------------------------------------------


def spy(calls):
    def note(x):
        calls.append(float(x))
        return x

    return note


def test_only_what_is_needed_runs_and_only_once():
    calls = []
    used, unused = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    seen = tf.py_func(spy(calls), [used], tf.float32)
    tf.py_func(spy(calls), [unused], tf.float32)
    with tf.Session() as sess:
        assert sess.run([seen, seen + 1.0, seen * 2.0], {used: 3.0}) == [3.0, 4.0, 6.0]
        assert calls == [3.0]
        sess.run(seen, {used: 3.0})
        assert calls == [3.0, 3.0]  # nothing is remembered between runs


def test_fetches_share_one_native_program():
    x = tf.placeholder(tf.float32, [None])
    y = tf.exp(x)
    with tf.Session() as sess:
        sess.run([y, tf.reduce_sum(y), y * 2.0], {x: [0.0, 1.0]})
        assert len(programs(sess)) == 1


def test_python_runs_between_native_programs():
    x = tf.placeholder(tf.float32, [None])
    squares = tf.py_func(lambda a: a * a, [x + 1.0], tf.float32)
    squares.set_shape([None])
    with tf.Session() as sess:
        found = sess.run(tf.reduce_sum(squares * 2.0), {x: [0.0, 1.0]})
        assert found == 10.0
        assert len(programs(sess)) == 2


def test_sessions_have_values_of_their_own():
    v = tf.Variable(1)
    bump = v.assign_add(1)
    one, two = tf.Session(), tf.Session()
    one.run(v.initializer)
    with pytest.raises(tf.errors.FailedPreconditionError):
        two.run(v)
    two.run(v.initializer)
    assert [one.run(bump), one.run(bump), two.run(bump)] == [2, 3, 2]


def test_reads_see_values_from_before_the_run():
    v = tf.Variable(1.0)
    bump = v.assign_add(1.0)
    with tf.control_dependencies([bump]):
        after, waited = v.read_value(), v + 0.0
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run([v, bump, v + 0.0]) == [1.0, 2.0, 1.0]
        assert sess.run([v, after, waited]) == [2.0, 3.0, 3.0]
        assert sess.run([bump, bump * 10.0]) == [4.0, 40.0]


def test_control_inputs_put_effects_in_order():
    calls = []
    first = tf.py_func(lambda: calls.append("first"), [], [])
    with tf.control_dependencies([first]):
        second = tf.py_func(lambda: calls.append("second"), [], [])
    with tf.control_dependencies([second]):
        last = tf.no_op()
    with tf.Session() as sess:
        assert sess.run(last) is None
    assert calls == ["first", "second"]


# -- feeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [[1, 2], (1.0, 2.0), np.array([1, 2]), np.array([1.0, 2.0]), np.arange(4)[::-2] * 0.5]
)
def test_values_of_feeds(value):
    x = tf.placeholder(tf.float32)
    with tf.Session() as sess:
        found = sess.run(x * 2.0, {x: value})
        assert found.dtype == np.float32
        assert np.allclose(found, 2.0 * np.asarray(value))


def test_one_placeholder_takes_any_rank():
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    with tf.Session() as sess:
        for x, y in [(1.0, 2.0), ([1.0], [2.0]), ([[1.0], [2.0]], [10.0, 20.0, 30.0])]:
            assert np.array_equal(sess.run(a + b, {a: x, b: y}), np.add(x, y).astype(np.float32))


def test_open_sizes_run_one_program():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.placeholder(tf.float32, [None])
    total = tf.reduce_sum(x * 2.0, axis=1) + y
    with tf.Session() as sess:
        for rows in (2, 5, 9, 4):
            found = sess.run(total, {x: np.ones((rows, 3)), y: np.ones(rows)})
            assert np.allclose(found, 7 * np.ones(rows))
        assert len(programs(sess)) == 1
        for rows in (0, 1):
            assert sess.run(total, {x: np.ones((rows, 3)), y: np.ones(rows)}).shape == (rows,)


def test_any_tensor_can_be_fed():
    x = tf.placeholder(tf.float32)
    middle = x * 2.0
    v = tf.Variable(1.0)
    with tf.Session() as sess:
        assert sess.run(middle + 1.0, {middle: 10.0}) == 11.0
        assert sess.run("mul:0", {"Placeholder:0": 4.0}) == 8.0
        assert sess.run(v * 2.0, {v: 5.0}) == 10.0  # not even initialised
        assert sess.run(tf.constant(1.0) + 1.0, {x: 3.0}) == 2.0  # what is not needed is ignored
        assert sess.run(x, {x: 3.0}) == 3.0


def test_feeds_do_not_last():
    x = tf.placeholder(tf.float32, name="x")
    with tf.Session() as sess:
        assert sess.run(x + 1.0, {x: 1.0}) == 2.0
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match="You must feed a value for placeholder tensor 'x' with dtype float",
        ):
            sess.run(x + 1.0)


def test_the_placeholder_that_lacks_a_value_is_named():
    a = tf.placeholder(tf.float32)
    b = tf.placeholder(tf.int32, [None, 2])
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError) as info:
        sess.run(tf.cast(b, tf.float32) + a, {a: 1.0})
    assert "'Placeholder_1' with dtype int32 and shape [?,2]" in str(info.value)


@pytest.mark.parametrize(
    ("feed", "error", "message"),
    [
        ({"x:0": [1.0, 2.0, 3.0]}, ValueError, r"Cannot feed value of shape \(3,\).*\(\?, 2\)"),
        ({"nothing:0": 1.0}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        ({3: 1.0}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        ({"x:0": "text"}, ValueError, "could not convert"),
    ],
)
def test_what_cannot_be_fed(feed, error, message):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with tf.Session() as sess, pytest.raises(error, match=message):
        sess.run(x + 1.0, feed)


def test_tensors_are_no_values_of_feeds():
    x = tf.placeholder(tf.float32)
    with tf.Session() as sess, pytest.raises(TypeError, match=r"cannot be a tf\.Tensor object"):
        sess.run(x, {x: tf.constant(1.0)})


def test_shapes_that_do_not_fit_are_found_when_they_are_known():
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    total = tf.add(a, b, name="total")
    with tf.Session() as sess:
        assert sess.run(total, {a: [1.0, 2.0], b: [3.0, 4.0]}).tolist() == [4.0, 6.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes") as info:
            sess.run(total, {a: [1.0, 2.0], b: [1.0, 2.0, 3.0]})
        assert "{{node total}}" in str(info.value)
        assert sess.run(total, {a: 1.0, b: 2.0}) == 3.0


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int8", -3), ("bool", True), ("float64", 1.5), ("int64", 2**40), ("uint8", 200),
        ("float16", 0.5), ("string", b"text"), ("int32", 7), ("int16", -300), ("uint16", 60000),
        ("uint32", 2**31), ("uint64", 2**63), ("float32", 0.25),
    ],
)  # fmt: skip
def test_dtypes_of_placeholders(dtype, value):
    x = tf.placeholder(getattr(tf, dtype))
    with tf.Session() as sess:
        found = sess.run(tf.identity(x), {x: value})
    assert found == value
    if dtype != "string":
        assert found.dtype == dtype


def test_placeholder_with_default():
    x = tf.placeholder_with_default([1.0, 2.0], [None])
    with tf.Session() as sess:
        assert sess.run(x * 2.0).tolist() == [2.0, 4.0]
        assert sess.run(x * 2.0, {x: [5.0]}).tolist() == [10.0]


# -- opening and closing --------------------------------------------------------------------------


def test_closed_sessions_do_not_run():
    c = tf.constant(1.0)
    with tf.Session() as sess:
        sess.run(c)
    with pytest.raises(RuntimeError, match="closed Session"):
        sess.run(c)
    other = tf.Session()
    other.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        other.run(c)


def test_operations_run_with_feeds():
    x = tf.placeholder(tf.float32)
    v = tf.Variable(1.0)
    add = v.assign_add(x).op
    with tf.Session() as sess:
        v.initializer.run()
        assert add.run(feed_dict={x: 2.0}) is None
        add.run({x: 3.0}, sess)
        assert v.eval() == 6.0
        with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
            add.run()


def test_default_sessions():
    c, op = tf.constant(2.0), tf.no_op()
    assert tf.get_default_session() is None
    with pytest.raises(ValueError, match="No default session is registered"):
        c.eval()
    with pytest.raises(ValueError, match="No default session is registered"):
        op.run()
    with tf.Session() as sess:
        assert tf.get_default_session() is sess
        assert c.eval() == 2.0
        assert op.run() is None
    interactive = tf.InteractiveSession()
    v = tf.Variable(c)
    v.initializer.run()
    assert v.eval() == 2.0
    assert c.eval({c: 3.0}) == 3.0
    assert v.eval(interactive) == 2.0
    interactive.close()
    assert tf.get_default_session() is None


def test_a_session_runs_its_own_graph():
    graph = tf.Graph()
    with tf.Session(graph=graph) as sess:
        assert tf.get_default_graph() is graph is sess.graph
        assert sess.run(tf.constant(1.0)) == 1.0
    with pytest.raises(TypeError, match=r"must be a tf\.Graph"):
        tf.Session(graph=3)


def test_configuration_is_accepted():
    config = tf.ConfigProto(log_device_placement=True)
    config.gpu_options.allow_growth = True
    config.intra_op_parallelism_threads = 2
    assert config.gpu_options.allow_growth is True
    with tf.Session("", config=config) as sess:
        assert sess.run(tf.constant(1.0)) == 1.0
    with pytest.raises(TypeError, match=r"must be a tf\.ConfigProto"):
        tf.Session(config={})


def test_metadata_of_a_run():
    c = tf.constant(1.0) + 1.0
    options, metadata = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), tf.RunMetadata()
    with tf.Session() as sess:
        assert sess.run(fetches=c, feed_dict=None, options=options, run_metadata=metadata) == 2.0
    assert metadata.step_stats.dev_stats[0].node_stats


def test_callables_and_partial_runs():
    x = tf.placeholder(tf.float32)
    with tf.Session() as sess:
        double = sess.make_callable(x * 2.0, [x])
        assert double(3.0) == 6.0
        with pytest.raises(NotImplementedError, match="fetch what you need"):
            sess.partial_run_setup([x])
