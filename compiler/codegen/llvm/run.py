"""`@tw.run`: the steps of a program in order.

Layer: compiler/codegen/llvm. Kernels are functions of their own (kernels.py, convolve.py, blas.py).
Regions are not: their steps stand inside of the loop (control.py), so that an iteration costs the
calls of its kernels and the arithmetic on a few pointers.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...kernel.form import (
    Convolution,
    Kernel,
    KernelProgram,
    MatmulCall,
    MatrixCall,
    ReplayLoop,
    ScanLoop,
    Sort,
    Step,
    WhileLoop,
)
from ...kernel.schedule import schedule
from ...kernel.storage import step_buffers
from ...target import Target
from . import tapes
from .arena import load_sizes
from .control import ControlWriter
from .convolve import emit_convolution
from .frame import Frame
from .instrs import Operands
from .kernels import emit_kernel
from .sorting import emit_sort
from .writer import ModuleWriter


def emit_run(
    module: ModuleWriter, program: KernelProgram, size_names: Sequence[str], target: Target
) -> None:
    """Write `@tw.run`, and the functions of kernels."""
    params = [("ptr", f"%{p}") for p in ("in", "out", "arena", "constants", "sizes")]
    fn = module.function("i64", "@tw.run", params, linkage="internal")
    names = load_sizes(fn, size_names)
    status = fn.alloca("[2 x i64]", 8)  # the status, and the list of tapes
    fn.line(f"store [2 x i64] zeroinitializer, ptr {status}")
    last = [*(f"i64 {names[name]}" for name in size_names), f"ptr {status}"]

    def steps(frame: Frame) -> None:
        for k, step in enumerate(frame.program.steps):
            if k == frame.program.checked:
                end_if_wrong()
            run(step, frame)

    def end_if_wrong() -> None:
        on = fn.label("checked")
        is_right = fn.assign(f"icmp eq i64 {fn.assign(f'load i64, ptr {status}')}, 0")
        fn.branch(is_right, on, end)
        fn.start(on)

    end = fn.label("end")
    control = ControlWriter(fn, status, steps)

    def run(step: Step, frame: Frame) -> None:
        if isinstance(step, Kernel):
            buffers = {b: frame.pointer(b) for b in step.buffers()}
            emit_kernel(fn, step, schedule(step, target), target, Operands(buffers, names, status))
        elif isinstance(step, Convolution):
            pointers = [frame.pointer(b) for b in step_buffers(step)]
            emit_convolution(fn, step, target, names, pointers, status)
        elif isinstance(step, Sort):
            pointers = [frame.pointer(b) for b in step_buffers(step)]
            emit_sort(fn, step, target, names, pointers)
        elif isinstance(step, (MatmulCall, MatrixCall)):
            arguments = [f"ptr {frame.pointer(b)}" for b in step_buffers(step)]
            fn.line(f"call void @{step.name}({', '.join([*arguments, *last])})")
        elif isinstance(step, ScanLoop):
            control.scan(step, frame)
        elif isinstance(step, WhileLoop):
            control.while_(step, frame)
        elif isinstance(step, ReplayLoop):
            control.replay(step, frame)
        else:
            control.switch(step, frame)

    steps(Frame(fn, names, program, "%arena"))
    if program.checked is not None:
        fn.jump(end)
        fn.start(end)
    if tapes.are_used(module):
        tapes.free_since(fn, status, "null")
    fn.line(f"ret i64 {fn.assign(f'load i64, ptr {status}')}")
