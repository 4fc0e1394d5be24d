"""Matrix products without a library.

Layer: compiler/codegen/cuda. Operands are strided matrices, for each point of the batch; tiles.py
has the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, Buffer, MatmulCall
from ...launches import Matrix, ProductCall
from .programs import ProgramWriter
from .source import SourceWriter, affine_text, size_text
from .tiles import Operand, Target, Tiled, emit_tiled


def emit_product(writer: ProgramWriter, call: MatmulCall) -> None:
    """The launches for all products of a batch."""
    a, b, c = call.a, call.b, call.c
    left = Access(a.buffer, a.offset, a.strides)
    right = Access(b.buffer, b.offset, (*b.strides[:-2], b.strides[-1], b.strides[-2]))
    tiled = Tiled(
        call.name,
        call.dtype,
        product(call.batch),
        call.m,
        call.n,
        call.k,
        _operand(call, left, call.m),
        _operand(call, right, call.n),
        Target(c.buffer, lambda out: _place(out, call), aligned(c, len(c.strides) - 1)),
    )
    buffers = list(dict.fromkeys((a.buffer, b.buffer, c.buffer)))
    with writer.replaceable(_library(call, buffers), buffers):
        emit_tiled(writer, tiled)


def _operand(call: MatmulCall, access: Access, size: Size) -> Operand:
    """A matrix of (side, depth)."""
    along = access.strides[-1] == 1
    axis = len(access.strides) - (1 if along else 2)

    def write(out: SourceWriter) -> None:
        index = _locate(out, call)
        place = affine_text(access.offset, access.strides, [*index, "side", "depth"])
        inside, left = f"side < {size_text(size)}", "end - depth"
        if not along:
            inside, left = "depth < end", f"{size_text(size)} - side"
        out.line(f"count = {left} if {inside} else 0")
        out.line(f"return fetch({access.buffer}, {place}, count, whole)")

    return Operand(access.buffer, along, write, aligned(access, axis))


def _locate(out: SourceWriter, call: MatmulCall) -> list[str]:
    """The indices of the batch."""
    rest, names = "batch", []
    for axis in reversed(range(len(call.batch))):
        size = size_text(call.batch[axis])
        names.append(out.assign(f"{rest} % {size}"))
        rest = f"{rest} // {size}"
    return names[::-1]


def _place(out: SourceWriter, call: MatmulCall) -> None:
    index = _locate(out, call)
    out.line(f"place = {affine_text(call.c.offset, call.c.strides, [*index, 'row', 'column'])}")


def aligned(access: Access, axis: int) -> str | None:
    """What makes places that lie a multiple of four along `axis` multiples of four; None: never."""
    steps = [access.offset, *(s for k, s in enumerate(access.strides) if k != axis)]
    if access.strides[axis] != 1 or any(isinstance(s, int) and s % 4 for s in steps):
        return None
    unknown = dict.fromkeys(size_text(s) for s in steps if not isinstance(s, int))
    return " & ".join(f"({step} % 4 == 0)" for step in unknown)


def _library(call: MatmulCall, buffers: Sequence[Buffer]) -> ProductCall | None:
    """The product for a library; None if its matrices are none that libraries know."""
    found = [_matrix(call, access, buffers) for access in (call.a, call.b, call.c)]
    a, b, c = found
    if a is None or b is None or c is None or c.transposed:
        return None
    batch, halves = product(call.batch), call.of_halves
    return ProductCall(call.dtype, batch, call.m, call.n, call.k, a, b, c, of_halves=halves)


def _matrix(call: MatmulCall, access: Access, buffers: Sequence[Buffer]) -> Matrix | None:
    *outer, row, column = access.strides
    transposed = column != 1
    leading = column if transposed else row
    step: Size = outer[-1] if outer else 0
    for k in range(len(outer) - 1):  # all axes of the batch have to be one
        if outer[k] != outer[k + 1] * call.batch[k + 1]:
            return None
    if leading == 0 or (transposed and row != 1):
        return None
    return Matrix(buffers.index(access.buffer), access.offset, leading, transposed, step)
