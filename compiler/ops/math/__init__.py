"""Elementary functions in terms of the scalar instructions, so that they fuse into kernels.

Layer: compiler/ops. Each function takes a ScalarBuilder and f32 or f64 Scalars and gives a Scalar.
They are (nearly) free of branches, and right for every input: NaN, infinities, signed zeros,
subnormals. Without fused multiply-adds they lose some digits.
"""

from __future__ import annotations

from ...ir.types import DType
from .exponential import exp, exp2, expm1
from .fast import FAST
from .hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithm import log, log1p, log2, log10
from .power import cbrt, hypot, pow
from .special import erf, erfc, logaddexp, logaddexp2
from .trigonometric import cos, sin, tan


def _bounds(f32: float, f64: float) -> dict[DType, float]:
    return {DType.F32: f32, DType.F64: f64}


# The largest error in units in the last place of the result. Of logaddexp and logaddexp2, in those
# of the larger of the result, max(x, y) and 1: their terms cancel.
ULP: dict[str, dict[DType, float]] = {
    "exp": _bounds(1.0, 1.0),
    "exp2": _bounds(1.0, 1.0),
    "expm1": _bounds(1.1, 1.2),
    "log": _bounds(1.0, 1.0),
    "log2": _bounds(1.2, 1.1),
    "log10": _bounds(1.1, 1.1),
    "log1p": _bounds(1.1, 1.0),
    "sin": _bounds(1.0, 1.0),
    "cos": _bounds(1.0, 1.0),
    "tan": _bounds(1.3, 1.2),
    "asin": _bounds(1.0, 1.0),
    "acos": _bounds(1.0, 1.0),
    "atan": _bounds(1.3, 1.2),
    "atan2": _bounds(1.2, 1.2),
    "sinh": _bounds(1.0, 1.0),
    "cosh": _bounds(1.0, 1.0),
    "tanh": _bounds(1.2, 1.2),
    "asinh": _bounds(1.4, 1.4),
    "acosh": _bounds(1.4, 1.4),
    "atanh": _bounds(1.4, 1.4),
    "pow": _bounds(0.6, 1.2),
    "cbrt": _bounds(0.6, 0.6),
    "hypot": _bounds(1.1, 1.1),
    "erf": _bounds(1.3, 1.2),
    "erfc": _bounds(3.0, 3.0),
    "logaddexp": _bounds(1.5, 1.5),
    "logaddexp2": _bounds(2.0, 2.0),
}

__all__ = [
    "FAST",
    "ULP",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "pow",
    "sin",
    "sinh",
    "tan",
    "tanh",
]
