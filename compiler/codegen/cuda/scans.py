"""Running sums along rows: blocks go through a row in pieces, each thread with a few neighbours.

Layer: compiler/codegen/cuda. In a piece, each thread joins its own elements, the lanes of a warp
their totals, then the warps theirs, and every element is joined to what is before it. A long row
without others beside it is cut into parts, whose number follows from sizes alone: a launch finds
the total of each, another joins these, and a third goes through all parts at once. Scans of one
operand join elements by an associative function, so that accumulators are joined as elements are;
NumPy's own order of additions is that of the CPU alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ...ir.dims import product
from ...kernel.form import Buffer, Instr, Kernel, Reduce, Scan, reduction_of
from ...ops.scalar import Scalar
from .nest import Nest, Values, component_text, kernel_buffers
from .points import Acc, Point
from .programs import ProgramWriter
from .source import SourceWriter, size_text
from .teams import OWN
from .vectors import Plan, neighbours
from .walks import Group, Walk

_SHORT = 64  # elements that one thread walks
_LONG = 128  # elements for each thread of a block: from here on three launches are worth it
_PARTS = 4  # for each thread of a block


def is_running(kernel: Kernel) -> bool:
    """Whether the kernel's one scan joins elements associatively along rows for a block each."""
    scans = [i for i in kernel.instrs if isinstance(i, Scan)]
    if len(scans) != 1 or len(scans[0].args) != 1 or kernel.rank != kernel.outer + 1:
        return False
    if scans[0].dtype.is_half:  # rounded at every step
        return False
    if kernel.columns or any(isinstance(i, Reduce) for i in kernel.instrs):
        return False
    length = kernel.axes[-1]
    return not (isinstance(length, int) and length <= _SHORT)


def emit_scan(writer: ProgramWriter, kernel: Kernel) -> None:
    """One launch, or three for a long row alone."""
    rows, length = product(kernel.axes[:-1]), kernel.axes[-1]
    made = _Scan(writer, kernel)
    alone = rows == 1 and not (isinstance(length, int) and length < _LONG * made.block)
    if alone:
        made.emit_parts()
    else:
        writer.function(
            kernel.name,
            kernel_buffers(kernel),
            rows,
            lambda out: made.write_rows(Nest(out, kernel, writer)),
        )


class _Scan:
    """The kernels of one scan."""

    def __init__(self, writer: ProgramWriter, kernel: Kernel) -> None:
        self.writer = writer
        self.kernel = kernel
        (self.scan,) = (i for i in kernel.instrs if isinstance(i, Scan))
        self.block = writer.geometry.block
        self.warp = writer.geometry.warp
        self.parts = _PARTS * self.block
        self.width = neighbours(kernel, kernel.rank - 1)
        self.groups = size_text(kernel.axes[-1] // self.width)
        (self.dtype,) = reduction_of(self.scan).components(self.scan.args[0].dtype)

    # -- kernels --------------------------------------------------------------------------------

    def write_rows(self, nest: Nest) -> None:
        """A block for each row."""
        walks, shared = self._walks(nest, ""), self._share(nest)
        rows = size_text(product(self.kernel.axes[:-1]))
        with nest.out.block(f"for row in range(cuda.blockIdx.x, {rows}, cuda.gridDim.x):"):
            nest.locate("row", range(self.kernel.outer))
            values: Values = {}
            nest.rows(values, 0)
            self._go_through(nest, walks, values, shared, ("0", self.groups), self._none(nest))

    def emit_parts(self) -> None:
        """The totals of parts, what is before each part, and all parts with that."""
        kernel = self.kernel
        total = self.writer.scratch(self.dtype, self.parts)
        buffers = [*kernel_buffers(kernel), total]
        self._launch("totals", buffers, self.parts, self._write_totals)
        self._launch("before", [total], 1, self._write_before)
        self._launch("parts", buffers, self.parts, self._write_parts)

    def _launch(
        self,
        name: str,
        buffers: Sequence[Buffer],
        blocks: int,
        write: Callable[[Nest, Buffer], None],
    ) -> None:
        kernel, writer = self.kernel, self.writer
        writer.function(
            f"{kernel.name}_{name}",
            buffers,
            blocks,
            lambda out: write(Nest(out, kernel, writer), buffers[-1]),
        )

    def _write_totals(self, nest: Nest, total: Buffer) -> None:
        out = nest.out
        walk, _ = self._walks(nest, "_totals")
        shared = self._share(nest)
        values: Values = {}
        nest.rows(values, 0)
        with self._each_part(out):
            # neighbours are not joined to neighbours here: the order of additions is another one
            sums = self._none(nest)
            with out.block(f"for number in range(begin + {OWN}, end, {self.block}):"):
                group = walk.group("number", "_0")
                walk.at([group], values, walk.start(self.width))
                for lane in group.lanes:
                    self._join(nest, sums, sums, self._element(nest, lane, values))
            _, whole = self._prefix(nest, sums, shared)
            with out.block(f"if {OWN} == 0:"):
                out.line(f"{total}[part] = {whole[0].handle}")

    def _write_before(self, nest: Nest, total: Buffer) -> None:
        out = nest.out
        shared = self._share(nest)
        carry = self._none(nest)
        with out.block(f"for first in range(0, {self.parts}, {self.block}):"):
            own = (nest.s.plain(f"{total}[first + {OWN}]", self.dtype),)
            before, whole = self._prefix(nest, own, shared)
            result = self._none(nest)
            self._join(nest, result, carry, before)
            out.line(f"{total}[first + {OWN}] = {result[0].handle}")
            self._join(nest, carry, carry, whole)

    def _write_parts(self, nest: Nest, total: Buffer) -> None:
        walks, shared = self._walks(nest, ""), self._share(nest)
        values: Values = {}
        nest.rows(values, 0)
        with self._each_part(nest.out):
            carry = (nest.s.plain(f"{total}[part]", self.dtype),)
            self._go_through(nest, walks, values, shared, ("begin", "end"), carry)

    @contextmanager
    def _each_part(self, out: SourceWriter) -> Iterator[None]:
        """A loop over parts of whole pieces, with the groups from `begin` to `end`."""
        pieces = f"({self.groups} + {self.parts * self.block - 1}) // {self.parts * self.block}"
        out.line(f"chunk = {pieces} * {self.block}")
        with out.block(f"for part in range(cuda.blockIdx.x, {self.parts}, cuda.gridDim.x):"):
            out.line(f"begin = min({self.groups}, part * chunk)")
            out.line(f"end = min({self.groups}, begin + chunk)")
            yield

    # -- what they are made of ------------------------------------------------------------------

    def _walks(self, nest: Nest, suffix: str) -> tuple[Walk, Walk]:
        """What computes the elements, and what is done with the results."""
        kernel, axes = self.kernel, range(self.kernel.outer, self.kernel.rank)
        elements = Point(nest, [], [], keeps=self.scan.args)
        elements.write(self.writer, f"{kernel.name}{suffix}_element")
        results = Point(nest, [], kernel.stores, held=[self.scan])
        if not suffix:
            results.write(self.writer, f"{kernel.name}_result")
        chosen = Plan(self.width, 1)
        walks = Walk(nest, elements, axes, chosen), Walk(nest, results, axes, chosen)
        walks[0].vectors.ask()
        return walks

    def _share(self, nest: Nest) -> str:
        length = self.block // self.warp
        return nest.out.assign(f"cuda.shared.array({length}, {component_text(self.dtype)})")

    def _none(self, nest: Nest) -> Acc:
        """Accumulators of no elements."""
        start = reduction_of(self.scan).init(nest.s, self.scan.args[0].dtype)
        return tuple(nest.s.plain(x.handle, x.dtype) for x in start)

    def _join(self, nest: Nest, result: Acc, acc: Acc, more: Acc) -> None:
        nest.s.move(result, reduction_of(self.scan).step(nest.s, acc, more[0], None))

    def _element(self, nest: Nest, lane: dict[Instr, str], values: Values) -> Acc:
        argument = self.scan.args[0]
        name = lane[argument] if argument in lane else values[argument].handle
        return (Scalar(nest.s, argument.dtype, name),)

    def _go_through(
        self,
        nest: Nest,
        walks: tuple[Walk, Walk],
        values: Values,
        shared: str,
        groups: tuple[str, str],
        carry: Acc,
    ) -> None:
        """Pieces of a row, one after the other."""
        out, (first, end) = nest.out, groups
        with out.block(f"for piece in range({first}, {end}, {self.block}):"):
            number = out.assign(f"piece + {OWN}")
            own = [self._none(nest) for _ in range(self.width)]
            group = walks[0].group(number, "_0")
            with out.block(f"if {number} < {end}:"):
                walks[0].at([group], values, walks[0].start(self.width))
                for lane, names in enumerate(group.lanes):
                    before = own[lane - 1] if lane else own[0]
                    self._join(nest, own[lane], before, self._element(nest, names, values))
            before, whole = self._prefix(nest, own[-1], shared)
            self._join(nest, before, carry, before)
            self._join(nest, carry, carry, whole)
            with out.block(f"if {number} < {end}:"):
                self._finish(nest, group, own, before)
                walks[1].at([group], values, walks[1].start(self.width))

    def _finish(self, nest: Nest, group: Group, own: list[Acc], before: Acc) -> None:
        """The scan's value at each element of a group."""
        for names, acc in zip(group.lanes, own, strict=True):
            self._join(nest, acc, before, acc)
            done = reduction_of(self.scan).finish(nest.s, acc, self.scan.dtype)
            names[self.scan] = nest.s.plain(done.handle, done.dtype).handle

    def _prefix(self, nest: Nest, own: Acc, shared: str) -> tuple[Acc, Acc]:
        """What the threads before have, and what the block has, of a value of each thread."""
        out, s, warp = nest.out, nest.s, self.warp
        lane = out.assign(f"{OWN} % {warp}")
        sums = tuple(s.plain(x.handle, x.dtype) for x in own)
        with out.block(f"for fold in range({warp.bit_length() - 1}):"):
            moved = self._from(nest, sums, f"{OWN} - (1 << fold)")
            with out.block(f"if {lane} >= 1 << fold:"):
                self._join(nest, sums, moved, sums)
        with out.block(f"if {lane} == {warp - 1}:"):
            out.line(f"{shared}[{OWN} // {warp}] = {sums[0].handle}")
        last = self._from(nest, sums, f"{OWN} - 1")
        out.line("cuda.syncthreads()")
        before, whole = self._none(nest), self._none(nest)
        with out.block(f"for other in range({self.block // warp}):"):
            with out.block(f"if other == {OWN} // {warp}:"):
                s.move(before, whole)
            self._join(nest, whole, whole, (s.plain(f"{shared}[other]", self.dtype),))
        with out.block(f"if {lane} > 0:"):
            self._join(nest, before, before, last)
        out.line("cuda.syncthreads()")  # before the memory is written again
        return before, whole

    def _from(self, nest: Nest, acc: Acc, thread: str) -> Acc:
        return tuple(nest.s.shuffled("from", x, thread) for x in acc)
