"""Moments in two steps, dilation and erosion, derivatives by name, padded sequences."""

import numpy as np
import pytest
import scipy.ndimage

import tensorwright as tf

RNG = np.random.default_rng(5)
X = RNG.standard_normal((2, 7, 6, 3))


@pytest.mark.parametrize("shift", [None, 0.7])
def test_moments_in_two_steps(shift):
    count, total, squares, kept = tf.nn.sufficient_statistics(X, [0, 2], shift=shift)
    assert count.numpy() == 12
    away = X - (shift or 0)
    np.testing.assert_allclose(total.numpy(), away.sum((0, 2)), rtol=1e-10)
    np.testing.assert_allclose(squares.numpy(), (away**2).sum((0, 2)), rtol=1e-10)
    mean, variance = tf.nn.normalize_moments(count, total, squares, kept)
    np.testing.assert_allclose(mean.numpy(), X.mean((0, 2)), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(variance.numpy(), X.var((0, 2)), rtol=1e-10)


@pytest.mark.parametrize("scaled", [False, True])
def test_global_normalization(scaled):
    beta, gamma = RNG.standard_normal((2, 3))
    mean, variance = X.mean((0, 1, 2)), X.var((0, 1, 2))
    found = tf.nn.batch_norm_with_global_normalization(X, mean, variance, beta, gamma, 1e-3, scaled)
    expected = (X - mean) / np.sqrt(variance + 1e-3) * (gamma if scaled else 1) + beta
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


def slope_agrees(function, *arrays):
    weights = RNG.standard_normal(function(*map(tf.constant, arrays)).shape)
    with tf.GradientTape() as tape:
        tensors = [tf.constant(a) for a in arrays]
        tape.watch(tensors)
        total = tf.reduce_sum(function(*tensors) * weights)
    gradients = tape.gradient(total, tensors)
    directions = [RNG.standard_normal(a.shape) for a in arrays]
    ends = []
    for s in (1e-6, -1e-6):
        moved = [tf.constant(a + s * d) for a, d in zip(arrays, directions, strict=True)]
        ends.append(np.sum(function(*moved).numpy() * weights))
    found = sum(np.sum(g.numpy() * d) for g, d in zip(gradients, directions, strict=True))
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


@pytest.mark.parametrize("size", [(3, 3), (3, 1), (1, 1)])
def test_dilation_and_erosion(size):
    kernel = RNG.standard_normal((*size, 3))
    options = ([1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1])
    for function, reference in (
        (tf.nn.dilation2d, scipy.ndimage.grey_dilation),
        (tf.nn.erosion2d, scipy.ndimage.grey_erosion),
    ):
        found = function(X, kernel, *options).numpy()
        compiled = tf.function(lambda x, k, f=function: f(x, k, *options))
        np.testing.assert_allclose(compiled(X, kernel).numpy(), found)
        sign = -1 if function is tf.nn.dilation2d else 1
        border = sign * np.inf
        for channel in range(3):
            flat = kernel[..., channel]
            expected = reference(
                X[0, ..., channel], structure=flat[::-1, ::-1], mode="constant", cval=border
            )
            np.testing.assert_allclose(found[0, ..., channel], expected, rtol=1e-10)
        slope_agrees(lambda x, k, f=function: f(x, k, *options), X, kernel)
    strided = ([1, 2, 3, 1], "VALID", "NHWC", [1, 1, 1, 1])
    whole = tf.nn.dilation2d(X, kernel, [1, 1, 1, 1], "VALID", "NHWC", [1, 1, 1, 1]).numpy()
    found = tf.nn.dilation2d(X, kernel, *strided).numpy()
    np.testing.assert_allclose(found, whole[:, ::2, ::3])
    wide = tf.nn.dilation2d(X, kernel, [1, 1, 1, 1], "VALID", "NHWC", [1, 2, 2, 1]).numpy()
    spread = np.full((2 * size[0] - 1, 2 * size[1] - 1, 3), -np.inf)
    spread[::2, ::2] = kernel
    expected = tf.nn.dilation2d(X, spread, [1, 1, 1, 1], "VALID", "NHWC", [1, 1, 1, 1]).numpy()
    np.testing.assert_allclose(wide, expected)
    with pytest.raises(ValueError, match="NHWC"):
        tf.nn.dilation2d(X, kernel, [1, 1, 1, 1], "SAME", "NCHW", [1, 1, 1, 1])


@pytest.mark.parametrize("strides", [[1, 1, 1, 1], [1, 2, 2, 1]])
def test_derivatives_by_name(strides):
    kernel = RNG.standard_normal((3, 2, 3, 2))
    out = tf.nn.depthwise_conv2d(X, kernel, strides, "SAME")
    g = RNG.standard_normal(out.shape)
    dx = tf.nn.depthwise_conv2d_backprop_input(X.shape, kernel, g, strides, "SAME").numpy()
    dk = tf.nn.depthwise_conv2d_backprop_filter(X, kernel.shape, g, strides, "SAME").numpy()
    u, v = RNG.standard_normal(X.shape), RNG.standard_normal(kernel.shape)
    along_x = tf.nn.depthwise_conv2d(u, kernel, strides, "SAME").numpy()
    along_k = tf.nn.depthwise_conv2d(X, v, strides, "SAME").numpy()
    assert np.sum(dx * u) == pytest.approx(np.sum(along_x * g))
    assert np.sum(dk * v) == pytest.approx(np.sum(along_k * g))


def test_padded_sequences():
    pad = tf.keras.utils.pad_sequences
    given = [[1], [2, 3], [4, 5, 6], []]
    assert pad(given).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]
    found = pad(given, padding="post", value=-1).tolist()
    assert found == [[1, -1, -1], [2, 3, -1], [4, 5, 6], [-1, -1, -1]]
    assert pad(given, maxlen=2).tolist() == [[0, 1], [2, 3], [5, 6], [0, 0]]
    assert pad(given, maxlen=2, truncating="post").tolist() == [[0, 1], [2, 3], [4, 5], [0, 0]]
    assert pad([np.ones((2, 3)), np.ones((1, 3))], dtype="float32").shape == (2, 2, 3)
    with pytest.raises(ValueError, match="not understood"):
        pad(given, padding="both")
