"""Sine, cosine, tangent.

Layer: compiler/ops/math. |x| = k pi/2 + r with |r| <= pi/4, pi/2 in three parts (Cody and Waite;
with fused multiply-adds the first subtraction is exact), then minimax polynomials for sin(r) and
cos(r), chosen by k. Arguments too large for the three parts go to the C library, lane by lane.
"""

from __future__ import annotations

from typing import NamedTuple

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .formats import FORMATS, Coefficients, divide, fast_sum, hexadecimal, horner

_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")

_HALF_PI: Coefficients = {
    DType.F32: hexadecimal("0x1.921fb6p+0 -0x1.777a5cp-25 -0x1.ee59dap-50"),
    DType.F64: hexadecimal("0x1.921fb54442d18p+0 0x1.1a62633145c07p-54 -0x1.f1976b7ed8fbcp-110"),
}
_LARGEST = {DType.F32: 2.0**17, DType.F64: 2.0**30}

# (sin(r)/r - 1) / r**2 in r**2, |r| <= pi/4 (and 0.02 more for f32, where k is less certain);
# error relative to sin(r): 2^-27.1, 2^-56.4
_SIN: Coefficients = {
    DType.F32: hexadecimal("-0x1.555542p-3 0x1.110630p-7 -0x1.98e9c0p-13"),
    DType.F64: hexadecimal(
        "-0x1.5555555555548p-3 0x1.111111110f7cap-7 -0x1.a01a019bfd1f6p-13 0x1.71de356717a6bp-19"
        " -0x1.ae5e59f962f10p-26 0x1.5d8fa42d6b6ffp-33"
    ),
}

# (cos(r) - 1 + r**2/2) / r**4 in r**2, same intervals; error relative to cos(r): 2^-31.5, 2^-59.6
_COS: Coefficients = {
    DType.F32: hexadecimal("0x1.555548p-5 -0x1.6c0b12p-10 0x1.99993ap-16"),
    DType.F64: hexadecimal(
        "0x1.555555555554bp-5 -0x1.6c16c16c14f8ap-10 0x1.a01a019c839d5p-16 -0x1.27e4f7ea3ffd7p-22"
        " 0x1.1ee9d757fed85p-29 -0x1.8fa4689c4fb8dp-37"
    ),
}


class _Reduced(NamedTuple):
    """|x| = k pi/2 + r + tail."""

    bits: Scalar  # unsigned; the low bits are those of k
    r: Scalar
    tail: Scalar


def _reduce(s: ScalarBuilder, x: Scalar, quadrants: int) -> _Reduced:
    """For x >= 0; `quadrants` is added to k in `bits`."""
    dtype = x.dtype
    format = FORMATS[dtype]
    magic = format.integer_magic + quadrants
    shifted = s.fma(x, _TWO_OVER_PI, magic)
    k = shifted - magic
    first, second, third = _HALF_PI[dtype]
    a = s.fma(k, -first, x)  # exact
    b = k * second
    r = a - b
    tail = s.fma(k, -third, a - r - b) - s.fma(k, second, -b)
    return _Reduced(s.bitcast(shifted, format.unsigned), r, tail)


def _sine(s: ScalarBuilder, x: _Reduced, z: Scalar) -> tuple[Scalar, Scalar]:
    """sin(r + tail) as a sum, z = r**2."""
    return x.r, s.fma(z * x.r, horner(s, z, _SIN[z.dtype]), x.tail)


def _cosine(s: ScalarBuilder, x: _Reduced, z: Scalar) -> tuple[Scalar, Scalar]:
    """cos(r + tail) as a sum, z = r**2; 1 - z/2 is kept without loss."""
    leading = s.fma(z, -0.5, 1.0)
    lost = s.fma(z, -0.5, 1.0 - leading)
    return leading, s.fma(z * z, horner(s, z, _COS[z.dtype]), s.fma(-x.r, x.tail, lost))


def _choose(s: ScalarBuilder, x: _Reduced) -> Scalar:
    """sin(r + tail) turned by k quadrants."""
    format = FORMATS[x.r.dtype]
    z = x.r * x.r
    odd = (x.bits & 1).ne(0)
    (sine, sine_rest), (cosine, cosine_rest) = _sine(s, x, z), _cosine(s, x, z)
    chosen = s.select(odd, cosine, sine) + s.select(odd, cosine_rest, sine_rest)
    sign = (x.bits & 2) << (format.width - 2)
    return s.bitcast(s.bitcast(chosen, format.unsigned) ^ sign, x.r.dtype)


def sin(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Sine of an angle in radians."""
    format = FORMATS[x.dtype]
    magnitude = s.fabs(x)
    y = _choose(s, _reduce(s, magnitude, 0))
    sign = s.bitcast(x, format.unsigned) & format.sign
    y = s.bitcast(s.bitcast(y, format.unsigned) ^ sign, x.dtype)
    return s.repair(magnitude > _LARGEST[x.dtype], y, "sin", x)


def cos(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Cosine of an angle in radians."""
    magnitude = s.fabs(x)
    y = _choose(s, _reduce(s, magnitude, 1))
    return s.repair(magnitude > _LARGEST[x.dtype], y, "cos", x)


def sin_and_cos(s: ScalarBuilder, x: Scalar) -> tuple[Scalar, Scalar]:
    """What `sin` and `cos` give for a small x >= 0 (below 1e5), with their common parts once."""
    format = FORMATS[x.dtype]
    reduced = _reduce(s, x, 0)
    z = reduced.r * reduced.r
    (sine, sine_rest), (cosine, cosine_rest) = _sine(s, reduced, z), _cosine(s, reduced, z)
    sine, cosine = sine + sine_rest, cosine + cosine_rest
    odd = (reduced.bits & 1).ne(0)

    def turned(y: Scalar, bits: Scalar) -> Scalar:
        sign = (bits & 2) << (format.width - 2)
        return s.bitcast(s.bitcast(y, format.unsigned) ^ sign, x.dtype)

    return (
        turned(s.select(odd, cosine, sine), reduced.bits),
        turned(s.select(odd, sine, cosine), reduced.bits + 1),
    )


def tan(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Tangent of an angle in radians.

    In odd quadrants -cos/sin. Numerator and denominator are sums of two floats and the quotient is
    corrected by its remainder, because three roundings would add up to 2 ULP.
    """
    format = FORMATS[x.dtype]
    magnitude = s.fabs(x)
    reduced = _reduce(s, magnitude, 0)
    z = reduced.r * reduced.r
    sine, sine_low = fast_sum(*_sine(s, reduced, z))
    cosine, cosine_low = fast_sum(*_cosine(s, reduced, z))
    odd = (reduced.bits & 1).ne(0)
    y = divide(
        s,
        (s.select(odd, cosine, sine), s.select(odd, cosine_low, sine_low)),
        (s.select(odd, sine, cosine), s.select(odd, sine_low, cosine_low)),
    )
    sign = (s.bitcast(x, format.unsigned) & format.sign) ^ (reduced.bits << (format.width - 1))
    y = s.bitcast(s.bitcast(y, format.unsigned) ^ sign, x.dtype)
    return s.repair(magnitude > _LARGEST[x.dtype], y, "tan", x)
