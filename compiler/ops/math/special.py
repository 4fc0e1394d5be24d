"""The error functions, and logarithms of sums of exponentials.

Layer: compiler/ops/math.
"""

from __future__ import annotations

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .exponential import LOG2_E, exp, exp2, exp2_of_sum, exp2_parts
from .formats import Coefficients, divide, fast_sum, hexadecimal, horner
from .logarithm import LOG2_E_SUM, log1p_of_sum

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


# (1 + 2 x) exp(x**2) erfc(x) in (x - c) / (x + c), after Shepherd and Laframboise, for x from 1/2
# to _ERFC_END, where erfc is 0; relative error 2^-26.1, 2^-54.1
_ERFC_CENTRE = {DType.F32: 2.0, DType.F64: 3.5}
_ERFC_END = {DType.F32: 10.1, DType.F64: 27.3}
_ERFC: Coefficients = {
    DType.F32: hexadecimal(
        "0x1.46e80ep+0 -0x1.7bf5dcp-4 -0x1.5407f8p-3 0x1.4ff8d6p-3 -0x1.bc1958p-5 -0x1.065b7cp-7"
        " 0x1.1bc06ep-7 0x1.2d433cp-10 -0x1.4bdcfcp-10 -0x1.defad4p-13"
    ),
    DType.F64: hexadecimal(
        "0x1.3e0a99a0ee914p+0 -0x1.1ebd220ea596ap-3 -0x1.59e2c284b1134p-7 0x1.8f702ec6b601dp-4"
        " -0x1.d76830c3539bdp-4 0x1.6861060409c82p-4 -0x1.8ff5ef76b5786p-5 0x1.38ec668b26c1ap-6"
        " -0x1.143c4cb32ea19p-8 -0x1.3cf3a4806eaa0p-12 0x1.27e667a804e6fp-11"
        " -0x1.fda4060431721p-14 -0x1.66e2ecc4aca46p-15 0x1.96c46b5396f9ap-16"
        " 0x1.38a3000d1e9a5p-19 -0x1.fb6ab757b0658p-19 -0x1.8a6e1718e2791p-25"
        " 0x1.2a3ed841f3e99p-21 -0x1.b8e6104ff3e92p-28 -0x1.021d1fba9555bp-24"
    ),
}


def erfc(s: ScalarBuilder, x: Scalar) -> Scalar:
    """1 - erf(x); above 1/2, exp(-x**2) times a slow function."""
    dtype = x.dtype
    magnitude = s.fabs(x)
    small = horner(s, magnitude * magnitude, _ERF_SMALL[dtype])
    small = s.fma(-x, small, 0.5) + (0.5 - x)
    a = s.select(magnitude > _ERFC_END[dtype], _ERFC_END[dtype], magnitude)
    centre = _ERFC_CENTRE[dtype]
    p = horner(s, (a - centre) / (a + centre), _ERFC[dtype])
    double, double_low = fast_sum(a + a, s.const(1.0, dtype))
    slow = divide(s, (p, s.const(0.0, dtype)), (double, double_low))
    # x**2 / ln 2 as a sum
    square = a * a
    high, low = LOG2_E_SUM[dtype]
    exponent = square * -high
    lost = s.fma(square, -high, -exponent) + s.fma(square, -low, s.fma(a, a, -square) * -high)
    large = exp2_of_sum(s, exponent, lost, slow)
    large = s.select(x < 0.0, 2.0 - large, large)
    return s.select(magnitude < 0.5, small, large)


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
