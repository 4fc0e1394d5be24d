"""Ufuncs that take several ops, and the methods that all ufuncs have.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.errors import UnsupportedError
from ...compiler.ir.types import DType
from .. import lift, ufuncs, values
from ..context import require
from ..location import user_location
from ..table import FUNCTIONS, implements, unsupported
from ..tracer import Tracer
from . import reduce

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


@implements(np.divmod)
def divmod_(x1: Any, x2: Any) -> tuple[Tracer, Tracer]:
    """As `np.divmod`."""
    return ufuncs.elementwise(np.floor_divide, x1, x2), ufuncs.elementwise(np.remainder, x1, x2)


def _two_results(ufunc: np.ufunc, x: Any, first: str, second: str) -> tuple[Tracer, Tracer]:
    ctx, operand = require(), lift.operand(x)
    (dtype,), _ = ufuncs.loop_dtypes(ufunc, (lift.weak_of(operand),))
    value = lift.value_as(ctx, operand, dtype)
    return lift.tracer(ctx, ctx.emit(first, value)), lift.tracer(ctx, ctx.emit(second, value))


@implements(np.modf)
def modf(x: Any) -> tuple[Tracer, Tracer]:
    """As `np.modf`."""
    return _two_results(np.modf, x, "modf_fraction", "trunc")


@implements(np.frexp)
def frexp(x: Any) -> tuple[Tracer, Tracer]:
    """As `np.frexp`."""
    return _two_results(np.frexp, x, "frexp_mantissa", "frexp_exponent")


@implements(np.conjugate)
def conjugate(x: Any) -> Tracer:
    """As `np.conjugate`: a copy."""
    ctx, operand = require(), lift.operand(x)
    (dtype,), _ = ufuncs.loop_dtypes(np.conjugate, (lift.weak_of(operand),))
    return lift.tracer(ctx, lift.value_as(ctx, operand, dtype))


@implements(np.float_power)
def float_power(x1: Any, x2: Any) -> Any:
    """As `np.float_power`: computed in float64."""
    return FUNCTIONS[np.power](_as_f64(x1), _as_f64(x2))


def _as_f64(x: Any) -> Any:
    operand = lift.operand(x)
    if type(operand) in (int, float, bool):
        return float(operand)
    return FUNCTIONS[np.ndarray.astype](operand, np.float64)


# --- ufunc.reduce, accumulate, outer -----------------------------------------------------------

_REDUCTIONS: dict[np.ufunc, Any] = {
    np.add: reduce.sum_,
    np.multiply: reduce.prod,
    np.maximum: reduce.amax,
    np.minimum: reduce.amin,
    np.fmax: reduce.nanmax,
    np.fmin: reduce.nanmin,
    np.logical_or: reduce.any_,
    np.logical_and: reduce.all_,
    np.bitwise_or: reduce.any_,
    np.bitwise_and: reduce.all_,
}
_WITH_DTYPE = (np.add, np.multiply)


@implements("reduce")
def ufunc_reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = _NO_VALUE,
    where: Any = True,
) -> Any:
    """`ufunc.reduce(array, ...)` where a reduction does the same."""
    function = _REDUCTIONS.get(ufunc)
    x = lift.as_array(array)
    bitwise = ufunc in (np.bitwise_or, np.bitwise_and)
    if function is None or (bitwise and not x._type.dtype.is_bool):
        raise unsupported(ufunc.reduce)
    out = out[0] if isinstance(out, tuple) else out
    options: dict[str, Any] = {"where": where}
    if ufunc in _WITH_DTYPE:
        options["dtype"] = dtype
    elif dtype is not None:
        x = x.astype(dtype)
    if initial is not _NO_VALUE and function not in (reduce.any_, reduce.all_):
        options["initial"] = initial
    return function(x, axis, out=out, keepdims=keepdims, **options)


@implements("accumulate")
def ufunc_accumulate(
    ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None
) -> Any:
    """`ufunc.accumulate(array, ...)`: running sums and products."""
    scans = {np.add: reduce.cumsum, np.multiply: reduce.cumprod}
    if ufunc not in scans:
        raise unsupported(ufunc.accumulate)
    return scans[ufunc](array, axis, dtype, out[0] if isinstance(out, tuple) else out)


@implements("outer")
def ufunc_outer(ufunc: np.ufunc, A: Any, B: Any, /, **kwargs: Any) -> Any:
    """`ufunc.outer(A, B)`."""
    x, y = lift.as_array(A), lift.as_array(B)
    ctx = require()
    spread = values.reshape(ctx, x._read(), (*x._type.shape, *(1 for _ in range(y.ndim))))
    return ufunc(lift.tracer(ctx, spread), y, **kwargs)


@implements("at")
def ufunc_at(ufunc: np.ufunc, a: Any, indices: Any, *operands: Any) -> None:
    """`np.add.at(a, indices, b)` and `np.subtract.at`: elements named twice count twice."""
    if ufunc not in (np.add, np.subtract):
        raise UnsupportedError(
            f"np.{ufunc.__name__}.at is not supported on traced arrays",
            loc=user_location(),
            hint="where no index occurs twice, write a[indices] = ufunc(a[indices], b)",
        )
    ctx, target = require(), lift.lift(a)
    target._check_writable()
    arrays = [lift.lift(i) for i in (indices if isinstance(indices, tuple) else (indices,))]
    if len(arrays) > target.ndim or any(not t._type.dtype.is_integer for t in arrays):
        raise UnsupportedError(
            f"np.{ufunc.__name__}.at: only integer arrays are supported as indices",
            got=", ".join(map(lift.type_text, arrays)),
            loc=user_location(),
        )
    sizes = target._type.shape
    shape = values.broadcast_shapes(ctx, [t._type.shape for t in arrays], "shape mismatch")
    places = [values.broadcast(ctx, values.cast(ctx, t._read(), DType.I64), shape) for t in arrays]
    (b,) = operands
    added = values.cast(ctx, lift.lift(b)._read(), target._type.dtype)
    added = values.broadcast(ctx, added, (*shape, *sizes[len(arrays) :]))
    if ufunc is np.subtract:
        added = ctx.emit("negative", added)
    target._write(ctx.emit("scatter_add", target._read(), added, *places))
