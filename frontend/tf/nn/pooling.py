"""Pooling over one to three axes: the largest element of each window, its position, the mean.

Layer: frontend. The work is done by frontend/pooling.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import pooling
from ..apply import apply, checked
from ..convert import convert_to_tensor
from ..dtypes import as_dtype
from ..errors import InvalidArgumentError
from ..sizes import numbers
from ..tensors import Tensor
from .windows import FORMATS, Geometry, channels_back, channels_last, per_axis


def _pool(function: Callable[..., Any], x: Any, geometry: Geometry, window: tuple[int, ...]) -> Any:
    found = function(
        channels_last(x, geometry),
        window=window,
        strides=geometry.strides,
        padding=geometry.padding,
    )
    return channels_back(found, geometry)


def _max_pool(x: Any, *, geometry: Geometry, window: tuple[int, ...]) -> Any:
    return _pool(pooling.max_pool, x, geometry, window)


def _avg_pool(x: Any, *, geometry: Geometry, window: tuple[int, ...]) -> Any:
    return _pool(pooling.avg_pool, x, geometry, window)


_FUNCTIONS = {"MaxPool": _max_pool, "AvgPool": _avg_pool}


def _read(
    op: str,
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    spatial: int,
) -> tuple[Tensor, Geometry, tuple[int, ...]]:
    """The arguments of a pooling op."""
    x = checked(op, convert_to_tensor(input), "f" if op == "AvgPool" else "iuf")
    if x.ndim != spatial + 2:
        raise InvalidArgumentError(
            f"tensor_in must be {spatial + 2}-dimensional, got {x.shape} [Op:{op}]"
        )
    geometry = Geometry.read(op, spatial, strides, padding, data_format, dilations)
    if set(geometry.dilations) != {1}:
        raise NotImplementedError(f"{op} with dilations {geometry.dilations}: only 1 is supported")
    window = per_axis(ksize, spatial, "ksize", geometry.channels_first)
    if min(window) < 1:
        raise InvalidArgumentError(f"Sliding window ksize must be positive, got {window} [Op:{op}]")
    geometry.check_fit(op, geometry.spatial(x._value.shape), window)
    return x, geometry, window


def _pooling(
    op: str,
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    spatial: int,
    dilations: Any = None,
) -> Tensor:
    x, geometry, window = _read(op, input, ksize, strides, padding, data_format, dilations, spatial)
    attrs = {"geometry": geometry, "window": window}
    found: Tensor = apply(op, _FUNCTIONS[op], [x], attrs)
    return found


# -- the largest element --------------------------------------------------------------------------


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of one spatial axis."""
    return _pooling("MaxPool", input, ksize, strides, padding, data_format, 1)


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of two spatial axes."""
    return _pooling("MaxPool", input, ksize, strides, padding, data_format, 2)


def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of three spatial axes."""
    return _pooling("MaxPool", input, ksize, strides, padding, data_format, 3)


def max_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The largest element of each window, of one to three spatial axes."""
    return _pooling("MaxPool", input, ksize, strides, padding, data_format, _spatial(input))


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    output_dtype: Any = np.int64,
    include_batch_in_index: bool = False,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and where it stands.

    Args:
        input: [batch, height, width, channels].
        ksize: the size of the window.
        strides: from one place of the window to the next.
        padding: "SAME" or "VALID".
        data_format: "NHWC".
        output_dtype: of the positions, int32 or int64.
        include_batch_in_index: whether positions count through all examples, and not anew in each.
        name: for TensorFlow's signature.

    Returns:
        The elements, and the positions `(y * width + x) * channels + channel`; of equal elements
        the first one's.
    """
    if data_format != "NHWC":
        raise ValueError("The data_format must be 'NHWC'. Received: " + str(data_format))
    op = "MaxPoolWithArgmax"
    x, geometry, window = _read(op, input, ksize, strides, padding, data_format, None, 2)
    attrs = {
        "geometry": geometry,
        "window": window,
        "dtype": as_dtype(output_dtype).numpy,
        "with_batch": bool(include_batch_in_index),
    }
    found: tuple[Tensor, Tensor] = apply(op, _max_pool_with_argmax, [x], attrs)
    return found


def _max_pool_with_argmax(
    x: Any, *, geometry: Geometry, window: tuple[int, ...], dtype: Any, with_batch: bool
) -> tuple[Any, Any]:
    largest = _max_pool(x, geometry=geometry, window=window)
    at = _pool(pooling.max_positions, x, geometry, window).astype(dtype)
    batch, height, width, channels = x.shape
    row = _first(at.shape[1], height, geometry, window, 0)[:, None, None] + at // window[1]
    column = _first(at.shape[2], width, geometry, window, 1)[:, None] + at % window[1]
    index = (row * width + column) * channels + np.arange(channels)
    if with_batch:
        index = index + (numbers(batch) * (height * width * channels))[:, None, None, None]
    return largest, index.astype(dtype)


def _first(places: int, size: int, geometry: Geometry, window: tuple[int, ...], axis: int) -> Any:
    """Where the windows of an axis begin; below 0 in the padding."""
    stride, before = geometry.strides[axis], 0
    if geometry.padding == "SAME":
        before = max((places - 1) * stride + window[axis] - size, 0) // 2
    elif not isinstance(geometry.padding, str):
        before = geometry.padding[axis][0]
    return np.arange(places) * stride - before


# -- the mean -------------------------------------------------------------------------------------


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of one spatial axis; padding does not count."""
    return _pooling("AvgPool", input, ksize, strides, padding, data_format, 1)


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of two spatial axes; padding does not count."""
    return _pooling("AvgPool", input, ksize, strides, padding, data_format, 2)


def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of three spatial axes; padding does not count."""
    return _pooling("AvgPool", input, ksize, strides, padding, data_format, 3)


def avg_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The mean of each window, of one to three spatial axes; padding does not count."""
    return _pooling("AvgPool", input, ksize, strides, padding, data_format, _spatial(input))


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`max_pool` or `avg_pool`, by `pooling_type`: "MAX" or "AVG".

    Raises:
        ValueError: there is no such type.
    """
    names = {"MAX": "MaxPool", "AVG": "AvgPool"}
    if pooling_type not in names:
        raise ValueError(f"pooling_type must be 'MAX' or 'AVG', got {pooling_type!r}")
    steps = 1 if strides is None else strides
    return _pooling(
        names[pooling_type], input, window_shape, steps, padding, data_format, _spatial(input),
        dilations,
    )  # fmt: skip


def _spatial(input: Any) -> int:
    rank = convert_to_tensor(input).ndim
    if rank - 2 not in FORMATS:
        raise ValueError(
            f"Input tensor must be of rank 3, 4 or 5 (one to three spatial axes), got {rank}"
        )
    return rank - 2
