"""Convolutions as layers: over one to three axes, transposed, separable.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays import shape as sizes_of
from ...nn import convolutions
from ...nn.windows import FORMATS
from ...shaping import stack
from ..build import graph_op
from .affine import ZEROS, Affine
from .base import known_size

_FORWARD = {
    1: graph_op(convolutions.conv1d, "conv1d"),
    2: graph_op(convolutions.conv2d),
    3: graph_op(convolutions.conv3d),
}
_TRANSPOSED = {
    2: graph_op(convolutions.conv2d_transpose),
    3: graph_op(convolutions.conv3d_transpose),
}
_separable = graph_op(convolutions.separable_conv2d)
_shape, _stack = graph_op(sizes_of), graph_op(stack)


def tuple_of(value: Any, count: int, what: str) -> tuple[int, ...]:
    """A number for each spatial axis.

    Raises:
        ValueError: there are more or fewer.
    """
    if isinstance(value, int):
        return (value,) * count
    found = tuple(int(k) for k in value)
    if len(found) != count:
        raise ValueError(
            f"The `{what}` argument must be a tuple of {count} integers. Received: {value}"
        )
    return found


def format_of(data_format: str, spatial: int) -> str:
    """TensorFlow's name of the order of axes.

    Raises:
        ValueError: it is none.
    """
    if data_format.lower() not in ("channels_last", "channels_first"):
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last".'
            f" Received: {data_format}"
        )
    return FORMATS[spatial][data_format.lower() == "channels_first"]


class _Convolution(Affine):
    """activation(convolution(inputs, kernel) + bias); see `Affine` for what is not named here.

    Args:
        filters: the number of outputs.
        kernel_size: of the window: one number, or one for each axis.
        strides: as `kernel_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        dilation_rate: as `kernel_size`.
    """

    spatial = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        activation: Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable,
            name, **kwargs,
        )  # fmt: skip
        count = self.spatial
        self.least_rank = count + 2
        self.filters = int(filters)
        self.kernel_size = tuple_of(kernel_size, count, "kernel_size")
        self.strides = tuple_of(strides, count, "strides")
        self.dilation_rate = tuple_of(dilation_rate, count, "dilation_rate")
        self.padding, self.data_format = padding.upper(), data_format
        self._format = format_of(data_format, count)

    @property
    def _channel(self) -> int:
        return -1 if self._format.endswith("C") else 1

    def _kernel_shape(self, channels: int) -> list[int]:
        return [*self.kernel_size, channels, self.filters]

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        channels = known_size(input_shape.as_list()[self._channel], type(self).__name__)
        self._build_kernel(self._kernel_shape(channels))
        self._build_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """The layer's computation."""
        found = _FORWARD[self.spatial](
            inputs, self.kernel, self.strides, self.padding, self._format, self.dilation_rate
        )
        return self._activated(found, self._format)


class Conv1D(_Convolution):
    """A convolution over one axis."""

    spatial = 1


class Conv2D(_Convolution):
    """A convolution over two axes."""


class Conv3D(_Convolution):
    """A convolution over three axes."""

    spatial = 3


class Conv2DTranspose(_Convolution):
    """The transpose of a convolution over two axes; its kernel is [*window, filters, channels]."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, padding, data_format, **kwargs)

    def _kernel_shape(self, channels: int) -> list[int]:
        return [*self.kernel_size, self.filters, channels]

    def call(self, inputs: Any) -> Any:
        """The layer's computation."""
        sizes = inputs.shape.as_list()
        given = _shape(inputs) if None in sizes else None
        known = [given[k] if n is None else n for k, n in enumerate(sizes)]  # type: ignore[index]
        first = 1 if self._channel == -1 else 2
        wanted = [
            known[first + k] * stride + (max(window - stride, 0) if self.padding == "VALID" else 0)
            for k, (window, stride) in enumerate(zip(self.kernel_size, self.strides, strict=True))
        ]
        wanted = [*wanted, self.filters] if first == 1 else [self.filters, *wanted]
        shape = [known[0], *wanted] if given is None else _stack([known[0], *wanted])
        found = _TRANSPOSED[self.spatial](
            inputs, self.kernel, shape, self.strides, self.padding, self._format
        )
        return self._activated(found, self._format)


class Conv3DTranspose(Conv2DTranspose):
    """The transpose of a convolution over three axes."""

    spatial = 3


class SeparableConv2D(_Convolution):
    """Each channel convolved by itself, and a convolution of single elements that mixes them.

    Args:
        filters: as of `Conv2D`, like the arguments that are not named here.
        kernel_size: see there.
        strides: see there.
        padding: see there.
        data_format: see there.
        dilation_rate: see there.
        depth_multiplier: how many results each channel has.
        activation: see there.
        use_bias: see there.
        depthwise_initializer: of the first kernel.
        pointwise_initializer: of the second kernel.
        bias_initializer: see there.
        depthwise_regularizer: of the first kernel.
        pointwise_regularizer: of the second kernel.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = None,
        pointwise_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
            use_bias, None, bias_initializer, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = int(depth_multiplier)
        self._apart = (depthwise_initializer, depthwise_regularizer)
        self._mix = (pointwise_initializer, pointwise_regularizer)
        self.depthwise_kernel: Any = None
        self.pointwise_kernel: Any = None

    def build(self, input_shape: Any) -> None:
        """Make the kernels and the bias."""
        channels = known_size(input_shape.as_list()[self._channel], type(self).__name__)
        wide = channels * self.depth_multiplier
        first = [*self.kernel_size, channels, self.depth_multiplier]
        self.depthwise_kernel = self.add_weight("depthwise_kernel", first, None, *self._apart)
        second = [1, 1, wide, self.filters]
        self.pointwise_kernel = self.add_weight("pointwise_kernel", second, None, *self._mix)
        self._build_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """The layer's computation."""
        found = _separable(
            inputs, self.depthwise_kernel, self.pointwise_kernel, self.strides, self.padding,
            self._format, self.dilation_rate,
        )  # fmt: skip
        return self._activated(found, self._format)
