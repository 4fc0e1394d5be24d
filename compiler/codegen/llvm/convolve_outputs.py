"""Convolutions, output by output: also their derivatives with respect to the input.

Layer: compiler/codegen/llvm. The outputs of a part, all positions of all examples, are one
sequence, cut into strips. For each strip, and each block of terms, the filter's rows are packed,
and then, tile by tile, the windows, which stay in the first level of caches while micro-kernels
multiply them with one panel of the filter after the other. The sums of a strip are kept until the
last block, and are written once.

Where tiles are neighbours in one row of the output, and windows overlap, what they see together is
packed once: the rows of the left panel then overlap, too.

Strips, and groups of columns, are units that threads may share: the order of the terms of a sum
does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ...kernel.form import Convolution, WindowPart
from ...target import Target
from .convolve_epilogue import Epilogue
from .convolve_parts import PartWriter
from .loops import counted_loop, when
from .parallel import BEGIN, END
from .window_pack import WindowPacker
from .window_runs import ROW_BYTES, Block
from .writer import FunctionWriter

STRIP_TILES = 24  # at most: how often a packed panel of the filter is used
LEAST_UNITS = 4
LEAST_OVERLAP = 96  # terms of a run: rows that overlap need a call of the micro-kernel for each


class OutputsWriter(PartWriter):
    """Computes the outputs of a part."""

    def __init__(
        self,
        fn: FunctionWriter,
        step: Convolution,
        part: WindowPart,
        target: Target,
        names: Mapping[str, str],
    ) -> None:
        super().__init__(fn, step, part, target, names)
        self.overlap = self._overlap()
        if self.overlap is not None:
            self.strides = part.axes[-1].step * int(self.channels), 1

    def _overlap(self) -> WindowPart | None:
        """The part with one window for all positions of a tile, if they are packed together."""
        last, rows = self.part.axes[-1], self.tile.rows
        if not self.runs.merged or not isinstance(last.outputs, int) or last.outputs % rows:
            return None
        terms = int(self.runs.inside) * int(self.channels)
        empty = last.outputs == 0 or any(axis.window == 0 for axis in self.part.axes)
        if empty or last.window <= last.step or terms < LEAST_OVERLAP:
            return None
        window = (rows - 1) * last.step + last.window
        wide = replace(last, window=window, outputs=last.outputs - rows + 1)
        return replace(self.part, axes=(*self.part.axes[:-1], wide))

    def units(self) -> str:
        """How many units there are."""
        i = self.i
        self._cut_strips()
        return i.multiply(i.multiply(self.strips, self.column_groups), self.groups)

    def write(self) -> None:
        """Do the units from BEGIN to END."""
        i, rows = self.i, self.tile.rows
        self._cut_strips()
        self.epilogue = self._epilogue()
        slack = 0 if self.overlap is None else 1  # runs together may end behind the last row
        tiles = 1 if self.runs.single else STRIP_TILES * self.panels
        self._open(rows + slack, self.panels, tiles, rows)
        if self.overlap is not None:
            self.packer = WindowPacker(i, self.copies, self.step, self.overlap, self.runs)
        # micro-kernels also compute rows that there are not
        clear = self.fn.module.declare("@llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1"])
        self.fn.line(f"call void {clear}(ptr {self.left}, i8 0, i64 {rows * ROW_BYTES}, i1 false)")

        def unit(index: str, _: list[str]) -> list[str]:
            rest, group = i.split(index, self.groups)
            strip, columns = i.split(rest, self.column_groups)
            self._choose_columns(columns, group)
            self._strip(strip)
            return []

        counted_loop(self.fn, BEGIN, END, 1, [], unit)
        self.fn.line("ret void")

    def _epilogue(self) -> Epilogue | None:
        if self.step.epilogue is None:
            return None
        return Epilogue(self.i, self.copies, self.step, self.tile.fused)

    def _cut_strips(self) -> None:
        """Strips of equal length, of whole tiles; enough of them that there are some units."""
        i, rows = self.i, str(self.tile.rows)
        tiles = i.ceiling(i.larger(self.positions.count, "1"), rows)
        beside = i.larger(i.multiply(self.column_groups, self.groups), "1")
        wanted = i.ceiling(str(LEAST_UNITS), beside)
        strips = i.larger(i.ceiling(tiles, str(STRIP_TILES)), i.smaller(wanted, tiles))
        self.strip = i.multiply(i.ceiling(tiles, strips), rows)
        self.strips = i.ceiling(self.positions.count, self.strip)

    def _strip(self, strip: str) -> None:
        """All blocks of terms for one strip."""
        i = self.i
        self.first = i.multiply(strip, self.strip)
        self.rows = i.smaller(self.strip, i.subtract(self.positions.count, self.first))
        self.tiles = i.ceiling(self.rows, str(self.tile.rows))

        def one(index: str, _: list[str]) -> list[str]:
            of = self._block(index)
            self._pack_filter(of)
            self._tiles(of, index)
            return []

        counted_loop(self.fn, "0", self.runs.blocks, 1, [], one)

    def _pack_filter(self, of: Block) -> None:
        """The filter's rows for a block of terms, into all panels of columns."""
        fn, i, (window_stride, channel_stride, stride) = self.fn, self.i, self._filter_strides()

        def run(k: str, _: list[str]) -> list[str]:
            start = self._element(self.w, self.table.filter_offset(k))
            first = i.multiply(k, of.length)

            def inside(p: str, _: list[str]) -> list[str]:
                source = self._element(start, i.multiply(p, window_stride))
                begin = i.add(first, i.multiply(p, of.channels))
                if stride != "1":
                    self._turn_channels(of, source, begin, stride)
                    return []

                def channel(c: str, _: list[str]) -> list[str]:
                    row = self._element(source, i.multiply(c, channel_stride))
                    self._pack_row(row, i.add(begin, c))
                    return []

                counted_loop(fn, "0", of.channels, 1, [], channel)
                return []

            counted_loop(fn, "0", self.runs.inside, 1, [], inside)
            return []

        counted_loop(fn, "0", of.count, 1, [], run)

    def _filter_strides(self) -> list[str]:
        """Along the last axis of the window, channels and features."""
        return [self.i.size(stride) for stride in self.part.w.strides[-3:]]

    def _pack_row(self, source: str, term: str) -> None:
        """A row of the filter, panel by panel: it is read in one piece."""

        def panel(number: str, column: str, masks: list[str | None]) -> None:
            target = self._panel_row(number, term)
            self.copies.padded_row(self._element(source, column), target, masks)

        self._for_panels(panel)

    def _turn_channels(self, of: Block, source: str, first: str, stride: str) -> None:
        """Rows of a filter that lies transposed, from term `first` on."""
        i = self.i

        def panel(number: str, column: str, masks: list[str | None]) -> None:
            start = self._element(source, i.multiply(column, stride))
            extent = (i.subtract(self.columns, column), of.channels)
            self.copies.turned(start, stride, self._panel_row(number, first), extent, len(masks))

        self._for_panels(panel)

    def _panel_row(self, number: str, term: str) -> str:
        row = self.i.multiply(term, str(self.tile.columns))
        return self._element(self._right_panel(number), row)

    def _right_panel(self, number: str) -> str:
        size = self.most_terms * self.tile.columns
        return self._element(self.right, self.i.multiply(number, str(size)))

    def _tiles(self, of: Block, index: str) -> None:
        """All tiles of a strip, for one block of terms."""
        fn, i, single = self.fn, self.i, self.runs.single
        more = "false" if single else fn.assign(f"icmp ne i64 {index}, 0")

        def tile(t: str, _: list[str]) -> list[str]:
            first = i.multiply(t, str(self.tile.rows))
            if self.overlap is None:
                self._pack_windows(of, first)
            else:
                self._pack_together(of, first)

            def panel(number: str, column: str, masks: list[str | None]) -> None:
                kept = "0" if single else i.add(i.multiply(number, str(STRIP_TILES)), t)
                sums = self._tile_at(kept)
                if self.overlap is None:
                    panels = (self.left, self._right_panel(number))
                    self._multiply(panels, sums, of.terms(i), more)
                else:
                    self._multiply_runs(of, number, sums, more)
                self._when_last(index, lambda: self._finish_tile(sums, first, column, masks))

            self._for_panels(panel)
            return []

        counted_loop(fn, "0", self.tiles, 1, [], tile)

    def _pack_windows(self, of: Block, first: str) -> None:
        """The windows of a tile's positions; rows that there are not stay what they are."""
        i = self.i
        start = i.add(self.first, first)

        def pack(r: str, _: list[str]) -> list[str]:
            position = self.positions.at(i.add(start, r))
            self._set_place(r, position.y)
            self.packer.row(self.table, of, self.x, position, self._row(r))
            return []

        count = i.smaller(str(self.tile.rows), i.subtract(self.rows, first))
        counted_loop(self.fn, "0", count, 1, [], pack)

    def _pack_together(self, of: Block, first: str) -> None:
        """What the windows of a tile's positions see, run by run."""
        i, last = self.i, len(self.part.axes) - 1
        position = self.positions.at(i.add(self.first, first))
        apart = i.size(self.part.y.strides[1 + last])
        for r in range(self.tile.rows):
            self._set_place(str(r), i.add(position.y, i.multiply(str(r), apart)))
        wide = replace(of, length=self._length_together())
        self.packer.row(self.table, wide, self.x, position, self.left)

    def _length_together(self) -> str:
        assert self.overlap is not None
        return self.i.multiply(str(self.overlap.axes[-1].window), self.channels)

    def _multiply_runs(self, of: Block, number: str, sums: str, more: str) -> None:
        """The products of a tile, whose rows overlap within each run."""
        i, fn = self.i, self.fn

        def run(k: str, _: list[str]) -> list[str]:
            left = self._element(self.left, i.multiply(k, self._length_together()))
            right = self._panel_row(number, i.multiply(k, of.length))
            later = "false" if k == "0" else fn.assign(f"icmp ne i64 {k}, 0")
            some = later if more == "false" else fn.assign(f"or i1 {more}, {later}")
            self._multiply((left, right), sums, of.length, some)
            return []

        counted_loop(fn, "0", of.count, 1, [], run)

    def _when_last(self, index: str, body: Callable[[], None]) -> None:
        """`body`, in the last block of terms."""
        if self.runs.single:
            body()
            return

        def run() -> list[str]:
            body()
            return []

        last = self.i.subtract(self.runs.blocks, "1")
        when(self.fn, self.fn.assign(f"icmp eq i64 {index}, {last}"), [], run)

    def _finish_tile(self, sums: str, first: str, column: str, masks: Sequence[str | None]) -> None:
        """What is done with complete sums."""
        i, count = self.i, self.i.subtract(self.rows, first)
        if self.step.keeps:
            self._write_tile(sums, self._element(self.y, column), "0", count, masks)
        if self.epilogue is None:
            return
        epilogue = self.epilogue
        start, feature = i.add(self.first, first), i.add(self.of_group, column)

        def row(r: str, _: list[str]) -> list[str]:
            source = self._element(sums, i.multiply(r, str(self.tile.columns)))
            epilogue.row(i.add(start, r), feature, source, masks)
            return []

        counted_loop(self.fn, "0", i.smaller(str(self.tile.rows), count), 1, [], row)
