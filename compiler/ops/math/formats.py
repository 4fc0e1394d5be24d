"""Bit layout of the floating-point formats, and polynomials over them.

Layer: compiler/ops/math. The functions of this package are written once for f32 and f64; what
differs stands in a `Format` or in a table keyed by dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder

Coefficients = dict[DType, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Format:
    """A binary floating-point format: 1 sign bit, then the exponent, then `fraction` bits."""

    signed: DType  # integers as wide as the format
    unsigned: DType
    fraction: int  # explicit bits of the significand
    bias: int  # the exponent field of 1.0

    @property
    def width(self) -> int:
        """Bits in all."""
        return self.signed.bits

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.fraction

    @property
    def infinity(self) -> int:
        """The bits of +inf."""
        return (2 * self.bias + 1) << self.fraction

    @property
    def sign(self) -> int:
        """The sign bit alone."""
        return 1 << (self.width - 1)

    @property
    def fraction_mask(self) -> int:
        """The bits of the significand."""
        return (1 << self.fraction) - 1

    @property
    def smallest_normal(self) -> float:
        """The least positive number with a full significand."""
        return 2.0 ** (1 - self.bias)

    @property
    def integer_magic(self) -> float:
        """1.5 * 2**fraction: adding it rounds to an integer, found in the sum's low bits."""
        return 1.5 * 2.0**self.fraction


FORMATS = {
    DType.F32: Format(DType.I32, DType.U32, 23, 127),
    DType.F64: Format(DType.I64, DType.U64, 52, 1023),
}


def hexadecimal(text: str) -> tuple[float, ...]:
    """Floats written in hexadecimal, separated by blanks."""
    return tuple(float.fromhex(word) for word in text.split())


def horner(s: ScalarBuilder, x: Scalar, coefficients: Sequence[float]) -> Scalar:
    """The polynomial in x, lowest power first; one fused multiply-add per power."""
    total: Scalar | None = None
    for c in reversed(coefficients):
        total = s.const(c, x.dtype) if total is None else s.fma(total, x, c)
    assert total is not None
    return total


def clamp(s: ScalarBuilder, x: Scalar, low: float, high: float) -> Scalar:
    """x within [low, high]; NaN stays NaN."""
    x = s.select(x > high, high, x)
    return s.select(x < low, low, x)


def fast_sum(x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """x + y as a float and its rounding error, for |x| >= |y| (Dekker)."""
    total = x + y
    return total, y - (total - x)


def divide(
    s: ScalarBuilder, numerator: tuple[Scalar, Scalar], denominator: tuple[Scalar, Scalar]
) -> Scalar:
    """The quotient of two unevaluated sums: one division, then corrected by the remainder."""
    (n, n_low), (d, d_low) = numerator, denominator
    reciprocal = 1.0 / d
    quotient = n * reciprocal
    remainder = s.fma(-quotient, d, n) + s.fma(-quotient, d_low, n_low)
    return s.fma(remainder, reciprocal, quotient)
