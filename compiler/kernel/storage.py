"""Where every materialised value lies.

Layer: compiler/kernel. Inputs and outputs lie in the caller's arrays, array constants in the
program's constants, parts in the arrays they are parts of, everything else in temporaries.
Temporaries share arena slots when their lives (first to last step that touches them) do not
overlap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InternalError
from ..ir.dims import product
from ..ir.graph import Graph, Value
from ..ir.opdef import Kind
from ..ir.types import DType, Shape, Size
from .form import (
    Access,
    Buffer,
    Convolution,
    Kernel,
    KernelProgram,
    Loop,
    MatmulCall,
    MatrixCall,
    Region,
    ReplayLoop,
    ScanLoop,
    Sort,
    Space,
    Step,
    Switch,
    WhileLoop,
)
from .layout import Storage, Views, contiguous_strides
from .prepare import Prepared, storage_owner

ALIGNMENT = 64  # of arena slots, in bytes: a cache line, and the widest vector


class StorageMap:
    """Assigns storage to values on first use."""

    def __init__(self, prepared: Prepared, views: Views) -> None:
        graph = prepared.graph
        self._prepared = prepared
        self._views = views
        self._producers = graph.producers()
        self._storage: dict[Value, Storage] = {}
        self.temps: list[Buffer] = []
        self.constants: list[np.ndarray] = []
        for k, v in enumerate(graph.inputs):
            self._set(v, Buffer(Space.IN, k, v.type.dtype, v.type.size))
        self._claim_outputs(graph)

    def _claim_outputs(self, graph: Graph) -> None:
        for k, v in enumerate(graph.outputs):
            owner = storage_owner(v, self._views, self._producers)
            if owner is None:
                raise InternalError(f"output {k} has no memory of its own")
            self._set(owner, Buffer(Space.OUT, k, v.type.dtype, v.type.size))
            # an array that overwrites its base: the base is written there to begin with
            while owner in self._prepared.shares:
                base = self._prepared.shares[owner]
                self._storage[base] = self._storage[owner]
                owner = base

    def _set(self, value: Value, buffer: Buffer) -> Storage:
        storage = Storage(buffer, 0, contiguous_strides(value.type.shape))
        self._storage[value] = storage
        return storage

    def is_output(self, value: Value) -> bool:
        """Whether the caller gets this value."""
        found = self._storage.get(value)
        return found is not None and found.buffer.space is Space.OUT

    def of(self, value: Value) -> Storage:
        """The storage of an input, a computed value, an assembled array or a reshape of them."""
        found = self._storage.get(value)
        if found is None:
            found = self._storage[value] = self._assign(value)
        return found

    def _assign(self, value: Value) -> Storage:
        placement = self._prepared.placements.get(value)
        if placement is not None:
            whole = self.of(placement.whole)
            offset: Size = whole.offset
            strides: list[Size] = [0] * value.type.rank
            for affine, stride in zip(placement.map, whole.strides, strict=True):
                offset = offset + affine.offset * stride
                for k, s in enumerate(affine.strides):
                    if s != 0:
                        strides[k] = strides[k] + s * stride
            return Storage(whole.buffer, offset, tuple(strides))
        if value in self._prepared.shares:
            return self.of(self._prepared.shares[value])
        node = self._producers[value]
        if node.op.kind is Kind.VIEW:
            owner = storage_owner(value, self._views, self._producers)
            if owner is None:
                raise InternalError("a view that is no index map has no row-major operand")
            below = self.of(owner)
            return Storage(below.buffer, below.offset, contiguous_strides(value.type.shape))
        if node.op.kind is Kind.SOURCE:
            return self._constant(value, node.attrs["value"].array)
        return self._set(value, self.new_temp(value))

    def _constant(self, value: Value, array: np.ndarray) -> Storage:
        self.constants.append(array)
        index = len(self.constants) - 1
        return self._set(value, Buffer(Space.CONST, index, value.type.dtype, value.type.size))

    def new_temp(self, value: Value) -> Buffer:
        """A temporary for a value."""
        return self.scratch_row(value.type.dtype, value.type.shape)

    def scratch_row(self, dtype: DType, shape: Shape) -> Buffer:
        """A temporary with room for one array of this shape."""
        buffer = Buffer(Space.TEMP, len(self.temps), dtype, product(shape))
        self.temps.append(buffer)
        return buffer

    def access(self, value: Value) -> Access:
        """The value read or written at its own index."""
        storage = self.of(value)
        return Access(storage.buffer, storage.offset, storage.strides)


def step_buffers(step: Step) -> list[Buffer]:
    """What a step reads or writes."""
    if isinstance(step, Kernel):
        return step.buffers()
    if isinstance(step, Sort):
        return [step.x.buffer, step.y.buffer, step.scratch]
    if isinstance(step, MatmulCall):
        return [step.a.buffer, step.b.buffer, step.c.buffer]
    if isinstance(step, Convolution):
        return step.buffers()
    if isinstance(step, MatrixCall):
        return list(dict.fromkeys(a.buffer for a in (*step.operands, *step.results)))
    accesses = [*step_reads(step), *step_writes(step)]
    return [*(a.buffer for a in accesses), *step_scratch(step)]


def step_reads(step: Loop | Switch) -> list[Access]:
    """What a loop or branch reads."""
    if isinstance(step, Switch):
        return [step.index, *step.operands]
    reads = [*(c.init for c in step.carries), *step.captured]
    if isinstance(step, ScanLoop):
        reads += [x.array for x in step.xs]
    elif isinstance(step, ReplayLoop):
        reads += [step.count, *(t.array for t in step.tapes)]
    return reads


def step_writes(step: Loop | Switch) -> list[Access]:
    """What a loop or branch writes for steps that follow."""
    if isinstance(step, Switch):
        return list(step.results)
    writes = [c.final for c in step.carries]
    if isinstance(step, ScanLoop):
        writes += [y.array for y in step.ys]
    elif isinstance(step, WhileLoop) and step.count is not None:
        writes += [step.count, *(t.array for t in step.records)]
    return writes


def step_regions(step: Loop | Switch) -> tuple[Region, ...]:
    """The regions of a loop or branch."""
    if isinstance(step, Switch):
        return step.branches
    return (step.condition, step.body) if isinstance(step, WhileLoop) else (step.body,)


def step_scratch(step: Loop | Switch) -> list[Buffer]:
    """Temporaries that a loop or branch needs while it runs."""
    found = [r.scratch for r in step_regions(step)]
    if not isinstance(step, Switch):
        found += [c.spare for c in step.carries]
    if isinstance(step, WhileLoop):
        found.append(step.flag)
    return [buffer for buffer in found if buffer is not None]


def plan_arena(steps: Sequence[Step]) -> tuple[tuple[Size, ...], dict[Buffer, int]]:
    """Slots (bytes each) for the temporaries that the steps use, and which slot each one has."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for k, step in enumerate(steps):
        for buffer in step_buffers(step):
            if buffer.space is Space.TEMP:
                first.setdefault(buffer, k)
                last[buffer] = k
    slots: list[Size] = []
    slot_of: dict[Buffer, int] = {}
    free: list[int] = []
    for k in range(len(steps)):
        for buffer in [b for b, start in first.items() if start == k]:
            slot_of[buffer] = _take_slot(buffer.size * buffer.dtype.itemsize, slots, free)
        free += [slot_of[b] for b, end in last.items() if end == k]
    return tuple(slots), slot_of


def _take_slot(needed: Size, slots: list[Size], free: list[int]) -> int:
    """A free slot that is large enough (the tightest), or a free one enlarged, or a new one."""
    if isinstance(needed, int):
        fixed = [s for s in free if isinstance(slots[s], int)]
        fitting = [s for s in fixed if slots[s] >= needed]  # type: ignore[operator]
        if fitting:
            slot = min(fitting, key=lambda s: slots[s])  # type: ignore[arg-type,return-value]
        elif fixed:
            slot = max(fixed, key=lambda s: slots[s])  # type: ignore[arg-type,return-value]
            slots[slot] = needed
        else:
            slots.append(needed)
            return len(slots) - 1
        free.remove(slot)
        return slot
    for slot in free:
        if slots[slot] == needed:
            free.remove(slot)
            return slot
    slots.append(needed)
    return len(slots) - 1


def aligned(size: Size) -> Size:
    """The bytes that a slot of this size takes."""
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def arena_size(program: KernelProgram) -> Size:
    """The bytes of scratch memory that a program needs."""
    return sum((aligned(size) for size in program.arena), start=0)
