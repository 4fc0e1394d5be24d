"""Exponentials: exp, exp2, expm1.

Layer: compiler/ops/math. x = k ln 2 + r with an integer k and |r| <= ln(2)/2, after Cody and Waite;
a minimax polynomial in r; then 2**k by writing the exponent field. Inputs are clamped to where the
results are 0 or infinity, so that k never leaves the field.
"""

from __future__ import annotations

from typing import NamedTuple

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .formats import FORMATS, Coefficients, clamp, hexadecimal, horner

LOG2_E = float.fromhex("0x1.71547652b82fep+0")

# ln 2 as a sum; the first part times k is subtracted without rounding by a fused multiply-add
LN2: Coefficients = {
    DType.F32: hexadecimal("0x1.62e430p-1 -0x1.05c610p-29"),
    DType.F64: hexadecimal("0x1.62e42fefa39efp-1 0x1.abc9e3b39803fp-56"),
}

# (exp(r) - 1 - r) / r**2 on |r| <= 0.3466; error relative to exp(r): 2^-28.0, 2^-56.4
_EXP: Coefficients = {
    DType.F32: hexadecimal(
        "0x1.fffffcp-2 0x1.555492p-3 0x1.5558f2p-5 0x1.1239e2p-7 0x1.6a2412p-10"
    ),
    DType.F64: hexadecimal(
        "0x1.000000000000ap-1 0x1.55555555554fap-3 0x1.555555555087dp-5 0x1.1111111127be5p-7"
        " 0x1.6c16c18429f22p-10 0x1.a01a012a57d3ap-13 0x1.a0199a0cb4150p-16 0x1.71df25523260ap-19"
        " 0x1.28ad728a90809p-22 0x1.ad7f6ea744497p-26"
    ),
}

# (2**r - 1) / r on |r| <= 0.5; error relative to 2**r: 2^-25.9, 2^-55.0
_EXP2: Coefficients = {
    DType.F32: hexadecimal(
        "0x1.62e430p-1 0x1.ebfbdcp-3 0x1.c6aee8p-5 0x1.3b2d4ep-7 0x1.5f3e80p-10 0x1.41fbc2p-13"
    ),
    DType.F64: hexadecimal(
        "0x1.62e42fefa39efp-1 0x1.ebfbdff82c5a4p-3 0x1.c6b08d7049fe7p-5 0x1.3b2ab6fba00fbp-7"
        " 0x1.5d87fe78cd7a7p-10 0x1.4309130edf806p-13 0x1.ffcbfba955c27p-17 0x1.62bfc78b33d93p-20"
        " 0x1.b5267d0da6733p-24 0x1.e61b70cfbeaacp-28 0x1.e79bb2a51ab3fp-32"
    ),
}

# as _EXP, but with the error relative to exp(r) - 1: 2^-28.8, 2^-59.9
_EXPM1: Coefficients = {
    DType.F32: hexadecimal(
        "0x1p-1 0x1.555554p-3 0x1.5554b2p-5 0x1.11118ap-7 0x1.6d71f6p-10 0x1.a032ccp-13"
    ),
    DType.F64: hexadecimal(
        "0x1p-1 0x1.5555555555559p-3 0x1.555555555553fp-5 0x1.111111110f6dap-7"
        " 0x1.6c16c16c1f068p-10 0x1.a01a01afd3e58p-13 0x1.a01a017bcaf9fp-16 0x1.71ddf87ea7a1fp-19"
        " 0x1.27e5362311c1cp-22 0x1.af5e752b50439p-26 0x1.1ee89544ff37fp-29"
    ),
}

# beyond these exp, exp2 and expm1 are 0 (or -1) and infinity
_EXP_RANGE = {DType.F32: (-104.0, 89.0), DType.F64: (-746.0, 710.0)}
_EXP2_RANGE = {DType.F32: (-151.0, 128.0), DType.F64: (-1076.0, 1024.0)}
_EXPM1_RANGE = {DType.F32: (-18.0, 89.0), DType.F64: (-38.0, 710.0)}


class Reduced(NamedTuple):
    """x = k ln 2 + r + tail."""

    k: Scalar  # an integer, as a float
    bits: Scalar  # unsigned; k + bias in the low bits
    r: Scalar
    rounded: Scalar  # r + tail before it was rounded, less the second part of k ln 2


def reduce_by_ln2(s: ScalarBuilder, x: Scalar, bias: int) -> Reduced:
    """Split a clamped x; `bias` is added to k in `bits`."""
    dtype = x.dtype
    format = FORMATS[dtype]
    magic = format.integer_magic + bias
    shifted = s.fma(x, LOG2_E, magic)
    k = shifted - magic
    high, low = LN2[dtype]
    first = s.fma(k, -high, x)
    return Reduced(k, s.bitcast(shifted, format.unsigned), s.fma(k, -low, first), first)


def reduction_tail(s: ScalarBuilder, x: Reduced) -> Scalar:
    """What rounding took from `x.r`."""
    return s.fma(x.k, -LN2[x.r.dtype][1], x.rounded - x.r)


def scale(s: ScalarBuilder, y: Scalar, bits: Scalar) -> Scalar:
    """y * 2**k, for `bits` that hold k + 2 bias; rounds once where the result is subnormal."""
    format = FORMATS[y.dtype]
    half = bits >> 1
    first = s.bitcast(half << format.fraction, y.dtype)
    second = s.bitcast((bits - half) << format.fraction, y.dtype)
    return y * first * second


def exp(s: ScalarBuilder, x: Scalar) -> Scalar:
    """e**x."""
    dtype = x.dtype
    reduced = reduce_by_ln2(s, clamp(s, x, *_EXP_RANGE[dtype]), 2 * FORMATS[dtype].bias)
    r = reduced.r
    p = s.fma(s.fma(horner(s, r, _EXP[dtype]), r, 1.0), r, 1.0)
    return scale(s, p, reduced.bits)


def exp2(s: ScalarBuilder, x: Scalar) -> Scalar:
    """2**x."""
    dtype = x.dtype
    format = FORMATS[dtype]
    x = clamp(s, x, *_EXP2_RANGE[dtype])
    magic = format.integer_magic + 2 * format.bias
    shifted = x + magic
    r = x - (shifted - magic)
    p = s.fma(horner(s, r, _EXP2[dtype]), r, 1.0)
    return scale(s, p, s.bitcast(shifted, format.unsigned))


def exp2_of_sum(s: ScalarBuilder, x: Scalar, low: Scalar, factor: Scalar | None = None) -> Scalar:
    """factor 2**(x + low) for a low far below x, and a factor between 2**-6 and 1."""
    dtype = x.dtype
    format = FORMATS[dtype]
    bottom, top = _EXP2_RANGE[dtype]
    bounded = clamp(s, x, bottom, top)
    low = s.select(bounded.eq(x), low, 0.0)
    magic = format.integer_magic + 2 * format.bias
    shifted = bounded + magic
    r = bounded - (shifted - magic) + low
    p = s.fma(horner(s, r, _EXP2[dtype]), r, 1.0)
    if factor is not None:
        p = p * factor
    return scale(s, p, s.bitcast(shifted, format.unsigned))


def exp2_parts(s: ScalarBuilder, x: Scalar, factor: float = 1.0) -> tuple[Scalar, Scalar]:
    """2**k and 2**r with x factor = k + r, for results within the range of normal floats.

    The product is rounded: an approximation to be used where exponentials are corrections.
    """
    format = FORMATS[x.dtype]
    magic = format.integer_magic + format.bias
    shifted = x + magic if factor == 1.0 else s.fma(x, factor, magic)
    k = shifted - magic
    r = x - k if factor == 1.0 else s.fma(x, factor, -k)
    power = s.bitcast(s.bitcast(shifted, format.unsigned) << format.fraction, x.dtype)
    return power, s.fma(horner(s, r, _EXP2[x.dtype]), r, 1.0)


def expm1(s: ScalarBuilder, x: Scalar) -> Scalar:
    """e**x - 1, with full precision near 0."""
    tiny = 2.0 ** -(FORMATS[x.dtype].fraction + 2)
    high, low = expm1_half(s, clamp(s, x, *_EXPM1_RANGE[x.dtype]))
    total = high + low
    return s.select(s.fabs(x) < tiny, x, total + total)


def expm1_half(s: ScalarBuilder, x: Scalar) -> tuple[Scalar, Scalar]:
    """(e**x - 1) / 2 for a clamped x as an unevaluated sum, the first part much the larger.

    With s = 2**k / 2: s e**r - 1/2 = (s - 1/2) + s r + s (e**r - 1 - r); the two leading terms are
    added without loss. Halved, so that s does not overflow before the result does.
    """
    dtype = x.dtype
    format = FORMATS[dtype]
    reduced = reduce_by_ln2(s, x, format.bias - 1)
    r = reduced.r
    power = s.bitcast(reduced.bits << format.fraction, dtype)
    rest = s.fma(horner(s, r, _EXPM1[dtype]), r * r, reduction_tail(s, reduced))
    leading = power - 0.5
    high = s.fma(power, r, leading)
    lost = s.fma(power, r, leading - high)
    return high, s.fma(power, rest, lost)
