"""A whole program as the source of Numba CUDA kernels and a list of launches.

Layer: compiler/codegen/cuda. In: the kernel form, which is the CPU's, too. Out: a `GpuProgram`.
Steps run in order; `ProgramWriter` collects their kernels.
"""

from __future__ import annotations

from dataclasses import replace

from ...errors import UnsupportedError
from ...kernel.form import (
    Convolution,
    Kernel,
    KernelProgram,
    MatmulCall,
    MatrixCall,
    Reduce,
    Scan,
    Sort,
    Step,
)
from ...launches import DEVICE, SIMULATED, GpuProgram
from ...program import Signature
from .columns import emit_columns, without_columns
from .control import ControlSteps
from .convolutions import emit_convolution
from .maps import emit_map
from .products import emit_product
from .programs import ProgramWriter
from .rows import emit_rows
from .scans import emit_scan, is_running
from .scatters import emit_scatter
from .whole import emit_whole, is_whole


def emit_program(
    program: KernelProgram,
    signature: Signature,
    name: str,
    fast_math: bool = False,
    simulated: bool = False,
) -> GpuProgram:
    """The program of this name; `simulated`: for the simulator, of few threads.

    Raises:
        UnsupportedError: it has a step for which there are no kernels yet.
    """
    geometry = SIMULATED if simulated else DEVICE
    writer = ProgramWriter(program, signature.size_names, fast_math, geometry)
    _steps(writer, program)
    return GpuProgram(
        name,
        signature,
        "\n\n".join(writer.functions),
        tuple(writer.steps),
        tuple(writer.slots),
        program.constants,
    )


def _steps(writer: ProgramWriter, program: KernelProgram) -> None:
    for step in program.steps:
        _emit_step(writer, step)


def _emit_step(writer: ProgramWriter, step: Step) -> None:
    if isinstance(step, Sort):
        raise _unsupported("sorting")
    if isinstance(step, MatmulCall):
        emit_product(writer, step)
    elif isinstance(step, Convolution):
        emit_convolution(writer, step)
    elif isinstance(step, MatrixCall):
        raise _unsupported("linear systems and factors of matrices")
    elif not isinstance(step, Kernel):
        writer.steps.append(ControlSteps(writer, _steps).of(step))
    elif any(store.place is not None for store in step.stores):
        _emit_scatters(writer, step)
    elif step.columns:
        rest, given = without_columns(writer, step)
        if rest.stores:
            _emit_kernel(writer, rest)
        emit_columns(writer, step, given)
    else:
        _emit_kernel(writer, step)


def _emit_scatters(writer: ProgramWriter, kernel: Kernel) -> None:
    """The plain stores of the kernel, then one scatter after the other."""
    if kernel.columns or any(isinstance(i, (Reduce, Scan)) for i in kernel.instrs):
        raise _unsupported("scatters beside reductions")
    plain = tuple(store for store in kernel.stores if store.place is None)
    if plain:
        _emit_kernel(writer, replace(kernel, stores=plain))
    for number, store in enumerate(s for s in kernel.stores if s.place is not None):
        emit_scatter(writer, replace(kernel, stores=(store,)), store, number)


def _emit_kernel(writer: ProgramWriter, kernel: Kernel) -> None:
    if kernel.outer == kernel.rank:
        emit_map(writer, kernel)
    elif is_running(kernel):
        emit_scan(writer, kernel)
    elif is_whole(kernel, writer.geometry.block):
        emit_whole(writer, kernel)
    else:
        emit_rows(writer, kernel)


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(f"the GPU has no kernels for {what} yet", hint="run it on the CPU")
