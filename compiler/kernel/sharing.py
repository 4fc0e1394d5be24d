"""Which kernels several threads may share, and along which axis.

Layer: compiler/kernel. In: a kernel and its schedule. Out: a `Sharing`, or None for kernels that
one thread runs: those that are known to be short, scatters, and walks in which each element waits
for the one before. Nothing here depends on the number of threads, so results do not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..ir.dims import product
from ..ir.types import Shape
from ..target import SHARE_NS
from .form import Kernel, Reduce, Scan
from .schedule import Schedule

CHUNKS = 64  # of a walk with a reduction, at most: each has a partial result
_CHUNK_NS = 10_000  # of work in each, at least
_COLUMN_PARTS = 16  # rows of accumulators of a column reduction, at most
_COLUMN_ROWS = 32  # that each of these takes in, at least
_COLUMN_POINTS = 1 << 16  # a column reduction of fewer is short
_UNIT_NS = 2_000  # work that stays together
_LONGEST_UNIT = 1024  # elements
_WIDE = 32  # units: axes from here on are long enough to be shared out
_FEW_ROWS = 8  # where there are fewer parallel points, their walks are shared out instead


@dataclass(frozen=True, slots=True)
class Sharing:
    """The axis `axis` is cut where its index is a multiple of `unit`, a power of two.

    With `parts`, partial results are combined: the axis is cut into at most so many chunks, all but
    the last of the same length, which depends on the length of the axis and is at least `least`.
    """

    axis: int
    unit: int
    parts: int = 0
    least: int = 1


def share(kernel: Kernel, schedule: Schedule) -> Sharing | None:
    """How the work is cut; None: it is not.

    A parallel axis is cut once for the whole kernel, an inner one anew for each stage, unless
    column reductions are all that it does.
    """
    points = product(kernel.axes)
    if kernel.rank == 0 or (isinstance(points, int) and points * schedule.ns < 2 * SHARE_NS):
        return None
    if any(store.place is not None for store in kernel.stores):
        return None  # any two points may meet in one element
    outer, inner = range(kernel.outer), range(kernel.outer, kernel.rank)
    if kernel.columns:
        return _share_columns(kernel, schedule)
    scans = any(isinstance(i, Scan) for i in kernel.instrs)
    if outer and (scans or not _has_few_rows(kernel, schedule)):
        return _rows(kernel, schedule, _longest(kernel.axes, outer))
    if scans or not inner:
        return None
    axis = _longest(kernel.axes, inner)
    unit = _LONGEST_UNIT if axis == schedule.vector_axis else 1
    return Sharing(axis, unit, CHUNKS, int(_CHUNK_NS / _element_ns(kernel, schedule, axis)) + 1)


def _rows(kernel: Kernel, schedule: Schedule, axis: int) -> Sharing:
    if axis != schedule.vector_axis:
        return Sharing(axis, 1)
    unit = max(schedule.lanes, schedule.stream_lanes)
    while unit < _LONGEST_UNIT and unit * _element_ns(kernel, schedule, axis) < _UNIT_NS:
        unit *= 2
    return Sharing(axis, unit)


def _share_columns(kernel: Kernel, schedule: Schedule) -> Sharing | None:
    parts = min(c.parts for c in kernel.columns)
    if parts > 1:
        axis = _longest(kernel.axes, range(kernel.outer))
        return Sharing(axis, 1, parts, _COLUMN_ROWS)
    if kernel.stages() > 1 or any(isinstance(i, (Reduce, Scan)) for i in kernel.instrs):
        return None
    # threads walk all rows then, each with columns of its own
    axis = _longest(kernel.axes, range(kernel.outer, kernel.rank))
    return Sharing(axis, schedule.lanes if axis == schedule.vector_axis else 1)


def column_parts(axes: Shape, outer: int) -> int:
    """How many rows of accumulators a column reduction over the first `outer` axes has."""
    rows, points = product(axes[:outer]), product(axes)
    if isinstance(points, int) and points < _COLUMN_POINTS:
        return 1
    if not isinstance(rows, int):
        return _COLUMN_PARTS
    return max(1, min(_COLUMN_PARTS, rows // _COLUMN_ROWS))


def _has_few_rows(kernel: Kernel, schedule: Schedule) -> bool:
    """Whether there are inner axes, and not enough parallel points for many threads."""
    rows = product(kernel.axes[: kernel.outer])
    if kernel.rank == kernel.outer or not isinstance(rows, int) or rows >= _FEW_ROWS:
        return False
    return schedule.vector_axis is None or schedule.vector_axis >= kernel.outer


def _longest(axes: Shape, among: Sequence[int]) -> int:
    """The first axis that is long, or may be; else the longest."""
    known: dict[int, int] = {}
    for k in among:
        size = axes[k]
        if not isinstance(size, int) or size >= _WIDE:
            return k
        known[k] = size
    return max(known, key=lambda k: known[k])


def _element_ns(kernel: Kernel, schedule: Schedule, axis: int) -> float:
    """The work for one index of an axis, as far as it is known."""
    inside = (size for size in kernel.axes[axis + 1 :] if isinstance(size, int))
    return schedule.ns * max(1, prod(inside))
