"""The terms of a convolution's sums as runs: pieces of windows that lie in one piece in memory.

Layer: compiler/codegen/llvm. In: a part of a convolution. The terms of an output (window positions
times channels) are walked run by run. A run is a row of the window, with all channels, where these
lie next to each other in the input (its last axis is not dilated); else the channels, or some of
them, at one window position. Blocks of runs have at most so many terms; the left panels of
tiles.py are packed for one block.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.dims import product
from ...kernel.form import Convolution, WindowPart
from .integers import Integers
from .loops import counted_loop

ROW_BYTES = 21 * 64  # of a packed row: an odd number of cache lines, so that rows spread over sets
TERM_BYTES = ROW_BYTES - 64  # of it in use: a copy may write up to one vector more than it has to


@dataclass(frozen=True, slots=True)
class Runs:
    """How the terms are cut; the numbers are operands, or known."""

    merged: bool  # a run is a row of the window
    positions: tuple[str, ...]  # window positions that the runs differ in, per axis
    inside: str  # window positions in a run
    channels: str  # of a run's window position, at most
    pieces: str  # that the channels are cut into
    count: str
    per_block: str
    blocks: str

    @property
    def single(self) -> bool:
        """Whether it is known that there is one block."""
        return self.blocks == "1"


def cut(i: Integers, step: Convolution, part: WindowPart) -> Runs:
    """Cut the terms of a part into runs and blocks."""
    most = TERM_BYTES // step.dtype.itemsize
    channels = i.size(step.channels)
    window = [axis.window for axis in part.axes]
    last = part.axes[-1]
    adjacent = (last.dilation == 1 or last.window == 1) and (
        (step.x.strides[-2] == step.channels and step.groups == 1) or last.window == 1
    )
    known = step.channels if isinstance(step.channels, int) else None
    merged = adjacent and known is not None and 0 < window[-1] * known <= most
    if merged:
        inside, window[-1], pieces = str(last.window), 1, "1"
    else:
        inside, pieces = "1", i.ceiling(i.larger(channels, "1"), str(most))
    piece = i.ceiling(channels, pieces)
    count = i.multiply(str(product(tuple(window))), pieces)
    length = i.larger(i.multiply(inside, piece), "1")
    fitting = i.larger(i.divide(str(most), length), "1")
    blocks = i.larger(i.ceiling(count, fitting), "1")
    return Runs(
        merged,
        tuple(map(str, window)),
        inside,
        piece,
        pieces,
        count,
        i.ceiling(count, blocks),
        blocks,
    )


@dataclass(frozen=True, slots=True)
class Block:
    """One block of runs: the first one, how many, and the length of each."""

    first: str
    count: str
    first_channel: str  # of the only run, if channels are cut; else 0
    channels: str
    length: str

    def terms(self, i: Integers) -> str:
        """The number of terms."""
        return i.multiply(self.count, self.length)


def block(i: Integers, runs: Runs, channels: str, index: str) -> Block:
    """The block of an index."""
    first = i.multiply(index, runs.per_block)
    count = i.smaller(runs.per_block, i.subtract(runs.count, first))
    if runs.single or runs.per_block == "1":
        count = runs.per_block
    if runs.pieces == "1":
        return Block(first, count, "0", channels, i.multiply(runs.inside, channels))
    _, piece = i.split(first, runs.pieces)
    start = i.multiply(piece, runs.channels)
    length = i.larger(i.smaller(runs.channels, i.subtract(channels, start)), "0")
    return Block(first, count, start, length, length)


class RunTable:
    """Where the runs of a block lie: in the input, in the filter, and in the window.

    A row of the table has the offset in the input, the offset in the filter, and for each axis how
    far the run is from the first element of the window.
    """

    def __init__(self, i: Integers, step: Convolution, part: WindowPart, runs: Runs) -> None:
        self.i, self.step, self.part, self.runs = i, step, part, runs
        self.width = 2 + len(part.axes)
        most = TERM_BYTES // step.dtype.itemsize
        # with one position in the window, and one run in a block, nothing has to be looked up
        self.is_point = all(axis.window == 1 for axis in part.axes)
        if not self.is_point:
            self.table = i.fn.alloca(f"[{most * self.width} x i64]", 64)

    def fill(self, of: Block) -> None:
        """Write the rows for the runs of a block."""
        self.first_channel = of.first_channel
        if self.is_point:
            return

        def row(k: str, _: list[str]) -> list[str]:
            self._write(k, i.add(of.first, k), of)
            return []

        i = self.i
        counted_loop(i.fn, "0", of.count, 1, [], row)

    def _write(self, k: str, run: str, of: Block) -> None:
        i, part = self.i, self.part
        position, _ = i.split(run, self.runs.pieces)
        x, w = self.first_channel, self._first_of_filter()
        for axis in reversed(range(len(part.axes))):
            if axis:
                position, index = i.split(position, self.runs.positions[axis])
            else:
                index = position
            distance = i.multiply(index, str(part.axes[axis].dilation))
            self._store(k, 2 + axis, distance)
            x = i.add(x, i.multiply(distance, i.size(self.step.x.strides[1 + axis])))
            w = i.add(w, i.multiply(index, i.size(part.w.strides[axis])))
        self._store(k, 0, x)
        self._store(k, 1, w)

    def _first_of_filter(self) -> str:
        """Where the first channel of the runs lies in the filter."""
        i, part = self.i, self.part
        return i.add(
            i.multiply(self.first_channel, i.size(part.w.strides[-2])), i.size(part.w.offset)
        )

    def _store(self, k: str, column: int, value: str) -> None:
        self.i.fn.line(f"store i64 {value}, ptr {self._place(k, column)}, align 8")

    def _place(self, k: str, column: int) -> str:
        index = self.i.add(self.i.multiply(k, str(self.width)), str(column))
        return self.i.address("i64", self.table, index)

    def input_offset(self, k: str) -> str:
        """Where run k starts in the input, from where the window starts."""
        if self.is_point:
            return self.first_channel
        return self._load(k, 0)

    def filter_offset(self, k: str) -> str:
        """Where run k starts in the filter."""
        if self.is_point:
            return self._first_of_filter()
        return self._load(k, 1)

    def distance(self, k: str, axis: int) -> str:
        """How far run k is from the start of the window along an axis, in elements."""
        if self.is_point:
            return "0"
        return self._load(k, 2 + axis)

    def _load(self, k: str, column: int) -> str:
        return self.i.fn.assign(f"load i64, ptr {self._place(k, column)}, align 8")
