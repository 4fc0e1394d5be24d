"""Kernels without inner axes: every point by itself.

Layer: compiler/codegen/cuda. Threads take points in strides of the grid, so that neighbours read
neighbouring elements.
"""

from __future__ import annotations

from ...ir.dims import product
from ...kernel.form import Kernel
from ...launches import BLOCK
from .nest import Nest, Values
from .programs import ProgramWriter
from .source import SourceWriter

THREAD, THREADS = "cuda.grid(1)", "cuda.gridsize(1)"  # the number of this thread, and of all


def emit_map(writer: ProgramWriter, kernel: Kernel) -> None:
    """One launch over all points."""

    def body(out: SourceWriter) -> None:
        nest = Nest(out, kernel, writer.fast_math)
        with nest.points(range(kernel.rank), THREAD, THREADS):
            values: Values = {}
            nest.rows(values, 0)
            for store in kernel.stores:
                nest.write(store, values)

    blocks = (product(kernel.axes) + BLOCK - 1) // BLOCK
    writer.function(kernel.name, kernel.buffers(), blocks, body)
