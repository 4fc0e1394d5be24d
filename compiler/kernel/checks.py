"""Checks of data that come before arrays of the caller are overwritten.

Layer: compiler/kernel. Kernels check indices and the like where they use them, and a call raises
the error when all steps are done. A program that overwrites what its caller has given away must
know earlier, so that nothing is lost: what a step checks at or behind the first such write is
checked in a kernel of its own in front of it, and the run ends there if anything is wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, replace

from ..ir.types import DType, Size
from ..ops.checks import WRAP_INDEX
from .form import (
    Access,
    Apply,
    Buffer,
    Convolution,
    Indexed,
    Inside,
    Instr,
    Kernel,
    KernelProgram,
    Load,
    MatmulCall,
    MatrixCall,
    Position,
    Reduce,
    Scan,
    SizeOf,
    Sort,
    Space,
    Step,
    WhileLoop,
)
from .lower import annotate
from .printer import print_kernel
from .storage import step_regions, step_writes


def check_first(program: KernelProgram, given: Mapping[int, int]) -> KernelProgram | None:
    """The program with all checks in front of its first write to an array that was given away.

    Args:
        program: what overwrites inputs.
        given: these inputs, each with the output that takes its place.

    Returns:
        The program; None if something that cannot be checked before may fail behind that write.
    """
    places = {(Space.IN, k) for k in given} | {(Space.OUT, n) for n in given.values()}
    steps = program.steps
    writes = [{(b.space, b.index) for b in _written(step)} for step in steps]
    first = next((k for k, written in enumerate(writes) if written & places), len(steps))
    if not any(map(_may_fail, steps)):
        return program
    late = steps[first:]
    changed = {b for step in late for b in _written(step)}
    checks: dict[str, Kernel] = {}  # by their text, because many steps use one array of indices
    for step in filter(_may_fail, late):
        check = _checks_of(step, changed) if isinstance(step, Kernel) else None
        if check is None:
            return None
        checks.setdefault(print_kernel(replace(check, name=""), ""), check)
    own = [replace(c, name=f"{steps[first].name}.check{k}") for k, c in enumerate(checks.values())]
    return replace(program, steps=(*steps[:first], *own, *late), checked=first + len(own))


def _written(step: Step) -> list[Buffer]:
    if isinstance(step, Kernel):
        return [a.buffer for a in step.written()]
    if isinstance(step, Sort):
        return [step.y.buffer, step.scratch]
    if isinstance(step, MatmulCall):
        return [step.c.buffer]
    if isinstance(step, MatrixCall):
        return [a.buffer for a in step.results]
    if isinstance(step, Convolution):
        return step.buffers()  # more than it writes
    return [a.buffer for a in step_writes(step)]


def _may_fail(step: Step) -> bool:
    """Whether a step checks data."""
    if isinstance(step, Kernel):
        return any(map(_is_checked, step.instrs)) or any(s.place for s in step.stores)
    if isinstance(step, (Sort, MatmulCall, MatrixCall)):
        return False
    if isinstance(step, Convolution):
        return step.epilogue is not None and _may_fail(step.epilogue)
    if isinstance(step, WhileLoop) and step.records:
        return True  # there may be no memory for them
    return any(_may_fail(inner) for r in step_regions(step) for inner in r.program.steps)


def _is_checked(instr: Instr) -> bool:
    if isinstance(instr, Apply) and instr.op is not None:
        return instr.op.harmless is not None
    return isinstance(instr, Indexed)


def _checks_of(kernel: Kernel, changed: set[Buffer]) -> Kernel | None:
    """A kernel that makes the checks of another one alone; None if it would read what changes."""
    roots: list[Instr] = []
    for instr in filter(_is_checked, kernel.instrs):
        if isinstance(instr, Indexed):
            roots += _bounds(instr.args, instr.bounds)
        else:
            roots.append(instr)
    for store in kernel.stores:
        if store.place is not None:
            roots += _bounds(store.place.args, store.place.bounds)
    needed = _in_order(roots)
    for instr in needed:
        reads = instr.access if isinstance(instr, (Load, Indexed)) else None
        if isinstance(instr, (Reduce, Scan)) or (reads is not None and reads.buffer in changed):
            return None
    return _over_their_axes(kernel, needed)


def _bounds(indices: Sequence[Instr], bounds: Sequence[Size]) -> list[Instr]:
    """Instructions that fail where an index is out of bounds."""
    return [
        Apply(DType.I64, (index, SizeOf(DType.I64, size=bound)), op=WRAP_INDEX)
        for index, bound in zip(indices, bounds, strict=True)
    ]


def _in_order(roots: Sequence[Instr]) -> list[Instr]:
    """The instructions and all that they need, operands first."""
    found: dict[Instr, None] = {}

    def visit(instr: Instr) -> None:
        if instr not in found:
            for each in instr.args:
                visit(each)
            found[instr] = None

    for root in roots:
        visit(root)
    return list(found)


def _over_their_axes(kernel: Kernel, instrs: Sequence[Instr]) -> Kernel:
    """A kernel of copies of instructions, equal ones once, without axes that none varies over."""
    axes = sorted({k for instr in instrs for k in _own_axes(instr)})
    copies: dict[Instr, Instr] = {}
    known: dict[Hashable, Instr] = {}
    for instr in instrs:
        args = tuple(copies[a] for a in instr.args)
        if isinstance(instr, (Load, Indexed)) and instr.access is not None:
            access = instr.access
            strides = tuple(access.strides[k] for k in axes)
            at = Access(access.buffer, access.offset, strides)
            copy: Instr = replace(instr, args=args, access=at)
        elif isinstance(instr, (Position, Inside)):
            strides = tuple(instr.strides[k] for k in axes)
            copy = replace(instr, args=args, strides=strides)
        else:
            copy = replace(instr, args=args)
        copies[instr] = known.setdefault(_contents(copy), copy)
    sizes = tuple(kernel.axes[k] for k in axes)
    made = Kernel(kernel.name, sizes, len(axes), tuple(known.values()), ())
    annotate(made)
    return made


def _contents(instr: Instr) -> Hashable:
    """What makes two instructions equal: all but what `annotate` sets."""
    names = [f.name for f in fields(instr) if f.name not in ("depth", "stage", "axes_used")]
    return type(instr), instr.args, *(repr(getattr(instr, n)) for n in names if n != "args")


def _own_axes(instr: Instr) -> list[int]:
    if isinstance(instr, (Load, Indexed)) and instr.access is not None:
        strides: tuple[Size, ...] = instr.access.strides
    elif isinstance(instr, (Position, Inside)):
        strides = instr.strides
    else:
        return []
    return [k for k, stride in enumerate(strides) if stride != 0]
