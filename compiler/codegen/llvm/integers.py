"""Integer arithmetic as code, with numbers folded where both operands are known.

Layer: compiler/codegen/llvm. Operands are i64: values (`%v3`) or numbers. LLVM's code generator
folds within a block only, and loops whose bounds are numbers need no guards.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...ir.types import Size
from .sizes import emit_size
from .writer import FunctionWriter


class Integers:
    """i64 arithmetic in a function; `names` gives the operands of symbolic sizes."""

    def __init__(self, fn: FunctionWriter, names: Mapping[str, str]) -> None:
        self.fn = fn
        self.names = names

    def size(self, size: Size) -> str:
        """A size as an operand."""
        return emit_size(self.fn, size, self.names)

    def add(self, x: str, y: str) -> str:
        """x + y."""
        if x == "0" or y == "0":
            return y if x == "0" else x
        if _known(x, y):
            return str(int(x) + int(y))
        return self.fn.assign(f"add i64 {x}, {y}")

    def subtract(self, x: str, y: str) -> str:
        """x - y."""
        if y == "0":
            return x
        if _known(x, y):
            return str(int(x) - int(y))
        return self.fn.assign(f"sub i64 {x}, {y}")

    def multiply(self, x: str, y: str) -> str:
        """x * y."""
        if "0" in (x, y):
            return "0"
        if "1" in (x, y):
            return y if x == "1" else x
        if _known(x, y):
            return str(int(x) * int(y))
        return self.fn.assign(f"mul i64 {x}, {y}")

    def divide(self, x: str, y: str) -> str:
        """x // y of numbers that are not negative, y > 0."""
        if y == "1":
            return x
        if _known(x, y):
            return str(int(x) // int(y))
        return self.fn.assign(f"udiv i64 {x}, {y}")

    def split(self, x: str, y: str) -> tuple[str, str]:
        """(x // y, x % y) of numbers that are not negative, y > 0."""
        quotient = self.divide(x, y)
        if y == "1":
            return quotient, "0"
        return quotient, self.subtract(x, self.multiply(quotient, y))

    def ceiling(self, x: str, y: str) -> str:
        """x / y rounded up, of numbers that are not negative, y > 0."""
        return self.divide(self.add(x, self.subtract(y, "1")), y)

    def smaller(self, x: str, y: str) -> str:
        """min(x, y)."""
        if _known(x, y):
            return str(min(int(x), int(y)))
        return self._call("smin", x, y)

    def larger(self, x: str, y: str) -> str:
        """max(x, y)."""
        if _known(x, y):
            return str(max(int(x), int(y)))
        return self._call("smax", x, y)

    def clamp(self, x: str, most: str) -> str:
        """x, but at least 0 and at most `most`."""
        return self.smaller(self.larger(x, "0"), most)

    def select(self, condition: str, x: str, y: str) -> str:
        """x if the i1 is set, else y."""
        return x if x == y else self.fn.assign(f"select i1 {condition}, i64 {x}, i64 {y}")

    def address(self, element: str, base: str, index: str) -> str:
        """The place of an element of an array."""
        if index == "0":
            return base
        return self.fn.assign(f"getelementptr {element}, ptr {base}, i64 {index}")

    def _call(self, name: str, x: str, y: str) -> str:
        callee = self.fn.module.declare(f"@llvm.{name}.i64", "i64", ["i64", "i64"])
        return self.fn.assign(f"call i64 {callee}(i64 {x}, i64 {y})")


def _known(*operands: str) -> bool:
    return not any(x.startswith("%") for x in operands)
