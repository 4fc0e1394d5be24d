"""Ops that make neighbouring elements in groups, as vectors: one group for each of their elements.

Layer: compiler/codegen/llvm. kernel/groups.py says where that can be. With groups of 4, a vector of
32 lanes takes 8 groups; the op makes four vectors of 8 lanes, which are interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InternalError
from ...ir.types import DType
from ...kernel.form import Apply
from ...ops.scalar import Scalar
from . import memory
from .scalars import LlvmScalars
from .writer import FunctionWriter


def emit_groups(
    fn: FunctionWriter,
    instr: Apply,
    first: str,
    others: Sequence[Scalar],
    s: LlvmScalars,
    narrow: LlvmScalars,
) -> Scalar:
    """The elements of one vector.

    Args:
        fn: where the code goes.
        instr: the op.
        first: its first operand in the first lane, an i64; lanes count up from there.
        others: its other operands, one value each for all lanes.
        s: the builder of the vector.
        narrow: a builder of as many lanes as the vector has groups.
    """
    assert instr.op is not None and instr.op.group is not None
    size = s.lanes // narrow.lanes
    start = fn.assign(f"ashr exact i64 {first}, {size.bit_length() - 1}")
    number = Scalar(narrow, DType.I64, start)
    if narrow.lanes > 1:
        base = memory.splat(fn, "i64", start, narrow.lanes)
        lanes = memory.lane_numbers(narrow.lanes)
        number.handle = fn.assign(f"add <{narrow.lanes} x i64> {base}, {lanes}")
    made = instr.op.group.make(narrow, number, *others, **instr.attrs)
    return Scalar(s, instr.dtype, _interleaved(fn, [x.handle for x in made], narrow, instr.dtype))


def _interleaved(
    fn: FunctionWriter, parts: Sequence[str], narrow: LlvmScalars, dtype: DType
) -> str:
    """Element 0 of each part, element 1 of each, and so on."""
    element, lanes = LlvmScalars(fn, 1).type_of(dtype), narrow.lanes
    found = list(parts)
    if lanes == 1:
        return _row(fn, element, found)
    if element == "i32":
        # words come as 64-bit integers: pairs of them are put together in a shift and an or
        found = [_pair(fn, x, y, lanes) for x, y in zip(found[::2], found[1::2], strict=True)]
        made = _zipped(fn, found, "i64", lanes)
        count = lanes * len(parts)
        return fn.assign(f"bitcast <{count // 2} x i64> {made} to <{count} x i32>")
    return _zipped(fn, found, element, lanes)


def _pair(fn: FunctionWriter, low: str, high: str, lanes: int) -> str:
    """i64 of two i32 each."""
    wide = [fn.assign(f"zext <{lanes} x i32> {x} to <{lanes} x i64>") for x in (low, high)]
    upper = fn.assign(f"shl <{lanes} x i64> {wide[1]}, splat (i64 32)")
    return fn.assign(f"or <{lanes} x i64> {wide[0]}, {upper}")


def _zipped(fn: FunctionWriter, parts: Sequence[str], element: str, lanes: int) -> str:
    """Halves of the parts are interleaved in pairs, until one vector is left."""
    found = list(parts)
    while len(found) > 1:
        half = len(found) // 2
        if 2 * half != len(found):
            raise InternalError("a group has a power of two of elements")
        order = ", ".join(f"i32 {k}, i32 {k + lanes}" for k in range(lanes))
        type = f"<{lanes} x {element}>"
        found = [
            fn.assign(f"shufflevector {type} {x}, {type} {y}, <{2 * lanes} x i32> <{order}>")
            for x, y in zip(found[:half], found[half:], strict=True)
        ]
        lanes *= 2
    return found[0]


def _row(fn: FunctionWriter, element: str, parts: Sequence[str]) -> str:
    """A vector of single elements."""
    type, made = f"<{len(parts)} x {element}>", "poison"
    for k, part in enumerate(parts):
        made = fn.assign(f"insertelement {type} {made}, {element} {part}, i64 {k}")
    return made
