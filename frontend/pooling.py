"""Pooling: the largest element or the mean of each window, over any number of spatial axes.

Layer: frontend. x is [batch, *spatial, channels]. Each position of the window reads a part of x, a
view, and one loop over the result combines the parts. Large windows go axis by axis (the largest
element) or become a reduction (the mean), so that the loop does not grow with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..compiler.ir.graph import Value
from ..compiler.ir.term import Term
from ..compiler.ir.types import DType, Shape, Size
from . import lift, values
from .context import TraceContext, require
from .convolution import Ints, Padding, Pads, resolve_padding
from .eager import run_eagerly
from .location import user_location
from .tracer import Tracer

MOST_PARTS = 16  # of a window that is walked in one go


def max_pool(x: Any, *, window: Ints, strides: Ints, padding: Padding) -> Any:
    """The largest element of each window; padding is smaller than all.

    The derivative goes to the first of equal elements, row by row.
    """
    return _run(_max_pool, x, window, strides, padding)


def max_positions(x: Any, *, window: Ints, strides: Ints, padding: Padding) -> Any:
    """Which element of each window is the largest, the first of equal ones, counted row by row."""
    return _run(_max_positions, x, window, strides, padding)


def avg_pool(x: Any, *, window: Ints, strides: Ints, padding: Padding) -> Any:
    """The mean of each window; padding does not count."""
    return _run(_avg_pool, x, window, strides, padding)


def _run(
    function: Callable[..., Any], x: Any, window: Ints, strides: Ints, padding: Padding
) -> Any:
    options = {"window": window, "strides": strides, "padding": padding}
    if not isinstance(x, Tracer):
        return run_eagerly(function, {}, {"x": np.asarray(x)}, **options)
    return function(x, **options)


# -- the largest ----------------------------------------------------------------------------------


def _max_pool(x: Any, *, window: Ints, strides: Ints, padding: Padding) -> Tracer:
    ctx, value, pads = _start(x, window, strides, padding)
    if prod(window) <= MOST_PARTS:
        return lift.array(ctx, _largest(ctx, value, window, strides, pads))
    ones = (1,) * len(window)
    for axis in reversed(range(len(window))):  # so that the first row keeps a tie
        at = slice(axis, axis + 1)
        value = _largest(
            ctx,
            value,
            (*ones[:axis], *window[at], *ones[axis + 1 :]),
            (*ones[:axis], *strides[at], *ones[axis + 1 :]),
            (*((0, 0),) * axis, *pads[at], *((0, 0),) * (len(window) - axis - 1)),
        )
    return lift.array(ctx, value)


def _largest(ctx: TraceContext, x: Value, window: Ints, strides: Ints, pads: Pads) -> Value:
    first, *others = _Parts(ctx, x, window, strides, pads).filled(_lowest(x.type.dtype))
    return first.op("largest", *others).value if others else first.value


def _max_positions(x: Any, *, window: Ints, strides: Ints, padding: Padding) -> Tracer:
    ctx, value, pads = _start(x, window, strides, padding)
    first, *others = _Parts(ctx, value, window, strides, pads).filled(_lowest(value.type.dtype))
    found = first.op("position_of_largest", *others)
    return lift.array(ctx, found.value)


def _lowest(dtype: DType) -> float | int:
    return float("-inf") if dtype.is_float else int(np.iinfo(dtype.numpy).min)


# -- the mean -------------------------------------------------------------------------------------


def _avg_pool(x: Any, *, window: Ints, strides: Ints, padding: Padding) -> Tracer:
    ctx, value, pads = _start(x, window, strides, padding)
    dtype = value.type.dtype
    value = values.cast(ctx, value, dtype.wide)
    if prod(window) <= 4 * MOST_PARTS:
        found = _mean_of_parts(ctx, value, window, strides, pads)
    else:
        found = _mean_of_windows(ctx, value, window, strides, pads)
    return lift.array(ctx, values.cast(ctx, found, dtype))


def _mean_of_parts(ctx: TraceContext, x: Value, window: Ints, strides: Ints, pads: Pads) -> Value:
    parts = _Parts(ctx, x, window, strides, pads)
    first, *others = parts.filled(0)
    for part in others:
        first = first + part
    return (first / _count(ctx, parts, first)).value


def _count(ctx: TraceContext, parts: _Parts, like: Term) -> Term | float:
    """How many elements each window has that are no padding."""
    if not parts.is_padded:
        return float(prod(parts.window))
    found = parts.counts()
    if found is not None:
        value = values.constant(ctx, found.astype(like.dtype.numpy))
        return Term(ctx.builder, value).broadcast(like.shape, range(1, like.rank - 1))
    first, *others = (inside.cast(like.dtype) for inside in parts.insides())
    for inside in others:
        first = first + inside
    return first


def _mean_of_windows(ctx: TraceContext, x: Value, window: Ints, strides: Ints, pads: Pads) -> Value:
    """By a sum of each window, of what lies in it and of how many these are."""
    parts = _Parts(ctx, x, window, strides, pads)
    total = _sums_of_windows(parts.padded(), window, strides)
    return (total / _count(ctx, parts, total)).value


def _sums_of_windows(wide: Term, window: Ints, strides: Ints) -> Term:
    rank = len(window)
    seen = wide
    for axis, extent in enumerate(window, start=1):
        seen = seen.op("windows", axis=axis, size=extent)
    places = tuple(
        (n - 1) // stride + 1 for n, stride in zip(seen.shape[1 : rank + 1], strides, strict=True)
    )
    shape = (seen.shape[0], *places, *seen.shape[rank + 1 :])
    steps = (1, *strides, *(1,) * (rank + 1))
    chosen = seen.slice([0] * seen.rank, steps, shape)
    return chosen.sum(range(rank + 2, 2 * rank + 2))


# -- what windows see -----------------------------------------------------------------------------


def _start(
    x: Any, window: Ints, strides: Ints, padding: Padding
) -> tuple[TraceContext, Value, Pads]:
    ctx, value = require(), lift.lift(x)._read()
    ctx.builder.loc = user_location()
    return ctx, value, resolve_padding(ctx, padding, value.type.shape[1:-1], window, strides)


class _Parts:
    """The part of x that each position of the window sees, at all places of the window."""

    def __init__(
        self, ctx: TraceContext, x: Value, window: Ints, strides: Ints, pads: Pads
    ) -> None:
        self.window, self.strides = window, strides
        self.x, self.pads = Term(ctx.builder, x), pads
        self.sizes: Shape = x.type.shape[1:-1]
        self.places: tuple[Size, ...] = tuple(
            (size + low + high - extent) // stride + 1
            for size, (low, high), extent, stride in zip(
                self.sizes, pads, window, strides, strict=True
            )
        )
        self.is_padded = any(side != 0 for pair in pads for side in pair)
        self._is_known = all(
            isinstance(n, int) for n in (*self.sizes, *(side for pair in pads for side in pair))
        )

    def padded(self, inside: bool = False) -> Term:
        """x with zeros around it; or True where there is x, False around it."""
        x = self.x.full(True, DType.BOOL) if inside else self.x
        starts = [0, *(low for low, _ in self.pads), 0]
        wide = [n + low + high for n, (low, high) in zip(self.sizes, self.pads, strict=True)]
        return x.pad(starts, (x.shape[0], *wide, x.shape[-1]))

    def filled(self, fill: float | int) -> list[Term]:
        """For each position of the window, row by row, what it sees; `fill` outside of x."""
        if not self.is_padded:
            return [self._at(self.x, position) for position in self._positions()]
        if self._is_known:
            return [self._within(position, fill) for position in self._positions()]
        wide = self.padded()
        if fill != 0:
            wide = self.padded(inside=True).select(wide, fill)
        return [self._at(wide, position) for position in self._positions()]

    def insides(self) -> list[Term]:
        """For each position of the window, whether it sees x and no padding."""
        wide = self.padded(inside=True)
        return [self._at(wide, position) for position in self._positions()]

    def counts(self) -> np.ndarray | None:
        """How many elements of x each window has, [*places]; None if sizes are not known."""
        if not self._is_known:
            return None
        total = np.ones((), np.int64)
        for axis, extent in enumerate(self.window):
            inside = np.zeros(self.places[axis], np.int64)  # type: ignore[arg-type]
            for k in range(extent):
                inside[slice(*self._range(axis, k))] += 1
            total = np.multiply.outer(total, inside)
        return total

    def _positions(self) -> list[tuple[int, ...]]:
        return list(product(*map(range, self.window)))

    def _at(self, wide: Term, position: Sequence[int]) -> Term:
        """What a position sees of an array that has all that the window reaches."""
        shape = (wide.shape[0], *self.places, wide.shape[-1])
        return wide.slice((0, *position, 0), (1, *self.strides, 1), shape)

    def _range(self, axis: int, k: int) -> tuple[int, int]:
        """The places where element k of the window lies in x: the first, and behind the last."""
        low, size, stride = self.pads[axis][0], self.sizes[axis], self.strides[axis]
        places = self.places[axis]
        assert isinstance(low, int) and isinstance(size, int) and isinstance(places, int)
        first = max(-((k - low) // stride), 0)
        return first, max(min((size - 1 + low - k) // stride + 1, places), first)

    def _within(self, position: Sequence[int], fill: float | int) -> Term:
        """What a position sees, with `fill` at the places where that is padding."""
        ranges = [self._range(axis, k) for axis, k in enumerate(position)]
        starts = [
            first * stride + k - int(low)  # type: ignore[arg-type]
            for (first, _), stride, k, (low, _) in zip(
                ranges, self.strides, position, self.pads, strict=True
            )
        ]
        batch, channels = self.x.shape[0], self.x.shape[-1]
        counts = tuple(stop - first for first, stop in ranges)
        part = self.x.slice(
            (0, *(s if n else 0 for s, n in zip(starts, counts, strict=True)), 0),
            (1, *self.strides, 1),
            (batch, *counts, channels),
        )
        before, whole = (0, *(first for first, _ in ranges), 0), (batch, *self.places, channels)
        if part.shape == whole:
            return part
        wide = part.pad(before, whole)
        if fill == 0:
            return wide
        inside = part.full(True, DType.BOOL).pad(before, whole)
        return inside.select(wide, fill)
