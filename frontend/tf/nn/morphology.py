"""Dilation and erosion of images, and the parts of a depthwise convolution's derivative.

Layer: frontend. Images are [batch, height, width, channels].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply, pair
from ..arrays import zeros
from ..convert import convert_to_tensor
from ..elementwise import negative
from ..shaping import reverse
from ..static import shape as static_shape
from ..tape import GradientTape
from ..tensors import Tensor
from .convolutions import depthwise_conv2d


def dilation2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilations: Any,
    name: str | None = None,
) -> Tensor:
    """The largest sum of pixel and filter in each window, for each channel.

    Args:
        input: [batch, height, width, channels].
        filters: [height, width, channels].
        strides: [1, height, width, 1].
        padding: "SAME" or "VALID".
        data_format: "NHWC".
        dilations: [1, height, width, 1].
        name: for TensorFlow's signature.

    Raises:
        ValueError: another padding or format.
    """
    if data_format != "NHWC":
        raise ValueError("Data formats other than NHWC are not yet supported.")
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"padding must be 'SAME' or 'VALID', got {padding!r}")
    x, kernel = pair("Dilation2D", convert_to_tensor(input), filters)
    attrs = {
        "strides": tuple(strides[1:3]), "rates": tuple(dilations[1:3]), "same": padding == "SAME",
    }  # fmt: skip
    found: Tensor = apply("Dilation2D", _dilated, [x, kernel], attrs)
    return found


def _dilated(x: Any, kernel: Any, *, strides: Any, rates: Any, same: bool) -> Any:
    reach = [(n - 1) * r + 1 for n, r in zip(kernel.shape, rates, strict=False)]
    counts = []
    sides = []
    for n, size, stride in zip(x.shape[1:3], reach, strides, strict=True):
        count = -(-n // stride) if same else (n - size) // stride + 1
        extra = max((count - 1) * stride + size - n, 0)
        counts.append(count)
        sides.append((extra // 2, extra - extra // 2))
    low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    x = np.pad(x, ((0, 0), *sides, (0, 0)), constant_values=low)
    found: Any = None
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            places = [
                slice(first, first + (count - 1) * stride + 1, stride)
                for first, count, stride in zip(
                    (row * rates[0], column * rates[1]), counts, strides, strict=True
                )
            ]
            moved = x[:, places[0], places[1]] + kernel[row, column]
            found = moved if found is None else np.maximum(found, moved)
    return found


def erosion2d(
    value: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilations: Any,
    name: str | None = None,
) -> Tensor:
    """The smallest difference of pixel and filter in each window; arguments as of `dilation2d`."""
    kernel = reverse(filters, [0, 1])
    found = dilation2d(negative(value), kernel, strides, padding, data_format, dilations)
    return negative(found)


def depthwise_conv2d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The derivative of `depthwise_conv2d` by its input, times `out_backprop`."""
    x = zeros(static_shape(input_sizes, "input_sizes"), convert_to_tensor(filter).dtype)
    options = (strides, padding, data_format, _spatial(dilations))
    return _backward(x, x, filter, out_backprop, options)


def depthwise_conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """The derivative of `depthwise_conv2d` by its filter, times `out_backprop`."""
    kernel = zeros(static_shape(filter_sizes, "filter_sizes"), convert_to_tensor(input).dtype)
    options = (strides, padding, data_format, _spatial(dilations))
    return _backward(kernel, input, kernel, out_backprop, options)


def _spatial(dilations: Any) -> Any:
    return tuple(dilations[1:3]) if len(dilations) == 4 else tuple(dilations)


def _backward(wanted: Tensor, x: Any, kernel: Any, out: Any, options: tuple[Any, ...]) -> Tensor:
    with GradientTape() as tape:
        tape.watch(wanted)
        found = depthwise_conv2d(x, kernel, *options)
    gradient: Tensor = tape.gradient(found, wanted, convert_to_tensor(out, found.dtype))
    return gradient
