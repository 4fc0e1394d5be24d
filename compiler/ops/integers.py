"""Number theory on integers.

Layer: compiler/ops.
"""

from __future__ import annotations

import numpy as np

from ..ir.opdef import Traits
from .bitwise import magnitude
from .division import truncating_quotient
from .elementwise import elementwise
from .infer import INTEGERS
from .scalar import Scalar, ScalarBuilder


def _trailing_zeros(s: ScalarBuilder, x: Scalar) -> Scalar:
    """The number of zero bits below the lowest set bit; 0 for 0."""
    return s.popcount((x & -x) - 1) & (x.dtype.bits - 1)


def _unsigned_gcd(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    """The binary algorithm (Stein, J. Comp. Phys. 1, 1967): shifts instead of divisions."""
    twos = _trailing_zeros(s, x | y)
    a = s.select(x.eq(0), y, x)
    b = s.select(x.eq(0), 0, y)

    def step(a: Scalar, b: Scalar) -> tuple[Scalar, Scalar]:
        """gcd(a, b) of an odd a is that of the odd part of b, and of their difference."""
        b = b >> _trailing_zeros(s, b)
        a_is_larger = a > b
        return s.select(a_is_larger, b, a), s.select(a_is_larger, a - b, b - a)

    odd, _ = s.loop(lambda a, b: b.ne(0), step, a >> _trailing_zeros(s, a), b)
    return odd << twos


def _gcd(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    return s.bitcast(_unsigned_gcd(s, magnitude(s, x), magnitude(s, y)), x.dtype)


def _lcm(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    a, b = magnitude(s, x), magnitude(s, y)
    divisor = _unsigned_gcd(s, a, b)  # 0 only where both are: then a is 0, and so is the result
    quotient = truncating_quotient(s, a, s.select(divisor.eq(0), 1, divisor))
    return s.bitcast(quotient * b, x.dtype)


GCD = elementwise(
    "gcd",
    2,
    INTEGERS,
    reference=np.gcd,
    lower=_gcd,
    traits=Traits(commutative=True),
    cost=60.0,
    doc="Greatest common divisor of the magnitudes; |x| where the other operand is 0.",
)

LCM = elementwise(
    "lcm",
    2,
    INTEGERS,
    reference=np.lcm,
    lower=_lcm,
    traits=Traits(commutative=True),
    cost=70.0,
    doc="Least common multiple of the magnitudes; 0 if an operand is 0.",
)
