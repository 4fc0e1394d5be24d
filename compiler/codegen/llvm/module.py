"""One LLVM module for a whole graph: its kernels, their run in order, and the entry.

Layer: compiler/codegen/llvm. In: a `KernelProgram` and a `Signature`. Out: module text.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Buffer, Kernel, KernelProgram, MatmulCall, Space, Step
from ...kernel.schedule import schedule
from ...program import Signature
from ...target import Target
from . import blas
from .entry import emit_entry
from .kernels import emit_kernel
from .sizes import emit_size
from .writer import FunctionWriter, ModuleWriter

ALIGNMENT = 64  # of arena slots, in bytes: a cache line, and the widest vector
_COST_UNIT = 64  # costs are counted in 1/64 ns


def emit_module(
    program: KernelProgram, signature: Signature, size_names: Sequence[str], target: Target
) -> str:
    """The module's text; see codegen/llvm/entry.py for the functions that it defines."""
    module = ModuleWriter()
    for step in program.steps:
        if isinstance(step, Kernel):
            emit_kernel(module, step, schedule(step, target), target, size_names)
        else:
            blas.emit_matmul(module, step, size_names)
    _emit_run(module, program, size_names)
    _emit_cost(module, program, size_names, target)
    static = _static_arena(program)
    if static is None:
        _emit_arena_bytes(module, program, size_names)
    emit_entry(module, signature, size_names, static)
    return module.text()


def _emit_run(module: ModuleWriter, program: KernelProgram, size_names: Sequence[str]) -> None:
    params = [("ptr", f"%{p}") for p in ("in", "out", "arena", "constants", "sizes")]
    fn = module.function("i64", "@tw.run", params, linkage="internal")
    names = _load_sizes(fn, size_names)
    status = fn.alloca("i64", 8)
    fn.line(f"store i64 0, ptr {status}")
    offsets = _slot_offsets(fn, program, names)
    pointers: dict[Buffer, str] = {}

    def pointer(buffer: Buffer) -> str:
        found = pointers.get(buffer)
        if found is None:
            found = pointers[buffer] = _buffer_pointer(fn, buffer, program, offsets)
        return found

    for step in program.steps:
        buffers = step.buffers() if isinstance(step, Kernel) else _matmul_buffers(step)
        arguments = [f"ptr {pointer(b)}" for b in buffers]
        arguments += [f"i64 {names[name]}" for name in size_names]
        fn.line(f"call void @{step.name}({', '.join([*arguments, f'ptr {status}'])})")
    fn.line(f"ret i64 {fn.assign(f'load i64, ptr {status}')}")


def _matmul_buffers(call: MatmulCall) -> list[Buffer]:
    return [call.a.buffer, call.b.buffer, call.c.buffer]


def _load_sizes(fn: FunctionWriter, size_names: Sequence[str]) -> dict[str, str]:
    names = {}
    for k, name in enumerate(size_names):
        place = fn.assign(f"getelementptr i64, ptr %sizes, i64 {k}")
        names[name] = fn.assign(f"load i64, ptr {place}")
    return names


def _buffer_pointer(
    fn: FunctionWriter, buffer: Buffer, program: KernelProgram, offsets: Sequence[str]
) -> str:
    if buffer.space is Space.TEMP:
        offset = offsets[program.slots[buffer]]
        if offset == "0":
            return "%arena"
        return fn.assign(f"getelementptr i8, ptr %arena, i64 {offset}")
    table = {Space.IN: "%in", Space.OUT: "%out", Space.CONST: "%constants"}[buffer.space]
    place = fn.assign(f"getelementptr ptr, ptr {table}, i64 {buffer.index}")
    return fn.assign(f"load ptr, ptr {place}")


# -- scratch memory ---------------------------------------------------------------------------


def _static_arena(program: KernelProgram) -> int | None:
    total = 0
    for size in program.arena:
        if not isinstance(size, int):
            return None
        total += _aligned(size)
    return total


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _slot_offsets(fn: FunctionWriter, program: KernelProgram, names: dict[str, str]) -> list[str]:
    """Where each arena slot starts, and at the end where the last one ends."""
    offsets = ["0"]
    for size in program.arena:
        offsets.append(_add(fn, offsets[-1], _aligned_size(fn, size, names)))
    return offsets


def _aligned_size(fn: FunctionWriter, size: Size, names: dict[str, str]) -> str:
    if isinstance(size, int):
        return str(_aligned(size))
    above = fn.assign(f"add i64 {emit_size(fn, size, names)}, {ALIGNMENT - 1}")
    return fn.assign(f"and i64 {above}, {-ALIGNMENT}")


def _add(fn: FunctionWriter, x: str, y: str) -> str:
    if not x.startswith("%") and not y.startswith("%"):
        return str(int(x) + int(y))
    return fn.assign(f"add i64 {x}, {y}")


def _emit_arena_bytes(
    module: ModuleWriter, program: KernelProgram, size_names: Sequence[str]
) -> None:
    fn = module.function("i64", "@tw.arena_bytes", [("ptr", "%sizes")], linkage="internal")
    names = _load_sizes(fn, size_names)
    fn.line(f"ret i64 {_slot_offsets(fn, program, names)[-1]}")


# -- expected time ----------------------------------------------------------------------------


def _emit_cost(
    module: ModuleWriter, program: KernelProgram, size_names: Sequence[str], target: Target
) -> None:
    """`@tw.cost`: a rough time in ns; what matters is whether it is far above 50 us."""
    fn = module.function("i64", "@tw.cost", [("ptr", "%sizes")], linkage="internal")
    names = _load_sizes(fn, size_names)
    total = "0"
    for step in program.steps:
        points, each = _step_cost(step, target)
        count = emit_size(fn, points, names)
        weight = max(1, round(each * _COST_UNIT))
        if count.startswith("%"):
            total = _add(fn, total, fn.assign(f"mul i64 {count}, {weight}"))
        else:
            total = _add(fn, total, str(int(count) * weight))
    if total.startswith("%"):
        fn.line(f"ret i64 {fn.assign(f'sdiv i64 {total}, {_COST_UNIT}')}")
    else:
        fn.line(f"ret i64 {int(total) // _COST_UNIT}")


def _step_cost(step: Step, target: Target) -> tuple[Size, float]:
    """The number of points of a step and ns per point: two instructions a cycle at 3 GHz."""
    if isinstance(step, MatmulCall):
        return product((*step.batch, step.m, step.n, step.k)), 0.03
    plan = schedule(step, target)
    return product(step.axes), 0.1 + plan.cost / 6.0 / plan.lanes
