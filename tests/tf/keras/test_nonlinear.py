"""Activations and layers with parameters of their own, Lion, LAMB and restarts, against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special as special

import tensorwright as tf

L, A, O = tf.keras.layers, tf.keras.activations, tf.keras.optimizers  # noqa: E741
RNG = np.random.default_rng(2)
X = RNG.standard_normal((3, 4, 6))


def slope_agrees(function: Any, x: np.ndarray) -> None:
    """The derivative along a direction against central differences."""
    weights = RNG.standard_normal(function(tf.constant(x)).shape)
    direction = RNG.standard_normal(x.shape)
    with tf.GradientTape() as tape:
        t = tf.constant(x)
        tape.watch(t)
        total = tf.reduce_sum(function(t) * weights)
    found = np.sum(tape.gradient(total, t).numpy() * direction)
    ends = [
        np.sum(function(tf.constant(x + s * 1e-6 * direction)).numpy() * weights) for s in (1, -1)
    ]
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-6)


ACTIVATIONS: dict[str, Any] = {
    "celu": ((1.3,), lambda x: np.where(x > 0, x, 1.3 * np.expm1(x / 1.3))),
    "glu": ((), lambda x: x[..., :3] * special.expit(x[..., 3:])),
    "hard_shrink": ((), lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "soft_shrink": ((0.3,), lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.3, 0)),
    "hard_tanh": ((), lambda x: np.clip(x, -1, 1)),
    "tanh_shrink": ((), lambda x: x - np.tanh(x)),
    "threshold": ((0.2, 0.7), lambda x: np.where(x > 0.2, x, 0.7)),
    "squareplus": ((), lambda x: (x + np.sqrt(x**2 + 4)) / 2),
    "sparse_plus": (
        (),
        lambda x: np.where(x >= 1, x, np.where(x > -1, (x + 1) ** 2 / 4, 0)),
    ),
    "sparse_sigmoid": ((), lambda x: np.clip((x + 1) / 2, 0, 1)),
    "hard_swish": ((), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    arguments, reference = ACTIVATIONS[name]

    def run(x: Any) -> Any:
        return getattr(A, name)(x, *arguments)

    for function in (run, tf.function(run)):
        np.testing.assert_allclose(function(tf.constant(X)).numpy(), reference(X), rtol=1e-10)
    assert run(tf.constant(X, tf.float32)).dtype == tf.float32
    slope_agrees(run, X)
    assert A.get(name) is getattr(A, name)


def built(layer: Any, *shape: Any) -> Any:
    layer(np.zeros(shape or X.shape))
    layer.set_weights([RNG.standard_normal(w.shape) for w in layer.get_weights()])
    again = type(layer).from_config(layer.get_config())
    again(np.zeros(shape or X.shape))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X).numpy(), layer(X).numpy())
    return layer


def test_learnt_slopes() -> None:
    layer = built(L.PReLU(dtype="float64"))
    (alpha,) = layer.get_weights()
    assert alpha.shape == (4, 6)
    np.testing.assert_allclose(layer(X).numpy(), np.where(X > 0, X, alpha * X))
    slope_agrees(layer, X)
    assert built(L.PReLU(shared_axes=[1], dtype="float64")).get_weights()[0].shape == (1, 6)
    found = L.ELU(0.7, dtype="float64")(X).numpy()
    np.testing.assert_allclose(found, np.where(X > 0, X, 0.7 * np.expm1(X)))


def test_root_mean_squares() -> None:
    layer = built(L.RMSNormalization(axis=[1, 2], dtype="float64"))
    (scale,) = layer.get_weights()
    root = np.sqrt(np.mean(X**2, (1, 2), keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(X).numpy(), X / root * scale, rtol=1e-10)
    slope_agrees(layer, X)


def test_moments_of_data() -> None:
    for axis, others in ((-1, (0, 1)), (1, (0, 2)), (None, (0, 1, 2)), ([1, 2], (0,))):
        layer = L.Normalization(axis=axis, dtype="float64")
        layer.adapt(X)
        expected = (X - X.mean(others, keepdims=True)) / X.std(others, keepdims=True)
        np.testing.assert_allclose(layer(X).numpy(), expected, rtol=1e-8)
        back = L.Normalization(axis=axis, invert=True, dtype="float64")
        back.adapt(X)
        np.testing.assert_allclose(back(layer(X)).numpy(), X, rtol=1e-8)
        again = L.Normalization.from_config(layer.get_config())
        np.testing.assert_allclose(again(X).numpy(), expected, rtol=1e-6)
    whole, parts = (L.Normalization() for _ in range(2))
    whole.adapt(X)
    parts.adapt(tf.data.Dataset.from_tensor_slices(X.astype(np.float32)).batch(2))
    np.testing.assert_allclose(whole(X).numpy(), parts(X).numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="adapt"):
        L.Normalization()(X)


@pytest.mark.parametrize(
    ("equation", "shape", "axes"),
    [
        ("abc,cd->abd", (None, 5), "d"),
        ("abc,cde->abde", (4, 5, 2), "de"),
        ("...x,xy->...y", 7, "y"),
        ("abc,bd->adc", (3, 6), "d"),
        ("abc,cd->abd", (4, 5), None),
    ],
)
def test_einsums_with_weights(equation: str, shape: Any, axes: str | None) -> None:
    layer = built(L.EinsumDense(equation, shape, bias_axes=axes, dtype="float64"))
    kernel, *bias = layer.get_weights()
    expected = np.einsum(equation, X, kernel)
    np.testing.assert_allclose(layer(X).numpy(), expected + (bias[0] if bias else 0), rtol=1e-10)
    slope_agrees(layer, X)


def test_attention_by_sums() -> None:
    q, v = X, RNG.standard_normal((3, 5, 6))
    mask = RNG.uniform(size=(3, 5)) < 0.7
    mask[:, 0] = True
    layer = L.AdditiveAttention(dtype="float64")
    layer([q, v])
    (scale,) = layer.get_weights()
    scores = np.sum(scale * np.tanh(q[:, :, None] + v[:, None]), -1)
    seen = special.softmax(np.where(mask[:, None], scores, -1e9), -1)
    found, weights = layer([q, v], mask=[None, mask], return_attention_scores=True)
    np.testing.assert_allclose(weights.numpy(), seen, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.numpy(), seen @ v, rtol=1e-8)
    slope_agrees(lambda t: layer([t, v]), q)


def test_dropouts_that_keep_moments() -> None:
    x = RNG.standard_normal((400, 500)).astype(np.float32)
    noisy = L.GaussianDropout(0.3)
    np.testing.assert_array_equal(noisy(x).numpy(), x)
    factors = noisy(np.ones_like(x), training=True).numpy()
    assert factors.mean() == pytest.approx(1, abs=0.01)
    assert factors.std() == pytest.approx(math.sqrt(0.3 / 0.7), rel=0.02)
    layer = L.AlphaDropout(0.3)
    np.testing.assert_array_equal(layer(x).numpy(), x)
    found = layer(x, training=True).numpy()
    assert found.mean() == pytest.approx(0, abs=0.01) and found.std() == pytest.approx(1, abs=0.01)
    with pytest.raises(ValueError, match="between 0 and 1"):
        L.AlphaDropout(2.0)


def after_steps(optimizer: Any, gradients: Any) -> np.ndarray:
    v = tf.Variable(X[0])
    for g in gradients:
        optimizer.apply_gradients([(tf.constant(g), v)])
    return np.asarray(v.numpy())


def test_lion_and_lamb() -> None:
    gradients = [RNG.standard_normal(X[0].shape) for _ in range(4)]
    x, m = X[0].copy(), np.zeros_like(X[0])
    for g in gradients:
        x -= 0.01 * np.sign(0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g
    np.testing.assert_allclose(after_steps(O.Lion(0.01), gradients), x, rtol=1e-6)
    x, m, v = X[0].copy(), np.zeros_like(X[0]), np.zeros_like(X[0])
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        x -= 0.01 * step * np.linalg.norm(x) / np.linalg.norm(step)
    np.testing.assert_allclose(after_steps(O.Lamb(0.01), gradients), x, rtol=1e-5)
    assert O.Lion.from_config(O.Lion(beta_2=0.98).get_config()).beta_2 == 0.98


def test_waves_one_after_the_other() -> None:
    schedule = O.schedules.CosineDecayRestarts(0.1, 10, t_mul=2.0, m_mul=0.5, alpha=0.1)
    for step, (begin, length, height) in {
        0: (0, 10, 1.0), 5: (0, 10, 1.0), 10: (10, 20, 0.5), 29: (10, 20, 0.5), 40: (30, 40, 0.25),
    }.items():  # fmt: skip
        wave = 0.5 * (1 + math.cos(math.pi * (step - begin) / length))
        expected = 0.1 * (0.9 * height * wave + 0.1)
        assert schedule(step).numpy() == pytest.approx(expected, rel=1e-5)
    again = O.schedules.CosineDecayRestarts.from_config(schedule.get_config())
    assert again(7).numpy() == schedule(7).numpy()
