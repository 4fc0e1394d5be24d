"""Logarithms: log, log2, log10, log1p.

Layer: compiler/ops/math. x = 2**k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), and
log(1 + f) = f + g with a small g: for f32 a polynomial; for f64 the series of 2 atanh(s),
s = f / (2 + f), where a division is cheaper than the twelve terms that it saves.
"""

from __future__ import annotations

from typing import NamedTuple

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .exponential import LN2
from .formats import FORMATS, Coefficients, hexadecimal, horner

# (log(1 + f) - f + f**2/2) / f**3 on the interval of f; error relative to log(1 + f): 2^-28.1
_LOG1P_F32 = hexadecimal(
    "0x1.555548p-2 -0x1.000006p-2 0x1.99a4b8p-3 -0x1.555c4ep-3 0x1.233736p-3 -0x1.fc2194p-4"
    " 0x1.e6f2a6p-4 -0x1.de4018p-4 0x1.145778p-4"
)
# (2 atanh(s) - 2 s) / s**3 in s**2 on |s| <= 0.1716; error relative to 2 s: 2^-57.8
_ATANH_F64 = hexadecimal(
    "0x1.5555555555592p-1 0x1.999999997fd37p-2 0x1.24924941f8cebp-2 0x1.c71c5202b3787p-3"
    " 0x1.7466405bf049ep-3 0x1.39a19334c636dp-3 0x1.2f0705827d8dfp-3"
)

# 1/ln 2, 1/ln 10 and log10(2) as sums
LOG2_E_SUM: Coefficients = {
    DType.F32: hexadecimal("0x1.715476p+0 0x1.4ae0c0p-26"),
    DType.F64: hexadecimal("0x1.71547652b82fep+0 0x1.777d0ffda0d24p-56"),
}
_LOG10_E: Coefficients = {
    DType.F32: hexadecimal("0x1.bcb7b2p-2 -0x1.5b235ep-27"),
    DType.F64: hexadecimal("0x1.bcb7b1526e50ep-2 0x1.95355baaafad3p-57"),
}
_LOG10_2: Coefficients = {
    DType.F32: hexadecimal("0x1.344136p-2 -0x1.ec10c0p-27"),
    DType.F64: hexadecimal("0x1.34413509f79ffp-2 -0x1.9dc1da994fd21p-59"),
}
_SQRT_HALF = {DType.F32: 0x3F3504F3, DType.F64: 0x3FE6A09E667F3BCD}  # bits


class Split(NamedTuple):
    """x = 2**k m."""

    k: Scalar  # an integer, as a float
    field: Scalar  # unsigned, k + bias
    m: Scalar  # in [sqrt(1/2), sqrt(2))


def split(s: ScalarBuilder, x: Scalar) -> Split:
    """Of a positive normal x."""
    return _split(s, x, 0.0)


def split_any(s: ScalarBuilder, x: Scalar) -> Split:
    """Of a positive x that may be subnormal."""
    format = FORMATS[x.dtype]
    up = format.fraction + 1
    subnormal = x < format.smallest_normal
    shift = s.select(subnormal, s.const(float(up), x.dtype), 0.0)
    return _split(s, s.select(subnormal, x * 2.0**up, x), shift)


def _split(s: ScalarBuilder, x: Scalar, shift: Scalar | float) -> Split:
    format = FORMATS[x.dtype]
    bits = s.bitcast(x, format.unsigned) + (format.one - _SQRT_HALF[x.dtype])
    field = bits >> format.fraction
    m = s.bitcast((bits & format.fraction_mask) + _SQRT_HALF[x.dtype], x.dtype)
    # the field in the low bits of 2**fraction gives an integer as float, without a conversion
    implicit = 2.0**format.fraction
    integer = s.bitcast(field | ((format.fraction + format.bias) << format.fraction), x.dtype)
    k = integer - (implicit + format.bias)
    return Split(k if isinstance(shift, float) else k - shift, field, m)


def log1p_rest(s: ScalarBuilder, f: Scalar) -> Scalar:
    """log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2))."""
    if f.dtype is DType.F32:
        return s.fma(horner(s, f, _LOG1P_F32), f, -0.5) * (f * f)
    half_square = f * 0.5 * f
    quotient = f / (f + 2.0)
    z = quotient * quotient
    series = s.fma(horner(s, z, _ATANH_F64), z, half_square)
    return s.fma(quotient, series, -half_square)


def _with_special(s: ScalarBuilder, x: Scalar, y: Scalar, pole: float) -> Scalar:
    """y where x is in (pole, inf); -inf at the pole, NaN below it, and x from inf on."""
    y = s.select(x < float("inf"), y, x)
    y = s.select(x < pole, float("nan"), y)
    return s.select(x.eq(pole), float("-inf"), y)


def log(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Natural logarithm."""
    return _with_special(s, x, _log_of(s, split_any(s, x)), 0.0)


def log_of_normal(s: ScalarBuilder, x: Scalar) -> Scalar:
    """What `log` gives for a positive, normal, finite x."""
    return _log_of(s, split(s, x))


def _log_of(s: ScalarBuilder, x: Split) -> Scalar:
    f = x.m - 1.0
    high, low = LN2[f.dtype]
    return s.fma(x.k, high, f + s.fma(x.k, low, log1p_rest(s, f)))


def _scaled(s: ScalarBuilder, f: Scalar, table: Coefficients) -> tuple[Scalar, Scalar]:
    """log(1 + f) times a constant, as a sum."""
    high, low = table[f.dtype]
    product = f * high
    lost = s.fma(f, high, -product)
    return product, s.fma(log1p_rest(s, f), high, s.fma(f, low, lost))


def log2(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Logarithm to base 2; exact for powers of 2."""
    k, _, m = split_any(s, x)
    high, low = _scaled(s, m - 1.0, LOG2_E_SUM)
    total = k + high
    y = total + (high - (total - k) + low)
    return _with_special(s, x, y, 0.0)


def log10(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Logarithm to base 10."""
    k, _, m = split_any(s, x)
    high, low = _scaled(s, m - 1.0, _LOG10_E)
    first, second = _LOG10_2[x.dtype]
    total = s.fma(k, first, high)
    lost = s.fma(k, first, -total) + high
    y = total + (s.fma(k, second, low) + lost)
    return _with_special(s, x, y, 0.0)


def log1p(s: ScalarBuilder, x: Scalar) -> Scalar:
    """log(1 + x), with full precision near 0."""
    tiny = 2.0 ** -(FORMATS[x.dtype].fraction + 2)
    y = _with_special(s, x, log1p_of_sum(s, x), -1.0)
    return s.select(s.fabs(x) < tiny, x, y)


def log1p_of_sum(
    s: ScalarBuilder, x: Scalar, low: Scalar | None = None, more: Scalar | None = None
) -> Scalar:
    """log(1 + x + low) + more ln 2 for a finite x > -1 and a low far below x; NaN of NaN.

    With 1 + x = 2**k m, f = 2**-k x + (2**-k - 1) is computed as a sum of two floats.
    """
    format = FORMATS[x.dtype]
    k, field, m = split(s, x + 1.0)
    power = s.bitcast((2 * format.bias - field) << format.fraction, x.dtype)
    offset = power - 1.0
    f = s.fma(power, x, offset)
    lost = s.fma(power, x, offset - f)
    if low is not None:
        lost = s.fma(power, low, lost)
    # 2**-k leaves the format where x is largest; there m is exact and nothing is lost
    large = x > 2.0 ** (2 * format.fraction)
    f = s.select(large, m - 1.0, f)
    lost = s.select(large, 0.0, lost)
    if more is not None:
        k = k + more
    first, second = LN2[x.dtype]
    return s.fma(k, first, f + (s.fma(k, second, log1p_rest(s, f)) + lost))
