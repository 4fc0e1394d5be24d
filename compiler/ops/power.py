"""Powers of integers and floats.

Layer: compiler/ops. Integer powers wrap around, and a negative exponent is an error that is
raised once the kernel has run.
"""

from __future__ import annotations

import numpy as np

from ..ir.derivative import pointwise
from ..ir.opdef import Traits
from ..ir.term import Term
from . import math as elementary
from .bitwise import as_unsigned
from .elementwise import elementwise
from .infer import NUMBERS
from .scalar import STATUS_NEGATIVE_POWER, Scalar, ScalarBuilder


def _integer_power(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """Square and multiply, over the bits of the largest exponent among the lanes."""
    if y.dtype.is_signed:
        s.flag(y < 0, STATUS_NEGATIVE_POWER)
    result, _, _ = s.loop(
        lambda result, square, exponent: exponent.ne(0),
        lambda result, square, exponent: (
            s.select((exponent & 1).ne(0), result * square, result),
            square * square,
            exponent >> 1,
        ),
        s.const(1, x.dtype),
        x,
        as_unsigned(s, y),
    )
    return result


def _power(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    return elementary.pow(s, x, y) if x.dtype.is_float else _integer_power(s, x, y)


def _by_base(ct: Term, out: Term, x: Term, y: Term) -> Term:
    """A constant exponent leaves y - 1 a constant, which often has a faster power."""
    slope = x.op("power", y - 1) * y
    return (ct * slope).where(y.ne(0) | x.ne(0))  # x**0 is 1, at 0 too


def _by_exponent(ct: Term, out: Term, x: Term, y: Term) -> Term:
    """At a zero base the limit, 0, for a positive exponent; by convention for 0**0, too."""
    return (ct * (out * x.op("log"))).where(x.ne(0) | ~(y >= 0))


POWER = elementwise(
    "power",
    2,
    NUMBERS,
    reference=np.power,
    lower=_power,
    fast=elementary.FAST["pow"],
    traits=Traits(right_unit=1.0),
    harmless=lambda k, dtype: 1 if k == 1 and dtype.is_signed else None,
    derivative=pointwise(_by_base, _by_exponent),
    ulp=elementary.ULP["pow"],
    cost=140.0,
    doc="x to the power y; NaN for a negative x and a y that is not integral.",
)
