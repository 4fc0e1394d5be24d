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
from ...kernel.form import Access, Indexed, Kernel, Load, Scan
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
    last = axes[-1]
    reads = [i.access for i in plain_loads(kernel) if i.access and last in i.axes_used]
    writes = [s.access for s in kernel.stores if s.place is None]
    side = [a for a in (*reads, *writes) if a.strides[last] == 1]
    cost = body_cost(kernel)
    indexed = any(isinstance(i, Indexed) and last in i.axes_used for i in kernel.instrs)
    if not side or cost > _LONG_BODY:
        return Plan(1, 1 if cost > MODERATE or indexed else _MOST_COPIES)
    widest = max(a.buffer.dtype.itemsize for a in side)
    width = _dividing(min(_WIDEST, max(4, VECTOR // widest)), kernel, last)
    moved = sum(a.buffer.dtype.itemsize for a in dict.fromkeys(reads)) or widest
    copies = max(1, min(_MOST_COPIES, _IN_FLIGHT // (width * moved)))
    points = product(kernel.axes)
    if cost > MODERATE or (isinstance(points, int) and points < _FEW):
        copies = 1
    stores = any(s.depth > kernel.outer for s in kernel.stores)
    return Plan(width, min(copies, 2) if stores and cost > CHEAP else copies)


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
        reads = [i.access for i in plain_loads(kernel) if i.access and self.axis in i.axes_used]
        for access in (*reads, *(s.access for s in kernel.stores if s.place is None)):
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
