"""Hyperbolic functions and their inverses.

Layer: compiler/ops/math. With |x| = k ln 2 + r, the even and odd parts of exp(r) are polynomials,
and sinh(x), cosh(x) are sums of them times (2**k +- 2**-k) / 2. tanh comes from exp(2x) - 1. The
inverses are logarithms of sums.
"""

from __future__ import annotations

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .exponential import LN2, LOG2_E, exp2_parts, reduce_by_ln2, reduction_tail
from .formats import FORMATS, Coefficients, divide, fast_sum, hexadecimal, horner
from .logarithm import log1p_of_sum

# (cosh(r) - 1) / r**2 and (sinh(r) - r) / r**3 in r**2 on |r| <= 0.3466; errors relative to 1 and
# to r: 2^-29.9, 2^-30.9 for f32; 2^-64.7, 2^-60.7 for f64
_COSH: Coefficients = {
    DType.F32: hexadecimal("0x1p-1 0x1.55547ep-5 0x1.6d9790p-10"),
    DType.F64: hexadecimal(
        "0x1p-1 0x1.555555555555cp-5 0x1.6c16c16c13f21p-10 0x1.a01a01b1808fcp-16"
        " 0x1.27e4c4feec7a1p-22 0x1.1f95495dffaa8p-29"
    ),
}
_SINH: Coefficients = {
    DType.F32: hexadecimal("0x1.555556p-3 0x1.1110b2p-7 0x1.a16ff0p-13"),
    DType.F64: hexadecimal(
        "0x1.5555555555559p-3 0x1.111111110f6aep-7 0x1.a01a01afe57eap-13 0x1.71ddf852c9bb9p-19"
        " 0x1.af5ec06d9d1fbp-26"
    ),
}

# (atanh(t) - t) / t**3 in t**2 on |t| <= 0.24; error relative to t: 2^-32.3, 2^-57.6
_ATANH: Coefficients = {
    DType.F32: hexadecimal("0x1.555550p-2 0x1.99a09cp-3 0x1.232882p-3 0x1.ffe412p-4"),
    DType.F64: hexadecimal(
        "0x1.55555555554d8p-2 0x1.99999999bbc56p-3 0x1.2492490b12731p-3 0x1.c71c842864e92p-4"
        " 0x1.74596f5a96519p-4 0x1.3b7fb36b9524dp-4 0x1.09e694f0469fdp-4 0x1.30e8154d6af9dp-4"
    ),
}

# (tanh(x)/x - 1) / x**2 in x**2 on |x| <= _TANH_SPLIT; error relative to tanh(x): 2^-27.6, 2^-55.6
_TANH_SPLIT = 0.875
_TANH: Coefficients = {
    DType.F32: hexadecimal(
        "-0x1.55555p-2 0x1.110fa8p-3 -0x1.b9da64p-5 0x1.637758p-6 -0x1.110376p-7 0x1.5b711ap-9"
        " -0x1.f9c004p-12"
    ),
    DType.F64: hexadecimal(
        "-0x1.5555555555537p-2 0x1.111111110f485p-3 -0x1.ba1ba1b8f0980p-5 0x1.664f48512124ep-6"
        " -0x1.226e307807d64p-7 0x1.d6d32fd5e8ee0p-9 -0x1.7d9c4c80194a6p-10 0x1.351f627416527p-11"
        " -0x1.f2eb92de2bab1p-13 0x1.8b97b55b915d7p-14 -0x1.2793712b8a6f9p-15"
        " 0x1.7be8d81fe1fd6p-17 -0x1.643b30f573dd0p-19 0x1.5bf8110e7d261p-22"
    ),
}

_SINH_END = {DType.F32: 89.5, DType.F64: 710.6}  # from here on infinity
_TANH_END = {DType.F32: 9.5, DType.F64: 19.5}  # from here on 1


class _Halves:
    """For x >= 0: 2**(k-1) +- 2**(-k-1), and the parts of exp(r), all divided by 2."""

    def __init__(self, s: ScalarBuilder, x: Scalar) -> None:
        dtype = x.dtype
        format = FORMATS[dtype]
        x = s.select(x > _SINH_END[dtype], _SINH_END[dtype], x)
        # halved once more than needed, so that only the last doubling overflows
        reduced = reduce_by_ln2(s, x, format.bias - 2)
        up = s.bitcast(reduced.bits << format.fraction, dtype)
        inverse = 2 * (format.bias - 2) - reduced.bits
        down = s.bitcast(inverse << format.fraction, dtype)
        # 2**-k leaves the format where k is largest; long before, it is lost beside 2**k
        down = s.select(x < 0.5 * _SINH_END[dtype], down, 0.0)
        self.up, self.down = up, down
        self.r = reduced.r
        self.tail = reduction_tail(s, reduced)
        z = self.r * self.r
        self.even = horner(s, z, _COSH[dtype]) * z
        self.odd = s.fma(horner(s, z, _SINH[dtype]), z * self.r, self.tail)


def sinh(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Hyperbolic sine."""
    magnitude = s.fabs(x)
    h = _Halves(s, magnitude)
    plus, minus = h.up + h.down, h.up - h.down
    # minus * cosh(r) + plus * sinh(r), the leading minus + plus * r without loss
    total = s.fma(plus, h.r, minus)
    lost = s.fma(plus, h.r, minus - total) + (h.up - minus - h.down)
    y = total + s.fma(minus, h.even, s.fma(plus, h.odd, lost))
    y = s.select(magnitude < 2.0 ** -(FORMATS[x.dtype].fraction // 2 + 2), magnitude, y + y)
    return s.copysign(y, x)


def cosh(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Hyperbolic cosine."""
    h = _Halves(s, s.fabs(x))
    plus, minus = h.up + h.down, h.up - h.down
    total = s.fma(minus, h.r, plus)
    lost = s.fma(minus, h.r, plus - total) + (h.up - plus + h.down)
    y = total + s.fma(plus, h.even, s.fma(minus, h.odd, lost))
    return y + y


def tanh(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Hyperbolic tangent: x times a polynomial, or 1 - 2 / (exp(2x) + 1)."""
    dtype = x.dtype
    a = s.fabs(x)
    z = a * a
    small = s.fma(horner(s, z, _TANH[dtype]), z * a, a)
    end = _TANH_END[dtype]
    power, p = exp2_parts(s, s.select(a > end, end, a), 2.0 * LOG2_E)
    large = 1.0 - 2.0 / s.fma(power, p, 1.0)
    return s.copysign(s.select(a < _TANH_SPLIT, small, large), x)


def asinh(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Inverse hyperbolic sine: log(1 + a + a**2 / (1 + sqrt(1 + a**2))) for a = |x|."""
    a = s.fabs(x)
    square = a * a
    rest = square / (s.sqrt(square + 1.0) + 1.0)
    argument, low = fast_sum(a, rest)
    y = _log1p_or_log_of_double(s, a, argument, low)
    y = s.select(a < 2.0 ** -(FORMATS[x.dtype].fraction // 2 + 2), a, y)
    return s.copysign(y, x)


def acosh(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Inverse hyperbolic cosine: log(1 + t + sqrt(t (t + 2))) for t = x - 1; NaN below 1."""
    t = x - 1.0
    square = s.fma(t, t, t + t)
    root = s.sqrt(square)
    argument, low = fast_sum(root, t)
    # what sqrt lost is (square - root**2) / (2 root)
    lost = s.fma(-root, root, square) / (root + root)
    low = s.select(root > 0.0, low + lost, low)
    y = _log1p_or_log_of_double(s, x, argument, low)
    return s.select(x < 1.0, float("nan"), y)


def _log1p_or_log_of_double(s: ScalarBuilder, a: Scalar, argument: Scalar, low: Scalar) -> Scalar:
    """log(1 + argument + low), or log(2 a) for an a that dwarfs 1 and whose square may overflow."""
    large = a > 2.0 ** (FORMATS[a.dtype].fraction + 3)
    argument = s.select(large, a, argument)
    low = s.select(large, 0.0, low)
    more = s.select(large, s.const(1.0, a.dtype), 0.0)
    return s.select(a < float("inf"), log1p_of_sum(s, argument, low, more), a)


def atanh(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Inverse hyperbolic tangent.

    With n = 1 + a, d = 1 - a and an integer k near log2(n / d):
    log(n / d) / 2 = k ln(2) / 2 + atanh((n - 2**k d) / (n + 2**k d)), the last argument small.
    """
    dtype = x.dtype
    format = FORMATS[dtype]
    a = s.fabs(x)
    n, n_low = fast_sum(s.const(1.0, dtype), a)
    d, d_low = fast_sum(s.const(1.0, dtype), -a)
    # log2 of a float is roughly its bits; from 0.6 on k is 1, so that little cancels below
    ratio = s.bitcast(n, format.signed) - s.bitcast(d, format.signed)
    exponent = (ratio + int(0.4 * (1 << format.fraction))) >> format.fraction
    power = s.bitcast((exponent + format.bias) << format.fraction, dtype)
    numerator = fast_sum(s.fma(-power, d, n), s.fma(-power, d_low, n_low))
    denominator = s.fma(power, d, n)
    t = divide(s, numerator, (denominator, s.fma(power, d, n - denominator)))
    k = s.cast(exponent, dtype)
    t = s.select(exponent.eq(0), a, t)
    z = t * t
    rest = horner(s, z, _ATANH[dtype]) * (z * t)
    high, low = LN2[dtype]
    total = s.fma(k, high / 2, t)
    lost = s.fma(k, high / 2, -total) + t
    y = total + (s.fma(k, low / 2, rest) + lost)
    y = s.select(a < 1.0, y, s.select(a.eq(1.0), s.const(float("inf"), dtype), float("nan")))
    return s.copysign(y, x)
