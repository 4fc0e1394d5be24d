"""Attention in blocks of queries: the values and gradients of attention at once, less memory."""

import re

import numpy as np
import pytest

import tensorwright as tf
from tensorwright.frontend.tf.apply import apply
from tensorwright.frontend.tf.nn import attention

RNG = np.random.default_rng(3)
MASKS = {
    "none": lambda lead, q, k: None,
    "full": lambda lead, q, k: RNG.uniform(size=(*lead, q, k)) < 0.7,
    "keys": lambda lead, q, k: RNG.uniform(size=(*lead, 1, k)) < 0.7,
    "one for all": lambda lead, q, k: RNG.uniform(size=(*(1 for _ in lead), q, k)) < 0.7,
}


def reference(q, k, v, mask, scale, causal):
    scores = np.einsum("...qd,...kd->...qk", q, k) * scale
    allowed = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    if causal:
        allowed = allowed & np.tri(*scores.shape[-2:], dtype=bool)
    scores = np.where(allowed, scores, -1e9)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("...qk,...kd->...qd", e / e.sum(-1, keepdims=True), v)


def compiled(function, weights, *arrays):
    """The result of a function of arrays, and the gradients of its weighted sum."""

    @tf.function
    def both(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            seen = apply("Seen", function, tensors)
            loss = tf.reduce_sum(seen * weights)
        return seen, tape.gradient(loss, tensors)

    return both(*[tf.constant(a) for a in arrays])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    ("lead", "queries", "keys", "block"),
    [((2, 3), 7, 9, 3), ((2,), 8, 6, 4), ((), 3, 5, 4), ((1, 2), 1, 1, 1)],
)
def test_values_and_gradients(lead, mask, queries, keys, block, causal):
    q, k, v = (RNG.standard_normal((*lead, n, d)) for n, d in ((queries, 4), (keys, 4), (keys, 3)))
    where = MASKS[mask](lead, queries, keys)
    masks = [] if where is None else [where]
    options = {"scale": 0.7, "causal": causal}
    expected = reference(q, k, v, where, **options)

    def seen(*arrays):
        return attention.attend(*arrays, *masks, **options, block=block)

    np.testing.assert_allclose(seen(q, k, v), expected, rtol=1e-10)
    weights = RNG.standard_normal(expected.shape)
    traced, found = compiled(seen, weights, q, k, v)
    np.testing.assert_allclose(traced.numpy(), expected, rtol=1e-10)
    for n, gradient in enumerate(found):
        arrays = [q, k, v]
        direction = RNG.standard_normal(arrays[n].shape)
        ends = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[n] = arrays[n] + sign * 1e-6 * direction
            ends.append(np.sum(reference(*moved, where, **options) * weights))
        slope = (ends[0] - ends[1]) / 2e-6
        assert np.sum(gradient.numpy() * direction) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_empty_batch_and_symbolic_sizes():
    x = np.zeros((0, 2, 8, 4), np.float32)
    assert attention.attend(x, x, x, scale=1.0, causal=True, block=4).shape == x.shape

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4])])
    def see(x):
        return tf.keras.layers.Attention()([x, x])

    x = RNG.standard_normal((2, 5, 4)).astype(np.float32)
    expected = reference(x, x, x, None, 1.0, False)
    np.testing.assert_allclose(see(tf.constant(x)).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_long_sequences_have_no_square_in_memory():
    n = 2048
    layer = tf.keras.layers.MultiHeadAttention(2, 16)
    x = tf.constant(RNG.standard_normal((2, n, 8)).astype(np.float32))
    layer(x, x)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, x, use_causal_mask=True) ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    found = step(x)
    ((concrete,),) = step._programs.values()
    text = concrete.compilation.text("kernels")
    largest = max(
        int(s) for line in re.findall(r"arena bytes: (.*)", text) for s in line.split(",")
    )
    assert largest < n * n * 4  # of one head alone
    with tf.GradientTape() as tape:  # with the weights: all at once
        seen, _ = layer(x, x, use_causal_mask=True, return_attention_scores=True)
        loss = tf.reduce_sum(seen**2)
    for a, b in zip(found, tape.gradient(loss, layer.trainable_weights), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-3, atol=2e-2)
