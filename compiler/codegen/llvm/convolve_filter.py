"""Derivatives of convolutions with respect to the filter: sums over all positions.

Layer: compiler/codegen/llvm. The rows of the products are the terms of a window, block by block
(window_runs.py); what is summed over are positions, strip by strip: their windows are packed as for
outputs, and read the other way round. The sums of a block stay in the cache until the last strip.

Blocks of terms and groups of columns are units that threads may share. Small filters have few of
them; then the strips are cut into a number of parts that follows from the filter's size alone. Each
part has sums of its own, and these are added in order.
"""

from __future__ import annotations

from .convolve_parts import PartWriter
from .loops import counted_loop
from .parallel import BEGIN, END
from .window_runs import Block

STRIP_BYTES = 768  # positions of a strip, times the bytes of an element


class FilterWriter(PartWriter):
    """Computes the part of the filter whose positions in the window belong to a part.

    With `step.pieces` > 1 it writes the sums of piece k to the k-th filter of %sums.
    """

    def units(self) -> str:
        """How many units there are."""
        i = self.i
        blocks = i.multiply(i.multiply(self.runs.blocks, self.column_groups), self.groups)
        return i.multiply(blocks, str(self.step.pieces))

    def write(self) -> None:
        """Do the units from BEGIN to END."""
        i, step = self.i, self.step
        terms = self.most_terms
        self.strip = STRIP_BYTES // step.dtype.itemsize
        self.most_tiles = -(-terms // self.tile.rows)
        self._open(self.strip, 1, self.most_tiles * self.panels, max(self.strip, terms))
        self.strips = i.ceiling(self.positions.count, str(self.strip))

        def unit(index: str, _: list[str]) -> list[str]:
            rest, piece = i.split(index, str(step.pieces))
            rest, group = i.split(rest, self.groups)
            number, columns = i.split(rest, self.column_groups)
            self._choose_columns(columns, group)
            of = self._block(number)
            self._sum_piece(of, piece)
            self._write_block(of, piece)
            return []

        counted_loop(self.fn, BEGIN, END, 1, [], unit)
        self.fn.line("ret void")

    def _sum_piece(self, of: Block, piece: str) -> None:
        """The sums of one block of terms over the strips of a piece: of none, zeros."""
        i, pieces = self.i, str(self.step.pieces)
        self.tiles = i.ceiling(of.terms(i), str(self.tile.rows))
        first = i.divide(i.multiply(self.strips, piece), pieces)
        after = i.divide(i.multiply(self.strips, i.add(piece, "1")), pieces)

        def strip(number: str, _: list[str]) -> list[str]:
            start = i.multiply(number, str(self.strip))
            rest = i.subtract(self.positions.count, start)
            self.rows = i.larger(i.smaller(str(self.strip), rest), "0")
            if self.step.pieces > 1:  # a piece may be empty
                some = self.fn.assign(f"icmp slt i64 {number}, {after}")
                self.rows = i.select(some, self.rows, "0")
            self._pack_windows(of, start)
            more = self.fn.assign(f"icmp ne i64 {number}, {first}")
            self._for_panels(lambda *panel: self._panel(more, *panel))
            return []

        counted_loop(self.fn, first, i.larger(after, i.add(first, "1")), 1, [], strip)

    def _pack_windows(self, of: Block, start: str) -> None:
        def pack(r: str, _: list[str]) -> list[str]:
            position = self.positions.at(self.i.add(start, r))
            self._set_place(r, position.y)
            self.packer.row(self.table, of, self.x, position, self._row(r))
            return []

        counted_loop(self.fn, "0", self.rows, 1, [], pack)

    def _panel(self, more: str, number: str, column: str, masks: list[str | None]) -> None:
        """All tiles of the block in one panel of columns: for one strip of positions."""
        i, base = self.i, self._element(self.y, column)

        def pack(r: str, _: list[str]) -> list[str]:
            target = self._element(self.right, i.multiply(r, str(self.tile.columns)))
            self.copies.padded_row(self._place(base, r), target, masks)
            return []

        counted_loop(self.fn, "0", self.rows, 1, [], pack)

        def one(t: str, _: list[str]) -> list[str]:
            left = self._element(self.left, i.multiply(t, str(self.tile.rows)))
            kept = i.add(i.multiply(number, str(self.most_tiles)), t)
            self._multiply((left, self.right), self._tile_at(kept), self.rows, more)
            return []

        counted_loop(self.fn, "0", self.tiles, 1, [], one)

    def _write_block(self, of: Block, piece: str) -> None:
        """Write the sums of a block, row by row of the filter."""
        i = self.i
        self._set_filter_places(of)
        base = self.w
        if self.step.pieces > 1:
            size = i.size(self.step.filter_size)
            base = self._element("%sums", i.multiply(piece, size))
            base = self._element(base, self.of_group)

        def panel(number: str, column: str, masks: list[str | None]) -> None:
            target = self._element(base, column)

            def one(t: str, _: list[str]) -> list[str]:
                first = i.multiply(t, str(self.tile.rows))
                sums = self._tile_at(i.add(i.multiply(number, str(self.most_tiles)), t))
                self._write_tile(sums, target, first, i.subtract(of.terms(i), first), masks)
                return []

            counted_loop(self.fn, "0", self.tiles, 1, [], one)

        self._for_panels(panel)

    def _set_filter_places(self, of: Block) -> None:
        """The place in the filter of each term of a block."""
        i, strides = self.i, [self.i.size(s) for s in self.part.w.strides[-3:-1]]

        def run(k: str, _: list[str]) -> list[str]:
            start, row = self.table.filter_offset(k), i.multiply(k, of.length)

            def inside(p: str, _: list[str]) -> list[str]:
                window = i.add(start, i.multiply(p, strides[0]))
                first = i.add(row, i.multiply(p, of.channels))

                def channel(c: str, _: list[str]) -> list[str]:
                    self._set_place(i.add(first, c), i.add(window, i.multiply(c, strides[1])))
                    return []

                counted_loop(self.fn, "0", of.channels, 1, [], channel)
                return []

            counted_loop(self.fn, "0", self.runs.inside, 1, [], inside)
            return []

        counted_loop(self.fn, "0", of.count, 1, [], run)
