"""How a part of a convolution is cut up, as numbers.

Layer: compiler/codegen/llvm. The code that computes convolutions is the same for all (library.py),
because LLVM takes tens of milliseconds for it; sizes, strides and how the work is cut are numbers
in a table. A `Plan` computes them where the convolution is called: while compiling, as far as sizes
are known.

Outputs are walked by *lines*, pieces of them along the last axis, and lines by *strips*. Before
tiles are multiplied, what the windows of a strip see is copied into a *band*: for each line, the
rows of the input that its windows touch, with zeros where they lie outside, and of the channels one
piece. Axes are those of the batch, depth, height and width (convolve_axes.py).

- A row of the band holds all columns that windows on the line see (`inside` > 1), so that windows
  overlap. Where that is too long, or windows have one column, rows hold a column for each output,
  and each window column needs rows of its own.
- Lines that follow each other along the height share rows (`shift`).
- Where windows are points, all inside of the input, there is no band: tiles read the input
  (`reads_x`). Rows that would take each other's places in the first cache are copied, a tile at a
  time (`copies_x`), and for more columns.
- The rows of a tile are outputs of one line; of all lines of a strip as one sequence, where windows
  are points (`together`); or of different lines, where these are short (`across`).
"""

from __future__ import annotations

from dataclasses import replace

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Convolution, WindowPart
from ...kernel.schedule import CACHE_LINE
from ...target import Target
from .convolve_axes import is_inside, is_uniform, merged_axes
from .integers import Integers
from .tiles import RUN, Left, rows_along, tile_for

BAND_BYTES = 1 << 19  # of a band
TERM_BYTES = 1280  # of one row's terms, which are multiplied at once
PIECE_BYTES = 256  # of the channels in a band, where windows overlap
GROUP_BYTES = 512  # of a row of the results that one unit computes
WIDE_GROUP_BYTES = 2048  # the same, where tiles are copied and there are many units
WIDE_SUM_BYTES = 1024  # the same of sums over positions, whose band is copied for each unit
STRIP_TILES = 24  # of outputs: how often a packed panel of the filter is used
STRIP_BYTES = 896  # positions of a strip in a sum over them, times the bytes of an element
SUM_TERMS = 512  # rows of sums over positions that one unit computes
LEAST_UNITS = 4
FEW_TILES = 4  # that read a panel of the filter: so few that it is not packed
SAME_SETS = 1 << 12  # bytes from row to row with which rows share places in the first cache
LEAST_PIECE = 8  # channels: below, windows are not worth packing together


class Plan:
    """The table of a part, and its units of work."""

    def __init__(self, i: Integers, step: Convolution, part: WindowPart, target: Target) -> None:
        self.i, self.step, self.w = i, step, part.w
        self.axes = merged_axes(step, part)
        self.itemsize = step.dtype.itemsize
        # the columns of a depthwise convolution are its channels
        self.depthwise = step.is_depthwise
        self.columns = step.groups if self.depthwise else step.features
        known = self.columns if isinstance(self.columns, int) else None
        self.tile = replace(tile_for(step.dtype, known, target), left=self._left())
        self.values: dict[str, str] = {}
        self._choose_rows()
        self._choose_order()
        self._set_geometry(part)
        self._set_columns()
        self._set_channels()
        self._set_lines()
        self._set_blocks()

    # -- what is decided while compiling ----------------------------------------------------------

    def _left(self) -> Left:
        channels = self.step.channels
        if self.depthwise:
            return Left.WIDE
        if self.step.of_filter:
            return Left.ROWS
        is_whole = isinstance(channels, int) and channels % RUN == 0
        return Left.RUNS if is_whole else Left.POINTS

    def _choose_rows(self) -> None:
        """Whether windows overlap in the rows of the band, and how many channels it may have."""
        *_, depth, height, width = self.axes
        self.is_point = depth.window == height.window == width.window == 1
        self.most_piece = (TERM_BYTES if self.is_point else PIECE_BYTES) // self.itemsize
        if self.is_point and self.step.of_filter:
            wide = min(2 * self.most_piece, SUM_TERMS)
            if self._count(self.step.channels, wide) * self._groups_of(GROUP_BYTES) >= LEAST_UNITS:
                self.most_piece = wide
        self.least_piece = LEAST_PIECE
        if isinstance(self.step.channels, int):
            self.least_piece = max(1, min(LEAST_PIECE, self.step.channels))
        if self.depthwise:
            self.most_piece = self._depthwise_piece()
            self.least_piece = self.most_piece
        self.inside, self.positions = 1, self._positions()
        if self.step.of_filter and not (self.is_point or self.depthwise):
            self.most_piece = min(self.most_piece, SUM_TERMS // max(1, width.window))
        most = width.outputs if isinstance(width.outputs, int) else self.positions
        reach = (width.window - 1) * width.dilation + 1
        columns = (min(most, self.positions) + self.tile.rows) * width.step + reach
        rows = max(1, depth.window * height.window)
        fitting = min(self.most_piece, BAND_BYTES // (rows * columns * self.itemsize))
        is_near = columns <= width.window * (most + self.tile.rows)
        if self.step.of_filter and (width.dilation > 1 or self.depthwise):
            # each column may have tiles of its own
            is_near = is_near and width.window * self.tile.rows <= SUM_TERMS
        if width.window > 1 and is_near and fitting >= self.least_piece:
            self.inside, self.most_piece = width.window, fitting
        self.most_piece = max(1, self.most_piece // self.tile.run * self.tile.run)

    def _depthwise_piece(self) -> int:
        """As many channels as one unit computes."""
        most = GROUP_BYTES // self.itemsize // self.tile.columns * self.tile.columns
        return min(self.columns, most) if isinstance(self.columns, int) else most

    def _positions(self) -> int:
        """The most outputs of a strip."""
        if self.step.of_filter:
            return STRIP_BYTES // self.itemsize
        return STRIP_TILES * self.tile.rows

    def _choose_order(self) -> None:
        """What the rows of a tile are, and whether lines share rows."""
        _, depth, height, width = self.axes
        self.row_columns = 1 if self.inside > 1 else width.window
        self.rows = depth.window * height.window * self.row_columns
        self.is_uniform = is_uniform(self.axes)
        of_filter, most = self.step.of_filter, self.tile.rows
        self.reads_x = self._has_rows()
        self.copies_x = self.reads_x and self._share_sets()
        self.together = not of_filter and self.is_point and self.is_uniform
        if self.reads_x:
            self.together = self._is_one_line()
        may_cross = not (of_filter or self.together or self.reads_x)
        self.across = may_cross and self._is_short(most)
        shares = depth.window == self.row_columns == height.dilation == 1
        self.shares = shares and height.step < height.window and not self.across
        if not (of_filter or self.across) and isinstance(width.outputs, int):
            fitting = rows_along(width.outputs, most)
            few = width.outputs <= FEW_TILES * most
            if few or not self.together:
                self.tile = replace(self.tile, rows=fitting)
        self.is_packed = not (self._is_brief() and not of_filter)
        self._set("is_packed", self.is_packed)

    def _is_one_line(self) -> bool:
        return all(axis.outputs == 1 for axis in self.axes[:-1])

    def _has_rows(self) -> bool:
        """Whether tiles read the input where it lies: windows are points, none outside of it."""
        if self.step.of_filter or self.depthwise or not self.is_point:
            return False
        width = self.axes[-1]
        apart = width.x * width.step
        if not isinstance(apart, int):
            return False
        if not all(axis.is_plain or is_inside(axis) for axis in self.axes):
            return False
        if self._is_one_line():
            return True
        most = self.tile.rows
        return isinstance(width.outputs, int) and 2 * rows_along(width.outputs, most) >= most

    def _share_sets(self) -> bool:
        """Whether rows of the input take each other's places in the first cache."""
        width = self.axes[-1]
        apart = width.x * width.step
        return isinstance(apart, int) and apart * self.itemsize % SAME_SETS == 0

    def _lines_of_an_image(self) -> int:
        """Lines of a strip so that each strip lies in one image; 0 if they would be few."""
        height, width = self.axes[2].outputs, self.axes[3].outputs
        if not isinstance(height, int) or not isinstance(width, int) or not height * width:
            return 0
        elements = max(1, self.rows) * self.most_piece * self._columns_for(width)
        fitting = min(self.positions // width, BAND_BYTES // (elements * self.itemsize), height)
        found = max((n for n in range(1, fitting + 1) if height % n == 0), default=0)
        return found if 2 * found > fitting else 0

    def _columns_for(self, outputs: int) -> int:
        """The columns of a row of the band."""
        step = self.axes[3].step if self.inside > 1 else 1
        return (outputs - 1) * step + (self.inside - 1) * self.axes[3].dilation + 1

    def _is_brief(self) -> bool:
        """Whether the filter is read too seldom to be packed, and has full panels where it lies."""
        outputs = product(tuple(axis.outputs for axis in self.axes))
        features, tile = self.step.features, self.tile
        if not (self.is_point and isinstance(outputs, int) and isinstance(features, int)):
            return False
        is_full = features % tile.columns == 0 and self.w.strides[-1] == 1
        return is_full and outputs <= FEW_TILES * tile.rows and not self.depthwise

    def _is_short(self, rows: int) -> bool:
        """Whether lines are short, and as many as a tile has rows fit into the band."""
        width = self.axes[-1]
        if not isinstance(width.outputs, int) or not 0 < width.outputs <= rows // 2:
            return False
        lines = rows * max(1, self.rows) * self._columns_for(width.outputs) * self.itemsize
        fitting = min(self.most_piece, BAND_BYTES // lines)
        if fitting < self.least_piece:
            return False
        self.most_piece = fitting
        return True

    # -- the table --------------------------------------------------------------------------------

    def _set(self, name: str, value: Size | str | bool) -> str:
        if not isinstance(value, str):
            value = str(int(value)) if isinstance(value, (bool, int)) else self.i.size(value)
        self.values[name] = value
        return value

    def _set_geometry(self, part: WindowPart) -> None:
        names = ("batch", "depth", "height", "width")
        for name, axis in zip(names, self.axes, strict=True):
            self._set(f"x.{name}", axis.x)
            self._set(f"w.{name}", axis.w)
            self._set(f"y.{name}", axis.y)
            self._set(f"size.{name}", axis.size)
            self._set(f"outputs.{name}", axis.outputs)
            self._set(f"start.{name}", axis.start)
            self._set(f"step.{name}", axis.step)
            self._set(f"dilation.{name}", axis.dilation)
            self._set(f"window.{name}", max(axis.window, 1))  # `rows` says if it is empty
        width = self.axes[-1]
        self._set("inside", self.inside)
        self._set("row_columns", max(self.row_columns, 1))
        self._set("rows", self.rows)
        # from column to column of a row of the band, and from output to output in it
        self.column_step = 1 if self.inside > 1 else width.step
        self.output_step = width.step if self.inside > 1 else 1
        self._set("column_step", self.column_step)
        self._set("output_step", self.output_step)
        self._set("w.channel", part.w.strides[-2])
        self._set("w.feature", part.w.strides[-1])
        self._set("reads_x", self.reads_x)
        self._set("copies_x", self.copies_x)
        self._set("together", self.together)
        # lines near the border have rows of nothing but zeros
        lines = not (self.together or self.across) and self.rows == self.axes[2].window
        self.image_lines = self._lines_of_an_image() if self.step.of_filter and lines else 0
        self._set("skips", lines and bool(self.image_lines or not self.step.of_filter))
        self._set("across", self.across)
        self._set("is_regular", not self.across or self.is_uniform)
        line = width.outputs * width.y
        self._set("y.row", line if self.across else width.y)
        self._set("output_row", width.outputs if self.across else 1)

    def _set_columns(self) -> None:
        i, columns = self.i, self.tile.columns
        group = self._group_bytes() // self.itemsize // columns * columns
        features = self._set("features", self.columns)
        self.groups = self._set("groups", 1 if self.depthwise else self.step.groups)
        self._set("depthwise", self.depthwise)
        self._set("group_columns", group)
        self.column_groups = self._set("column_groups", i.ceiling(features, str(group)))
        self._set("columns", columns)
        self._set("tile_rows", self.tile.rows)
        self._set("tile_elements", self.tile.elements)

    def _group_bytes(self) -> int:
        """Of a row of the results: more where more is copied for each unit, if enough are left."""
        if self.copies_x:
            outputs = product(tuple(axis.outputs for axis in self.axes))
            widest, beside = WIDE_GROUP_BYTES, self._count(outputs, self._positions())
        elif self.step.of_filter and self.is_point and not self.depthwise:
            widest, beside = WIDE_SUM_BYTES, self._count(self.step.channels, self.most_piece)
        else:
            return GROUP_BYTES
        while widest > GROUP_BYTES and self._groups_of(widest) * beside < LEAST_UNITS:
            widest //= 2
        return widest

    def _groups_of(self, width: int) -> int:
        """How many groups of columns there are, at least, if they have so many bytes."""
        return self._count(self.columns, width // self.itemsize)

    def _count(self, size: Size, most: int) -> int:
        """How many parts of at most so many elements there are; sizes may not be known."""
        return -(-size // most) if isinstance(size, int) else 1

    def _set_channels(self) -> None:
        i = self.i
        channels = self._set("channels", self.step.channels)
        stride, wide = self.axes[-1].x * self.column_step, self.step.channels
        if self.depthwise:
            pieces, wide = "1", self.columns
            self.piece = str(self.most_piece)
        else:
            pieces = i.larger(i.ceiling(channels, str(self.most_piece)), "1")
            piece = i.ceiling(i.ceiling(channels, pieces), str(self.tile.run))
            self.piece = i.larger(i.multiply(piece, str(self.tile.run)), "1")
        self._set("piece", self.piece)
        self.pieces = self._set("pieces", pieces)
        self.column = self._set("column", self._column())
        dense = isinstance(wide, int) and wide <= self.most_piece and stride == wide
        self._set("is_dense", dense and self.column == self.piece)

    def _column(self) -> str:
        """The elements from column to column of the band.

        In sums over positions, tiles read the same elements of many columns, one after the other.
        Where these are points, an odd number of cache lines apart spreads them over the cache.
        """
        if not (self.step.of_filter and self.is_point) or self.depthwise:
            return self.piece
        line = CACHE_LINE // self.itemsize
        if self.piece.startswith("%") or int(self.piece) % (2 * line):
            return self.piece
        return str(int(self.piece) + line)

    def _set_lines(self) -> None:
        """Lines and strips of equal length, of whole tiles; enough that there are some units."""
        i, of_filter = self.i, self.step.of_filter
        rows = "1" if of_filter else str(self.tile.rows)
        batch, depth, height, width = (self.values[f"outputs.{n}"] for n in _NAMES)
        most = str(self.positions // int(rows) * int(rows))
        before = i.multiply(i.multiply(batch, depth), height)
        if not of_filter:
            beside = i.larger(i.multiply(self.column_groups, self.groups), "1")
            wanted = i.ceiling(str(LEAST_UNITS), beside)
            share = i.ceiling(i.larger(i.multiply(before, width), "1"), wanted)
            most = i.smaller(i.multiply(i.ceiling(share, rows), rows), most)
        segments = i.larger(i.ceiling(width, most), "1")
        whole = i.multiply(i.ceiling(i.ceiling(width, segments), rows), rows)
        segment = self._set("segment", i.larger(i.smaller(width, whole), "1"))
        segments = self._set("segments", i.larger(i.ceiling(width, segment), "1"))
        some = i.smaller(width, "1")  # no lines if they would be empty
        lines = self._set("lines", i.multiply(i.multiply(before, segments), some))
        long = segment
        if not (of_filter or self.together or self.across):
            long = i.multiply(i.ceiling(segment, rows), rows)
        self._set_pitch(long)
        strip = i.larger(i.divide(most, long), "1")
        if self.rows and not self.is_point and (self.inside > 1 or self.shares):
            strip = i.smaller(strip, self._fitting_lines())
        if self.across:
            strip = i.larger(i.multiply(i.divide(strip, rows), rows), rows)
        if self.image_lines:
            strip = str(self.image_lines)
        strip = i.larger(strip, "1")
        strips = i.larger(i.ceiling(lines, strip), "1")
        if not self.image_lines:
            strip = i.larger(i.ceiling(lines, strips), "1")
        if self.across:
            strip = i.multiply(i.ceiling(strip, rows), rows)
        self.strip = self._set("strip", strip)
        self.strips = self._set("strips", i.ceiling(lines, strip))

    def _set_pitch(self, outputs: str) -> None:
        """The elements of a row of the band, for so many outputs."""
        i, width = self.i, self.axes[-1]
        columns = i.multiply(i.subtract(outputs, "1"), str(self.output_step))
        columns = i.add(columns, str((self.inside - 1) * width.dilation + 1))
        self.pitch = self._set("pitch", i.multiply(columns, self.column))

    def _fitting_lines(self) -> str:
        """How many lines the band holds with all their rows."""
        most = BAND_BYTES // self.itemsize
        return self.i.larger(
            self.i.divide(str(most), self.i.multiply(self.pitch, str(self.rows))), "1"
        )

    def _set_blocks(self) -> None:
        """The rows of the band at a time, and the terms of the products."""
        i, rows = self.i, str(max(self.rows, 1))
        most = str(BAND_BYTES // self.itemsize)
        block = i.larger(i.divide(most, i.multiply(self.pitch, self.strip)), "1")
        term_piece = "1" if self.depthwise else self.piece
        if self.step.of_filter:
            joined = self.inside > 1 and (self.axes[-1].dilation == 1 or self.depthwise)
            run = i.multiply(term_piece, str(self.inside)) if joined else term_piece
            self._set("joined", joined)
            self._set("term_piece", term_piece)
            row = i.multiply(self.column, str(self.axes[-1].dilation)) if self.depthwise else "1"
            self._set("term_row", row)
            self._set_filter_tiles(run)
            room = i.multiply(self.values["row_tiles"], str(self.tile.rows))
            block = i.smaller(block, i.larger(i.divide(str(SUM_TERMS), room), "1"))
        blocks = i.ceiling(rows, i.smaller(block, rows))
        block = self._set("block_rows", i.ceiling(rows, blocks))
        self.blocks = self._set("blocks", i.ceiling(rows, block))
        shift = i.smaller(str(self.axes[2].step), block) if self.shares else block
        self._set("shift", shift)
        terms = TERM_BYTES // self.itemsize
        runs = i.larger(i.divide(str(terms), term_piece), "1")
        all_runs = i.multiply(block, str(self.inside))
        parts = i.larger(i.ceiling(all_runs, runs), "1")
        self._set("runs", i.larger(i.ceiling(all_runs, parts), "1"))
        many = i.multiply(i.multiply(self.pieces, self.blocks), parts)
        self._set("is_single", many == "1")
        tile = str(self.tile.rows)
        slack = i.multiply(i.multiply(tile, self.column), str(self.output_step))
        self._set("slack", slack if self.together else str(self.tile.lanes))

    def _set_filter_tiles(self, run: str) -> None:
        """Tiles of the terms of one row of the band, or of one column of the window in it."""
        i = self.i
        known = int(run) if not run.startswith("%") else None
        self.tile = replace(self.tile, rows=rows_along(known, self.tile.rows))
        self._set("tile_rows", self.tile.rows)
        self._set("tile_elements", self.tile.elements)
        self._set("run", run)
        runs = 1 if self.values["joined"] == "1" else self.inside
        tiles = self._set("run_tiles", i.ceiling(run, str(self.tile.rows)))
        self._set("row_runs", runs)
        self._set("row_tiles", i.multiply(tiles, str(runs)))
        width, features, columns = self.axes[-1], self.columns, self.tile.columns
        lines = [axis.outputs for axis in self.axes[:-1]]
        short = isinstance(width.outputs, int) and width.outputs <= self.positions
        full = features == columns
        if self.depthwise:
            full = isinstance(features, int) and features % columns == 0
        direct = full and width.y == features and self.is_uniform
        direct = direct and (short or lines == [1, 1, 1])
        self._set("is_direct", direct)
        self._set("right_row", features if direct else columns)
        self._set("filter_size", self.step.filter_size)
        self._set("sum_pieces", self.step.pieces)

    def units(self) -> str:
        """How many units of work there are."""
        i = self.i
        beside = i.multiply(self.column_groups, self.groups)
        if not self.step.of_filter:
            return i.multiply(self.strips, beside)
        blocks = i.multiply(i.multiply(self.pieces, self.blocks), str(self.step.pieces))
        return i.multiply(blocks, beside)

    def table(self, name: str) -> str:
        """A pointer to the numbers, which are a constant called `name` if all of them are known."""
        fn, i = self.i.fn, self.i
        values = [self.values.get(field, "0") for field in FIELDS]
        type = f"[{len(FIELDS)} x i64]"
        known = (value if not value.startswith("%") else "0" for value in values)
        constant = f"private constant {type} [{', '.join(f'i64 {value}' for value in known)}]"
        fn.module.global_(name, constant)
        if not any(value.startswith("%") for value in values):
            return name
        table = fn.alloca(type, 8)
        fn.line(f"store {type} {fn.assign(f'load {type}, ptr {name}')}, ptr {table}")
        for k, value in enumerate(values):
            if value.startswith("%"):
                fn.line(f"store i64 {value}, ptr {i.address('i64', table, str(k))}")
        return table


_NAMES = ("batch", "depth", "height", "width")
_OF_AXES = ("x", "w", "y", "size", "outputs", "start", "step", "dilation", "window")
FIELDS = (
    *(f"{field}.{name}" for field in _OF_AXES for name in _NAMES),
    *("inside", "row_columns", "rows", "column_step", "output_step", "w.channel", "w.feature"),
    *("together", "across", "is_regular", "y.row", "output_row"),
    *("features", "groups", "group_columns", "column_groups", "columns", "tile_rows"),
    *(
        "tile_elements",
        "channels",
        "piece",
        "column",
        "pieces",
        "is_dense",
        "segment",
        "segments",
        "lines",
    ),
    *("pitch", "strip", "strips", "joined", "block_rows", "blocks", "shift", "runs", "is_single"),
    *("slack", "run", "run_tiles", "row_runs", "row_tiles", "is_direct", "filter_size"),
    *("sum_pieces", "depthwise", "term_piece", "term_row", "right_row", "is_packed", "skips"),
    *("reads_x", "copies_x"),
)


class Fields:
    """The numbers of a table, in code that works with any."""

    def __init__(self, i: Integers, table: str) -> None:
        self.i, self.table = i, table
        self._block = ""
        self._read: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if self.i.fn.block != self._block:  # what another block has read may not be known in this
            self._block, self._read = self.i.fn.block, {}
        if name not in self._read:
            place = self.i.address("i64", self.table, str(FIELDS.index(name)))
            self._read[name] = self.i.fn.assign(f"load i64, ptr {place}, align 8")
        return self._read[name]
