"""Putting arrays together and apart: concatenate, stack, split, tile, repeat, roll, pad.

Layer: frontend.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...compiler.errors import ShapeError, UnsupportedError
from ...compiler.ir.graph import Value
from ...compiler.ir.types import Size
from .. import lift, values
from ..context import TraceContext, require
from ..location import user_location
from ..symint import is_sequence, size_of, wrap_size
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from . import create
from .axes import one_axis
from .shape import atleast_1d, atleast_2d, atleast_3d

# --- joining -----------------------------------------------------------------------------------


@implements(np.concatenate)
def concatenate(
    arrays: Any,
    axis: Any = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    """As `np.concatenate`."""
    parts = _lifted(arrays)
    if not parts:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        parts, axis = [FUNCTIONS[np.ravel](p) for p in parts], 0
    if any(not p.ndim for p in parts):
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    common = np.result_type(*(p.dtype for p in parts)) if dtype is None else np.dtype(dtype)
    along = one_axis(axis, parts[0].ndim)
    ctx = require()
    converted = [values.cast(ctx, p._read(), values.dtype_of(common)) for p in parts]
    result = lift.tracer(ctx, joined(ctx, converted, along))
    return FUNCTIONS["store"]("concatenate", result, out, True, casting)


def _lifted(arrays: Any) -> list[Tracer]:
    """The elements of a sequence of arrays; a single array is one along its first axis."""
    return [lift.as_array(a) for a in arrays]


def joined(ctx: TraceContext, parts: Sequence[Value], axis: int) -> Value:
    """Values one after the other along an axis."""
    first = parts[0].type.shape
    for p in parts[1:]:
        fits = len(p.type.shape) == len(first) and all(
            k == axis or ctx.equal(m, n)
            for k, (m, n) in enumerate(zip(first, p.type.shape, strict=True))
        )
        if not fits:
            raise ShapeError(
                "concatenate: all the input array dimensions except for the concatenation axis"
                " must match exactly",
                got=" and ".join(str(p.type) for p in parts),
                loc=user_location(),
            )
    solid = [p for p in parts if p.type.shape[axis] != 0] or list(parts[:1])
    return solid[0] if len(solid) == 1 else ctx.emit("concatenate", *solid, axis=axis)


@implements(np.stack)
def stack(
    arrays: Any,
    axis: Any = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    """As `np.stack`."""
    parts = _lifted(arrays)
    if not parts:
        raise ValueError("need at least one array to stack")
    shapes = {p._type.shape for p in parts}
    if len(shapes) > 1 and not _all_equal(parts):
        raise ShapeError(
            "all input arrays must have the same shape",
            got=" and ".join(str(p._type) for p in parts),
            loc=user_location(),
        )
    place = one_axis(axis, parts[0].ndim + 1)
    return concatenate(
        [FUNCTIONS[np.expand_dims](p, place) for p in parts],
        place,
        out,
        dtype=dtype,
        casting=casting,
    )


def _all_equal(parts: list[Tracer]) -> bool:
    ctx, first = require(), parts[0]
    return all(
        p.ndim == first.ndim
        and all(ctx.equal(m, n) for m, n in zip(p._type.shape, first._type.shape, strict=True))
        for p in parts
    )


def _stacker(prepare: Callable[..., Any], axis: Callable[[Tracer], int]) -> Callable[..., Any]:
    def implementation(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
        parts = [prepare(a) for a in _lifted(tup)]
        return concatenate(parts, axis(parts[0]), dtype=dtype, casting=casting)

    return implementation


def _as_column(x: Tracer) -> Any:
    return atleast_2d(x).T if x.ndim < 2 else x


implements(np.vstack)(_stacker(atleast_2d, lambda x: 0))
implements(np.hstack)(_stacker(atleast_1d, lambda x: 0 if x.ndim == 1 else 1))
implements(np.dstack)(_stacker(atleast_3d, lambda x: 2))
implements(np.column_stack)(_stacker(_as_column, lambda x: 1))


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Tracer:
    """As `np.append`."""
    x, y = lift.as_array(arr), lift.as_array(values)
    if axis is None:
        x, y, axis = x.ravel(), y.ravel(), 0
    return concatenate((x, y), axis)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """As `np.meshgrid`."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    count = len(xi)
    grids = []
    for k, x in enumerate(xi):
        place = 1 - k if indexing == "xy" and count > 1 and k < 2 else k
        index = tuple(slice(None) if axis == place else None for axis in range(count))
        grids.append(lift.as_array(x).ravel()[index])
    if not sparse:
        grids = [FUNCTIONS[np.copy](g) for g in FUNCTIONS[np.broadcast_arrays](*grids)]
    return tuple(grids)


# --- splitting ---------------------------------------------------------------------------------


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Tracer]:
    """As `np.split`."""
    x = lift.as_array(ary)
    if not is_sequence(indices_or_sections):
        total = x.shape[one_axis(axis, x.ndim)]
        sections = operator.index(indices_or_sections)
        if total % sections != 0:
            raise ValueError("array split does not result in an equal division")
    return array_split(x, indices_or_sections, axis)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Tracer]:
    """As `np.array_split`."""
    x = lift.as_array(ary)
    axis = one_axis(axis, x.ndim)
    total = x.shape[axis]
    if is_sequence(indices_or_sections):
        bounds = [0, *indices_or_sections, total]
    else:
        sections = operator.index(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.") from None
        if isinstance(total, int):
            each, extra = divmod(total, sections)
            bounds = [k * each + min(k, extra) for k in range(sections + 1)]
        else:
            if not require().equal(size_of(total % sections), 0):
                total = operator.index(total)
                return array_split(x, sections, axis)
            bounds = [k * (total // sections) for k in range(sections + 1)]
    return [x[(*(slice(None),) * axis, slice(a, b))] for a, b in pairwise(bounds)]


def _splitter(name: str, axis: Callable[[Tracer], int], least: int) -> Callable[..., Any]:
    def implementation(ary: Any, indices_or_sections: Any) -> list[Tracer]:
        x = lift.as_array(ary)
        if x.ndim < least:
            raise ValueError(f"{name} only works on arrays of {least} or more dimensions")
        return split(x, indices_or_sections, axis(x))

    return implementation


implements(np.hsplit)(_splitter("hsplit", lambda x: 0 if x.ndim == 1 else 1, 1))
implements(np.vsplit)(_splitter("vsplit", lambda x: 0, 2))
implements(np.dsplit)(_splitter("dsplit", lambda x: 2, 3))


@implements(getattr(np, "unstack", "unstack"))
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tracer, ...]:
    """As `np.unstack`."""
    return tuple(np.moveaxis(lift.as_array(x), axis, 0))


# --- repeating ---------------------------------------------------------------------------------


@implements(np.tile)
def tile(A: Any, reps: Any) -> Tracer:
    """As `np.tile`."""
    x = lift.as_array(A)
    counts = tuple(reps) if is_sequence(reps) else (reps,)
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - x.ndim) + x.shape
    apart = tuple(part for pair in zip((1,) * rank, shape, strict=True) for part in pair)
    spread = tuple(part for pair in zip(counts, shape, strict=True) for part in pair)
    repeated = np.broadcast_to(np.reshape(x, apart), spread)
    return FUNCTIONS[np.copy](
        np.reshape(repeated, tuple(c * s for c, s in zip(counts, shape, strict=True)))
    )


@implements(np.repeat, np.ndarray.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Tracer:
    """As `np.repeat`, for counts that are known while tracing."""
    x = lift.as_array(a)
    if axis is None or x.ndim == 0:
        x, axis = x.ravel(), axis or 0
    axis = one_axis(axis, x.ndim)
    if is_sequence(repeats) and not isinstance(repeats, Tracer):
        counts = np.asarray(repeats)
        if counts.size != 1:
            total = require().static(x._type.shape[axis])
            index = np.repeat(np.arange(total), counts)
            return x[(*(slice(None),) * axis, index)]
        repeats = counts.item()
    count = wrap_size(require(), size_of(repeats))
    shape = x.shape
    if shape[axis] == 1:
        return FUNCTIONS[np.copy](np.broadcast_to(x, (*shape[:axis], count, *shape[axis + 1 :])))
    apart = np.expand_dims(x, axis + 1)
    spread = np.broadcast_to(apart, (*shape[: axis + 1], count, *shape[axis + 1 :]))
    return FUNCTIONS[np.copy](
        np.reshape(spread, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))
    )


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """As `np.roll`."""
    x = lift.as_array(a)
    if axis is None:
        return np.reshape(roll(x.ravel(), shift, 0), x.shape)
    if isinstance(shift, Tracer) and not shift.ndim:
        along = one_axis(axis, x.ndim)
        return np.take(x, create.arange(x.shape[along]) - shift, along, mode="wrap")
    pairs = np.broadcast(shift, axis)
    for by, along in pairs:
        x = _rolled(x, operator.index(by), one_axis(operator.index(along), x.ndim))
    return FUNCTIONS[np.copy](x)


def _rolled(x: Tracer, by: int, axis: int) -> Tracer:
    ctx, size = require(), x._type.shape[axis]
    if size == 0:
        return x
    # Within one turn, also for a symbolic size: at_least records what that relies on.
    while not ctx.at_least(size, abs(by)):
        by = (
            abs(by) % ctx.hint(size) * (1 if by > 0 else -1)
            if isinstance(size, int)
            else _turn(ctx, by, size)
        )
    if by == 0:
        return x
    front = (slice(None),) * axis
    cut = -by
    return concatenate((x[(*front, slice(cut, None))], x[(*front, slice(None, cut))]), axis)


def _turn(ctx: TraceContext, by: int, size: Size) -> int:
    fixed = ctx.static(size)
    return abs(by) % fixed * (1 if by > 0 else -1)


# --- padding -----------------------------------------------------------------------------------


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Tracer:
    """As `np.pad`, modes constant, edge, reflect, symmetric and wrap."""
    x = lift.as_array(array)
    widths = _widths(pad_width, x.ndim)
    constants = options.pop("constant_values", 0)
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap") or options:
        raise UnsupportedError(
            f"np.pad: mode={mode!r} with {sorted(options)} is not supported"
            if options
            else f"np.pad: mode={mode!r} is not supported",
            loc=user_location(),
            hint="supported: constant, edge, reflect, symmetric, wrap",
        )
    fills = _per_axis(constants, x.ndim)
    for axis, (before, after) in enumerate(widths):
        if before == 0 and after == 0:
            continue
        if mode == "constant":
            x = _pad_constant(x, axis, before, after, fills[axis])
        elif mode == "edge":
            x = _pad_edge(x, axis, before, after)
        else:
            x = _pad_periodic(x, axis, before, after, mode)
    return FUNCTIONS[np.copy](x)


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pair = width if is_sequence(width) else (width, width)
            widths[one_axis(axis, ndim)] = (operator.index(pair[0]), operator.index(pair[1]))
    else:
        pairs = np.broadcast_to(np.asarray(pad_width), (ndim, 2)).tolist()
        widths = [(operator.index(a), operator.index(b)) for a, b in pairs]
    if any(w < 0 for pair in widths for w in pair):
        raise ValueError("index can't contain negative values")
    return widths


def _per_axis(constants: Any, ndim: int) -> list[tuple[Any, Any]]:
    if isinstance(constants, Tracer):
        return [(constants, constants)] * ndim
    spread = np.broadcast_to(np.asarray(constants, dtype=object), (ndim, 2))
    return [(a, b) for a, b in spread]


def _part(x: Tracer, axis: int, start: Any, stop: Any, step: int = 1) -> Tracer:
    return x[(*(slice(None),) * axis, slice(start, stop, step))]


def _pad_constant(x: Tracer, axis: int, before: int, after: int, fill: Any) -> Tracer:
    ctx = require()
    parts = []
    for width, number in ((before, fill[0]), (after, fill[1])):
        shape = tuple(width if k == axis else s for k, s in enumerate(x._type.shape))
        value = lift.value_as(ctx, lift.operand(number), x._type.dtype)
        parts.append(values.broadcast(ctx, value, shape))
    return lift.tracer(ctx, joined(ctx, [parts[0], x._read(), parts[1]], axis))


def _pad_edge(x: Tracer, axis: int, before: int, after: int) -> Tracer:
    if x._type.shape[axis] == 0:
        raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant'")
    first = repeat(_part(x, axis, 0, 1), before, axis)
    last = repeat(_part(x, axis, -1, None), after, axis)
    return concatenate((first, x, last), axis)


def _pad_periodic(x: Tracer, axis: int, before: int, after: int, mode: str) -> Tracer:
    """Reflect, symmetric, wrap; widths beyond one period go by an index array."""
    ctx, size = require(), x._type.shape[axis]
    period = size - 1 if mode == "reflect" else size
    if ctx.at_least(period, max(before, after)) and ctx.at_least(period, 1):
        if mode == "wrap":
            first = _part(x, axis, wrap_size(ctx, size - before), None)
            last = _part(x, axis, 0, after)
        else:
            skip = 1 if mode == "reflect" else 0
            first = _reversed(_part(x, axis, skip, before + skip), axis)
            end = size - skip
            last = _reversed(_part(x, axis, wrap_size(ctx, end - after), wrap_size(ctx, end)), axis)
        return concatenate((first, x, last), axis)
    index = np.pad(np.arange(ctx.static(size)), (before, after), mode)  # type: ignore[call-overload]
    return x[(*(slice(None),) * axis, index)]


def _reversed(x: Tracer, axis: int) -> Tracer:
    return FUNCTIONS[np.flip](x, axis)
