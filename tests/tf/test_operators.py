"""Python's operators on tensors and variables, indices, and mixtures with NumPy."""

import operator

import numpy as np
import pytest

import tensorwright as tf

X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], np.float32)
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS, ids=lambda f: f.__name__)
def test_with_tensors_numbers_and_arrays(op):
    expected = op(X, np.float32(2))
    for other in (2, 2.0, tf.constant(2.0), np.float64(2), [[2.0] * 3] * 2, tf.Variable(2.0)):
        found = op(tf.constant(X), other)
        assert isinstance(found, tf.Tensor)
        np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(op(2, tf.constant(X)).numpy(), op(np.float32(2), X))
    np.testing.assert_array_equal(op(tf.Variable(X), 2).numpy(), expected)
    assert isinstance(op(np.full_like(X, 2), tf.constant(X)), tf.Tensor)


def test_unary_operators():
    t = tf.constant(X)
    np.testing.assert_array_equal(-t, -X)
    np.testing.assert_array_equal(abs(t), abs(X))
    assert (~tf.constant([True, False])).numpy().tolist() == [False, True]
    assert (~tf.constant(5)).numpy() == -6


def test_bits_and_truth_values():
    a, b = tf.constant([True, True, False]), tf.constant([True, False, False])
    assert (a & b).numpy().tolist() == [True, False, False]
    assert (a | False).numpy().tolist() == [True, True, False]
    assert (True ^ a).numpy().tolist() == [False, False, True]
    assert (tf.constant(6) & 3).numpy() == 2
    assert (tf.constant(6) | 1).numpy() == 7
    assert (tf.constant(6) ^ 3).numpy() == 5


def test_powers_and_products():
    assert (tf.constant(3.0) ** 2).numpy() == 9.0
    assert (2 ** tf.constant(3)).numpy() == 8
    np.testing.assert_array_equal(tf.constant(X) @ X.T, X @ X.T)
    np.testing.assert_array_equal(X.T @ tf.constant(X), X.T @ X)


def test_equality_without_a_common_shape():
    assert not bool(tf.constant([1.0, 2.0]) == tf.constant([1.0, 2.0, 3.0]))
    assert bool(tf.constant([1.0, 2.0]) != tf.constant([1.0, 2.0, 3.0]))
    assert (tf.constant(1.0) == None) is False  # noqa: E711
    assert (tf.constant(1.0) != None) is True  # noqa: E711


INDICES = [
    np.s_[0], np.s_[-1], np.s_[0, 2], np.s_[:, 1:], np.s_[..., 1], np.s_[::-1, ::2],
    np.s_[None, 0], np.s_[..., 1, None], np.s_[1:0], np.s_[:, -1:], np.s_[0, ..., 1],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("compiled", [False, True])
def test_indices(index, compiled):
    def part(t):
        return t[index]

    found = (tf.function(part) if compiled else part)(tf.constant(X))
    np.testing.assert_array_equal(found.numpy(), X[index])


def test_indices_that_are_tensors():
    t = tf.constant(X)
    k = tf.constant(1)
    np.testing.assert_array_equal(t[k], X[1])
    np.testing.assert_array_equal(t[:, k], X[:, 1])
    np.testing.assert_array_equal(t[:, :k], X[:, :1])
    np.testing.assert_array_equal(t[t > 0], X[X > 0])
    np.testing.assert_array_equal(tf.function(lambda t, k: t[:, k])(t, k), X[:, 1])
    assert tf.constant(["a", "b"])[1].numpy() == b"b"
    rows = [row.numpy().tolist() for row in t]
    assert rows == X.tolist()


def test_gradients_of_parts():
    t = tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(t)
        one = t[1, tf.constant(2)] * 3
        positive = tf.reduce_sum(t[t > 0] ** 2)
        largest = tf.reduce_sum(tf.math.top_k(t, 1).values)
    assert tape.gradient(one, t).numpy()[1, 2] == 3
    np.testing.assert_array_equal(tape.gradient(positive, t), np.where(X > 0, 2 * X, 0))
    np.testing.assert_array_equal(tape.gradient(largest, t), [[0, 0, 1], [0, 1, 0]])


def test_dtypes_are_taken_from_the_tensor():
    assert (tf.constant(1.0) + 40).dtype is tf.float32
    assert (tf.constant(1.0) + np.float64(1.5)).dtype is tf.float32
    assert (np.float64(1.5) * tf.constant(1.0)).dtype is tf.float32
    assert (tf.constant(1, tf.int64) + 1).dtype is tf.int64
    assert (tf.constant(1) / 2).dtype is tf.float64
    assert tf.convert_to_tensor([tf.constant(1.0), 2]).dtype is tf.float32
    assert tf.constant(np.array([1, 2])).dtype is tf.int64


def test_numpy_takes_tensors():
    t = tf.constant(X)
    assert isinstance(np.square(t), np.ndarray)
    np.testing.assert_array_equal(np.array(t), X)
    np.testing.assert_array_equal(np.from_dlpack(tf.constant([1.0])), [1.0])


def test_no_warnings_of_numpy(recwarn):
    tf.math.log(tf.constant([0.0, -1.0]))
    tf.constant([1.0]) / tf.constant([0.0])
    tf.exp(tf.constant([1000.0]))
    tf.reduce_mean(tf.zeros([0]))
    assert not recwarn.list


def test_shapes_of_open_size():
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def f(x):
        n = tf.shape(x)[0]
        flat = tf.reshape(x, [n * 2])
        return flat, tf.shape(x), tf.zeros([tf.shape(x)[0], 3]), tf.range(n), tf.size(x)

    for n in (3, 5):
        flat, shape, zeros, numbers, size = f(tf.ones([n, 2]))
        assert flat.shape == (2 * n,)
        assert shape.numpy().tolist() == [n, 2]
        assert zeros.shape == (n, 3)
        assert numbers.numpy().tolist() == list(range(n))
        assert size.numpy() == 2 * n
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    "look",
    [
        lambda t, i: tf.gather(t, i),
        lambda t, i: tf.gather(t, i - 1, axis=1),
        lambda t, i: tf.gather(t, i[:, None] - 1, batch_dims=1),
        lambda t, i: tf.gather_nd(t, i[:, None]),
        lambda t, i: tf.nn.embedding_lookup(t, i),
        lambda t, i: t[i[0]],
        lambda t, i: t[:, i[0]],
        lambda t, i: tf.gather([5, 6, 7], i),
    ],
)
def test_constants_at_traced_positions(look):
    table, at = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tf.constant([1, 2, 1])
    expected = look(table, at)
    found = tf.function(lambda i: look(table, i))(at)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
