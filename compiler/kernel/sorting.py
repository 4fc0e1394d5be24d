"""From a sort of the graph to a step.

Layer: compiler/kernel. Rows are cut into pieces, which threads share; their number does not depend
on that of threads, and a row is sorted within one piece.
"""

from __future__ import annotations

from ..ir.dims import product
from ..ir.graph import Node
from ..ir.types import DType, Size
from ..ops.sort import ARGSORT
from .form import PACKED, Access, Sort
from .layout import Views
from .storage import StorageMap

MOST_PIECES = 32  # each has scratch memory for a row
ROOM = 64  # bytes: a vector, of the widest


def lower_sort(node: Node, views: Views, storage: StorageMap, name: str) -> Sort:
    """The step of a `sort` or `argsort`, whose operand lies in row-major order."""
    (value,) = node.inputs
    x, y = storage.of(views.resolve(value).root), storage.of(node.output)
    *others, size = value.type.shape
    rows = product(tuple(others))
    pieces = max(1, min(rows, MOST_PIECES)) if isinstance(rows, int) else MOST_PIECES
    dtype, positions = value.type.dtype, node.op is ARGSORT
    fits = dtype.bits <= 32 and isinstance(size, int) and size < PACKED
    pairs = positions and not fits
    needed = _row_scratch(size, 8 if positions else dtype.itemsize, 2 if pairs else 1)
    return Sort(
        name,
        dtype,
        rows,
        size,
        Access(x.buffer, x.offset, ()),
        Access(y.buffer, y.offset, ()),
        positions,
        pairs,
        pieces,
        needed,
        storage.scratch_row(DType.U8, (needed * pieces,)),
    )


def _row_scratch(size: Size, bytes: int, columns: int) -> Size:
    """Two places for words, each with room for full vectors, one before and one behind them."""
    return ((size * bytes + ROOM - 1) // ROOM * ROOM + 2 * ROOM) * columns * 2
