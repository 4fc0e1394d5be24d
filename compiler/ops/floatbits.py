"""Ops on the parts of a float: sign, exponent, mantissa, neighbours.

Layer: compiler/ops. A finite float is read as m * 2**k with 1 <= |m| < 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.derivative import NoDerivative, pointwise
from ..ir.opdef import Traits
from ..ir.term import Term
from ..ir.types import DType, TensorType
from .compare import is_nan
from .elementwise import elementwise
from .infer import FLOATS, check_dtypes, check_shapes, shown
from .math.formats import FORMATS, clamp
from .scalar import Scalar, ScalarBuilder

# Neighbours of halves are not those of the f32 values that kernels compute with.
_WIDE_FLOATS = frozenset(d for d in FLOATS if not d.is_half)


def _decompose(s: ScalarBuilder, x: Scalar, biased: int) -> tuple[Scalar, Scalar]:
    """(x with its exponent field set to `biased`, k), for finite x != 0."""
    format = FORMATS[x.dtype]
    shift = format.fraction + 1
    subnormal = s.fabs(x) < format.smallest_normal
    normal = s.select(subnormal, x * 2.0**shift, x)
    bits = s.bitcast(normal, format.signed)
    exponent = ((bits & format.infinity) >> format.fraction) - format.bias
    exponent = s.select(subnormal, exponent - shift, exponent)
    bits = (bits & ~format.infinity) | (biased << format.fraction)
    return s.bitcast(bits, x.dtype), exponent


def _proper(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Whether x is finite and not 0."""
    return (s.fabs(x) < math.inf) & x.ne(0)


def _power_of_two(s: ScalarBuilder, exponent: Scalar, dtype: DType) -> Scalar:
    """2**exponent for an exponent of the normal range."""
    format = FORMATS[dtype]
    return s.bitcast((exponent + format.bias) << format.fraction, dtype)


def _ldexp(s: ScalarBuilder, x: Scalar, exponent: Scalar) -> Scalar:
    """m * 2**(k + exponent): exact into the normal range, and the last factor rounds once."""
    format = FORMATS[x.dtype]
    bound = 4 * format.bias  # any exponent beyond gives 0 or infinity
    mantissa, k = _decompose(s, x, format.bias)
    total = k + s.cast(clamp(s, exponent, -bound, bound), format.signed)
    first = clamp(s, total, 1 - format.bias, format.bias)
    second = clamp(s, total - first, -format.fraction - 4, 1)
    scaled = mantissa * _power_of_two(s, first, x.dtype) * _power_of_two(s, second, x.dtype)
    return s.select(_proper(s, x), scaled, x)


def _ldexp_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    x, exponent = types
    check_dtypes("ldexp", (x,), FLOATS)
    if exponent.dtype not in (DType.I32, DType.I64):
        raise DTypeError(
            f"ldexp: the exponent has dtype {exponent.dtype}",
            got=shown(types),
            expected="i32 or i64",
        )
    check_shapes("ldexp", types)
    return (x,)


def _frexp_mantissa(s: ScalarBuilder, x: Scalar) -> Scalar:
    half, _ = _decompose(s, x, FORMATS[x.dtype].bias - 1)
    return s.select(_proper(s, x), half, x)


def _frexp_exponent(s: ScalarBuilder, x: Scalar) -> Scalar:
    _, exponent = _decompose(s, x, FORMATS[x.dtype].bias)
    return s.cast(s.select(_proper(s, x), exponent + 1, 0), DType.I32)


def _smallest(dtype: DType) -> float:
    """The least positive number."""
    format = FORMATS[dtype]
    return format.smallest_normal * 2.0**-format.fraction


def _nextafter(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """Magnitudes are ordered as their bits are, so a neighbour is one bit pattern away."""
    bits = s.bitcast(x, FORMATS[x.dtype].signed)
    outward = (x < y) ^ (x < 0)
    neighbour = s.bitcast(s.select(outward, bits + 1, bits - 1), x.dtype)
    from_zero = s.copysign(s.const(_smallest(x.dtype), x.dtype), y)
    moved = s.select(x.eq(0), from_zero, neighbour)
    result = s.select(x.eq(y), y, moved)
    return s.select(is_nan(s, x) | is_nan(s, y), x + y, result)


def _spacing(s: ScalarBuilder, x: Scalar) -> Scalar:
    bits = s.bitcast(x, FORMATS[x.dtype].signed)
    outward = s.bitcast(bits + 1, x.dtype)  # NaN above infinity
    return s.select(x.eq(0), _smallest(x.dtype), outward - x)


def _copysign_pull(ct: Term, out: Term, x: Term, y: Term) -> Term:
    """As of the magnitude: nothing at 0."""
    other_side = x.op("signbit").op("logical_xor", y.op("signbit"))
    return other_side.select(-ct, ct).with_masks(ct.masks).where(x.ne(0))


def _ldexp_pull(ct: Term, out: Term, x: Term, exponent: Term) -> Term:
    return ct.op("ldexp", exponent).with_masks(ct.masks)


def _mantissa_pull(ct: Term, out: Term, x: Term) -> Term:
    """A power of two between jumps."""
    return ct.op("ldexp", -x.op("frexp_exponent")).with_masks(ct.masks)


COPYSIGN = elementwise(
    "copysign",
    2,
    FLOATS,
    reference=np.copysign,
    lower=lambda s, x, y: s.copysign(x, y),
    traits=Traits(idempotent=True),
    derivative=pointwise(_copysign_pull, None),
    doc="The magnitude of x with the sign of y.",
)

SIGNBIT = elementwise(
    "signbit",
    1,
    FLOATS,
    result=DType.BOOL,
    reference=np.signbit,
    lower=lambda s, x: s.bitcast(x, FORMATS[x.dtype].signed) < 0,
    doc="Whether the sign is negative, that of -0 and NaN included.",
)

NEXTAFTER = elementwise(
    "nextafter",
    2,
    _WIDE_FLOATS,
    reference=np.nextafter,
    lower=_nextafter,
    derivative=NoDerivative(
        "neighbours of floats are one rounding error apart, no function of reals"
    ),
    cost=18.0,
    doc="The float next to x in the direction of y; y where they are equal.",
)

SPACING = elementwise(
    "spacing",
    1,
    _WIDE_FLOATS,
    reference=np.spacing,
    lower=_spacing,
    derivative=NoDerivative("it is a rounding error, no function of reals"),
    cost=6.0,
    doc="Distance to the next float away from 0, with the sign of x; NaN for infinities.",
)

LDEXP = elementwise(
    "ldexp",
    2,
    infer=_ldexp_infer,
    reference=np.ldexp,
    lower=_ldexp,
    derivative=pointwise(_ldexp_pull, None),
    cost=40.0,
    doc="x * 2**exponent, rounded once.",
)

FREXP_MANTISSA = elementwise(
    "frexp_mantissa",
    1,
    FLOATS,
    reference=lambda x: np.frexp(x)[0],
    lower=_frexp_mantissa,
    derivative=pointwise(_mantissa_pull),
    cost=18.0,
    doc="m of x = m * 2**e with 0.5 <= |m| < 1; x itself if it is 0, infinite or NaN.",
)

FREXP_EXPONENT = elementwise(
    "frexp_exponent",
    1,
    FLOATS,
    result=DType.I32,
    reference=lambda x: np.frexp(x)[1],
    lower=_frexp_exponent,
    cost=20.0,
    doc="e of x = m * 2**e with 0.5 <= |m| < 1; 0 if x is 0, infinite or NaN.",
)
