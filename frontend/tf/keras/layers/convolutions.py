"""Convolutions: over one to three axes, transposed, depthwise, separable.

Layer: frontend. Images are [batch, height, width, channels], or have channels before the height.
"""

from __future__ import annotations

from typing import Any

from ...apply import apply
from ...convert import convert_to_tensor
from ...nn import convolutions as ops
from ...nn.normalise import bias_add
from ...nn.windows import FORMATS
from ...shapes import TensorShape
from ...shaping import pad
from ...tensors import Tensor
from .. import activations
from .base import FAMILY, Layer
from .weighted import Weighted


def per_axis(value: Any, name: str, rank: int, least: int = 1) -> tuple[int, ...]:
    """A number for each spatial axis.

    Raises:
        ValueError: another count of numbers, or one that is too small.
    """
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank or any(int(s) < least for s in sizes):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} positive integers. Received {value}"
        )
    return tuple(int(s) for s in sizes)


def read_format(data_format: str | None) -> str:
    """ "channels_last" or "channels_first".

    Raises:
        ValueError: another format.
    """
    if data_format not in (None, "channels_last", "channels_first"):
        raise ValueError(
            "The `data_format` argument must be one of 'channels_first', 'channels_last'."
            f" Received: {data_format}"
        )
    return data_format or "channels_last"


def checked_rank(layer: Layer, inputs: Any, rank: int) -> Tensor:
    """The tensor that a layer for so many spatial axes is called with.

    Raises:
        ValueError: it has another number of axes.
    """
    x = convert_to_tensor(inputs)
    if x.ndim != rank + 2:
        raise ValueError(
            f"Input 0 of layer {layer.name!r} is incompatible with the layer: expected "
            f"ndim={rank + 2}, found ndim={x.ndim}. Full shape received: {x.shape}"
        )
    return x


class Convolution(Weighted):
    """What convolutions over `_rank` axes have in common."""

    _rank: int
    _paddings: tuple[str, ...] = ("valid", "same")
    fields: tuple[str, ...] = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups",
        "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
        "bias_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        rank, padding = self._rank, str(padding).lower()
        if padding not in self._paddings:
            allowed = " or ".join(map(repr, self._paddings))
            raise ValueError(f"The `padding` argument must be {allowed}, got {padding!r}")
        if filters is not None and (filters < 1 or filters % groups):
            raise ValueError(
                "The number of filters must be positive and evenly divisible by the number of"
                f" groups. Received: groups={groups}, filters={filters}."
            )
        self.filters, self.groups = filters, int(groups)
        self.padding, self.use_bias = padding, use_bias
        self.data_format = read_format(data_format)
        self.kernel_size = per_axis(kernel_size, "kernel_size", rank)
        self.strides = per_axis(strides, "strides", rank)
        self.dilation_rate = per_axis(dilation_rate, "dilation_rate", rank)
        self.activation = activations.get(activation)
        self._describe("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._describe("bias", bias_initializer, bias_regularizer, bias_constraint)

    @property
    def _format(self) -> str:
        """As `tf.nn` names it."""
        return FORMATS[self._rank][self.data_format == "channels_first"]

    def _channels(self, input_shape: Any) -> int:
        shape = TensorShape(input_shape)
        channels = shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ValueError("The channel dimension of the inputs should be defined.")
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups."
                f" Received groups={self.groups}, but the input has {channels} channels"
                f" (full input shape is {shape})."
            )
        return channels

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        channels = self._channels(input_shape) // self.groups
        self.kernel = self._make("kernel", (*self.kernel_size, channels, self.filters))
        self._add_bias(self.filters)

    def _add_bias(self, size: int) -> None:
        self.bias = self._make("bias", (size,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The result."""
        y = self._convolved(checked_rank(self, inputs, self._rank))
        if self.bias is not None:
            y = bias_add(y, self.bias.value(), self._format)
        return self.activation(y)

    def _convolved(self, x: Tensor) -> Tensor:
        padding = self.padding.upper()
        if padding == "CAUSAL":
            before = (self.kernel_size[0] - 1) * self.dilation_rate[0]
            sides = [(0, 0), (0, 0), (0, 0)]
            sides[2 if self.data_format == "channels_first" else 1] = (before, 0)
            x, padding = pad(x, sides), "VALID"
        return ops.convolution(
            x, self.kernel.value(), self.strides, padding, self._format, self.dilation_rate
        )


@FAMILY.add("Convolution1D")
class Conv1D(Convolution):
    """A convolution over one axis, [batch, steps, channels].

    With the padding "causal" a result depends on earlier steps only.
    """

    _rank = 1
    _paddings = ("valid", "same", "causal")


@FAMILY.add("Convolution2D")
class Conv2D(Convolution):
    """A convolution over height and width."""

    _rank = 2


@FAMILY.add("Convolution3D")
class Conv3D(Convolution):
    """A convolution over depth, height and width."""

    _rank = 3


# -- transposed -----------------------------------------------------------------------------------


class _Transposed(Convolution):
    """What the transposes of convolutions have in common."""

    fields = (
        *(f for f in Convolution.fields if f != "groups"),
        "output_padding",
    )

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate,
            activation=activation, **options,
        )  # fmt: skip
        self.output_padding = output_padding
        if output_padding is not None:
            self.output_padding = per_axis(output_padding, "output_padding", self._rank, least=0)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        channels = self._channels(input_shape)
        self.kernel = self._make("kernel", (*self.kernel_size, self.filters, channels))
        self._add_bias(self.filters)

    def _size(self, axis: int, size: Any) -> Any:
        """That of the result along a spatial axis."""
        stride = self.strides[axis]
        extent = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        if self.output_padding is None:
            return size * stride + (max(extent - stride, 0) if self.padding == "valid" else 0)
        sides = extent // 2 * 2 if self.padding == "same" else 0
        return (size - 1) * stride + extent - sides + self.output_padding[axis]

    def _convolved(self, x: Tensor) -> Tensor:
        batch, *rest = x._value.shape
        is_first = self.data_format == "channels_first"
        spatial = rest[1:] if is_first else rest[:-1]
        sizes = [self._size(k, n) for k, n in enumerate(spatial)]
        shape = [batch, self.filters, *sizes] if is_first else [batch, *sizes, self.filters]
        return ops.conv_transpose(
            x, self.kernel.value(), shape, self.strides, self.padding.upper(), self._format,
            self.dilation_rate,
        )  # fmt: skip


@FAMILY.add("Convolution1DTranspose")
class Conv1DTranspose(_Transposed):
    """The transpose of a convolution over one axis: makes it longer, by the strides."""

    _rank = 1


@FAMILY.add("Convolution2DTranspose")
class Conv2DTranspose(_Transposed):
    """The transpose of a convolution over height and width."""

    _rank = 2


@FAMILY.add("Convolution3DTranspose")
class Conv3DTranspose(_Transposed):
    """The transpose of a convolution over depth, height and width."""

    _rank = 3


# -- depthwise and separable ----------------------------------------------------------------------


class _Depthwise(Convolution):
    """Each channel convolved with filters of its own."""

    fields = (
        "kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate",
        "activation", "use_bias", "depthwise_initializer", "bias_initializer",
        "depthwise_regularizer", "bias_regularizer", "depthwise_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        depthwise_regularizer: Any = None,
        depthwise_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            None, kernel_size, strides, padding, data_format, dilation_rate,  # type: ignore[arg-type]
            activation=activation, use_bias=use_bias, kernel_initializer=depthwise_initializer,
            kernel_regularizer=depthwise_regularizer, kernel_constraint=depthwise_constraint,
            **options,
        )  # fmt: skip
        self.depth_multiplier = int(depth_multiplier)
        self._describe(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        channels = self._channels(input_shape)
        self.kernel = self._make("kernel", (*self.kernel_size, channels, self.depth_multiplier))
        self._add_bias(channels * self.depth_multiplier)

    def _convolved(self, x: Tensor) -> Tensor:
        wide = apply("Reshape", _as_groups, [self.kernel.value()])
        return ops.convolution(
            x, wide, self.strides, self.padding.upper(), self._format, self.dilation_rate
        )


def _as_groups(kernel: Any) -> Any:
    """[*window, channels, multiplier] as the filters of as many groups as channels."""
    *window, channels, multiplier = kernel.shape
    return kernel.reshape((*window, 1, channels * multiplier))


@FAMILY.add()
class DepthwiseConv1D(_Depthwise):
    """Each channel convolved with filters of its own, over one axis."""

    _rank = 1


@FAMILY.add()
class DepthwiseConv2D(_Depthwise):
    """Each channel convolved with filters of its own, over height and width."""

    _rank = 2


class _Separable(Convolution):
    """A depthwise convolution, and one of single elements that mixes the channels."""

    fields = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
        "depth_multiplier", "activation", "use_bias", "depthwise_initializer",
        "pointwise_initializer", "bias_initializer", "bias_regularizer", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        **options: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate,
            activation=activation, use_bias=use_bias, **options,
        )  # fmt: skip
        self.depth_multiplier = int(depth_multiplier)
        self._describe("depthwise", depthwise_initializer)
        self._describe("pointwise", pointwise_initializer)

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        channels, multiplier = self._channels(input_shape), self.depth_multiplier
        wide = (*self.kernel_size, channels, multiplier)
        self.depthwise_kernel = self._make("depthwise", wide, name="depthwise_kernel")
        single = (*(1,) * self._rank, channels * multiplier, self.filters)
        self.pointwise_kernel = self._make("pointwise", single, name="pointwise_kernel")
        self._add_bias(self.filters)

    def _convolved(self, x: Tensor) -> Tensor:
        wide = apply("Reshape", _as_groups, [self.depthwise_kernel.value()])
        apart = ops.convolution(
            x, wide, self.strides, self.padding.upper(), self._format, self.dilation_rate
        )
        mix = self.pointwise_kernel.value()
        return ops.convolution(apart, mix, 1, "VALID", self._format)


@FAMILY.add("SeparableConvolution1D")
class SeparableConv1D(_Separable):
    """A depthwise convolution over one axis, then a mix of channels."""

    _rank = 1


@FAMILY.add("SeparableConvolution2D")
class SeparableConv2D(_Separable):
    """A depthwise convolution over height and width, then a mix of channels."""

    _rank = 2


__all__ = [
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
]  # fmt: skip
