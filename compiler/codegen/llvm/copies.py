"""Copies of rows of elements, vector by vector, in code for sizes that it is given as operands.

Layer: compiler/codegen/llvm. Used by the kernels of convolutions for what they pack and write.
"""

from __future__ import annotations

from ...ir.types import DType
from .integers import Integers
from .loops import counted_loop, when
from .memory import masked_load, masked_store, memory_type, splat
from .transposing import LARGEST_SIDE, turn_block
from .writer import FunctionWriter, ModuleWriter


class Copies:
    """Vectors of a dtype; lanes of masked ones that are not set are read as zeros."""

    def __init__(self, i: Integers, dtype: DType, lanes: int) -> None:
        self.i, self.fn, self.dtype, self.lanes = i, i.fn, dtype, lanes
        self.element, self.align = memory_type(dtype), dtype.itemsize
        self.type = f"<{lanes} x {self.element}>"

    def below(self, count: str) -> str:
        """The mask of the first `count` lanes."""
        short = f"<{self.lanes} x i32>"
        numbers = "<" + ", ".join(f"i32 {k}" for k in range(self.lanes)) + ">"
        some = self.i.clamp(count, str(self.lanes))
        many = splat(self.fn, "i32", self.fn.assign(f"trunc i64 {some} to i32"), self.lanes)
        return self.fn.assign(f"icmp ult {short} {numbers}, {many}")

    def get(self, source: str, mask: str | None = None) -> str:
        """Read one vector."""
        if mask is not None:
            return masked_load(self.fn, self.element, self.lanes, source, self.align, mask)
        return self.fn.assign(f"load {self.type}, ptr {source}, align {self.align}")

    def put(self, raw: str, target: str, mask: str | None = None) -> None:
        """Write one vector."""
        if mask is not None:
            masked_store(self.fn, self.element, self.lanes, raw, target, self.align, mask)
            return
        self.fn.line(f"store {self.type} {raw}, ptr {target}, align {self.align}")

    def at(self, base: str, index: str) -> str:
        """The place of an element."""
        return self.i.address(self.element, base, index)

    def row(self, source: str, target: str, length: str) -> None:
        """`length` elements; up to one vector more is written behind them, with zeros."""
        name = copy_row(self.fn.module, self.dtype, self.lanes)
        self.fn.line(f"call void {name}(ptr {source}, ptr {target}, i64 {length})")

    def rows(
        self, source: str, stride: str, target: str, apart: str, extent: tuple[str, str]
    ) -> None:
        """Short rows: `extent` is their number, and the elements of each."""
        name = copy_rows(self.fn.module, self.dtype, self.lanes)
        operands = f"ptr {source}, i64 {stride}, ptr {target}, i64 {apart}"
        self.fn.line(f"call void {name}({operands}, i64 {extent[0]}, i64 {extent[1]})")

    def zeros(self, target: str, length: str) -> None:
        """`length` zeros, and up to one vector more."""

        def step(at: str, _: list[str]) -> list[str]:
            self.put("zeroinitializer", self.at(target, at))
            return []

        counted_loop(self.fn, "0", length, self.lanes, [], step)

    def turned(
        self, source: str, stride: str, target: str, apart: str, extent: tuple[str, str]
    ) -> None:
        """Columns into rows of `apart` elements: `extent` columns, `stride` apart, and rows.

        Up to one block of rows more is written behind the last one, with zeros.
        """
        i, fn = self.i, self.fn
        columns, rows = extent
        side = min(self.lanes, LARGEST_SIDE)
        name = turn_block(fn.module, self.dtype, side)

        def rows_from(row: str, _: list[str]) -> list[str]:
            place = self.at(target, i.multiply(row, apart))
            begin = self.at(source, row)

            def block(first: str, _: list[str]) -> list[str]:
                start = self.at(begin, i.multiply(first, stride))
                some = f"i64 {i.subtract(columns, first)}, i64 {i.subtract(rows, row)}"
                to = f"ptr {self.at(place, first)}, i64 {apart}"
                fn.line(f"call void {name}(ptr {start}, i64 {stride}, {to}, {some})")
                return []

            counted_loop(fn, "0", apart, side, [], block)
            return []

        counted_loop(fn, "0", rows, side, [], rows_from)


def copy_row(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of `Copies.row` as a function of the library."""
    name = f"@tw.lib.copy.f{dtype.bits}.{lanes}"
    params = [("ptr", "%from"), ("ptr", "%to"), ("i64", "%count")]
    return module.shared(name, params, lambda fn: _write_row(fn, dtype, lanes))


def copy_rows(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of `Copies.rows` as a function of the library."""
    name = f"@tw.lib.copy_rows.f{dtype.bits}.{lanes}"
    params = [("ptr", "%from"), ("i64", "%stride"), ("ptr", "%to"), ("i64", "%apart")]
    params += [("i64", "%rows"), ("i64", "%count")]
    return module.shared(name, params, lambda fn: _write_rows(fn, dtype, lanes))


def _write_rows(fn: FunctionWriter, dtype: DType, lanes: int) -> None:
    i = Integers(fn, {})
    copies = Copies(i, dtype, lanes)

    def vector(at: str, _: list[str]) -> list[str]:
        mask = copies.below(i.subtract("%count", at))
        pointers = [("ptr", copies.at("%from", at)), ("ptr", copies.at("%to", at))]

        def row(_: str, carried: list[str]) -> list[str]:
            source, target = carried
            copies.put(copies.get(source, mask), target, mask)
            return [copies.at(source, "%stride"), copies.at(target, "%apart")]

        counted_loop(fn, "0", "%rows", 1, pointers, row)
        return []

    counted_loop(fn, "0", "%count", lanes, [], vector)
    fn.line("ret void")


def _write_row(fn: FunctionWriter, dtype: DType, lane_count: int) -> None:
    i = Integers(fn, {})
    copies = Copies(i, dtype, lane_count)
    lanes = str(copies.lanes)
    full = i.multiply(i.divide("%count", lanes), lanes)

    def step(at: str, _: list[str]) -> list[str]:
        copies.put(copies.get(copies.at("%from", at)), copies.at("%to", at))
        return []

    counted_loop(fn, "0", full, copies.lanes, [], step)

    def rest() -> list[str]:
        mask = copies.below(i.subtract("%count", full))
        copies.put(copies.get(copies.at("%from", full), mask), copies.at("%to", full))
        return []

    when(fn, fn.assign(f"icmp ne i64 {full}, %count"), [], rest)
    fn.line("ret void")
