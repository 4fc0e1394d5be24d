"""Kernels that walk inner axes at each of many outer points.

Layer: compiler/codegen/cuda. A long row is walked by a block, a short one by a single thread, and
so is one in which each element waits for the one before. Rows whose neighbours lie side by side in
memory (sums over the first axis) are walked by a thread each, too: then threads read neighbouring
elements.
"""

from __future__ import annotations

from ...ir.dims import product
from ...kernel.form import Indexed, Instr, Kernel, Load, Reduce, Scan
from ...launches import BLOCK
from .maps import THREAD, THREADS
from .nest import Nest, Values, kernel_buffers
from .programs import ProgramWriter
from .source import size_text
from .walks import Acc, Shared, Walk

_SHORT = 32  # elements: a block would have nothing to do for most of its threads
_MANY = 4096  # rows: enough threads, if each walks one


def emit_rows(writer: ProgramWriter, kernel: Kernel) -> None:
    """One launch over all rows."""
    rows = product(kernel.axes[: kernel.outer])
    if _by_threads(kernel):
        writer.function(
            kernel.name,
            kernel_buffers(kernel),
            (rows + BLOCK - 1) // BLOCK,
            lambda out: _write_threads(Nest(out, kernel, writer.fast_math)),
        )
    else:
        writer.function(
            kernel.name,
            kernel_buffers(kernel),
            rows,
            lambda out: _write_blocks(Nest(out, kernel, writer.fast_math)),
            _threads_of(kernel),
        )


def _by_threads(kernel: Kernel) -> bool:
    """Whether a thread walks a whole row."""
    if any(isinstance(i, Scan) for i in kernel.instrs):
        return True
    length = product(kernel.axes[kernel.outer :])
    if isinstance(length, int) and length <= _SHORT:
        return True
    rows = product(kernel.axes[: kernel.outer])
    if kernel.outer == 0 or (isinstance(rows, int) and rows < _MANY):
        return False
    return _unit_strides(kernel, kernel.outer - 1) > _unit_strides(kernel, kernel.rank - 1)


def _unit_strides(kernel: Kernel, axis: int) -> int:
    reads = [i.access for i in kernel.instrs if isinstance(i, (Load, Indexed)) and i.access]
    return sum(a.strides[axis] == 1 for a in [*reads, *kernel.written()])


def _threads_of(kernel: Kernel) -> int:
    """A power of two: as many threads as the row has elements, within what a block may have."""
    length = product(kernel.axes[kernel.outer :])
    if not isinstance(length, int):
        return BLOCK
    return min(BLOCK, max(32, 1 << (length - 1).bit_length()))


def _write_threads(nest: Nest) -> None:
    kernel = nest.kernel
    with nest.points(range(kernel.outer), THREAD, THREADS):
        values: Values = {}
        nest.rows(values, 0)
        for stage in range(kernel.stages()):
            walk = Walk(nest, stage)
            carried = walk.start()
            _nested(nest, kernel.outer, walk, values, carried)
            walk.finish(carried, values)
            nest.rows(values, stage + 1)
        for store in nest.row_stores():
            nest.write(store, values)


def _nested(nest: Nest, axis: int, walk: Walk, values: Values, carried: dict[Instr, Acc]) -> None:
    """Loops over the axes from `axis` on."""
    if walk.is_empty:
        return
    if axis == nest.kernel.rank:
        walk.step(values, carried)
        return
    with nest.out.block(f"for {nest.index[axis]} in range({size_text(nest.kernel.axes[axis])}):"):
        _nested(nest, axis + 1, walk, values, carried)


def _write_blocks(nest: Nest) -> None:
    kernel, out = nest.kernel, nest.out
    shared = Shared(nest, [i for i in kernel.instrs if isinstance(i, Reduce)])
    with nest.points(range(kernel.outer), "cuda.blockIdx.x", "cuda.gridDim.x"):
        values: Values = {}
        nest.rows(values, 0)
        for stage in range(kernel.stages()):
            walk = Walk(nest, stage)
            carried = walk.start()
            if not walk.is_empty:
                inner = range(kernel.outer, kernel.rank)
                with nest.points(inner, "cuda.threadIdx.x", "cuda.blockDim.x"):
                    walk.step(values, carried)
            shared.combine(carried, walk.reduces)
            walk.finish(carried, values)
            nest.rows(values, stage + 1)
        if nest.row_stores():
            with out.block("if cuda.threadIdx.x == 0:"):
                for store in nest.row_stores():
                    nest.write(store, values)
