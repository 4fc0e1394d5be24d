"""Powers and roots: pow, cbrt, hypot.

Layer: compiler/ops/math.
"""

from __future__ import annotations

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .exponential import exp2_of_sum
from .formats import FORMATS, Coefficients, clamp, fast_sum, hexadecimal, horner
from .logarithm import split_any

# 2 atanh(t) / ln 2 = t (c1 + z (c3 + z q(z))), z = t**2, |t| <= 0.1716; relative error 2^-66.2
_POW_C1 = hexadecimal("0x1.71547652b82fep+1 0x1.777d0ffda0d24p-55")
_POW_C3 = hexadecimal("0x1.ec709dc3a03fdp-1 0x1.d27f05548af0cp-55")
_POW_Q = hexadecimal(
    "0x1.2776c50ef9d24p-1 0x1.a61762a75986dp-2 0x1.484b1421970dcp-2 0x1.0c9a63d776a7fp-2"
    " 0x1.c69f8bd3ead90p-3 0x1.87b0c7ea3e06ap-3 0x1.85e8e3586d25cp-3"
)
# the same to the precision of f32, where pow computes in f64: 2^-37.8
_POW_F32 = hexadecimal(
    "0x1.71547652bee8dp+1 0x1.ec709d1229b0ep-1 0x1.2777805894008p-1 0x1.a58d583f35304p-2"
    " 0x1.5ceb9db8dbbb8p-2"
)
# 2**r on |r| <= 1/2; relative error 2^-29.0
_EXP2_F32 = hexadecimal(
    "0x1.0000000262361p+0 0x1.62e430c82a037p-1 0x1.ebfbdadb7194ap-3 0x1.c6aed460ddb9ep-5"
    " 0x1.3b2dbc2cb9ffcp-7 0x1.5f4597489b85ap-10 0x1.41d3319662f20p-13"
)

_INFINITY = float("inf")
_NAN = float("nan")


def _log2_sum(s: ScalarBuilder, x: Scalar) -> tuple[Scalar, Scalar]:
    """log2(x) for a positive f64 x, as a sum with about 12 bits more than f64."""
    k, _, m = split_any(s, x)
    # t = (m - 1) / (m + 1) as a sum
    d, d_low = fast_sum(s.const(1.0, x.dtype), m)
    reciprocal = 1.0 / d
    f = m - 1.0
    t = f * reciprocal
    t_low = s.fma(-t, d_low, s.fma(-t, d, f)) * reciprocal
    z = t * t
    z_low = s.fma(t + t, t_low, s.fma(t, t, -z))
    (c1, c1_low), (c3, c3_low) = _POW_C1, _POW_C3
    # v = c3 + z q, w = z v, g = c1 + w, log2(m) = t g: each a sum
    v, v_low = fast_sum(s.const(c3, x.dtype), z * horner(s, z, _POW_Q))
    w = z * v
    w_low = s.fma(z, v_low + c3_low, s.fma(z_low, v, s.fma(z, v, -w)))
    g, g_low = fast_sum(s.const(c1, x.dtype), w)
    g_low = g_low + (w_low + c1_low)
    h = t * g
    h_low = s.fma(t, g_low, s.fma(t_low, g, s.fma(t, g, -h)))
    total, lost = fast_sum(k, h)
    return total, lost + h_low


def _pow_positive(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """x**y for a positive finite x and a finite y."""
    log, log_low = _log2_sum(s, x)
    product = y * log
    low = s.fma(y, log_low, s.fma(y, log, -product))
    return exp2_of_sum(s, product, low)


def _pow_positive_f32(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """The same for f32, in f64."""
    parts = split_any(s, x)
    m = s.cast(parts.m, DType.F64)
    t = (m - 1.0) / (m + 1.0)
    log = s.fma(t, horner(s, t * t, _POW_F32), s.cast(parts.k, DType.F64))
    # within the range of f64, past that of f32
    exponent = clamp(s, s.cast(y, DType.F64) * log, -200.0, 200.0)
    format = FORMATS[DType.F64]
    magic = format.integer_magic + format.bias
    shifted = exponent + magic
    p = horner(s, exponent - (shifted - magic), _EXP2_F32)
    scale = s.bitcast(s.bitcast(shifted, format.unsigned) << format.fraction, DType.F64)
    return s.cast(p * scale, DType.F32)


def _pow_special(s: ScalarBuilder, x: Scalar, y: Scalar, r: Scalar) -> Scalar:
    """x**y in all cases; r is |x|**y where that is an ordinary number."""
    a, b = s.fabs(x), s.fabs(y)
    # infinite or zero: by whether |x| is above 1, and the sign of y
    grows = (a > 1.0) ^ (y < 0.0)
    end = s.select(grows, s.const(_INFINITY, x.dtype), 0.0)
    end = s.select(a.eq(1.0), 1.0, end)
    r = s.select(a.eq(0.0) | a.eq(_INFINITY) | b.eq(_INFINITY), end, r)
    integer = s.trunc(y).eq(y)
    half = y * 0.5
    odd = integer & s.trunc(half).ne(half)
    r = s.select(odd, s.copysign(r, x), r)
    r = s.select((x < 0.0) & (a < _INFINITY) & ~integer, _NAN, r)
    r = s.select(x.ne(x) | y.ne(y), _NAN, r)
    return s.select(x.eq(1.0) | y.eq(0.0), 1.0, r)


def pow(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """x**y as in C: 2**(y log2(x)), the logarithm as a sum of two floats."""
    a = s.fabs(x)
    r = _pow_positive_f32(s, a, y) if x.dtype is DType.F32 else _pow_positive(s, a, y)
    special = ~((x > 0.0) & (x < _INFINITY) & (s.fabs(y) < _INFINITY))

    def once(_: Scalar, r: Scalar) -> tuple[Scalar, Scalar]:
        return s.const(False, DType.BOOL), _pow_special(s, x, y, r)

    # a loop that runs once where some lane is special, and else not at all
    _, r = s.loop(lambda pending, _: pending, once, special, r)
    return r


# m**(-1/3) on [1, 2]; relative error 2^-14.7 for both
_RCBRT: Coefficients = dict.fromkeys(
    (DType.F32, DType.F64),
    hexadecimal(
        "0x1.ab858975ed78ap+0 -0x1.2c41d1361c501p+0 0x1.641630b500424p-1 -0x1.c5182cde1ec42p-3"
        " 0x1.d46f3ce3cb1a4p-6"
    ),
)
_CBRT_2: Coefficients = {
    DType.F32: hexadecimal("0x1.428a30p+0 -0x1.9ca35ep-26"),
    DType.F64: hexadecimal("0x1.428a2f98d728bp+0 -0x1.ddc22548ea41ep-56"),
}
_CBRT_4: Coefficients = {
    DType.F32: hexadecimal("0x1.965feap+0 0x1.4f5b90p-26"),
    DType.F64: hexadecimal("0x1.965fea53d6e3dp+0 -0x1.f53e999952f09p-54"),
}


def cbrt(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Cube root.

    |x| = 2**(3 q + j) m with 1 <= m < 2: a polynomial for m**(-1/3), improved by one step of order
    4, squared times m and corrected, times 2**(j/3) as a sum, times 2**q.
    """
    dtype = x.dtype
    format = FORMATS[dtype]
    a = s.fabs(x)
    up = 3 * (format.fraction // 3 + 1)
    subnormal = a < format.smallest_normal
    bits = s.bitcast(s.select(subnormal, a * 2.0**up, a), format.unsigned)
    m = s.bitcast((bits & format.fraction_mask) | format.one, dtype)
    q, j = _thirds(s, bits >> format.fraction, format.bias)
    t = horner(s, m, _RCBRT[dtype])
    h = s.fma(-m * t, t * t, 1.0)
    t = t * s.fma(s.fma(s.fma(h, 14 / 81, 2 / 9), h, 1 / 3), h, 1.0)
    y = m * t * t
    # one Newton step for y**3 = m, kept apart
    square = y * y
    residual = s.fma(square, y, -m) + s.fma(y, y, -square) * y
    y_low = residual * (t * t) * (-1 / 3)
    one, two = j.eq(1.0), j.eq(2.0)
    (c2, c2_low), (c4, c4_low) = _CBRT_2[dtype], _CBRT_4[dtype]
    factor = s.select(two, s.const(c4, dtype), s.select(one, s.const(c2, dtype), 1.0))
    factor_low = s.select(two, s.const(c4_low, dtype), s.select(one, s.const(c2_low, dtype), 0.0))
    product = y * factor
    low = s.fma(y, factor, -product) + s.fma(y, factor_low, y_low * factor)
    y = (product + low) * q
    y = s.select(subnormal, y * 2.0 ** -(up // 3), y)
    y = s.select(a.eq(0.0) | ~(a < _INFINITY), a, y)
    return s.copysign(y, x)


def _thirds(s: ScalarBuilder, field: Scalar, bias: int) -> tuple[Scalar, Scalar]:
    """2**q and j with field - bias = 3 q + j, j in {0, 1, 2}, all as floats."""
    dtype = next(d for d, f in FORMATS.items() if f.unsigned is field.dtype)
    format = FORMATS[dtype]
    implicit = 2.0**format.fraction
    # offset by a multiple of 3, so that the dividend is not negative
    offset = 3 * bias
    e = s.bitcast(field | ((format.fraction + bias) << format.fraction), dtype) - (
        implicit + bias - offset
    )
    # floor(e / 3) as the nearest integer to (e - 1) / 3
    magic = implicit * 1.5
    shifted = s.fma(e - 1.0, 1 / 3, magic)
    quotient = shifted - magic
    power = (s.bitcast(shifted, format.unsigned) + (bias - offset // 3)) << format.fraction
    return s.bitcast(power, dtype), s.fma(quotient, -3.0, e)


def hypot(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """sqrt(x**2 + y**2) without overflow on the way; infinite if either is, even beside a NaN."""
    a, b = s.fabs(x), s.fabs(y)
    larger, smaller = s.select(a > b, a, b), s.select(a > b, b, a)
    bias = FORMATS[x.dtype].bias
    # powers of 2 that bring the squares into range
    step = 2.0 ** (bias * 2 // 3)
    big, small = larger > 2.0 ** (bias // 2 - 1), larger < 2.0 ** -(bias // 2 - 40 * (bias > 127))
    down = s.select(big, s.const(1 / step, x.dtype), s.select(small, s.const(step, x.dtype), 1.0))
    back = s.select(big, s.const(step, x.dtype), s.select(small, s.const(1 / step, x.dtype), 1.0))
    larger, smaller = larger * down, smaller * down
    y = s.sqrt(s.fma(larger, larger, smaller * smaller)) * back
    return s.select(a.eq(_INFINITY) | b.eq(_INFINITY), _INFINITY, y)
