"""Matrix products as convolutions with a window of one position, which are done in tiles.

Layer: compiler/kernel. The rows of `a` are the examples and the inner axis the channels::

    c[m, n] = sum over k of a[m, k] * b[k, n]       x = a, w = b, y = c
    c[m, n] = sum over k of t[k, m] * b[k, n]       x = t, y = b, w = c: the sum over positions

Large products are done so and not by BLAS: they share threads with all other kernels, where the
threads of BLAS would keep processors busy between calls; elementwise work on a result is done where
its tiles are written.
"""

from __future__ import annotations

from ..ir.dims import Dim
from ..ir.types import Size
from .form import Access, Convolution, MatmulCall, WindowAxis, WindowPart

LEAST_TERMS = 1 << 18  # of all sums: up to that, BLAS has one thread and starts at once
LEAST_SIDE = 8  # rows, columns, and terms of a sum
LARGEST_UNIT = 1 << 28  # terms of a block of the result that one thread would do alone
BLOCK_ROWS, BLOCK_COLUMNS = 128, 256
ASSUMED = 256  # of sizes that are not known


def in_tiles(call: MatmulCall) -> Convolution | None:
    """The product as a convolution; None where BLAS does it."""
    if call.batch or not _is_large(call):
        return None
    row, column = call.a.strides
    if column == 1:
        return _rows_by_matrix(call) if 1 in call.b.strides else None
    if row == 1 and call.b.strides[-1] == 1:
        return _columns_by_rows(call)
    return None


def _is_large(call: MatmulCall) -> bool:
    m, n, k = (_about(size) for size in (call.m, call.n, call.k))
    blocks = -(-m // BLOCK_ROWS) * -(-n // BLOCK_COLUMNS)
    fits = m * n * k <= LARGEST_UNIT * blocks
    return min(m, n, k) >= LEAST_SIDE and m * n * k > LEAST_TERMS and fits


def _about(size: Size) -> int:
    return ASSUMED if isinstance(size, Dim) else size


def _rows_by_matrix(call: MatmulCall) -> Convolution:
    x = Access(call.a.buffer, call.a.offset, (call.a.strides[0], 0, 1))
    w = Access(call.b.buffer, call.b.offset, (0, *call.b.strides))
    y = Access(call.c.buffer, call.c.offset, (call.n, call.n, 1))
    return _convolution(call, (call.m, call.k), x, w, y)


def _columns_by_rows(call: MatmulCall) -> Convolution:
    x = Access(call.a.buffer, call.a.offset, (call.a.strides[1], 0, 1))
    w = Access(call.c.buffer, call.c.offset, (0, call.n, 1))
    y = Access(call.b.buffer, call.b.offset, (call.b.strides[0], 0, 1))
    return _convolution(call, (call.k, call.m), x, w, y, of_filter=True)


def _convolution(
    call: MatmulCall,
    sizes: tuple[Size, Size],
    x: Access,
    w: Access,
    y: Access,
    of_filter: bool = False,
) -> Convolution:
    """`sizes` are the examples and the channels."""
    axis = WindowAxis(1, 1, 1, 0, 1, 1)
    part = WindowPart((axis,), w, y)
    examples, channels = sizes
    return Convolution(
        call.name,
        call.dtype,
        examples,
        1,
        channels,
        call.n,
        x,
        (1,),
        (part,),
        of_filter=of_filter,
        of_halves=call.of_halves,
    )
