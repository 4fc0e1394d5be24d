"""Micro-kernels of products: a tile of sums of products, kept in registers.

Layer: compiler/codegen/llvm. A tile has `rows` rows of `vectors` vectors. Its micro-kernel is a
function of its own, written once for a module::

    define internal void @tw.tile...(ptr %a, i64 %row, i64 %term, ptr %b, ptr %sums, i64 %k,
                                     i1 %more)

For each of %k terms it multiplies a column of the left panel, element by element, with a row of the
right one, and sums up the products; with %more, what is at %sums is added last: sums of sums round
less than one long chain. The right panel has rows of full vectors one after the other, and so have
the sums. In the left panel elements lie %row bytes apart from row to row, and %term from term to
term: all products of a program share one function, and LLVM takes long for each. A pointer for
every third row is enough, because an instruction can add a register once or twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.types import DType
from ...target import Target
from .loops import counted_loop, either
from .memory import memory_type, splat
from .writer import FunctionWriter, ModuleWriter

_APART = 3  # rows from one pointer to the next


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of a tile."""

    dtype: DType
    rows: int
    vectors: int
    lanes: int
    fused: bool  # multiply and add in one instruction

    @property
    def columns(self) -> int:
        """The elements of a row."""
        return self.vectors * self.lanes

    @property
    def elements(self) -> int:
        """The elements of the tile."""
        return self.rows * self.columns

    @property
    def name(self) -> str:
        """The micro-kernel's name."""
        return f"@tw.tile.f{self.dtype.bits}.{self.rows}x{self.vectors}"


def vectors_for(columns: int | None, lanes: int) -> int:
    """How many vectors a row of a tile should have; the columns may not be known."""
    if columns is None:
        return 2
    if columns <= lanes:
        return 1
    return 3 if columns % (3 * lanes) == 0 and columns % (2 * lanes) != 0 else 2


def rows_for(vectors: int, target: Target) -> int:
    """How many rows fit in the registers beside a row of the right panel and one element."""
    registers = 32 if target.vector_bytes == 64 else 16
    return min((registers - vectors - 1) // vectors, 14)


def tile_for(dtype: DType, columns: int | None, target: Target) -> Tile:
    """The tile for products with so many columns."""
    lanes = target.vector_bytes // dtype.itemsize
    vectors = vectors_for(columns, lanes)
    rows = rows_for(vectors, target)
    return Tile(dtype, rows, vectors, lanes, target.has_fma)


def micro_kernel(module: ModuleWriter, tile: Tile) -> str:
    """The name of a tile's micro-kernel, which is written if the module does not have it."""
    if not module.has_function(tile.name):
        params = [("ptr", "%a"), ("i64", "%row"), ("i64", "%term"), ("ptr", "%b")]
        params += [("ptr", "%sums"), ("i64", "%k"), ("i1", "%more")]
        fn = module.function("void", tile.name, params, linkage="internal")
        _MicroKernel(fn, tile).write()
    return tile.name


class _MicroKernel:
    def __init__(self, fn: FunctionWriter, tile: Tile) -> None:
        self.fn, self.tile = fn, tile
        self.element = memory_type(tile.dtype)
        self.type = f"<{tile.lanes} x {self.element}>"
        self.places = [(r, v) for r in range(tile.rows) for v in range(tile.vectors)]

    def write(self) -> None:
        fn = self.fn
        fn.plain_counters = True
        types = [self.type] * len(self.places)
        start = [("ptr", pointer) for pointer in (*self._first_rows(), "%b")]
        start += [(self.type, "zeroinitializer")] * len(self.places)
        found = counted_loop(fn, "0", "%k", 1, start, self._add_products)
        sums = found[-len(self.places) :]
        totals = either(fn, "%more", types, lambda: self._added(sums), lambda: sums)
        for place, total in zip(self.places, totals, strict=True):
            fn.line(f"store {self.type} {total}, ptr {self._sum(*place)}, align {self._align}")
        fn.line("ret void")

    def _first_rows(self) -> list[str]:
        """Pointers to every third row of the left panel."""
        self.twice = self.fn.assign("shl i64 %row, 1")
        thrice = self.fn.assign(f"add i64 {self.twice}, %row")
        found = ["%a"]
        for _ in range(_APART, self.tile.rows, _APART):
            found.append(self._moved(found[-1], thrice))
        return found

    def _moved(self, pointer: str, bytes: str) -> str:
        return self.fn.assign(f"getelementptr i8, ptr {pointer}, i64 {bytes}")

    @property
    def _align(self) -> int:
        return self.tile.lanes * self.tile.dtype.itemsize

    def _added(self, sums: list[str]) -> list[str]:
        """The sums, and those before."""
        fn, found = self.fn, []
        for place, total in zip(self.places, sums, strict=True):
            before = fn.assign(f"load {self.type}, ptr {self._sum(*place)}, align {self._align}")
            found.append(fn.assign(f"fadd {self.type} {before}, {total}"))
        return found

    def _sum(self, row: int, vector: int) -> str:
        offset = (row * self.tile.vectors + vector) * self.tile.lanes
        return self._at("%sums", offset)

    def _at(self, base: str, offset: int | str) -> str:
        return self.fn.assign(f"getelementptr {self.element}, ptr {base}, i64 {offset}")

    def _add_products(self, term: str, carried: list[str]) -> list[str]:
        fn, tile = self.fn, self.tile
        count = -(-tile.rows // _APART)
        pointers, right, sums = carried[:count], carried[count], carried[count + 1 :]
        row = [
            fn.assign(f"load {self.type}, ptr {self._at(right, v * tile.lanes)}, align 16")
            for v in range(tile.vectors)
        ]
        results = []
        for r in range(tile.rows):
            pointer, further = pointers[r // _APART], ("0", "%row", self.twice)[r % _APART]
            place = self._moved(pointer, further)
            x = fn.assign(f"load {self.element}, ptr {place}, align {tile.dtype.itemsize}")
            many = splat(fn, self.element, x, tile.lanes)
            for v in range(tile.vectors):
                results.append(self._product_sum(many, row[v], sums[r * tile.vectors + v]))
        following = [self._moved(pointer, "%term") for pointer in pointers]
        following.append(self._at(right, tile.columns))
        # not to be made one pointer that goes from row to row, each step waiting for the last
        kept = [fn.assign(f"freeze ptr {pointer}") for pointer in following]
        return [*kept, *results]

    def _product_sum(self, x: str, y: str, total: str) -> str:
        fn = self.fn
        if not self.tile.fused:
            product = fn.assign(f"fmul {self.type} {x}, {y}")
            return fn.assign(f"fadd {self.type} {total}, {product}")
        name = f"@llvm.fma.v{self.tile.lanes}f{self.tile.dtype.bits}"
        callee = fn.module.declare(name, self.type, [self.type] * 3)
        operands = ", ".join(f"{self.type} {operand}" for operand in (x, y, total))
        return fn.assign(f"call {self.type} {callee}({operands})")
