"""Variables of graphs: the ops that they consist of, initial values, sessions, errors."""

import operator

import numpy as np
import pytest

import tensorwright.compat.v1 as tf


def ops():
    return tf.get_default_graph().get_operations()


def test_a_variable_is_four_ops():
    v = tf.Variable(42)
    assert [(op.name, op.type, len(op.inputs), len(op.outputs)) for op in ops()] == [
        ("Variable/initial_value", "Const", 0, 1),
        ("Variable", "VariableV2", 0, 1),
        ("Variable/Assign", "Assign", 2, 1),
        ("Variable/read", "Identity", 1, 1),
    ]
    value, variable, assign, read = ops()
    assert list(assign.inputs) == [variable.outputs[0], value.outputs[0]]
    assert list(read.inputs) == [variable.outputs[0]]
    assert (v.op, v.initializer) == (variable, assign)
    assert v.value() is read.outputs[0]
    assert v.initial_value is value.outputs[0]
    assert v.graph is tf.get_default_graph()


def test_variables_and_assignments_are_references():
    v = tf.Variable(42)
    assert [op.outputs[0].dtype.name for op in ops()] == [
        "int32",
        "int32_ref",
        "int32_ref",
        "int32",
    ]
    assert repr(v.dtype) == "tf.int32_ref"
    assert v.dtype.base_dtype is v.value().dtype is tf.int32
    assert str(v) == repr(v) == "<tf.Variable 'Variable:0' shape=() dtype=int32_ref>"
    assert repr(v.op.outputs[0]) == "<tf.Tensor 'Variable:0' shape=() dtype=int32_ref>"
    assert isinstance(v, tf.Variable)
    assert not isinstance(v, tf.Tensor)


@pytest.mark.parametrize(
    ("value", "arguments", "dtype", "shape"),
    [
        (1, {}, "int32", ()),
        (1.0, {}, "float32", ()),
        (1, {"dtype": tf.float64}, "float64", ()),
        (1.0, {"dtype": "float16"}, "float16", ()),
        ([[1, 2]], {}, "int32", (1, 2)),
        (np.ones((2, 3)), {}, "float64", (2, 3)),
        (np.float32(1), {}, "float32", ()),
        (True, {}, "bool", ()),
        ("text", {}, "string", ()),
    ],
)
def test_dtypes_and_shapes_follow_from_the_value(value, arguments, dtype, shape):
    v = tf.Variable(value, **arguments)
    assert (v.dtype.base_dtype.name, tuple(v.shape.as_list())) == (dtype, shape)
    with tf.Session() as sess:
        sess.run(v.initializer)
        found = sess.run(v)
    if dtype == "string":
        assert found == b"text"
    else:
        assert found.dtype == dtype
        assert np.array_equal(found, value)


def test_a_dtype_by_position_says_whether_it_is_trained():
    v, w = tf.Variable([0.3], tf.float32), tf.Variable([1], tf.float64)
    fixed = tf.Variable(1.0, False)
    assert [x.dtype.base_dtype for x in (v, w)] == [tf.float32, tf.int32]
    assert tf.trainable_variables() == [v, w]
    assert tf.global_variables() == [v, w, fixed]


def test_names():
    made = [tf.Variable(0.0), tf.Variable(0.0), tf.Variable(0.0, name="w"), tf.Variable(0.0)]
    assert [v.name for v in made] == ["Variable:0", "Variable_1:0", "w:0", "Variable_2:0"]
    assert [v.op.name for v in made] == ["Variable", "Variable_1", "w", "Variable_2"]
    assert tf.Variable(0.0, name="w").name == "w_1:0"


def test_variables_are_operands():
    v, w = tf.Variable(3.0), tf.Variable([1.0, 2.0])
    found = [
        v + 1.0, 1.0 - v, 2 * v, v / 2, v**2, -v, v * w, w[1], v > 2.0, tf.sqrt(v + 1),
        tf.add(v, v), tf.reduce_sum(w), abs(-v), v % 2,
    ]  # fmt: skip
    assert found[0].op.inputs[0].name == "Variable/read:0"
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert [np.asarray(x).tolist() for x in sess.run(found)] == [
            4.0, -2.0, 6.0, 1.5, 9.0, -3.0, [3.0, 6.0], 2.0, True, 2.0, 6.0, 3.0, 3.0, 1.0,
        ]  # fmt: skip


def test_augmented_assignment_makes_a_tensor():
    v = w = tf.Variable(1.0)
    w += 2.0
    assert isinstance(w, tf.Tensor)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run([v, w]) == [1.0, 3.0]


def test_tensors_are_initial_values():
    tf.set_random_seed(3)
    drawn = tf.Variable(tf.random_normal([2, 3], stddev=0.5))
    zeros = tf.Variable(tf.zeros([3]))
    double = tf.Variable(drawn.initialized_value() * 2.0)
    function = tf.Variable(lambda: tf.ones([2]), name="f")
    made = [drawn, zeros, double, function]
    assert [v.shape.as_list() for v in made] == [[2, 3], [3], [2, 3], [2]]
    assert drawn.initial_value.op.name == "random_normal"
    assert function.initial_value.op.name.startswith("f/Initializer/")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first, twice, *rest = sess.run([drawn, double, zeros, function])
        assert np.array_equal(twice, first * 2)
        assert [x.tolist() for x in rest] == [[0, 0, 0], [1, 1]]
        sess.run(drawn.initializer)
        assert not np.array_equal(sess.run(drawn), first)  # drawn again
        assert np.array_equal(sess.run(double), twice)


def test_initial_values_from_other_variables():
    v = tf.Variable(tf.random_normal([2]))
    later = tf.Variable(v.initialized_value() + 1.0)
    assert v.initialized_value().name.startswith("cond")
    with tf.Session() as sess:
        sess.run(v.initializer)
        sess.run(later.initializer)  # of the value that v has, not of one that is drawn again
        first, second = sess.run([v, later])
        assert np.array_equal(second, first + 1)
        sess.run(v.assign([5.0, 6.0]))
        sess.run(later.initializer)
        assert sess.run(later).tolist() == [6.0, 7.0]
    with tf.Session() as sess:
        sess.run(later.initializer)
        assert not np.array_equal(sess.run(later), second)
        with pytest.raises(tf.errors.FailedPreconditionError):
            sess.run(v)


def test_initial_values_that_are_fed():
    x = tf.placeholder(tf.float32, [2])
    v = tf.Variable(x)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value"):
            sess.run(v.initializer)
        sess.run(v.initializer, {x: [1.0, 2.0]})
        assert sess.run(v).tolist() == [1.0, 2.0]


def test_the_initialiser_covers_what_was_made_before():
    v = tf.Variable(1.0)
    init = tf.global_variables_initializer()
    later = tf.Variable(2.0)
    assert (init.name, init.type) == ("init", "NoOp")
    assert init.control_inputs == [v.initializer]
    assert tf.global_variables_initializer().name == "init_1"
    with tf.Session() as sess:
        assert sess.run(init) is None
        assert sess.run(v) == 1.0
        with pytest.raises(tf.errors.FailedPreconditionError, match="value Variable_1"):
            sess.run(later)


def test_the_initialiser_has_no_value():
    v = tf.Variable(42)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert (sess.run(v.initializer), sess.run(v)) == (None, 42)


def test_values_that_are_missing_are_named():
    v = tf.Variable(1.0, name="mean")
    total = tf.log(v) + 1.0
    with tf.Session() as sess:
        for fetch in (v, total, v.assign_add(1.0), v.value(), v.read_value()):
            with pytest.raises(tf.errors.FailedPreconditionError) as info:
                sess.run(fetch)
            assert str(info.value).startswith("Attempting to use uninitialized value mean")
        assert sess.run(v.assign(5.0)) == 5.0  # initialises as well
        assert sess.run(v) == 5.0


def test_sessions_keep_values_of_their_own():
    v = tf.Variable(42)
    first, second = tf.Session(), tf.Session()
    first.run(v.initializer)
    first.run(v.assign(13))
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value Variable"):
        second.run(v)
    second.run(v.initializer)
    assert (first.run(v), second.run(v)) == (13, 42)
    first.close()
    assert second.run(v) == 42
    second.close()
    with tf.Session() as third, pytest.raises(tf.errors.FailedPreconditionError):
        third.run(v)


def test_assignment_gives_the_value_after():
    v = tf.Variable(5.0)
    new = tf.assign(v, v - 1.0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(v) == 5.0  # building the op has changed nothing
        assert sess.run(new) == 4.0
        assert sess.run(new.op) is None
        assert sess.run([new, v.assign(10.0)][0]) == 2.0
        assert sess.run(v) == 2.0


def test_values_change_while_the_session_is_open():
    v = tf.Variable(1.0, dtype=tf.float64)
    square = v**2
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(square) == 1.0
        sess.run(v.assign(3.5))
        assert sess.run(square) == 12.25
        sess.run(v.initializer)
        assert sess.run(square) == 1.0


def test_parts_are_read_and_assigned():
    v = tf.Variable([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    part = v[:2, :2]
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(part).tolist() == [[1, 2], [4, 5]]
        found = sess.run(part.assign(22 * tf.ones((2, 2), tf.int32)))
        assert found.tolist() == [[22, 22, 3], [22, 22, 6], [7, 8, 9]]
        assert sess.run(v).tolist() == found.tolist()


def test_eval_and_load():
    v = tf.Variable([1.0, 2.0])
    sess = tf.Session()
    before = len(ops())
    v.load([3.0, 4.0], sess)  # no initialiser is needed
    assert v.eval(sess).tolist() == [3.0, 4.0]
    assert v.eval(session=sess).tolist() == [3.0, 4.0]
    with sess.as_default():
        v.load(np.array([5.0, 6.0]))
        assert v.eval().tolist() == [5.0, 6.0]
    assert len(ops()) == before
    with pytest.raises(ValueError, match="No default session is registered"):
        v.eval()
    with pytest.raises(ValueError, match="No default session is registered"):
        v.load([1.0, 2.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"lhs shape= \[2\] rhs shape= \[3\]"):
        v.load([1.0, 2.0, 3.0], sess)
    sess.close()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: tf.Variable(), ValueError, "initial_value must be specified"),
        (lambda v: tf.Variable(None), ValueError, "initial_value must be specified"),
        (lambda v: tf.Variable("a", dtype=tf.int32), TypeError, "'a'"),
        (
            lambda v: tf.Variable(tf.constant(1), dtype=tf.float32),
            ValueError,
            "Tensor conversion requested dtype float32 for Tensor with dtype int32",
        ),
        (lambda v: bool(v), TypeError, "as a Python `bool` is not allowed"),
        (lambda v: iter(v), TypeError, "'Variable' object is not iterable"),
        (lambda v: v.numpy(), NotImplementedError, "only available when eager execution"),
        (
            lambda v: operator.setitem(v, 0, 1.0),
            TypeError,
            "'RefVariable' object does not support item assignment",
        ),
        (
            lambda v: v + tf.constant(1),
            TypeError,
            "has type int32 that does not match type float32",
        ),
        (lambda v: v.assign(tf.constant(1)), TypeError, "type int32 that does not match"),
    ],
)
def test_what_is_refused(call, error, message):
    v = tf.Variable([1.0])
    with pytest.raises(error, match=message):
        call(v)


def test_shapes_have_to_be_known():
    x = tf.placeholder(tf.float32)
    with pytest.raises(ValueError, match="initial_value must have a shape specified: Tensor"):
        tf.Variable(x)
    v = tf.Variable(x, validate_shape=False)
    assert v.shape.ndims is None
    with tf.Session() as sess:
        for value in (1.0, [1.0, 2.0]):
            sess.run(v.initializer, {x: value})
            assert np.array_equal(sess.run(v * 2.0), np.multiply(2.0, value))
