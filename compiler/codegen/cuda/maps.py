"""Kernels without inner axes: every point by itself.

Layer: compiler/codegen/cuda. Threads take groups of points in strides of the grid, so that
neighbours read neighbouring elements.
"""

from __future__ import annotations

from dataclasses import replace

from ...ir.dims import product
from ...kernel.form import Kernel
from .nest import Nest, Values
from .points import Point
from .programs import ProgramWriter
from .source import SourceWriter
from .vectors import Plan, plan
from .walks import Walk

THREAD, THREADS = "cuda.grid(1)", "cuda.gridsize(1)"  # the number of this thread, and of all


def emit_map(writer: ProgramWriter, kernel: Kernel) -> None:
    """One launch over all points."""
    walked = replace(kernel, outer=0)
    chosen = plan(walked, range(kernel.rank))
    several = chosen.width * chosen.copies
    writer.function(
        kernel.name,
        kernel.buffers(),
        writer.blocks((product(kernel.axes) + several - 1) // several),
        lambda out: _write(writer, out, walked, chosen),
    )


def _write(writer: ProgramWriter, out: SourceWriter, kernel: Kernel, chosen: Plan) -> None:
    nest = Nest(out, kernel, writer)
    values: Values = {}
    nest.rows(values, 0)
    if kernel.rank == 0:
        with out.block(f"if {THREAD} == 0:"):
            for store in kernel.stores:
                nest.write(store, values)
        return
    point = Point(nest, [], kernel.stores)
    point.write(writer, f"{kernel.name}_point")
    walk = Walk(nest, point, range(kernel.rank), chosen)
    walk.vectors.ask()
    thread, threads = out.assign(THREAD), out.assign(THREADS)
    walk.run(thread, threads, values, walk.start(chosen.width))
