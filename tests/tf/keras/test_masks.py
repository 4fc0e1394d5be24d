"""Masks from layer to layer, to losses and metrics, against NumPy; recurrent states that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

L = tf.keras.layers
RNG = np.random.default_rng(4)
IDS = np.array([[1, 2, 0, 0], [3, 0, 4, 0], [1, 1, 2, 3]], np.int32)
COUNTS = IDS != 0


def embedded(ids: np.ndarray = IDS) -> Any:
    return L.Embedding(6, 3, mask_zero=True)(ids)


def mask(x: Any) -> Any:
    found = getattr(x, "_keras_mask", None)
    return None if found is None else found.numpy()


def test_where_masks_come_from() -> None:
    np.testing.assert_array_equal(mask(embedded()), COUNTS)
    assert mask(L.Embedding(6, 3)(IDS)) is None
    x = RNG.standard_normal((2, 3, 4)).astype(np.float32)
    x[0, 1], x[1, 2, :3] = 5.0, 5.0
    masked = L.Masking(5.0)(x)
    counts = np.array([[True, False, True], [True, True, True]])
    np.testing.assert_array_equal(mask(masked), counts)
    np.testing.assert_array_equal(masked.numpy(), np.where(counts[..., None], x, 0))
    again = L.Embedding.from_config(L.Embedding(6, 3, mask_zero=True).get_config())
    assert again.mask_zero and again.supports_masking


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Dense(2), lambda: L.Dropout(0.5), lambda: L.Activation("relu"),
        lambda: L.LayerNormalization(), lambda: L.BatchNormalization(), lambda: L.Identity(),
        lambda: L.LSTM(2, return_sequences=True), lambda: L.TimeDistributed(L.Dense(2)),
        lambda: L.Bidirectional(L.GRU(2, return_sequences=True)),
        lambda: L.RNN(L.GRUCell(2), return_sequences=True), lambda: L.SpatialDropout1D(0.5),
    ],
)  # fmt: skip
def test_layers_that_hand_masks_on(layer: Any) -> None:
    made = layer()
    for training in (False, True):
        found = made(embedded(), **({"training": True} if training else {}))
        np.testing.assert_array_equal(mask(found), COUNTS)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Conv1D(2, 2), lambda: L.LSTM(2), lambda: L.Lambda(lambda x: x * 2.0),
        lambda: L.GlobalAveragePooling1D(), lambda: L.Bidirectional(L.GRU(2)),
    ],
)  # fmt: skip
def test_layers_where_masks_end(layer: Any) -> None:
    assert mask(layer()(embedded())) is None


def test_a_layer_of_a_user() -> None:
    class Last(L.Layer):
        def call(self, x: Any, mask: Any = None) -> Any:
            return tf.reduce_sum(tf.where(mask[:, :, None], x, tf.zeros_like(x)), 1)

        def compute_mask(self, x: Any, mask: Any) -> Any:
            raise AssertionError("only asked if masks are supported")

    x = embedded()
    expected = np.where(COUNTS[..., None], x.numpy(), 0).sum(1)
    np.testing.assert_allclose(Last()(x).numpy(), expected, rtol=1e-6)
    masking = L.Masking(-7.0)
    compiled = tf.function(lambda x: Last()(masking(x)))
    given = np.where(COUNTS[..., None], x.numpy(), np.float32(-7))
    np.testing.assert_allclose(compiled(given).numpy(), expected, rtol=1e-6)


def test_results_are_those_of_the_steps_that_count() -> None:
    x = embedded()
    weights = COUNTS[..., None].astype(np.float32)
    mean = (x.numpy() * weights).sum(1) / weights.sum(1)
    np.testing.assert_allclose(L.GlobalAveragePooling1D()(x).numpy(), mean, rtol=1e-5)
    norm = L.BatchNormalization(momentum=0.0, epsilon=0.0)
    norm(x, training=True)
    rows = x.numpy()[COUNTS]
    np.testing.assert_allclose(norm.moving_mean.numpy(), rows.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.moving_variance.numpy(), rows.var(0), rtol=1e-4)
    short = L.LSTM(4)
    short(x)
    for row in range(3):  # as if the other steps were not there
        alone = x.numpy()[row][COUNTS[row]][None]
        np.testing.assert_allclose(short(x).numpy()[row], short(alone).numpy()[0], rtol=1e-5)
    scores = RNG.standard_normal((2, 3)).astype(np.float32)
    allowed = np.array([[True, False, True], [False, False, False]])
    found = L.Softmax()(scores, mask=allowed).numpy()
    e = np.exp(scores[0, [0, 2]])
    np.testing.assert_allclose(found, [[e[0] / e.sum(), 0, e[1] / e.sum()], [0, 0, 0]], rtol=1e-5)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_outputs_of_steps_that_do_not_count(name: str) -> None:
    x = embedded()
    layer = getattr(L, name)(2, return_sequences=True)
    outputs = layer(x).numpy()
    np.testing.assert_array_equal(outputs[0, 2:], outputs[0, [1, 1]])
    np.testing.assert_array_equal(outputs[1, 1], outputs[1, 0])
    zeros = type(layer).from_config(layer.get_config() | {"zero_output_for_mask": True})
    zeros(x)
    zeros.set_weights(layer.get_weights())
    expected = np.where(COUNTS[..., None], outputs, 0)
    np.testing.assert_allclose(zeros(x).numpy(), expected, rtol=1e-6)
    cell = getattr(L, f"{name}Cell")(2)
    loop = L.RNN(cell, return_sequences=True, zero_output_for_mask=True)
    loop(x)
    loop.set_weights(layer.get_weights())
    np.testing.assert_allclose(loop(x).numpy(), expected, rtol=1e-5, atol=1e-7)


def test_attention_sees_what_counts() -> None:
    x = embedded()
    layer = L.MultiHeadAttention(2, 3)
    found = layer(x, x)
    np.testing.assert_array_equal(mask(found), COUNTS)
    allowed = COUNTS[:, :, None] & COUNTS[:, None, :]
    plain = tf.constant(x.numpy())
    np.testing.assert_allclose(
        found.numpy(), layer(plain, plain, attention_mask=allowed).numpy(), rtol=1e-5, atol=1e-6
    )
    seen = L.Attention()([x, x])
    np.testing.assert_array_equal(mask(seen), COUNTS)
    np.testing.assert_array_equal(seen.numpy()[~COUNTS], 0)


def test_inputs_put_together() -> None:
    a, b = embedded(), embedded(IDS[:, ::-1].copy())
    x, y = a.numpy(), b.numpy()
    ma, mb = COUNTS[..., None], COUNTS[:, ::-1, None]
    either = COUNTS | COUNTS[:, ::-1]
    for layer, expected in (
        (L.Add(), x + y),
        (L.Subtract(), x - y),
        (L.Average(), (x + y) / 2),
        (L.Multiply(), np.where(ma, x, 1) * np.where(mb, y, 1)),
    ):
        found = layer([a, b])
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
        np.testing.assert_array_equal(mask(found), either)
        assert mask(layer([a, y])) is None
    largest = np.maximum(np.where(ma, x, np.where(mb, y, x)), np.where(mb, y, x))
    counted = np.broadcast_to(either[..., None], x.shape)
    found = L.Maximum()([a, b])
    np.testing.assert_allclose(found.numpy()[counted], largest[counted], rtol=1e-6)
    np.testing.assert_array_equal(
        mask(L.Concatenate(1)([a, b])), np.concatenate([COUNTS, COUNTS[:, ::-1]], 1)
    )
    assert mask(L.Concatenate()([a, y])).all()


def test_dot() -> None:
    x, y = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 5, 4))
    found = L.Dot(2, dtype="float64")([x, y]).numpy()
    np.testing.assert_allclose(found, np.einsum("bik,bjk->bij", x, y), rtol=1e-10)
    found = L.Dot((1, 2), dtype="float64")([x, y.transpose(0, 2, 1)[:, :, :3]]).numpy()
    expected = np.einsum("bki,bjk->bij", x, y.transpose(0, 2, 1)[:, :, :3])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    u, v = x[:, 0], y[:, 0]
    cosine = np.sum(u * v, 1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    layer = L.Dot(1, normalize=True, dtype="float64")
    np.testing.assert_allclose(layer([u, v]).numpy()[:, 0], cosine, rtol=1e-6)
    with pytest.raises(ValueError, match="Incompatible input shapes"):
        L.Dot(1)([x, y])


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_what_counts(reduction: str, weighted: bool) -> None:
    logits, labels = RNG.standard_normal((3, 4, 5)), RNG.integers(0, 5, (3, 4))
    weight = RNG.uniform(0.5, 2, (3, 4)) if weighted else None
    each = -np.log(
        np.take_along_axis(
            np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), labels[..., None], -1
        )
    )[..., 0]
    w = COUNTS * (1.0 if weight is None else weight)
    expected = {
        "sum": (each * w).sum(),
        "sum_over_batch_size": (each * w).sum() / COUNTS.sum(),
        "mean_with_sample_weight": (each * w).sum() / w.sum(),
    }[reduction]
    pred = tf.constant(logits)
    pred._keras_mask = tf.constant(COUNTS)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    assert loss(labels, pred, sample_weight=weight).numpy() == pytest.approx(expected, rel=1e-5)
    metric = tf.keras.metrics.SparseCategoricalAccuracy()
    metric.update_state(labels, pred, sample_weight=weight)
    hits = (logits.argmax(-1) == labels) * w
    assert metric.result().numpy() == pytest.approx(hits.sum() / w.sum(), rel=1e-5)


def test_training_does_not_see_what_is_padded() -> None:
    """Two more padded steps change nothing."""
    labels = RNG.integers(0, 2, IDS.shape)
    results = []
    for extra in (0, 2):
        ids, y = (np.pad(a, ((0, 0), (0, extra))) for a in (IDS, labels))
        tf.keras.utils.set_random_seed(1)
        model = tf.keras.Sequential(
            [L.Embedding(6, 3, mask_zero=True), L.LSTM(4, return_sequences=True), L.Dense(2)]
        )
        loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(tf.keras.optimizers.SGD(0.5), loss, metrics=["accuracy"])
        history = model.fit(ids, y, epochs=3, verbose=0, shuffle=False).history
        results.append((history["loss"], history["accuracy"]))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


# -- states that stay -----------------------------------------------------------------------------


def whole_and_parts(**options: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    x = RNG.standard_normal((2, 6, 3)).astype(np.float32)
    layer = L.GRU(4, return_sequences=True, stateful=True, **options)
    layer(x)
    layer.reset_states()
    return layer, x, layer(x).numpy()


def test_a_sequence_in_parts() -> None:
    layer, x, whole = whole_and_parts()
    layer.reset_state()
    parts = [layer(x[:, :4]).numpy(), tf.function(layer)(x[:, 4:]).numpy()]
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.states[0].numpy(), whole[:, -1], rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 3 and len(layer.trainable_weights) == 3
    assert type(layer).from_config(layer.get_config()).stateful


def test_training_and_prediction_go_on_from_the_last_batch() -> None:
    x = RNG.standard_normal((2, 5, 3)).astype(np.float32)
    inner = L.LSTM(4, stateful=True)
    model = tf.keras.Sequential([tf.keras.Input((5, 3), batch_size=2), inner])
    assert not inner.states[0].numpy().any()  # building has left no trace
    first = model.predict(x, verbose=0)
    second = model.predict(x, verbose=0)
    assert not np.allclose(first, second)
    inner.reset_states()
    np.testing.assert_array_equal(model.predict(x, verbose=0), first)
    model.compile("sgd", "mse")
    inner.reset_states()
    model.fit(x, np.zeros((2, 4), np.float32), batch_size=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(inner.states[0].numpy(), first, rtol=1e-6)


def test_a_batch_of_another_size() -> None:
    layer, _, _ = whole_and_parts()
    assert layer(np.ones((5, 2, 3), np.float32)).shape == (5, 2, 4)
    with pytest.raises(ValueError, match="the batch size must be static"):
        tf.function(layer)(tf.ones((7, 2, 3)))


def test_stacked_cells() -> None:
    x = RNG.standard_normal((2, 5, 3)).astype(np.float32)
    both = L.RNN([L.LSTMCell(4), L.GRUCell(2)], return_sequences=True, return_state=True)
    found, *states = both(x)
    assert [tuple(s.shape) for s in states] == [(2, 4), (2, 4), (2, 2)]
    lower, upper = L.LSTM(4, return_sequences=True), L.GRU(2, return_sequences=True)
    upper(lower(x))
    weights = both.get_weights()
    lower.set_weights(weights[:3])
    upper.set_weights(weights[3:])
    np.testing.assert_allclose(found.numpy(), upper(lower(x)).numpy(), rtol=1e-5, atol=1e-6)
    again = L.RNN.from_config(both.get_config())
    again(x)
    again.set_weights(weights)
    np.testing.assert_array_equal(again(x)[0].numpy(), found.numpy())
