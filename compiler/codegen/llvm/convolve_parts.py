"""What the kernels of convolutions have in common: panels of columns, and tiles that are written.

Layer: compiler/codegen/llvm. Base of convolve_outputs.py and convolve_filter.py. The columns of
all products are features. A unit does at most GROUP_BYTES of a row, panel by panel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...kernel.form import Convolution, WindowPart
from ...target import Target
from .integers import Integers
from .loops import counted_loop
from .tiles import micro_kernel, tile_for
from .window_pack import Copies, Positions, WindowPacker
from .window_runs import ROW_BYTES, TERM_BYTES, Block, RunTable, block, cut
from .writer import FunctionWriter

GROUP_BYTES = 512  # of a row; with it panels and sums take less than half a MiB of the stack


class PartWriter:
    """One part of a convolution, in a function that has its buffers %x, %w, %y."""

    def __init__(
        self,
        fn: FunctionWriter,
        step: Convolution,
        part: WindowPart,
        target: Target,
        names: Mapping[str, str],
    ) -> None:
        self.fn, self.step, self.part = fn, step, part
        self.i = i = Integers(fn, names)
        self.row_elements = ROW_BYTES // step.dtype.itemsize
        self.most_terms = TERM_BYTES // step.dtype.itemsize
        self.strides = (1, self.row_elements) if step.of_filter else (self.row_elements, 1)
        known = step.features if isinstance(step.features, int) else None
        self.tile = tile_for(step.dtype, known, target)
        self.copies = Copies(i, step.dtype, self.tile.lanes)
        self.element = self.copies.element
        self.positions = Positions(i, step, part)
        self.features, self.channels = i.size(step.features), i.size(step.channels)
        self.groups = i.size(step.groups)
        self.runs = cut(i, step, part)
        self.panels = GROUP_BYTES // step.dtype.itemsize // self.tile.columns
        self.group_columns = str(self.panels * self.tile.columns)
        self.column_groups = i.ceiling(self.features, self.group_columns)

    # -- scratch memory, on the stack: threads have their own --------------------------------

    def _open(self, rows: int, panels: int, tiles: int, places: int) -> None:
        """Make room for rows of the left panel, right panels, sums of tiles, and places."""
        fn, size = self.fn, self.step.dtype.itemsize
        self.table = RunTable(self.i, self.step, self.part, self.runs)
        self.packer = WindowPacker(self.i, self.copies, self.step, self.part, self.runs)
        self.left = fn.alloca(f"[{rows * ROW_BYTES} x i8]", 64)
        rows_of_right = panels * self.most_terms + self.tile.lanes
        self.right = fn.alloca(f"[{rows_of_right * self.tile.columns * size} x i8]", 64)
        self.sums = fn.alloca(f"[{tiles * self.tile.elements * size} x i8]", 64)
        self.places = fn.alloca(f"[{places} x i64]", 64)

    def _block(self, index: str) -> Block:
        """A block of terms, whose runs are then in the table."""
        found = block(self.i, self.runs, self.channels, index)
        self.table.fill(found)
        return found

    def _row(self, r: str) -> str:
        return self.i.address("i8", self.left, self.i.multiply(r, str(ROW_BYTES)))

    def _element(self, base: str, index: str) -> str:
        return self.i.address(self.element, base, index)

    # -- columns ------------------------------------------------------------------------------

    def _choose_columns(self, column_group: str, group: str) -> None:
        """Set what a unit works on: the group's channels, and some of its features."""
        i = self.i
        self.column = i.multiply(column_group, self.group_columns)
        rest = i.subtract(self.features, self.column)
        self.columns = rest if self.column == "0" else i.smaller(self.group_columns, rest)
        known = self.step.features
        if isinstance(known, int) and known and known % int(self.group_columns) == 0:
            self.columns = self.group_columns
        self.x = self._element("%x", i.multiply(group, self.channels))
        self.of_group = i.add(i.multiply(group, self.features), self.column)
        feature_stride = i.size(self.part.w.strides[-1])
        self.w = self._element("%w", i.multiply(self.of_group, feature_stride))
        self.y = self._element("%y", self.of_group) if self.step.keeps else ""

    def _for_panels(self, body: Callable[[str, str, list[str | None]], None]) -> None:
        """`body` for each panel of columns: its number, its first column, its vectors' masks."""

        def panel(number: str, _: list[str]) -> list[str]:
            first = self.i.multiply(number, str(self.tile.columns))
            body(number, first, self._masks(self.i.subtract(self.columns, first)))
            return []

        panels = self.i.ceiling(self.columns, str(self.tile.columns))
        counted_loop(self.fn, "0", panels, 1, [], panel)

    def _masks(self, columns: str) -> list[str | None]:
        known = self.step.features
        if isinstance(known, int) and known % self.tile.columns == 0:
            return [None] * self.tile.vectors
        starts = (str(v * self.tile.lanes) for v in range(self.tile.vectors))
        return [self.copies.below(self.i.subtract(columns, start)) for start in starts]

    # -- tiles --------------------------------------------------------------------------------

    def _tile_at(self, number: str) -> str:
        """Where the sums of a tile lie."""
        return self._element(self.sums, self.i.multiply(number, str(self.tile.elements)))

    def _multiply(self, panels: tuple[str, str], sums: str, terms: str, more: str) -> None:
        """Add the products of a left and a right panel to the sums of a tile."""
        name = micro_kernel(self.fn.module, self.tile)
        size = self.step.dtype.itemsize
        apart = ", ".join(f"i64 {stride * size}" for stride in self.strides)
        left, right = panels
        rest = f"ptr {right}, ptr {sums}, i64 {terms}, i1 {more}"
        self.fn.line(f"call void {name}(ptr {left}, {apart}, {rest})")

    def _write_tile(
        self, sums: str, target: str, first: str, count: str, masks: Sequence[str | None]
    ) -> None:
        """Write the first `count` rows of a tile to where the places from `first` on say."""
        i = self.i

        def row(r: str, _: list[str]) -> list[str]:
            source = self._element(sums, i.multiply(r, str(self.tile.columns)))
            self._move_row(source, self._place(target, i.add(first, r)), masks)
            return []

        counted_loop(self.fn, "0", i.smaller(str(self.tile.rows), count), 1, [], row)

    def _move_row(self, source: str, target: str, masks: Sequence[str | None]) -> None:
        for v, mask in enumerate(masks):
            at = str(v * self.tile.lanes)
            self.copies.write(self._element(source, at), self._element(target, at), mask)

    def _place(self, base: str, row: str) -> str:
        """The place of a row in an array."""
        place = self.i.address("i64", self.places, row)
        return self._element(base, self.fn.assign(f"load i64, ptr {place}, align 8"))

    def _set_place(self, row: str, offset: str) -> None:
        place = self.i.address("i64", self.places, row)
        self.fn.line(f"store i64 {offset}, ptr {place}, align 8")
