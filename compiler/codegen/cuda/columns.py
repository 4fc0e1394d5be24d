"""Reductions over the outer axes of a kernel: one result for each point of the inner ones.

Layer: compiler/codegen/cuda. Threads take a column each, so that neighbours read neighbouring
elements; where there are few columns, the rows are cut into parts, whose number follows from sizes
alone, and partial results are put together in order. What the column's values read of reductions
along the rows is left in memory by the launch before.
"""

from __future__ import annotations

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
from .maps import THREAD, THREADS
from .nest import Nest, Values, kernel_buffers
from .points import Acc
from .programs import ProgramWriter
from .source import SourceWriter, affine_text, size_text

_THREADS = 1 << 16  # that a device has at least something to do for
_ROWS = 16  # that a part has, at least
_PARTS = 64


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
        _Column(writer, replace(kernel, columns=(column,)), column, given).emit(k)


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
        self.dtypes = self.reduction.components(column.value.dtype)
        self.length = product(kernel.axes[kernel.outer :])
        self.rows = product(kernel.axes[: kernel.outer])
        self.parts = _part_count(self.rows, self.length)

    def emit(self, number: int) -> None:
        """One launch, or two if the rows are cut into parts."""
        name = f"{self.kernel.name}_column{number}"
        target = self.column.access.buffer
        reads = [b for b in kernel_buffers(self.kernel) if b not in self._unused()]
        reads += [access.buffer for access in self.given.values()]
        partial = [self.writer.scratch(d, self.length * self.parts) for d in self.dtypes]
        if self.parts == 1:
            partial = []
        self.writer.function(
            name,
            [*reads, *(partial or [target])],
            self.writer.blocks(self.length * self.parts),
            lambda out: self._write_parts(self._nest(out), partial),
        )
        if partial:
            self.writer.function(
                f"{name}_whole",
                [*partial, target],
                self.writer.blocks(self.length),
                lambda out: self._write_whole(self._nest(out), partial),
            )

    def _unused(self) -> set[Buffer]:
        """What other parts of the kernel write, and the CPU's accumulators."""
        written = {store.access.buffer for store in self.kernel.stores}
        read = {
            i.access.buffer
            for i in self.kernel.instrs
            if isinstance(i, (Load, Indexed)) and i.access is not None
        }
        accumulators = {access.buffer for access in self.column.components}
        return (written - read) | accumulators | ({self.column.access.buffer} - read)

    def _nest(self, out: SourceWriter) -> Nest:
        return Nest(out, self.kernel, self.writer, self.given)

    def _write_parts(self, nest: Nest, partial: list[Buffer]) -> None:
        out, kernel, length = nest.out, self.kernel, size_text(self.length)
        total = size_text(self.length * self.parts)
        rows = size_text(self.rows)
        chunk = size_text((self.rows + self.parts - 1) // self.parts)
        with out.block(f"for point in range({THREAD}, {total}, {THREADS}):"):
            out.line(f"part = point // {length}")
            column = out.assign(f"point % {length}")
            nest.locate(column, range(kernel.outer, kernel.rank))
            acc = self._initial(nest)
            ends = f"part * {chunk}, min({rows}, (part + 1) * {chunk})"
            with out.block(f"for row in range({ends}):"):
                nest.locate("row", range(kernel.outer))
                values: Values = {}
                for stage in range(self.column.value.stage + 1):
                    nest.rows(values, stage)
                for instr in nest.needed([self.column.value]):
                    nest.emit(instr, values)
                value = values[self.column.value]
                nest.s.move(acc, self.reduction.step(nest.s, acc, value, None))
            if partial:
                for buffer, x in zip(partial, acc, strict=True):
                    out.line(f"{buffer}[point] = {x.handle}")
            else:
                self._finish(nest, acc)

    def _write_whole(self, nest: Nest, partial: list[Buffer]) -> None:
        out, kernel, length = nest.out, self.kernel, size_text(self.length)
        with out.block(f"for column in range({THREAD}, {length}, {THREADS}):"):
            nest.locate("column", range(kernel.outer, kernel.rank))
            acc = self._initial(nest)
            with out.block(f"for part in range({self.parts}):"):
                place = affine_text(0, (1, self.length), ("column", "part"))
                more = tuple(nest.s.plain(f"{b}[{place}]", b.dtype) for b in partial)
                nest.s.move(acc, self.reduction.merge(nest.s, acc, more))
            self._finish(nest, acc)

    def _initial(self, nest: Nest) -> Acc:
        start = self.reduction.init(nest.s, self.column.value.dtype)
        return tuple(nest.s.plain(x.handle, x.dtype) for x in start)

    def _finish(self, nest: Nest, acc: Acc) -> None:
        result = self.reduction.finish(nest.s, acc, self.column.dtype)
        nest.store(self.column.access, result)


def _part_count(rows: Size, length: Size) -> int:
    if not isinstance(length, int):
        return 1 if isinstance(rows, int) and rows < _ROWS else _PARTS // 4
    enough = max(1, min(_PARTS, _THREADS // max(1, length)))
    return min(enough, max(1, rows // _ROWS)) if isinstance(rows, int) else enough
