"""Choosing elements: where, clip, select, take, and rounding of values to what is allowed.

Layer: frontend.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...compiler.errors import UnsupportedError
from ...compiler.ir.types import DType
from .. import lift, ufuncs, values
from ..context import require
from ..location import user_location
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from . import create
from .axes import one_axis

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


@implements(np.where)
def where(condition: Any, x: Any = _NO_VALUE, y: Any = _NO_VALUE, /) -> Tracer:
    """As `np.where` with three arguments."""
    if x is _NO_VALUE or y is _NO_VALUE:
        raise UnsupportedError(
            "np.where(condition): the number of positions is only known when the compiled"
            " function runs",
            loc=user_location(),
            hint="give both choices: np.where(condition, x, y)",
        )
    ctx = require()
    chosen = [lift.operand(v) for v in (x, y)]
    dtype = values.dtype_of(_common_dtype(chosen))
    parts = [_where_value(v, dtype) for v in chosen]
    test = values.cast(ctx, lift.as_array(condition)._read(), DType.BOOL)
    return lift.array(ctx, ctx.emit("select", *ufuncs.aligned(ctx, [test, *parts], "where")))


def _common_dtype(operands: list[Any]) -> np.dtype:
    """np.result_type, weak numbers included."""
    keys = [lift.weak_of(v) for v in operands]
    return np.result_type(*(k(1) if isinstance(k, type) else k for k in keys))


def _where_value(x: Any, dtype: DType) -> Any:
    """An operand converted as np.where does: Python ints wrap instead of raising."""
    ctx = require()
    if type(x) is int:
        return values.constant(ctx, np.asarray(x).astype(dtype.numpy), dtype)
    if type(x) is Tracer:
        return values.cast(ctx, x._read(), dtype)
    return lift.value_as(ctx, x, dtype)


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tracer:
    """As `np.select`."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not condlist:
        raise ValueError("select with an empty condition list is not possible")
    choices = [lift.operand(c) for c in (*choicelist, default)]
    dtype = _common_dtype(choices)
    ctx = require()
    result: Any = lift.tracer(ctx, _where_value(choices[-1], values.dtype_of(dtype)))
    for condition, choice in reversed(list(zip(condlist, choices[:-1], strict=True))):
        result = where(condition, choice, result)
    return FUNCTIONS[np.ndarray.astype](result, dtype)


@implements(np.clip, np.ndarray.clip)
def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    **options: Any,
) -> Any:
    """As `np.clip`."""
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    x = lift.operand(a)
    low, high = _limit(x, low, upper=False), _limit(x, high, upper=True)
    if low is None and high is None:
        result = FUNCTIONS[np.copy](x)[()]  # of shape () a scalar
    elif low is None:
        result = np.minimum(x, high, **options)
    elif high is None:
        result = np.maximum(x, low, **options)
    else:
        result = _clip(x, low, high, **options)
    return FUNCTIONS["store"]("clip", result, out)


def _clip(x: Any, low: Any, high: Any, dtype: Any = None, casting: str = "") -> Tracer:
    ctx = require()
    operands = [lift.operand(v) for v in (x, low, high)]
    keys = tuple(lift.weak_of(v) for v in operands)
    loop, _ = ufuncs.loop_dtypes(np._core.umath.clip, keys, dtype, casting)  # type: ignore[attr-defined]
    parts = [lift.value_as(ctx, v, d) for v, d in zip(operands, loop, strict=True)]
    return lift.tracer(ctx, ctx.emit("clip", *ufuncs.aligned(ctx, parts, "clip")))


def _limit(x: Any, bound: Any, upper: bool) -> Any:
    """None for a Python int that limits nothing, because the dtype ends before it."""
    key = lift.weak_of(x)
    if type(bound) is not int or not isinstance(key, np.dtype) or key.kind not in "iu":
        return bound
    info = np.iinfo(key)
    return None if (bound >= info.max if upper else bound <= info.min) else bound


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Tracer:
    """As `np.nan_to_num`."""
    value = lift.as_array(x)
    if not value._type.dtype.is_float:
        return FUNCTIONS[np.copy](value)[()] if copy else value
    info = value._type.dtype.finfo
    one = value.dtype.type
    high = one(info.max if posinf is None else posinf)
    low = one(info.min if neginf is None else neginf)
    result = np.where(np.isnan(value), one(nan), value)
    result = np.where(value == np.inf, high, result)
    result = np.where(value == -np.inf, low, result)
    if not copy:
        ufuncs.write(value, result)
        return value
    return result[()]  # of shape () a scalar


# --- rounding ----------------------------------------------------------------------------------


@implements(np.round, np.around, np.ndarray.round)
def round_(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """As `np.round`: NumPy multiplies by a power of ten, rounds and divides."""
    x, decimals = lift.as_array(a), operator.index(decimals)
    if x._type.dtype.is_bool:
        x = x.astype(np.float16)
    if not x._type.dtype.is_float:
        result = x if decimals >= 0 else _round_integers(x, 10**-decimals)
    elif decimals == 0:
        result = np.rint(x)
    else:
        scale = x.dtype.type(10.0 ** abs(decimals))
        up, down = (np.multiply, np.divide) if decimals > 0 else (np.divide, np.multiply)
        result = down(np.rint(up(x, scale)), scale)
    return FUNCTIONS["store"]("round", result, out)


def _round_integers(x: Tracer, scale: int) -> Any:
    divided = np.true_divide(x, float(scale))
    return np.multiply(np.rint(divided), float(scale)).astype(x.dtype)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """As `np.fix`."""
    return FUNCTIONS["store"]("fix", np.trunc(lift.as_array(x)), out)


# --- index arrays ------------------------------------------------------------------------------


@implements(np.take, np.ndarray.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """As `np.take`."""
    x = lift.as_array(a)
    if axis is None:
        x, axis = x.ravel(), 0
    axis = one_axis(axis, x.ndim)
    index = indices if _is_index_array(indices) and mode == "raise" else lift.as_array(indices)
    size = x.shape[axis]
    if mode == "wrap":
        index = index % size
    elif mode == "clip":
        index = np.clip(index, 0, size - 1)
    elif mode != "raise":
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got '{mode}')")
    result = x[(*(slice(None),) * axis, index)]
    return FUNCTIONS["store"]("take", result, out)


def _is_index_array(x: Any) -> bool:
    """Whether these are positions known while tracing, in a list or an array."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "iu" and x.ndim > 0
    return isinstance(x, list) and bool(x) and all(type(i) is int for i in x)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Tracer:
    """As `np.take_along_axis`."""
    x, index = lift.as_array(arr), lift.as_array(indices)
    if axis is None:
        x, axis = x.ravel(), 0
    if x.ndim != index.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    return x[along_axis(x, index, one_axis(axis, x.ndim))]


def along_axis(x: Any, index: Any, axis: int) -> tuple[Any, ...]:
    """The index that names, for each element of `index`, the element of x along the axis."""

    def positions(k: int) -> Any:
        along = tuple(slice(None) if j == k else None for j in range(x.ndim))
        return create.arange(x.shape[k])[along]

    return tuple(index if k == axis else positions(k) for k in range(x.ndim))


@implements(np.diff)
def diff(
    a: Any, n: int = 1, axis: Any = -1, prepend: Any = _NO_VALUE, append: Any = _NO_VALUE
) -> Tracer:
    """As `np.diff`."""
    x = lift.as_array(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if x.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = one_axis(axis, x.ndim)
    parts = []
    for extra in (prepend, x, append):
        if extra is _NO_VALUE:
            continue
        part = lift.as_array(extra)
        if part.ndim == 0:
            part = np.broadcast_to(part, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        parts.append(part)
    x = parts[0] if len(parts) == 1 else np.concatenate(parts, axis)
    front = (slice(None),) * axis
    subtract = np.not_equal if x.dtype == bool else np.subtract
    for _ in range(n):
        x = subtract(x[(*front, slice(1, None))], x[(*front, slice(None, -1))])
    return x
