"""Convolutions, output by output: also their derivatives with respect to the input.

Layer: compiler/codegen/llvm. A function of the library does all convolutions of a dtype
(convolve_plan.py). For each strip of lines, and each block of channels and rows, a band is packed
(convolve_band.py); where windows are points that follow each other, tiles read the input itself.
The terms are multiplied some at a time: the filter's rows for these are packed,
as panels of columns, and each tile of outputs is multiplied with one panel after the other. Sums
are kept until the last terms; tiles that are full are then written where they belong, others from
scratch memory, where the epilogue works on them, too.

Strips, and groups of columns, are units that threads may share: the order of the terms of a sum
does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ir.types import DType
from .convolve_band import MOST_ROWS, OFFSET, BandWriter, Block
from .convolve_plan import STRIP_TILES, TERM_BYTES, WIDE_GROUP_BYTES
from .loops import counted_loop, either, when
from .memory import prefetch
from .parallel import BEGIN, END, PART
from .tiles import FETCHED_ROWS
from .writer import FunctionWriter, ModuleWriter

FETCHED_TERMS = 8  # how many rows ahead those of the filter are fetched that are packed


def outputs_part(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of the function, a part (parallel.py)."""
    name = f"@tw.lib.convolve.f{dtype.bits}.{lanes}"
    return module.shared(name, PART, lambda fn: OutputsWriter(fn, dtype, lanes).write())


class OutputsWriter(BandWriter):
    """Writes the function."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        super().__init__(fn, dtype, lanes)
        terms, columns = TERM_BYTES // dtype.itemsize, WIDE_GROUP_BYTES // dtype.itemsize
        self.offsets = fn.alloca(f"[{terms + 1} x {OFFSET}]", 64)
        self.right = self.room((terms + self.lanes) * columns)
        self.sums = self.room(STRIP_TILES * MOST_ROWS * columns)

    def write(self) -> None:
        """Do the units from BEGIN to END."""
        i, of = self.i, self.of

        def unit(index: str, _: list[str]) -> list[str]:
            rest, group = i.split(index, of["groups"])
            strip, column_group = i.split(rest, of["column_groups"])
            self.columns = self.columns_of(column_group)
            column = i.multiply(column_group, of["group_columns"])
            self.feature = i.add(i.multiply(group, of["features"]), column)
            self.x = self.x_of(group, column)
            self.w = self.at("%w", i.multiply(self.feature, of["w.feature"]))
            self._strip(strip)
            return []

        counted_loop(self.fn, BEGIN, END, 1, [], unit)
        self.fn.line("ret void")

    def _strip(self, strip: str) -> None:
        i, of = self.i, self.of
        self.first = i.multiply(strip, of["strip"])
        self.count = i.smaller(of["strip"], i.subtract(of["lines"], self.first))
        self.describe_lines(self.first, self.count)

        def block(of_block: Block, number: str) -> None:
            packs = self.fn.assign(f"icmp eq i64 {self.of['reads_x']}, 0")
            when(self.fn, packs, [], lambda: self._pack(of_block))
            runs = i.multiply(of_block.rows, of["inside"])
            parts = i.larger(i.ceiling(runs, of["runs"]), "1")

            def part(index: str) -> None:
                self._multiply_terms(of_block, number, index, parts)

            self.each(parts, part)

        self.each_block(block)

    def _pack(self, block: Block) -> list[str]:
        self.pack_band(block, self.first, self.count, self.x, self.columns)
        self._clear_lines(block)
        return []

    def _clear_lines(self, block: Block) -> None:
        """Clear the lines that a tile across lines reads, but that there are not."""
        i, of = self.i, self.of

        def clear() -> list[str]:
            line = i.multiply(of["block_rows"], of["pitch"])
            rest = i.subtract(of["strip"], self.count)
            place = self.at(self.band, i.multiply(self.count, line))
            self.copies.zeros(place, i.multiply(rest, line))
            return []

        when(self.fn, self.test("across"), [], clear)

    # -- terms ------------------------------------------------------------------------------------

    def _multiply_terms(self, block: Block, number: str, part: str, parts: str) -> None:
        """All tiles of the strip, for some terms of a block."""
        i, fn, of = self.i, self.fn, self.of
        first = i.multiply(part, of["runs"])
        runs = i.subtract(i.multiply(block.rows, of["inside"]), first)
        runs = i.larger(i.smaller(of["runs"], runs), "0")
        self._pack_terms(block, first, runs)
        self.part = (block, first, runs)
        begun = fn.assign(f"or i64 {number}, {part}")
        self.is_first = fn.assign(f"icmp eq i64 {begun}, 0")
        blocks = i.multiply(of["pieces"], of["blocks"])
        last_block = fn.assign(f"icmp eq i64 {i.add(number, '1')}, {blocks}")
        last_part = fn.assign(f"icmp eq i64 {i.add(part, '1')}, {parts}")
        self.is_last = fn.assign(f"and i1 {last_block}, {last_part}")
        self._tiles()

    def _pack_terms(self, block: Block, first: str, runs: str) -> None:
        """The offsets of terms in the band, and their rows of the filter, in panels."""
        i, of = self.i, self.of

        def run(number: str) -> None:
            row, column = i.split(i.add(first, number), of["inside"])
            offset = i.multiply(i.multiply(column, of["dilation.width"]), of["column"])
            offset = i.add(offset, i.multiply(row, of["pitch"]))
            term = i.multiply(number, block.channels)

            def channel(c: str) -> None:
                self.set_offset(self.offsets, i.add(term, c), i.add(offset, c))

            self.each(block.channels, channel)
            source = self._filter_place(block, row, column)
            turned = self.fn.assign(f"icmp ne i64 {of['w.feature']}, 1")

            def pack() -> list[str]:
                either(
                    self.fn,
                    turned,
                    [],
                    lambda: self._turn(block, source, term),
                    lambda: self._copy(block, source, term),
                )
                return []

            when(self.fn, self.test("is_packed"), [], pack)

        self.each(runs, run)
        row, column = i.split(first, of["inside"])
        self.in_place = self._filter_place(block, row, column)

    def _filter_place(self, block: Block, row: str, column: str) -> str:
        """Where the filter has a run's first channel."""
        i, of = self.i, self.of
        rest, apart = i.split(i.add(block.row, row), of["row_columns"])
        depth, height = i.split(rest, of["window.height"])
        place = i.multiply(block.channel, of["w.channel"])
        indices = {"depth": depth, "height": height, "width": i.add(apart, column)}
        for name, index in indices.items():
            place = i.add(place, i.multiply(index, of[f"w.{name}"]))
        return self.at(self.w, place)

    def _copy(self, block: Block, source: str, term: str) -> list[str]:
        """Rows one after the other: they may lie pages apart."""
        i, of = self.i, self.of

        ahead = i.multiply(of["w.channel"], str(FETCHED_TERMS))

        def channel(c: str) -> None:
            row = self.at(source, i.multiply(c, of["w.channel"]))
            first = i.multiply(i.add(term, c), of["columns"])

            def panel(number: str, column: str) -> None:
                begin, target = self.at(row, column), self.at(self._panel(number), first)

                def vector(at: str, mask: str) -> None:
                    place = self.at(begin, at)
                    self.copies.put(self.copies.get(place, mask), self.at(target, at))
                    prefetch(self.fn, self.at(place, ahead))

                self.each_vector(i.subtract(self.columns, column), vector)

            self._each_panel(panel)

        self.each(block.channels, channel)
        return []

    def _turn(self, block: Block, source: str, term: str) -> list[str]:
        """Rows of a filter that lies transposed."""
        i, of = self.i, self.of

        def panel(number: str, column: str) -> None:
            stride = of["w.feature"]
            start = self.at(source, i.multiply(column, stride))
            target = self.at(self._panel(number), i.multiply(term, of["columns"]))
            extent = (i.subtract(self.columns, column), block.channels)
            self.copies.turned(start, stride, target, of["columns"], extent)

        self._each_panel(panel)
        return []

    def _panel(self, number: str) -> str:
        terms = str(TERM_BYTES // self.dtype.itemsize)
        columns = self.i.multiply(number, self.of["columns"])
        return self.at(self.right, self.i.multiply(columns, terms))

    def _each_panel(self, body: Callable[[str, str], None]) -> None:
        def panel(number: str) -> None:
            body(number, self.i.multiply(number, self.of["columns"]))

        self.each(self.panels(self.columns), panel)

    # -- tiles ------------------------------------------------------------------------------------

    def _tiles(self) -> None:
        """All tiles: of each line, of all as one, or of each place in a line across the lines."""
        i, fn, of = self.i, self.fn, self.of
        across, together = self.test("across"), self.test("together")
        reads_x = self.test("reads_x")
        end = i.subtract(self.count, "1")
        all_outputs = i.add(self.line(end, "outputs"), self.line(end, "output"))
        all_outputs = i.subtract(all_outputs, self.line("0", "output"))
        groups = i.select(together, "1", self.count)
        groups = i.select(across, of["outputs.width"], groups)
        between = i.multiply(of["output_step"], of["column"])
        between = i.select(reads_x, i.multiply(of["step.width"], of["x.width"]), between)
        apart = i.select(across, i.multiply(of["block_rows"], of["pitch"]), between)
        self.row_bytes = self.bytes(apart)

        def group(number: str, carried: list[str]) -> list[str]:
            line = i.select(across, "0", number)
            place = i.select(across, number, "0")
            count = i.select(together, all_outputs, self.line(line, "outputs"))
            count = i.select(across, self.count, count)
            start = i.multiply(self.line(line, "row"), of["pitch"])
            band = self.at(self.band, i.add(start, i.multiply(place, between)))
            left = fn.assign(f"select i1 {reads_x}, ptr {self._row_of_x(line)}, ptr {band}")
            self.across, self.group_line, self.place, self.outputs = across, line, place, count
            self._choose_terms(line)

            def tile(index: str, carried: list[str]) -> list[str]:
                row = i.multiply(index, of["tile_rows"])
                self._tile(self.at(left, i.multiply(row, apart)), row, carried[0])
                return [i.add(carried[0], of["columns"])]

            tiles = i.ceiling(count, of["tile_rows"])
            return counted_loop(fn, "0", tiles, 1, [("i64", carried[0])], tile)

        counted_loop(fn, "0", groups, 1, [("i64", "0")], group)

    def _row_of_x(self, line: str) -> str:
        """Where the input has what the first window of a line sees, if windows are points."""
        i, of = self.i, self.of
        place = i.add(self.line(line, "x"), self.part[0].channel)
        for name in ("depth", "height", "width"):
            place = i.add(place, i.multiply(self.line(line, name), of[f"x.{name}"]))
        return self.at(self.x, place)

    def _choose_terms(self, line: str) -> None:
        """The terms that a line has of those at hand: not those of rows outside of the input."""
        i, of = self.i, self.of
        block, first, runs = self.part
        start, dilation = self.line(line, "height"), of["dilation.height"]

        def until(height: str) -> str:
            row = i.ceiling(i.larger(i.subtract(height, start), "0"), dilation)
            run = i.multiply(i.subtract(row, block.row), of["inside"])
            return i.clamp(i.subtract(run, first), runs)

        skips = self.test("skips")
        low = i.select(skips, until("0"), "0")
        high = i.select(skips, i.larger(until(of["size.height"]), low), runs)
        self.term = i.multiply(low, block.channels)
        self.terms = i.multiply(i.subtract(high, low), block.channels)

    def _tile(self, left: str, row: str, number: str) -> None:
        """A tile, whose first row is an output of the group, with all panels."""
        i, fn, of = self.i, self.fn, self.of
        count = i.smaller(of["tile_rows"], i.subtract(self.outputs, row))
        line = i.select(self.across, row, self.group_line)
        place = i.select(self.across, self.place, row)
        y = i.add(self.line(line, "y"), i.multiply(place, of["y.width"]))
        y = self.at("%y", i.add(y, self.feature))
        output = i.add(self.line(line, "output"), place)
        is_full = fn.assign(f"icmp eq i64 {count}, {of['tile_rows']}")
        writes = fn.assign("icmp ne ptr %y, null")
        alone = fn.assign("icmp eq ptr %epilogue, null")
        for condition in (writes, alone, self.test("is_regular"), self.is_last):
            is_full = fn.assign(f"and i1 {is_full}, {condition}")
        left, row_bytes = self._whole_tile(left, count)
        # sums of tiles lie panel by panel; a single block needs one tile alone
        kept = i.select(self.test("is_single"), "0", number)

        def panel(index: str, column: str) -> None:
            columns = i.subtract(self.columns, column)
            enough = fn.assign(f"icmp sge i64 {columns}, {of['columns']}")
            direct = fn.assign(f"and i1 {is_full}, {enough}")
            sums = self._sums(index, kept)
            before = fn.assign(f"select i1 {self.is_first}, ptr null, ptr {sums}")
            to = self.at(y, column)
            target = fn.assign(f"select i1 {direct}, ptr {to}, ptr {sums}")
            apart = self.bytes(i.select(direct, of["y.row"], of["columns"]))
            first_column = i.select(self.test("depthwise"), column, "0")
            panels = (
                (self.at(left, first_column), row_bytes, self._ahead(index, row_bytes)),
                (i.address(OFFSET, self.offsets, self.term), self.terms),
                self._right(index, column),
            )
            self.multiply(*panels, before, (target, apart))
            finish = fn.assign(f"xor i1 {direct}, {self.is_last}")

            def rest() -> list[str]:
                self._finish(sums, row, column, count, output)
                return []

            when(fn, finish, [], rest)

        self._each_panel(panel)

    def _whole_tile(self, left: str, count: str) -> tuple[str, str]:
        """The left panel of a tile, where all its rows can be read, and bytes from row to row.

        Behind the last rows of the input there may be nothing, so these are copied; all are where
        rows share places in the cache.
        """
        i, fn, of = self.i, self.fn, self.of
        few = fn.assign(f"icmp slt i64 {count}, {of['tile_rows']}")
        few = fn.assign(f"and i1 {few}, {self.test('reads_x')}")
        few = fn.assign(f"or i1 {few}, {self.test('copies_x')}")

        def copy() -> list[str]:
            channels = self.part[0].channels
            stride = i.multiply(of["step.width"], of["x.width"])
            self.copies.rows(left, stride, self.band, of["column"], (count, channels))
            return [self.band, self.bytes(of["column"])]

        panel, row_bytes = when(fn, few, [("ptr", left), ("i64", self.row_bytes)], copy)
        return panel, row_bytes

    def _ahead(self, panel: str, row_bytes: str) -> str:
        """How far ahead to fetch: a part of the next tile's rows with every second panel."""
        i = self.i
        odd = self.fn.assign(f"and i64 {panel}, 1")
        rows = i.add(self.of["tile_rows"], i.multiply(odd, str(FETCHED_ROWS)))
        return i.multiply(row_bytes, rows)

    def _right(self, panel: str, column: str) -> tuple[str, str]:
        """A panel of the filter, packed or where it lies, and from row to row."""
        is_packed = self.test("is_packed")
        lies = self.at(self.in_place, column)
        packed = self._panel(panel)
        place = self.fn.assign(f"select i1 {is_packed}, ptr {packed}, ptr {lies}")
        row = self.i.select(is_packed, self.of["columns"], self.of["w.channel"])
        return self.at(place, self.i.multiply(self.term, row)), self.bytes(row)

    def _sums(self, panel: str, number: str) -> str:
        """Where the sums of a tile are: `number` counts the columns of tiles before it."""
        i, of = self.i, self.of
        before = i.multiply(i.multiply(panel, of["columns"]), str(STRIP_TILES * MOST_ROWS))
        return self.at(self.sums, i.add(before, i.multiply(number, of["tile_rows"])))

    def _finish(self, sums: str, row: str, column: str, count: str, output: str) -> None:
        """What is done with complete sums that are in scratch memory."""
        i, fn, of = self.i, self.fn, self.of
        columns = i.subtract(self.columns, column)

        def write() -> list[str]:
            target = self.at("%y", i.add(self.feature, column))
            self._write(sums, row, target, (count, columns))
            return []

        when(fn, fn.assign("icmp ne ptr %y, null"), [], write)

        def work() -> list[str]:
            first = f"i64 {output}, i64 {of['output_row']}, i64 {i.add(self.feature, column)}"
            rest = f"i64 {count}, i64 {columns}"
            fn.line(f"call void %epilogue(ptr %context, ptr {sums}, {first}, {rest})")
            return []

        when(fn, fn.assign("icmp ne ptr %epilogue, null"), [], work)

    def _write(self, sums: str, row: str, target: str, extent: tuple[str, str]) -> None:
        i, of = self.i, self.of

        def vector(at: str, mask: str) -> None:
            source, to = self.at(sums, at), self.at(target, at)

            def one(r: str) -> None:
                number = i.add(row, r)
                line = i.select(self.across, number, self.group_line)
                place = i.select(self.across, self.place, number)
                y = i.add(self.line(line, "y"), i.multiply(place, of["y.width"]))
                raw = self.copies.get(self.at(source, i.multiply(r, of["columns"])))
                self.copies.put(raw, self.at(to, y), mask)

            self.each(extent[0], one)

        self.each_vector(extent[1], vector)
