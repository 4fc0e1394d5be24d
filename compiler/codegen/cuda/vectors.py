"""How many neighbouring elements a thread takes at once, and how it reads and writes them.

Layer: compiler/codegen/cuda. The memory of a device is fast if each thread asks for 16 bytes at a
time, several times before it waits. So the last of the walked axes is cut into groups of `width`
elements, and a thread has `copies` groups on their way. Where a group's memory is contiguous and
aligned it is a vector; whether arrays are aligned is asked once in a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, Kernel, Load, Scan
from ...kernel.schedule import CHEAP, MODERATE, body_cost
from .nest import Nest
from .source import affine_text, size_text

VECTOR = 16  # bytes
_IN_FLIGHT = 64  # bytes of a thread: 1024 threads then hide the memory's latency
_MOST_COPIES = 4
_FEW = 1 << 20  # points: more threads are better than more groups for each
_WIDEST = 8  # elements
_LONG_BODY = 400.0  # scalar instructions: arithmetic takes longer than memory, and code is large


@dataclass(frozen=True, slots=True)
class Plan:
    """`width` elements next to each other make a group; a thread has `copies` groups in flight."""

    width: int
    copies: int


SCALAR = Plan(1, 1)


def plain_loads(kernel: Kernel) -> list[Load]:
    """The loads of elements that are read whatever else is."""
    return [i for i in kernel.instrs if isinstance(i, Load) and not i.args]


def plan(kernel: Kernel, axes: Sequence[int]) -> Plan:
    """The plan for a kernel whose `axes`, up to the last, are walked."""
    if not axes or any(isinstance(i, Scan) for i in kernel.instrs):
        return SCALAR
    last, cost, points = axes[-1], body_cost(kernel), product(kernel.axes)
    widest = _widest(kernel, last)
    width = 1 if widest == 0 or cost > _LONG_BODY else _dividing(widest, kernel, last)
    if cost > MODERATE or (isinstance(points, int) and points < _FEW):
        return Plan(width, 1)
    reads = dict.fromkeys(_reads(kernel, last))
    moved = sum(a.buffer.dtype.itemsize for a in reads) or VECTOR // 4
    copies = max(1, min(_MOST_COPIES, _IN_FLIGHT // (width * moved)))
    stores = any(s.depth > kernel.outer for s in kernel.stores)
    return Plan(width, min(copies, 2) if stores and cost > CHEAP else copies)


def neighbours(kernel: Kernel, axis: int) -> int:
    """How many neighbours along an axis make a group, if nothing may be left at its end."""
    size, width = kernel.axes[axis], _widest(kernel, axis) or 1
    if not isinstance(size, int):
        return 1
    while size % width:
        width //= 2
    return width


def _reads(kernel: Kernel, axis: int) -> list[Access]:
    loads = plain_loads(kernel)
    return [i.access for i in loads if i.access is not None and axis in i.axes_used]


def _widest(kernel: Kernel, axis: int) -> int:
    """The neighbours that make vectors of what is side by side along an axis; 0: nothing is."""
    writes = [s.access for s in kernel.stores if s.place is None]
    sizes = [
        a.buffer.dtype.itemsize for a in (*_reads(kernel, axis), *writes) if a.strides[axis] == 1
    ]
    return min(_WIDEST, max(4, VECTOR // max(sizes))) if sizes else 0


def _dividing(width: int, kernel: Kernel, axis: int) -> int:
    """Less where groups would run over the ends of short rows."""
    size = kernel.axes[axis]
    if kernel.rank == 1 and not (isinstance(size, int) and size < width):
        return width
    while isinstance(size, int) and size % width:
        width //= 2
    return width


class Vectors:
    """The groups of a kernel's function along `axis`."""

    def __init__(self, nest: Nest, axis: int, width: int) -> None:
        self.nest = nest
        self.axis = axis
        self.width = width
        self.whole = "whole"

    def ask(self) -> None:
        """Set `whole`: whether all vectors of the kernel are aligned."""
        kernel, conditions = self.nest.kernel, dict[str, None]()
        for access in (
            *_reads(kernel, self.axis),
            *(s.access for s in kernel.stores if s.place is None),
        ):
            if self.is_wide(access):
                conditions[f"aligned({access.buffer})"] = None
                for step in self._steps(access):
                    if not isinstance(step, int):
                        conditions[f"({size_text(step)} % {self.width} == 0)"] = None
        if conditions:
            self.nest.out.line(f"{self.whole} = {' & '.join(conditions)}")

    def is_wide(self, access: Access) -> bool:
        """Whether a group of its elements may be a vector."""
        if self.width == 1 or access.strides[self.axis] != 1:
            return False
        return all(not isinstance(s, int) or s % self.width == 0 for s in self._steps(access))

    def _steps(self, access: Access) -> list[Size]:
        """What the place of a group is a sum of multiples of."""
        others = [s for k, s in enumerate(access.strides) if k != self.axis]
        return [access.offset, *(s for s in others if s != 0)]

    def element(self, access: Access, lane: int) -> str:
        """The text of one element of the present group."""
        index = list(self.nest.index)
        if lane:
            index[self.axis] = f"({index[self.axis]} + {lane})"
        return f"{access.buffer}[np.uint64({affine_text(access.offset, access.strides, index)})]"

    def place(self, access: Access) -> str:
        """Where the present group begins."""
        return affine_text(access.offset, access.strides, self.nest.index)
