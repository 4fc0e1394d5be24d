"""Comparisons, predicates, logic, and the choice of the larger or smaller operand.

Layer: compiler/ops. A comparison with NaN is false, `not_equal` true. NaN counts as true in logic.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..ir.derivative import Pull, pointwise
from ..ir.opdef import OpDef, Traits
from ..ir.term import Term
from ..ir.types import DType
from .elementwise import elementwise
from .infer import ALL, comparison
from .scalar import Scalar, ScalarBuilder

_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
Lower = Callable[..., Scalar]


def _compare(relation: str) -> Lower:
    def lower(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype is y.dtype:
            return s.compare(relation, x, y)
        if x.dtype.is_signed:
            return _compare_signed_unsigned(s, relation, x, y)
        return _compare_signed_unsigned(s, _MIRRORED[relation], y, x)

    return lower


def _compare_signed_unsigned(s: ScalarBuilder, relation: str, x: Scalar, y: Scalar) -> Scalar:
    """x: i64 against y: u64, without rounding: a negative x is below every y."""
    negative = x < 0
    found = s.compare(relation, s.bitcast(x, DType.U64), y)
    return negative | found if relation in ("ne", "lt", "le") else ~negative & found


def truth(x: Scalar) -> Scalar:
    """Whether x counts as true: any value but zero."""
    return x if x.dtype.is_bool else x.ne(0)


def is_nan(s: ScalarBuilder, x: Scalar) -> Scalar:
    """Whether x is NaN."""
    return x.ne(x) if x.dtype.is_float else s.const(False, DType.BOOL)


def _is_inf(s: ScalarBuilder, x: Scalar) -> Scalar:
    return s.fabs(x).eq(math.inf) if x.dtype.is_float else s.const(False, DType.BOOL)


def _is_finite(s: ScalarBuilder, x: Scalar) -> Scalar:
    return s.fabs(x) < math.inf if x.dtype.is_float else s.const(True, DType.BOOL)


def _pick(relation: str, keep_nan: bool) -> Lower:
    """The operand that stands in `relation` to the other; y when they are equal (-0 and 0 are).

    With `keep_nan`, NaN if either is NaN; else the other operand.
    """

    def lower(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
        if x.dtype.is_bool:
            return x | y if relation == "gt" else x & y
        chosen = s.select(s.compare(relation, x, y), x, y)  # y if either is NaN
        if not x.dtype.is_float:
            return chosen
        return s.select(is_nan(s, x if keep_nan else y), x, chosen)

    return lower


def _clip(s: ScalarBuilder, x: Scalar, low: Scalar, high: Scalar) -> Scalar:
    if x.dtype.is_bool:
        return (x | low) & high
    below = x < low
    if x.dtype.is_float:  # a NaN bound wins over x; a NaN x stays
        below = below | is_nan(s, low)
    raised = s.select(below, low, x)
    above = raised > high
    if x.dtype.is_float:
        above = above | is_nan(s, high)
    return s.select(above, high, raised)


def _shared(ct: Term, x: Term, y: Term, loses: Term) -> Term:
    """The cotangent of x, one of two operands to choose from: all, half of it in a tie, or none."""
    return x.eq(y).select(ct * 0.5, ct).with_masks(ct.masks).where(~loses)


def _extreme_by_x(losing: str) -> Pull:
    """Of maximum or minimum: x loses where it stands in the relation `losing` to y."""
    return lambda ct, out, x, y: _shared(ct, x, y, x.op(losing, y))


def _extreme_by_y(losing: str) -> Pull:
    return lambda ct, out, x, y: _shared(ct, x, y, y.op(losing, x))


def _number_by_x(losing: str) -> Pull:
    """Of fmax or fmin: NaN loses, too, also to NaN."""
    return lambda ct, out, x, y: _shared(ct, x, y, x.op(losing, y) | x.op("isnan"))


def _number_by_y(losing: str) -> Pull:
    return lambda ct, out, x, y: _shared(ct, x, y, y.op(losing, x) | y.op("isnan"))


def _of_raised(ct: Term, x: Term, low: Term, high: Term) -> Term:
    """The cotangent of maximum(x, low); clip is the minimum of that and `high`."""
    raised = x.op("maximum", low)
    return _shared(ct, raised, high, raised > high)


def _clip_by_x(ct: Term, out: Term, x: Term, low: Term, high: Term) -> Term:
    return _shared(_of_raised(ct, x, low, high), x, low, x < low)


def _clip_by_low(ct: Term, out: Term, x: Term, low: Term, high: Term) -> Term:
    return _shared(_of_raised(ct, x, low, high), low, x, low < x)


def _clip_by_high(ct: Term, out: Term, x: Term, low: Term, high: Term) -> Term:
    raised = x.op("maximum", low)
    return _shared(ct, high, raised, high > raised)


def _comparison(name: str, relation: str, reference: Callable, doc: str) -> OpDef:
    return elementwise(
        name,
        2,
        infer=comparison(name),
        reference=reference,
        lower=_compare(relation),
        traits=Traits(commutative=relation in ("eq", "ne")),
        doc=doc,
    )


EQUAL = _comparison("equal", "eq", np.equal, "Whether x == y.")
NOT_EQUAL = _comparison("not_equal", "ne", np.not_equal, "Whether x != y; true for NaN.")
LESS = _comparison("less", "lt", np.less, "Whether x < y.")
LESS_EQUAL = _comparison("less_equal", "le", np.less_equal, "Whether x <= y.")
GREATER = _comparison("greater", "gt", np.greater, "Whether x > y.")
GREATER_EQUAL = _comparison("greater_equal", "ge", np.greater_equal, "Whether x >= y.")

LOGICAL_AND = elementwise(
    "logical_and",
    2,
    ALL,
    result=DType.BOOL,
    reference=np.logical_and,
    lower=lambda s, x, y: truth(x) & truth(y),
    traits=Traits(commutative=True),
    doc="Whether both operands are true.",
)

LOGICAL_OR = elementwise(
    "logical_or",
    2,
    ALL,
    result=DType.BOOL,
    reference=np.logical_or,
    lower=lambda s, x, y: truth(x) | truth(y),
    traits=Traits(commutative=True),
    doc="Whether either operand is true.",
)

LOGICAL_XOR = elementwise(
    "logical_xor",
    2,
    ALL,
    result=DType.BOOL,
    reference=np.logical_xor,
    lower=lambda s, x, y: truth(x) ^ truth(y),
    traits=Traits(commutative=True),
    doc="Whether exactly one operand is true.",
)

LOGICAL_NOT = elementwise(
    "logical_not",
    1,
    ALL,
    result=DType.BOOL,
    reference=np.logical_not,
    lower=lambda s, x: ~truth(x),
    doc="Whether the operand is false, that is zero.",
)

ISNAN = elementwise(
    "isnan",
    1,
    ALL,
    result=DType.BOOL,
    reference=np.isnan,
    lower=is_nan,
    doc="Whether the operand is NaN; false for integers.",
)

ISINF = elementwise(
    "isinf",
    1,
    ALL,
    result=DType.BOOL,
    reference=np.isinf,
    lower=_is_inf,
    cost=2.0,
    doc="Whether the operand is infinite; false for integers.",
)

ISFINITE = elementwise(
    "isfinite",
    1,
    ALL,
    result=DType.BOOL,
    reference=np.isfinite,
    lower=_is_finite,
    cost=2.0,
    doc="Whether the operand is neither infinite nor NaN; true for integers.",
)

MAXIMUM = elementwise(
    "maximum",
    2,
    ALL,
    reference=np.maximum,
    lower=_pick("gt", keep_nan=True),
    traits=Traits(idempotent=True),  # not commutative: of -0 and 0 it gives the second
    derivative=pointwise(_extreme_by_x("less"), _extreme_by_y("less")),
    cost=4.0,
    doc="The larger operand; NaN if either is NaN.",
)

MINIMUM = elementwise(
    "minimum",
    2,
    ALL,
    reference=np.minimum,
    lower=_pick("lt", keep_nan=True),
    traits=Traits(idempotent=True),
    derivative=pointwise(_extreme_by_x("greater"), _extreme_by_y("greater")),
    cost=4.0,
    doc="The smaller operand; NaN if either is NaN.",
)

FMAX = elementwise(
    "fmax",
    2,
    ALL,
    reference=np.fmax,
    lower=_pick("gt", keep_nan=False),
    traits=Traits(idempotent=True),
    derivative=pointwise(_number_by_x("less"), _number_by_y("less")),
    cost=4.0,
    doc="The larger operand; the other one if one is NaN.",
)

FMIN = elementwise(
    "fmin",
    2,
    ALL,
    reference=np.fmin,
    lower=_pick("lt", keep_nan=False),
    traits=Traits(idempotent=True),
    derivative=pointwise(_number_by_x("greater"), _number_by_y("greater")),
    cost=4.0,
    doc="The smaller operand; the other one if one is NaN.",
)

CLIP = elementwise(
    "clip",
    3,
    ALL,
    reference=np.clip,
    lower=_clip,
    derivative=pointwise(_clip_by_x, _clip_by_low, _clip_by_high),
    cost=8.0,
    doc="x limited to [low, high], `high` where low > high; NaN if any operand is NaN.",
)
