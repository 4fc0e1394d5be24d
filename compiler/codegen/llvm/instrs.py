"""The instructions of a kernel, one at a time.

Layer: compiler/codegen/llvm. `InstrWriter` emits loads, ops, positions and stores into the loop
that is open; `Scope` is what is known at a place of the loop nest. A value that does not vary along
the vector axis stays a scalar, and is copied into all lanes where a vector needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...errors import InternalError
from ...ir.opdef import Kind
from ...ir.types import DType, Size
from ...kernel.form import Access, Apply, Const, Indexed, Instr, Kernel, Load, Position, SizeOf
from ...kernel.schedule import Schedule
from ...ops.scalar import STATUS_INDEX, Scalar
from . import memory
from .scalars import LlvmScalars
from .sizes import emit_size
from .writer import FunctionWriter


@dataclass(slots=True)
class Scope:
    """What is known at a place of the loop nest; an inner loop works on a copy."""

    index: dict[int, str] = field(default_factory=dict)  # axis -> i64
    scalars: dict[Instr, Scalar] = field(default_factory=dict)
    vectors: dict[Instr, Scalar] = field(default_factory=dict)
    pointers: dict[tuple[Access, int], str] = field(default_factory=dict)
    vector: LlvmScalars | None = None  # the builder of the open vector loop
    streaming: bool = False  # whether stores of the open loop go past the caches

    def copy(self) -> Scope:
        """A scope for what lies further in: what it adds is not seen outside."""
        return Scope(
            dict(self.index),
            dict(self.scalars),
            dict(self.vectors),
            dict(self.pointers),
            self.vector,
            self.streaming,
        )

    def put(self, instr: Instr, value: Scalar) -> None:
        """Remember an instruction's value."""
        (self.vectors if value.builder is self.vector else self.scalars)[instr] = value


class InstrWriter:
    """Emits the instructions of one kernel into its function."""

    def __init__(
        self,
        fn: FunctionWriter,
        kernel: Kernel,
        schedule: Schedule,
        has_fma: bool,
        size_names: Sequence[str],
    ) -> None:
        self.fn = fn
        self.kernel = kernel
        self.schedule = schedule
        self.has_fma = has_fma
        self.scalar = self.builder(1)
        self.accesses = self._accesses()
        names = {name: f"%n.{name}" for name in size_names}
        # sizes are computed at the function's start, where all of the code sees them
        self.sizes = {
            size: emit_size(fn, size, names)
            for size in self._sizes_used()
            if not isinstance(size, int)
        }

    def builder(self, lanes: int, mask: str | None = None) -> LlvmScalars:
        """Scalar instructions over `lanes` lanes."""
        return LlvmScalars(self.fn, lanes, mask, "%status", has_fma=self.has_fma)

    def size(self, size: Size) -> str:
        """A size as an i64 operand."""
        return str(size) if isinstance(size, int) else self.sizes[size]

    def _accesses(self) -> list[Access]:
        found: dict[Access, None] = {}
        for instr in self.kernel.instrs:
            if isinstance(instr, (Load, Indexed)) and instr.access is not None:
                found[instr.access] = None
        found.update((spill.access, None) for spill in self.kernel.spills)
        found.update((store.access, None) for store in self.kernel.stores)
        return list(found)

    def _sizes_used(self) -> list[Size]:
        """Every size that the code needs, at least once."""
        kernel = self.kernel
        found: list[Size] = [*kernel.axes, *inner_strides(kernel)]
        for access in self.accesses:
            found += [access.offset, *access.strides]
        for instr in kernel.instrs:
            if isinstance(instr, Indexed):
                found += [*instr.strides, *instr.bounds]
            elif isinstance(instr, Position):
                found += [instr.offset, *instr.strides]
            elif isinstance(instr, SizeOf):
                found.append(instr.size)
        return found

    # -- values -------------------------------------------------------------------------------

    def varies(self, instr: Instr) -> bool:
        """Whether the value differs between lanes."""
        return self.schedule.vector_axis in instr.axes_used

    def value(self, instr: Instr, scope: Scope) -> Scalar:
        """The instruction's value for the open loop: a vector where it varies."""
        found = scope.vectors.get(instr)
        if found is not None:
            return found
        return scope.scalars[instr]

    def as_lanes(self, instr: Instr, scope: Scope) -> Scalar:
        """The value as a vector of the open vector loop."""
        s = scope.vector
        value = scope.vectors.get(instr)
        if value is None:
            value = scope.scalars[instr]
            if s is not None:
                value = scope.vectors[instr] = self.splat(value, s)
        return value

    def splat(self, value: Scalar, s: LlvmScalars) -> Scalar:
        """A scalar in all lanes of `s`."""
        element = self.scalar.type_of(value.dtype)
        return Scalar(s, value.dtype, memory.splat(self.fn, element, value.handle, s.lanes))

    def builder_for(self, instr: Instr, scope: Scope) -> LlvmScalars:
        """Vector instructions where the value varies, scalar ones elsewhere."""
        if scope.vector is not None and self.varies(instr):
            return scope.vector
        return self.scalar

    def emit(self, instr: Instr, scope: Scope) -> None:
        """Emit one instruction into the open loop."""
        s = self.builder_for(instr, scope)
        if isinstance(instr, Load):
            assert instr.access is not None
            value = self.load(instr.dtype, instr.access, s, scope)
        elif isinstance(instr, Apply):
            value = self._apply(instr, s, scope)
        elif isinstance(instr, Const):
            value = s.const(instr.value, instr.dtype)
        elif isinstance(instr, SizeOf):
            value = Scalar(s, DType.I64, self.size(instr.size))
        elif isinstance(instr, Position):
            value = self.position(instr.offset, instr.strides, s, scope)
        elif isinstance(instr, Indexed):
            value = self._indexed(instr, s, scope)
        else:
            raise InternalError(f"{type(instr).__name__} is no instruction of its own")
        scope.put(instr, value)

    def _args(self, instr: Instr, s: LlvmScalars, scope: Scope) -> list[Scalar]:
        if s is scope.vector:
            return [self.as_lanes(a, scope) for a in instr.args]
        return [scope.scalars[a] for a in instr.args]

    def _apply(self, instr: Apply, s: LlvmScalars, scope: Scope) -> Scalar:
        op = instr.op
        assert op is not None
        args = self._args(instr, s, scope)
        if op.kind is Kind.ELEMENTWISE:
            assert op.lower is not None
            result: Scalar = op.lower(s, *args, **instr.attrs)
            return result
        # a reduction over one element
        assert op.reduction is not None
        start = op.reduction.init(s, args[0].dtype)
        acc = op.reduction.step(s, start, args[0], s.const(0, DType.I64))
        result = op.reduction.finish(s, acc, instr.dtype)
        return result

    def position(
        self, offset: Size, strides: Sequence[Size], s: LlvmScalars, scope: Scope
    ) -> Scalar:
        """The i64 `offset + sum(strides[k] * index[k])`, per lane."""
        fn = self.fn
        total = self.size(offset)
        lane_stride = "0"
        for axis, stride in enumerate(strides):
            if stride == 0:
                continue
            if axis == self.schedule.vector_axis:
                lane_stride = self.size(stride)
            product = self._times(scope.index[axis], self.size(stride))
            total = product if total == "0" else fn.assign(f"add i64 {total}, {product}")
        if s.lanes == 1:
            return Scalar(s, DType.I64, total)
        lanes = memory.strided_offsets(fn, s.lanes, lane_stride)
        base = memory.splat(fn, "i64", total, s.lanes)
        return Scalar(s, DType.I64, fn.assign(f"add <{s.lanes} x i64> {base}, {lanes}"))

    def _times(self, index: str, stride: str) -> str:
        if stride == "1":
            return index
        if not index.startswith("%") and not stride.startswith("%"):
            return str(int(index) * int(stride))
        return self.fn.assign(f"mul i64 {index}, {stride}")

    # -- memory -------------------------------------------------------------------------------

    def point_to(self, depth: int, scope: Scope) -> None:
        """Compute the part of every address that is known inside of `depth` loops."""
        for access in self.accesses:
            if any(s != 0 for s in access.strides[depth:]):
                self._pointer(access, depth, scope)

    def _pointer(self, access: Access, depth: int, scope: Scope) -> str:
        """The address of the access with the indices of the first `depth` axes applied."""
        found = scope.pointers.get((access, depth))
        if found is not None:
            return found
        element = memory.memory_type(access.buffer.dtype)
        if depth == 0:
            pointer, step = f"%{access.buffer}", self.size(access.offset)
        else:
            pointer = self._pointer(access, depth - 1, scope)
            stride = access.strides[depth - 1]
            step = "0" if stride == 0 else self._times(scope.index[depth - 1], self.size(stride))
        if step != "0":
            pointer = self.fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {step}")
        scope.pointers[access, depth] = pointer
        return pointer

    def start_of(self, access: Access) -> str:
        """The address of the access where all indices are 0."""
        return self._pointer(access, 0, Scope())

    def _lane_stride(self, access: Access) -> Size | str:
        axis = self.schedule.vector_axis
        if axis is None:
            return 0
        stride = access.strides[axis]
        return stride if isinstance(stride, int) else self.size(stride)

    def _depth_of(self, access: Access) -> int:
        return max((k + 1 for k, s in enumerate(access.strides) if s != 0), default=0)

    def load(self, dtype: DType, access: Access, s: LlvmScalars, scope: Scope) -> Scalar:
        """Read at the open loops' indices."""
        pointer = self._pointer(access, self._depth_of(access), scope)
        fetches = scope.streaming or self.schedule.stream_from is None
        ahead = self.schedule.ahead if fetches else 0
        return memory.load(s, dtype, pointer, self._lane_stride(access), ahead)

    def store(self, access: Access, value: Scalar, scope: Scope) -> None:
        """Write at the open loops' indices."""
        pointer = self._pointer(access, self._depth_of(access), scope)
        s = self.scalar
        if scope.vector is not None and self._lane_stride(access) != 0:
            s = scope.vector
            if value.builder is not s:
                value = self.splat(value, s)
        memory.store(s, value, pointer, self._lane_stride(access), scope.streaming)

    def _indexed(self, instr: Indexed, s: LlvmScalars, scope: Scope) -> Scalar:
        """A load at computed indices: negative ones wrap, wrong ones raise after the call."""
        fn, access = self.fn, instr.access
        assert access is not None
        inside = s.const(True, DType.BOOL)
        offset = s.const(0, DType.I64)
        for index, stride, bound in zip(
            self._args(instr, s, scope), instr.strides, instr.bounds, strict=True
        ):
            size = self._lanes_of(self.size(bound), s)
            index = s.select(index < 0, index + size, index)
            inside = inside & (index >= 0) & (index < size)
            offset = offset + index * self._lanes_of(self.size(stride), s)
        s.flag(~inside, STATUS_INDEX)
        offset = s.select(inside, offset, 0)
        if any(bound == 0 for bound in instr.bounds):
            return s.const(0, instr.dtype)
        pointer = self._pointer(access, self._depth_of(access), scope)
        element = memory.memory_type(instr.dtype)
        if s.lanes == 1:
            place = fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {offset.handle}")
            return memory.load(s, instr.dtype, place, 0)
        lane_stride = self._lane_stride(access)
        if lane_stride != 0:
            lanes = memory.strided_offsets(fn, s.lanes, str(lane_stride))
            offset = offset + Scalar(s, DType.I64, lanes)
        type = f"<{s.lanes} x i64>"
        places = fn.assign(f"getelementptr {element}, ptr {pointer}, {type} {offset.handle}")
        raw = memory.gather(fn, element, s.lanes, places, instr.dtype.itemsize, s.mask)
        return memory.from_memory(s, instr.dtype, raw)

    def _lanes_of(self, size: str, s: LlvmScalars) -> Scalar:
        if s.lanes == 1:
            return Scalar(s, DType.I64, size)
        return Scalar(s, DType.I64, memory.splat(self.fn, "i64", size, s.lanes))


def inner_strides(kernel: Kernel) -> list[Size]:
    """Per axis, what one step along it adds to the position along the flattened inner axes."""
    strides: list[Size] = [0] * kernel.rank
    step: Size = 1
    for axis in range(kernel.rank - 1, kernel.outer - 1, -1):
        strides[axis] = step
        step = step * kernel.axes[axis]
    return strides
