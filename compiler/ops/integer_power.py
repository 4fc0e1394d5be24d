"""Powers with a small whole exponent that is known while compiling.

Layer: compiler/ops. A few multiplications in place of the general power, as accurate: each product
carries its rounding error along, and the sum is rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..ir.derivative import pointwise
from ..ir.term import Term
from ..ir.types import DType, TensorType
from .elementwise import elementwise
from .infer import FLOATS, check_dtypes
from .scalar import Scalar, ScalarBuilder

LARGEST_EXPONENT = 16
Pair = tuple[Scalar, Scalar]  # a value and what it is short of the exact one


def _infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    check_dtypes("integer_power", types, FLOATS)
    if not 2 <= attrs["exponent"] <= LARGEST_EXPONENT:
        raise UnsupportedError(
            "integer_power: the exponent is too small or too large",
            got=str(attrs["exponent"]),
            expected=f"2 to {LARGEST_EXPONENT}",
        )
    return (types[0],)


def _reference(x: Any, *, exponent: int) -> Any:
    return np.power(x, x.dtype.type(exponent))


def _product(s: ScalarBuilder, a: Pair, b: Pair) -> Pair:
    """The product of two pairs; of the errors, their product is too small to matter."""
    total = a[0] * b[0]
    error = s.fma(a[0], b[0], -total)
    return total, s.fma(a[1], b[0], s.fma(a[0], b[1], error))


def _lower(s: ScalarBuilder, x: Scalar, *, exponent: int) -> Scalar:
    square: Pair = (x, s.const(0.0, x.dtype))
    result: Pair | None = None
    while True:
        if exponent & 1:
            result = square if result is None else _product(s, result, square)
        exponent >>= 1
        if not exponent:
            break
        square = _product(s, square, square)
    assert result is not None
    total, error = result
    # an infinite total has no error, and adding one to a zero could lose its sign
    proper = (s.fabs(total) < math.inf) & total.ne(0)
    return s.select(proper, total + error, total)


def _pull(ct: Term, out: Term, x: Term, *, exponent: int) -> Term:
    less = x if exponent == 2 else x.op("integer_power", exponent=exponent - 1)
    return ct * (less * exponent)


INTEGER_POWER = elementwise(
    "integer_power",
    1,
    infer=_infer,
    reference=_reference,
    lower=_lower,
    attrs=("exponent",),
    derivative=pointwise(_pull),
    ulp={DType.F32: 1.0, DType.F64: 1.0},
    cost=10.0,
    doc="x to a whole power between 2 and 16 that is known while compiling.",
)
