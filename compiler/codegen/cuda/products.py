"""Matrix products without a library.

Layer: compiler/codegen/cuda. A block makes a square tile of the result, each thread 4 by 4 elements
of it, from tiles of the operands in shared memory. `TILE`, which the runtime defines, is the number
of threads along a side of a block: 16, of which a block has 256, and less in the simulator.
"""

from __future__ import annotations

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, MatmulCall
from .programs import ProgramWriter
from .scalars import CudaScalars, literal, type_name
from .source import SourceWriter, affine_text, size_text

_EACH = range(4)  # rows and columns of the tile for each thread
_SIDE = 64  # of a tile


def emit_product(writer: ProgramWriter, call: MatmulCall) -> None:
    """One launch for all products of a batch."""
    tiles = product(call.batch) * _tiles(call.m) * _tiles(call.n)
    buffers = [call.a.buffer, call.b.buffer, call.c.buffer]
    writer.function(
        call.name, buffers, tiles, lambda out: _Product(out, call, writer.geometry.tile).write()
    )


def _tiles(size: Size) -> Size:
    return (size + _SIDE - 1) // _SIDE


class _Product:
    """The text of one kernel."""

    def __init__(self, out: SourceWriter, call: MatmulCall, tile: int) -> None:
        self.out = out
        self.call = call
        self.tile = tile
        self.s = CudaScalars(out)
        self.m, self.n, self.k = (size_text(x) for x in (call.m, call.n, call.k))

    def write(self) -> None:
        """All tiles, in strides of the grid."""
        out, call = self.out, self.call
        element = type_name(call.dtype)
        length = _SIDE * _SIDE // 4
        out.line(f"left = cuda.shared.array({length}, {element})")
        out.line(f"right = cuda.shared.array({length}, {element})")
        out.line(f"TILE = {self.tile}")
        out.line("side = 4 * TILE")
        out.line(f"down = ({self.m} + side - 1) // side")
        out.line(f"across = ({self.n} + side - 1) // side")
        out.line("own_row = cuda.threadIdx.x // TILE")
        out.line("own_column = cuda.threadIdx.x % TILE")
        batch = size_text(product(call.batch))
        with out.block(
            f"for tile in range(cuda.blockIdx.x, {batch} * down * across, cuda.gridDim.x):"
        ):
            out.line("row = tile // across % down * side")
            out.line("column = tile % across * side")
            self._locate("tile // across // down")
            for i in _EACH:
                for j in _EACH:
                    out.line(f"s{i}{j} = {literal(0, call.dtype)}")
            with out.block(f"for start in range(0, {self.k}, TILE):"):
                self._load_tiles()
                out.line("cuda.syncthreads()")
                self._multiply()
                out.line("cuda.syncthreads()")
            self._store()

    def _locate(self, number: str) -> None:
        """The indices of the batch."""
        rest = number
        for axis in reversed(range(len(self.call.batch))):
            size = size_text(self.call.batch[axis])
            self.out.line(f"i{axis} = ({rest}) % {size}")
            rest = f"({rest}) // {size}"

    def _element(self, access: Access, row: str, column: str) -> str:
        index = [*(f"i{k}" for k in range(len(self.call.batch))), row, column]
        return f"{access.buffer}[{affine_text(access.offset, access.strides, index)}]"

    def _load_tiles(self) -> None:
        """Elements outside of the matrices are zeros."""
        out, zero = self.out, literal(0, self.call.dtype)
        with out.block("for piece in range(4):"):
            out.line("place = cuda.threadIdx.x + piece * TILE * TILE")
            for name, inside, access in (
                ("left", "(row + r < {m}) & (start + k < {k})", self.call.a),
                ("right", "(start + k < {k}) & (column + c < {n})", self.call.b),
            ):
                first = name == "left"
                out.line("r = place // TILE" if first else "k = place // side")
                out.line("k = place % TILE" if first else "c = place % side")
                at = ("row + r", "start + k") if first else ("start + k", "column + c")
                out.line(f"{name}[place] = {zero}")
                with out.block(f"if {inside.format(m=self.m, n=self.n, k=self.k)}:"):
                    row, column = (f"({x})" for x in at)
                    out.line(f"{name}[place] = {self._element(access, row, column)}")

    def _multiply(self) -> None:
        out, dtype = self.out, self.call.dtype
        fma = "libdevice.fmaf" if dtype.bits == 32 else "libdevice.fma"
        with out.block("for k in range(TILE):"):
            for i in _EACH:
                out.line(f"a{i} = left[(own_row + {i} * TILE) * TILE + k]")
                out.line(f"b{i} = right[k * side + own_column + {i} * TILE]")
            for i in _EACH:
                for j in _EACH:
                    out.line(f"s{i}{j} = {fma}(a{i}, b{j}, s{i}{j})")

    def _store(self) -> None:
        out = self.out
        for i in _EACH:
            out.line(f"y{i} = row + own_row + {i} * TILE")
            out.line(f"x{i} = column + own_column + {i} * TILE")
        for i in _EACH:
            for j in _EACH:
                with out.block(f"if (y{i} < {self.m}) & (x{j} < {self.n}):"):
                    out.line(f"{self._element(self.call.c, f'y{i}', f'x{j}')} = s{i}{j}")
