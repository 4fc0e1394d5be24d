"""Fast forms of elementary functions: f32 on GPUs, where `fast_math` allows them.

Layer: compiler/ops. Each takes a `FastScalarBuilder`, whose `approximate` is one instruction that
gives about 22 bits, and is a few instructions long. The largest errors, of which docs/gpu.md tells,
follow from those of the instructions:

- ex2: 2 ulp;
- lg2: 2^-22, of the result's size outside of (0.5, 2);
- sin, cos: 2^-20.5 between -2 pi and 2 pi;
- sqrt: 2^-23 of the result's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..scalar import FastScalarBuilder, Scalar
from .formats import hexadecimal, horner

# 2 pi as a sum; the first part times k is subtracted without rounding by a fused multiply-add
_TWO_PI = hexadecimal("0x1.921fb6p+2 -0x1.777a5cp-23")

# (tanh(x) / x - 1) / x**2 in x**2 for |x| <= 0.55; error relative to tanh(x): 2^-24.7
_TANH = hexadecimal("-0x1.555452p-2 0x1.10cef6p-3 -0x1.af7cbep-5 0x1.0d50p-6")
_SMALL = 0.55


def exp(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """e to the power x: 2^-22 + |x| 2^-23 of it."""
    return s.approximate("ex2", x * math.log2(math.e))


def exp2(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """2 to the power x: 2 ulp."""
    return s.approximate("ex2", x)


def log(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Natural logarithm: 2^-21, or 2^-21 of its size if that is more than 1."""
    return s.approximate("lg2", x) * math.log(2)


def log2(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Logarithm to base 2, as `log`."""
    return s.approximate("lg2", x)


def log10(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Logarithm to base 10, as `log`."""
    return s.approximate("lg2", x) * math.log10(2)


def _turned(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """The angle less whole turns."""
    turns = s.rint(x * (0.5 / math.pi))
    high, low = _TWO_PI
    return s.fma(turns, -low, s.fma(turns, -high, x))


def sin(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Sine: 2^-20 for |x| up to 1e5, and growing from there."""
    return s.approximate("sin", _turned(s, x))


def cos(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Cosine, as `sin`."""
    return s.approximate("cos", _turned(s, x))


def tan(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Tangent: (1 + result**2) 2^-19 for |x| up to 1e5."""
    angle = _turned(s, x)
    return s.approximate("sin", angle) / s.approximate("cos", angle)


def tanh(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Hyperbolic tangent: 2^-20 of it."""
    a = s.fabs(x)
    grown = s.approximate("ex2", a * (2 * math.log2(math.e)))
    large = 1.0 - 2.0 / (grown + 1.0)
    small = s.fma(a * a * horner(s, a * a, _TANH), a, a)
    return s.copysign(s.select(a < _SMALL, small, large), x)


def sqrt(s: FastScalarBuilder, x: Scalar) -> Scalar:
    """Square root: 2^-23 of it."""
    return s.approximate("sqrt", x)


def power(s: FastScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """x to the power y: (1 + |y| + |y log2(x)|) 2^-21 of it; NaN as it should be."""
    size = s.approximate("ex2", y * s.approximate("lg2", s.fabs(x)))
    half = y * 0.5
    is_odd = s.rint(y).eq(y) & s.rint(half).ne(half)
    negative = s.select(s.rint(y).eq(y), s.select(is_odd, -size, size), math.nan)
    return s.select(y.eq(0.0) | x.eq(1.0), 1.0, s.select(x < 0.0, negative, size))


# By the names of the functions that they stand for.
FAST: dict[str, Callable[..., Scalar]] = {
    "exp": exp,
    "exp2": exp2,
    "log": log,
    "log2": log2,
    "log10": log10,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "tanh": tanh,
    "sqrt": sqrt,
    "pow": power,
}
