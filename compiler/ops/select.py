"""Choice between values, and conversion of values to another dtype.

Layer: compiler/ops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.derivative import Contribution, Linear, Rules, Site, pointwise
from ..ir.term import Term
from ..ir.types import DType, TensorType
from .compare import is_nan
from .elementwise import elementwise
from .infer import FLOATS, check_one_dtype, check_shapes, shown
from .scalar import Scalar, ScalarBuilder


def _select_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    condition, x, y = types
    if condition.dtype is not DType.BOOL:
        raise DTypeError(
            f"select: the condition has dtype {condition.dtype}", got=shown(types), expected="bool"
        )
    check_one_dtype("select", (x, y))
    check_shapes("select", types)
    return (x,)


def _cast_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    (x,) = types
    return (x.with_dtype(attrs["dtype"]),)


def _heaviside(s: ScalarBuilder, x: Scalar, at_zero: Scalar) -> Scalar:
    step = s.select(x < 0, s.const(0.0, x.dtype), 1.0)
    return s.select(is_nan(s, x), x, s.select(x.eq(0), at_zero, step))


def _select_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,), (condition, _, _) = cts, site.operands
    assert ct is not None
    return [None, ct.where(condition), ct.where(~condition)]


def _select_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    condition = site.operands[0]
    _, x, y = tangents
    if x is None or y is None:
        return [x.where(condition) if x else y and y.where(~condition)]
    return [condition.select(x, y)]


def _cast_transpose(site: Site, ct: Term) -> list[Contribution]:
    return [ct.cast(site.operand.dtype)]


SELECT = elementwise(
    "select",
    3,
    infer=_select_infer,
    reference=np.where,
    lower=lambda s, condition, x, y: s.select(condition, x, y),
    derivative=Rules(vjp=_select_vjp, jvp=_select_jvp),
    doc="x where the condition holds, else y.",
)

CAST = elementwise(
    "cast",
    1,
    infer=_cast_infer,
    reference=lambda x, *, dtype: np.asarray(x).astype(dtype.numpy),
    lower=lambda s, x, *, dtype: s.cast(x, dtype),
    derivative=Linear(_cast_transpose, on_masks=False),
    attrs=("dtype",),
    doc="The value in another dtype, as NumPy's astype; floats lose their fraction.",
)

HEAVISIDE = elementwise(
    "heaviside",
    2,
    FLOATS,
    reference=np.heaviside,
    lower=_heaviside,
    derivative=pointwise(None, lambda ct, out, x, at_zero: ct.where(x.eq(0))),
    cost=6.0,
    doc="0 for negative x, 1 for positive x, the second operand for 0, NaN for NaN.",
)
