"""Attention and the normalisation of groups against NumPy, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

L = tf.keras.layers
RNG = np.random.default_rng(6)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def built(layer: Any, *inputs: Any) -> Any:
    layer(*inputs)
    layer.set_weights([RNG.standard_normal(w.shape) for w in layer.get_weights()])
    return layer


def attended(weights: Any, q: Any, v: Any, k: Any, mask: Any = True) -> tuple[Any, Any]:
    wq, bq, wk, bk, wv, bv, wo, bo = weights
    queries = np.einsum("btd,dhk->bhtk", q, wq) + bq[:, None]
    keys = np.einsum("btd,dhk->bhtk", k, wk) + bk[:, None]
    values = np.einsum("btd,dhk->bhtk", v, wv) + bv[:, None]
    scores = np.einsum("bhtk,bhsk->bhts", queries, keys) / np.sqrt(wq.shape[-1])
    seen = softmax(np.where(mask, scores, -1e9))
    return np.einsum("bhts,bhsk,hkd->btd", seen, values, wo) + bo, seen


Q, V, K = (RNG.standard_normal(s) for s in ((2, 4, 6), (2, 5, 3), (2, 5, 7)))


@pytest.mark.parametrize("masked", ["", "mask", "causal"])
def test_multi_head_attention(masked: str) -> None:
    layer = built(L.MultiHeadAttention(3, 2, value_dim=4, dtype="float64"), Q, V, K)
    assert [w.shape for w in layer.get_weights()] == [
        (6, 3, 2), (3, 2), (7, 3, 2), (3, 2), (3, 3, 4), (3, 4), (3, 4, 6), (6,),
    ]  # fmt: skip
    mask = RNG.uniform(size=(2, 4, 5)) < 0.7
    options: dict[str, Any] = {
        "mask": {"attention_mask": mask},
        "causal": {"use_causal_mask": True},
    }
    allowed = {"mask": mask[:, None], "causal": np.tri(4, 5, dtype=bool)}.get(masked, True)
    expected, seen = attended(layer.get_weights(), Q, V, K, allowed)

    def run(q: Any, v: Any, k: Any) -> Any:
        return layer(q, v, k, return_attention_scores=True, **options.get(masked, {}))

    for function in (run, tf.function(run)):
        found, scores = function(*map(tf.constant, (Q, V, K)))
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
        np.testing.assert_allclose(scores.numpy(), seen, rtol=1e-10, atol=1e-12)


def test_attention_of_a_sequence_to_itself() -> None:
    layer = built(L.MultiHeadAttention(2, 3, use_bias=False, output_shape=5, dtype="float64"), Q, Q)
    wq, wk, wv, wo = layer.get_weights()
    none = [np.zeros((2, 3))] * 3
    weights = [wq, none[0], wk, none[1], wv, none[2], wo, np.zeros(5)]
    expected, _ = attended(weights, Q, Q, Q)
    np.testing.assert_allclose(layer(Q, Q).numpy(), expected, rtol=1e-10)
    again = L.MultiHeadAttention.from_config(layer.get_config())
    again(Q, Q)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(Q, Q).numpy(), layer(Q, Q).numpy())
    dropped = L.MultiHeadAttention(2, 3, dropout=0.5)
    dropped(Q, Q)
    assert not np.allclose(dropped(Q, Q, training=True), dropped(Q, Q))


def test_gradients_of_attention() -> None:
    layer = built(L.MultiHeadAttention(2, 3, dtype="float64"), Q, Q)
    weights = layer.get_weights()
    along = [RNG.standard_normal(w.shape) for w in weights]

    @tf.function
    def gradients(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(x, x, use_causal_mask=True)))
        return tape.gradient(loss, layer.trainable_variables)

    def loss(step: float) -> float:
        moved = [w + step * a for w, a in zip(weights, along, strict=True)]
        return float(np.sum(np.sin(attended(moved, Q, Q, Q, np.tri(4, dtype=bool))[0])))

    found = gradients(tf.constant(Q))
    slope = sum(float(np.sum(g.numpy() * a)) for g, a in zip(found, along, strict=True))
    np.testing.assert_allclose(slope, (loss(1e-6) - loss(-1e-6)) / 2e-6, rtol=1e-6)


def test_plain_attention() -> None:
    k = RNG.standard_normal((2, 5, 6))
    mask = RNG.uniform(size=(2, 5)) < 0.7
    scores = np.einsum("btd,bsd->bts", Q, k)
    expected = softmax(np.where(mask[:, None], scores, -1e9)) @ V
    found = L.Attention(dtype="float64")([Q, V, k], mask=[None, mask])
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    layer = L.Attention(use_scale=True, dtype="float64")
    layer([Q, V, k])
    layer.set_weights([np.array(0.5)])
    expected = softmax(np.where(np.tri(4, 5, dtype=bool), 0.5 * scores, -1e9)) @ V
    found, seen = layer([Q, V, k], return_attention_scores=True, use_causal_mask=True)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    assert seen.shape == (2, 4, 5)


@pytest.mark.parametrize("groups", [1, 2, -1])
@pytest.mark.parametrize("axis", [-1, 1])
def test_group_normalization(groups: int, axis: int) -> None:
    x = RNG.standard_normal((2, 4, 3, 6)) if axis == -1 else RNG.standard_normal((2, 6, 4, 3))
    layer = built(L.GroupNormalization(groups, axis, dtype="float64"), x)
    gamma, beta = layer.get_weights()
    last = np.moveaxis(x, axis, -1)
    split = last.reshape((*last.shape[:-1], 6 if groups == -1 else groups, -1))
    mean, var = (f(split, axis=(1, 2, 4), keepdims=True) for f in (np.mean, np.var))
    expected = ((split - mean) / np.sqrt(var + 1e-3)).reshape(last.shape) * gamma + beta
    for run in (layer, tf.function(layer)):
        np.testing.assert_allclose(
            np.moveaxis(run(tf.constant(x)).numpy(), axis, -1), expected, rtol=1e-9
        )
    tensor, ct = tf.constant(x), RNG.standard_normal(x.shape)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = tf.reduce_sum(layer(tensor) * ct)
    slope = tape.gradient(loss, tensor).numpy()
    along = RNG.standard_normal(x.shape)
    ahead, back = (float(np.sum(layer(x + s * along).numpy() * ct)) for s in (1e-6, -1e-6))
    np.testing.assert_allclose(np.sum(slope * along), (ahead - back) / 2e-6, rtol=1e-5)


def test_norms_without_weights_and_errors() -> None:
    x = RNG.standard_normal((2, 3, 6))
    layer = L.GroupNormalization(3, center=False, scale=False)
    assert layer(x).shape == x.shape and layer.get_weights() == []
    with pytest.raises(ValueError, match="Number of groups"):
        L.GroupNormalization(4)(x)
    unit = L.UnitNormalization()(x).numpy()
    np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, rtol=1e-5)
