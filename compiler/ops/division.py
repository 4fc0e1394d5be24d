"""Division with rounding: floor_divide, remainder, fmod, for integers and floats.

Layer: compiler/ops. Integer division by 0 gives 0. Float results are NumPy's bit for bit, which
rests on an exact `fmod`.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir.types import DType
from .elementwise import elementwise
from .infer import NUMBERS
from .scalar import Scalar, ScalarBuilder


def float_fmod(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """C's fmod: x - n*y for the integer n = trunc(x/y) of the exact quotient.

    While the rounded quotient q is below 2**precision it is n or n + 1, and |x| - q*|y| is a
    multiple of the last bit of y and below |y|: exact in one fused operation. Larger quotients go
    to the C library. Infinite x and zero y give NaN by themselves.
    """
    precision = 24 if x.dtype is DType.F32 else 53
    magnitude, divisor = s.fabs(x), s.fabs(y)
    q = s.trunc(magnitude / divisor)
    rest = s.fma(-q, divisor, magnitude, exact=True)
    rest = s.select(rest < 0, rest + divisor, rest)
    rest = s.select(magnitude < divisor, magnitude, rest)  # fma gives NaN where y is infinite
    beyond = (q >= 2.0**precision) & (divisor > 0) & (magnitude < math.inf)
    return s.repair(beyond, s.copysign(rest, x), "fmod", x, y)


def _float_divmod(s: ScalarBuilder, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """Floor quotient and remainder as NumPy computes them (npy_divmod), for y != 0."""
    mod = float_fmod(s, x, y)
    div = (x - mod) / y  # nearly an integer
    other_sign = mod.ne(0) & ((y < 0) ^ (mod < 0))
    div = s.select(other_sign, div - 1.0, div)
    floor = s.floor(div)
    floor = s.select(div - floor > 0.5, floor + 1.0, floor)
    floor = s.select(div.eq(0), s.copysign(s.const(0.0, x.dtype), x / y), floor)
    mod = s.select(other_sign, mod + y, mod)
    return floor, s.select(mod.eq(0), s.copysign(mod, y), mod)


def _safe_divisor(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """y, but 1 where the machine's division would trap: by 0, and the smallest integer by -1."""
    trap = y.eq(0)
    if x.dtype.is_signed:
        trap = trap | (y.eq(-1) & x.eq(-(2 ** (x.dtype.bits - 1))))
    return s.select(trap, 1, y)


def _floor_divide(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.is_float:
        floor, _ = _float_divmod(s, x, y)
        return s.select(y.eq(0), x / y, floor)
    divisor = _safe_divisor(s, x, y)
    q = s.quotient(x, divisor)
    if x.dtype.is_signed:
        rest = x - q * divisor
        q = s.select(rest.ne(0) & ((rest ^ divisor) < 0), q - 1, q)
    return s.select(y.eq(0), 0, q)


def _remainder(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.is_float:
        _, mod = _float_divmod(s, x, y)
        return mod
    divisor = _safe_divisor(s, x, y)  # a remainder by 1 is 0, the result where y is 0
    rest = s.remainder(x, divisor)
    if x.dtype.is_unsigned:
        return rest
    return s.select(rest.ne(0) & ((rest ^ divisor) < 0), rest + divisor, rest)


def _fmod(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.is_float:
        return float_fmod(s, x, y)
    return s.remainder(x, _safe_divisor(s, x, y))


FLOOR_DIVIDE = elementwise(
    "floor_divide",
    2,
    NUMBERS,
    reference=np.floor_divide,
    lower=_floor_divide,
    cost=20.0,
    doc="Quotient rounded down; 0 for an integer divided by 0, x/0 for floats.",
)

REMAINDER = elementwise(
    "remainder",
    2,
    NUMBERS,
    reference=np.remainder,
    lower=_remainder,
    cost=20.0,
    doc="x - floor(x/y)*y, with the sign of y; 0 for an integer divided by 0, NaN for floats.",
)

FMOD = elementwise(
    "fmod",
    2,
    NUMBERS,
    reference=np.fmod,
    lower=_fmod,
    cost=15.0,
    doc="x - trunc(x/y)*y, with the sign of x; 0 for an integer divided by 0, NaN for floats.",
)
