"""The instructions of a kernel, one at a time.

Layer: compiler/codegen/llvm. `InstrWriter` emits loads, ops, positions and stores into the loop
that is open; `Scope` is what is known at a place of the loop nest. A value that does not vary along
the vector axis stays a scalar, and is copied into all lanes where a vector needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
    SizeOf,
    Store,
)
from ...kernel.groups import group_size
from ...kernel.schedule import Schedule
from ...ops.gather import added
from ...ops.scalar import STATUS_INDEX, Scalar
from . import memory
from .groups import emit_groups
from .loops import when
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
    whole: bool = False  # whether all `Inside` are known to hold, in all lanes

    def copy(self) -> Scope:
        """A scope for what lies further in: what it adds is not seen outside."""
        return Scope(
            dict(self.index),
            dict(self.scalars),
            dict(self.vectors),
            dict(self.pointers),
            self.vector,
            self.streaming,
            self.whole,
        )

    def put(self, instr: Instr, value: Scalar) -> None:
        """Remember an instruction's value."""
        (self.vectors if value.builder is self.vector else self.scalars)[instr] = value


@dataclass(frozen=True, slots=True)
class Operands:
    """What the code of a kernel finds in its function: pointers, sizes by name, the status."""

    buffers: Mapping[Buffer, str]
    sizes: Mapping[str, str]
    status: str

    @staticmethod
    def parameters(kernel: Kernel, size_names: Iterable[str]) -> Operands:
        """Those of a function with such parameters; equal kernels get equal names."""
        buffers = {buffer: f"%b{k}" for k, buffer in enumerate(kernel.buffers())}
        return Operands(buffers, {name: f"%n.{name}" for name in size_names}, "%status")

    def typed(self) -> list[tuple[str, str]]:
        """(LLVM type, operand) of all of them in order."""
        pointers = [("ptr", pointer) for pointer in self.buffers.values()]
        return [*pointers, *(("i64", size) for size in self.sizes.values()), ("ptr", self.status)]


class InstrWriter:
    """Emits the instructions of one kernel into a function."""

    def __init__(
        self,
        fn: FunctionWriter,
        kernel: Kernel,
        schedule: Schedule,
        has_fma: bool,
        operands: Operands,
    ) -> None:
        self.fn = fn
        self.kernel = kernel
        self.schedule = schedule
        self.has_fma = has_fma
        self.operands = operands
        self.scalar = self.builder(1)
        self.accesses = self._accesses()
        self.ranges: dict[int, tuple[str, str]] = {}  # of axes that are not walked from end to end
        # sizes are computed before everything else, where all of the code sees them
        self.sizes = {
            size: emit_size(fn, size, operands.sizes)
            for size in self._sizes_used()
            if not isinstance(size, int)
        }

    def builder(self, lanes: int, mask: str | None = None) -> LlvmScalars:
        """Scalar instructions over `lanes` lanes."""
        return LlvmScalars(self.fn, lanes, mask, self.operands.status, has_fma=self.has_fma)

    def size(self, size: Size) -> str:
        """A size as an i64 operand."""
        return str(size) if isinstance(size, int) else self.sizes[size]

    def range(self, axis: int) -> tuple[str, str]:
        """The i64 operands between which an axis is walked; vectors may begin at the first."""
        return self.ranges.get(axis, ("0", self.size(self.kernel.axes[axis])))

    def _accesses(self) -> list[Access]:
        found: dict[Access, None] = {}
        for instr in self.kernel.instrs:
            if isinstance(instr, (Load, Indexed)) and instr.access is not None:
                found[instr.access] = None
        found.update((spill.access, None) for spill in self.kernel.spills)
        found.update((access, None) for access in self.kernel.written())
        return list(found)

    def _sizes_used(self) -> list[Size]:
        """Every size that the code needs, at least once."""
        kernel = self.kernel
        found: list[Size] = [*kernel.axes, *kernel.inner_strides()]
        if kernel.columns:
            found.append(product(kernel.axes[kernel.outer :]))
        for access in self.accesses:
            found += [access.offset, *access.strides]
        for instr in kernel.instrs:
            if isinstance(instr, Indexed):
                found += [*instr.strides, *instr.bounds]
            elif isinstance(instr, Position):
                found += [instr.offset, *instr.strides]
            elif isinstance(instr, Inside):
                found += [instr.offset, *instr.strides, instr.size]
            elif isinstance(instr, SizeOf):
                found.append(instr.size)
        for store in kernel.stores:
            if store.place is not None:
                found += [*store.place.strides, *store.place.bounds]
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
            if instr.args and not scope.whole:
                value = self._load_if(instr, instr.access, s, scope)
            else:
                value = self.load(instr.dtype, instr.access, s, scope)
        elif isinstance(instr, Apply):
            value = self._apply(instr, s, scope)
        elif isinstance(instr, Const):
            value = s.const(instr.value, instr.dtype)
        elif isinstance(instr, SizeOf):
            value = Scalar(s, DType.I64, self.size(instr.size))
        elif isinstance(instr, Position):
            value = self.position(instr.offset, instr.strides, s, scope)
        elif isinstance(instr, Inside):
            value = self._inside(instr, s, scope)
        elif isinstance(instr, Indexed):
            value = self._indexed(instr, s, scope)
        else:
            raise InternalError(f"{type(instr).__name__} is no instruction of its own")
        scope.put(instr, value)

    def _args(self, instr: Instr, s: LlvmScalars, scope: Scope) -> list[Scalar]:
        return self._values(instr.args, s, scope)

    def _values(self, instrs: Sequence[Instr], s: LlvmScalars, scope: Scope) -> list[Scalar]:
        if s is scope.vector:
            return [self.as_lanes(i, scope) for i in instrs]
        return [scope.scalars[i] for i in instrs]

    def _apply(self, instr: Apply, s: LlvmScalars, scope: Scope) -> Scalar:
        op = instr.op
        assert op is not None
        size = group_size(instr, self.schedule.vector_axis) if s is scope.vector else 0
        if size and s.lanes >= size:
            return self._groups(instr, size, s, scope)
        args = self._args(instr, s, scope)
        if op.kind is Kind.ELEMENTWISE:
            assert op.lower is not None
            result: Scalar = op.lower(s, *args, **instr.attrs)
            return result
        # a reduction over one element
        assert op.reduction is not None
        start = op.reduction.init(s, args[0].dtype)
        acc = op.reduction.step(s, start, *args, s.const(0, DType.I64))
        result = op.reduction.finish(s, acc, instr.dtype)
        return result

    def _groups(self, instr: Apply, size: int, s: LlvmScalars, scope: Scope) -> Scalar:
        """An op whose groups of `size` elements are made once each."""
        index, *others = instr.args
        assert isinstance(index, Position)
        narrow = self.builder(s.lanes // size)
        first = self.position(index.offset, index.strides, self.scalar, scope).handle
        values = [scope.scalars[x] for x in others]
        if narrow.lanes > 1:
            values = [self.splat(x, narrow) for x in values]
        return emit_groups(self.fn, instr, first, values, s, narrow)

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

    def _inside(self, instr: Inside, s: LlvmScalars, scope: Scope) -> Scalar:
        """A bool; negative positions are beyond every size as unsigned numbers."""
        if scope.whole:
            return s.const(True, DType.BOOL)
        place = self.position(instr.offset, instr.strides, s, scope)
        size = self._lanes_of(self.size(instr.size), s)
        type = "i64" if s.lanes == 1 else f"<{s.lanes} x i64>"
        handle = self.fn.assign(f"icmp ult {type} {place.handle}, {size.handle}")
        return Scalar(s, DType.BOOL, handle)

    def all_inside(self, scope: Scope, lanes: int) -> str:
        """An i1: whether every `Inside` holds for all lanes of the vector that begins here."""
        found = "true"
        for instr in self.kernel.instrs:
            if not isinstance(instr, Inside):
                continue
            if not self.varies(instr):
                known = scope.scalars.get(instr)  # else this walk does not need it
                if known is not None:
                    found = self.fn.assign(f"and i1 {found}, {known.handle}")
                continue
            first = self.position(instr.offset, instr.strides, self.scalar, scope).handle
            stride = self.size(instr.strides[self.schedule.vector_axis or 0])
            length = self.fn.assign(f"mul i64 {stride}, {lanes - 1}")
            last = self.fn.assign(f"add i64 {first}, {length}")
            for place in (first, last):
                inside = self.fn.assign(f"icmp ult i64 {place}, {self.size(instr.size)}")
                found = self.fn.assign(f"and i1 {found}, {inside}")
        return found

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
            pointer, step = self.operands.buffers[access.buffer], self.size(access.offset)
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

    def load(
        self, dtype: DType, access: Access, s: LlvmScalars, scope: Scope, further: str = "0"
    ) -> Scalar:
        """Read at the open loops' indices, `further` elements on."""
        pointer = self._pointer(access, self._depth_of(access), scope)
        if further != "0":
            pointer = self._offset(pointer, further, dtype)
        fetches = scope.streaming or self.schedule.stream_from is None
        ahead = self.schedule.ahead if fetches else 0
        return memory.load(s, dtype, pointer, self._lane_stride(access), ahead)

    def _load_if(self, instr: Load, access: Access, s: LlvmScalars, scope: Scope) -> Scalar:
        """Read where the argument holds; 0 elsewhere."""
        (condition,) = self._args(instr, s, scope)
        if s.lanes == 1:

            def read() -> list[str]:
                return [self.load(instr.dtype, access, s, scope).handle]

            type = s.type_of(instr.dtype)
            zero = s.const(0, instr.dtype).handle
            (handle,) = when(self.fn, condition.handle, [(type, zero)], read)
            return Scalar(s, instr.dtype, handle)
        mask = condition
        if s.mask is not None:
            mask = mask & Scalar(s, DType.BOOL, s.mask)
        masked = self.builder(s.lanes, mask.handle)
        return Scalar(s, instr.dtype, self.load(instr.dtype, access, masked, scope).handle)

    def write(self, store: Store, scope: Scope) -> None:
        """What a store does, at the open loops' indices."""
        if store.place is None:
            self.store(store.access, self.value(store.value, scope), scope)
        else:
            self._add_at(store, store.place, scope)

    def _add_at(self, store: Store, place: Place, scope: Scope) -> None:
        """Read, add and write: in all lanes at once where they lie side by side, else one by one.

        What must not be added (masked lanes, wrong indices) is added to the first element as a
        zero, which changes nothing.
        """
        vector, access, dtype = scope.vector, store.access, store.value.dtype
        spread = vector is not None and any(map(self.varies, place.args))
        s = vector if vector is not None and spread else self.scalar
        offset, inside = self._located(self._values(place.args, s, scope), place, s)
        bounds = [self.size(b) for b in place.bounds]
        if "0" in bounds:
            return
        pointer = self._pointer(access, self._depth_of(access), scope)
        nothing = s.const(_neutral(dtype), dtype)

        def add() -> list[str]:
            if vector is None:
                (value,) = self._values((store.value,), s, scope)
                self._add_one(s.select(inside, value, nothing), pointer, offset)
            elif not spread and self._lane_stride(access) == 1:
                value = self.as_lanes(store.value, scope)
                chosen = vector.select(self.splat(inside, vector), value, _neutral(dtype))
                row = self._offset(pointer, offset.handle, dtype)
                total = added(memory.load(vector, dtype, row, 1), chosen)
                memory.store(vector, total, row, 1)
            else:
                self._add_lanes(store, offset, inside, pointer, vector, scope)
            return []

        unknown = [b for b in bounds if b.startswith("%")]
        if not unknown:
            add()
            return
        condition = "true"
        for bound in unknown:
            some = self.fn.assign(f"icmp ne i64 {bound}, 0")
            condition = self.fn.assign(f"and i1 {condition}, {some}")
        when(self.fn, condition, [], add)

    def _add_lanes(
        self,
        store: Store,
        offset: Scalar,
        inside: Scalar,
        pointer: str,
        s: LlvmScalars,
        scope: Scope,
    ) -> None:
        """Lane after lane: they may meet in one element."""
        dtype = store.value.dtype
        if offset.builder is not s:
            offset, inside = self.splat(offset, s), self.splat(inside, s)
        stride = str(self._lane_stride(store.access))
        if stride != "0":
            lanes = memory.strided_offsets(self.fn, s.lanes, stride)
            offset = offset + Scalar(s, DType.I64, lanes)
        if s.mask is not None:
            inside = inside & Scalar(s, DType.BOOL, s.mask)
        value = s.select(inside, self.as_lanes(store.value, scope), _neutral(dtype))
        offset = s.select(inside, offset, 0)
        for lane in range(s.lanes):
            self._add_one(self._lane(value, lane, s), pointer, self._lane(offset, lane, s))

    def _lane(self, x: Scalar, lane: int, s: LlvmScalars) -> Scalar:
        type = s.type_of(x.dtype)
        handle = self.fn.assign(f"extractelement {type} {x.handle}, i64 {lane}")
        return Scalar(self.scalar, x.dtype, handle)

    def _add_one(self, value: Scalar, pointer: str, offset: Scalar) -> None:
        place = self._offset(pointer, offset.handle, value.dtype)
        s = self.scalar
        memory.store(s, added(memory.load(s, value.dtype, place, 0), value), place, 0)

    def _offset(self, pointer: str, offset: str, dtype: DType) -> str:
        element = memory.memory_type(dtype)
        return self.fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {offset}")

    def _located(
        self, args: Sequence[Scalar], place: Place | Indexed, s: LlvmScalars
    ) -> tuple[Scalar, Scalar]:
        """How far on computed indices lead, and whether they are right; wrong ones raise after the
        call, and lead nowhere.
        """
        inside = s.const(True, DType.BOOL)
        offset = s.const(0, DType.I64)
        for index, stride, bound in zip(args, place.strides, place.bounds, strict=True):
            size = self._lanes_of(self.size(bound), s)
            index = s.select(index < 0, index + size, index)
            inside = inside & (index >= 0) & (index < size)
            offset = offset + index * self._lanes_of(self.size(stride), s)
        s.flag(~inside, STATUS_INDEX)
        return s.select(inside, offset, 0), inside

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
        offset, _ = self._located(self._args(instr, s, scope), instr, s)
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


def _neutral(dtype: DType) -> float | int | bool:
    """What changes nothing when it is added."""
    return -0.0 if dtype.is_float else False if dtype.is_bool else 0
