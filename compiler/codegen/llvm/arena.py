"""Where the slots of a scratch block lie.

Layer: compiler/codegen/llvm. Sizes that are not known become code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...ir.types import Size
from ...kernel.form import KernelProgram
from ...kernel.storage import ALIGNMENT, aligned
from .sizes import emit_size
from .writer import FunctionWriter


def slot_offsets(fn: FunctionWriter, program: KernelProgram, names: Mapping[str, str]) -> list[str]:
    """The i64 bytes at which each arena slot starts, and at the end where the last one ends."""
    offsets = ["0"]
    for size in program.arena:
        offsets.append(add(fn, offsets[-1], aligned_size(fn, size, names)))
    return offsets


def aligned_size(fn: FunctionWriter, size: Size, names: Mapping[str, str]) -> str:
    """The bytes that a slot of this size takes."""
    if isinstance(size, int):
        return str(aligned(size))
    above = fn.assign(f"add i64 {emit_size(fn, size, names)}, {ALIGNMENT - 1}")
    return fn.assign(f"and i64 {above}, {-ALIGNMENT}")


def add(fn: FunctionWriter, x: str, y: str) -> str:
    """x + y, computed now if both are numbers."""
    if not x.startswith("%") and not y.startswith("%"):
        return str(int(x) + int(y))
    return fn.assign(f"add i64 {x}, {y}")


def multiply(fn: FunctionWriter, x: str, y: str) -> str:
    """x * y, computed now if both are numbers."""
    if "1" in (x, y):
        return y if x == "1" else x
    if not x.startswith("%") and not y.startswith("%"):
        return str(int(x) * int(y))
    return fn.assign(f"mul i64 {x}, {y}")


def load_sizes(fn: FunctionWriter, size_names: Sequence[str]) -> dict[str, str]:
    """The values of the symbolic sizes, from the table `%sizes`."""
    names = {}
    for k, name in enumerate(size_names):
        place = fn.assign(f"getelementptr i64, ptr %sizes, i64 {k}")
        names[name] = fn.assign(f"load i64, ptr {place}")
    return names
