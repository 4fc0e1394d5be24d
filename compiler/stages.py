"""The whole compilation on one screen: what makes each stage of a `Compilation`.

Layer: compiler, above passes, kernel and codegen, all of which it loads: compile.py loads it with
the first stage that is asked for. A stage is the function of its name, given the compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from .codegen.llvm.machine import assembly, compile_module
from .codegen.llvm.module import emit_module
from .compile import Compilation
from .ir.graph import Graph
from .ir.printer import to_text
from .kernel.form import KernelProgram
from .kernel.printer import print_program
from .kernel.report import report
from .kernel.schedule import schedule
from .kernel.steps import lower_given, lower_in_place
from .kernel.write_out_convolutions import write_out_narrow_convolutions
from .kernel.write_out_sorts import write_out_sorts
from .launches import GpuProgram
from .options import simulates_gpu
from .pipeline import run_pipeline
from .program import Program

# In a kernel for a GPU: there, to write arrays and read them again costs more than on a CPU, whose
# caches keep some of them. NVIDIA's compiler takes a second for some hundreds.
_GPU_NODES = 768


def optimized(compilation: Compilation) -> Graph:
    """The graph after all graph passes."""
    return run_pipeline(compilation.graph, options=compilation.options)


def lowered(compilation: Compilation) -> tuple[KernelProgram, dict[int, int]]:
    """Loops and library calls, and the pairs of inputs and outputs that have one place."""
    return lower_given(compilation.optimized, dict(compilation.signature.reused))


def llvm(compilation: Compilation) -> str:
    """The module's text."""
    graph, signature = compilation.graph, compilation.signature
    target = replace(compilation.target, has_onednn=compilation.options.onednn)
    return emit_module(compilation.kernels, signature, graph.size_names(), target)


def program(compilation: Compilation) -> Program:
    """What the runtime loads."""
    return Program(
        compilation.graph.name,
        replace(compilation.signature, reused=tuple(compilation.lowered[1].items())),
        compilation.kernels.constants,
        compilation.llvm,
        compile_module(compilation.llvm, compilation.target),
    )


def gpu(compilation: Compilation) -> GpuProgram:
    """What the runtime of the GPU loads."""
    # most processes never need the generator of its code
    cuda = import_module(".codegen.cuda.module", __package__)
    # threads need no columns: what is elementwise shares loads, and sums are split among blocks
    graph = write_out_sorts(write_out_narrow_convolutions(compilation.optimized))
    kernels, _ = lower_in_place(graph, dict(compilation.signature.reused), most=_GPU_NODES)
    found: GpuProgram = cuda.emit_program(
        kernels,
        compilation.signature,
        compilation.graph.name,
        compilation.options.fast_math,
        simulates_gpu(),
    )
    return found


def kernels_text(compilation: Compilation) -> str:
    """The loops, with their schedules."""
    target = compilation.target
    return print_program(compilation.kernels, lambda kernel: str(schedule(kernel, target)))


# What shows the stages of compile.STAGES.
TEXTS: dict[str, Callable[[Compilation], str]] = {
    "graph": lambda compilation: to_text(compilation.graph),
    "optimized": lambda compilation: to_text(compilation.optimized),
    "kernels": kernels_text,
    "report": lambda compilation: report(compilation.optimized, compilation.kernels),
    "llvm": llvm,
    "asm": lambda compilation: assembly(compilation.llvm, compilation.target),
}
