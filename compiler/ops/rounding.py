"""Rounding to integral values.

Layer: compiler/ops. Results keep the dtype and the sign of zero; integers and bools stay.
"""

from __future__ import annotations

import numpy as np

from ..ir.derivative import pointwise
from ..ir.opdef import Traits
from .elementwise import elementwise
from .infer import ALL, FLOATS
from .scalar import Scalar, ScalarBuilder


def _modf_fraction(s: ScalarBuilder, x: Scalar) -> Scalar:
    fraction = s.select(s.fabs(x).eq(float("inf")), 0.0, x - s.trunc(x))
    return s.copysign(fraction, x)


FLOOR = elementwise(
    "floor",
    1,
    ALL,
    reference=np.floor,
    lower=lambda s, x: s.floor(x) if x.dtype.is_float else x,
    traits=Traits(idempotent=True),
    derivative=pointwise(None),
    doc="The largest integral value <= x.",
)

CEIL = elementwise(
    "ceil",
    1,
    ALL,
    reference=np.ceil,
    lower=lambda s, x: s.ceil(x) if x.dtype.is_float else x,
    traits=Traits(idempotent=True),
    derivative=pointwise(None),
    doc="The smallest integral value >= x.",
)

TRUNC = elementwise(
    "trunc",
    1,
    ALL,
    reference=np.trunc,
    lower=lambda s, x: s.trunc(x) if x.dtype.is_float else x,
    traits=Traits(idempotent=True),
    derivative=pointwise(None),
    doc="x without its fraction; the second result of modf.",
)

RINT = elementwise(
    "rint",
    1,
    FLOATS,
    reference=np.rint,
    lower=lambda s, x: s.rint(x),
    traits=Traits(idempotent=True),
    derivative=pointwise(None),
    doc="The nearest integral value, the even one of two.",
)

MODF_FRACTION = elementwise(
    "modf_fraction",
    1,
    FLOATS,
    reference=lambda x: np.modf(x)[0],
    lower=_modf_fraction,
    derivative=pointwise(lambda ct, out, x: ct),
    cost=6.0,
    doc="x - trunc(x) with the sign of x, 0 for infinities: the first result of modf.",
)
