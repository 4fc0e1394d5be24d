"""Convolutions and pooling.

Layer: frontend. Images are [batch, height, width, channels].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...nn import convolutions, pooling
from ...shapes import TensorShape
from ...shaping import pad
from .. import activations, constraints, initializers, regularizers
from .base import FAMILY, Layer


def _pair(value: Any, name: str, rank: int) -> tuple[int, ...]:
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank or any(int(s) <= 0 for s in sizes):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} positive integers. Received {value}"
        )
    return tuple(int(s) for s in sizes)


def _check_format(data_format: str | None) -> None:
    if data_format not in (None, "channels_last"):
        raise NotImplementedError(f"data_format={data_format!r}: only 'channels_last' is supported")


def _add_bias(x: Any, bias: Any) -> Any:
    return x + bias


class _Convolution(Layer):
    """Convolutions over `_rank` axes."""

    _rank: int
    _op: Callable[..., Any]
    fields = (
        "filters", "kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias",
        "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
        "kernel_constraint", "bias_constraint",
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
        _check_format(data_format)
        if groups != 1:
            raise NotImplementedError(f"{type(self).__name__}: groups={groups} is not supported")
        if padding not in ("valid", "same"):
            raise ValueError(f"The `padding` argument must be 'valid' or 'same', got {padding!r}")
        rank = self._rank
        self.filters, self.padding, self.use_bias = int(filters), padding, use_bias
        self.kernel_size = _pair(kernel_size, "kernel_size", rank)
        self.strides = _pair(strides, "strides", rank)
        self.dilation_rate = _pair(dilation_rate, "dilation_rate", rank)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel [*window, channels, filters] and bias [filters]."""
        channels = TensorShape(input_shape)[-1]
        if channels is None:
            raise ValueError("The channel dimension of the inputs should be defined.")
        self.kernel = self.add_weight(
            name="kernel", shape=(*self.kernel_size, channels, self.filters),
            initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        if x.ndim != self._rank + 2:
            raise ValueError(
                f"Input 0 of layer {self.name!r} is incompatible with the layer: expected "
                f"ndim={self._rank + 2}, found ndim={x.ndim}. Full shape received: {x.shape}"
            )
        y = type(self)._op(
            x, self.kernel.value(), self.strides, self.padding.upper(),
            dilations=self.dilation_rate,
        )  # fmt: skip
        if self.bias is not None:
            y = apply("BiasAdd", _add_bias, [y, self.bias.value()])
        return self.activation(y)


@FAMILY.add("Convolution2D")
class Conv2D(_Convolution):
    """A convolution over height and width."""

    _rank = 2
    _op = staticmethod(convolutions.conv2d)


@FAMILY.add("Convolution1D")
class Conv1D(_Convolution):
    """A convolution over one axis, [batch, steps, channels]."""

    _rank = 1

    @staticmethod
    def _op(x: Any, kernel: Any, strides: Any, padding: str, dilations: Any) -> Any:
        return convolutions.conv1d(x, kernel, strides[0], padding, dilations=dilations[0])


class _Pooling(Layer):
    """Windows of `_rank` axes reduced to one element."""

    _rank: int
    _op: Callable[..., Any]
    fields = ("pool_size", "strides", "padding")

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        _check_format(data_format)
        self.pool_size = _pair(pool_size, "pool_size", self._rank)
        self.strides = self.pool_size if strides is None else _pair(strides, "strides", self._rank)
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """The result."""
        return type(self)._op(inputs, self.pool_size, self.strides, self.padding.upper())


def _pooling(name: str, rank: int, op: Callable[..., Any], doc: str) -> type:
    attributes = {"_rank": rank, "_op": staticmethod(op), "__doc__": doc, "__module__": __name__}
    made = type(name, (_Pooling,), attributes)
    registered: type = FAMILY.add(name.replace("Pooling", "Pool"))(made)
    return registered


_LARGEST = "The largest element of each window."
_MEAN = "The mean of each window."
MaxPooling1D = MaxPool1D = _pooling("MaxPooling1D", 1, pooling.max_pool1d, _LARGEST)
MaxPooling2D = MaxPool2D = _pooling("MaxPooling2D", 2, pooling.max_pool2d, _LARGEST)
AveragePooling1D = AvgPool1D = _pooling("AveragePooling1D", 1, pooling.avg_pool1d, _MEAN)
AveragePooling2D = AvgPool2D = _pooling("AveragePooling2D", 2, pooling.avg_pool2d, _MEAN)


def _global_max(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.max(x, axis=axes, keepdims=keepdims)


def _global_mean(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.mean(x, axis=axes, keepdims=keepdims)


class _GlobalPooling(Layer):
    _function: Callable[..., Any]
    fields = ("keepdims",)

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        _check_format(data_format)
        self.keepdims = keepdims

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        attrs = {"axes": tuple(range(1, x.ndim - 1)), "keepdims": bool(self.keepdims)}
        return apply(type(self).__name__, type(self)._function, [x], attrs)


@FAMILY.add("GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPooling1D")
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest element of each channel."""

    _function = staticmethod(_global_max)


@FAMILY.add("GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAveragePooling1D")
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel."""

    _function = staticmethod(_global_mean)


GlobalMaxPooling1D, GlobalAveragePooling1D = GlobalMaxPooling2D, GlobalAveragePooling2D


@FAMILY.add()
class ZeroPadding2D(Layer):
    """Zeros around images.

    Args:
        padding: one number, (height, width), or ((top, bottom), (left, right)).
        data_format: "channels_last".
        options: see `Layer`.
    """

    fields = ("padding",)

    def __init__(self, padding: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        _check_format(data_format)
        sides = (padding, padding) if isinstance(padding, int) else padding
        self.padding = tuple((s, s) if isinstance(s, int) else tuple(s) for s in sides)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return pad(inputs, [(0, 0), *self.padding, (0, 0)])


__all__ = [
    "AveragePooling1D", "AveragePooling2D", "AvgPool1D", "AvgPool2D", "Conv1D", "Conv2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "MaxPool1D", "MaxPool2D", "MaxPooling1D", "MaxPooling2D", "ZeroPadding2D",
]  # fmt: skip
