"""Elementary functions of floats.

Layer: compiler/ops. Outside of its domain a function gives NaN, at a pole an infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.derivative import Derivative, pointwise
from ..ir.opdef import OpDef, Traits
from ..ir.term import Term
from . import math as elementary
from .elementwise import elementwise
from .infer import FLOATS, DTypes
from .scalar import Scalar

_WIDE_FLOATS = frozenset(d for d in FLOATS if not d.is_half)  # scipy.special computes f16 as f32


_NONE, _ODD, _EVEN = Traits(), Traits(odd=True), Traits(even=True)


def _function(
    name: str,
    function: Callable[..., Scalar],
    cost: float,
    doc: str,
    *,
    arity: int = 1,
    reference: Callable[..., Any] | None = None,
    accepts: DTypes = FLOATS,
    traits: Traits = _NONE,
    derivative: Derivative | None = None,
) -> OpDef:
    """Define the op `name` that computes `function` of the math package."""
    return elementwise(
        name,
        arity,
        accepts,
        reference=reference or getattr(np, name),
        lower=function,
        fast=elementary.FAST.get(function.__name__),
        traits=traits,
        derivative=derivative,
        ulp=elementary.ULP[function.__name__],
        cost=cost,
        doc=doc,
    )


def _erf_reference(x: Any) -> Any:
    import scipy.special  # takes long to import, and only this op needs it

    return scipy.special.erf(x)


def _erfc_reference(x: Any) -> Any:
    import scipy.special  # as above

    return scipy.special.erfc(x)


# Derivatives: `out` is used where it saves work, and products are written so that neither their
# parts nor their own derivatives overflow before the result does.


def _product_of_roots(x: Term, y: Term) -> Term:
    """sqrt(x * y), NaN where both are negative."""
    return x.op("sqrt") * y.op("sqrt")


def _angle_by_y(ct: Term, out: Term, y: Term, x: Term) -> Term:
    radius = x.op("hypot", y)
    return (ct / radius * (x / radius)).where(radius.ne(0))


def _angle_by_x(ct: Term, out: Term, y: Term, x: Term) -> Term:
    radius = x.op("hypot", y)
    return -(ct / radius * (y / radius)).where(radius.ne(0))


def _hypot_by_x(ct: Term, out: Term, x: Term, y: Term) -> Term:
    """Nothing at (0, 0), the middle of the slopes there."""
    return (ct * (x / out)).where(out.ne(0))


def _shares(x: Term, y: Term, power: str) -> tuple[Term, Term, Term]:
    """Whether x is the larger one, the ratio of the smaller power to the larger one, 1 + that.

    The ratio is at most 1, so no derivative of it is inf * 0. Equal infinities have the ratio 1.
    """
    larger = x >= y
    equal = x.eq(y) & x.op("isinf")
    ratio = equal.select(0, larger.select(y - x, x - y)).op(power)
    return larger, ratio, ratio + 1


def _sum_of_powers(power: str) -> Derivative:
    """Of the logarithm of a sum of two powers: each operand has its share of the sum."""

    def by_x(ct: Term, out: Term, x: Term, y: Term) -> Term:
        larger, ratio, total = _shares(x, y, power)
        return ct * (larger.select(1, ratio) / total)

    def by_y(ct: Term, out: Term, x: Term, y: Term) -> Term:
        larger, ratio, total = _shares(x, y, power)
        return ct * (larger.select(ratio, 1) / total)

    return pointwise(by_x, by_y)


def _bell(x: Term) -> Term:
    """The derivative of erf."""
    return (-(x * x)).op("exp") * (2 / math.sqrt(math.pi))


EXP = _function(
    "exp", elementary.exp, 28.0, "e to the power x.",
    derivative=pointwise(lambda ct, out, x: ct * out),
)  # fmt: skip
EXP2 = _function(
    "exp2", elementary.exp2, 27.0, "2 to the power x.",
    derivative=pointwise(lambda ct, out, x: ct * (out * math.log(2))),
)  # fmt: skip
EXPM1 = _function(
    "expm1", elementary.expm1, 35.0, "exp(x) - 1, exact for small x too.",
    derivative=pointwise(lambda ct, out, x: ct * (out + 1)),
)  # fmt: skip
LOG = _function(
    "log", elementary.log, 38.0, "Natural logarithm; -inf for 0.",
    derivative=pointwise(lambda ct, out, x: ct / x),
)  # fmt: skip
LOG2 = _function(
    "log2", elementary.log2, 45.0, "Logarithm to base 2; -inf for 0.",
    derivative=pointwise(lambda ct, out, x: ct / (x * math.log(2))),
)  # fmt: skip
LOG10 = _function(
    "log10", elementary.log10, 47.0, "Logarithm to base 10; -inf for 0.",
    derivative=pointwise(lambda ct, out, x: ct / (x * math.log(10))),
)  # fmt: skip
LOG1P = _function(
    "log1p", elementary.log1p, 48.0, "log(1 + x), exact for small x too.",
    derivative=pointwise(lambda ct, out, x: ct / (x + 1)),
)  # fmt: skip
SIN = _function(
    "sin", elementary.sin, 53.0, "Sine of an angle in radians.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct * x.op("cos")),
)  # fmt: skip
COS = _function(
    "cos", elementary.cos, 48.0, "Cosine of an angle in radians.", traits=_EVEN,
    derivative=pointwise(lambda ct, out, x: -(ct * x.op("sin"))),
)  # fmt: skip
TAN = _function(
    "tan", elementary.tan, 65.0, "Tangent of an angle in radians.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct * (out * out + 1)),
)  # fmt: skip
ARCSIN = _function(
    "arcsin", elementary.asin, 34.0, "Inverse sine, in [-pi/2, pi/2].", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct / ((1 - x) * (x + 1)).op("sqrt")),
)  # fmt: skip
ARCCOS = _function(
    "arccos", elementary.acos, 44.0, "Inverse cosine, in [0, pi].",
    derivative=pointwise(lambda ct, out, x: -ct / ((1 - x) * (x + 1)).op("sqrt")),
)  # fmt: skip
ARCTAN = _function(
    "arctan", elementary.atan, 32.0, "Inverse tangent, in [-pi/2, pi/2].", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct / (x * x + 1)),
)  # fmt: skip
ARCTAN2 = _function(
    "arctan2", elementary.atan2, 58.0, "Angle of (y, x), in [-pi, pi].", arity=2,
    derivative=pointwise(_angle_by_y, _angle_by_x),
)  # fmt: skip
HYPOT = _function(
    "hypot", elementary.hypot, 22.0, "sqrt(x*x + y*y) without overflow.", arity=2,
    derivative=pointwise(_hypot_by_x, lambda ct, out, x, y: _hypot_by_x(ct, out, y, x)),
)  # fmt: skip
SINH = _function(
    "sinh", elementary.sinh, 45.0, "Hyperbolic sine.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct * x.op("cosh")),
)  # fmt: skip
COSH = _function(
    "cosh", elementary.cosh, 42.0, "Hyperbolic cosine.", traits=_EVEN,
    derivative=pointwise(lambda ct, out, x: ct * x.op("sinh")),
)  # fmt: skip
TANH = _function(
    "tanh", elementary.tanh, 43.0, "Hyperbolic tangent.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct * (1 - out * out)),
)  # fmt: skip
ARCSINH = _function(
    "arcsinh", elementary.asinh, 59.0, "Inverse hyperbolic sine.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct / x.op("hypot", 1)),
)  # fmt: skip
ARCCOSH = _function(
    "arccosh", elementary.acosh, 63.0, "Inverse hyperbolic cosine, for x >= 1.",
    derivative=pointwise(lambda ct, out, x: ct / _product_of_roots(x - 1, x + 1)),
)  # fmt: skip
ARCTANH = _function(
    "arctanh", elementary.atanh, 59.0, "Inverse hyperbolic tangent, for |x| <= 1.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct / ((1 - x) * (x + 1))),
)  # fmt: skip
CBRT = _function(
    "cbrt", elementary.cbrt, 66.0, "Cube root, with the sign of x.", traits=_ODD,
    derivative=pointwise(lambda ct, out, x: ct / (out * out * 3)),
)  # fmt: skip
LOGADDEXP = _function(
    "logaddexp", elementary.logaddexp, 75.0, "log(exp(x) + exp(y)) without overflow.", arity=2,
    derivative=_sum_of_powers("exp"),
)  # fmt: skip
LOGADDEXP2 = _function(
    "logaddexp2", elementary.logaddexp2, 75.0, "log2(2**x + 2**y) without overflow.", arity=2,
    derivative=_sum_of_powers("exp2"),
)  # fmt: skip
ERF = _function(
    "erf", elementary.erf, 55.0, "Error function.", reference=_erf_reference, traits=_ODD,
    accepts=_WIDE_FLOATS,
    derivative=pointwise(lambda ct, out, x: ct * _bell(x)),
)  # fmt: skip
ERFC = _function(
    "erfc", elementary.erfc, 80.0, "1 - erf(x), exact for large x too.",
    reference=_erfc_reference, accepts=_WIDE_FLOATS,
    derivative=pointwise(lambda ct, out, x: -(ct * _bell(x))),
)  # fmt: skip
