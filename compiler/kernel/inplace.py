"""Which values that a loop carries may be updated where they lie.

Layer: compiler/kernel. The next value of a carry may be written over the last one if nothing reads
what is overwritten afterwards. Two cases, for a body with input k and output k in one place:

- the output is made from the input by updates of slices or elements: their base is overwritten,
  as prepare.py does it for arrays that die (it is given the input to that end);
- every step that reads the input runs before the output is written, or is the kernel that writes
  it, and reads at each point just the element that it writes there: `acc + x` for an accumulator.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from .form import (
    Access,
    Convolution,
    Indexed,
    Kernel,
    KernelProgram,
    Load,
    MatmulCall,
    Space,
    Step,
    Switch,
)
from .layout import Views
from .prepare import Prepared, storage_owner
from .storage import step_buffers, step_reads


def updated_carries(graph: Graph, carries: int) -> frozenset[int]:
    """The carries whose next value the graph makes by updates of the last one."""
    producers = graph.producers()
    found = set()
    for k in range(carries):
        value = graph.outputs[k]
        while (node := producers.get(value)) is not None and _updates(node):
            value = node.inputs[0]
        if value is graph.inputs[k] and value is not graph.outputs[k]:
            found.add(k)
    return frozenset(found)


def _updates(node: Node) -> bool:
    """Whether the result is the first operand but for some elements."""
    return node.op.kind is Kind.SCATTER or node.op.name == "update_slice"


def overwritten(prepared: Prepared, given: frozenset[int]) -> frozenset[int]:
    """Those of the given inputs that output k really takes the place of."""
    graph = prepared.graph
    producers = graph.producers()
    views = Views(producers)

    def origin(value: Value) -> Value:
        owner = storage_owner(value, views, producers) or value
        while owner in prepared.shares:
            owner = prepared.shares[owner]
        return owner

    return frozenset(k for k in given if origin(graph.outputs[k]) is graph.inputs[k])


def can_overwrite(program: KernelProgram, carry: int) -> bool:
    """Whether output `carry` of a program may lie where its input does."""
    is_written = False
    for step in program.steps:
        buffers = step_buffers(step)
        reads = any(b.space is Space.IN and b.index == carry for b in buffers)
        writes = any(b.space is Space.OUT and b.index == carry for b in buffers)
        if reads and (is_written or (writes and not _reads_first(step, carry))):
            return False
        is_written = is_written or writes
    return True


def _reads_first(step: Step, carry: int) -> bool:
    """Whether a step that reads input and writes output `carry` reads each element first."""
    if isinstance(step, Kernel):
        return _kernel_reads_first(step, carry)
    if isinstance(step, (MatmulCall, Convolution, Switch)):
        return False
    others = [a for a in step_reads(step) if a.buffer.space is Space.IN and a.buffer.index == carry]
    for inner in step.carries:
        if _is(inner.init, Space.IN, carry) and _is(inner.final, Space.OUT, carry):
            return inner.spare is None and len(others) == 1
    return False


def _is(access: Access, space: Space, index: int) -> bool:
    return access.buffer.space is space and access.buffer.index == index


def _kernel_reads_first(kernel: Kernel, carry: int) -> bool:
    stores = [s for s in kernel.stores if _is(s.access, Space.OUT, carry)]
    if len(stores) != 1:
        return False
    (store,) = stores
    if store.place is not None:  # a scatter adds to what a copy has put there
        return False
    for instr in kernel.instrs:
        if isinstance(instr, (Load, Indexed)) and instr.access is not None:
            if not _is(instr.access, Space.IN, carry):
                continue
            place = (instr.access.offset, instr.access.strides)
            same = place == (store.access.offset, store.access.strides)
            if isinstance(instr, Indexed) or store.place is not None or not same:
                return False
    if store.depth <= kernel.outer:  # written when the walks of its row are done
        walked = range(kernel.outer)
    elif kernel.stages() == 1:
        walked = range(kernel.rank)
    else:
        return False
    return all(store.access.strides[k] != 0 for k in walked)
