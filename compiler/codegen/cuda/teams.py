"""Threads that put accumulators together: lanes of a warp, or all threads of a block.

Layer: compiler/codegen/cuda. Lanes exchange values directly, the upper half's going to the lower
half until one is left; warps leave theirs in shared memory, where every thread puts them together
one after the other. The order depends on the number of threads alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from ...ir.types import DType
from ...kernel.form import Instr, Reduce, reduction_of
from ...launches import Geometry
from ...ops.scalar import Scalar
from .nest import Nest, component_text
from .points import Carried
from .walks import merge

OWN = "cuda.threadIdx.x"


class Team:
    """`size` neighbouring threads, a power of two: as many as a warp has at most, or a block's.

    With `across`, those of one lane in all warps of a block instead. The exchange waits for whole
    warps or blocks: all of their threads have to take part.
    """

    def __init__(
        self,
        nest: Nest,
        geometry: Geometry,
        size: int,
        reduces: Sequence[Reduce],
        across: bool = False,
    ) -> None:
        self.nest = nest
        self.across = across
        self.warp = geometry.warp if across else min(geometry.warp, size)
        self.size = size
        self.warps = size if across else size // self.warp
        self.shared: dict[Instr, list[str]] = {}
        if self.warps > 1:
            length = self.warps * (self.warp if across else 1)
            for reduce in reduces:
                self.shared[reduce] = [
                    nest.out.assign(f"cuda.shared.array({length}, {component_text(d)})")
                    for d in _dtypes(reduce)
                ]

    @property
    def rank(self) -> str:
        """The thread's number in its team."""
        return f"{OWN} // {self.warp}" if self.across else f"{OWN} % {self.size}"

    @property
    def number(self) -> str:
        """The team's number in its block."""
        return f"{OWN} % {self.warp}" if self.across else f"{OWN} // {self.size}"

    def combine(self, carried: Carried, reduces: Sequence[Reduce]) -> None:
        """Give every thread the combination of the accumulators of all threads of its team."""
        if not reduces or self.size == 1:
            return
        if not self.across:
            self._among_lanes(carried, reduces)
        if self.warps > 1:
            self._among_warps(carried, reduces)

    def _among_lanes(self, carried: Carried, reduces: Sequence[Reduce]) -> None:
        out = self.nest.out
        steps = self.warp.bit_length() - 1
        if steps:
            with out.block(f"for fold in range({steps}):"):
                distance = out.assign(f"{self.warp // 2} >> fold")
                for reduce in reduces:
                    more = tuple(self.nest.s.shuffled("down", x, distance) for x in carried[reduce])
                    merge(self.nest, reduce, carried[reduce], more)
        if self.warps == 1:
            for reduce in reduces:
                first = f"{OWN} - {OWN} % {self.size}"
                found = tuple(self.nest.s.shuffled("from", x, first) for x in carried[reduce])
                self.nest.s.move(carried[reduce], found)

    def _among_warps(self, carried: Carried, reduces: Sequence[Reduce]) -> None:
        out = self.nest.out
        own, first, other = f"{OWN} // {self.warp}", "0", "other"
        if self.across:
            own, first = OWN, self.number
            other = f"other * {self.warp} + {self.number}"
        with nullcontext() if self.across else out.block(f"if {OWN} % {self.warp} == 0:"):
            for reduce in reduces:
                for row, x in zip(self.shared[reduce], carried[reduce], strict=True):
                    out.line(f"{row}[{own}] = {x.handle}")
        out.line("cuda.syncthreads()")
        for reduce in reduces:
            self.nest.s.move(carried[reduce], self._get(reduce, first))
        with out.block(f"for other in range(1, {self.warps}):"):
            for reduce in reduces:
                merge(self.nest, reduce, carried[reduce], self._get(reduce, other))
        out.line("cuda.syncthreads()")  # before the memory is written again

    def _get(self, reduce: Instr, place: str) -> tuple[Scalar, ...]:
        s = self.nest.s
        return tuple(
            s.plain(f"{row}[{place}] != 0" if d.is_bool else f"{row}[{place}]", d)
            for row, d in zip(self.shared[reduce], _dtypes(reduce), strict=True)
        )


def _dtypes(reduce: Instr) -> tuple[DType, ...]:
    return reduction_of(reduce).components(reduce.args[0].dtype)
