"""Micro-kernels of products: a tile of sums of products, kept in registers.

Layer: compiler/codegen/llvm. A tile has `rows` rows of `vectors` vectors. Its micro-kernel is a
function of the library::

    define void @tw.lib.tile...(ptr %a, i64 %row, i64 %ahead, ptr %terms, ptr %b, i64 %next, i64 %k,
                                ptr %before, ptr %sums, i64 %apart)

For each of %k terms it multiplies a column of the left panel, element by element, with a row of the
right one, and sums up the products. What is at %before is added last, unless that is null: sums of
sums round less than one long chain. The sums' rows go to %sums, %apart bytes from each other; the
right panel's are %next bytes from each other, those of %before one after the other.

In the left panel elements lie %row bytes apart from row to row, and a term lies as many bytes from
the first as the 32-bit number of it at %terms says. So what windows see needs no rows of its own
for each window: they overlap. A pointer for every third row is enough, because an instruction can
add a register once or twice. What more is known about the panel (`Left`) saves instructions, which
count where two threads share a core.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...ir.types import DType
from ...kernel.schedule import CACHE_LINE
from ...target import Target
from .loops import counted_loop, either
from .memory import memory_type, prefetch, splat
from .writer import FunctionWriter, ModuleWriter

RUN = 4  # terms of Left.RUNS
_APART = 3  # rows from one pointer to the next
FETCHED_ROWS = 8  # of a later tile, while the terms of a line are multiplied


class Left(Enum):
    """What a left panel is like."""

    POINTS = "points"  # terms lie anywhere
    RUNS = "runs"  # each RUN terms lie side by side
    ROWS = "rows"  # rows lie side by side
    WIDE = "wide"  # elements are as long as rows of the tile, and multiplied lane by lane


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of a tile."""

    dtype: DType
    rows: int
    vectors: int
    lanes: int
    fused: bool  # multiply and add in one instruction
    left: Left = Left.POINTS

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
        sizes = f"f{self.dtype.bits}.{self.lanes}.{self.rows}.{self.vectors}"
        return f"@tw.lib.tile.{sizes}.{self.left.value}" + ".apart" * (not self.fused)

    @property
    def run(self) -> int:
        """How many terms are multiplied at once."""
        return RUN if self.left is Left.RUNS else 1


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


def rows_along(length: int | None, most: int) -> int:
    """At most `most` rows, so that tiles one after the other leave few rows of `length` empty."""
    return most if not length else -(-length // -(-length // most))


def tile_for(dtype: DType, columns: int | None, target: Target) -> Tile:
    """The tile for products with so many columns."""
    lanes = target.vector_bytes // dtype.itemsize
    vectors = vectors_for(columns, lanes)
    rows = rows_for(vectors, target)
    return Tile(dtype, rows, vectors, lanes, target.has_fma)


def micro_kernel(module: ModuleWriter, tile: Tile) -> str:
    """The name of a tile's micro-kernel, a function of the library."""
    params = [("ptr", "%a"), ("i64", "%row"), ("i64", "%ahead"), ("ptr", "%terms")]
    params += [("ptr", "%b"), ("i64", "%next"), ("i64", "%k")]
    params += [("ptr", "%before"), ("ptr", "%sums"), ("i64", "%apart")]
    return module.shared(tile.name, params, lambda fn: _MicroKernel(fn, tile).write())


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
        self.first_rows = self._first_rows()
        start = [("ptr", pointer) for pointer in (*self._at_term("0"), "%b")]
        start += [(self.type, "zeroinitializer")] * len(self.places)
        found = counted_loop(fn, "0", "%k", self.tile.run, start, self._add_products)
        sums = found[-len(self.places) :]
        none = fn.assign("icmp eq ptr %before, null")
        totals = either(fn, none, types, lambda: sums, lambda: self._added(sums))
        row = "%sums"
        for (number, vector), total in zip(self.places, totals, strict=True):
            if number and not vector:
                row = self._moved(row, "%apart")
            place = self._at(row, vector * self.tile.lanes)
            fn.line(f"store {self.type} {total}, ptr {place}, align {self.tile.dtype.itemsize}")
        fn.line("ret void")

    def _first_rows(self) -> list[str]:
        """Pointers to every third row of the left panel."""
        if self.tile.left is Left.ROWS:
            return ["%a"]
        self.twice = self.fn.assign("shl i64 %row, 1")
        thrice = self.fn.assign(f"add i64 {self.twice}, %row")
        found = ["%a"]
        for _ in range(_APART, self.tile.rows, _APART):
            found.append(self._moved(found[-1], thrice))
        return found

    def _at_term(self, term: str) -> list[str]:
        """These pointers, at a term."""
        fn = self.fn
        place = fn.assign(f"getelementptr i32, ptr %terms, i64 {term}")
        offset = fn.assign(f"sext i32 {fn.assign(f'load i32, ptr {place}, align 4')} to i64")
        # not known to be sums: else each row would have its pointer, or all would have one
        moved = (self._moved(pointer, offset) for pointer in self.first_rows)
        return [fn.assign(f"freeze ptr {pointer}") for pointer in moved]

    def _moved(self, pointer: str, bytes: str) -> str:
        return self.fn.assign(f"getelementptr i8, ptr {pointer}, i64 {bytes}")

    def _added(self, sums: list[str]) -> list[str]:
        """The sums, and those before."""
        fn, found = self.fn, []
        for (row, vector), total in zip(self.places, sums, strict=True):
            place = self._at("%before", (row * self.tile.vectors + vector) * self.tile.lanes)
            before = fn.assign(f"load {self.type}, ptr {place}, align {self.tile.dtype.itemsize}")
            found.append(fn.assign(f"fadd {self.type} {before}, {total}"))
        return found

    def _at(self, base: str, offset: int | str) -> str:
        return self.fn.assign(f"getelementptr {self.element}, ptr {base}, i64 {offset}")

    def _add_products(self, term: str, carried: list[str]) -> list[str]:
        """The products of the terms of a run."""
        fn = self.fn
        count = len(self.first_rows)
        pointers, right, sums = carried[:count], carried[count], carried[count + 1 :]
        for number in range(self.tile.run):
            places = [self._at(pointer, number) for pointer in pointers]
            sums = self._product_sums(places, right, sums)
            right = self._moved(right, "%next")
        if self.tile.left is Left.RUNS:
            self._fetch_ahead(term, pointers[0])
        following = self._at_term(fn.assign(f"add i64 {term}, {self.tile.run}"))
        return [*following, right, *sums]

    def _product_sums(self, pointers: list[str], right: str, sums: list[str]) -> list[str]:
        """Sums with the products of one term."""
        fn, tile, align = self.fn, self.tile, self.tile.dtype.itemsize
        row = [
            fn.assign(f"load {self.type}, ptr {self._at(right, v * tile.lanes)}, align {align}")
            for v in range(tile.vectors)
        ]
        results = []
        for r in range(tile.rows):
            for v, many in enumerate(self._left(self._row(pointers, r))):
                results.append(self._product_sum(many, row[v], sums[r * tile.vectors + v]))
        return results

    def _row(self, pointers: list[str], number: int) -> str:
        """Where a row's element is, at the term of the pointers."""
        if self.tile.left is Left.ROWS:
            return self._at(pointers[0], number)
        further = ("0", "%row", self.twice)[number % _APART]
        return self._moved(pointers[number // _APART], further)

    def _fetch_ahead(self, term: str, place: str) -> None:
        """Fetch the rows that begin %ahead bytes further, a line of each while a line is used up.

        `place` is the first row's element of a term.
        """
        fn = self.fn
        line = CACHE_LINE // self.tile.dtype.itemsize
        at_once = RUN * FETCHED_ROWS // line
        row = fn.assign(f"and i64 {term}, {line - RUN}")
        row = fn.assign(f"mul i64 {row}, {FETCHED_ROWS}")
        row = fn.assign(f"udiv i64 {row}, {line}")
        distance = fn.assign(f"add i64 {fn.assign(f'mul i64 {row}, %row')}, %ahead")
        for _ in range(at_once):
            prefetch(fn, self._moved(place, distance))
            place = self._moved(place, "%row")

    def _left(self, place: str) -> list[str]:
        """What each vector of a row is multiplied with."""
        fn, tile, align = self.fn, self.tile, self.tile.dtype.itemsize
        if tile.left is Left.WIDE:
            places = [self._at(place, v * tile.lanes) for v in range(tile.vectors)]
            return [fn.assign(f"load {self.type}, ptr {at}, align {align}") for at in places]
        x = fn.assign(f"load {self.element}, ptr {place}, align {align}")
        return [splat(fn, self.element, x, tile.lanes)] * tile.vectors

    def _product_sum(self, x: str, y: str, total: str) -> str:
        fn = self.fn
        if not self.tile.fused:
            product = fn.assign(f"fmul {self.type} {x}, {y}")
            return fn.assign(f"fadd {self.type} {total}, {product}")
        name = f"@llvm.fma.v{self.tile.lanes}f{self.tile.dtype.bits}"
        callee = fn.module.declare(name, self.type, [self.type] * 3)
        operands = ", ".join(f"{self.type} {operand}" for operand in (x, y, total))
        return fn.assign(f"call {self.type} {callee}({operands})")
