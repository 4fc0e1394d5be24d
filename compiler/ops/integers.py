"""Number theory on integers.

Layer: compiler/ops.
"""

from __future__ import annotations

import numpy as np

from ..ir.opdef import Traits
from .bitwise import magnitude
from .elementwise import elementwise
from .infer import INTEGERS
from .scalar import Scalar, ScalarBuilder


def _unsigned_gcd(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """Euclid's algorithm."""
    divisor, _ = s.loop(
        lambda a, b: b.ne(0),
        lambda a, b: (b, s.remainder(a, s.select(b.eq(0), 1, b))),
        x,
        y,
    )
    return divisor


def _gcd(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    return s.bitcast(_unsigned_gcd(s, magnitude(s, x), magnitude(s, y)), x.dtype)


def _lcm(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    a, b = magnitude(s, x), magnitude(s, y)
    divisor = _unsigned_gcd(s, a, b)  # 0 only where both are: then a is 0, and so is the result
    return s.bitcast(s.quotient(a, s.select(divisor.eq(0), 1, divisor)) * b, x.dtype)


GCD = elementwise(
    "gcd",
    2,
    INTEGERS,
    reference=np.gcd,
    lower=_gcd,
    traits=Traits(commutative=True),
    cost=200.0,
    doc="Greatest common divisor of the magnitudes; |x| where the other operand is 0.",
)

LCM = elementwise(
    "lcm",
    2,
    INTEGERS,
    reference=np.lcm,
    lower=_lcm,
    traits=Traits(commutative=True),
    cost=220.0,
    doc="Least common multiple of the magnitudes; 0 if an operand is 0.",
)
