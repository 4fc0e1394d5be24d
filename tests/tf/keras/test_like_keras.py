"""Layers with windows, of sequences and of attention against Keras's, where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

pytestmark = pytest.mark.peers
RNG = np.random.default_rng(7)
LINE, IMAGE, VOLUME, FILM, FILMS = (
    RNG.standard_normal(s).astype(np.float32)
    for s in ((2, 9, 4), (2, 8, 7, 4), (2, 5, 4, 6, 4), (2, 4, 6, 5, 3), (2, 3, 4, 3, 4, 2))
)  # fmt: skip

# name of the layer, arguments, input
CASES: list[tuple[str, dict[str, Any], np.ndarray]] = [
    ("Conv1D", {"filters": 6, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, LINE),
    ("Conv2D", {"filters": 6, "kernel_size": (3, 2), "strides": 2, "padding": "same"}, IMAGE),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "dilation_rate": 2}, IMAGE),
    ("Conv3D", {"filters": 5, "kernel_size": 2, "strides": (1, 2, 2)}, VOLUME),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}, LINE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "depth_multiplier": 2}, IMAGE),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "padding": "same"}, IMAGE),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, LINE),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": 2, "padding": "same"}, IMAGE),
    ("MaxPooling3D", {"pool_size": 2}, VOLUME),
    ("GlobalAveragePooling2D", {}, IMAGE),
    ("ZeroPadding2D", {"padding": ((1, 2), (0, 1))}, IMAGE),
    ("Cropping2D", {"cropping": ((1, 2), (0, 1))}, IMAGE),
    ("SimpleRNN", {"units": 5, "return_sequences": True}, LINE),
    ("LSTM", {"units": 5, "return_sequences": True, "go_backwards": True}, LINE),
    ("LSTM", {"units": 5, "activation": "relu", "recurrent_activation": "hard_sigmoid"}, LINE),
    ("GRU", {"units": 5, "return_sequences": True}, LINE),
    ("GRU", {"units": 5, "reset_after": False}, LINE),
    ("ConvLSTM1D", {"filters": 3, "kernel_size": 3, "return_sequences": True}, FILM[:, :, 0]),
    ("ConvLSTM2D", {"filters": 3, "kernel_size": 3, "padding": "same"}, FILM),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": (2, 3), "strides": 2, "go_backwards": True}, FILM),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "dilation_rate": 2}, FILM),
    ("ConvLSTM3D", {"filters": 2, "kernel_size": 2, "return_sequences": True}, FILMS),
    ("GroupNormalization", {"groups": 2}, IMAGE),
    ("UnitNormalization", {}, IMAGE),
]


def name_of(case: tuple[str, dict[str, Any], np.ndarray]) -> str:
    return "-".join([case[0], *(f"{k}={v}" for k, v in case[1].items())]).replace(" ", "")


def weights_like(layer: Any) -> list[np.ndarray]:
    return [RNG.standard_normal(w.shape).astype(np.float32) for w in layer.get_weights()]


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_layers(case: tuple[str, dict[str, Any], np.ndarray]) -> None:
    peer = pytest.importorskip("tensorflow")
    name, options, x = case
    ours, theirs = (getattr(m.keras.layers, name)(**options) for m in (tf, peer))
    ours(x), theirs(x)
    weights = weights_like(ours)
    assert [w.shape for w in theirs.get_weights()] == [w.shape for w in weights]
    ours.set_weights(weights), theirs.set_weights(weights)
    slopes = []
    for module, layer in ((tf, ours), (peer, theirs)):
        tensor = module.constant(x)
        with module.GradientTape() as tape:
            tape.watch(tensor)
            found = layer(tensor)
            loss = module.reduce_sum(module.sin(found))
        slopes.append((found, *tape.gradient(loss, [tensor, *layer.trainable_variables])))
    for a, b in zip(*slopes, strict=True):
        close(a.numpy(), b.numpy())


def test_attention() -> None:
    peer = pytest.importorskip("tensorflow")
    value = RNG.standard_normal((2, 5, 3)).astype(np.float32)
    mask = RNG.uniform(size=(2, 9, 5)) < 0.7
    ours, theirs = (m.keras.layers.MultiHeadAttention(2, 3, value_dim=4) for m in (tf, peer))
    ours(LINE, value), theirs(LINE, value)
    weights = weights_like(ours)
    ours.set_weights(weights), theirs.set_weights(weights)
    options = {"attention_mask": mask, "return_attention_scores": True}
    for a, b in zip(ours(LINE, value, **options), theirs(LINE, value, **options), strict=True):
        close(a.numpy(), b.numpy())


def test_pooling_with_positions_and_equal_elements() -> None:
    peer = pytest.importorskip("tensorflow")
    x = np.round(IMAGE, 0)
    for padding in ("SAME", "VALID"):
        found, expected = (m.nn.max_pool_with_argmax(x, 3, 2, padding) for m in (tf, peer))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        slopes = []
        for module in (tf, peer):
            tensor = module.constant(x)
            with module.GradientTape() as tape:
                tape.watch(tensor)
                loss = module.reduce_sum(module.nn.max_pool2d(tensor, 3, 2, padding) ** 2)
            slopes.append(tape.gradient(loss, tensor).numpy())
        np.testing.assert_allclose(*slopes)
