"""Kernels as LLVM functions.

Layer: compiler/codegen/llvm. Emission walks the loop nest from outside in. An instruction is emitted
at the depth where all axes it varies over are known, once as a scalar if it does not vary along the
vector axis, else as a vector; reductions are carried through the inner loops. What to fuse and how
wide to be was decided before (kernel/lower.py, kernel/schedule.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...errors import InternalError
from ...ir.opdef import Kind, Reduction
from ...ir.types import DType, Size
from ...kernel.form import (
    Access,
    Apply,
    Const,
    Indexed,
    Instr,
    Kernel,
    Load,
    Position,
    Reduce,
    Scan,
    SizeOf,
    Spill,
    Store,
)
from ...kernel.schedule import Schedule
from ...ops.scalar import STATUS_INDEX, Scalar
from ...target import Target
from . import memory
from .loops import counted_loop, when
from .scalars import LlvmScalars
from .sizes import emit_size
from .writer import FunctionWriter, ModuleWriter

Accumulators = dict[Instr, tuple[Scalar, ...]]


@dataclass(slots=True)
class Scope:
    """What is known at a place of the loop nest; an inner loop works on a copy."""

    index: dict[int, str] = field(default_factory=dict)  # axis -> i64
    scalars: dict[Instr, Scalar] = field(default_factory=dict)
    vectors: dict[Instr, Scalar] = field(default_factory=dict)
    pointers: dict[tuple[Access, int], str] = field(default_factory=dict)
    vector: LlvmScalars | None = None  # the builder of the open vector loop

    def copy(self) -> Scope:
        return Scope(
            dict(self.index),
            dict(self.scalars),
            dict(self.vectors),
            dict(self.pointers),
            self.vector,
        )


def parameters(kernel: Kernel, size_names: Sequence[str]) -> list[tuple[str, str]]:
    """The kernel function's parameters: buffers in order of appearance, sizes, status."""
    buffers = [("ptr", f"%{b}") for b in kernel.buffers()]
    return [*buffers, *(("i64", f"%n.{name}") for name in size_names), ("ptr", "%status")]


class KernelEmitter:
    """Writes one kernel into a module as `@name`."""

    def __init__(
        self,
        module: ModuleWriter,
        kernel: Kernel,
        schedule: Schedule,
        target: Target,
        size_names: Sequence[str],
    ) -> None:
        self.kernel = kernel
        self.schedule = schedule
        self.target = target
        self.fn: FunctionWriter = module.function(
            "void", f"@{kernel.name}", parameters(kernel, size_names), linkage="internal"
        )
        self.names = {name: f"%n.{name}" for name in size_names}
        self.sizes: dict[Size, str] = {}
        self.scalar = LlvmScalars(self.fn, 1, None, "%status", target.has_fma)
        self.spilled = {s.value: s for s in kernel.spills}
        self.stored_at = {s: s.depth for s in kernel.stores}
        self.accesses = self._accesses()

    def emit(self) -> None:
        """Write the whole function."""
        for size in self._sizes_used():
            self._size(size)
        self._outer(0, Scope())
        self.fn.line("ret void")

    def _sizes_used(self) -> list[Size]:
        """Every size the code needs; they are computed at its start, where all of it sees them."""
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

    def _accesses(self) -> list[Access]:
        found: dict[Access, None] = {}
        for instr in self.kernel.instrs:
            if isinstance(instr, (Load, Indexed)) and instr.access is not None:
                found[instr.access] = None
        for part in (*self.kernel.spills, *self.kernel.stores):
            found[part.access] = None
        return list(found)

    def _size(self, size: Size) -> str:
        """A size as an i64 operand. All are computed at the function's entry."""
        if isinstance(size, int):
            return str(size)
        found = self.sizes.get(size)
        if found is None:
            found = self.sizes[size] = emit_size(self.fn, size, self.names)
        return found

    # -- loops --------------------------------------------------------------------------------

    def _outer(self, depth: int, scope: Scope) -> None:
        """Everything inside of the first `depth` parallel loops."""
        self._point_to(depth, scope)
        for instr in self.kernel.instrs:
            if instr.depth == depth and instr.stage == 0 and self._is_row(instr):
                self._instr(instr, scope)
        if depth == self.kernel.outer:
            self._point(scope)
            return

        def body(inner: Scope, _: list[Scalar]) -> list[Scalar]:
            self._outer(depth + 1, inner)
            return []

        self.axis_loop(depth, scope, [], body)

    def _is_row(self, instr: Instr) -> bool:
        return instr.depth <= self.kernel.outer

    def _point(self, scope: Scope) -> None:
        """One parallel point: the inner loops stage by stage, then what is stored per row."""
        kernel = self.kernel
        if kernel.rank > kernel.outer:
            for stage in range(kernel.stages()):
                self._stage(stage, scope)
                for instr in kernel.instrs:
                    if instr.stage == stage + 1 and self._is_row(instr):
                        if not isinstance(instr, Reduce):
                            self._instr(instr, scope)
        for store in kernel.stores:
            if self.stored_at[store] <= kernel.outer:
                self._store(store.access, self._value(store.value, scope), scope)

    def _stage(self, stage: int, scope: Scope) -> None:
        """One walk over the inner axes."""
        kernel = self.kernel
        reduces = [
            i for i in kernel.instrs if isinstance(i, Reduce) and i.args[0].stage == stage
        ]
        stores = [
            s
            for s in kernel.stores
            if self.stored_at[s] > kernel.outer and s.value.stage == stage
        ]
        spills = [s for s in kernel.spills if s.value.stage == stage]
        if not (reduces or stores or spills):
            return
        roots = [r.args[0] for r in reduces] + [s.value for s in (*stores, *spills)]
        needed = self._needed(roots, stage)
        scans: list[Instr] = [i for i in needed if isinstance(i, Scan)]
        walk = _Walk(self, stage, needed, reduces, stores, spills)
        carried = self._init([*reduces, *scans], scope)
        final = walk.run(kernel.outer, scope.copy(), carried)
        for reduce in reduces:
            self._finish(reduce, final[reduce], scope)

    def _needed(self, roots: Sequence[Instr], stage: int) -> list[Instr]:
        """The full-level instructions that a stage computes, in order."""
        found: set[Instr] = set()
        todo = list(roots)
        while todo:
            instr = todo.pop()
            if instr in found or self._is_row(instr):
                continue
            found.add(instr)
            if not (instr in self.spilled and instr.stage < stage):
                todo.extend(instr.args)
        return [i for i in self.kernel.instrs if i in found]

    def axis_loop(
        self,
        axis: int,
        scope: Scope,
        carried: list[Scalar],
        body: Callable[[Scope, list[Scalar]], list[Scalar]],
    ) -> list[Scalar]:
        """Walk one axis; the body gets its own scope and gives the next carried values."""
        stop = self._size(self.kernel.axes[axis])
        if axis == self.schedule.vector_axis:
            return self._vector_loop(axis, stop, scope, carried, body)

        def step(index: str, values: list[str]) -> list[str]:
            inner = scope.copy()
            inner.index[axis] = index
            return _handles(body(inner, _rebuilt(carried, values)))

        results = counted_loop(self.fn, "0", stop, 1, _carried(carried), step)
        return _rebuilt(carried, results)

    def _vector_loop(
        self,
        axis: int,
        stop: str,
        scope: Scope,
        carried: list[Scalar],
        body: Callable[[Scope, list[Scalar]], list[Scalar]],
    ) -> list[Scalar]:
        """Full vectors first, then one masked vector; or masked ones only, for long bodies."""
        lanes, fn = self.schedule.lanes, self.fn

        def step(mask_from: str | None) -> Callable[[str, list[str]], list[str]]:
            def run(index: str, values: list[str]) -> list[str]:
                inner = scope.copy()
                inner.index[axis] = index
                mask = self._mask(index, mask_from) if mask_from else None
                inner.vector = LlvmScalars(
                    fn, lanes, mask, "%status", has_fma=self.target.has_fma
                )
                self._splat_known(inner)
                return _handles(body(inner, _rebuilt(carried, values, inner.vector)))

            return run

        types = _carried(carried)
        if not stop.startswith("%") and int(stop) % lanes == 0:
            results = counted_loop(fn, "0", stop, lanes, types, step(None))
        elif self.schedule.masked_loop:
            results = counted_loop(fn, "0", stop, lanes, types, step(stop))
        else:
            if stop.startswith("%"):
                full = fn.assign(f"and i64 {stop}, {-lanes}")
            else:
                full = str(int(stop) // lanes * lanes)
            results = counted_loop(fn, "0", full, lanes, types, step(None))
            types = [(t, r) for (t, _), r in zip(types, results, strict=True)]
            tail = step(stop)
            if stop.startswith("%"):
                rest = fn.assign(f"icmp slt i64 {full}, {stop}")
                results = when(fn, rest, types, lambda: tail(full, results))
            else:
                results = tail(full, results)
        return _rebuilt(carried, results)

    def _mask(self, index: str, stop: str) -> str:
        """The lanes whose index + lane is below `stop`."""
        lanes = self.schedule.lanes
        if not index.startswith("%") and not stop.startswith("%"):
            left = int(stop) - int(index)
            return "<" + ", ".join(f"i1 {'true' if k < left else 'false'}" for k in range(lanes)) + ">"
        left = self.fn.assign(f"sub i64 {stop}, {index}")
        # counts fit in 32 bits once they are limited to the number of lanes
        few = self.fn.assign(f"icmp slt i64 {left}, {lanes}")
        limited = self.fn.assign(f"select i1 {few}, i64 {left}, i64 {lanes}")
        short = self.fn.assign(f"trunc i64 {limited} to i32")
        many = memory.splat(self.fn, "i32", short, lanes)
        numbers = "<" + ", ".join(f"i32 {k}" for k in range(lanes)) + ">"
        return self.fn.assign(f"icmp slt <{lanes} x i32> {numbers}, {many}")

    def _splat_known(self, scope: Scope) -> None:
        """Forget vectors of a loop that has ended; a splat is made again where it is used."""
        scope.vectors = {}

    # -- values -------------------------------------------------------------------------------

    def _varies(self, instr: Instr) -> bool:
        return self.schedule.vector_axis in instr.axes_used

    def _value(self, instr: Instr, scope: Scope) -> Scalar:
        """The instruction's value for the open loop: a vector where it varies."""
        found = scope.vectors.get(instr)
        if found is not None:
            return found
        return scope.scalars[instr]

    def _as_lanes(self, instr: Instr, scope: Scope) -> Scalar:
        """The value as a vector of the open vector loop."""
        s = scope.vector
        value = scope.vectors.get(instr)
        if value is None:
            value = scope.scalars[instr]
            if s is not None:
                value = scope.vectors[instr] = self._splat(value, s)
        return value

    def _splat(self, value: Scalar, s: LlvmScalars) -> Scalar:
        element = self.scalar.type_of(value.dtype)
        return Scalar(s, value.dtype, memory.splat(self.fn, element, value.handle, s.lanes))

    def _builder(self, instr: Instr, scope: Scope) -> LlvmScalars:
        if scope.vector is not None and self._varies(instr):
            return scope.vector
        return self.scalar

    def _instr(self, instr: Instr, scope: Scope) -> None:
        """Emit one instruction into the open loop."""
        s = self._builder(instr, scope)
        if isinstance(instr, Load):
            assert instr.access is not None
            value = self._load(instr.dtype, instr.access, s, scope)
        elif isinstance(instr, Apply):
            value = self._apply(instr, s, scope)
        elif isinstance(instr, Const):
            value = s.const(instr.value, instr.dtype)
        elif isinstance(instr, SizeOf):
            value = Scalar(s, DType.I64, self._size(instr.size))
        elif isinstance(instr, Position):
            value = self._position(instr.offset, instr.strides, s, scope)
        elif isinstance(instr, Indexed):
            value = self._indexed(instr, s, scope)
        else:
            raise InternalError(f"{type(instr).__name__} is no instruction of its own")
        (scope.vectors if s is scope.vector else scope.scalars)[instr] = value

    def _args(self, instr: Instr, s: LlvmScalars, scope: Scope) -> list[Scalar]:
        if s is scope.vector:
            return [self._as_lanes(a, scope) for a in instr.args]
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

    def _position(
        self, offset: Size, strides: Sequence[Size], s: LlvmScalars, scope: Scope
    ) -> Scalar:
        fn = self.fn
        total = self._size(offset)
        lane_stride = "0"
        for axis, stride in enumerate(strides):
            if stride == 0:
                continue
            if axis == self.schedule.vector_axis:
                lane_stride = self._size(stride)
            product = self._times(scope.index[axis], self._size(stride))
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

    def _point_to(self, depth: int, scope: Scope) -> None:
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
            pointer, step = f"%{access.buffer}", self._size(access.offset)
        else:
            pointer = self._pointer(access, depth - 1, scope)
            stride = access.strides[depth - 1]
            step = "0" if stride == 0 else self._times(scope.index[depth - 1], self._size(stride))
        if step != "0":
            pointer = self.fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {step}")
        scope.pointers[access, depth] = pointer
        return pointer

    def _lane_stride(self, access: Access) -> Size | str:
        axis = self.schedule.vector_axis
        if axis is None:
            return 0
        stride = access.strides[axis]
        return stride if isinstance(stride, int) else self._size(stride)

    def _depth_of(self, access: Access) -> int:
        return max((k + 1 for k, s in enumerate(access.strides) if s != 0), default=0)

    def _load(self, dtype: DType, access: Access, s: LlvmScalars, scope: Scope) -> Scalar:
        pointer = self._pointer(access, self._depth_of(access), scope)
        return memory.load(s, dtype, pointer, self._lane_stride(access))

    def _store(self, access: Access, value: Scalar, scope: Scope) -> None:
        pointer = self._pointer(access, self._depth_of(access), scope)
        s = self.scalar
        if scope.vector is not None and self._lane_stride(access) != 0:
            s = scope.vector
            if value.builder is not s:
                value = self._splat(value, s)
        memory.store(s, value, pointer, self._lane_stride(access))

    def _indexed(self, instr: Indexed, s: LlvmScalars, scope: Scope) -> Scalar:
        """A load at computed indices: negative ones wrap, wrong ones raise after the call."""
        fn, access = self.fn, instr.access
        assert access is not None
        inside = s.const(True, DType.BOOL)
        offset = s.const(0, DType.I64)
        for index, stride, bound in zip(
            self._args(instr, s, scope), instr.strides, instr.bounds, strict=True
        ):
            size = self._lanes_of(self._size(bound), s)
            index = s.select(index < 0, index + size, index)
            inside = inside & (index >= 0) & (index < size)
            offset = offset + index * self._lanes_of(self._size(stride), s)
        s.flag(~inside, STATUS_INDEX)
        offset = s.select(inside, offset, 0)
        if any(bound == 0 for bound in instr.bounds):
            return s.const(0, instr.dtype)
        pointer = self._pointer(access, self._depth_of(access), scope)
        element = memory.memory_type(instr.dtype)
        if s.lanes == 1:
            place = fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {offset.handle}")
            return memory.load(s, instr.dtype, place, 0)
        stride = self._lane_stride(access)
        if stride != 0:
            lanes = memory.strided_offsets(fn, s.lanes, str(stride))
            offset = offset + Scalar(s, DType.I64, lanes)
        type = f"<{s.lanes} x i64>"
        places = fn.assign(f"getelementptr {element}, ptr {pointer}, {type} {offset.handle}")
        raw = memory.gather(fn, element, s.lanes, places, instr.dtype.itemsize, s.mask)
        return memory.from_memory(s, instr.dtype, raw)

    def _lanes_of(self, size: str, s: LlvmScalars) -> Scalar:
        if s.lanes == 1:
            return Scalar(s, DType.I64, size)
        return Scalar(s, DType.I64, memory.splat(self.fn, "i64", size, s.lanes))

    # -- reductions ---------------------------------------------------------------------------

    def _init(self, combined: Sequence[Instr], scope: Scope) -> Accumulators:
        axis = self.schedule.vector_axis
        inner_vector = axis is not None and axis >= self.kernel.outer
        carried: Accumulators = {}
        for instr in combined:
            if inner_vector:
                s = LlvmScalars(self.fn, self.schedule.lanes, None, "%status")
            else:
                s = self._lane_builder(instr, scope)
            carried[instr] = _reduction(instr).init(s, instr.args[0].dtype)
        return carried

    def _lane_builder(self, instr: Instr, scope: Scope) -> LlvmScalars:
        """Rows side by side in lanes: scalars only if no row differs from the next."""
        if scope.vector is not None and (self._varies(instr) or self._varies(instr.args[0])):
            return scope.vector
        return self.scalar

    def _finish(self, reduce: Instr, acc: tuple[Scalar, ...], scope: Scope) -> None:
        reduction = _reduction(reduce)
        builder = acc[0].builder
        assert isinstance(builder, LlvmScalars)
        axis = self.schedule.vector_axis
        if axis is not None and axis >= self.kernel.outer:
            acc = self._merge_lanes(reduction, acc, builder.lanes)
            scope.scalars[reduce] = reduction.finish(self.scalar, acc, reduce.dtype)
        elif builder is scope.vector:
            scope.vectors[reduce] = reduction.finish(builder, acc, reduce.dtype)
        else:
            scope.scalars[reduce] = reduction.finish(self.scalar, acc, reduce.dtype)

    def _merge_lanes(
        self, reduction: Reduction, acc: tuple[Scalar, ...], lanes: int
    ) -> tuple[Scalar, ...]:
        """Combine the upper half of the lanes with the lower half until one is left."""
        while lanes > 1:
            half = lanes // 2
            s = LlvmScalars(self.fn, half, None, "%status", has_fma=self.target.has_fma)
            low = tuple(self._half(x, lanes, 0, s) for x in acc)
            high = tuple(self._half(x, lanes, half, s) for x in acc)
            acc = reduction.merge(s, low, high)
            lanes = half
        return tuple(Scalar(self.scalar, x.dtype, x.handle) for x in acc)

    def _half(self, x: Scalar, lanes: int, start: int, s: LlvmScalars) -> Scalar:
        type = f"<{lanes} x {self.scalar.type_of(x.dtype)}>"
        if s.lanes == 1:
            text = f"extractelement {type} {x.handle}, i64 {start}"
        else:
            order = ", ".join(f"i32 {start + k}" for k in range(s.lanes))
            text = f"shufflevector {type} {x.handle}, {type} poison, <{s.lanes} x i32> <{order}>"
        return Scalar(s, x.dtype, self.fn.assign(text))


class _Walk:
    """One stage's walk over the inner axes."""

    def __init__(
        self,
        emitter: KernelEmitter,
        stage: int,
        needed: Sequence[Instr],
        reduces: Sequence[Reduce],
        stores: Sequence[Store],
        spills: Sequence[Spill],
    ) -> None:
        self.emitter = emitter
        self.kernel = emitter.kernel
        self.stage = stage
        self.needed = needed
        self.reduces, self.stores, self.spills = reduces, stores, spills

    def run(self, depth: int, scope: Scope, carried: Accumulators) -> Accumulators:
        """The loops over axes `depth` and further in."""
        emitter = self.emitter
        if depth > self.kernel.outer:
            emitter._point_to(depth, scope)
            for instr in self.needed:
                if instr.depth == depth:
                    self._instr(instr, scope, carried)
        for store in self.stores:
            if emitter.stored_at[store] == depth:
                value = emitter._value(store.value, scope)
                emitter._store(store.access, value, scope)
        for spill in self.spills:
            if spill.value.depth == depth:
                emitter._store(spill.access, emitter._value(spill.value, scope), scope)
        if depth == self.kernel.rank:
            return self._combined(scope, carried)
        keys = list(carried)
        flat = [x for key in keys for x in carried[key]]

        def body(inner: Scope, values: list[Scalar]) -> list[Scalar]:
            state = _unflatten(keys, carried, values)
            after = self.run(depth + 1, inner, state)
            return [x for key in keys for x in after[key]]

        return _unflatten(keys, carried, emitter.axis_loop(depth, scope, flat, body))

    def _instr(self, instr: Instr, scope: Scope, carried: Accumulators) -> None:
        emitter = self.emitter
        spill = emitter.spilled.get(instr)
        if spill is not None and instr.stage < self.stage:
            s = emitter._builder(instr, scope)
            value = emitter._load(instr.dtype, spill.access, s, scope)
            (scope.vectors if s is scope.vector else scope.scalars)[instr] = value
        elif isinstance(instr, Scan):
            self._scan(instr, scope, carried)
        else:
            emitter._instr(instr, scope)

    def _scan(self, instr: Scan, scope: Scope, carried: Accumulators) -> None:
        """A running combination: the accumulator itself is the value."""
        reduction = _reduction(instr)
        s = carried[instr][0].builder
        arg = self._argument(instr, s, scope)
        carried[instr] = reduction.step(s, carried[instr], arg, None)
        value = reduction.finish(s, carried[instr], instr.dtype)
        (scope.vectors if s is scope.vector else scope.scalars)[instr] = value

    def _argument(self, instr: Instr, s: object, scope: Scope) -> Scalar:
        if s is scope.vector:
            return self.emitter._as_lanes(instr.args[0], scope)
        return scope.scalars[instr.args[0]]

    def _combined(self, scope: Scope, carried: Accumulators) -> Accumulators:
        """One step of every reduction; masked lanes keep what they have."""
        emitter = self.emitter
        result = dict(carried)
        for reduce in self.reduces:
            reduction = _reduction(reduce)
            acc = carried[reduce]
            s = acc[0].builder
            assert isinstance(s, LlvmScalars)
            index = self._index(s, scope) if reduction.needs_index else None
            stepped = reduction.step(s, acc, self._argument(reduce, s, scope), index)
            axis = emitter.schedule.vector_axis
            if s.mask is not None and axis is not None and axis >= self.kernel.outer:
                active = Scalar(s, DType.BOOL, s.mask)
                stepped = tuple(
                    s.select(active, new, old) for new, old in zip(stepped, acc, strict=True)
                )
            result[reduce] = stepped
        return result

    def _index(self, s: LlvmScalars, scope: Scope) -> Scalar:
        """The position along the flattened inner axes."""
        return self.emitter._position(0, inner_strides(self.kernel), s, scope)


def inner_strides(kernel: Kernel) -> list[Size]:
    """Per axis, what one step along it adds to the position along the flattened inner axes."""
    strides: list[Size] = [0] * kernel.rank
    step: Size = 1
    for axis in range(kernel.rank - 1, kernel.outer - 1, -1):
        strides[axis] = step
        step = step * kernel.axes[axis]
    return strides


def _reduction(instr: Instr) -> Reduction:
    assert isinstance(instr, (Reduce, Scan)) and instr.op is not None
    assert instr.op.reduction is not None
    return instr.op.reduction


def _carried(values: Sequence[Scalar]) -> list[tuple[str, str]]:
    return [(_builder_of(v).type_of(v.dtype), v.handle) for v in values]


def _builder_of(value: Scalar) -> LlvmScalars:
    assert isinstance(value.builder, LlvmScalars)
    return value.builder


def _handles(values: Sequence[Scalar]) -> list[str]:
    return [v.handle for v in values]


def _rebuilt(
    like: Sequence[Scalar], handles: Sequence[str], builder: LlvmScalars | None = None
) -> list[Scalar]:
    """The same scalars with other handles, in the open loop's builder if they are its vectors."""
    result = []
    for value, handle in zip(like, handles, strict=True):
        own = _builder_of(value)
        if builder is not None and own.lanes == builder.lanes:
            own = builder
        result.append(Scalar(own, value.dtype, handle))
    return result


def _unflatten(
    keys: Sequence[Instr], like: Accumulators, values: Sequence[Scalar]
) -> Accumulators:
    result: Accumulators = {}
    rest = iter(values)
    for key in keys:
        result[key] = tuple(next(rest) for _ in like[key])
    return result
