"""Arithmetic that every processor does in a few exact or correctly rounded instructions.

Layer: compiler/ops. Integers wrap around. Division with its rounding rules is in division.py.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir.derivative import Pull, pointwise
from ..ir.opdef import Traits
from ..ir.term import Term
from ..ir.types import DType
from . import math as elementary
from .elementwise import elementwise
from .infer import ALL, FLOATS, NUMBERS
from .scalar import Scalar, ScalarBuilder


def _absolute(s: ScalarBuilder, x: Scalar) -> Scalar:
    if x.dtype.is_float:
        return s.fabs(x)
    return s.select(x < 0, -x, x) if x.dtype.is_signed else x


def _sign(s: ScalarBuilder, x: Scalar) -> Scalar:
    """1, -1 or +0; NaN stays."""
    positive = s.select(x > 0, 1, x)
    if x.dtype.is_unsigned:
        return positive
    signed = s.select(x < 0, -1, positive)
    return s.select(x.eq(0), 0, signed) if x.dtype.is_float else signed


def _reciprocal(s: ScalarBuilder, x: Scalar) -> Scalar:
    if x.dtype.is_float:
        return 1.0 / x
    ones = x.eq(1) | x.eq(-1) if x.dtype.is_signed else x.eq(1)
    return s.select(x.eq(0), _reciprocal_of_zero(x.dtype), s.select(ones, x, 0))


def _reciprocal_of_zero(dtype: DType) -> int:
    """What NumPy's conversion of the double 1/0 to this integer dtype gives."""
    wide_and_signed = dtype in (DType.I32, DType.I64)
    return -(2 ** (dtype.bits - 1)) if wide_and_signed else 0


def _factor(numerator: float, denominator: float, dtype: DType) -> float:
    """numerator / denominator, each rounded to the dtype first, as NumPy's constants are."""
    kind = dtype.numpy.type
    return float(kind(numerator) / kind(denominator))


def _degrees(s: ScalarBuilder, x: Scalar) -> Scalar:
    return x * _factor(180.0, math.pi, x.dtype)


def _radians(s: ScalarBuilder, x: Scalar) -> Scalar:
    return x * _factor(math.pi, 180.0, x.dtype)


def _absolute_pull(ct: Term, out: Term, x: Term) -> Term:
    """Nothing at 0, the middle of the slopes -1 and 1."""
    return (x < 0).select(-ct, ct).with_masks(ct.masks).where(x.ne(0))


def _same_function(name: str) -> Pull:
    """The pull of a function that only scales."""
    return lambda ct, out, x: ct.op(name).with_masks(ct.masks)


ADD = elementwise(
    "add",
    2,
    ALL,
    reference=np.add,
    lower=lambda s, x, y: x | y if x.dtype.is_bool else x + y,
    traits=Traits(commutative=True, right_unit=-0.0, left_unit=-0.0),  # -0.0 + 0.0 is 0.0
    derivative=pointwise(lambda ct, out, x, y: ct, lambda ct, out, x, y: ct),
    doc="Sum; of bools, whether either is true.",
)

SUBTRACT = elementwise(
    "subtract",
    2,
    NUMBERS,
    reference=np.subtract,
    lower=lambda s, x, y: x - y,
    traits=Traits(right_unit=0.0),
    hint="for bools use logical_xor, `^`",
    derivative=pointwise(lambda ct, out, x, y: ct, lambda ct, out, x, y: -ct),
    doc="Difference.",
)

MULTIPLY = elementwise(
    "multiply",
    2,
    ALL,
    reference=np.multiply,
    lower=lambda s, x, y: x & y if x.dtype.is_bool else x * y,
    traits=Traits(commutative=True, right_unit=1.0, left_unit=1.0),
    derivative=pointwise(lambda ct, out, x, y: ct * y, lambda ct, out, x, y: ct * x),
    doc="Product; of bools, whether both are true.",
)

DIVIDE = elementwise(
    "divide",
    2,
    FLOATS,
    reference=np.divide,
    lower=lambda s, x, y: x / y,
    traits=Traits(right_unit=1.0),
    derivative=pointwise(lambda ct, out, x, y: ct / y, lambda ct, out, x, y: -(ct / y) * out),
    cost=4.0,
    doc="Quotient of floats; a zero divisor gives an infinity, 0/0 NaN.",
)

NEGATIVE = elementwise(
    "negative",
    1,
    NUMBERS,
    reference=np.negative,
    lower=lambda s, x: -x,
    traits=Traits(involution=True),
    hint="for bools use logical_not, `~`",
    derivative=pointwise(lambda ct, out, x: -ct),
    doc="The operand with its sign changed.",
)

POSITIVE = elementwise(
    "positive",
    1,
    NUMBERS,
    reference=np.positive,
    lower=lambda s, x: x,
    traits=Traits(idempotent=True, involution=True),
    derivative=pointwise(lambda ct, out, x: ct),
    cost=0.0,
    doc="The operand itself.",
)

ABSOLUTE = elementwise(
    "absolute",
    1,
    ALL,
    reference=np.absolute,
    lower=_absolute,
    traits=Traits(idempotent=True),
    derivative=pointwise(_absolute_pull),
    doc="Magnitude; the smallest integer of a signed dtype stays as it is.",
)

FABS = elementwise(
    "fabs",
    1,
    FLOATS,
    reference=np.fabs,
    lower=lambda s, x: s.fabs(x),
    traits=Traits(idempotent=True),
    derivative=pointwise(_absolute_pull),
    doc="Magnitude of a float.",
)

SIGN = elementwise(
    "sign",
    1,
    NUMBERS,
    reference=np.sign,
    lower=_sign,
    traits=Traits(idempotent=True),
    derivative=pointwise(None),
    cost=5.0,
    doc="-1, 0 or 1 after the operand's sign; NaN for NaN, +0 for both zeros.",
)

RECIPROCAL = elementwise(
    "reciprocal",
    1,
    NUMBERS,
    reference=np.reciprocal,
    lower=_reciprocal,
    derivative=pointwise(lambda ct, out, x: -(ct * out) * out),
    cost=4.0,
    doc="1/x; for integers 1 and -1 stay and other values but 0 give 0.",
)

SQUARE = elementwise(
    "square",
    1,
    NUMBERS,
    reference=np.square,
    lower=lambda s, x: x * x,
    derivative=pointwise(lambda ct, out, x: ct * (x * 2)),
    doc="x * x.",
)

SQRT = elementwise(
    "sqrt",
    1,
    FLOATS,
    reference=np.sqrt,
    lower=lambda s, x: s.sqrt(x),
    fast=elementary.FAST["sqrt"],
    derivative=pointwise(lambda ct, out, x: ct / (out * 2)),
    cost=5.0,
    doc="Square root, correctly rounded; NaN for negative operands, -0 for -0.",
)

DEGREES = elementwise(
    "degrees",
    1,
    FLOATS,
    reference=np.degrees,
    lower=_degrees,
    derivative=pointwise(_same_function("degrees")),
    doc="Radians to degrees.",
)

RAD2DEG = elementwise(
    "rad2deg",
    1,
    FLOATS,
    reference=np.rad2deg,
    lower=_degrees,
    derivative=pointwise(_same_function("rad2deg")),
    doc="Radians to degrees, under NumPy's other name.",
)

RADIANS = elementwise(
    "radians",
    1,
    FLOATS,
    reference=np.radians,
    lower=_radians,
    derivative=pointwise(_same_function("radians")),
    doc="Degrees to radians.",
)

DEG2RAD = elementwise(
    "deg2rad",
    1,
    FLOATS,
    reference=np.deg2rad,
    lower=_radians,
    derivative=pointwise(_same_function("deg2rad")),
    doc="Degrees to radians, under NumPy's other name.",
)
