"""Threads that put accumulators together: lanes of a warp, or all threads of a block.

Layer: compiler/codegen/cuda. Lanes exchange values directly, the upper half's going to the lower
half until one is left; warps leave theirs in shared memory, where every thread puts them together
one after the other. The order depends on the number of threads alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.types import DType
from ...kernel.form import Instr, Reduce
from ...launches import Geometry
from ...ops.scalar import Scalar
from .nest import Nest, component_text, reduction_of
from .points import Carried
from .walks import merge

OWN = "cuda.threadIdx.x"


class Team:
    """`size` neighbouring threads, a power of two: as many as a warp has at most, or a block's.

    The exchange waits for whole warps or blocks: all of their threads have to take part.
    """

    def __init__(
        self, nest: Nest, geometry: Geometry, size: int, reduces: Sequence[Reduce]
    ) -> None:
        self.nest = nest
        self.warp = min(geometry.warp, size)
        self.size = size
        self.warps = size // self.warp
        self.shared: dict[Instr, list[str]] = {}
        if self.warps > 1:
            for reduce in reduces:
                self.shared[reduce] = [
                    nest.out.assign(f"cuda.shared.array({self.warps}, {component_text(d)})")
                    for d in _dtypes(reduce)
                ]

    def combine(self, carried: Carried, reduces: Sequence[Reduce]) -> None:
        """Give every thread the combination of the accumulators of all threads of its team."""
        if not reduces or self.size == 1:
            return
        out = self.nest.out
        steps = self.warp.bit_length() - 1
        if steps:
            with out.block(f"for fold in range({steps}):"):
                distance = out.assign(f"{self.warp // 2} >> fold")
                for reduce in reduces:
                    more = tuple(self._moved("down", x, distance) for x in carried[reduce])
                    merge(self.nest, reduce, carried[reduce], more)
        if self.warps == 1:
            for reduce in reduces:
                first = f"{OWN} - {OWN} % {self.size}"
                found = tuple(self._moved("from", x, first) for x in carried[reduce])
                self.nest.s.move(carried[reduce], found)
        else:
            self._among_warps(carried, reduces)

    def _moved(self, way: str, x: Scalar, by: str) -> Scalar:
        """The value of another lane; those of few bits go as 32 bits."""
        s, d = self.nest.s, x.dtype
        if d in (DType.F32, DType.F64, DType.I32, DType.I64):
            return s.plain(f"shuffle_{way}({x.handle}, {by})", d)
        word = "np.int64" if d is DType.U64 else "np.int32"
        moved = f"shuffle_{way}({word}({x.handle}), {by})"
        return s.plain(f"{moved} != 0", d) if d.is_bool else s.typed(moved, d)

    def _among_warps(self, carried: Carried, reduces: Sequence[Reduce]) -> None:
        out = self.nest.out
        with out.block(f"if {OWN} % {self.warp} == 0:"):
            for reduce in reduces:
                for row, x in zip(self.shared[reduce], carried[reduce], strict=True):
                    out.line(f"{row}[{OWN} // {self.warp}] = {x.handle}")
        out.line("cuda.syncthreads()")
        for reduce in reduces:
            self.nest.s.move(carried[reduce], self._get(reduce, "0"))
        with out.block(f"for other in range(1, {self.warps}):"):
            for reduce in reduces:
                merge(self.nest, reduce, carried[reduce], self._get(reduce, "other"))
        out.line("cuda.syncthreads()")  # before the memory is written again

    def _get(self, reduce: Instr, place: str) -> tuple[Scalar, ...]:
        s = self.nest.s
        return tuple(
            s.plain(f"{row}[{place}] != 0" if d.is_bool else f"{row}[{place}]", d)
            for row, d in zip(self.shared[reduce], _dtypes(reduce), strict=True)
        )


def _dtypes(reduce: Instr) -> tuple[DType, ...]:
    return reduction_of(reduce).components(reduce.args[0].dtype)
