"""The kernel form as text, for `dump --stage kernels`.

Layer: compiler/kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .form import (
    Access,
    Apply,
    Carry,
    Const,
    Convolution,
    Indexed,
    Inside,
    Instr,
    Kernel,
    KernelProgram,
    Load,
    Loop,
    MatmulCall,
    MatrixCall,
    Position,
    Reduce,
    Region,
    ReplayLoop,
    Scan,
    SizeOf,
    Slices,
    Sort,
    Step,
    Store,
    Switch,
    WhileLoop,
    affine_text,
)


def print_program(program: KernelProgram, describe: Callable[[Kernel], str]) -> str:
    """All steps in order; `describe(kernel)` tells how a kernel is walked."""
    parts = [_step_text(step, describe) for step in program.steps]
    if program.checked is not None:
        parts.insert(program.checked, "end if a check has failed")
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
    for column in kernel.columns:
        rows = ", ".join(str(a.buffer) for a in column.components)
        lines.append(f"  column {column.access} = {column.op.name}({name[column.value]}) in {rows}")
    for store in kernel.stores:
        lines.append(f"  {_store_text(store, name)}")
    return "\n".join(lines)


def _store_text(store: Store, name: dict[Instr, str]) -> str:
    value, place = name[store.value], store.place
    if place is None:
        return f"store {store.access} = {value}"
    args = ", ".join(name[a] for a in place.args)
    return f"add {store.access} at ({args}) strides {list(place.strides)} += {value}"


def _instr_text(instr: Instr, name: dict[Instr, str]) -> str:
    args = ", ".join(name[a] for a in instr.args)
    if isinstance(instr, Load):
        return f"load {instr.access}" + (f" if {args}" if args else "")
    if isinstance(instr, Indexed):
        return f"gather {instr.access} at ({args}) strides {list(instr.strides)}"
    if isinstance(instr, Const):
        return f"constant {instr.value}"
    if isinstance(instr, SizeOf):
        return f"size {instr.size}"
    if isinstance(instr, Inside):
        return f"inside 0 <= {affine_text(instr.offset, instr.strides)} < {instr.size}"
    if isinstance(instr, Position):
        return f"position {affine_text(instr.offset, instr.strides)}"
    assert isinstance(instr, (Apply, Reduce, Scan)) and instr.op is not None
    attrs = getattr(instr, "attrs", None)
    suffix = " {" + ", ".join(f"{k}={v}" for k, v in attrs.items()) + "}" if attrs else ""
    return f"{instr.op.name}({args}){suffix}"


def _step_text(step: Step, describe: Callable[[Kernel], str]) -> str:
    if isinstance(step, Kernel):
        return print_kernel(step, describe(step))
    if isinstance(step, Sort):
        return _sort_text(step)
    if isinstance(step, MatmulCall):
        return _matmul_text(step)
    if isinstance(step, MatrixCall):
        return _matrix_text(step)
    if isinstance(step, Convolution):
        return _convolution_text(step)
    parts = [f"{_head(step)} {{"]
    if not isinstance(step, Switch):
        parts += [_carry_text(c) for c in step.carries]
    for role, region in _roles(step):
        parts.append(f"  {role} {{")
        text = print_program(region.program, describe).rstrip("\n")
        parts += [f"    {line}" if line else "" for line in text.split("\n")]
        parts.append("  }")
    return "\n".join([*parts, "}"])


def _head(step: Loop | Switch) -> str:
    if isinstance(step, Switch):
        results, operands = _list(step.results), _list(step.operands)
        return f"switch @{step.name} {step.index} ({operands}) -> ({results})"
    captured = _list(step.captured)
    if isinstance(step, WhileLoop):
        tapes = f" count {step.count} tapes ({_slices(step.records)})" if step.count else ""
        return f"while @{step.name} captured ({captured}){tapes}"
    if isinstance(step, ReplayLoop):
        tapes = _slices(step.tapes)
        return f"replay @{step.name} {step.count} tapes ({tapes}) captured ({captured})"
    reverse = " reverse" if step.reverse else ""
    return (
        f"scan @{step.name} {step.length}{reverse} slices ({_slices(step.xs)}) "
        f"captured ({captured}) -> ({_slices(step.ys)})"
    )


def _list(accesses: Sequence[Access]) -> str:
    return ", ".join(map(str, accesses))


def _slices(slices: Sequence[Slices]) -> str:
    return ", ".join(f"{s.array} by {s.size}" for s in slices)


def _carry_text(carry: Carry) -> str:
    where = "in place" if carry.spare is None else f"or {carry.spare}"
    return f"  carry {carry.final} {where} = {carry.init}"


def _roles(step: Loop | Switch) -> list[tuple[str, Region]]:
    if isinstance(step, Switch):
        return [(f"branch {k}", region) for k, region in enumerate(step.branches)]
    body = ("body", step.body)
    return [("condition", step.condition), body] if isinstance(step, WhileLoop) else [body]


def _sort_text(step: Sort) -> str:
    what = "argsort" if step.positions else "sort"
    rows = f"{step.rows} rows of {step.size} {step.dtype} in {step.pieces} pieces"
    return f"{what} @{step.name} {rows}\n  {step.y} = {what}({step.x})"


def _matmul_text(call: MatmulCall) -> str:
    batch = f" for {list(call.batch)}" if call.batch else ""
    return (
        f"matmul @{call.name}{batch} [{call.m}, {call.k}] x [{call.k}, {call.n}] {call.dtype}\n"
        f"  {call.c} = {call.a} @ {call.b}"
    )


def _matrix_text(call: MatrixCall) -> str:
    batch = f" for {list(call.batch)}" if call.batch else ""
    attrs = "".join(f" {name}" for name, value in call.attrs.items() if value)
    return (
        f"{call.routine.name} @{call.name}{batch} [{call.rows}, {call.size}] {call.dtype}{attrs}\n"
        f"  {_list(call.results)} of {_list(call.operands)}"
    )


def _convolution_text(step: Convolution) -> str:
    what = f"{step.channels} channels, {step.features} features"
    groups = f" in {step.groups} groups" if step.groups != 1 else ""
    target = "filter" if step.of_filter else "result"
    lines = [f"convolve @{step.name} {step.batch} examples{groups} of {what} {step.dtype}"]
    lines.append(f"  x {step.x}, {target} written")
    for part in step.parts:
        axes = ", ".join(
            f"{a.outputs} from {a.start} by {a.step} window {a.window} by {a.dilation} in {a.size}"
            for a in part.axes
        )
        lines.append(f"  y {part.y}, w {part.w}: {axes}")
    if step.epilogue is not None:
        kept = "" if step.keeps else ", y not written"
        lines += [f"  then{kept}", *print_kernel(step.epilogue, "by row").split("\n")[1:]]
    return "\n".join(lines)
