"""What the two kernels of convolutions have in common: lines, and the band that windows read.

Layer: compiler/codegen/llvm. Base of convolve_outputs.py and convolve_filter.py, whose functions
work for any convolution of a dtype: they read a table of numbers (convolve_plan.py). A *strip* is
some lines of outputs; a *block* some channels (a piece) and some rows of the windows on each line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...ir.types import DType
from .convolve_plan import BAND_BYTES, STRIP_TILES, TERM_BYTES, Fields
from .copies import Copies
from .integers import Integers
from .loops import counted_loop, either
from .parallel import load_context
from .writer import FunctionWriter, ModuleWriter

MOST_ROWS = 14  # of a tile
MOST_LINES = STRIP_TILES * MOST_ROWS
_SHORT = 4  # vectors of a row that is copied together with others
OFFSET = "i32"  # of a term, in bytes

# What is kept of each line of a strip: where its rows begin in the band; its first output in memory
# and in the order of all outputs; how many outputs it has; where its windows begin in the input.
_LINE = ("row", "y", "output", "outputs", "x", "depth", "height", "width")

# The context of a part begins with these.
HEAD = tuple(("ptr", name) for name in ("%x", "%w", "%y", "%table", "%kernel", "%epilogue"))


@dataclass(frozen=True, slots=True)
class Block:
    """Some channels, and some rows of the windows on a line."""

    channel: str
    channels: str
    row: str
    rows: str


class TableWriter:
    """Code that reads the table of a part, and the lines of a strip."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        fn.plain_counters = True
        self.fn, self.dtype, self.lanes = fn, dtype, lanes
        self.i = i = Integers(fn, {})
        self.copies = Copies(i, dtype, lanes)
        self.of = Fields(i, "%table")
        self.strip = "%lines"

    def each(self, count: str, body: Callable[[str], None], step: int = 1) -> None:
        """`body` for 0, 1, ... below `count`."""

        def one(index: str, _: list[str]) -> list[str]:
            body(index)
            return []

        counted_loop(self.fn, "0", count, step, [], one)

    def at(self, base: str, index: str) -> str:
        """The place of an element."""
        return self.copies.at(base, index)

    def test(self, name: str) -> str:
        """Whether a number of the table is not 0."""
        return self.fn.assign(f"icmp ne i64 {self.of[name]}, 0")

    def line(self, number: str, name: str) -> str:
        """A number of a line of the strip."""
        return self.fn.assign(f"load i64, ptr {self._line(number, name)}, align 8")

    def set_line(self, number: str, name: str, value: str) -> None:
        """Set a number of a line."""
        self.fn.line(f"store i64 {value}, ptr {self._line(number, name)}, align 8")

    def _line(self, number: str, name: str) -> str:
        index = self.i.multiply(number, str(len(_LINE)))
        return self.i.address("i64", self.strip, self.i.add(index, str(_LINE.index(name))))


class BandWriter(TableWriter):
    """Code for strips and blocks, in a function that has the operands of HEAD."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        load_context(fn, HEAD)
        super().__init__(fn, dtype, lanes)
        slack = MOST_ROWS * TERM_BYTES + 2 * lanes * dtype.itemsize
        self.band = fn.alloca(f"[{BAND_BYTES + slack} x i8]", 64)
        self.strip = fn.alloca(f"[{MOST_LINES * len(_LINE)} x i64]", 64)

    # -- helpers ----------------------------------------------------------------------------------

    def bytes(self, count: str) -> str:
        """Of so many elements."""
        return self.i.multiply(count, str(self.dtype.itemsize))

    def room(self, elements: int) -> str:
        """Scratch memory, on the stack: threads have their own."""
        return self.fn.alloca(f"[{elements * self.dtype.itemsize} x i8]", 64)

    def columns_of(self, group: str) -> str:
        """How many columns a group of them has."""
        i, of = self.i, self.of
        rest = i.subtract(of["features"], i.multiply(group, of["group_columns"]))
        return i.smaller(rest, of["group_columns"])

    def x_of(self, group: str, column: str) -> str:
        """Where the input has the first channel of a group, or of a column if it is depthwise."""
        i = self.i
        ahead = i.select(self.test("depthwise"), column, "0")
        return self.at("%x", i.add(i.multiply(group, self.of["channels"]), ahead))

    # -- strips and blocks ------------------------------------------------------------------------

    def describe_lines(self, first: str, count: str) -> None:
        """Fill in the lines of a strip that begins with the line `first`, but for their rows."""
        name = lines_function(self.fn.module, self.dtype, self.lanes)
        operands = f"ptr %table, ptr {self.strip}, i64 {first}, i64 {count}"
        self.fn.line(f"call void {name}({operands})")

    def pack_band(self, block: Block, first: str, count: str, x: str, columns: str) -> None:
        """The rows of all lines of a strip that begins with the line `first`."""
        channels = self.i.select(self.test("depthwise"), columns, block.channels)
        name = band_function(self.fn.module, self.dtype, self.lanes)
        source = self.at(x, block.channel)
        operands = f"ptr %table, ptr {self.strip}, i64 {first}, i64 {count}, ptr {self.band}"
        rest = f"ptr {source}, i64 {channels}, i64 {block.row}, i64 {block.rows}"
        self.fn.line(f"call void {name}({operands}, {rest})")

    def each_block(self, body: Callable[[Block, str], None]) -> None:
        """`body` for each block, and its number."""
        i, of = self.i, self.of

        def one(number: str) -> None:
            body(self.block(number), number)

        self.each(i.multiply(of["pieces"], of["blocks"]), one)

    def block(self, number: str) -> Block:
        """The block of a number."""
        i, of = self.i, self.of
        piece, part = i.split(number, of["blocks"])
        channel, row = i.multiply(piece, of["piece"]), i.multiply(part, of["block_rows"])
        channels = i.larger(i.smaller(of["piece"], i.subtract(of["channels"], channel)), "0")
        rows = i.larger(i.smaller(of["block_rows"], i.subtract(of["rows"], row)), "0")
        return Block(channel, channels, row, rows)

    # -- what is multiplied -----------------------------------------------------------------------

    def multiply(
        self,
        left: tuple[str, str, str],
        terms: tuple[str, str],
        right: tuple[str, str],
        before: str,
        sums: tuple[str, str],
    ) -> None:
        """Call the micro-kernel: panels with distances in bytes, offsets and count of terms.

        The left panel has two distances: from row to row, and to what is fetched ahead.
        """
        panels = f"ptr {left[0]}, i64 {left[1]}, i64 {left[2]}, ptr {terms[0]}"
        more = f"ptr {right[0]}, i64 {right[1]}, i64 {terms[1]}"
        rest = f"ptr {before}, ptr {sums[0]}, i64 {sums[1]}"
        self.fn.line(f"call void %kernel({panels}, {more}, {rest})")

    def set_offset(self, table: str, index: str, elements: str) -> None:
        """How far a term is from the first one."""
        short = self.fn.assign(f"trunc i64 {self.bytes(elements)} to {OFFSET}")
        place = self.i.address(OFFSET, table, index)
        self.fn.line(f"store {OFFSET} {short}, ptr {place}, align 4")

    def panels(self, columns: str) -> str:
        """How many panels some columns have."""
        return self.i.ceiling(columns, self.of["columns"])

    def each_vector(self, columns: str, body: Callable[[str, str], None]) -> None:
        """`body` for each vector of a row of a panel, with `columns` columns: start and mask."""

        def vector(at: str) -> None:
            body(at, self.copies.below(self.i.subtract(columns, at)))

        self.each(self.of["columns"], vector, self.lanes)


# -- functions that both kernels call -------------------------------------------------------------

_STRIP = [("ptr", "%table"), ("ptr", "%lines"), ("i64", "%first"), ("i64", "%count")]
_BAND = [("ptr", "%band"), ("ptr", "%x"), ("i64", "%channels"), ("i64", "%row"), ("i64", "%rows")]


def lines_function(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of the function that fills in the lines of a strip."""
    name = f"@tw.lib.lines.f{dtype.bits}.{lanes}"
    return module.shared(name, _STRIP, lambda fn: _LinesFunction(fn, dtype, lanes).write())


def band_function(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of the function that packs a band."""
    name, params = f"@tw.lib.band.f{dtype.bits}.{lanes}", [*_STRIP, *_BAND]
    return module.shared(name, params, lambda fn: _BandFunction(fn, dtype, lanes).write())


class _LinesFunction(TableWriter):
    """Fills in %count lines of a strip from the line %first on, but for their rows."""

    def write(self) -> None:
        i, of = self.i, self.of

        def describe(number: str) -> None:
            rest, height = i.split(i.add("%first", number), of["outputs.height"])
            rest, segment = i.split(rest, of["segments"])
            batch, depth = i.split(rest, of["outputs.depth"])
            column = i.multiply(segment, of["segment"])
            output = i.add(i.multiply(batch, of["outputs.depth"]), depth)
            output = i.add(i.multiply(output, of["outputs.height"]), height)
            output = i.add(i.multiply(output, of["outputs.width"]), column)
            y = i.multiply(batch, of["y.batch"])
            places = {"depth": depth, "height": height, "width": column}
            for name, place in places.items():
                y = i.add(y, i.multiply(place, of[f"y.{name}"]))
                start = i.add(i.multiply(place, of[f"step.{name}"]), of[f"start.{name}"])
                self.set_line(number, name, start)
            rest = i.subtract(of["outputs.width"], column)
            self.set_line(number, "outputs", i.smaller(rest, of["segment"]))
            self.set_line(number, "output", output)
            self.set_line(number, "y", y)
            self.set_line(number, "x", i.multiply(batch, of["x.batch"]))

        self.each("%count", describe)
        self.fn.line("ret void")


class _BandFunction(TableWriter):
    """Packs the rows %row and following of windows on all lines, with %channels from %x on."""

    def write(self) -> None:
        i, fn, of = self.i, self.fn, self.of

        def line(number: str, carried: list[str]) -> list[str]:
            _, height = i.split(i.add("%first", number), of["outputs.height"])
            begins = fn.assign(f"icmp eq i64 {height}, 0")
            starts = fn.assign(f"icmp eq i64 {number}, 0")
            anew = fn.assign(f"or i1 {begins}, {starts}")
            further = i.select(begins, of["block_rows"], of["shift"])
            row = i.select(starts, "0", i.add(carried[0], further))
            self.set_line(number, "row", row)
            shared = i.larger(i.subtract("%rows", of["shift"]), "0")
            self._pack_rows(number, row, i.select(anew, "0", shared))
            return [row]

        (last,) = counted_loop(fn, "0", "%count", 1, [("i64", "0")], line)
        end = i.multiply(i.add(last, "%rows"), of["pitch"])
        self.copies.zeros(self.at("%band", end), of["slack"])
        fn.line("ret void")

    def _pack_rows(self, line: str, row: str, done: str) -> None:
        """The rows of a line that it does not share with the one before."""
        i, fn, of = self.i, self.fn, self.of
        x = i.add(i.multiply(self.line(line, "width"), of["x.width"]), self.line(line, "x"))

        def pack(number: str, _: list[str]) -> list[str]:
            rest, column = i.split(i.add("%row", number), of["row_columns"])
            depth, height = i.split(rest, of["window.height"])
            place, inside = x, ""
            for name, index in (("depth", depth), ("height", height)):
                index = i.add(self.line(line, name), i.multiply(index, of[f"dilation.{name}"]))
                known = fn.assign(f"icmp ult i64 {index}, {of[f'size.{name}']}")
                inside = fn.assign(f"and i1 {inside}, {known}") if inside else known
                place = i.add(place, i.multiply(index, of[f"x.{name}"]))
            ahead = i.multiply(column, of["dilation.width"])
            place = i.add(place, i.multiply(ahead, of["x.width"]))
            target = self.at("%band", i.multiply(i.add(row, number), of["pitch"]))
            start = i.add(self.line(line, "width"), ahead)
            self._pack_row(line, self.at("%x", place), target, (start, inside))
            return []

        counted_loop(fn, done, "%rows", 1, [], pack)

    def _pack_row(self, line: str, source: str, target: str, place: tuple[str, str]) -> None:
        """A row of the band; `place` is its first column in the input, and whether it has any."""
        i, of = self.i, self.of
        low, high = self._limits(line, place)
        stride = i.multiply(of["column_step"], of["x.width"])
        before = i.multiply(low, of["column"])
        self.copies.zeros(target, before)
        begin = self.at(source, i.multiply(low, stride))
        inner, count = self.at(target, before), i.larger(i.subtract(high, low), "0")

        def one_by_one() -> list[str]:
            short = self.fn.assign(f"icmp ule i64 %channels, {_SHORT * self.lanes}")
            rows = (begin, stride, inner, count)
            either(
                self.fn,
                short,
                [],
                lambda: self._short_rows(*rows),
                lambda: self._long_rows(*rows),
            )
            return []

        def whole() -> list[str]:
            self.copies.row(begin, inner, i.multiply(count, of["column"]))
            return []

        either(self.fn, self.test("is_dense"), [], whole, one_by_one)
        after = i.multiply(high, of["column"])
        self.copies.zeros(self.at(target, after), i.subtract(of["pitch"], after))

    def _short_rows(self, begin: str, stride: str, target: str, count: str) -> list[str]:
        self.copies.rows(begin, stride, target, self.of["column"], (count, "%channels"))
        return []

    def _long_rows(self, begin: str, stride: str, target: str, count: str) -> list[str]:
        def row(number: str) -> None:
            place = self.at(target, self.i.multiply(number, self.of["column"]))
            source = self.at(begin, self.i.multiply(number, stride))
            self.copies.row(source, place, "%channels")

        self.each(count, row)
        return []

    def _limits(self, line: str, place: tuple[str, str]) -> tuple[str, str]:
        """The columns of a row of the band that lie in the input."""
        i, of, (start, inside) = self.i, self.of, place
        outputs = i.subtract(self.line(line, "outputs"), "1")
        columns = i.add(i.multiply(outputs, of["output_step"]), "1")
        reach = i.multiply(i.subtract(of["inside"], "1"), of["dilation.width"])
        columns = i.add(columns, reach)

        def until(index: str) -> str:
            number = i.ceiling(i.larger(i.subtract(index, start), "0"), of["column_step"])
            return i.smaller(number, columns)

        high = i.select(inside, until(of["size.width"]), "0")
        return i.smaller(until("0"), high), high
