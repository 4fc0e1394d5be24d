"""Which inputs of a graph may be overwritten by outputs.

Layer: compiler/kernel. What a loop carries is updated where it lies, and so are arrays that a
caller gives away: the new value is written over the old one if nothing reads what is overwritten
afterwards. Two cases, for an input and an output in one place:

- the output is made from the input by updates of slices or elements: their base is overwritten,
  as prepare.py does it for arrays that die (it is given the input to that end);
- every step that reads the input runs before the output is written, or is the kernel that writes
  it, and reads at each point just the element that it writes there: `acc + x` for an accumulator.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    MatrixCall,
    Sort,
    Space,
    Step,
    Switch,
)
from .layout import Views
from .prepare import Prepared, storage_owner
from .storage import step_buffers, step_reads


def updated(graph: Graph, pairs: Mapping[int, int]) -> dict[int, int]:
    """The pairs (input, output) whose output the graph makes by updates of the input."""
    producers = graph.producers()
    found = {}
    for k, place in pairs.items():
        value = graph.outputs[place]
        while (node := producers.get(value)) is not None and _updates(node):
            value = node.inputs[0]
        if value is graph.inputs[k] and value is not graph.outputs[place]:
            found[k] = place
    return found


def _updates(node: Node) -> bool:
    """Whether the result is the first operand but for some elements."""
    return node.op.kind is Kind.SCATTER or node.op.name == "update_slice"


def overwritten(prepared: Prepared, given: Mapping[int, int]) -> dict[int, int]:
    """Those of the pairs (input, output) whose output really takes the place of the input."""
    graph = prepared.graph
    producers = graph.producers()
    views = Views(producers)

    def origin(value: Value) -> Value:
        owner = storage_owner(value, views, producers) or value
        while owner in prepared.shares:
            owner = prepared.shares[owner]
        return owner

    return {k: n for k, n in given.items() if origin(graph.outputs[n]) is graph.inputs[k]}


def can_overwrite(program: KernelProgram, source: int, target: int) -> bool:
    """Whether output `target` of a program may lie where input `source` does."""
    is_written = False
    for step in program.steps:
        buffers = step_buffers(step)
        reads = any(b.space is Space.IN and b.index == source for b in buffers)
        writes = any(b.space is Space.OUT and b.index == target for b in buffers)
        if reads and (is_written or (writes and not _reads_first(step, source, target))):
            return False
        is_written = is_written or writes
    return True


def _reads_first(step: Step, source: int, target: int) -> bool:
    """Whether a step that reads the input and writes the output reads each element first."""
    if isinstance(step, Kernel):
        return _kernel_reads_first(step, source, target)
    if isinstance(step, (Sort, MatmulCall, MatrixCall, Convolution, Switch)):
        return False
    others = [a for a in step_reads(step) if _is(a, Space.IN, source)]
    for inner in step.carries:
        if _is(inner.init, Space.IN, source) and _is(inner.final, Space.OUT, target):
            return inner.spare is None and len(others) == 1
    return False


def _is(access: Access, space: Space, index: int) -> bool:
    return access.buffer.space is space and access.buffer.index == index


def _kernel_reads_first(kernel: Kernel, source: int, target: int) -> bool:
    stores = [s for s in kernel.stores if _is(s.access, Space.OUT, target)]
    if len(stores) != 1:
        return False
    (store,) = stores
    if store.place is not None:  # a scatter adds to what a copy has put there
        return False
    for instr in kernel.instrs:
        if isinstance(instr, (Load, Indexed)) and instr.access is not None:
            if not _is(instr.access, Space.IN, source):
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
