"""Sizes as code: polynomials over named dimensions become i64 arithmetic.

Layer: compiler/codegen/llvm. In: a `Size` and the i64 values of its names. Out: an i64 operand.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...ir.dims import Atom, Dim, FloorDiv
from ...ir.types import Size
from .writer import FunctionWriter


def emit_size(fn: FunctionWriter, size: Size, names: Mapping[str, str]) -> str:
    """Emit `size`; `names` gives the i64 operand of every dimension that occurs in it."""
    if not isinstance(size, Dim):
        return str(size)
    total = ""
    for monomial, coefficient in size.terms:
        product = ""
        for atom in monomial:
            factor = _emit_atom(fn, atom, names)
            product = fn.assign(f"mul i64 {product}, {factor}") if product else factor
        if not product:
            product = str(coefficient)
        elif coefficient != 1:
            product = fn.assign(f"mul i64 {product}, {coefficient}")
        total = fn.assign(f"add i64 {total}, {product}") if total else product
    return total


def _emit_atom(fn: FunctionWriter, atom: Atom, names: Mapping[str, str]) -> str:
    if isinstance(atom, FloorDiv):
        numerator = emit_size(fn, atom.numerator, names)
        return _emit_floor_div(fn, numerator, atom.divisor)
    return names[atom]


def _emit_floor_div(fn: FunctionWriter, numerator: str, divisor: int) -> str:
    """Rounds towards minus infinity as Python does; sdiv rounds towards zero."""
    if divisor & (divisor - 1) == 0:
        return fn.assign(f"ashr i64 {numerator}, {divisor.bit_length() - 1}")
    quotient = fn.assign(f"sdiv i64 {numerator}, {divisor}")
    rest = fn.assign(f"srem i64 {numerator}, {divisor}")
    below = fn.assign(f"ashr i64 {rest}, 63")  # -1 if the remainder is negative, else 0
    return fn.assign(f"add i64 {quotient}, {below}")
