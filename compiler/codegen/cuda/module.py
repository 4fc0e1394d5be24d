"""A whole program as the source of Numba CUDA kernels and a list of launches.

Layer: compiler/codegen/cuda. In: the kernel form, which is the CPU's, too. Out: a `GpuProgram`.
Steps run in order; `ProgramWriter` collects their kernels.
"""

from __future__ import annotations

from ...errors import UnsupportedError
from ...ir.dims import product
from ...ir.graph import Graph
from ...kernel.form import Kernel, KernelProgram, Step
from ...launches import GpuProgram
from .maps import emit_map
from .programs import ProgramWriter


def emit_program(program: KernelProgram, graph: Graph, fast_math: bool = False) -> GpuProgram:
    """The program of a graph.

    Raises:
        UnsupportedError: it has a step for which there are no kernels yet.
    """
    writer = ProgramWriter(program, graph.size_names(), fast_math)
    for step in program.steps:
        _emit_step(writer, step)
    return GpuProgram(
        graph.name,
        tuple(v.type for v in graph.inputs),
        tuple(v.type for v in graph.outputs),
        writer.size_names,
        "\n\n".join(writer.functions),
        tuple(writer.launches),
        tuple(writer.slots),
        program.constants,
    )


def _emit_step(writer: ProgramWriter, step: Step) -> None:
    if not isinstance(step, Kernel):
        raise UnsupportedError(
            f"the GPU has no kernels for {type(step).__name__} yet", hint="run it on the CPU"
        )
    if product(step.axes) == 0 and step.outer == step.rank:
        return
    emit_map(writer, step)
