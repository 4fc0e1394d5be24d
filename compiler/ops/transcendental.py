"""Elementary functions of floats.

Layer: compiler/ops. Outside of its domain a function gives NaN, at a pole an infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.opdef import OpDef
from ..ir.types import DType
from .elementwise import elementwise
from .infer import FLOATS, DTypes
from .scalar import Scalar, ScalarBuilder

_LIBM_ULP = {DType.F32: 4.0, DType.F64: 4.0}


def _libm(name: str) -> Callable[..., Scalar]:
    return lambda s, *args: s.libm(name, *args)


def _function(
    name: str,
    function: str,
    cost: float,
    doc: str,
    arity: int = 1,
    reference: Callable[..., Any] | None = None,
    accepts: DTypes = FLOATS,
) -> OpDef:
    """Define the op `name` that computes `function` of the math package."""
    return elementwise(
        name,
        arity,
        accepts,
        reference=reference or getattr(np, name),
        lower=_libm(function),
        ulp=_LIBM_ULP,
        cost=cost,
        doc=doc,
    )


def _erf_reference(x: Any) -> Any:
    import scipy.special  # takes long to import, and only this op needs it

    return scipy.special.erf(x)


def _erfc_reference(x: Any) -> Any:
    import scipy.special  # as above

    return scipy.special.erfc(x)


def _logaddexp(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    gap = -s.fabs(x - y)
    larger = s.select(x > y, x, y)
    distant = larger + s.libm("log1p", s.libm("exp", gap))
    return s.select(x.eq(y), x + math.log(2.0), distant)  # infinities have no gap


def _logaddexp2(s: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    gap = -s.fabs(x - y)
    larger = s.select(x > y, x, y)
    distant = larger + s.libm("log1p", s.libm("exp2", gap)) * math.log2(math.e)
    return s.select(x.eq(y), x + 1.0, distant)


EXP = _function("exp", "exp", 25.0, "e to the power x.")
EXP2 = _function("exp2", "exp2", 25.0, "2 to the power x.")
EXPM1 = _function("expm1", "expm1", 35.0, "exp(x) - 1, exact for small x too.")
LOG = _function("log", "log", 25.0, "Natural logarithm; -inf for 0.")
LOG2 = _function("log2", "log2", 25.0, "Logarithm to base 2; -inf for 0.")
LOG10 = _function("log10", "log10", 25.0, "Logarithm to base 10; -inf for 0.")
LOG1P = _function("log1p", "log1p", 30.0, "log(1 + x), exact for small x too.")
SIN = _function("sin", "sin", 30.0, "Sine of an angle in radians.")
COS = _function("cos", "cos", 30.0, "Cosine of an angle in radians.")
TAN = _function("tan", "tan", 40.0, "Tangent of an angle in radians.")
ARCSIN = _function("arcsin", "asin", 35.0, "Inverse sine, in [-pi/2, pi/2].")
ARCCOS = _function("arccos", "acos", 35.0, "Inverse cosine, in [0, pi].")
ARCTAN = _function("arctan", "atan", 35.0, "Inverse tangent, in [-pi/2, pi/2].")
ARCTAN2 = _function("arctan2", "atan2", 45.0, "Angle of the point (y, x), in [-pi, pi].", arity=2)
HYPOT = _function("hypot", "hypot", 20.0, "sqrt(x*x + y*y) without overflow.", arity=2)
SINH = _function("sinh", "sinh", 45.0, "Hyperbolic sine.")
COSH = _function("cosh", "cosh", 40.0, "Hyperbolic cosine.")
TANH = _function("tanh", "tanh", 35.0, "Hyperbolic tangent.")
ARCSINH = _function("arcsinh", "asinh", 45.0, "Inverse hyperbolic sine.")
ARCCOSH = _function("arccosh", "acosh", 45.0, "Inverse hyperbolic cosine, for x >= 1.")
ARCTANH = _function("arctanh", "atanh", 45.0, "Inverse hyperbolic tangent, for |x| <= 1.")
CBRT = _function("cbrt", "cbrt", 30.0, "Cube root, with the sign of x.")
# SciPy has no loop for f16: it gives f32.
ERF = _function(
    "erf",
    "erf",
    40.0,
    "Error function.",
    reference=_erf_reference,
    accepts=FLOATS - {DType.F16},
)
ERFC = _function(
    "erfc",
    "erfc",
    50.0,
    "1 - erf(x), exact for large x too.",
    reference=_erfc_reference,
    accepts=FLOATS - {DType.F16},
)

LOGADDEXP = elementwise(
    "logaddexp",
    2,
    FLOATS,
    reference=np.logaddexp,
    lower=_logaddexp,
    ulp=_LIBM_ULP,
    cost=60.0,
    doc="log(exp(x) + exp(y)) without overflow.",
)

LOGADDEXP2 = elementwise(
    "logaddexp2",
    2,
    FLOATS,
    reference=np.logaddexp2,
    lower=_logaddexp2,
    ulp=_LIBM_ULP,
    cost=60.0,
    doc="log2(2**x + 2**y) without overflow.",
)
