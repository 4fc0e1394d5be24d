"""Packs left panels for the micro-kernels of tiles.py: what windows see.

Layer: compiler/codegen/llvm. A left panel has a row of ROW_BYTES for each position; the row holds
the terms of one block of runs (window_runs.py), with zeros where the window lies outside of the
input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...ir.types import DType
from ...kernel.form import Convolution, WindowPart
from .integers import Integers
from .loops import counted_loop, either
from .memory import masked_load, masked_store, memory_type, splat
from .transposing import LARGEST_SIDE, turn_block
from .window_runs import Block, Runs, RunTable

_UNROLLED = 4  # vectors of a copy


class Copies:
    """Copies of rows of elements, vector by vector."""

    def __init__(self, i: Integers, dtype: DType, lanes: int) -> None:
        self.i, self.fn, self.dtype, self.lanes = i, i.fn, dtype, lanes
        self.element, self.align = memory_type(dtype), dtype.itemsize
        self.type = f"<{lanes} x {self.element}>"
        self._short = f"<{lanes} x i32>"

    def below(self, count: str) -> str | None:
        """The mask of the first `count` lanes; None if it is known that these are all."""
        if not count.startswith("%"):
            if int(count) >= self.lanes:
                return None
            bits = (f"i1 {'true' if k < int(count) else 'false'}" for k in range(self.lanes))
            return f"<{', '.join(bits)}>"
        return self._between("0", self.i.clamp(count, str(self.lanes)))

    def _between(self, low: str, high: str) -> str:
        """The lanes from `low` on and below `high`, with low <= high, both of them small."""
        numbers = "<" + ", ".join(f"i32 {k}" for k in range(self.lanes)) + ">"
        if low != "0":
            first = splat(self.fn, "i32", self._narrow(low), self.lanes)
            numbers = self.fn.assign(f"sub {self._short} {numbers}, {first}")
        extent = self._narrow(self.i.subtract(high, low))
        many = splat(self.fn, "i32", extent, self.lanes)
        return self.fn.assign(f"icmp ult {self._short} {numbers}, {many}")

    def _narrow(self, value: str) -> str:
        return self.fn.assign(f"trunc i64 {value} to i32") if value.startswith("%") else value

    def move(self, source: str, target: str, mask: str | None) -> None:
        """One vector; zeros where the mask is not set."""
        if mask is None:
            raw = self.get(source)
        else:
            raw = masked_load(self.fn, self.element, self.lanes, source, self.align, mask)
        self.put(raw, target)

    def get(self, source: str) -> str:
        """Read one vector."""
        return self.fn.assign(f"load {self.type}, ptr {source}, align {self.align}")

    def put(self, raw: str, target: str) -> None:
        """Write one vector."""
        self.fn.line(f"store {self.type} {raw}, ptr {target}, align {self.align}")

    def write(self, source: str, target: str, mask: str | None) -> None:
        """One whole vector to where the mask is set."""
        if mask is None:
            self.move(source, target, None)
            return
        raw = self.get(source)
        masked_store(self.fn, self.element, self.lanes, raw, target, self.align, mask)

    def padded_row(self, source: str, target: str, masks: Sequence[str | None]) -> None:
        """A row of full vectors; zeros where the masks are not set."""
        for v, mask in enumerate(masks):
            at = str(v * self.lanes)
            self._move_at(source, target, at, mask)

    def turned(
        self, source: str, stride: str, target: str, extent: tuple[str, str], vectors: int
    ) -> None:
        """Columns into rows of full vectors: `extent` columns, `stride` apart, and rows.

        Up to one vector of rows more is written behind the last one, with zeros.
        """
        i, lanes = self.i, self.lanes
        (columns, rows), width = extent, str(vectors * lanes)
        side = min(lanes, LARGEST_SIDE)
        name = turn_block(self.fn.module, self.dtype, side, vectors * lanes)

        def rows_from(row: str, _: list[str]) -> list[str]:
            place = i.address(self.element, target, i.multiply(row, width))
            begin = i.address(self.element, source, row)

            def block(first: str, _: list[str]) -> list[str]:
                start = i.address(self.element, begin, i.multiply(first, stride))
                some = f"i64 {i.subtract(columns, first)}, i64 {i.subtract(rows, row)}"
                to = i.address(self.element, place, first)
                self.fn.line(f"call void {name}(ptr {start}, i64 {stride}, ptr {to}, {some})")
                return []

            counted_loop(self.fn, "0", width, side, [], block)
            return []

        counted_loop(self.fn, "0", rows, side, [], rows_from)

    def whole(self, source: str, target: str, length: str) -> None:
        """`length` elements; up to one vector more is written behind them, with zeros."""
        full = self.i.multiply(self.i.divide(length, str(self.lanes)), str(self.lanes))
        self._walk(full, lambda at: self._move_at(source, target, at, None))
        if full != length:
            self._move_at(source, target, full, self.below(self.i.subtract(length, full)))

    def clipped(self, source: str, target: str, length: str, low: str, high: str) -> None:
        """The elements from `low` on and below `high`, with zeros before and behind them."""
        if length.startswith("%") or int(length) > self.lanes:
            self.zeros(target, length)
            extent = self.i.subtract(high, low)
            self.whole(self._at(source, low), self._at(target, low), extent)
            return

        def body(at: str) -> None:
            mask = self._between(self.i.subtract(low, at), self.i.subtract(high, at))
            self._move_at(source, target, at, mask)

        self._walk(length, body)

    def zeros(self, target: str, length: str) -> None:
        """`length` zeros, and up to one vector more."""
        self._walk(length, lambda at: self.put("zeroinitializer", self._at(target, at)))

    def _move_at(self, source: str, target: str, at: str, mask: str | None) -> None:
        self.move(self._at(source, at), self._at(target, at), mask)

    def _walk(self, length: str, body: Callable[[str], None]) -> None:
        """`body` for the start of each vector, the last of which may reach beyond `length`."""
        if not length.startswith("%") and int(length) <= _UNROLLED * self.lanes:
            for at in range(0, int(length), self.lanes):
                body(str(at))
            return

        def step(at: str, _: list[str]) -> list[str]:
            body(at)
            return []

        counted_loop(self.fn, "0", length, self.lanes, [], step)

    def _at(self, base: str, offset: str) -> str:
        return self.i.address(self.element, base, offset)


@dataclass(frozen=True, slots=True)
class Position:
    """One output: where its window starts in the input, and where the output lies."""

    x: str  # element of the input at the first window position, which may lie outside
    y: str  # element of the output, for the first feature
    starts: tuple[str, ...]  # index in the input along each axis, likewise


class Positions:
    """The outputs of a part as one sequence: batch, then the spatial axes."""

    def __init__(self, i: Integers, step: Convolution, part: WindowPart) -> None:
        self.i, self.step, self.part = i, step, part
        self.outputs = [i.size(axis.outputs) for axis in part.axes]
        self.count = i.size(step.batch)
        for size in self.outputs:
            self.count = i.multiply(self.count, size)

    def at(self, index: str) -> Position:
        """The output of an index."""
        i, part = self.i, self.part
        x, y = i.size(self.step.x.offset), i.size(part.y.offset)
        starts = []
        for k in reversed(range(len(part.axes))):
            axis = part.axes[k]
            index, o = i.split(index, self.outputs[k])
            start = i.add(i.multiply(o, str(axis.step)), i.size(axis.start))
            starts.append(start)
            x = i.add(x, i.multiply(start, i.size(self.step.x.strides[1 + k])))
            y = i.add(y, i.multiply(o, i.size(part.y.strides[1 + k])))
        x = i.add(x, i.multiply(index, i.size(self.step.x.strides[0])))
        y = i.add(y, i.multiply(index, i.size(part.y.strides[0])))
        return Position(x, y, tuple(reversed(starts)))


class WindowPacker:
    """Packs rows of left panels."""

    def __init__(
        self, i: Integers, copies: Copies, step: Convolution, part: WindowPart, runs: Runs
    ) -> None:
        self.i, self.fn, self.copies = i, i.fn, copies
        self.step, self.part, self.runs = step, part, runs
        self.checked = [k for k in range(len(part.axes)) if self._may_be_outside(k)]

    def _may_be_outside(self, k: int) -> bool:
        """Whether it is not known that windows lie inside of the input along an axis."""
        axis = self.part.axes[k]
        if not all(isinstance(n, int) for n in (axis.size, axis.start, axis.outputs)):
            return True
        assert isinstance(axis.size, int)
        assert isinstance(axis.start, int)
        assert isinstance(axis.outputs, int)
        reach = (axis.outputs - 1) * axis.step + (axis.window - 1) * axis.dilation
        return axis.start < 0 or axis.start + reach >= axis.size

    def row(self, table: RunTable, of: Block, base: str, position: Position, target: str) -> None:
        """The terms of one position; `base` is the input, at the first channel of the group."""
        i, last = self.i, len(self.part.axes) - 1
        clips = self.runs.merged and last in self.checked
        low, high = self._limits(position.starts[last]) if clips else ("0", of.length)

        def run(k: str, _: list[str]) -> list[str]:
            offset = i.add(position.x, table.input_offset(k))
            source = i.address(self.copies.element, base, offset)
            place = i.address(self.copies.element, target, i.multiply(k, of.length))
            inside = self._inside(table, k, position, [a for a in self.checked if a != last])
            if last in self.checked and not clips:
                inside.append(self._is_inside(table, k, position, last))
            self._copy(source, place, of.length, inside, (low, high) if clips else None)
            return []

        counted_loop(self.fn, "0", of.count, 1, [], run)

    def _limits(self, start: str) -> tuple[str, str]:
        """The elements of a merged run that lie inside."""
        i, axis = self.i, self.part.axes[-1]
        channels, window = i.size(self.step.channels), str(axis.window)
        low = i.clamp(i.subtract("0", start), window)
        high = i.clamp(i.subtract(i.size(axis.size), start), window)
        low = i.smaller(low, high)
        return i.multiply(low, channels), i.multiply(high, channels)

    def _inside(
        self, table: RunTable, k: str, position: Position, axes: Sequence[int]
    ) -> list[str]:
        return [self._is_inside(table, k, position, a) for a in axes]

    def _is_inside(self, table: RunTable, k: str, position: Position, axis: int) -> str:
        index = self.i.add(position.starts[axis], table.distance(k, axis))
        size = self.i.size(self.part.axes[axis].size)
        return self.fn.assign(f"icmp ult i64 {index}, {size}")

    def _copy(
        self,
        source: str,
        target: str,
        length: str,
        inside: list[str],
        limits: tuple[str, str] | None,
    ) -> None:
        fn, copies = self.fn, self.copies
        condition = ""
        for each in inside:
            condition = fn.assign(f"and i1 {condition}, {each}") if condition else each

        def partly() -> list[str]:
            if limits is None:
                copies.zeros(target, length)
                return []
            low, high = limits
            if condition:
                low, high = (self.i.select(condition, n, "0") for n in limits)
            copies.clipped(source, target, length, low, high)
            return []

        def whole() -> list[str]:
            copies.whole(source, target, length)
            return []

        full = condition
        if limits is not None:
            extent = self.i.subtract(limits[1], limits[0])
            wide = fn.assign(f"icmp eq i64 {extent}, {length}")
            full = fn.assign(f"and i1 {condition}, {wide}") if condition else wide
        if full:
            either(fn, full, [], whole, partly)
        else:
            whole()
