"""Convolution and pooling layers: shapes, weights and values, against the functions of `tf.nn`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf
from support.plain_windows import convolved, same_pads, transposed

L = tf.keras.layers
RNG = np.random.default_rng(1)


def data(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def built(layer: Any, x: np.ndarray) -> tuple[Any, list[np.ndarray]]:
    """The layer and its weights, with other biases than zeros."""
    layer(x)
    layer.set_weights([data(*w.shape) for w in layer.get_weights()])
    return layer, layer.get_weights()


OPTIONS: dict[str, Any] = {"dtype": "float64"}
X = {1: data(2, 8, 4), 2: data(2, 7, 6, 4), 3: data(1, 4, 5, 3, 4)}


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation", "groups"), [(1, 1, 1), (2, 1, 2), (1, 2, 1)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutions(rank: int, strides: int, dilation: int, groups: int, padding: str) -> None:
    if rank == 3:
        dilation = 1
    x, kind = X[rank], getattr(L, f"Conv{rank}D")
    layer = kind(
        6, 2, strides, padding, dilation_rate=dilation, groups=groups, activation="relu", **OPTIONS
    )
    layer, (kernel, bias) = built(layer, x)
    assert kernel.shape == (2,) * rank + (4 // groups, 6)
    steps, spread = [strides] * rank, [dilation] * rank
    pads = same_pads(x.shape[1:-1], [2] * rank, steps, spread)
    pads = pads if padding == "same" else [(0, 0)] * rank
    expected = np.maximum(convolved(x, kernel, steps, pads, spread, groups) + bias, 0)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10, atol=1e-10)
    again = kind.from_config(layer.get_config())
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x).numpy(), layer(x).numpy())


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_channels_first(rank: int) -> None:
    x = X[rank]
    first = np.moveaxis(x, -1, 1)
    for name, arguments in (
        (f"Conv{rank}D", (3, 2)),
        (f"Conv{rank}DTranspose", (3, 2)),
        (f"MaxPooling{rank}D", (2,)),
        (f"AveragePooling{rank}D", (2,)),
        (f"GlobalMaxPooling{rank}D", ()),
        (f"GlobalAveragePooling{rank}D", ()),
        (f"ZeroPadding{rank}D", ()),
        (f"Cropping{rank}D", ()),
    ):
        last, weights = built(getattr(L, name)(*arguments, **OPTIONS), x)
        other = getattr(L, name)(*arguments, data_format="channels_first", **OPTIONS)
        other(first)
        other.set_weights(weights)
        found, expected = other(first).numpy(), last(x).numpy()
        found = found if found.ndim == 2 else np.moveaxis(found, 1, -1)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=name)


def test_causal() -> None:
    x = X[1]
    layer, (kernel, bias) = built(L.Conv1D(3, 2, padding="causal", dilation_rate=2, **OPTIONS), x)
    expected = convolved(x, kernel, [1], [(2, 0)], [2]) + bias
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("window", "strides"), [(3, 2), (2, 3), (3, 1)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed(rank: int, window: int, strides: int, padding: str) -> None:
    x = X[rank]
    layer = getattr(L, f"Conv{rank}DTranspose")(5, window, strides, padding, **OPTIONS)
    layer, (kernel, bias) = built(layer, x)
    assert kernel.shape == (window,) * rank + (5, 4)
    steps, ones = [strides] * rank, [1] * rank
    room = max(window - strides, 0) if padding == "valid" else 0
    sizes = [n * strides + room for n in x.shape[1:-1]]
    pads = same_pads(sizes, [window] * rank, steps, ones)
    pads = pads if padding == "same" else [(0, 0)] * rank
    expected = transposed(x, kernel, sizes, steps, pads, ones) + bias
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10, atol=1e-10)


def test_transposed_with_output_padding() -> None:
    layer = L.Conv2DTranspose(5, 3, 2, "same", output_padding=1)
    assert layer(X[2]).shape == (2, 14, 12, 5)
    layer = L.Conv2DTranspose(5, 3, 2, "same", output_padding=0)
    assert layer(X[2]).shape == (2, 13, 11, 5)


@pytest.mark.parametrize("rank", [1, 2])
def test_depthwise_and_separable(rank: int) -> None:
    x, ones = X[rank], [1] * rank
    layer = getattr(L, f"DepthwiseConv{rank}D")(3, padding="same", depth_multiplier=2, **OPTIONS)
    layer, (kernel, bias) = built(layer, x)
    assert kernel.shape == (3,) * rank + (4, 2)
    wide = kernel.reshape((*kernel.shape[:-2], 1, 8))
    expected = convolved(x, wide, ones, [(1, 1)] * rank, ones, 4)
    np.testing.assert_allclose(layer(x).numpy(), expected + bias, rtol=1e-10, atol=1e-10)
    layer = getattr(L, f"SeparableConv{rank}D")(5, 3, padding="same", **OPTIONS)
    layer, (kernel, mix, bias) = built(layer, x)
    wide = kernel.reshape((*kernel.shape[:-2], 1, 4))
    apart = convolved(x, wide, ones, [(1, 1)] * rank, ones, 4)
    expected = apart @ mix.reshape(mix.shape[-2:]) + bias
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10, atol=1e-10)


def test_the_rim() -> None:
    x = X[2]
    padded = L.ZeroPadding2D(((1, 2), (0, 3)))(x).numpy()
    np.testing.assert_allclose(padded, np.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0))), rtol=1e-6)
    assert L.ZeroPadding1D((1, 2))(X[1]).shape == (2, 11, 4)
    assert L.ZeroPadding3D((1, 0, 2))(X[3]).shape == (1, 6, 5, 7, 4)
    found = L.Cropping2D(((1, 2), (0, 3)))(x).numpy()
    np.testing.assert_allclose(found, x[:, 1:-2, :-3], rtol=1e-6)
    assert L.Cropping1D((1, 2))(X[1]).shape == (2, 5, 4)
    assert L.Cropping3D(1)(X[3]).shape == (1, 2, 3, 1, 4)


def test_a_network_learns() -> None:
    model = tf.keras.Sequential(
        [
            L.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            L.DepthwiseConv2D(3, padding="same"),
            L.MaxPooling2D(2),
            L.Conv2DTranspose(4, 3, strides=2, padding="same"),
            L.GlobalAveragePooling2D(),
            L.Dense(1),
        ]
    )
    x = RNG.standard_normal((32, 8, 8, 2)).astype(np.float32)
    y = x.mean((1, 2, 3)) > 0
    model.compile(tf.keras.optimizers.Adam(0.05), "mse")
    before = model.evaluate(x, y.astype(np.float32), verbose=0)
    model.fit(x, y.astype(np.float32), epochs=20, batch_size=10, verbose=0)
    assert model.evaluate(x, y.astype(np.float32), verbose=0) < 0.5 * before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: L.Conv2D(6, 3, groups=4), "evenly divisible by the number of groups"),
        (lambda: L.Conv2D(4, 3, groups=4)(data(1, 5, 5, 6)), "number of input channels"),
        (lambda: L.Conv2D(4, 3, padding="causal"), "'valid' or 'same', got 'causal'"),
        (lambda: L.Conv2D(4, (3, 3, 3)), "tuple of 2 positive integers"),
        (lambda: L.MaxPooling2D()(data(2, 5, 5)), "expected ndim=4"),
        (lambda: L.ZeroPadding2D((1, 2, 3)), "ints or pairs of ints for 2 axes"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
