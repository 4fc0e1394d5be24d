"""The error function, and logarithms of sums of exponentials.

Layer: compiler/ops/math.
"""

from __future__ import annotations

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .exponential import LOG2_E, exp, exp2, exp2_parts
from .formats import Coefficients, hexadecimal, horner
from .logarithm import log1p_of_sum

# erf(x)/x - 1 in x**2 on |x| <= _ERF_SPLIT; error relative to erf(x): 2^-25.0, 2^-55.0
_ERF_SPLIT = {DType.F32: 0.9375, DType.F64: 1.0}
_ERF_SMALL: Coefficients = {
    DType.F32: hexadecimal(
        "0x1.06eba6p-3 -0x1.8126d4p-2 0x1.ce17a6p-4 -0x1.b66322p-6 0x1.464fecp-8 -0x1.365904p-11"
    ),
    DType.F64: hexadecimal(
        "0x1.06eba8214db68p-3 -0x1.812746b0379bdp-2 0x1.ce2f21a040d16p-4 -0x1.b82ce311fa940p-6"
        " 0x1.565bccf92b35ep-8 -0x1.c02db03dd823fp-11 0x1.f9a2baa917f2bp-14 -0x1.f4ca4d70c08c8p-17"
        " 0x1.b97fd3e863507p-20 -0x1.5c07274a4497bp-23 0x1.d71b1183329aep-27 -0x1.abae50381defbp-31"
    ),
}

# log2(1 - erf(x)) from _ERF_SPLIT to _ERF_END, where erf(x) is 1; error of erf(x): 2^-28.7, 2^-55.7
_ERF_END = {DType.F32: 3.9375, DType.F64: 5.9375}
_ERF_LARGE: Coefficients = {
    DType.F32: hexadecimal(
        "-0x1.52235ep-12 -0x1.a0712ep+0 -0x1.d6cd72p-1 -0x1.3295f4p-3 0x1.05bd9ep-5 -0x1.1dd582p-8"
        " 0x1.25536ap-12"
    ),
    DType.F64: hexadecimal(
        "-0x1.85747edb4519cp-21 -0x1.a0be08f40aa0bp+0 -0x1.d6435a0c62d80p-1 -0x1.2f739f0079b53p-3"
        " 0x1.c0df8c295936fp-6 0x1.3695edd04b4e7p-11 -0x1.6a4bfa63b005bp-9 0x1.2372eb811f155p-10"
        " -0x1.98955379d1337p-13 -0x1.ea9dc68fc263ep-16 0x1.1437938ad964ap-15"
        " -0x1.a395c5acf5965p-17 0x1.9d8f3b21acdc0p-19 -0x1.21268ef9d9158p-21 0x1.1faa08d5ce1adp-24"
        " -0x1.8610d68707916p-28 0x1.44668b76db04dp-32 -0x1.f4624a0877d8dp-38"
    ),
}


def erf(s: ScalarBuilder, x: Scalar) -> Scalar:
    """The error function: x times a polynomial, or 1 - 2**polynomial."""
    dtype = x.dtype
    magnitude = s.fabs(x)
    small = s.fma(horner(s, magnitude * magnitude, _ERF_SMALL[dtype]), magnitude, magnitude)
    bounded = s.select(magnitude > _ERF_END[dtype], _ERF_END[dtype], magnitude)
    power, p = exp2_parts(s, horner(s, bounded, _ERF_LARGE[dtype]))
    large = s.fma(-power, p, 1.0)
    return s.copysign(s.select(magnitude < _ERF_SPLIT[dtype], small, large), x)


def _larger(s: ScalarBuilder, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """max(x, y), and min(x, y) - max(x, y); the difference of equal infinities is 0."""
    difference = s.select(x.eq(y), 0.0, -s.fabs(x - y))
    return s.select(x > y, x, y), difference


def logaddexp(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """log(e**x + e**y)."""
    larger, difference = _larger(s, x, y)
    return larger + log1p_of_sum(s, exp(s, difference))


def logaddexp2(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """log2(2**x + 2**y)."""
    larger, difference = _larger(s, x, y)
    return larger + log1p_of_sum(s, exp2(s, difference)) * LOG2_E
