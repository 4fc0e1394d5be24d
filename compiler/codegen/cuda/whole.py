"""Kernels without outer axes: a whole array is reduced, and perhaps walked again with the result.

Layer: compiler/codegen/cuda. One block would leave the rest of the device idle. So each stage is
a launch of many blocks, each of which leaves a partial result, and a launch of one block that puts
these together. The number of partial results, and so the result, follows from sizes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, Buffer, Instr, Kernel, Reduce, Scan
from ...launches import BLOCK
from .nest import Nest, Values, kernel_buffers, reduction_of
from .programs import ProgramWriter
from .source import SourceWriter, size_text
from .walks import Shared, Walk

_LONG = 1 << 13  # elements: from here on one block is not enough
_ELEMENTS = 16  # that each thread takes in, at least
_PARTS = 1024  # partial results, at most


def is_whole(kernel: Kernel) -> bool:
    """Whether several blocks should share the walk over the inner axes."""
    if kernel.outer or any(isinstance(i, Scan) for i in kernel.instrs):
        return False
    length = product(kernel.axes)
    return not (isinstance(length, int) and length < _LONG) and _last_stage(kernel) >= 0


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
        self.most = _most_parts(product(kernel.axes))
        self.given: dict[Instr, Access] = {}

    def emit(self, stage: int) -> None:
        """The launches of one stage."""
        reduces = Walk(self._nest(SourceWriter("none", [])), stage).reduces
        partials = {r: self._partials(r) for r in reduces}
        rows = [row for p in partials.values() for row in p.rows]
        results = [p.result for p in partials.values()]
        buffers = [*kernel_buffers(self.kernel), *(a.buffer for a in self.given.values())]
        name = f"{self.kernel.name}_{stage}"
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
        return Nest(out, self.kernel, self.writer.fast_math, self.given)

    def _partials(self, reduce: Reduce) -> _Partials:
        dtypes = reduction_of(reduce).components(reduce.args[0].dtype)
        rows = tuple(self.writer.scratch(d, self.most) for d in dtypes)
        return _Partials(rows, self.writer.scratch(reduce.dtype, 1))

    def _write_parts(self, nest: Nest, stage: int, partials: dict[Reduce, _Partials]) -> None:
        out = nest.out
        walk = Walk(nest, stage)
        shared = Shared(nest, walk.reduces)
        self._count_parts(out)
        with out.block("for part in range(cuda.blockIdx.x, parts, cuda.gridDim.x):"):
            values = self._known(nest, stage)
            carried = walk.start()
            start = "part * cuda.blockDim.x + cuda.threadIdx.x"
            with nest.points(range(self.kernel.rank), start, "parts * cuda.blockDim.x"):
                walk.step(values, carried)
            shared.combine(carried, walk.reduces)
            if walk.reduces:
                with out.block("if cuda.threadIdx.x == 0:"):
                    for reduce in walk.reduces:
                        for row, x in zip(partials[reduce].rows, carried[reduce], strict=True):
                            out.line(f"{row}[part] = {x.handle}")

    def _write_whole(self, nest: Nest, stage: int, partials: dict[Reduce, _Partials]) -> None:
        out = nest.out
        walk = Walk(nest, stage)
        shared = Shared(nest, walk.reduces)
        carried = walk.start()
        self._count_parts(out)
        with out.block("for part in range(cuda.threadIdx.x, parts, cuda.blockDim.x):"):
            for reduce in walk.reduces:
                rows, acc = partials[reduce].rows, carried[reduce]
                more = tuple(nest.s.plain(f"{row}[part]", row.dtype) for row in rows)
                nest.s.move(acc, reduction_of(reduce).merge(nest.s, acc, more))
        shared.combine(carried, walk.reduces)
        values = self._known(nest, stage)
        walk.finish(carried, values)
        with out.block("if cuda.blockIdx.x + cuda.threadIdx.x == 0:"):
            for reduce in walk.reduces:
                out.line(f"{partials[reduce].result}[0] = {values[reduce].handle}")
            if stage == _last_stage(self.kernel):
                nest.rows(values, stage + 1)
                for store in nest.row_stores():
                    nest.write(store, values)

    def _count_parts(self, out: SourceWriter) -> None:
        """How many partial results there are."""
        length = size_text(product(self.kernel.axes))
        out.line(f"parts = min({self.most}, max(1, {length} // {BLOCK * _ELEMENTS}))")

    def _known(self, nest: Nest, stage: int) -> Values:
        """The row's values when `stage` reductions are done."""
        values: Values = {}
        for instr in self.given:
            nest.emit(instr, values)
        for done in range(stage + 1):
            nest.rows(values, done)
        return values


def _most_parts(length: Size) -> int:
    if not isinstance(length, int):
        return _PARTS
    return max(1, min(_PARTS, length // (BLOCK * _ELEMENTS)))
