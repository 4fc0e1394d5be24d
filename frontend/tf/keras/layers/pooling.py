"""Pooling, zeros around images and parts of images.

Layer: frontend. Images are [batch, height, width, channels], or have channels before the height.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...nn import pooling as ops
from ...nn.windows import FORMATS
from ...shaping import pad
from ...tensors import Tensor
from .base import FAMILY, Layer
from .convolutions import checked_rank, per_axis, read_format


class _Pooling(Layer):
    """Windows of `_rank` axes reduced to one element."""

    _rank: int
    _op: Callable[..., Any]
    fields = ("pool_size", "strides", "padding", "data_format")

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.data_format = read_format(data_format)
        self.pool_size = per_axis(pool_size, "pool_size", self._rank)
        self.strides = (
            self.pool_size if strides is None else per_axis(strides, "strides", self._rank)
        )
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = checked_rank(self, inputs, self._rank)
        order = FORMATS[self._rank][self.data_format == "channels_first"]
        return type(self)._op(x, self.pool_size, self.strides, self.padding.upper(), order)


def _pooling(name: str, rank: int, op: Callable[..., Any], doc: str) -> type:
    attributes = {"_rank": rank, "_op": staticmethod(op), "__doc__": doc, "__module__": __name__}
    made = type(name, (_Pooling,), attributes)
    registered: type = FAMILY.add(name.replace("Pooling", "Pool"))(made)
    return registered


_LARGEST = "The largest element of each window."
_MEAN = "The mean of each window; padding does not count."
MaxPooling1D = MaxPool1D = _pooling("MaxPooling1D", 1, ops.max_pool1d, _LARGEST)
MaxPooling2D = MaxPool2D = _pooling("MaxPooling2D", 2, ops.max_pool2d, _LARGEST)
MaxPooling3D = MaxPool3D = _pooling("MaxPooling3D", 3, ops.max_pool3d, _LARGEST)
AveragePooling1D = AvgPool1D = _pooling("AveragePooling1D", 1, ops.avg_pool1d, _MEAN)
AveragePooling2D = AvgPool2D = _pooling("AveragePooling2D", 2, ops.avg_pool2d, _MEAN)
AveragePooling3D = AvgPool3D = _pooling("AveragePooling3D", 3, ops.avg_pool3d, _MEAN)


def _global_max(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.max(x, axis=axes, keepdims=keepdims)


def _global_mean(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.mean(x, axis=axes, keepdims=keepdims)


class _GlobalPooling(Layer):
    _rank: int
    _function: Callable[..., Any]
    fields = ("data_format", "keepdims")

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.data_format, self.keepdims = read_format(data_format), keepdims

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = checked_rank(self, inputs, self._rank)
        first = 2 if self.data_format == "channels_first" else 1
        attrs = {
            "axes": tuple(range(first, first + self._rank)),
            "keepdims": bool(self.keepdims),
        }
        return apply(type(self).__name__, type(self)._function, [x], attrs)


class _MaskedMean(_GlobalPooling):
    """The mean of the steps that count."""

    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The result."""
        if mask is None:
            return super().call(inputs)
        x = checked_rank(self, inputs, self._rank)
        axis = 2 if self.data_format == "channels_first" else 1
        attrs = {"axis": axis, "keepdims": bool(self.keepdims)}
        return apply(type(self).__name__, _mean_of_some, [x, cast(mask, x.dtype)], attrs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: there are no steps any more."""
        return None


def _mean_of_some(x: Any, weights: Any, *, axis: int, keepdims: bool) -> Any:
    weights = np.expand_dims(weights, 3 - axis)
    total = np.sum(np.where(weights != 0, x, np.zeros_like(x)), axis=axis, keepdims=keepdims)
    return total / np.sum(weights, axis=axis, keepdims=keepdims)


def _global(
    name: str, rank: int, function: Callable[..., Any], doc: str, base: type = _GlobalPooling
) -> type:
    attributes = {
        "_rank": rank,
        "_function": staticmethod(function),
        "__doc__": doc,
        "__module__": __name__,
    }
    other = name.replace("AveragePooling", "AvgPool").replace("Pooling", "Pool")
    registered: type = FAMILY.add(other)(type(name, (base,), attributes))
    return registered


_ALL_LARGEST = "The largest element of each channel."
_ALL_MEAN = "The mean of each channel."
GlobalMaxPooling1D = GlobalMaxPool1D = _global("GlobalMaxPooling1D", 1, _global_max, _ALL_LARGEST)
GlobalMaxPooling2D = GlobalMaxPool2D = _global("GlobalMaxPooling2D", 2, _global_max, _ALL_LARGEST)
GlobalMaxPooling3D = GlobalMaxPool3D = _global("GlobalMaxPooling3D", 3, _global_max, _ALL_LARGEST)
GlobalAveragePooling1D = GlobalAvgPool1D = _global(
    "GlobalAveragePooling1D", 1, _global_mean, _ALL_MEAN, _MaskedMean
)
GlobalAveragePooling2D = GlobalAvgPool2D = _global(
    "GlobalAveragePooling2D", 2, _global_mean, _ALL_MEAN
)
GlobalAveragePooling3D = GlobalAvgPool3D = _global(
    "GlobalAveragePooling3D", 3, _global_mean, _ALL_MEAN
)


# -- the rim --------------------------------------------------------------------------------------


def _sides(x: Any, name: str, rank: int) -> tuple[tuple[int, int], ...]:
    """A pair of numbers for each spatial axis."""
    each = (x,) * rank if isinstance(x, int) else tuple(x)
    if rank == 1 and len(each) == 2:
        each = (each,)
    sides = tuple((s, s) if isinstance(s, int) else tuple(map(int, s)) for s in each)
    if len(sides) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in sides):
        raise ValueError(
            f"`{name}` should be an int, or ints or pairs of ints for {rank} axes. Received: {x}"
        )
    return sides  # type: ignore[return-value]


class _Rim(Layer):
    """A layer that changes the rim of its input along `_rank` axes."""

    _rank: int
    _argument: str

    def __init__(self, amount: Any, data_format: str | None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = read_format(data_format)
        setattr(self, self._argument, _sides(amount, self._argument, self._rank))

    def _all_sides(self, rank: int) -> list[tuple[int, int]]:
        sides = list(getattr(self, self._argument))
        none = (0, 0)
        is_first = self.data_format == "channels_first"
        return [none, none, *sides] if is_first else [none, *sides, none]


class _ZeroPadding(_Rim):
    _argument = "padding"
    fields = ("padding", "data_format")

    def __init__(self, padding: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(padding, data_format, **options)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return pad(inputs, self._all_sides(self._rank))


class _Cropping(_Rim):
    _argument = "cropping"
    fields = ("cropping", "data_format")

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **options: Any) -> None:
        super().__init__(cropping, data_format, **options)

    def call(self, inputs: Any) -> Tensor:
        """The result."""
        x = convert_to_tensor(inputs)
        cuts = tuple(self._all_sides(self._rank))
        found: Tensor = apply("Cropping", _cropped, [x], {"cuts": cuts})
        return found


def _cropped(x: Any, *, cuts: tuple[tuple[int, int], ...]) -> Any:
    return x[tuple(slice(low, n - high) for n, (low, high) in zip(x.shape, cuts, strict=True))]


@FAMILY.add()
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps: one number, or (before, after)."""

    _rank = 1


@FAMILY.add()
class ZeroPadding2D(_ZeroPadding):
    """Zeros around images: one number, (height, width), or ((top, bottom), (left, right))."""

    _rank = 2


@FAMILY.add()
class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes: one number, or a number or a pair for each axis."""

    _rank = 3


@FAMILY.add()
class Cropping1D(_Cropping):
    """Takes steps away: one number, or (at the start, at the end)."""

    _rank = 1


@FAMILY.add()
class Cropping2D(_Cropping):
    """Takes the rim away: one number, (height, width), or ((top, bottom), (left, right))."""

    _rank = 2


@FAMILY.add()
class Cropping3D(_Cropping):
    """Takes the rim away: one number, or a number or a pair for each axis."""

    _rank = 3


__all__ = [
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D",
    "AvgPool3D", "Cropping1D", "Cropping2D", "Cropping3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D",
    "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "MaxPool1D", "MaxPool2D",
    "MaxPool3D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D",
]  # fmt: skip
