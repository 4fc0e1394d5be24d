"""Division with rounding: floor_divide, remainder, fmod, for integers and floats.

Layer: compiler/ops. Integer division by 0 gives 0. Float results are NumPy's bit for bit, which
rests on an exact `fmod`.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir.derivative import pointwise
from ..ir.term import Term
from ..ir.types import DType
from .elementwise import elementwise
from .infer import NUMBERS
from .scalar import Scalar, ScalarBuilder


def _float_fmod(s: ScalarBuilder, x: Scalar, y: Scalar, ratio: Scalar) -> Scalar:
    """C's fmod, x - n*y for the integer n = trunc(x/y) of the exact quotient; `ratio` is x / y.

    While the rounded quotient q is below 2**precision it is n or n + 1, and |x| - q*|y| is a
    multiple of the last bit of y and below |y|: exact in one fused operation. Larger quotients go
    to the C library. Infinite x and zero y give NaN by themselves.
    """
    precision = 24 if x.dtype is DType.F32 else 53
    magnitude, divisor = s.fabs(x), s.fabs(y)
    q = s.trunc(s.fabs(ratio))
    rest = s.fma(-q, divisor, magnitude, exact=True)
    rest = s.select(rest < 0, rest + divisor, rest)
    rest = s.select(magnitude < divisor, magnitude, rest)  # fma gives NaN where y is infinite
    beyond = (q >= 2.0**precision) & (divisor > 0) & (magnitude < math.inf)
    return s.repair(beyond, s.copysign(rest, x), "fmod", x, y)


def _float_floor_divide(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """As NumPy computes it (npy_divmod): the quotient of what is left without the remainder."""
    ratio = x / y
    mod = _float_fmod(s, x, y, ratio)
    div = (x - mod) / y  # nearly an integer
    div = s.select(_other_sign(mod, y), div - 1.0, div)
    floor = s.floor(div)
    floor = s.select(div - floor > 0.5, floor + 1.0, floor)
    floor = s.select(div.eq(0), s.copysign(s.const(0.0, x.dtype), ratio), floor)
    return s.select(y.eq(0), ratio, floor)


def _float_remainder(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    mod = _float_fmod(s, x, y, x / y)
    mod = s.select(_other_sign(mod, y), mod + y, mod)
    return s.select(mod.eq(0), s.copysign(mod, y), mod)


def _other_sign(mod: Scalar, y: Scalar) -> Scalar:
    """Whether a remainder must move to the side of zero where y is."""
    return mod.ne(0) & ((y < 0) ^ (mod < 0))


def _safe_divisor(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """y, but 1 where the machine's division would trap: by 0, and the smallest integer by -1."""
    trap = y.eq(0)
    if x.dtype.is_signed:
        trap = trap | (y.eq(-1) & x.eq(-(2 ** (x.dtype.bits - 1))))
    return s.select(trap, 1, y)


def truncating_quotient(s: ScalarBuilder, x: Scalar, divisor: Scalar) -> Scalar:
    """x / divisor without its fraction, for a safe divisor.

    Few processors divide vectors of integers, all divide vectors of floats. A float quotient of
    integers below 2**k with at least k + 1 bits of precision never rounds up to an integer: the
    exact quotient is 1/divisor or more away from the next one.
    """
    if x.dtype.bits > 32:
        return s.quotient(x, divisor)
    wide = DType.F64 if x.dtype.bits > 16 else DType.F32
    return s.cast(s.cast(x, wide) / s.cast(divisor, wide), x.dtype)


def truncating_remainder(s: ScalarBuilder, x: Scalar, divisor: Scalar) -> Scalar:
    """What truncating_quotient leaves over."""
    if x.dtype.bits > 32:
        return s.remainder(x, divisor)
    return x - truncating_quotient(s, x, divisor) * divisor


def _floor_divide(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.is_float:
        return _float_floor_divide(s, x, y)
    divisor = _safe_divisor(s, x, y)
    q = truncating_quotient(s, x, divisor)
    if x.dtype.is_signed:
        rest = x - q * divisor
        q = s.select(rest.ne(0) & ((rest ^ divisor) < 0), q - 1, q)
    return s.select(y.eq(0), 0, q)


def _remainder(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.is_float:
        return _float_remainder(s, x, y)
    divisor = _safe_divisor(s, x, y)  # a remainder by 1 is 0, the result where y is 0
    rest = truncating_remainder(s, x, divisor)
    if x.dtype.is_unsigned:
        return rest
    return s.select(rest.ne(0) & ((rest ^ divisor) < 0), rest + divisor, rest)


def _fmod(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype.is_float:
        return _float_fmod(s, x, y, x / y)
    return truncating_remainder(s, x, _safe_divisor(s, x, y))


def _remainder_by_divisor(ct: Term, out: Term, x: Term, y: Term) -> Term:
    """Minus the rounded quotient: that of what is left without the remainder."""
    return -(ct * ((x - out) / y).op("rint"))


FLOOR_DIVIDE = elementwise(
    "floor_divide",
    2,
    NUMBERS,
    reference=np.floor_divide,
    lower=_floor_divide,
    derivative=pointwise(None, None),
    cost=40.0,
    doc="Quotient rounded down; 0 for an integer divided by 0, x/0 for floats.",
)

REMAINDER = elementwise(
    "remainder",
    2,
    NUMBERS,
    reference=np.remainder,
    lower=_remainder,
    derivative=pointwise(lambda ct, out, x, y: ct, _remainder_by_divisor),
    cost=30.0,
    doc="x - floor(x/y)*y, with the sign of y; 0 for an integer divided by 0, NaN for floats.",
)

FMOD = elementwise(
    "fmod",
    2,
    NUMBERS,
    reference=np.fmod,
    lower=_fmod,
    derivative=pointwise(lambda ct, out, x, y: ct, _remainder_by_divisor),
    cost=20.0,
    doc="x - trunc(x/y)*y, with the sign of x; 0 for an integer divided by 0, NaN for floats.",
)
