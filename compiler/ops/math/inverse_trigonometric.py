"""Inverses of sine, cosine and tangent.

Layer: compiler/ops/math. atan: a polynomial in the smaller of |x| and 1/|x|. asin: a polynomial up
to 1/2; above, asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)).
"""

from __future__ import annotations

from ...ir.types import DType
from ..scalar import Scalar, ScalarBuilder
from .formats import FORMATS, Coefficients, hexadecimal, horner

_PI: Coefficients = {
    DType.F32: hexadecimal("0x1.921fb6p+1 -0x1.777a5cp-24"),
    DType.F64: hexadecimal("0x1.921fb54442d18p+1 0x1.1a62633145c07p-53"),
}
_HALF_PI: Coefficients = {d: (high / 2, low / 2) for d, (high, low) in _PI.items()}

# (asin(x)/x - 1) / x**2 in x**2 on |x| <= 1/2; error relative to x: 2^-27.3, 2^-55.8
_ASIN: Coefficients = {
    DType.F32: hexadecimal("0x1.5555cap-3 0x1.330148p-4 0x1.748d0ep-5 0x1.8b9b66p-6 0x1.59e10ap-5"),
    DType.F64: hexadecimal(
        "0x1.5555555555386p-3 0x1.333333336fa06p-4 0x1.6db6db41c48a8p-5 0x1.f1c72c72436e2p-6"
        " 0x1.6e89ef020b7d7p-6 0x1.1c6c2edf0f23cp-6 0x1.c6f7ef6a7a884p-7 0x1.8ee857794f8fap-7"
        " 0x1.aa9360e6882dbp-8 0x1.40c83b74ccf17p-6 -0x1.0b1851580cbfbp-6 0x1.05daa7b5ad973p-5"
    ),
}

# (atan(x)/x - 1) / x**2 in x**2 on |x| <= 1; error relative to atan(x): 2^-28.5, 2^-56.5
_ATAN: Coefficients = {
    DType.F32: hexadecimal(
        "-0x1.55553ep-2 0x1.9991e4p-3 -0x1.242086p-3 0x1.c08c48p-4 -0x1.580912p-4"
        " 0x1.da2ac2p-5 -0x1.fd8312p-6 0x1.64304ap-7 -0x1.d37d8cp-10"
    ),
    DType.F64: hexadecimal(
        "-0x1.5555555555526p-2 0x1.99999999955b1p-3 -0x1.249249237f454p-3 0x1.c71c717fc9383p-4"
        " -0x1.745d11addcea0p-4 0x1.3b1366911093dp-4 -0x1.110e50c8ed501p-4"
        " 0x1.e1bba11133bd5p-5 -0x1.ae5e5659d517ap-5 0x1.82da67759cb93p-5"
        " -0x1.59a2b053c7cb1p-5 0x1.2c2b61f2da9fap-5 -0x1.e9efa7b381fb8p-6"
        " 0x1.682eed9c8cf0ep-6 -0x1.c773d8369acfap-7 0x1.d78f434d52a6ep-8"
        " -0x1.7a0c79b102a47p-9 0x1.b3b8cc3f5e9b9p-11 -0x1.3efbb6acafc21p-13"
        " 0x1.bb8e68840a575p-17"
    ),
}


def _atan_rest(s: ScalarBuilder, t: Scalar) -> Scalar:
    """atan(t) - t for |t| <= 1."""
    z = t * t
    return horner(s, z, _ATAN[t.dtype]) * (z * t)


def atan(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Inverse tangent, in [-pi/2, pi/2]."""
    high, low = _HALF_PI[x.dtype]
    magnitude = s.fabs(x)
    large = magnitude > 1.0
    t = s.select(large, -1.0 / magnitude, magnitude)
    rest = _atan_rest(s, t)
    # select the larger term too, so that 0 + t does not lose the sign of a zero
    y = s.select(large, high + (t + (rest + low)), t + rest)
    return s.copysign(y, x)


def atan2(s: ScalarBuilder, y: Scalar, x: Scalar) -> Scalar:
    """The angle of the point (x, y), in [-pi, pi]."""
    dtype = x.dtype
    half_high, half_low = _HALF_PI[dtype]
    a, b = s.fabs(x), s.fabs(y)
    steep = b > a
    numerator, denominator = s.select(steep, a, b), s.select(steep, b, a)
    # 0/0 has the angle of t = 0, inf/inf that of t = 1
    denominator = s.select(denominator.eq(0.0), 1.0, denominator)
    t = s.select(numerator.eq(denominator), 1.0, numerator / denominator)
    lost = s.fma(-t, denominator, numerator) / denominator
    # the remainder is exact only above the subnormals, and NaN beside infinities
    least = FORMATS[dtype].smallest_normal * 2.0 ** (FORMATS[dtype].fraction + 2)
    exact = (numerator > least) & (t > least) & (s.fabs(lost) < 1.0)
    lost = s.select(exact, lost, 0.0)
    rest = s.fma(lost, s.fma(t * t, -0.5, 1.0), _atan_rest(s, t))
    # angle = turns * pi/2 +- t: turns 0 or 2 by the sign of x, 1 where steep
    negative = s.bitcast(x, FORMATS[dtype].signed) < 0
    turns = s.select(steep, s.const(1.0, dtype), s.select(negative, s.const(2.0, dtype), 0.0))
    backward = steep ^ negative
    t, rest = s.select(backward, -t, t), s.select(backward, -rest, rest)
    return s.copysign(s.fma(turns, half_high, t + s.fma(turns, half_low, rest)), y)


def _asin_parts(s: ScalarBuilder, x: Scalar) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar]:
    """asin |x| as t + rest, or, where |x| is large, pi/2 - 2 (t + rest).

    Returns:
        Whether it is large; half = (1 - |x|) / 2; its root, which t is then; t; the rest.
    """
    magnitude = s.fabs(x)
    large = magnitude > 0.5
    half = s.fma(magnitude, -0.5, 0.5)
    root = s.sqrt(half)
    z = s.select(large, half, magnitude * magnitude)
    t = s.select(large, root, magnitude)
    return large, half, root, t, horner(s, z, _ASIN[x.dtype]) * (z * t)


def asin(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Inverse sine, in [-pi/2, pi/2]; NaN beyond [-1, 1]."""
    high, low = _HALF_PI[x.dtype]
    large, half, root, t, rest = _asin_parts(s, x)
    # what sqrt lost is (half - root**2) / (2 root); near 1/2, where it matters, 1/(2 root) is
    # close to 3 - 4 root
    lost = s.fma(-root, root, half) * s.fma(root, -4.0, 3.0)
    leading = s.fma(root, -2.0, high)
    below = s.fma(rest + lost, -2.0, s.fma(root, -2.0, high - leading) + low)
    y = s.select(large, leading, t) + s.select(large, below, rest)
    return s.copysign(y, x)


def acos(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Inverse cosine, in [0, pi]; NaN beyond [-1, 1]."""
    dtype = x.dtype
    high, low = _HALF_PI[dtype]
    large, half, root, t, rest = _asin_parts(s, x)
    lost = s.fma(-root, root, half) / (root + root)
    rest = s.select(large & root.ne(0.0), rest + lost, rest)
    negative = x < 0.0
    # x > 1/2: 2 (t + rest); x < -1/2: pi - 2 (t + rest); else pi/2 -+ (t + rest)
    factor = s.select(large, s.const(2.0, dtype), 1.0)
    factor = s.select(large ^ negative, factor, -factor)
    quarters = s.select(large, s.select(negative, s.const(2.0, dtype), 0.0), 1.0)
    return quarters * high + s.fma(factor, t, s.fma(factor, rest, quarters * low))
