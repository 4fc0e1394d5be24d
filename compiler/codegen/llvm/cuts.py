"""Kernels that threads share: their loops as parts, and what puts partial results together.

Layer: compiler/codegen/llvm. kernel/sharing.py says which axis is cut; parallel.py has the
functions of parts and their calls. Partial results are combined in the order of their chunks, which
depend on sizes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ...ir.dims import product
from ...ir.types import DType, Size
from ...kernel.form import Buffer, Kernel, Reduce, reduction_of
from ...kernel.sharing import CHUNKS, Sharing
from ...ops.scalar import STATUS_MEMORY, Scalar
from . import memory
from .arena import add, aligned_size, multiply
from .axes import handles, rebuilt, typed
from .instrs import InstrWriter, Operands, Scope
from .loops import counted_loop
from .memory import memory_type
from .parallel import BEGIN, END, launch, outline
from .reductions import (
    Accumulators,
    ReductionWriter,
    builder_of,
    flatten,
    unflatten,
)
from .scalars import LlvmScalars
from .sizes import emit_size
from .writer import FunctionWriter

Values = list[tuple[str, str]]  # (LLVM type, operand)
Make = Callable[[FunctionWriter, Operands], InstrWriter]  # of the kernel's instructions

_COSTS = 64  # in a ns


class Cut:
    """The cuts of one kernel, whose parts `fn` calls.

    The kernel's operands are `given` in `fn`, and `inside` of the parts.
    """

    def __init__(
        self,
        fn: FunctionWriter,
        kernel: Kernel,
        sharing: Sharing,
        given: Operands,
        inside: Operands,
        make: Make,
    ) -> None:
        self.fn, self.kernel, self.sharing = fn, kernel, sharing
        self.given, self.inside, self.make = given, inside, make
        self.name = f"@{kernel.name}"

    def outside(self) -> InstrWriter:
        """Of instructions between the parts."""
        return self.make(self.fn, self.given)

    # -- the whole kernel ---------------------------------------------------------------------

    def rows(self, body: Callable[[InstrWriter], None]) -> None:
        """What `body` writes, for ranges of units of the axis."""
        unit, axis = self.sharing.unit, self.sharing.axis
        own = _scratch_rows(self.kernel)
        part = outline(self.fn.module, self.name, _renamed(self.inside, own))
        code = self.make(part, self.inside)
        start, stop = (multiply(part, edge, str(unit)) for edge in (BEGIN, END))
        size = code.size(self.kernel.axes[axis])
        if size.startswith("%") or int(size) % unit:
            stop = smaller(part, stop, size)
        code.ranges[axis] = start, stop
        self._in_scratch(part, own, lambda: body(code))
        count = quotient_above(self.fn, self._axis(), unit)
        points = product(self.kernel.axes)
        self._launch(self.name, self.given.typed(), count, points, code.schedule.ns)

    def columns(self, body: Callable[[InstrWriter], None]) -> str:
        """What `body` writes, for chunks of the axis with accumulators of their own; returns the
        number of chunks.
        """
        kernel = self.kernel
        length, count = self._chunks()
        own = _scratch_rows(kernel)
        sums = list(dict.fromkeys(a.buffer for c in kernel.columns for a in c.components))
        passed = _Passed(_renamed(self.inside, [*own, *sums]), self.given.typed())
        length = passed.into("i64", length, "%length")
        part = outline(self.fn.module, self.name, passed.params)
        code = self.make(part, self.inside)
        row = emit_size(part, product(kernel.axes[kernel.outer :]), self.inside.sizes)

        def chunk(index: str) -> None:
            place = multiply(part, index, row)
            for buffer in sums:
                element = memory_type(buffer.dtype)
                name = self.inside.buffers[buffer]
                part.line(f"{name} = getelementptr {element}, ptr {name}.all, i64 {place}")
            body(code)

        self._in_scratch(part, own, lambda: self._each_chunk(code, length, chunk))
        self._launch(self.name, passed.arguments, count, product(kernel.axes), code.schedule.ns)
        return count

    def _in_scratch(
        self, part: FunctionWriter, rows: Sequence[Buffer], body: Callable[[], None]
    ) -> None:
        """`body` with scratch rows that no other thread uses, and the end of the part.

        The range that begins with the first unit uses the rows that were planned.
        """
        if not rows:
            body()
            part.line("ret void")
            return
        take, lack, go = part.label("take"), part.label("lack"), part.label("go")
        done = part.label("done")
        offsets = ["0"]
        for buffer in rows:
            size = aligned_size(part, buffer.size * buffer.dtype.itemsize, self.inside.sizes)
            offsets.append(add(part, offsets[-1], size))
        is_first = part.assign(f"icmp eq i64 {BEGIN}, 0")
        before = part.block
        part.branch(is_first, go, take)
        part.start(take)
        allocate = part.module.declare("@tw.c.realloc", "ptr", ["ptr", "i64"])
        taken = part.assign(f"call ptr {allocate}(ptr null, i64 {offsets.pop()})")
        part.branch(part.assign(f"icmp eq ptr {taken}, null"), lack, go)
        part.start(lack)
        part.assign(f"atomicrmw or ptr %status, i64 {STATUS_MEMORY} monotonic")
        part.jump(done)
        part.start(go)
        held = part.assign(f"phi ptr [ null, {before} ], [ {taken}, {take} ]")
        for buffer, offset in zip(rows, offsets, strict=True):
            place = part.assign(f"getelementptr i8, ptr {held}, i64 {offset}")
            name = self.inside.buffers[buffer]
            part.line(f"{name} = select i1 {is_first}, ptr {name}.all, ptr {place}")
        body()
        release = part.module.declare("@tw.c.free", "void", ["ptr"])
        part.line(f"call void {release}(ptr {held})")
        part.jump(done)
        part.start(done)
        part.line("ret void")

    # -- one walk -----------------------------------------------------------------------------

    def walk(
        self,
        s: LlvmScalars,
        stage: int,
        scope: Scope,
        reduces: Sequence[Reduce],
        body: Callable[[InstrWriter, Scope], Accumulators],
    ) -> Accumulators:
        """What `body` writes, for chunks of a walk over the inner axes.

        Returns scalar accumulators of `reduces`; `s` writes what combines them.
        """
        kernel, fn = self.kernel, self.fn
        length, count = self._chunks()
        dtypes = [d for r in reduces for d in reduction_of(r).components(r.args[0].dtype)]
        slots = [fn.alloca(f"[{CHUNKS} x {memory_type(d)}]", 64) for d in dtypes]
        passed = _Passed(self.inside.typed(), self.given.typed())
        known = passed.scope(scope)
        partials = [passed.into("ptr", slot, f"%partial.{k}") for k, slot in enumerate(slots)]
        length = passed.into("i64", length, "%length")
        name = f"{self.name}.{stage}"
        part = outline(fn.module, name, passed.params)
        code = self.make(part, self.inside)
        inside = known(code)
        for depth in range(kernel.outer + 1):
            code.point_to(depth, inside)

        def chunk(index: str) -> None:
            final = ReductionWriter(code).merged(body(code, inside.copy()))
            for partial, value in zip(partials, flatten(final), strict=True):
                place = element_at(part, partial, value.dtype, index)
                memory.store(code.scalar, value, place, 0)

        self._each_chunk(code, length, chunk)
        part.line("ret void")
        points = product(kernel.axes[kernel.outer :])
        each = code.schedule.ns / kernel.stages()
        self._launch(name, passed.arguments, count, points, each)
        return self._combined(s, reduces, slots, count)

    def _combined(
        self, s: LlvmScalars, reduces: Sequence[Reduce], slots: Sequence[str], count: str
    ) -> Accumulators:
        """The partial results of all chunks, merged one after the other."""

        def chunk(index: str) -> Accumulators:
            places = iter(slots)
            found: Accumulators = {}
            for reduce in reduces:
                dtypes = reduction_of(reduce).components(reduce.args[0].dtype)
                at = [element_at(self.fn, next(places), d, index) for d in dtypes]
                found[reduce] = tuple(
                    memory.load(s, d, place, 0) for d, place in zip(dtypes, at, strict=True)
                )
            return found

        first = chunk("0")

        def step(index: str, values: list[str]) -> list[str]:
            before = unflatten(first, rebuilt(flatten(first), values))
            following = chunk(index)
            merged: Accumulators = {
                r: reduction_of(r).merge(s, before[r], following[r]) for r in reduces
            }
            return handles(flatten(merged))

        last = counted_loop(self.fn, "1", count, 1, typed(flatten(first)), step)
        return unflatten(first, rebuilt(flatten(first), last))

    # -- ranges -------------------------------------------------------------------------------

    def _chunks(self) -> tuple[str, str]:
        """The length of all chunks of the axis but the last, and their number, at least one."""
        fn, cut = self.fn, self.sharing
        size = self._axis()
        if not size.startswith("%"):
            units = -(-max(cut.least, -(-int(size) // cut.parts)) // cut.unit)
            count = -(-int(size) // (units * cut.unit))
            return str(units * cut.unit), str(max(1, count))
        length = larger(fn, quotient_above(fn, size, cut.parts), str(cut.least))
        length = multiply(fn, quotient_above(fn, length, cut.unit), str(cut.unit))
        above = fn.assign(f"add i64 {size}, {add(fn, length, '-1')}")
        return length, larger(fn, fn.assign(f"udiv i64 {above}, {length}"), "1")

    def _each_chunk(self, code: InstrWriter, length: str, body: Callable[[str], None]) -> None:
        """A loop over the chunks of a part."""
        part, axis = code.fn, self.sharing.axis

        def chunk(index: str, _: list[str]) -> list[str]:
            start = part.assign(f"mul i64 {index}, {length}")
            stop = part.assign(f"add i64 {start}, {length}")
            code.ranges[axis] = start, smaller(part, stop, code.size(self.kernel.axes[axis]))
            body(index)
            return []

        counted_loop(part, BEGIN, END, 1, [], chunk)

    def _axis(self) -> str:
        """The length of the axis, outside of the parts."""
        return emit_size(self.fn, self.kernel.axes[self.sharing.axis], self.given.sizes)

    def _launch(self, name: str, arguments: Values, count: str, points: Size, each: float) -> None:
        """Call a part, which takes one thread `each` ns for each point."""
        per = str(max(1, round(each * _COSTS)))
        costs = multiply(self.fn, emit_size(self.fn, points, self.given.sizes), per)
        if costs.startswith("%"):
            ns = self.fn.assign(f"udiv i64 {costs}, {_COSTS}")
        else:
            ns = str(int(costs) // _COSTS)
        launch(self.fn, name, arguments, count, ns)


class _Passed:
    """Values on their way into a part: `params` are what `arguments` are called there."""

    def __init__(self, params: Values, arguments: Values) -> None:
        self.params, self.arguments = params, arguments

    def into(self, type: str, value: str, name: str) -> str:
        """One more, a number stays what it is; the operand inside."""
        if not value.startswith("%"):
            return value
        self.params.append((type, name))
        self.arguments.append((type, value))
        return name

    def scope(self, scope: Scope) -> Callable[[InstrWriter], Scope]:
        """The indices and scalars of a scope; the scope inside, for the writer there."""
        index = {k: self.into("i64", value, f"%index.{k}") for k, value in scope.index.items()}
        known = {
            instr: (x.dtype, self.into(builder_of(x).type_of(x.dtype), x.handle, f"%known.{k}"))
            for k, (instr, x) in enumerate(scope.scalars.items())
        }

        def inside(code: InstrWriter) -> Scope:
            scalars = {i: Scalar(code.scalar, dtype, name) for i, (dtype, name) in known.items()}
            return Scope(dict(index), scalars)

        return inside


def _scratch_rows(kernel: Kernel) -> list[Buffer]:
    """What each thread needs rows of its own of."""
    return list(dict.fromkeys(spill.access.buffer for spill in kernel.spills))


def _renamed(inside: Operands, buffers: Collection[Buffer]) -> Values:
    """The parameters; to the names of `buffers` ".all" is appended."""
    names = {inside.buffers[buffer] for buffer in buffers}
    return [(type, f"{p}.all" if p in names else p) for type, p in inside.typed()]


def element_at(fn: FunctionWriter, array: str, dtype: DType, index: str) -> str:
    """The address of an element."""
    return fn.assign(f"getelementptr {memory_type(dtype)}, ptr {array}, i64 {index}")


def smaller(fn: FunctionWriter, x: str, y: str) -> str:
    """The smaller of two i64 operands that are not negative."""
    name = fn.module.declare("@llvm.umin.i64", "i64", ["i64", "i64"])
    return fn.assign(f"call i64 {name}(i64 {x}, i64 {y})")


def larger(fn: FunctionWriter, x: str, y: str) -> str:
    """The larger of two i64 operands that are not negative."""
    name = fn.module.declare("@llvm.umax.i64", "i64", ["i64", "i64"])
    return fn.assign(f"call i64 {name}(i64 {x}, i64 {y})")


def quotient_above(fn: FunctionWriter, x: str, divisor: int) -> str:
    """x / divisor rounded up, of an i64 operand that is not negative."""
    if not x.startswith("%"):
        return str(-(-int(x) // divisor))
    return fn.assign(f"udiv i64 {add(fn, x, str(divisor - 1))}, {divisor}")
