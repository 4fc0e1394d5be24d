"""x[index] = value.

Layer: frontend. Assigning through a view writes to the array below it. Masks and index arrays give
a new value of the whole view: for every element a select between the value and what was there.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..compiler.errors import ShapeError, UnsupportedError
from ..compiler.ir.graph import Value
from ..compiler.ir.types import DType, Shape
from . import lift, values
from .concrete import no_value
from .context import TraceContext, require
from .indexing import (
    Array,
    Front,
    Item,
    Mask,
    basic_view,
    check_mask,
    index_value,
    is_integer,
    read_index,
    to_front,
    wrapped,
)
from .location import user_location
from .selection import Selection, same_value
from .table import implements
from .tracer import Tracer
from .views import is_at

# Assignments at this many positions known only when the function runs are done one by one.
_SCATTER_LIMIT = 32


@implements(operator.setitem)
def set_item(x: Any, index: Any, value: Any) -> None:
    """x[index] = value."""
    if not isinstance(x, Tracer):
        raise no_value(next(t for t in _tracers((index, value))), "array")
    if x._scalar:
        raise TypeError(f"'{x.dtype.name}' object does not support item assignment")
    x._check_writable()
    items = read_index(x, index)
    masks = [k for k, i in enumerate(items) if isinstance(i, Mask)]
    if masks:
        _assign_masked(x, items, masks, value)
    elif any(isinstance(i, Array) for i in items):
        _assign_gathered(x, items, value)
    else:
        target = basic_view(x, items)
        if not (isinstance(value, Tracer) and target._is_same_view(value)):
            target._write(_as_assigned(target, value, target._type.shape))


def _tracers(parts: Any) -> Any:
    return (p for p in parts if isinstance(p, Tracer))


def _as_assigned(target: Tracer, value: Any, shape: Shape) -> Value:
    """A value in the dtype of the target, broadcast to `shape` as assignments do."""
    ctx = require()
    source = lift.value_as(ctx, lift.operand(value), target._type.dtype)
    found = source.type.shape
    while len(found) > len(shape) and found[0] == 1:  # NumPy drops leading axes of size 1
        found = found[1:]
    source = values.reshape(ctx, source, found)
    if len(found) > len(shape) or not _broadcasts(ctx, found, shape):
        raise ShapeError(
            f"could not broadcast input array from shape {values.shape_text(source.type.shape)}"
            f" into shape {values.shape_text(shape)}",
            loc=user_location(),
        )
    return values.broadcast(ctx, source, shape)


def _broadcasts(ctx: TraceContext, found: Shape, shape: Shape) -> bool:
    pairs = zip(reversed(found), reversed(shape), strict=False)
    return all(a == b or ctx.equal(a, 1) or ctx.equal(a, b) for a, b in pairs)


def _assign_masked(x: Tracer, items: list[Item], masks: list[int], value: Any) -> None:
    """x[mask] = value, as a select between the value and what was there."""
    ctx = require()
    if len(masks) > 1 or any(isinstance(i, Array) for i in items):
        raise UnsupportedError(
            "x[...] = value: a mask together with other index arrays is not supported",
            loc=user_location(),
            hint="combine the conditions into one mask with &",
        )
    at = masks[0]
    mask = items[at]
    assert isinstance(mask, Mask)
    target = basic_view(x, items)
    first = sum(1 for i in items[:at] if not is_integer(i))
    shape = target._type.shape
    covered = shape[first : first + mask.axes]
    check_mask(mask, covered)
    after = len(shape) - first - mask.axes
    condition = values.reshape(ctx, mask.traced._read(), (*covered, *(1 for _ in range(after))))
    condition = values.broadcast(ctx, condition, shape)
    if isinstance(value, Selection):
        value = _whole_value(value, mask, first == 0)
    else:
        value = _masked_value(x, value, after)
    new = _as_assigned(target, value, shape)
    target._write(ctx.emit("select", condition, new, target._read()))


def _whole_value(value: Selection, mask: Mask, is_first: bool) -> Tracer:
    """y[mask] in x[mask] = y[mask], as a whole array."""
    if not is_first or not same_value(value._mask, mask.traced._read()):
        raise UnsupportedError(
            "x[mask1] = y[mask2]: the masks select different numbers of elements",
            loc=user_location(),
            hint="use one mask for both",
        )
    return value._full


def _masked_value(x: Tracer, value: Any, after: int) -> Any:
    """The value, which must not have one element per chosen position."""
    shape = lift.shape_of(lift.operand(value))
    if len(shape) > after and not (len(shape) == after + 1 and shape[0] == 1):
        raise UnsupportedError(
            "x[mask] = values: which element goes where depends on the mask",
            got=f"values of shape {values.shape_text(shape)} for {x._describe()}",
            loc=user_location(),
            hint="give values of the shape of x: x[...] = np.where(mask, values, x)",
        )
    return value


def _assign_gathered(x: Tracer, items: list[Item], value: Any) -> None:
    """x[idx] = value: for each element of x, whether an index names it, and its new value."""
    ctx = require()
    front = to_front(x, items)
    old = front.value
    count = len(front.arrays)
    rest = old.type.shape[count:]
    shape = (*rest[: front.place], *front.shape, *rest[front.place :])
    new = _as_assigned(front.view, value, shape)
    moved = (*range(front.place, front.place + len(front.shape)),)
    order = (*moved, *(k for k in range(len(shape)) if k not in moved))
    new = values.transpose(ctx, new, order)  # [*index shape, *rest]
    if all(a.concrete is not None for a in front.arrays):
        result = _scatter_concrete(ctx, front, old, new)
    else:
        result = _scatter_traced(ctx, front, old, new)
    inverse = tuple(np.argsort(front.permutation).tolist())
    front.view._write(values.transpose(ctx, result, inverse))


def _scatter_concrete(ctx: TraceContext, front: Front, old: Value, new: Value) -> Value:
    count = len(front.arrays)
    sizes = tuple(ctx.static(s) for s in old.type.shape[:count])
    shape = tuple(ctx.static(s) for s in front.shape)
    positions = [
        np.broadcast_to(wrapped(a.concrete, n, k), shape)  # type: ignore[arg-type]
        for k, (a, n) in enumerate(zip(front.arrays, sizes, strict=True))
    ]
    source = np.full(sizes, -1, np.int64)
    total = math.prod(shape)
    source[tuple(positions)] = np.arange(total).reshape(shape)  # of equal ones the last
    if total == 0:
        return old
    rest = old.type.shape[count:]
    flat = values.reshape(ctx, new, (total, *rest))
    index = values.constant(ctx, np.maximum(source, 0), DType.I64)
    chosen = ctx.emit("gather", flat, index)
    condition = _over(ctx, values.constant(ctx, source >= 0), count, old.type.shape)
    return ctx.emit("select", condition, chosen, old)


def _scatter_traced(ctx: TraceContext, front: Front, old: Value, new: Value) -> Value:
    """One select per position, in order, so that of equal positions the last one counts."""
    total = values.size_of(front.shape)
    if not isinstance(total, int) or total > _SCATTER_LIMIT:
        raise UnsupportedError(
            "x[indices] = values: assigning at many positions that are only known when the"
            " compiled function runs",
            got=f"{total} positions",
            loc=user_location(),
            hint="write it as a choice for every element of x: np.where(condition, values, x)",
        )
    count = len(front.arrays)
    rest = old.type.shape[count:]
    flat = values.reshape(ctx, new, (total, *rest))
    indices = [
        values.reshape(ctx, index_value(ctx, a, front.shape, old.type.shape[k], k), (total,))
        for k, a in enumerate(front.arrays)
    ]
    for position in range(total):
        condition = None
        for axis, index in enumerate(indices):
            at = values.take_region(ctx, index, (position,), (1,), (1,))
            hit = is_at(ctx, values.reshape(ctx, at, ()), old.type.shape, axis)
            condition = hit if condition is None else ctx.emit("logical_and", condition, hit)
        starts = (position, *(0 for _ in rest))
        one = values.take_region(ctx, flat, starts, (1,) * len(starts), (1, *rest))
        one = values.broadcast(ctx, values.reshape(ctx, one, rest), old.type.shape)
        assert condition is not None
        old = ctx.emit("select", condition, one, old)
    return old


def _over(ctx: TraceContext, x: Value, axes: int, shape: Shape) -> Value:
    """An array over the first axes of `shape`, repeated over the others."""
    return ctx.emit_once("broadcast", x, shape=shape, dims=tuple(range(axes)))
