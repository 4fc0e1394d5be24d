"""Convolutions, output by output: also their derivatives with respect to the input.

Layer: compiler/codegen/llvm. The outputs of a part, all positions of all examples, are one
sequence, cut into strips. For each strip, and each block of terms, the windows are packed; then,
for each panel of columns, the filter's rows; then micro-kernels add the products tile by tile. The
sums of a strip stay in the cache until the last block, and are written once.

Strips, and groups of columns, are units that threads may share: the order of the terms of a sum
does not depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .convolve_epilogue import Epilogue
from .convolve_parts import PartWriter
from .loops import counted_loop, when
from .parallel import BEGIN, END
from .window_pack import pack_filter
from .window_runs import Block

STRIP_TILES = 12  # at most: how often a packed panel of the filter is used
LEAST_UNITS = 4


class OutputsWriter(PartWriter):
    """Computes the outputs of a part."""

    def units(self) -> str:
        """How many units there are."""
        i = self.i
        self._cut_strips()
        return i.multiply(i.multiply(self.strips, self.column_groups), self.groups)

    def write(self) -> None:
        """Do the units from BEGIN to END."""
        i, rows = self.i, STRIP_TILES * self.tile.rows
        self._cut_strips()
        self.epilogue = self._epilogue()
        self._open(rows, 1 if self.runs.single else STRIP_TILES * self.panels, rows)

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
        result, has_fma = self.part.y.buffer, self.tile.fused
        return Epilogue(self.i, self.copies, self.step.epilogue, result, has_fma)

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
            self._pack_windows(of)
            self._for_panels(lambda *panel: self._panel(of, index, *panel))
            return []

        counted_loop(self.fn, "0", self.runs.blocks, 1, [], one)

    def _pack_windows(self, of: Block) -> None:
        i = self.i

        def pack(r: str, _: list[str]) -> list[str]:
            position = self.positions.at(i.add(self.first, r))
            self._set_place(r, position.y)
            self.packer.row(self.table, of, self.x, position, self._row(r))
            return []

        def clear(r: str, _: list[str]) -> list[str]:
            self.copies.zeros(self._row(r), of.terms(i))
            return []

        counted_loop(self.fn, "0", self.rows, 1, [], pack)
        whole = i.multiply(self.tiles, str(self.tile.rows))
        counted_loop(self.fn, self.rows, whole, 1, [], clear)

    def _panel(
        self, of: Block, index: str, number: str, column: str, masks: list[str | None]
    ) -> None:
        """All tiles of the strip in one panel of columns."""
        fn, i = self.fn, self.i
        stride = i.size(self.part.w.strides[-1])
        filter_rows = self._element(self.w, i.multiply(column, stride))
        pack_filter(
            self.copies,
            self.part,
            self.runs,
            self.table,
            of,
            filter_rows,
            self.right,
            i.subtract(self.columns, column),
            masks,
        )
        single = self.runs.single
        more = "false" if single else fn.assign(f"icmp ne i64 {index}, 0")

        def one(t: str, _: list[str]) -> list[str]:
            first = i.multiply(t, str(self.tile.rows))
            kept = "0" if single else i.add(i.multiply(number, str(STRIP_TILES)), t)
            sums = self._tile_at(kept)
            self._multiply(self._row(first), sums, of.terms(i), more)

            def finish() -> list[str]:
                self._finish_tile(sums, first, column, masks)
                return []

            if single:
                finish()
            else:
                last = i.subtract(self.runs.blocks, "1")
                when(fn, fn.assign(f"icmp eq i64 {index}, {last}"), [], finish)
            return []

        counted_loop(fn, "0", self.tiles, 1, [], one)

    def _finish_tile(self, sums: str, first: str, column: str, masks: Sequence[str | None]) -> None:
        """What is done with complete sums."""
        i, count = self.i, self.i.subtract(self.rows, first)
        if self.step.keeps:
            self._write_tile(sums, self._element(self.y, column), first, count, masks)
        if self.epilogue is None:
            return
        epilogue = self.epilogue
        start, feature = i.add(self.first, first), i.add(self.of_group, column)

        def row(r: str, _: list[str]) -> list[str]:
            source = self._element(sums, i.multiply(r, str(self.tile.columns)))
            epilogue.row(i.add(start, r), feature, source, masks)
            return []

        counted_loop(self.fn, "0", i.smaller(str(self.tile.rows), count), 1, [], row)
