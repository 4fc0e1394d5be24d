"""Blocks of a matrix that are turned round on their way into a panel.

Layer: compiler/codegen/llvm. As many rows as a vector has lanes are read, and written as columns
(a block may be narrower than the machine's vectors).
In round b, registers whose numbers differ in bit b swap the lanes whose numbers differ in bit b;
after all rounds lane i of register j is lane j of register i. It is a function of the library::

    define void @tw.lib.turn...(ptr %from, i64 %stride, ptr %to, i64 %apart, i64 %rows,
                                i64 %columns)

reads `rows` rows, `stride` elements apart, of `columns` elements, and writes full vectors, with
zeros for rows and columns that there are not. Vectors lie %apart elements apart at %to.
"""

from __future__ import annotations

from ...ir.types import DType
from .integers import Integers
from .memory import masked_load, memory_type, splat
from .writer import FunctionWriter, ModuleWriter

LARGEST_SIDE = 8  # of a block: LLVM takes long for shuffles, and most of them are in large blocks


def turn_block(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of the function."""
    params = [("ptr", "%from"), ("i64", "%stride"), ("ptr", "%to"), ("i64", "%apart")]
    params += [("i64", "%rows"), ("i64", "%columns")]
    name = f"@tw.lib.turn.f{dtype.bits}.{lanes}"
    return module.shared(name, params, lambda fn: _write(fn, dtype, lanes))


def _write(fn: FunctionWriter, dtype: DType, lanes: int) -> None:
    i, element = Integers(fn, {}), memory_type(dtype)
    numbers = "<" + ", ".join(f"i64 {k}" for k in range(lanes)) + ">"
    many = splat(fn, "i64", "%columns", lanes)
    mask = fn.assign(f"icmp slt <{lanes} x i64> {numbers}, {many}")
    none = f"<{lanes} x i1> zeroinitializer"
    registers = []
    for row in range(lanes):
        place = i.address(element, "%from", i.multiply(str(row), "%stride"))
        some = fn.assign(f"icmp slt i64 {row}, %rows")
        chosen = fn.assign(f"select i1 {some}, <{lanes} x i1> {mask}, {none}")
        registers.append(masked_load(fn, element, lanes, place, dtype.itemsize, chosen))
    bit = 1
    while bit < lanes:
        _swap(fn, f"<{lanes} x {element}>", lanes, registers, bit)
        bit *= 2
    for column, register in enumerate(registers):
        place = i.address(element, "%to", i.multiply(str(column), "%apart"))
        fn.line(f"store <{lanes} x {element}> {register}, ptr {place}, align {dtype.itemsize}")
    fn.line("ret void")


def _swap(fn: FunctionWriter, type: str, lanes: int, registers: list[str], bit: int) -> None:
    """One round: lanes of the first register are numbered from 0, of the second from `lanes`."""
    low = [k if not k & bit else lanes + k - bit for k in range(lanes)]
    high = [k + bit if not k & bit else lanes + k for k in range(lanes)]
    for first in range(lanes):
        if first & bit:
            continue
        second = first + bit
        both = f"{type} {registers[first]}, {type} {registers[second]}"
        found = []
        for order in (low, high):
            indices = ", ".join(f"i32 {k}" for k in order)
            found.append(fn.assign(f"shufflevector {both}, <{lanes} x i32> <{indices}>"))
        registers[first], registers[second] = found
