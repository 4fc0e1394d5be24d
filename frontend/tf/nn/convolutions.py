"""Convolutions: over one to three axes, in groups, depthwise, separable, dilated, transposed.

Layer: frontend. All are the op `convolve`, by way of frontend/convolution.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...convolution import convolution as convolve
from ...convolution import transposed_convolution
from ..apply import apply, checked, pair
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..static import shape as static_shape
from ..tensors import Tensor
from .windows import FORMATS, Geometry, channels_back, channels_last

# -- functions on arrays --------------------------------------------------------------------------


def _convolve(x: Any, filters: Any, *, geometry: Geometry, groups: int) -> Any:
    spatial = len(geometry.strides)
    front = x.shape[: x.ndim - spatial - 1]  # further batch axes are allowed
    flat = x if len(front) == 1 else x.reshape((-1, *x.shape[x.ndim - spatial - 1 :]))
    found = convolve(
        channels_last(flat, geometry),
        filters,
        strides=geometry.strides,
        padding=geometry.padding,
        dilation=geometry.dilations,
        groups=groups,
    )
    found = channels_back(found, geometry)
    return found if len(front) == 1 else found.reshape((*front, *found.shape[1:]))


def _depthwise(x: Any, filters: Any, *, geometry: Geometry) -> Any:
    *window, channels, multiplier = filters.shape
    wide = filters.reshape((*window, 1, channels * multiplier))
    return _convolve(x, wide, geometry=geometry, groups=channels)


def _transposed(y: Any, filters: Any, *, geometry: Geometry, sizes: tuple[Any, ...]) -> Any:
    found = transposed_convolution(
        channels_last(y, geometry),
        filters,
        sizes=sizes,
        strides=geometry.strides,
        padding=geometry.padding,
        dilation=geometry.dilations,
    )
    return channels_back(found, geometry)


# -- forward --------------------------------------------------------------------------------------


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
    geometry = Geometry.read(op, spatial, strides, padding, data_format, dilations)
    if x.ndim < spatial + 2 or w.ndim != spatial + 2:
        raise InvalidArgumentError(
            f"input and filter must have {spatial + 2} axes, got {x.shape} and {w.shape} [Op:{op}]"
        )
    channels = geometry.channels(x._value.shape)
    depth, outputs = w._value.shape[-2:]
    known = isinstance(channels, int) and isinstance(depth, int) and depth > 0
    if known and channels % depth:
        raise InvalidArgumentError(
            "input depth must be evenly divisible by filter depth: the input has"
            f" {channels} channels, the filter {depth} (operands: {x.shape}, {w.shape}) [Op:{op}]"
        )
    groups = max(channels // depth, 1) if known else 1
    if isinstance(outputs, int) and outputs % groups:
        raise InvalidArgumentError(
            f"output depth must be evenly divisible by number of groups: {outputs} outputs in"
            f" {groups} groups (operands: {x.shape}, {w.shape}) [Op:{op}]"
        )
    geometry.check_fit(op, geometry.spatial(x._value.shape), w._value.shape[:spatial])
    found: Tensor = apply(op, _convolve, [x, w], {"geometry": geometry, "groups": groups})
    return found


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Cross-correlation over one spatial axis: [batch, width, channels] and [width, in, out]."""
    return _convolution("Conv1D", input, filters, stride, padding, data_format, dilations, 1)


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Cross-correlation over two spatial axes.

    Args:
        input: [batch, height, width, channels]; there may be more batch axes.
        filters: [height, width, channels, outputs]. Where the input has a multiple of these
            channels, it is convolved in groups.
        strides: one number, two, or four with 1 for the batch and the channels.
        padding: "SAME", "VALID", or a pair of numbers for each of the four axes.
        data_format: "NHWC" or "NCHW".
        dilations: as `strides`.
        name: for TensorFlow's signature.

    Raises:
        InvalidArgumentError: the shapes do not fit together.
    """
    return _convolution("Conv2D", input, filters, strides, padding, data_format, dilations, 2)


def conv3d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Cross-correlation over three spatial axes: as `conv2d`, with a depth before the height."""
    return _convolution("Conv3D", input, filters, strides, padding, data_format, dilations, 3)


def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv1d`, `conv2d` or `conv3d`, by the number of axes of the filters."""
    w = convert_to_tensor(filters)
    spatial = _spatial(w.ndim)
    steps = 1 if strides is None else strides
    op = f"Conv{spatial}D"
    return _convolution(op, input, filters, steps, padding, data_format, dilations, spatial)


def _spatial(rank: int) -> int:
    if rank - 2 not in FORMATS:
        raise ValueError(f"filters must have 3, 4 or 5 axes (one to three spatial), got {rank}")
    return rank - 2


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: Any, name: str | None = None
) -> Tensor:
    """`conv2d` with a dilation of `rate` along both axes."""
    return conv2d(value, filters, 1, padding, dilations=rate)


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
    checked(op, x, "f")
    geometry = Geometry.read(op, 2, strides, padding, data_format, dilations)
    axis = 1 if geometry.channels_first else 3
    if x.ndim != 4 or w.ndim != 4 or not x.shape[axis : axis + 1].is_compatible_with(w.shape[2:3]):
        raise InvalidArgumentError(
            f"input and filter do not fit together: {x.shape} and {w.shape} [Op:{op}]"
        )
    geometry.check_fit(op, geometry.spatial(x._value.shape), w._value.shape[:2])
    found: Tensor = apply(op, _depthwise, [x, w], {"geometry": geometry})
    return found


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """A depthwise convolution, and one of single elements that mixes the channels.

    Raises:
        InvalidArgumentError: the shapes do not fit together.
    """
    mix = convert_to_tensor(pointwise_filter)
    if mix.ndim != 4 or tuple(mix.shape[:2]) != (1, 1):
        raise InvalidArgumentError(
            f"pointwise_filter must be [1, 1, channels, outputs], got {mix.shape}"
            " [Op:SeparableConv2D]"
        )
    apart = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return conv2d(apart, mix, 1, "VALID", data_format)


# -- transposed -----------------------------------------------------------------------------------


def _conv_transpose(
    op: str,
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    spatial: int,
) -> Tensor:
    y, w = pair(op, convert_to_tensor(input), filters)
    checked(op, y, "f")
    geometry = Geometry.read(op, spatial, strides, padding, data_format, dilations)
    wanted = static_shape(output_shape, op)
    if y.ndim != spatial + 2 or w.ndim != spatial + 2 or len(wanted) != spatial + 2:
        raise InvalidArgumentError(
            f"input, filter and output_shape must have {spatial + 2} axes, got {y.shape},"
            f" {w.shape} and {list(wanted)} [Op:{op}]"
        )
    given = (y._value.shape[0], geometry.channels(y._value.shape), geometry.channels(wanted))
    expected = (wanted[0], w._value.shape[-1], w._value.shape[-2])
    for what, a, b in zip(("batch", "input channels", "channels"), given, expected, strict=True):
        if isinstance(a, int) and isinstance(b, int) and a != b:
            raise InvalidArgumentError(
                f"the {what} do not fit together: {a} and {b} (operands: {y.shape}, {w.shape},"
                f" output_shape: {list(wanted)}) [Op:{op}]"
            )
    sizes = geometry.spatial(wanted)
    _check_places(op, geometry, sizes, geometry.spatial(y._value.shape), w._value.shape[:spatial])
    found: Tensor = apply(op, _transposed, [y, w], {"geometry": geometry, "sizes": sizes})
    return found


def _check_places(
    op: str, geometry: Geometry, sizes: Sequence[Any], places: Sequence[Any], window: Sequence[Any]
) -> None:
    """Raise unless a convolution of these sizes has these places."""
    for k, (size, actual, extent, stride) in enumerate(
        zip(sizes, places, geometry.extents(window), geometry.strides, strict=True)
    ):
        if not isinstance(size, int) or not isinstance(actual, int):
            continue
        pads = 0 if isinstance(geometry.padding, str) else sum(geometry.padding[k])
        count = -(-size // stride)
        if geometry.padding != "SAME":
            count = (size + pads - extent) // stride + 1
        if count != actual:
            raise InvalidArgumentError(
                f"Size of out_backprop doesn't match computed: actual = {actual}, computed ="
                f" {count} spatial_dim: {k + 1} input: {size} filter: {window[k]} output: {actual}"
                f" stride: {stride} dilation: {geometry.dilations[k]} [Op:{op}]"
            )


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """As `conv2d_transpose`, over one spatial axis."""
    return _conv_transpose(
        "Conv1DTranspose", input, filters, output_shape, strides, padding, data_format, dilations, 1
    )


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of `conv2d`: what it gives back to its input, as a gradient does.

    Args:
        input: [batch, height, width, channels].
        filters: [height, width, outputs, channels]: those of the convolution that is transposed.
        output_shape: of the result, [batch, height, width, outputs]; several heights and widths
            fit one input where strides are more than 1.
        strides: as of `conv2d`.
        padding: as of `conv2d`.
        data_format: "NHWC" or "NCHW".
        dilations: as `strides`.
        name: for TensorFlow's signature.

    Raises:
        InvalidArgumentError: the shapes do not fit together.
    """
    op = "Conv2DBackpropInput"
    return _conv_transpose(
        op, input, filters, output_shape, strides, padding, data_format, dilations, 2
    )


def conv3d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """As `conv2d_transpose`, over three spatial axes."""
    op = "Conv3DBackpropInputV2"
    return _conv_transpose(
        op, input, filters, output_shape, strides, padding, data_format, dilations, 3
    )


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of a convolution, over as many axes as the filters have."""
    spatial = _spatial(convert_to_tensor(filters).ndim)
    op = f"Conv{spatial}DTranspose"
    return _conv_transpose(
        op, input, filters, output_shape, strides, padding, data_format, dilations, spatial
    )


def atrous_conv2d_transpose(
    value: Any,
    filters: Any,
    output_shape: Any,
    rate: int,
    padding: Any,
    name: str | None = None,
) -> Tensor:
    """The transpose of `atrous_conv2d`."""
    return conv2d_transpose(value, filters, output_shape, 1, padding, dilations=rate)
