"""tf.experimental.numpy, special functions and the ops that the table does not hold."""

import numpy as np
import pytest
from scipy import special

import tensorwright as tf

tnp = tf.experimental.numpy
X = np.array([[1.0, 2.0], [3.0, 4.5]])


def test_dtypes_are_those_of_numpy():
    assert tnp.arange(3).dtype is tf.int64
    assert tnp.array([1.0]).dtype is tf.float64
    assert tnp.add(tf.constant([1.0]), tf.constant([1])).dtype is tf.float64
    assert tnp.ones((2, 3), dtype=tf.float32).dtype is tf.float32
    assert tnp.finfo(tf.float32).max == np.finfo(np.float32).max
    assert tnp.size(tf.constant(X)) == 4


@pytest.mark.parametrize(
    "name", ["sum", "cumsum", "exp", "transpose", "ravel", "std", "flipud", "logaddexp2", "tril"]
)
def test_functions_are_those_of_numpy(name):
    operands = (X, X) if name == "logaddexp2" else (X,)
    found = getattr(tnp, name)(*[tf.constant(x) for x in operands])
    assert isinstance(found, tf.Tensor)
    np.testing.assert_array_equal(found.numpy(), getattr(np, name)(*operands))


def test_they_are_compiled_and_differentiated():
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tnp.sum(tnp.stack([x, x * 2]) ** 2)
    np.testing.assert_allclose(tape.gradient(y, x), 10 * X)
    both = tf.function(lambda x: tnp.meshgrid(x[0], x[1]))(x)
    np.testing.assert_array_equal(both[1], np.meshgrid(X[0], X[1])[1])


def test_special_functions():
    x = np.linspace(0.1, 3, 7)
    t = tf.constant(x)
    functions = tf.math.special
    pairs = {
        "bessel_i0": special.i0, "bessel_i1e": special.i1e, "bessel_j0": special.j0,
        "bessel_k1": special.k1, "bessel_y0": special.y0, "dawsn": special.dawsn,
        "expint": special.expi, "spence": special.spence,
        "fresnel_sin": lambda x: special.fresnel(x)[0],
    }  # fmt: skip
    for name, expected in pairs.items():
        np.testing.assert_allclose(getattr(functions, name)(t), expected(x), 1e-12)
    np.testing.assert_allclose(tf.math.igamma(2.0 * t, t), special.gammainc(2 * x, x), 1e-12)
    np.testing.assert_allclose(tf.math.igammac(2.0 * t, t), special.gammaincc(2 * x, x), 1e-12)
    np.testing.assert_allclose(tf.math.zeta(t + 1.5, t), special.zeta(x + 1.5, x), 1e-12)
    np.testing.assert_allclose(tf.math.polygamma(1.0, t), special.polygamma(1, x), 1e-12)
    np.testing.assert_allclose(
        tf.math.betainc(1.5, 2.5, t / 4), special.betainc(1.5, 2.5, x / 4), 1e-12
    )
    expected = special.gammaln(x).sum() - special.gammaln(x.sum())
    np.testing.assert_allclose(tf.math.lbeta(t), expected, 1e-12)


def test_clipping_by_the_norm_of_all():
    tensors = [tf.constant([3.0, 0.0]), None, tf.constant([[4.0]])]
    clipped, norm = tf.clip_by_global_norm(tensors, 2.5)
    assert norm.numpy() == 5.0
    assert clipped[0].numpy().tolist() == [1.5, 0.0]
    assert clipped[1] is None
    assert tf.clip_by_global_norm(tensors, 10.0)[0][2].numpy() == 4.0
    assert np.isnan(tf.clip_by_global_norm([tf.constant([np.inf])], 1.0)[0][0].numpy()).all()


def test_bits_and_blocks():
    assert tf.bitcast(tf.constant([1.0]), tf.int32).numpy().tolist() == [0x3F800000]
    halves = tf.bitcast(tf.constant([1], tf.int32), tf.int16)
    assert halves.shape == (1, 2)
    assert tf.bitcast(halves, tf.int32).numpy().tolist() == [1]
    image = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    blocks = tf.space_to_batch(image, [2, 2], [[0, 0], [0, 0]])
    np.testing.assert_array_equal(tf.batch_to_space(blocks, [2, 2], [[0, 0], [0, 0]]), image)


def test_decompositions():
    a = tf.constant(X)
    s, u, v = tf.linalg.svd(a)
    np.testing.assert_allclose(u * s @ tf.transpose(v), X, 1e-12)
    q, r = tf.linalg.qr(a)
    np.testing.assert_allclose(q @ r, X, 1e-12)
    both, order = tf.linalg.lu(a)
    lower = np.tril(both, -1) + np.eye(2)
    np.testing.assert_allclose((lower @ np.triu(both))[np.argsort(order)], X, 1e-12)
    values, vectors = tf.linalg.eigh(a @ tf.transpose(a))
    np.testing.assert_allclose(vectors * values @ tf.transpose(vectors), X @ X.T, 1e-12)
    np.testing.assert_allclose(tf.linalg.expm(tf.zeros([2, 2])), np.eye(2))
    root = tf.linalg.sqrtm(a @ tf.transpose(a))
    np.testing.assert_allclose(root @ root, X @ X.T, 1e-12)
    np.testing.assert_allclose(tf.linalg.logm(tf.linalg.expm(a / 10)), X / 10, 1e-10)
    factor = tf.linalg.cholesky(a @ tf.transpose(a))
    np.testing.assert_allclose(X @ X.T @ tf.linalg.cholesky_solve(factor, a), X, 1e-10)


def test_memory_is_shared():
    t = tf.constant([1.0, 2.0])
    again = tf.experimental.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(t))
    assert again.numpy().tolist() == [1.0, 2.0]
