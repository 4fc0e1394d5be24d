"""One LLVM module for a whole graph: its kernels, their run in order, and the entry.

Layer: compiler/codegen/llvm. In: a `KernelProgram` and a `Signature`. Out: module text.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...kernel.form import Convolution, Kernel, KernelProgram, MatmulCall, MatrixCall, Sort
from ...kernel.storage import arena_size, step_regions
from ...program import Signature
from ...target import Target
from . import blas, lapack
from .arena import load_sizes, slot_offsets
from .cost import emit_cost
from .entry import emit_entry
from .run import emit_run
from .writer import ModuleWriter


def emit_module(
    program: KernelProgram, signature: Signature, size_names: Sequence[str], target: Target
) -> str:
    """The module's text; see codegen/llvm/entry.py for the functions that it defines."""
    module = ModuleWriter()
    _emit_library(module, program, size_names)
    emit_run(module, program, size_names, target)
    emit_cost(module, program, size_names, target)
    needed = arena_size(program)
    static = needed if isinstance(needed, int) else None
    if static is None:
        _emit_arena_bytes(module, program, size_names)
    emit_entry(module, signature, size_names, static)
    return module.text()


def _emit_library(module: ModuleWriter, program: KernelProgram, size_names: Sequence[str]) -> None:
    """Calls of BLAS and LAPACK of a program and of the regions in it, as functions."""
    for step in program.steps:
        if isinstance(step, MatmulCall):
            blas.emit_matmul(module, step, size_names)
        elif isinstance(step, MatrixCall):
            lapack.emit_matrices(module, step, size_names)
        elif not isinstance(step, (Kernel, Sort, Convolution)):
            for region in step_regions(step):
                _emit_library(module, region.program, size_names)


def _emit_arena_bytes(
    module: ModuleWriter, program: KernelProgram, size_names: Sequence[str]
) -> None:
    fn = module.function("i64", "@tw.arena_bytes", [("ptr", "%sizes")], linkage="internal")
    names = load_sizes(fn, size_names)
    fn.line(f"ret i64 {slot_offsets(fn, program, names)[-1]}")
