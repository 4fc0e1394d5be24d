"""How long a program may take, as code: `@tw.cost`.

Layer: compiler/codegen/llvm. In: a `KernelProgram`. A rough time in ns; what matters is whether it
is far above 50 us, from which on the GIL is released.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import (
    Convolution,
    Kernel,
    KernelProgram,
    MatmulCall,
    MatrixCall,
    ScanLoop,
    Sort,
    Step,
    Switch,
)
from ...kernel.schedule import schedule
from ...kernel.storage import step_regions
from ...target import Target
from .arena import add, load_sizes, multiply
from .convolve import nanoseconds
from .integers import Integers
from .sizes import emit_size
from .sorting import nanoseconds as sort_nanoseconds
from .writer import FunctionWriter, ModuleWriter

_UNIT = 64  # costs are counted in 1/64 ns
_CALL = 2 * _UNIT  # of a kernel
_UNKNOWN_LENGTH = 1000  # iterations of a loop that ends when a condition says so


def emit_cost(
    module: ModuleWriter, program: KernelProgram, size_names: Sequence[str], target: Target
) -> None:
    """Write `@tw.cost`."""
    fn = module.function("i64", "@tw.cost", [("ptr", "%sizes")], linkage="internal")
    names = load_sizes(fn, size_names)
    total = _program_cost(fn, program, names, target)
    if total.startswith("%"):
        fn.line(f"ret i64 {fn.assign(f'sdiv i64 {total}, {_UNIT}')}")
    else:
        fn.line(f"ret i64 {int(total) // _UNIT}")


def _program_cost(
    fn: FunctionWriter, program: KernelProgram, names: Mapping[str, str], target: Target
) -> str:
    total = "0"
    for step in program.steps:
        total = add(fn, total, _step_cost(fn, step, names, target))
    return total


def _step_cost(fn: FunctionWriter, step: Step, names: Mapping[str, str], target: Target) -> str:
    if isinstance(step, Convolution):
        return multiply(fn, nanoseconds(step, target, Integers(fn, names)), str(_UNIT))
    if isinstance(step, Sort):
        return multiply(fn, sort_nanoseconds(step, Integers(fn, names)), str(_UNIT))
    if isinstance(step, (Kernel, MatmulCall, MatrixCall)):
        points, each = _points_cost(step, target)
        return multiply(fn, emit_size(fn, points, names), str(max(1, round(each * _UNIT))))
    inside = str(_CALL)
    for region in step_regions(step):
        inside = add(fn, inside, _program_cost(fn, region.program, names, target))
        inside = add(fn, inside, str(_CALL * len(region.program.steps)))
    if isinstance(step, Switch):
        return inside
    length: Size = step.length if isinstance(step, ScanLoop) else _UNKNOWN_LENGTH
    return multiply(fn, emit_size(fn, length, names), inside)


def _points_cost(step: Kernel | MatmulCall | MatrixCall, target: Target) -> tuple[Size, float]:
    """The number of points of a step and ns per point."""
    if isinstance(step, MatmulCall):
        return product((*step.batch, step.m, step.n, step.k)), 0.03
    if isinstance(step, MatrixCall):  # a call takes as long as it takes for a row of 4 or so
        return product((*step.batch, step.rows, step.size, step.size + 16)), 0.1
    return product(step.axes), schedule(step, target).ns
