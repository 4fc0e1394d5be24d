"""Ops that make neighbouring elements in groups: where a kernel can let them.

Layer: compiler/kernel. An op with a `Group` is a function of an index, its first operand. Where a
vector's lanes hold consecutive indices that begin at a multiple of the group's size, each group is
made once, for all of its elements; elsewhere each lane makes a group and takes one element of it.
"""

from __future__ import annotations

from ..ir.dims import quotient
from .form import Apply, Instr, Kernel, Position


def group_size(instr: Instr, axis: int | None) -> int:
    """How many lanes share a group if `axis` is cut into vectors; 0: they cannot share.

    Vectors begin at multiples of their length, which has to be a multiple of the size, too.
    """
    if not isinstance(instr, Apply) or instr.op is None or instr.op.group is None or axis is None:
        return 0
    index, *others = instr.args
    if not isinstance(index, Position) or index.strides[axis] != 1:
        return 0
    size = instr.op.group.size(instr.attrs)
    steps = [index.offset, *(s for k, s in enumerate(index.strides) if k != axis)]
    if any(quotient(s, size) is None for s in steps) or any(axis in o.axes_used for o in others):
        return 0
    return size


def group_lanes(kernel: Kernel, axis: int, vector_bytes: int) -> int:
    """How many lanes give full registers where groups are made; 0 if no lanes share any.

    Random words are 64-bit integers there. Floats are computed from them with more work than that.
    """
    found = 0
    for instr in kernel.instrs:
        width = instr.dtype.itemsize if instr.dtype.is_float else 8
        found = max(found, group_size(instr, axis) * vector_bytes // width)
    return found


def only_counts_groups(instr: Instr, kernel: Kernel, axis: int) -> bool:
    """Whether a position is read as the number of groups alone: no lane needs it."""
    if not isinstance(instr, Position):
        return False
    readers = [i for i in kernel.instrs if instr in i.args]
    stored = any(instr in s.reads for s in kernel.stores)
    return bool(readers) and not stored and all(group_size(i, axis) for i in readers)
