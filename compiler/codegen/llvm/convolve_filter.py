"""Derivatives of convolutions with respect to the filter: sums over all positions.

Layer: compiler/codegen/llvm. A function of the library does all of a dtype (convolve_plan.py). The
rows of the products are terms of a window, row by row of the band (convolve_band.py); what is
summed over are outputs, strip by strip. The right panels are the cotangent's rows, where they lie
if they fit.

Blocks of terms and groups of columns are units that threads may share. Small filters have few of
them; then the strips are cut into a number of parts that follows from the filter's size alone. Each
part has sums of its own, and these are added in order.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ir.types import DType
from .convolve_band import MOST_ROWS, OFFSET, BandWriter, Block
from .convolve_plan import STRIP_BYTES, SUM_TERMS, WIDE_SUM_BYTES
from .loops import counted_loop, when
from .parallel import BEGIN, END, PART
from .writer import FunctionWriter, ModuleWriter


def filter_part(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of the function, a part (parallel.py)."""
    name = f"@tw.lib.convolve_filter.f{dtype.bits}.{lanes}"
    return module.shared(name, PART, lambda fn: FilterWriter(fn, dtype, lanes).write())


class FilterWriter(BandWriter):
    """Writes the function; with `sum_pieces` > 1, piece k goes to the k-th filter at %w."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        super().__init__(fn, dtype, lanes)
        positions = STRIP_BYTES // dtype.itemsize
        self.offsets = fn.alloca(f"[{positions + 1} x {OFFSET}]", 64)
        self.right = self.room(positions * 4 * self.lanes)
        self.sums = self.room((SUM_TERMS + MOST_ROWS) * WIDE_SUM_BYTES // dtype.itemsize)

    def write(self) -> None:
        """Do the units from BEGIN to END."""
        i, of = self.i, self.of

        def unit(index: str, _: list[str]) -> list[str]:
            rest, piece = i.split(index, of["sum_pieces"])
            rest, group = i.split(rest, of["groups"])
            number, column_group = i.split(rest, of["column_groups"])
            self.columns = self.columns_of(column_group)
            column = i.multiply(column_group, of["group_columns"])
            feature = i.add(i.multiply(group, of["features"]), column)
            self.x = self.x_of(group, column)
            self.y = self.at("%y", feature)
            block = self.block(number)
            self._sum(block, piece)
            target = i.add(i.multiply(piece, of["filter_size"]), feature)
            self._write(block, self.at("%w", target))
            return []

        counted_loop(self.fn, BEGIN, END, 1, [], unit)
        self.fn.line("ret void")

    # -- sums -------------------------------------------------------------------------------------

    def _sum(self, block: Block, piece: str) -> None:
        """The sums of one block of terms over the strips of a piece: of none, zeros."""
        i, fn, of = self.i, self.fn, self.of
        strips, pieces = of["strips"], of["sum_pieces"]
        first = i.divide(i.multiply(strips, piece), pieces)
        after = i.divide(i.multiply(strips, i.add(piece, "1")), pieces)

        def strip(number: str, _: list[str]) -> list[str]:
            line = i.multiply(number, of["strip"])
            count = i.smaller(of["strip"], i.subtract(of["lines"], line))
            some = fn.assign(f"icmp slt i64 {number}, {after}")
            count = i.larger(i.select(some, count, "0"), "0")
            self.is_first = fn.assign(f"icmp eq i64 {number}, {first}")
            self.describe_lines(line, count)
            self.pack_band(block, line, count, self.x, self.columns)
            self._set_offsets(count)
            self._panels(block, count)
            return []

        counted_loop(fn, first, i.larger(after, i.add(first, "1")), 1, [], strip)

    def _set_offsets(self, count: str) -> None:
        """Where the windows of positions begin in the band; their number is `self.positions`."""
        i, of = self.i, self.of
        apart = i.multiply(of["output_step"], of["column"])

        def line(number: str, carried: list[str]) -> list[str]:
            start = i.multiply(self.line(number, "row"), of["pitch"])
            outputs = self.line(number, "outputs")

            def output(o: str) -> None:
                offset = i.add(start, i.multiply(o, apart))
                self.set_offset(self.offsets, i.add(carried[0], o), offset)

            self.each(outputs, output)
            return [i.add(carried[0], outputs)]

        (self.positions,) = counted_loop(self.fn, "0", count, 1, [("i64", "0")], line)

    def _panels(self, block: Block, count: str) -> None:
        """All tiles of the block in one panel of columns after the other: for one strip."""
        i, fn, of = self.i, self.fn, self.of
        is_direct = self.test("is_direct")
        in_place = self.at(self.y, self.line("0", "y"))
        packed = i.select(is_direct, "0", count)

        def panel(number: str) -> None:
            column = i.multiply(number, of["columns"])
            self._pack_panel(packed, column)
            place = self.at(in_place, column)
            right = fn.assign(f"select i1 {is_direct}, ptr {place}, ptr {self.right}")

            def tile(index: str, left: str, row: str) -> None:
                sums = self._sums(number, index)
                before = fn.assign(f"select i1 {self.is_first}, ptr null, ptr {sums}")
                first, terms = self._positions_of(block, row, count)
                apart = self.bytes(of["columns"])
                offsets = i.address(OFFSET, self.offsets, first)
                step = self.bytes(of["term_row"])
                begin = self.at(right, i.multiply(first, of["right_row"]))
                ahead = i.select(self.test("depthwise"), column, "0")
                panels = (self.at(left, ahead), step, "0"), (offsets, terms)
                rows = (begin, self.bytes(of["right_row"]))
                self.multiply(*panels, rows, before, (sums, apart))

            self._each_tile(block, tile)

        self.each(self.panels(self.columns), panel)

    def _positions_of(self, block: Block, row: str, count: str) -> tuple[str, str]:
        """Where a row of windows lies in the input: the first position and their number."""
        i, of = self.i, self.of
        ahead = i.multiply(i.add(block.row, row), of["dilation.height"])
        start, step = i.add(self.line("0", "height"), ahead), of["step.height"]

        def until(height: str) -> str:
            line = i.ceiling(i.larger(i.subtract(height, start), "0"), step)
            return i.multiply(i.smaller(line, count), of["outputs.width"])

        skips, low, high = self.test("skips"), until("0"), until(of["size.height"])
        low = i.select(skips, low, "0")
        number = i.larger(i.subtract(high, low), "0")
        return low, i.select(skips, number, self.positions)

    def _pack_panel(self, count: str, column: str) -> None:
        """The cotangent's rows for a strip of so many lines."""
        i, of = self.i, self.of
        source = self.at(self.y, column)

        def vector(at: str, mask: str) -> None:
            start, target = self.at(source, at), self.at(self.right, at)

            def line(number: str, carried: list[str]) -> list[str]:
                outputs, begin = self.line(number, "outputs"), self.line(number, "y")

                def output(o: str) -> None:
                    place = i.add(begin, i.multiply(o, of["y.width"]))
                    row = i.multiply(i.add(carried[0], o), of["columns"])
                    self.copies.put(
                        self.copies.get(self.at(start, place), mask), self.at(target, row)
                    )

                self.each(outputs, output)
                return [i.add(carried[0], outputs)]

            counted_loop(self.fn, "0", count, 1, [("i64", "0")], line)

        self.each_vector(i.subtract(self.columns, column), vector)

    # -- tiles ------------------------------------------------------------------------------------

    def _each_tile(self, block: Block, body: Callable[[str, str, str], None]) -> None:
        """`body` for each tile of terms: its number, where it begins in the band, and its row."""
        i, of = self.i, self.of

        def run(number: str, start: str, row: str, _column: str) -> None:
            def tile(t: str) -> None:
                ahead = i.multiply(i.multiply(t, of["tile_rows"]), of["term_row"])
                body(i.add(i.multiply(number, of["run_tiles"]), t), self.at(start, ahead), row)

            self.each(of["run_tiles"], tile)

        self._each_run(block, run)

    def _each_run(self, block: Block, body: Callable[[str, str, str, str], None]) -> None:
        """`body` for each run of terms: number, place in the band, row and column in the window."""
        i, of = self.i, self.of

        def run(number: str) -> None:
            row, column = i.split(number, of["row_runs"])
            ahead = i.multiply(i.multiply(column, of["dilation.width"]), of["column"])
            start = i.add(i.multiply(row, of["pitch"]), ahead)
            body(number, self.at(self.band, start), row, column)

        self.each(i.multiply(block.rows, of["row_runs"]), run)

    def _sums(self, panel: str, tile: str) -> str:
        tiles = self.i.multiply(self.of["block_rows"], self.of["row_tiles"])
        number = self.i.add(self.i.multiply(panel, tiles), tile)
        return self.at(self.sums, self.i.multiply(number, self.of["tile_elements"]))

    # -- results ----------------------------------------------------------------------------------

    def _write(self, block: Block, target: str) -> None:
        """Write the sums of a block, row by row of the filter."""
        i, of = self.i, self.of

        def run(number: str, _start: str, row: str, column: str) -> None:
            rest, apart = i.split(i.add(block.row, row), of["row_columns"])
            depth, height = i.split(rest, of["window.height"])
            place = i.multiply(depth, of["w.depth"])
            place = i.add(place, i.multiply(height, of["w.height"]))
            place = i.add(place, i.multiply(i.add(apart, column), of["w.width"]))

            def term(t: str) -> None:
                ahead, channel = i.split(t, of["term_piece"])
                index = i.add(block.channel, channel)
                to = i.add(place, i.multiply(ahead, of["w.width"]))
                to = i.add(to, i.multiply(index, of["w.channel"]))
                some = self.fn.assign(f"icmp slt i64 {channel}, {block.channels}")
                tile, inside = i.split(t, of["tile_rows"])
                tile = i.add(i.multiply(number, of["run_tiles"]), tile)

                def write() -> list[str]:
                    self._write_row(tile, inside, self.at(target, to))
                    return []

                when(self.fn, some, [], write)

            self.each(of["run"], term)

        self._each_run(block, run)

    def _write_row(self, tile: str, row: str, target: str) -> None:
        i, of = self.i, self.of

        def panel(number: str) -> None:
            column = i.multiply(number, of["columns"])
            source = self.at(self._sums(number, tile), i.multiply(row, of["columns"]))
            to = self.at(target, column)

            def vector(at: str, mask: str) -> None:
                self.copies.put(self.copies.get(self.at(source, at)), self.at(to, at), mask)

            self.each_vector(i.subtract(self.columns, column), vector)

        self.each(self.panels(self.columns), panel)
