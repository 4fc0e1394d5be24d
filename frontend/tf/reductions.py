"""Reductions and cumulative ops: sums, means, extrema, norms, argmax, cumsum.

Layer: frontend. Results have the dtype of the operand, as TensorFlow's do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tracer import Tracer
from . import dtypes, static
from .apply import apply, checked
from .convert import convert_to_tensor
from .tensors import Tensor

# -- reductions -----------------------------------------------------------------------------------


def _reduce(op: str, function: Callable[..., Any], accepts: str, doc: str) -> Any:
    """A public reduction with TensorFlow's signature."""

    def reduction(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
    ) -> Tensor:
        x = checked(op, convert_to_tensor(input_tensor), accepts)
        attrs = {"axis": static.axes(axis, x.ndim, op), "keepdims": bool(keepdims)}
        result: Tensor = apply(op, function, (x,), attrs)
        return result

    reduction.__doc__ = doc
    return reduction


def _sum(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.add.reduce(x, axis=axis, dtype=x.dtype, keepdims=keepdims)  # type: ignore[call-overload]


def _prod(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _mean(x: Any, *, axis: Any, keepdims: bool) -> Any:
    if x.dtype.kind == "f" and (type(x) is Tracer or x.dtype.itemsize == 2):
        return np.mean(x, axis=axis, keepdims=keepdims)
    total = np.add.reduce(x, axis=axis, dtype=x.dtype, keepdims=keepdims)  # type: ignore[call-overload]
    count = x.dtype.type(_count(x, axis))
    if x.dtype.kind == "f":
        return total / count  # as np.mean, which warns of no elements
    return total // count + ((total < 0) & (total % count != 0))  # rounded to zero


def _count(x: Any, axis: Any) -> Any:
    sizes = x.shape if axis is None else [x.shape[k] for k in axis]
    count: Any = 1
    for size in sizes:
        count = count * size
    return count


def _max(x: Any, *, axis: Any, keepdims: bool) -> Any:
    if type(x) is np.ndarray and not x.size:
        low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        return np.max(x, axis=axis, keepdims=keepdims, initial=low)
    return np.max(x, axis=axis, keepdims=keepdims)


def _min(x: Any, *, axis: Any, keepdims: bool) -> Any:
    if type(x) is np.ndarray and not x.size:
        high = np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max
        return np.min(x, axis=axis, keepdims=keepdims, initial=high)
    return np.min(x, axis=axis, keepdims=keepdims)


def _any(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.any(x, axis=axis, keepdims=keepdims)


def _all(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.all(x, axis=axis, keepdims=keepdims)


def _variance(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.mean(np.square(x - np.mean(x, axis=axis, keepdims=True)), axis, keepdims=keepdims)


def _std(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return np.sqrt(_variance(x, axis=axis, keepdims=keepdims))


def _euclidean(x: Any, *, axis: Any, keepdims: bool) -> Any:
    squared = np.sum(np.square(x), axis=axis, keepdims=keepdims, dtype=x.dtype)
    return np.sqrt(squared) if x.dtype.kind == "f" else np.sqrt(squared).astype(x.dtype)


def log_sum_exp(x: Any, *, axis: Any, keepdims: bool) -> Any:
    """log(sum(exp(x))), without overflow: the largest element is taken out."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


def _of_floats(reduction: Any) -> Any:
    """A reduction that refuses integers as TensorFlow does."""

    def op(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
    ) -> Tensor:
        x = convert_to_tensor(input_tensor)
        if not x.dtype.is_floating:
            raise TypeError(
                f"Input must be either real or complex. Received integer type {x.dtype}."
            )
        result: Tensor = reduction(x, axis, keepdims)
        return result

    op.__doc__ = reduction.__doc__
    return op


reduce_sum = _reduce("Sum", _sum, "iuf", "The sum of elements along axes.")
reduce_prod = _reduce("Prod", _prod, "iuf", "The product of elements along axes.")
reduce_mean = _reduce("Mean", _mean, "iuf", "The mean along axes; of integers rounded to zero.")
reduce_max = _reduce("Max", _max, "iuf", "The largest element along axes.")
reduce_min = _reduce("Min", _min, "iuf", "The smallest element along axes.")
reduce_any = _reduce("Any", _any, "b", "Whether any element along axes is true.")
reduce_all = _reduce("All", _all, "b", "Whether all elements along axes are true.")
reduce_variance = _of_floats(_reduce("Variance", _variance, "", "The variance along axes."))
reduce_std = _of_floats(_reduce("Std", _std, "", "The standard deviation along axes."))
reduce_euclidean_norm = _reduce(
    "EuclideanNorm", _euclidean, "iuf", "The root of the sum of squares along axes."
)
reduce_logsumexp = _reduce(
    "LogSumExp", log_sum_exp, "f", "log(sum(exp(x))) along axes, without overflow."
)


def _count_nonzero(x: Any, *, axis: Any, keepdims: bool, dtype: np.dtype) -> Any:
    return np.sum(x != 0, axis=axis, keepdims=keepdims, dtype=dtype)


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:
    """The number of elements along axes that are not 0, False or the empty string."""
    x = convert_to_tensor(input)
    wanted = dtypes.as_dtype(dtype).numpy
    op = "CountNonzero"
    attrs = {"axis": static.axes(axis, x.ndim, op), "keepdims": bool(keepdims), "dtype": wanted}
    if x.dtype is dtypes.string:
        x = Tensor(np.asarray(x._value != b""), dtypes.bool_)
    return apply(op, _count_nonzero, (x,), attrs)  # type: ignore[no-any-return]


def _zero_fraction(x: Any, *, dtype: np.dtype) -> Any:
    return np.mean((x == 0).astype(dtype))


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are 0."""
    attrs = {"dtype": dtypes.float32.numpy}
    return apply("ZeroFraction", _zero_fraction, (convert_to_tensor(value),), attrs)  # type: ignore[no-any-return]


# -- positions of extrema -------------------------------------------------------------------------


def _argmax(x: Any, *, axis: int, dtype: np.dtype) -> Any:
    return np.argmax(x, axis=axis).astype(dtype)


def _argmin(x: Any, *, axis: int, dtype: np.dtype) -> Any:
    return np.argmin(x, axis=axis).astype(dtype)


def _position(op: str, function: Callable[..., Any], doc: str) -> Any:
    def position(
        input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None
    ) -> Tensor:
        x = checked(op, convert_to_tensor(input), "iufb")
        place = static.axis(0 if axis is None else axis, x.ndim, op, "dimension")
        attrs = {"axis": place, "dtype": dtypes.as_dtype(output_type).numpy}
        result: Tensor = apply(op, function, (x,), attrs)
        return result

    position.__doc__ = doc
    return position


argmax = _position("ArgMax", _argmax, "The position of the largest element along an axis (0).")
argmin = _position("ArgMin", _argmin, "The position of the smallest element along an axis (0).")

# -- cumulative ops -------------------------------------------------------------------------------


def _shifted(x: Any, axis: int, first: Any) -> Any:
    """All elements one place on along an axis, with `first` at the start."""
    front = (slice(None),) * axis
    one = np.full_like(x[(*front, slice(0, 1))], first)
    return np.concatenate((one, x[(*front, slice(None, -1))]), axis)


def _cumulative(scan: Callable[..., Any], first: Any) -> Callable[..., Any]:
    def function(x: Any, *, axis: int, exclusive: bool, reverse: bool) -> Any:
        if reverse:
            x = np.flip(x, axis)
        if exclusive and x.shape[axis]:
            x = _shifted(x, axis, first)
        result = scan(x, axis)
        return np.flip(result, axis) if reverse else result

    return function


def _sums(x: Any, axis: int) -> Any:
    return np.cumsum(x, axis, dtype=x.dtype)


def _products(x: Any, axis: int) -> Any:
    return np.cumprod(x, axis, dtype=x.dtype)


def _log_sums(x: Any, axis: int) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    return np.log(np.cumsum(np.exp(x - top), axis, dtype=x.dtype)) + top


def _public_cumulative(op: str, function: Callable[..., Any], accepts: str, doc: str) -> Any:
    def cumulative(
        x: Any,
        axis: Any = 0,
        exclusive: bool = False,
        reverse: bool = False,
        name: str | None = None,
    ) -> Tensor:
        tensor = checked(op, convert_to_tensor(x), accepts)
        place = static.axis(axis, tensor.ndim, op)
        attrs = {"axis": place, "exclusive": bool(exclusive), "reverse": bool(reverse)}
        result: Tensor = apply(op, function, (tensor,), attrs)
        return result

    cumulative.__doc__ = doc
    return cumulative


cumsum = _public_cumulative(
    "Cumsum", _cumulative(_sums, 0), "iuf", "Sums of all elements up to each along an axis."
)
cumprod = _public_cumulative(
    "Cumprod", _cumulative(_products, 1), "iuf", "Products of all elements up to each."
)
cumulative_logsumexp = _public_cumulative(
    "CumulativeLogsumexp", _cumulative(_log_sums, -np.inf), "f",
    "log(sum(exp(x))) of all elements up to each along an axis.",
)  # fmt: skip
