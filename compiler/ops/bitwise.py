"""Operations on the bits of integers and bools.

Layer: compiler/ops. A shift by more than the dtype has bits, or by a negative amount, shifts
everything out.
"""

from __future__ import annotations

import numpy as np

from ..ir.opdef import Traits
from ..ir.types import DType
from .elementwise import elementwise
from .infer import BOOL, INTEGERS
from .scalar import Scalar, ScalarBuilder

_UNSIGNED = {DType.I8: DType.U8, DType.I16: DType.U16, DType.I32: DType.U32, DType.I64: DType.U64}


def as_unsigned(s: ScalarBuilder, x: Scalar) -> Scalar:
    """The bits of an integer as an unsigned integer."""
    return s.bitcast(x, _UNSIGNED[x.dtype]) if x.dtype.is_signed else x


def magnitude(s: ScalarBuilder, x: Scalar) -> Scalar:
    """|x| of an integer as an unsigned one, so that the smallest integer has one too."""
    return as_unsigned(s, s.select(x < 0, -x, x) if x.dtype.is_signed else x)


def _amount(s: ScalarBuilder, y: Scalar) -> tuple[Scalar, Scalar]:
    """(whether y lies in [0, bits), y where it does and 0 elsewhere)."""
    in_range = as_unsigned(s, y) < y.dtype.bits
    return in_range, s.select(in_range, y, 0)


def _left_shift(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    in_range, amount = _amount(s, y)
    return s.select(in_range, x << amount, 0)


def _right_shift(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    in_range, amount = _amount(s, y)
    last = x >> (x.dtype.bits - 1) if x.dtype.is_signed else s.const(0, x.dtype)
    return s.select(in_range, x >> amount, last)


def _bitwise_count(s: ScalarBuilder, x: Scalar) -> Scalar:
    return s.cast(s.popcount(magnitude(s, x)), DType.U8)


BITWISE_AND = elementwise(
    "bitwise_and",
    2,
    BOOL | INTEGERS,
    reference=np.bitwise_and,
    lower=lambda s, x, y: x & y,
    traits=Traits(commutative=True, idempotent=True),
    doc="Bits set in both operands.",
)

BITWISE_OR = elementwise(
    "bitwise_or",
    2,
    BOOL | INTEGERS,
    reference=np.bitwise_or,
    lower=lambda s, x, y: x | y,
    traits=Traits(commutative=True, idempotent=True, right_unit=0, left_unit=0),
    doc="Bits set in either operand.",
)

BITWISE_XOR = elementwise(
    "bitwise_xor",
    2,
    BOOL | INTEGERS,
    reference=np.bitwise_xor,
    lower=lambda s, x, y: x ^ y,
    traits=Traits(commutative=True, right_unit=0, left_unit=0),
    doc="Bits set in exactly one operand.",
)

INVERT = elementwise(
    "invert",
    1,
    BOOL | INTEGERS,
    reference=np.invert,
    lower=lambda s, x: ~x,
    traits=Traits(involution=True),
    doc="All bits flipped; of a bool, its negation.",
)

LEFT_SHIFT = elementwise(
    "left_shift",
    2,
    INTEGERS,
    reference=np.left_shift,
    lower=_left_shift,
    traits=Traits(right_unit=0),
    cost=4.0,
    doc="x times 2**y; 0 where y is negative or at least the number of bits.",
)

RIGHT_SHIFT = elementwise(
    "right_shift",
    2,
    INTEGERS,
    reference=np.right_shift,
    lower=_right_shift,
    traits=Traits(right_unit=0),
    cost=5.0,
    doc="floor(x / 2**y); 0 or -1 where y is negative or at least the number of bits.",
)

BITWISE_COUNT = elementwise(
    "bitwise_count",
    1,
    INTEGERS,
    result=DType.U8,
    reference=np.bitwise_count,
    lower=_bitwise_count,
    cost=5.0,
    doc="Number of bits set in |x|.",
)
