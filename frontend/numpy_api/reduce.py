"""Reductions: sum, min, mean, var, any, argmax and their relatives.

Layer: frontend. Each has NumPy's result dtype: sums of small integers are i64, means of integers
f64, and float16 is summed in float32 by the kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...compiler.errors import UnsupportedError
from ...compiler.ir.graph import Value
from ...compiler.ir.types import DType, Size
from .. import lift, values
from ..context import require
from ..location import user_location
from ..symint import wrap_size
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from .axes import kept_shape, one_axis, reduced_axes

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


# --- one op of the graph -----------------------------------------------------------------------


def reduce_value(op: str, x: Value, along: tuple[int, ...], keepdims: bool = False) -> Value:
    """A reduction op along axes; the axes stay, with size 1, if `keepdims`."""
    ctx = require()
    if not along and op.startswith("reduce_"):
        return x
    result = ctx.emit(op, x, axes=along)
    return values.reshape(ctx, result, kept_shape(x.type.shape, along)) if keepdims else result


def finish(value: Value, out: Any, name: str) -> Any:
    """A result as a tracer, stored in `out` if that is given."""
    result = lift.tracer(require(), value)
    if out is None:
        return result
    return FUNCTIONS["store"](name, result, out)


def selected(x: Value, where: Any, otherwise: Any) -> Value:
    """The elements where the condition holds, a neutral number elsewhere."""
    ctx = require()
    condition = values.cast(ctx, lift.as_array(where)._read(), DType.BOOL)
    shape = values.broadcast_shapes(ctx, [x.type.shape, condition.type.shape], "where")
    number = values.full(ctx, shape, otherwise, x.type.dtype)
    return ctx.emit(
        "select",
        values.broadcast(ctx, condition, shape),
        values.broadcast(ctx, x, shape),
        number,
    )


def _combined(ufunc: np.ufunc, value: Value, initial: Any) -> Value:
    """The reduction's result combined with `initial=`."""
    ctx = require()
    first = lift.value_as(ctx, lift.operand(initial), value.type.dtype)
    first = values.broadcast(ctx, first, value.type.shape)
    return ctx.emit(ufunc.__name__, first, value)


# --- sums and products -------------------------------------------------------------------------


def sum_dtype(dtype: DType) -> DType:
    """What np.sum and np.prod give for elements of this dtype."""
    if dtype.is_bool or (dtype.is_signed and dtype.bits < 64):
        return DType.I64
    return DType.U64 if dtype.is_unsigned else dtype


def _added_up_in(dtype: Any, out: Any) -> Any:
    """The dtype= of a sum: NumPy adds up in the dtype of `out` if no other is given."""
    return out.dtype if dtype is None and isinstance(out, Tracer) else dtype


def _accumulation(op: str, ufunc: np.ufunc, neutral: int) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = _NO_VALUE,
        where: Any = True,
    ) -> Any:
        x, ctx = lift.as_array(a), require()
        dtype = _added_up_in(dtype, out)
        target = sum_dtype(x._type.dtype) if dtype is None else values.dtype_of(dtype)
        value = values.cast(ctx, x._read(), target)
        if where is not True and where is not _NO_VALUE:
            value = selected(value, where, neutral)
        along = reduced_axes(axis, value.type.rank, of_ufunc=True)
        # addition of bools is `or`, multiplication is `and`
        logic = "reduce_any" if op == "reduce_sum" else "reduce_all"
        value = reduce_value(logic if target.is_bool else op, value, along, bool(keepdims))
        if initial is not _NO_VALUE and initial is not None:
            value = _combined(ufunc, value, initial)
        return finish(value, out, ufunc.__name__)

    return implementation


sum_ = implements(np.sum, np.ndarray.sum)(_accumulation("reduce_sum", np.add, 0))
prod = implements(np.prod, np.ndarray.prod)(_accumulation("reduce_prod", np.multiply, 1))


# --- smallest and largest ----------------------------------------------------------------------


def _extreme(op: str, ufunc: np.ufunc, name: str) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = _NO_VALUE,
        where: Any = True,
    ) -> Any:
        x = lift.as_array(a)
        value = x._read()
        has_initial = initial is not _NO_VALUE and initial is not None
        if where is not True and where is not _NO_VALUE:
            if not has_initial:
                raise ValueError(
                    f"reduction operation '{name}' does not have an identity, so to use a where"
                    " mask one has to specify 'initial'"
                )
            value = selected(value, where, worst(x._type.dtype, largest=op == "reduce_max"))
        along = reduced_axes(axis, value.type.rank, of_ufunc=True)
        if _is_empty(value, along):
            if not has_initial:
                raise ValueError(
                    f"zero-size array to reduction operation {name} which has no identity"
                )
            shape = tuple(s for k, s in enumerate(value.type.shape) if k not in along)
            shape = kept_shape(value.type.shape, along) if keepdims else shape
            ctx = require()
            one = lift.value_as(ctx, lift.operand(initial), value.type.dtype)
            return finish(values.broadcast(ctx, one, shape), out, name)
        value = reduce_value(op, value, along, bool(keepdims))
        if has_initial:
            value = _combined(ufunc, value, initial)
        return finish(value, out, name)

    return implementation


@implements("worst")
def worst(dtype: DType, largest: bool) -> Any:
    """The number that any other one beats as the largest (or the smallest)."""
    if dtype.is_float:
        return -np.inf if largest else np.inf
    if dtype.is_bool:
        return not largest
    info = np.iinfo(dtype.numpy)
    return int(info.min if largest else info.max)


def _is_empty(x: Value, along: tuple[int, ...]) -> bool:
    return any(x.type.shape[k] == 0 for k in along)


amax = implements(np.max, np.amax, np.ndarray.max)(_extreme("reduce_max", np.maximum, "maximum"))
amin = implements(np.min, np.amin, np.ndarray.min)(_extreme("reduce_min", np.minimum, "minimum"))


def _position(op: str) -> Callable[..., Any]:
    def implementation(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        x = lift.as_array(a)
        along = tuple(range(x.ndim)) if axis is None else (one_axis(axis, max(x.ndim, 1)),)
        along = along if x.ndim else ()
        if _is_empty(x._read(), along):
            raise ValueError(f"attempt to get {op} of an empty sequence")
        value = x._read()
        if not along:
            result = values.constant(require(), 0, DType.I64)
        else:
            result = require().emit(op, value, axes=along)
        if keepdims is True:
            result = values.reshape(require(), result, kept_shape(value.type.shape, along))
        return finish(result, out, op)

    return implementation


argmax = implements(np.argmax, np.ndarray.argmax)(_position("argmax"))
argmin = implements(np.argmin, np.ndarray.argmin)(_position("argmin"))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """As `np.ptp`."""
    return np.subtract(amax(a, axis, None, keepdims), amin(a, axis, None, keepdims), out=out)


# --- logic -------------------------------------------------------------------------------------


def _logical(op: str, ufunc: np.ufunc, neutral: bool) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> Any:
        x = lift.as_array(a)
        value = values.cast(require(), x._read(), DType.BOOL)
        if where is not True and where is not _NO_VALUE:
            value = selected(value, where, neutral)
        along = reduced_axes(axis, value.type.rank, of_ufunc=True)
        return finish(reduce_value(op, value, along, bool(keepdims)), out, ufunc.__name__)

    return implementation


any_ = implements(np.any, np.ndarray.any)(_logical("reduce_any", np.logical_or, False))
all_ = implements(np.all, np.ndarray.all)(_logical("reduce_all", np.logical_and, True))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """As `np.count_nonzero`."""
    x, ctx = lift.as_array(a), require()
    value = values.cast(ctx, values.cast(ctx, x._read(), DType.BOOL), DType.I64)
    along = reduced_axes(axis, x.ndim, of_ufunc=True)
    return finish(reduce_value("reduce_sum", value, along, keepdims), None, "")


# --- means and variances -----------------------------------------------------------------------


def count_of(x: Value, along: tuple[int, ...]) -> Any:
    """The number of elements that a reduction combines, as an int or a SymInt."""
    size: Size = values.size_of(tuple(x.type.shape[k] for k in along))
    return wrap_size(require(), size)


def _counts(x: Value, along: tuple[int, ...], where: Any) -> Any:
    """How many elements are reduced: one number, or one for each result under a mask."""
    if where is True or where is _NO_VALUE:
        return count_of(x, along)
    mask = lift.as_array(where)._read()
    ctx = require()
    mask = values.broadcast(ctx, values.cast(ctx, mask, DType.I64), x.type.shape)
    return lift.tracer(ctx, reduce_value("reduce_sum", mask, along, keepdims=True))


@implements(np.mean, np.ndarray.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> Any:
    """As `np.mean`."""
    x = lift.as_array(a)
    if x._type.dtype.is_float:
        dtype = _added_up_in(dtype, out)
    result = _mean(x, reduced_axes(axis, x.ndim), dtype, where)
    return _shaped(result, reduced_axes(axis, x.ndim), keepdims, out, "mean")


def _mean(x: Tracer, along: tuple[int, ...], dtype: Any, where: Any) -> Any:
    """The mean with the reduced axes kept."""
    ctx = require()
    half = dtype is None and x._type.dtype.is_half
    if dtype is None and not x._type.dtype.is_float:
        dtype = np.float64
    work = x._type.dtype.wide if dtype is None else values.dtype_of(dtype)
    value = values.cast(ctx, x._read(), work)
    count = _counts(value, along, where)
    if where is not True and where is not _NO_VALUE:
        value = selected(value, where, 0)
    total = lift.tracer(ctx, reduce_value("reduce_sum", value, along, keepdims=True))
    result = np.true_divide(total, count, dtype=work.numpy, casting="unsafe")
    return FUNCTIONS[np.ndarray.astype](result, x.dtype) if half else result


def _shaped(x: Tracer, along: tuple[int, ...], keepdims: Any, out: Any, name: str) -> Any:
    """Drop the reduced axes, unless they are to be kept."""
    value = x._read()
    if keepdims is not True:
        shape = tuple(s for k, s in enumerate(value.type.shape) if k not in along)
        value = values.reshape(require(), value, shape)
    return finish(value, out, name)


def _spread(root: bool, name: str) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
        mean: Any = _NO_VALUE,
        correction: Any = _NO_VALUE,
    ) -> Any:
        if correction is not _NO_VALUE:
            if ddof != 0:
                raise ValueError("ddof and correction can't be provided simultaneously.")
            ddof = correction
        x = lift.as_array(a)
        if x._type.dtype.is_float:
            dtype = _added_up_in(dtype, out)
        along = reduced_axes(axis, x.ndim)
        result = _variance(x, along, dtype, ddof, where, mean)
        if root:
            result = np.sqrt(steady_at_zero(result))
        if dtype is None and x._type.dtype.is_half:
            result = FUNCTIONS[np.ndarray.astype](result, x.dtype)
        return _shaped(result, along, keepdims, out, name)

    return implementation


def _variance(
    x: Tracer, along: tuple[int, ...], dtype: Any, ddof: float, where: Any, mean: Any
) -> Any:
    """mean((x - mean(x))**2), NumPy's two passes; the reduced axes are kept."""
    ctx = require()
    if dtype is None:
        kind = x._type.dtype
        work: DType = kind.wide if kind.is_float else DType.F64
    else:
        work = values.dtype_of(dtype)
    center = lift.as_array(mean) if mean is not _NO_VALUE else _mean(x, along, work.numpy, where)
    distance = np.subtract(x, center, dtype=work.numpy, casting="unsafe")
    square = np.multiply(distance, distance)._read()
    count = _counts(square, along, where)
    if where is not True and where is not _NO_VALUE:
        square = selected(square, where, 0)
    total = lift.tracer(ctx, reduce_value("reduce_sum", square, along, keepdims=True))
    left = np.maximum(count - ddof, 0) if isinstance(count, Tracer) else _at_least_0(count - ddof)
    return np.true_divide(total, left, dtype=work.numpy, casting="unsafe")


def steady_at_zero(x: Any) -> Any:
    """The same number, constant for derivatives where it is 0: so that its root has slope 0 there.

    Norms and deviations have a kink at 0, and every slope from -1 to 1 is as good.
    """
    value = lift.lift(x)._read()
    ctx, dtype = require(), value.type.dtype
    if not dtype.is_float:
        return x
    is_zero = ctx.emit("equal", value, values.full(ctx, value.type.shape, 0, dtype))
    chosen = ctx.emit("select", is_zero, ctx.emit("stop_gradient", value), value)
    return lift.tracer(ctx, chosen)


def _at_least_0(count: Any) -> Any:
    return count if count >= 0 else 0


var = implements(np.var, np.ndarray.var)(_spread(root=False, name="var"))
std = implements(np.std, np.ndarray.std)(_spread(root=True, name="std"))


@implements(np.average)
def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: Any = False,
) -> Any:
    """As `np.average`."""
    x = lift.as_array(a)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        scale = lift.as_array(count_of(x._read(), reduced_axes(axis, x.ndim)))
        return (result, np.multiply(np.ones_like(result), scale)) if returned else result
    w = lift.as_array(weights)
    dtype = np.result_type(x.dtype, w.dtype, x.dtype if x._type.dtype.is_float else np.float64)
    if w.ndim != x.ndim or w._type.shape != x._type.shape:
        w = _weights_along(w, axis, x)
    scale = sum_(w, axis, dtype, keepdims=keepdims)
    product = np.multiply(x, w, dtype=dtype)
    result = sum_(product, axis, keepdims=keepdims) / scale
    return (result, np.broadcast_to(scale, result.shape)) if returned else result


def _weights_along(w: Tracer, axis: Any, x: Tracer) -> Tracer:
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    if w.ndim != 1 or isinstance(axis, tuple):
        raise UnsupportedError(
            "np.average: weights must have the shape of a or be 1-d", loc=user_location()
        )
    axis = one_axis(axis, x.ndim)
    shape = tuple(w._type.shape[0] if k == axis else 1 for k in range(x.ndim))
    ctx = require()
    value = values.broadcast(ctx, values.reshape(ctx, w._read(), shape), x._type.shape)
    return lift.tracer(ctx, value)


# --- ignoring NaN ------------------------------------------------------------------------------


def _without_nan(function: Callable[..., Any], replacement: Any) -> Callable[..., Any]:
    def implementation(a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        x = lift.as_array(a)
        if x._type.dtype.is_float:
            x = np.where(np.isnan(x), x.dtype.type(replacement), x)
        return function(x, axis, *args, **kwargs)

    return implementation


implements(np.nansum)(_without_nan(sum_, 0))
implements(np.nanprod)(_without_nan(prod, 1))


def _extreme_without_nan(op: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = _NO_VALUE,
        where: Any = True,
    ) -> Any:
        x = lift.as_array(a)
        if not x._type.dtype.is_float:
            return function(x, axis, out, keepdims, initial, where)
        bad = np.isnan(x)
        number = x.dtype.type(worst(x._type.dtype, largest=op == "reduce_max"))
        best = function(np.where(bad, number, x), axis, None, keepdims, initial, where)
        # a slice of nothing but NaN has no smallest element: NumPy gives NaN
        nothing = all_(bad, axis, None, keepdims)
        return FUNCTIONS["store"](op, np.where(nothing, x.dtype.type(np.nan), best)[()], out)

    return implementation


nanmax = implements(np.nanmax)(_extreme_without_nan("reduce_max", amax))
nanmin = implements(np.nanmin)(_extreme_without_nan("reduce_min", amin))


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    """As `np.nanmean`."""
    x = lift.as_array(a)
    where = ~np.isnan(x) if x._type.dtype.is_float else True
    return mean(x, axis, dtype, out, keepdims, where=where)


def _nan_spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
    ) -> Any:
        x = lift.as_array(a)
        if not x._type.dtype.is_float:
            return function(x, axis, dtype, out, ddof, keepdims)
        result = function(x, axis, dtype, None, ddof, keepdims, where=~np.isnan(x))
        left = count_nonzero(~np.isnan(x), axis, keepdims=keepdims) - ddof
        result = np.where(left <= 0, result.dtype.type(np.nan), result)[()]
        return FUNCTIONS["store"]("var", result, out)

    return implementation


implements(np.nanvar)(_nan_spread(var))
implements(np.nanstd)(_nan_spread(std))


# --- running sums ------------------------------------------------------------------------------


def _scan(op: str, name: str) -> Callable[..., Any]:
    def implementation(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        x, ctx = lift.as_array(a), require()
        if axis is None:
            x = FUNCTIONS[np.ravel](x)
        elif x.ndim == 0:
            x = FUNCTIONS[np.atleast_1d](x)
        dtype = _added_up_in(dtype, out)
        target = sum_dtype(x._type.dtype) if dtype is None else values.dtype_of(dtype)
        value = values.cast(ctx, x._read(), target)
        along = 0 if axis is None else one_axis(axis, value.type.rank)
        return finish(ctx.emit(op, value, axis=along), out, name)

    return implementation


cumsum = implements(np.cumsum, np.ndarray.cumsum)(_scan("cumsum", "add"))
cumprod = implements(np.cumprod, np.ndarray.cumprod)(_scan("cumprod", "multiply"))
implements(np.nancumsum)(_without_nan(cumsum, 0))
implements(np.nancumprod)(_without_nan(cumprod, 1))
