"""How a view reads from its parent array and writes through to it.

Layer: frontend. A traced array that NumPy would make as a view (a slice, a transpose, a reshape)
keeps its parent and one of the records below. Reading applies the record to the parent's current
value; writing gives a new value of the parent in which the view's elements are replaced. `known`
does the same to a concrete array, for arrays whose elements are known while tracing. `strides` says
how NumPy would lay the view out in memory, since a reshape is a view of some layouts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from ..compiler.errors import InternalError
from ..compiler.ir.graph import Value
from ..compiler.ir.opdef import REGISTRY
from ..compiler.ir.types import DType, Shape
from . import values
from .context import TraceContext

Strides = tuple[int, ...]


class View(Protocol):
    """One step from a parent array to a view of it."""

    def read(self, ctx: TraceContext, parent: Value) -> Value:
        """The view's elements."""

    def write(self, ctx: TraceContext, parent: Value, new: Value) -> Value:
        """The parent with the view's elements replaced by those of `new`."""

    def known(self, parent: np.ndarray) -> np.ndarray:
        """The view of a concrete array, on the same memory."""

    def strides(self, shape: Strides, strides: Strides, new: Strides) -> Strides:
        """The view's strides, in elements, from the parent's sizes, its strides, and our sizes."""


@dataclass(frozen=True, slots=True)
class Region:
    """The elements `start + i * step` of each axis: basic slicing."""

    starts: Shape
    steps: tuple[int, ...]
    shape: Shape

    def read(self, ctx: TraceContext, parent: Value) -> Value:
        """The elements of the region."""
        return values.take_region(ctx, parent, self.starts, self.steps, self.shape)

    def write(self, ctx: TraceContext, parent: Value, new: Value) -> Value:
        """The parent with the region replaced."""
        return values.put_region(ctx, parent, new, self.starts, self.steps)

    def known(self, parent: np.ndarray) -> np.ndarray:
        """The same region by NumPy."""
        index = []
        for start, step, size in zip(self.starts, self.steps, self.shape, strict=True):
            assert isinstance(start, int) and isinstance(size, int)  # known arrays are static
            stop = start + step * size
            # beyond the first element, going down, is None: -1 would be the last one
            index.append(slice(start, None if stop < 0 else stop, step) if size else slice(0, 0))
        return parent[tuple(index)]

    def strides(self, shape: Strides, strides: Strides, new: Strides) -> Strides:
        """Strides times the steps."""
        return tuple(s * step for s, step in zip(strides, self.steps, strict=True))


@dataclass(frozen=True, slots=True)
class Permuted:
    """Axes in another order."""

    permutation: tuple[int, ...]

    def read(self, ctx: TraceContext, parent: Value) -> Value:
        """The transposed elements."""
        return values.transpose(ctx, parent, self.permutation)

    def write(self, ctx: TraceContext, parent: Value, new: Value) -> Value:
        """The elements transposed back."""
        inverse = tuple(sorted(range(len(self.permutation)), key=self.permutation.__getitem__))
        return values.transpose(ctx, new, inverse)

    def known(self, parent: np.ndarray) -> np.ndarray:
        """The same by NumPy."""
        return parent.transpose(self.permutation)

    def strides(self, shape: Strides, strides: Strides, new: Strides) -> Strides:
        """Strides in the new order."""
        return tuple(strides[p] for p in self.permutation)


@dataclass(frozen=True, slots=True)
class Reshaped:
    """The same elements in row-major order; only where NumPy makes a view of it."""

    before: Shape
    after: Shape

    def read(self, ctx: TraceContext, parent: Value) -> Value:
        """The elements with the new shape."""
        return values.reshape(ctx, parent, self.after)

    def write(self, ctx: TraceContext, parent: Value, new: Value) -> Value:
        """The elements with the old shape."""
        return values.reshape(ctx, new, self.before)

    def known(self, parent: np.ndarray) -> np.ndarray:
        """The same by NumPy."""
        return parent.reshape(self.after)  # type: ignore[arg-type]  # known: sizes are ints

    def strides(self, shape: Strides, strides: Strides, new: Strides) -> Strides:
        """Strides that walk the same memory."""
        found = reshaped_strides(shape, strides, new)
        assert found is not None  # else it would not be a view
        return found


@dataclass(frozen=True, slots=True)
class Picked:
    """One position along each of the first axes, known only when the function runs."""

    index: tuple[Value, ...]  # an i64[] for each axis that goes

    def read(self, ctx: TraceContext, parent: Value) -> Value:
        """The elements at the position."""
        return ctx.emit("gather", parent, *self.index)

    def write(self, ctx: TraceContext, parent: Value, new: Value) -> Value:
        """For every element a choice between the new value and what was there."""
        shape, count = parent.type.shape, len(self.index)
        hits = [is_at(ctx, index, shape, axis) for axis, index in enumerate(self.index)]
        condition = hits[0]
        for hit in hits[1:]:
            condition = ctx.emit("logical_and", condition, hit)
        dims = tuple(range(count, len(shape)))
        spread = ctx.emit_once("broadcast", new, shape=shape, dims=dims)
        return ctx.emit("select", condition, spread, parent)

    def known(self, parent: np.ndarray) -> np.ndarray:
        """Never: the position is not known."""
        raise InternalError("a position that is not known in an array that is")

    def strides(self, shape: Strides, strides: Strides, new: Strides) -> Strides:
        """Those of the other axes."""
        return strides[len(self.index) :]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a view op of the graph reads: only to be read, like NumPy's diagonals and windows."""

    op: str
    attrs: tuple[tuple[str, Any], ...]

    def read(self, ctx: TraceContext, parent: Value) -> Value:
        """The op's result."""
        return ctx.emit(self.op, parent, **dict(self.attrs))

    def write(self, ctx: TraceContext, parent: Value, new: Value) -> Value:
        """Never: several elements may be one in memory."""
        raise InternalError(f"a write through {self.op}")

    def known(self, parent: np.ndarray) -> np.ndarray:
        """The same by NumPy, on the same memory."""
        made: np.ndarray = REGISTRY[self.op].reference(parent, **dict(self.attrs))
        return made

    def strides(self, shape: Strides, strides: Strides, new: Strides) -> Strides:
        """From the op's index map: how far each axis moves in the parent."""
        index_map = REGISTRY[self.op].index_map
        places = index_map(shape, new, dict(self.attrs)) if index_map else None
        assert places is not None
        steps = [0] * len(new)
        for place, stride in zip(places, strides, strict=True):
            for k, step in enumerate(place.strides):
                assert isinstance(step, int)
                steps[k] += step * stride
        return tuple(steps)


def is_at(ctx: TraceContext, index: Value, shape: Shape, axis: int) -> Value:
    """For every element of an array of this shape, whether its place along `axis` is `index`."""
    size = shape[axis]
    total = (
        values.constant(ctx, size, DType.I64)
        if isinstance(size, int)
        else ctx.emit_once("dim", size=size)
    )
    index = ctx.emit("wrap_index", index, total)
    places = values.counter(ctx, size, 0, 1, DType.I64)
    hit = ctx.emit("equal", places, values.broadcast(ctx, index, (size,)))
    return ctx.emit_once("broadcast", hit, shape=shape, dims=(axis,))


def contiguous_strides(shape: Strides) -> Strides:
    """Strides in elements of a new row-major array."""
    strides = [1] * len(shape)
    for k in range(len(shape) - 1, 0, -1):
        strides[k - 1] = strides[k] * max(shape[k], 1)
    return tuple(strides)


def kept_strides(shape: Strides, operands: Sequence[tuple[Strides, Strides]]) -> Strides:
    """Strides of a new array in the memory order of its operands, (shape, strides) each.

    The order is that of NumPy's iterators (`npyiter_find_best_axis_ordering`): an insertion sort
    of the axes by stride; where operands disagree, or say nothing, the row-major order stays.
    """
    rank = len(shape)
    aligned = [_aligned(sizes, strides, rank) for sizes, strides in operands]
    order: list[int] = []  # innermost axis first
    for axis in range(rank - 1, -1, -1):
        place = len(order)
        for position in range(len(order) - 1, -1, -1):
            inner = _belongs_inside(axis, order[position], aligned)
            if inner is False:
                break
            if inner:
                place = position
        order.insert(place, axis)
    result, step = [0] * rank, 1
    for axis in order:
        result[axis] = step
        step *= max(shape[axis], 1)
    return tuple(result)


def _aligned(shape: Strides, strides: Strides, rank: int) -> Strides:
    """Strides along the axes of the result; 0 where the operand is repeated."""
    own = tuple(s if n != 1 else 0 for n, s in zip(shape, strides, strict=True))
    return (0,) * (rank - len(own)) + own


def _belongs_inside(axis: int, other: int, operands: Sequence[Strides]) -> bool | None:
    """Whether `axis` has the smaller strides; None if no operand moves along both axes."""
    found: bool | None = None
    for strides in operands:
        a, b = abs(strides[axis]), abs(strides[other])
        if a and b:
            if b <= a:
                found = False
            elif found is None:
                found = True
    return found


def reshaped_strides(shape: Strides, strides: Strides, new: Strides) -> Strides | None:
    """The strides with which `new` is a view of this layout; None if NumPy has to copy.

    Both shapes are split into the shortest runs of equal element count; a run of old axes must
    be walked with one stride for the new axes to subdivide it.
    """
    if 0 in shape:
        return contiguous_strides(new)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    result = [0] * len(new)
    i = k = 0
    while k < len(new):
        first, count, total = k, new[k], 1
        k += 1
        run_start = i
        while i < len(old) and total < count:
            total *= old[i][0]
            i += 1
            while total > count and k < len(new):
                count *= new[k]
                k += 1
        run = old[run_start:i]
        if any(a[1] != b[0] * b[1] for a, b in pairwise(run)):
            return None
        stride = run[-1][1] if run else 1
        for axis in range(k - 1, first - 1, -1):
            result[axis] = stride
            stride *= new[axis]
    return tuple(result)
