"""Kernels without outer axes: a whole array is reduced, and perhaps walked again with the result.

Layer: compiler/codegen/cuda. One block would leave the rest of the device idle. So each stage is
a launch of many blocks, each of which leaves a partial result, and a launch of one block that puts
these together. The number of partial results, and so the result, follows from sizes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, Buffer, Instr, Kernel, Reduce, Scan, reduction_of
from .nest import Nest, Values, kernel_buffers
from .points import Point
from .programs import ProgramWriter
from .source import SourceWriter, size_text
from .teams import OWN, Team
from .vectors import plan
from .walks import Walk, merge

_LONG = 32  # elements for each thread of a block: from here on one block is not enough
_ELEMENTS = 16  # that each thread takes in, at least
_PARTS = 2048  # partial results, at most: two waves of blocks, and few to be put together


def is_whole(kernel: Kernel, block: int) -> bool:
    """Whether several blocks should share the walk over the inner axes."""
    if kernel.outer or any(isinstance(i, Scan) for i in kernel.instrs):
        return False
    length = product(kernel.axes)
    return not (isinstance(length, int) and length < _LONG * block) and _last_stage(kernel) >= 0


def _last_stage(kernel: Kernel) -> int:
    """The last stage that ends with reductions; -1 without any."""
    return max((i.args[0].stage for i in kernel.instrs if isinstance(i, Reduce)), default=-1)


def emit_whole(writer: ProgramWriter, kernel: Kernel) -> None:
    """Two launches for each stage with reductions, one for a stage without."""
    stages = _Stages(writer, kernel)
    for stage in range(kernel.stages()):
        stages.emit(stage)


@dataclass(frozen=True)
class _Partials:
    """The components of a reduction, one of each part; and its result."""

    rows: tuple[Buffer, ...]
    result: Buffer


class _Stages:
    """The launches of one kernel, and what they leave for those that follow."""

    def __init__(self, writer: ProgramWriter, kernel: Kernel) -> None:
        self.writer = writer
        self.kernel = kernel
        self.block = writer.geometry.block
        self.most = self._most_parts(product(kernel.axes))
        self.given: dict[Instr, Access] = {}

    def emit(self, stage: int) -> None:
        """The launches of one stage."""
        nest = self._nest(SourceWriter("none", []))
        reduces = nest.reduces(stage)
        partials = {r: self._partials(r) for r in reduces}
        rows = [row for p in partials.values() for row in p.rows]
        results = [p.result for p in partials.values()]
        buffers = [*kernel_buffers(self.kernel), *(a.buffer for a in self.given.values())]
        name = f"{self.kernel.name}_{stage}"
        if reduces or nest.stores(stage):
            self.writer.function(
                f"{name}_parts",
                [*buffers, *rows],
                self.most,
                lambda out: self._write_parts(self._nest(out), stage, partials),
            )
        if reduces:
            self.writer.function(
                f"{name}_whole",
                [*buffers, *rows, *results],
                1,
                lambda out: self._write_whole(self._nest(out), stage, partials),
            )
        strides = (0,) * self.kernel.rank
        self.given |= {r: Access(p.result, 0, strides) for r, p in partials.items()}

    def _nest(self, out: SourceWriter) -> Nest:
        return Nest(out, self.kernel, self.writer, self.given)

    def _partials(self, reduce: Reduce) -> _Partials:
        dtypes = reduction_of(reduce).components(reduce.args[0].dtype)
        rows = tuple(self.writer.scratch(d, self.most) for d in dtypes)
        return _Partials(rows, self.writer.scratch(reduce.dtype, 1))

    def _write_parts(self, nest: Nest, stage: int, partials: dict[Reduce, _Partials]) -> None:
        out, reduces = nest.out, nest.reduces(stage)
        point = Point(nest, reduces, nest.stores(stage))
        point.write(self.writer, f"{self.kernel.name}_{stage}_point")
        chosen = plan(self.kernel, range(self.kernel.rank))
        walk = Walk(nest, point, range(self.kernel.rank), chosen)
        team = Team(nest, self.writer.geometry, self.block, reduces)
        walk.vectors.ask()
        self._count_parts(out)
        values = self._known(nest, stage)
        step = out.assign(f"parts * {self.block}")
        with out.block("for part in range(cuda.blockIdx.x, parts, cuda.gridDim.x):"):
            carried = walk.start(chosen.width)
            walk.run(f"part * {self.block} + {OWN}", step, values, carried)
            whole = walk.joined(carried)
            team.combine(whole, reduces)
            if reduces:
                with out.block(f"if {OWN} == 0:"):
                    for reduce in reduces:
                        for row, x in zip(partials[reduce].rows, whole[reduce], strict=True):
                            out.line(f"{row}[part] = {x.handle}")

    def _write_whole(self, nest: Nest, stage: int, partials: dict[Reduce, _Partials]) -> None:
        out, reduces = nest.out, nest.reduces(stage)
        point = Point(nest, reduces, ())
        walk = Walk(nest, point, range(self.kernel.rank), plan(self.kernel, ()))
        team = Team(nest, self.writer.geometry, self.block, reduces)
        carried = point.accumulators()
        self._count_parts(out)
        with out.block(f"for part in range({OWN}, parts, {self.block}):"):
            for reduce in reduces:
                rows = partials[reduce].rows
                more = tuple(nest.s.plain(f"{row}[part]", row.dtype) for row in rows)
                merge(nest, reduce, carried[reduce], more)
        team.combine(carried, reduces)
        values = self._known(nest, stage)
        walk.finish(carried, values)
        with out.block(f"if cuda.blockIdx.x + {OWN} == 0:"):
            for reduce in reduces:
                out.line(f"{partials[reduce].result}[0] = {values[reduce].handle}")
            if stage == _last_stage(self.kernel):
                nest.rows(values, stage + 1)
                for store in nest.row_stores():
                    nest.write(store, values)

    def _count_parts(self, out: SourceWriter) -> None:
        """How many partial results there are."""
        length = size_text(product(self.kernel.axes))
        out.line(f"parts = min({self.most}, max(1, {length} // {self.block * _ELEMENTS}))")

    def _known(self, nest: Nest, stage: int) -> Values:
        """The row's values when `stage` reductions are done."""
        values: Values = {}
        for instr in self.given:
            nest.emit(instr, values)
        for done in range(stage + 1):
            nest.rows(values, done)
        return values

    def _most_parts(self, length: Size) -> int:
        if not isinstance(length, int):
            return _PARTS
        return max(1, min(_PARTS, length // (self.block * _ELEMENTS)))
