"""Convolution and pooling, as windows of the input and one matrix product or reduction.

Layer: frontend. Arrays are [batch, *spatial, channels]; the other order is transposed first. One
function serves one and two spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..apply import apply, checked, pair
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..static import integers
from ..tensors import Tensor

Pads = tuple[tuple[int, int], ...]


# -- what the arguments say -----------------------------------------------------------------------


def _per_axis(x: Any, spatial: int, what: str, channels_first: bool = False) -> tuple[int, ...]:
    """A size for each spatial axis: of one number, of one each, or with batch and channels too.

    Raises:
        ValueError: another count of numbers, or batch and channels are not 1.
    """
    found = integers(x, what)
    if len(found) == 1:
        return found * spatial
    if len(found) == spatial + 2:
        inner, outer = (
            (found[2:], found[:2]) if channels_first else (found[1:-1], (found[0], found[-1]))
        )
        if outer != (1, 1):
            raise ValueError(f"{what} of the batch and channel axes have to be 1, got {found}")
        return inner
    if len(found) != spatial:
        raise ValueError(f"{what} should be of length 1, {spatial} or {spatial + 2}, got {found}")
    return found


def _pads(
    padding: Any,
    sizes: Sequence[Any],
    extents: Sequence[int],
    strides: Sequence[int],
    op: str,
    channels_first: bool,
) -> Pads:
    """Zeros before and after each spatial axis."""
    if isinstance(padding, (list, tuple)):
        given = tuple(tuple(integers(p, "padding")) for p in padding)
        return given[2:] if channels_first else given[1:-1]  # type: ignore[return-value]
    text = str(padding).upper()
    if text == "VALID":
        return ((0, 0),) * len(sizes)
    if text != "SAME":
        raise ValueError(
            f"Value for attr 'padding' of {padding!r} is not in the list of allowed values:"
            f' "SAME", "VALID", "EXPLICIT" [Op:{op}]'
        )
    found = []
    for size, extent, stride in zip(sizes, extents, strides, strict=True):
        if not isinstance(size, int):
            raise ValueError(f"{op} with padding 'SAME' needs spatial sizes that are known")
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _format(data_format: str | None, spatial: int) -> bool:
    """Whether channels come before the spatial axes."""
    last = {1: "NWC", 2: "NHWC"}[spatial]
    first = {1: "NCW", 2: "NCHW"}[spatial]
    if data_format in (None, last):
        return False
    if data_format == first:
        return True
    raise ValueError(f"data_format must be {last!r} or {first!r}, got {data_format!r}")


# -- functions on arrays --------------------------------------------------------------------------


def _windows(
    x: Any, extent: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Any:
    """[batch, *places, channels, *extent]: the part of x that each place sees."""
    spans = [(e - 1) * d + 1 for e, d in zip(extent, dilations, strict=True)]
    axes = tuple(range(1, 1 + len(extent)))
    found = np.lib.stride_tricks.sliding_window_view(x, tuple(spans), axis=axes)
    places = tuple(slice(None, None, s) for s in strides)
    inner = tuple(slice(None, None, d) for d in dilations)
    return found[(slice(None), *places, slice(None), *inner)]


def _padded(x: Any, pads: Pads, value: Any) -> Any:
    if not any(any(p) for p in pads):
        return x
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)


def _channels_last(x: Any) -> Any:
    return np.moveaxis(x, 1, -1)


def _channels_first(x: Any) -> Any:
    return np.moveaxis(x, -1, 1)


def _convolve(
    x: Any,
    filters: Any,
    *,
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: Pads,
    channels_first: bool,
) -> Any:
    if channels_first:
        x = _channels_last(x)
    spatial = len(strides)
    extent = filters.shape[:spatial]
    seen = _windows(_padded(x, pads, 0), extent, strides, dilations)
    inner = (*range(2 + spatial, 2 + 2 * spatial), 1 + spatial)  # *extent, channels
    found = np.tensordot(seen, filters, axes=(inner, tuple(range(spatial + 1))))
    return _channels_first(found) if channels_first else found


def _depthwise(
    x: Any, filters: Any, *, strides: tuple[int, ...], dilations: tuple[int, ...], pads: Pads
) -> Any:
    seen = _windows(_padded(x, pads, 0), filters.shape[:2], strides, dilations)
    found = np.einsum("nhwcij,ijcm->nhwcm", seen, filters)
    return found.reshape((*found.shape[:3], found.shape[3] * found.shape[4]))


def _max_pool(
    x: Any, *, extent: tuple[int, ...], strides: tuple[int, ...], pads: Pads, channels_first: bool
) -> Any:
    if channels_first:
        x = _channels_last(x)
    low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    seen = _windows(_padded(x, pads, low), extent, strides, (1,) * len(extent))
    found = np.max(seen, axis=tuple(range(2 + len(extent), seen.ndim)))
    return _channels_first(found) if channels_first else found


def _avg_pool(
    x: Any, *, extent: tuple[int, ...], strides: tuple[int, ...], pads: Pads, channels_first: bool
) -> Any:
    if channels_first:
        x = _channels_last(x)
    ones = (1,) * len(extent)
    seen = _windows(_padded(x, pads, 0), extent, strides, ones)
    inner = tuple(range(2 + len(extent), 2 + 2 * len(extent)))
    total = np.sum(seen, axis=inner, dtype=x.dtype)
    if any(any(p) for p in pads):  # padding does not count
        inside = np.ones((1, *x.shape[1:-1], 1), x.dtype)
        count = np.sum(_windows(_padded(inside, pads, 0), extent, strides, ones), axis=inner)
    else:
        count = int(np.prod(extent))
    found = total / x.dtype.type(count) if isinstance(count, int) else total / count
    return _channels_first(found) if channels_first else found


# -- public ops -----------------------------------------------------------------------------------


def _convolution(
    op: str,
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    spatial: int,
) -> Tensor:
    x, w = pair(op, convert_to_tensor(input), filters)
    checked(op, x, "f")
    first = _format(data_format, spatial)
    if x.ndim != spatial + 2 or w.ndim != spatial + 2:
        raise InvalidArgumentError(
            f"input and filter must have {spatial + 2} axes, got {x.shape} and {w.shape} [Op:{op}]"
        )
    sizes = x._value.shape[2:] if first else x._value.shape[1:-1]
    channels = x._value.shape[1 if first else -1]
    if isinstance(channels, int) and channels != w.shape[-2]:
        raise InvalidArgumentError(
            "input depth must be evenly divisible by filter depth: the input has"
            f" {channels} channels, the filter {w.shape[-2]} (operands: {x.shape}, {w.shape})"
            f" [Op:{op}]"
        )
    steps = _per_axis(strides, spatial, "strides", first)
    spread = _per_axis(1 if dilations is None else dilations, spatial, "dilations", first)
    extents = [(k - 1) * d + 1 for k, d in zip(w._value.shape[:spatial], spread, strict=True)]
    pads = _pads(padding, sizes, extents, steps, op, first)
    _check_fit(op, sizes, pads, extents)
    attrs = {"strides": steps, "dilations": spread, "pads": pads, "channels_first": first}
    found: Tensor = apply(op, _convolve, [x, w], attrs)
    return found


def _check_fit(op: str, sizes: Sequence[Any], pads: Pads, extents: Sequence[int]) -> None:
    for size, (before, after), extent in zip(sizes, pads, extents, strict=True):
        if isinstance(size, int) and size + before + after < extent:
            raise InvalidArgumentError(
                f"Computed output size would be negative: a window of {extent} does not fit into"
                f" {size + before + after} elements [Op:{op}]"
            )


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Cross-correlation over two spatial axes.

    Args:
        input: [batch, height, width, channels].
        filters: [height, width, channels, outputs].
        strides: one number, two, or four with 1 for the batch and the channels.
        padding: "SAME", "VALID", or a pair of numbers for each of the four axes.
        data_format: "NHWC" or "NCHW".
        dilations: as `strides`.
        name: for TensorFlow's signature.

    Raises:
        InvalidArgumentError: the shapes do not fit together.
    """
    return _convolution(
        "Conv2D", input, filters, strides, padding, data_format, dilations, spatial=2
    )


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Cross-correlation over one spatial axis: [batch, width, channels] and [width, in, out]."""
    return _convolution(
        "Conv1D", input, filters, stride, padding, data_format, dilations, spatial=1
    )


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Each channel convolved with its own filters: [height, width, channels, multiplier]."""
    op = "DepthwiseConv2dNative"
    x, w = pair(op, convert_to_tensor(input), filter)
    if _format(data_format, 2):
        raise ValueError("tf.nn.depthwise_conv2d takes data_format='NHWC' only: transpose first")
    if x.ndim != 4 or w.ndim != 4 or not x.shape[3:].is_compatible_with(w.shape[2:3]):
        raise InvalidArgumentError(
            f"input and filter do not fit together: {x.shape} and {w.shape} [Op:{op}]"
        )
    steps = _per_axis(strides, 2, "strides")
    spread = _per_axis(1 if dilations is None else dilations, 2, "dilations")
    extents = [(k - 1) * d + 1 for k, d in zip(w._value.shape[:2], spread, strict=True)]
    sizes = x._value.shape[1:-1]
    pads = _pads(padding, sizes, extents, steps, op, False)
    _check_fit(op, sizes, pads, extents)
    attrs = {"strides": steps, "dilations": spread, "pads": pads}
    found: Tensor = apply(op, _depthwise, [x, w], attrs)
    return found


def _pooling(
    op: str,
    function: Any,
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    spatial: int,
) -> Tensor:
    x = checked(op, convert_to_tensor(input), "f" if op == "AvgPool" else "iuf")
    if x.ndim != spatial + 2:
        raise InvalidArgumentError(
            f"tensor_in must be {spatial + 2}-dimensional, got {x.shape} [Op:{op}]"
        )
    first = _format(data_format, spatial)
    extent = _per_axis(ksize, spatial, "ksize", first)
    steps = _per_axis(strides, spatial, "strides", first)
    sizes = x._value.shape[2:] if first else x._value.shape[1:-1]
    pads = _pads(padding, sizes, extent, steps, op, first)
    _check_fit(op, sizes, pads, extent)
    attrs = {"extent": extent, "strides": steps, "pads": pads, "channels_first": first}
    found: Tensor = apply(op, function, [x], attrs)
    return found


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of two spatial axes."""
    return _pooling("MaxPool", _max_pool, input, ksize, strides, padding, data_format, 2)


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of two spatial axes; padding does not count."""
    return _pooling("AvgPool", _avg_pool, input, ksize, strides, padding, data_format, 2)


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of one spatial axis."""
    return _pooling("MaxPool", _max_pool, input, ksize, strides, padding, data_format, 1)


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of one spatial axis; padding does not count."""
    return _pooling("AvgPool", _avg_pool, input, ksize, strides, padding, data_format, 1)


def max_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """`max_pool1d` or `max_pool2d`, by the number of axes."""
    spatial = _spatial(input)
    return _pooling("MaxPool", _max_pool, input, ksize, strides, padding, data_format, spatial)


def avg_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """`avg_pool1d` or `avg_pool2d`, by the number of axes."""
    spatial = _spatial(input)
    return _pooling("AvgPool", _avg_pool, input, ksize, strides, padding, data_format, spatial)


def _spatial(input: Any) -> int:
    rank = convert_to_tensor(input).ndim
    if rank not in (3, 4):
        raise ValueError(
            f"Input tensor must be of rank 3 or 4 (one or two spatial axes), got {rank}"
        )
    return rank - 2
