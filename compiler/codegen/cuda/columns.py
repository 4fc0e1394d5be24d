"""Reductions over the outer axes of a kernel: one result for each point of the inner ones.

Layer: compiler/codegen/cuda. The lanes of a warp take groups of columns side by side, the warps of
a block rows in turn; they put their columns together in shared memory. Where there are few columns,
the rows are cut into parts, whose number follows from sizes alone, and partial results are put
together in order by another launch of the same shape. What the columns' values read of reductions
along the rows is left in memory by the launch before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...errors import UnsupportedError
from ...ir.dims import product
from ...ir.opdef import Reduction
from ...ir.types import Size
from ...kernel.form import (
    Access,
    Buffer,
    ColumnReduce,
    Indexed,
    Instr,
    Kernel,
    Load,
    Reduce,
    Scan,
    Store,
)
from ...kernel.layout import contiguous_strides
from .nest import Nest, Values, component_text, kernel_buffers
from .points import Carried, Point
from .programs import ProgramWriter
from .source import SourceWriter, size_text
from .teams import OWN
from .vectors import SCALAR, Plan, plan
from .walks import Group, Walk, merge

_BLOCKS = 264  # that keep a device busy: two for each of its processors
_ROWS = 4  # that each warp takes, at least
_PARTS = 64

Take = Callable[[Sequence[str], list[Carried]], None]  # rows by number


def without_columns(writer: ProgramWriter, kernel: Kernel) -> tuple[Kernel, dict[Instr, Access]]:
    """The kernel's other work, and where it leaves the reductions along its rows."""
    rows = kernel.axes[: kernel.outer]
    strides = (*contiguous_strides(rows), *[0] * (kernel.rank - kernel.outer))
    given: dict[Instr, Access] = {}
    last = max(column.value.stage for column in kernel.columns)
    for instr in kernel.instrs:
        if isinstance(instr, Reduce) and instr.stage <= last:
            given[instr] = Access(writer.scratch(instr.dtype, product(rows)), 0, strides)
    kept = tuple(Store(access, instr) for instr, access in given.items())
    return replace(kernel, columns=(), stores=(*kernel.stores, *kept)), given


def emit_columns(writer: ProgramWriter, kernel: Kernel, given: dict[Instr, Access]) -> None:
    """The launches for all column reductions of a kernel."""
    if any(isinstance(i, Scan) for i in kernel.instrs):
        raise UnsupportedError("the GPU has no kernels for column reductions of scans yet")
    for k, column in enumerate(kernel.columns):
        alone = replace(kernel, columns=(column,), stores=())
        _Column(writer, alone, column, given).emit(f"{kernel.name}_column{k}")


class _Column:
    """One column reduction."""

    def __init__(
        self,
        writer: ProgramWriter,
        kernel: Kernel,
        column: ColumnReduce,
        given: dict[Instr, Access],
    ) -> None:
        assert column.op.reduction is not None
        self.writer = writer
        self.kernel = kernel
        self.column = column
        self.given = given
        self.reduction: Reduction = column.op.reduction
        self.reduce = Reduce(column.dtype, (column.value,), op=column.op)
        self.dtypes = self.reduction.components(column.value.dtype)
        self.inner = range(kernel.outer, kernel.rank)
        self.rows = product(kernel.axes[: kernel.outer])
        self.plan = self._plan()
        self.lanes = writer.geometry.warp
        self.warps = writer.geometry.block // self.lanes
        self.parts = self._part_count()

    def _plan(self) -> Plan:
        """Groups of neighbours only where they end with the row."""
        found = plan(self.kernel, self.inner)
        size = self.kernel.axes[-1]
        return found if isinstance(size, int) and size % found.width == 0 else SCALAR

    def emit(self, name: str) -> None:
        """One launch, or two if the rows are cut into parts."""
        length = product(tuple(self.kernel.axes[k] for k in self.inner))
        target = self.column.access.buffer
        reads = [b for b in kernel_buffers(self.kernel) if b not in self._unused()]
        reads += [access.buffer for access in self.given.values()]
        partial = [self.writer.scratch(d, length * self.parts) for d in self.dtypes]
        if self.parts == 1:
            partial = []
        self.writer.function(
            name,
            [*reads, *(partial or [target])],
            self._tiles(self.plan.width) * self.parts,
            lambda out: self._write_parts(self._nest(out), partial, name),
        )
        if partial:
            self.writer.function(
                f"{name}_whole",
                [*partial, target],
                self._tiles(1),
                lambda out: self._write_whole(self._nest(out), partial),
            )

    def _unused(self) -> set[Buffer]:
        """What other parts of the kernel write, and the CPU's accumulators."""
        read = {
            i.access.buffer
            for i in self.kernel.instrs
            if isinstance(i, (Load, Indexed)) and i.access is not None
        }
        accumulators = {access.buffer for access in self.column.components}
        return accumulators | ({self.column.access.buffer} - read)

    def _groups(self, width: int) -> Size:
        return product(tuple(self.kernel.axes[k] for k in self.inner)) // width

    def _tiles(self, width: int) -> Size:
        """How many blocks lie side by side."""
        return (self._groups(width) + self.lanes - 1) // self.lanes

    def _part_count(self) -> int:
        tiles = self._tiles(self.plan.width)
        enough = _PARTS // 4 if not isinstance(tiles, int) else _BLOCKS // max(1, tiles)
        most = min(_PARTS, max(1, enough))
        if isinstance(self.rows, int):
            most = min(most, max(1, self.rows // (self.warps * _ROWS)))
        return most

    def _nest(self, out: SourceWriter) -> Nest:
        return Nest(out, self.kernel, self.writer, self.given)

    # -- kernels --------------------------------------------------------------------------------

    def _write_parts(self, nest: Nest, partial: list[Buffer], name: str) -> None:
        out = nest.out
        point = Point(nest, [self.reduce], [])
        point.write(self.writer, f"{name}_point")
        walk = Walk(nest, point, self.inner, self.plan)
        walk.vectors.ask()

        def take(numbers: Sequence[str], carried: list[Carried]) -> None:
            groups = []
            for k, number in enumerate(numbers):
                index = [
                    f"i{a}_{k}" if a < self.kernel.outer else x for a, x in enumerate(nest.index)
                ]
                before, nest.index = nest.index, index
                nest.locate(number, range(self.kernel.outer))
                known: Values = {}
                for stage in range(self.column.value.stage + 1):
                    nest.rows(known, stage)
                nest.index = before
                groups.append(Group(index, self.plan.width, known))
            walk.at(groups, {}, carried)

        def finish(carried: list[Carried]) -> None:
            for lane, each in enumerate(carried):
                if partial:
                    place = (
                        f"part * {size_text(self._groups(1))} + group * {self.plan.width} + {lane}"
                    )
                    for buffer, x in zip(partial, each[self.reduce], strict=True):
                        out.line(f"{buffer}[np.uint64({place})] = {x.handle}")
                else:
                    self._store(nest, walk, each, lane)

        self._write(nest, walk, self.rows, self.parts, take, finish)

    def _write_whole(self, nest: Nest, partial: list[Buffer]) -> None:
        walk = Walk(nest, Point(nest, [self.reduce], []), self.inner, SCALAR)

        def take(numbers: Sequence[str], carried: list[Carried]) -> None:
            for number in numbers:
                place = f"np.uint64({number} * {size_text(self._groups(1))} + group)"
                more = tuple(nest.s.plain(f"{b}[{place}]", b.dtype) for b in partial)
                merge(nest, self.reduce, carried[0][self.reduce], more)

        def finish(carried: list[Carried]) -> None:
            self._store(nest, walk, carried[0], 0)

        self._write(nest, walk, self.parts, 1, take, finish)

    def _write(
        self,
        nest: Nest,
        walk: Walk,
        rows: Size,
        parts: int,
        take: Take,
        finish: Callable[..., None],
    ) -> None:
        """All tiles of columns, and parts of the rows, in strides of the grid."""
        out, width, lanes, warps = nest.out, walk.plan.width, self.lanes, self.warps
        shared = self._share(out, width)
        tiles, groups = size_text(self._tiles(width)), size_text(self._groups(width))
        out.line(f"lane = {OWN} % {lanes}")
        out.line(f"warp = {OWN} // {lanes}")
        with out.block(f"for tile in range(cuda.blockIdx.x, {tiles} * {parts}, cuda.gridDim.x):"):
            out.line(f"part = tile // {tiles}")
            # lanes without columns take the last ones again
            out.line(f"group = min(tile % {tiles} * {lanes} + lane, {groups} - 1)")
            located = walk.group("group", "")
            nest.index = located.index
            chunk = size_text((rows + parts - 1) // parts)
            out.line(f"end = min({size_text(rows)}, (part + 1) * {chunk})")
            at = out.assign(f"part * {chunk} + warp")
            carried = walk.start(width)
            for copies in dict.fromkeys((walk.plan.copies, 1)):
                last = f"{at} + {(copies - 1) * warps}" if copies > 1 else at
                with out.block(f"while {last} < end:"):
                    take([f"{at} + {k * warps}" for k in range(copies)], carried)
                    out.line(f"{at} += {copies * warps}")
            self._combine(nest, carried, shared)
            with out.block(f"if (warp == 0) & (tile % {tiles} * {lanes} + lane < {groups}):"):
                finish(carried)
            out.line("cuda.syncthreads()")  # before the memory is written again

    def _store(self, nest: Nest, walk: Walk, carried: Carried, lane: int) -> None:
        done = self.reduction.finish(nest.s, carried[self.reduce], self.column.dtype)
        nest.out.line(f"{walk.vectors.element(self.column.access, lane)} = {done.handle}")

    def _share(self, out: SourceWriter, width: int) -> list[str]:
        length = self.warps * self.lanes * width
        return [
            out.assign(f"cuda.shared.array({length}, {component_text(d)})") for d in self.dtypes
        ]

    def _combine(self, nest: Nest, carried: list[Carried], shared: list[str]) -> None:
        """Give the first warp what all warps have, one after the other."""
        out, s = nest.out, nest.s

        def place(warp: str, lane: int) -> str:
            return f"(({lane} * {self.warps}) + {warp}) * {self.lanes} + lane"

        for k, each in enumerate(carried):
            for row, x in zip(shared, each[self.reduce], strict=True):
                out.line(f"{row}[{place('warp', k)}] = {x.handle}")
        out.line("cuda.syncthreads()")
        with out.block("if warp == 0:"), out.block(f"for other in range(1, {self.warps}):"):
            for k, each in enumerate(carried):
                more = tuple(
                    s.plain(f"{row}[{place('other', k)}]" + (" != 0" if d.is_bool else ""), d)
                    for row, d in zip(shared, self.dtypes, strict=True)
                )
                merge(nest, self.reduce, each[self.reduce], more)
