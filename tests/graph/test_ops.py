"""Ops of graphs for known, open and unknown shapes: values as NumPy's, names, dtypes, errors."""

from typing import NamedTuple

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4)).astype(np.float32)
B = rng.normal(size=(3, 4)).astype(np.float32)
POSITIVE = np.abs(A) + 0.5
IMAGES = rng.normal(size=(2, 6, 6, 1)).astype(np.float32)
FILTERS = rng.normal(size=(3, 3, 1, 2)).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def convolved(x, filters):
    """Cross-correlation with a border of zeros: SAME, steps of 1."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, filters)


def pooled(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def cross_entropy(labels, logits):
    return -(labels * np.log(softmax(logits))).sum(-1)


class Case(NamedTuple):
    """An op: how it is made, what NumPy gives, the arguments."""

    name: str
    make: object
    expected: object
    args: tuple


def case(name, make, expected, *args):
    return pytest.param(Case(name, make, expected, args), id=f"{name}-{len(args)}")


CASES = [
    case("Add", tf.add, np.add, A, B),
    case("Add", tf.add, np.add, A, B[0]),
    case("Add", lambda x: tf.add(x, 2), lambda x: x + 2, A),
    case("add", lambda x, y: x + y, np.add, A, B[:, :1]),
    case("sub", lambda x, y: x - y, np.subtract, A, B),
    case("mul", lambda x, y: x * y, np.multiply, A, B),
    case("truediv", lambda x, y: x / y, np.divide, A, B),
    case("pow", lambda x, y: x**y, np.power, POSITIVE, B),
    case("pow", lambda x: x**2.0, np.square, A),
    case("Neg", lambda x: -x, np.negative, A),
    case("mul", lambda x: 2.0 * x, lambda x: 2 * x, A),
    case("mul", lambda x: 3 * x**2, lambda x: 3 * x * x, A),
    case("sub", lambda x: 1 - x, lambda x: 1 - x, A),
    case("truediv", lambda x: 1 / x, lambda x: 1 / x, POSITIVE),
    case("Mul", tf.multiply, np.multiply, A, B),
    case("Sqrt", tf.sqrt, np.sqrt, POSITIVE),
    case("Square", tf.square, np.square, A),
    case("Log", tf.log, np.log, POSITIVE),
    case("Exp", tf.exp, np.exp, A),
    case("Sigmoid", tf.sigmoid, lambda x: 1 / (1 + np.exp(-x)), A),
    case("SquaredDifference", tf.squared_difference, lambda x, y: (x - y) ** 2, A, B),
    case("Sum", tf.reduce_sum, np.sum, A),
    case("Sum", lambda x: tf.reduce_sum(x, 1), lambda x: x.sum(1), A),
    case("Sum", lambda x: tf.reduce_sum(x, reduction_indices=[1]), lambda x: x.sum(1), A),
    case("Sum", lambda x: tf.reduce_sum(x, 0, True), lambda x: x.sum(0, keepdims=True), A),
    case("Mean", tf.reduce_mean, np.mean, A),
    case("Mean", lambda x: tf.reduce_mean(x, [0, 1]), np.mean, A),
    case("Max", lambda x: tf.reduce_max(x, axis=-1), lambda x: x.max(-1), A),
    case("MatMul", lambda x, y: tf.matmul(x, y, transpose_b=True), lambda x, y: x @ y.T, A, B),
    case("matmul", lambda x, y: x @ y, np.matmul, A, B.T.copy()),
    case("Reshape", lambda x: tf.reshape(x, [-1, 2]), lambda x: x.reshape(-1, 2), A),
    case("Reshape", lambda x: tf.reshape(x, [-1, 3, 2, 1]), lambda x: x.reshape(-1, 3, 2, 1), A),
    case("transpose", tf.transpose, np.transpose, A),
    case("Cast", lambda x: tf.cast(x, tf.int32), lambda x: x.astype(np.int32), A),
    case("Cast", lambda x: tf.cast(x > 0, tf.float32), lambda x: (x > 0).astype(np.float32), A),
    case("Equal", tf.equal, np.equal, A, np.where(B > 0, A, B)),
    case("ArgMax", lambda x: tf.argmax(x, 1), lambda x: x.argmax(1), A),
    case("ArgMax", tf.argmax, lambda x: x.argmax(0), A),
    case("Relu", tf.nn.relu, lambda x: np.maximum(x, 0), A),
    case("Softmax", tf.nn.softmax, softmax, A),
    case("BiasAdd", tf.nn.bias_add, np.add, A, B[0]),
    case("Conv2D", lambda x, f: tf.nn.conv2d(x, f, strides=[1, 1, 1, 1], padding="SAME"),
         convolved, IMAGES, FILTERS),
    case("MaxPool", lambda x: tf.nn.max_pool(
        x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"), pooled, IMAGES),
    case("softmax_cross_entropy_with_logits_sg",
         lambda x, y: tf.nn.softmax_cross_entropy_with_logits(labels=x, logits=y),
         cross_entropy, softmax(A), B),
    case("concat", lambda x, y: tf.concat([x, y], 1), lambda x, y: np.concatenate([x, y], 1), A, B),
    case("strided_slice", lambda x: x[1:, ::2], lambda x: x[1:, ::2], A),
    case("strided_slice", lambda x: x[..., 1, tf.newaxis], lambda x: x[..., 1, None], A),
    case("StopGradient", tf.stop_gradient, np.copy, A),
    case("Less", lambda x, y: x < y, np.less, A, B),
    case("Maximum", tf.maximum, np.maximum, A, B),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("known", ["known", "open", "unknown"])
def test_values(case, known):
    shapes = {
        "known": [x.shape for x in case.args],
        "open": [[None, *x.shape[1:]] for x in case.args],
        "unknown": [None for _ in case.args],
    }[known]
    inputs = [tf.placeholder(tf.float32, s) for s in shapes]
    found = case.make(*inputs)
    expected = np.asarray(case.expected(*case.args))
    assert found.op.name.rsplit("_", 1)[0] == case.name or found.op.name == case.name
    assert found.shape.is_compatible_with(expected.shape)
    assert known != "known" or found.shape.is_fully_defined()
    with tf.Session() as sess:
        value = sess.run(found, dict(zip(inputs, case.args, strict=True)))
    assert value.dtype == expected.dtype == found.dtype.as_numpy_dtype
    assert np.allclose(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "rank", "shape"),
    [
        (3, 0, []),
        ([1.0, 2.0, 3.0], 1, [3]),
        ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 2, [2, 3]),
        ([[[1.0, 2.0, 3.0]], [[7.0, 8.0, 9.0]]], 3, [2, 1, 3]),
    ],
)
def test_rank_and_shape(value, rank, shape):
    x = tf.constant(value)
    open_ = tf.placeholder(x.dtype)
    assert (x.shape.ndims, x.shape.as_list()) == (rank, shape)
    with tf.Session() as sess:
        assert sess.run([tf.rank(x), tf.rank(open_)], {open_: value}) == [rank, rank]
        assert sess.run(tf.shape(open_), {open_: value}).tolist() == shape


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"), (1.0, "float32"), (True, "bool"), ("text", "string"), (2**40, "int64"),
        (np.ones(2), "float64"), (np.int8(1), "int8"), ([1, 2.5], "float32"),
    ],
)  # fmt: skip
def test_dtypes_of_constants(value, dtype):
    assert tf.constant(value).dtype.name == dtype
    assert tf.constant(1, tf.float64).dtype is tf.float64


def test_shapes_of_constants():
    made = {
        "last": tf.constant([1, 2, 3], shape=[2, 2]), "one": tf.constant(7.0, shape=[2]),
        "rows": tf.constant([[1, 2], [3, 4]], shape=[4]), "none": tf.constant([], shape=[0, 2]),
        "scalar": tf.constant([3], shape=[]), "words": tf.constant("a", shape=[2]),
    }  # fmt: skip
    with tf.Session() as sess:
        found = {k: v.tolist() for k, v in sess.run(made).items()}
    assert found == {
        "last": [[1, 2], [3, 3]], "one": [7.0, 7.0], "rows": [1, 2, 3, 4], "none": [], "scalar": 3,
        "words": [b"a", b"a"],
    }  # fmt: skip


def test_filled_tensors():
    n = tf.placeholder(tf.int32, [])
    made = [
        tf.zeros([2]), tf.ones((1, 2)), tf.zeros([n], tf.int32), tf.ones([2], tf.int64),
        tf.fill([2], 7.0), tf.zeros_like([[1, 2]]),
    ]  # fmt: skip
    assert [t.dtype.name for t in made] == [
        "float32", "float32", "int32", "int64", "float32", "int32",
    ]  # fmt: skip
    with tf.Session() as sess:
        found = [x.tolist() for x in sess.run(made, {n: 3})]
    assert found == [[0, 0], [[1, 1]], [0, 0, 0], [1, 1], [7, 7], [[0, 0]]]


def test_numbers_and_lists_are_operands():
    made = [
        tf.add(1, 2), tf.add([1, 2], [3, 4]), tf.square(5), tf.reduce_sum([1, 2, 3]),
        tf.square(2) + tf.square(3), tf.matmul([[1]], [[2, 3]]), tf.multiply(np.ones((1, 2)), 42),
        tf.matmul([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
                  transpose_b=True),
    ]  # fmt: skip
    assert [t.dtype.name for t in made] == [*["int32"] * 6, "float64", "float32"]
    assert made[5].shape.as_list() == [1, 2]
    with tf.Session() as sess:
        found = [x.tolist() for x in sess.run(made)]
    assert found == [3, [4, 6], 25, 6, 13, [[2, 3]], [[42.0, 42.0]], [[14.0, 32.0], [32.0, 77.0]]]


def test_python_numbers_take_the_dtype_of_the_tensor():
    x = tf.constant(np.array([1.0, 4.0]))
    made = [2 * x, x / 2, x**0.5, 1 - x, 3 * x**2, -x]
    assert {t.dtype for t in made} == {tf.float64}
    assert [t.op.name for t in made] == ["mul", "truediv", "pow", "sub", "mul_1", "Neg"]
    whole = tf.constant(7) / 2
    with tf.Session() as sess:
        assert sess.run(made[2]).tolist() == [1.0, 2.0]
        assert sess.run(whole) == 3.5
        assert sess.run(tf.constant(7) // 2) == 3


def test_augmented_assignment_makes_a_new_tensor():
    x = y = tf.constant(1.0)
    y += 2
    with tf.Session() as sess:
        assert sess.run([x, y]) == [1.0, 3.0]


def test_differences_can_be_squared_in_any_way():
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    made = [(x - y) ** 2, tf.square(x - y), tf.squared_difference(x, y), tf.pow(x - y, 2)]
    with tf.Session() as sess:
        found = sess.run(made, {x: [1.0, 2.0], y: [3.0, 5.0]})
    assert [f.tolist() for f in found] == [[4.0, 9.0]] * 4


def test_elements_that_occur_once_in_order():
    made = tf.unique([1, 1, 2, 4, 4, 4, 7, 8, 8])
    assert [t.op.type for t in made] == ["Unique", "Unique"]
    assert [t.value_index for t in made] == [0, 1]  # two outputs of one op
    assert made.y.op is made.idx.op
    assert len(made.y.op.outputs) == 2
    with tf.Session() as sess:
        y, idx = sess.run(made)
    assert y.tolist() == [1, 2, 4, 7, 8]
    assert idx.tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 4]
    assert idx.dtype == np.int32


def test_text():
    word = tf.constant("hello world")
    assert repr(word) == "<tf.Tensor 'Const:0' shape=() dtype=string>"
    with tf.Session() as sess:
        assert sess.run([word, tf.encode_base64(word)]) == [b"hello world", b"aGVsbG8gd29ybGQ"]
        assert sess.run(tf.encode_base64(tf.constant(b"\xff\xfe\xfb"))) == b"__77"


def test_pictures_shrink_by_halves():
    x = tf.placeholder(tf.float32, [None, 784])
    images = tf.reshape(x, [-1, 28, 28, 1])
    pool = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
    first = tf.nn.max_pool(images, **pool)
    second = tf.nn.max_pool(first, **pool)
    shapes = [t.shape.as_list() for t in (images, first, second)]
    assert shapes == [[None, 28, 28, 1], [None, 14, 14, 1], [None, 7, 7, 1]]
    assert tf.nn.max_pool(second, **pool).shape.as_list() == [None, 4, 4, 1]


@pytest.mark.parametrize("shape", [[None, None, None, 1], [None] * 4, None])
def test_channels_that_are_not_declared(shape):
    x = tf.placeholder(tf.float32, shape)
    found = tf.nn.conv2d(x, np.ones((3, 3, 1, 4), np.float32), [1, 1, 1, 1], "SAME")
    assert found.op.name == "Conv2D"
    assert found.shape.as_list() == [None, None, None, 4]
    with tf.Session() as sess:
        value = sess.run(found, {x: np.ones((2, 3, 5, 1))})
    assert value.shape == (2, 3, 5, 4)
    assert value[0, 1, 1].tolist() == [9.0] * 4


def test_random_numbers():
    tf.set_random_seed(1)
    deviation = np.sqrt(6 / 22)
    made = [
        tf.random_normal([50, 100], stddev=0.5), tf.random_uniform((5000,)),
        tf.truncated_normal([5000], stddev=deviation),
    ]  # fmt: skip
    with tf.Session() as sess:
        normal, uniform, truncated = sess.run(made)
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 0.5) < 0.02
    assert 0.0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1.0
    assert deviation * 1.8 < np.abs(truncated).max() <= deviation * 2
    assert {x.dtype.name for x in (normal, uniform, truncated)} == {"float32"}


def test_gradients_do_not_pass_to_labels():
    labels, logits = tf.constant([[0.0, 1.0]]), tf.constant([[1.0, 3.0]])
    loss = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    assert tf.gradients(loss, labels) == [None]
    (slope,) = tf.gradients(loss, logits)
    with tf.Session() as sess:
        assert np.allclose(sess.run(slope), softmax(np.array([[1.0, 3.0]])) - [[0.0, 1.0]])
        assert np.allclose(sess.run(loss), [np.log(1 + np.exp(-2.0))])


def test_gradients_stop():
    a, b = tf.constant(5.0), tf.constant(3.0)
    y = 3 * tf.square(a) + 2 * a * tf.stop_gradient(b) - 6 * a
    assert tf.stop_gradient(b).op.type == "StopGradient"
    first, second = tf.gradients(y, [a, b])
    assert second is None
    with tf.Session() as sess:
        assert sess.run(first) == 30.0


REFUSED = [
    (lambda: tf.ones([2]) + tf.ones([3]), ValueError, "shapes"),
    (lambda: tf.ones([2, 3]) * [1.0, 2.0], ValueError, "shapes"),
    (lambda: tf.matmul(tf.ones([2, 3]), tf.ones([2, 3])), ValueError, "MatMul"),
    (lambda: tf.reshape(tf.ones([4]), [3]), ValueError, "Reshape"),
    (lambda: tf.reshape(tf.ones([4]), [3, -1]), ValueError, "Reshape"),
    (lambda: tf.transpose(tf.ones([2, 2]), [0]), ValueError, "[Tt]ranspose"),
    (lambda: tf.reduce_sum(tf.ones([2]), axis=1), ValueError, "Invalid reduction dimension"),
    (lambda: tf.argmax(tf.ones([2]), 1), ValueError, "ArgMax"),
    (lambda: tf.nn.bias_add(tf.ones([2, 2]), tf.ones([3])), ValueError, "BiasAdd"),
    (lambda: tf.ones([2])[0, 0], ValueError, "only has|has only"),
    (lambda: tf.ones([2])[5], ValueError, "slice index 5 of dimension 0 out of bounds"),
    (lambda: tf.ones([2])["a"], TypeError, "Only integers, slices"),
    (lambda: tf.unique([[1]]), ValueError, "1D|rank 1"),
    (lambda: tf.nn.dropout(tf.ones([2]), 2.0), ValueError, "keep_prob|rate"),
    (lambda: tf.sqrt(4), TypeError, "parameter 'x' has DataType int32 not in list of allowed"),
    (lambda: tf.log(tf.constant(1)), TypeError, "parameter 'x' has DataType int32"),
    (lambda: tf.square("a"), TypeError, "parameter 'x' has DataType string"),
    (lambda: tf.constant(1) + 1.5, TypeError, "Expected int32, got 1.5 of type 'float' instead"),
    (lambda: tf.constant(1.5, tf.int32), TypeError, "Expected int32, got 1.5 of type 'float' inst"),
    (lambda: tf.constant(["a"], tf.float32), TypeError, "Expected float32, got 'a' of type 'str'"),
    (lambda: tf.constant([1, 2, 3], shape=[2]), ValueError, "Needed at most 2, but received 3"),
    (lambda: tf.constant(1, shape=[None]), TypeError, "has to be known"),
    (
        lambda: tf.constant([1, 2], shape=[4], verify_shape=True),
        TypeError,
        r"Expected Tensor's shape: \(4,\), got \(2,\)",
    ),
    (
        lambda: tf.nn.softmax_cross_entropy_with_logits(logits=tf.ones([2, 2])),
        ValueError,
        "Both labels and logits must be provided",
    ),
    (
        lambda: tf.nn.softmax_cross_entropy_with_logits([[1.0]], [[1.0]]),
        ValueError,
        "Only call `softmax_cross_entropy_with_logits` with named arguments",
    ),
    (
        lambda: tf.reduce_mean(tf.ones([2]), axis=0, reduction_indices=0),
        ValueError,
        "Cannot specify both",
    ),
    (lambda: tf.float, AttributeError, "has no attribute 'float'"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_only_a_run_can_refuse():
    x = tf.placeholder(tf.float32)
    made = [
        x + tf.ones([3]), tf.matmul(x, tf.ones([3, 2])), tf.reshape(x, [3, 3]),
        tf.nn.bias_add(x, tf.ones([3])),
    ]  # fmt: skip
    with tf.Session() as sess:
        for y in made:
            with pytest.raises(tf.errors.InvalidArgumentError) as info:
                sess.run(y, {x: np.ones((2, 2))})
            assert f"{{{{node {y.op.name}}}}}" in str(info.value)
