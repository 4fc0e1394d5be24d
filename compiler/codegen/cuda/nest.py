"""The instructions of one kernel, one at a time.

Layer: compiler/codegen/cuda. `Nest` writes loads, ops, positions and stores at a point of the
iteration space; the files beside it write the loops around them, each in its own way of sharing the
points among threads. Values of an earlier stage are computed again where a later one needs them:
nothing is spilled, since threads wait for memory longer than for arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ...errors import InternalError
from ...ir.dims import product
from ...ir.opdef import Kind
from ...ir.types import DType, Size
from ...kernel.form import (
    Access,
    Apply,
    Buffer,
    Const,
    Indexed,
    Inside,
    Instr,
    Kernel,
    Load,
    Place,
    Position,
    Reduce,
    SizeOf,
    Store,
)
from ...ops.scalar import STATUS_INDEX, Scalar
from .programs import ProgramWriter
from .scalars import CudaScalars, type_name
from .source import SourceWriter, affine_text, size_text

Values = dict[Instr, Scalar]


class Nest:
    """Writes the instructions of `kernel`; `index` has a variable for each axis.

    `given` has places of values that an earlier launch has computed.
    """

    def __init__(
        self,
        out: SourceWriter,
        kernel: Kernel,
        writer: ProgramWriter,
        given: Mapping[Instr, Access] | None = None,
    ) -> None:
        self.out = out
        self.kernel = kernel
        self.s = CudaScalars(out, writer.fast_math)
        self.size_names = writer.size_names
        self.given = given or {}
        self.index = [f"i{k}" for k in range(kernel.rank)]

    # -- loops ----------------------------------------------------------------------------------

    @contextmanager
    def points(self, axes: Sequence[int], start: str, step: str) -> Iterator[None]:
        """A loop over the points of some axes, from point number `start` by `step`."""
        sizes = [self.kernel.axes[k] for k in axes]
        number = self.out.fresh()
        with self.out.block(
            f"for {number} in range({start}, {size_text(product(tuple(sizes)))}, {step}):"
        ):
            self.locate(number, axes)
            yield

    def locate(
        self,
        number: str,
        axes: Sequence[int],
        index: Sequence[str] | None = None,
        last: Size | None = None,
    ) -> None:
        """Set the indices of some axes from the number of a point, counted row by row.

        `index` has other names for them, and `last` is another size of the last one. Divisions are
        of unsigned numbers, of 32 bits where they suffice: those are several times faster.
        """
        if not axes:
            return
        names, rest = index or self.index, number
        if len(axes) > 1:
            count = product(tuple(self.kernel.axes[k] for k in axes))
            unsigned = "np.uint32" if isinstance(count, int) and count < 1 << 32 else "np.uint64"
            rest = self.out.assign(f"{unsigned}({number})")
            for axis in reversed(axes[1:]):
                own = self.kernel.axes[axis]
                given = own if last is None or axis != axes[-1] else last
                size = f"{unsigned}({size_text(given)})"
                self.out.line(f"{names[axis]} = np.int64({rest} % {size})")
                rest = self.out.assign(f"{unsigned}({rest} // {size})")
            rest = f"np.int64({rest})"
        self.out.line(f"{names[axes[0]]} = {rest}")

    # -- what a stage consists of ---------------------------------------------------------------

    def is_row(self, instr: Instr) -> bool:
        """Whether the value is the same along all inner axes."""
        return instr.depth <= self.kernel.outer

    def rows(self, values: Values, stage: int) -> None:
        """Write what is computed once for each outer point when `stage` reductions are done."""
        for instr in self.kernel.instrs:
            if instr.stage == stage and self.is_row(instr) and instr not in values:
                self.emit(instr, values)

    def reduces(self, stage: int) -> list[Reduce]:
        """The reductions that walk in a stage."""
        found = [i for i in self.kernel.instrs if isinstance(i, Reduce)]
        return [i for i in found if i.args[0].stage == stage]

    def stores(self, stage: int) -> list[Store]:
        """The stores along the inner axes in a stage."""
        inner = [s for s in self.kernel.stores if s.depth > self.kernel.outer]
        return [s for s in inner if s.stage == stage]

    def row_stores(self) -> list[Store]:
        """The stores of one element for each outer point."""
        return [s for s in self.kernel.stores if s.depth <= self.kernel.outer]

    def needed(self, roots: Sequence[Instr], held: Sequence[Instr] = ()) -> list[Instr]:
        """What has to be computed at every point to have `roots`, in order; `held` is there."""
        found: set[Instr] = set()
        todo = list(roots)
        while todo:
            instr = todo.pop()
            if instr not in found and instr not in held and not self.is_row(instr):
                found.add(instr)
                todo.extend(instr.args)
        return [i for i in self.kernel.instrs if i in found]

    # -- instructions ---------------------------------------------------------------------------

    def emit(self, instr: Instr, values: Values) -> None:
        """Write one instruction; its operands are in `values`, and its value is then, too."""
        if instr in self.given:
            values[instr] = self.load(instr.dtype, self.given[instr])
        else:
            values[instr] = self._value(instr, [values[a] for a in instr.args])

    def _value(self, instr: Instr, args: list[Scalar]) -> Scalar:
        s = self.s
        if isinstance(instr, Load) and instr.access is not None:
            return (
                self._load_if(instr, instr.access, args[0])
                if args
                else self.load(instr.dtype, instr.access)
            )
        if isinstance(instr, Apply):
            return self._apply(instr, args)
        if isinstance(instr, Const):
            return s.const(instr.value, instr.dtype)
        if isinstance(instr, SizeOf):
            return s.typed(size_text(instr.size), DType.I64)
        if isinstance(instr, Position):
            return s.typed(self._affine(instr.offset, instr.strides), DType.I64)
        if isinstance(instr, Inside):
            place = s.typed(self._affine(instr.offset, instr.strides), DType.I64).handle
            return s.plain(f"(0 <= {place}) & ({place} < {size_text(instr.size)})", DType.BOOL)
        if isinstance(instr, Indexed) and instr.access is not None:
            return self._indexed(instr, instr.access, args)
        raise InternalError(f"{type(instr).__name__} is no instruction of its own")

    def _apply(self, instr: Apply, args: list[Scalar]) -> Scalar:
        op = instr.op
        assert op is not None
        if op.kind is Kind.ELEMENTWISE:
            is_fast = self.s.fast_math and all(x.dtype is DType.F32 for x in args)
            lower = (op.fast if is_fast else None) or op.lower
            assert lower is not None
            lowered: Scalar = lower(self.s, *args, **instr.attrs)
            return lowered
        reduction = op.reduction  # over one element
        assert reduction is not None
        start = reduction.init(self.s, args[0].dtype)
        acc = reduction.step(self.s, start, *args, self.s.const(0, DType.I64))
        finished: Scalar = reduction.finish(self.s, acc, instr.dtype)
        return finished

    def _affine(self, offset: Size, strides: Sequence[Size]) -> str:
        return affine_text(offset, strides, self.index)

    # -- memory ---------------------------------------------------------------------------------

    def _element(self, access: Access, further: str = "") -> str:
        """An element of a buffer; unsigned indices do not count from the end."""
        place = self._affine(access.offset, access.strides)
        return f"{access.buffer}[np.uint64({place}{further and f' + {further}'})]"

    def affine(self, access: Access) -> str:
        """The place of an access at the present point."""
        return self._affine(access.offset, access.strides)

    def load(self, dtype: DType, access: Access, further: str = "") -> Scalar:
        """Read at the present point, `further` elements on."""
        return self.s.plain(self._element(access, further), dtype)

    def store(self, access: Access, value: Scalar, further: str = "") -> None:
        """Write at the present point, `further` elements on."""
        self.out.line(f"{self._element(access, further)} = {value.handle}")

    def write(self, store: Store, values: Values) -> None:
        """What a store without a place does."""
        self.store(store.access, values[store.value])

    def _load_if(self, instr: Load, access: Access, condition: Scalar) -> Scalar:
        """Read where the condition holds; 0 elsewhere."""
        place = self.s.typed(self._affine(access.offset, access.strides), DType.I64)
        return self._read_if(instr.dtype, access.buffer, place, condition)

    def _indexed(self, instr: Indexed, access: Access, args: list[Scalar]) -> Scalar:
        """A load at computed indices: negative ones wrap, wrong ones raise after the call."""
        offset, inside = self.located(args, instr)
        place = self._affine(access.offset, access.strides)
        at = self.s.typed(f"{place} + {offset.handle}", DType.I64)
        return self._read_if(instr.dtype, access.buffer, at, inside)

    def _read_if(self, dtype: DType, buffer: Buffer, place: Scalar, condition: Scalar) -> Scalar:
        """An element, or 0: several reads are under way at once if none is in a branch."""
        s = self.s
        zero = s.const(0, dtype)
        if isinstance(buffer.size, int) and buffer.size > 0:
            at = s.select(condition, place, 0)
            return s.select(condition, s.plain(f"{buffer}[np.uint64({at.handle})]", dtype), zero)
        result = s.plain(zero.handle, dtype)
        with self.out.block(f"if {condition.handle}:"):
            self.out.line(f"{result.handle} = {buffer}[np.uint64({place.handle})]")
        return result

    def located(self, args: Sequence[Scalar], place: Place | Indexed) -> tuple[Scalar, Scalar]:
        """How far on computed indices lead, and whether they are right."""
        s = self.s
        inside, offset = s.const(True, DType.BOOL), s.const(0, DType.I64)
        for index, stride, bound in zip(args, place.strides, place.bounds, strict=True):
            size = self._size(bound)
            index = s.select(index < 0, index + size, index)
            inside = inside & (index >= 0) & (index < size)
            offset = offset + index * self._size(stride)
        s.flag(~inside, STATUS_INDEX)
        return offset, inside

    def _size(self, size: Size) -> Scalar:
        return Scalar(self.s, DType.I64, f"np.int64({size_text(size)})")


def kernel_buffers(kernel: Kernel) -> list[Buffer]:
    """What the kernel reads and writes; nothing is spilled."""
    spilled = {s.access.buffer for s in kernel.spills}
    return [b for b in kernel.buffers() if b not in spilled]


def component_text(dtype: DType) -> str:
    """What an accumulator's component is kept as in memory: bools as bytes."""
    return "np.uint8" if dtype.is_bool else type_name(dtype)
