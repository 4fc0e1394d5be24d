"""The kernel form as text, for `dump --stage kernels`.

Layer: compiler/kernel.
"""

from __future__ import annotations

from collections.abc import Callable

from .form import (
    Apply,
    Const,
    Indexed,
    Instr,
    Kernel,
    KernelProgram,
    Load,
    MatmulCall,
    Position,
    Reduce,
    Scan,
    SizeOf,
    affine_text,
)


def print_program(program: KernelProgram, describe: Callable[[Kernel], str]) -> str:
    """All steps in order; `describe(kernel)` tells how a kernel is walked."""
    parts = []
    for step in program.steps:
        if isinstance(step, Kernel):
            parts.append(print_kernel(step, describe(step)))
        else:
            parts.append(_matmul_text(step))
    if program.arena:
        slots = ", ".join(f"{size}" for size in program.arena)
        parts.append(f"arena bytes: {slots}")
    return "\n\n".join(parts) + "\n"


def print_kernel(kernel: Kernel, schedule: str) -> str:
    """One kernel, an instruction a line."""
    outer = ", ".join(f"i{k} < {size}" for k, size in enumerate(kernel.axes[: kernel.outer]))
    inner = ", ".join(
        f"i{k + kernel.outer} < {size}" for k, size in enumerate(kernel.axes[kernel.outer :])
    )
    lines = [f"kernel @{kernel.name} for [{outer}]" + (f" reduce [{inner}]" if inner else "")]
    lines[0] += f"  # {schedule}"
    name = {instr: f"%{k}" for k, instr in enumerate(kernel.instrs)}
    for instr in kernel.instrs:
        text = f"  {name[instr]}: {instr.dtype} = {_instr_text(instr, name)}"
        notes = []
        if instr.depth < kernel.rank:
            notes.append(f"depth {instr.depth}")
        if instr.stage:
            notes.append(f"stage {instr.stage}")
        lines.append(text + (f"  # {', '.join(notes)}" if notes else ""))
    for spill in kernel.spills:
        lines.append(f"  keep {spill.access} = {name[spill.value]}")
    for store in kernel.stores:
        lines.append(f"  store {store.access} = {name[store.value]}")
    return "\n".join(lines)


def _instr_text(instr: Instr, name: dict[Instr, str]) -> str:
    args = ", ".join(name[a] for a in instr.args)
    if isinstance(instr, Load):
        return f"load {instr.access}"
    if isinstance(instr, Indexed):
        return f"gather {instr.access} at ({args}) strides {list(instr.strides)}"
    if isinstance(instr, Const):
        return f"constant {instr.value}"
    if isinstance(instr, SizeOf):
        return f"size {instr.size}"
    if isinstance(instr, Position):
        return f"position {affine_text(instr.offset, instr.strides)}"
    assert isinstance(instr, (Apply, Reduce, Scan)) and instr.op is not None
    attrs = getattr(instr, "attrs", None)
    suffix = " {" + ", ".join(f"{k}={v}" for k, v in attrs.items()) + "}" if attrs else ""
    return f"{instr.op.name}({args}){suffix}"


def _matmul_text(call: MatmulCall) -> str:
    batch = f" for {list(call.batch)}" if call.batch else ""
    return (
        f"matmul @{call.name}{batch} [{call.m}, {call.k}] x [{call.k}, {call.n}] {call.dtype}\n"
        f"  {call.c} = {call.a} @ {call.b}"
    )
