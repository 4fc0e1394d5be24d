"""The largest of several operands, and which one that is: what max pooling does with windows.

Layer: compiler/ops. NaN counts as the largest. Of equal operands the first one is taken, by the
derivative too; a chain of `maximum` would differ there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.derivative import Contribution, Rules, Site
from ..ir.opdef import Kind, op
from ..ir.term import Term
from ..ir.types import DType, TensorType
from .compare import is_nan
from .infer import NUMBERS, check_dtypes, check_one_dtype, check_shapes
from .scalar import Scalar, ScalarBuilder

MOST = 256  # operands: positions are u8


def _check(name: str, types: Sequence[TensorType]) -> TensorType:
    if not 1 <= len(types) <= MOST:
        raise ShapeError(f"{name}: takes 1 to {MOST} operands", got=f"{len(types)}")
    check_dtypes(name, types, NUMBERS)
    check_one_dtype(name, types)
    check_shapes(name, types)
    return types[0]


def _largest_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    return (_check("largest", types),)


def _position_infer(
    types: Sequence[TensorType], attrs: Mapping[str, Any]
) -> tuple[TensorType, ...]:
    return (_check("position_of_largest", types).with_dtype(DType.U8),)


def _beats(s: ScalarBuilder, x: Scalar, best: Scalar) -> Scalar:
    """Whether x, which comes later, is larger; a NaN is, and then stays."""
    if not x.dtype.is_float:
        return x > best
    return ~(x <= best) & ~is_nan(s, best)


def _largest(s: ScalarBuilder, *operands: Scalar) -> Scalar:
    best, *others = operands
    for x in others:
        best = s.select(_beats(s, x, best), x, best)
    return best


def _position(s: ScalarBuilder, *operands: Scalar) -> Scalar:
    best, *others = operands
    at = s.const(0, DType.U8)
    for k, x in enumerate(others, start=1):
        better = _beats(s, x, best)
        best, at = s.select(better, x, best), s.select(better, s.const(k, DType.U8), at)
    return at


def _references(*operands: Any) -> tuple[Any, Any]:
    best, *others = operands
    at = np.zeros(np.shape(best), np.uint8)
    for k, x in enumerate(others, start=1):
        better = ~(x <= best) & (best == best)
        best, at = np.where(better, x, best), np.where(better, np.uint8(k), at)
    return best, at


def _largest_reference(*operands: Any) -> Any:
    return _references(*operands)[0]


def _position_reference(*operands: Any) -> Any:
    return _references(*operands)[1]


def _chosen(position: Term, k: int, x: Term) -> Term:
    """x where operand k is the one that is taken, else 0."""
    return position.eq(k).select(x, 0)


def _vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,) = cts
    assert ct is not None
    first, *others = site.operands
    position = first.op("position_of_largest", *others)
    masks = ct.masks
    return [
        _chosen(position, k, ct).with_masks(masks) if wanted else None
        for k, wanted in enumerate(site.wanted)
    ]


def _jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    first, *others = site.operands
    position = first.op("position_of_largest", *others)
    found: Term | None = None
    for k, tangent in enumerate(tangents):
        if tangent is not None:
            part = _chosen(position, k, tangent)
            found = part if found is None else found + part
    return [found]


LARGEST = op(
    "largest",
    Kind.ELEMENTWISE,
    arity=None,
    infer=_largest_infer,
    reference=_largest_reference,
    lower=_largest,
    derivative=Rules(vjp=_vjp, jvp=_jvp),
    cost=10.0,
    doc="The largest of the operands; NaN if one is. The derivative goes to the first such.",
)
POSITION_OF_LARGEST = op(
    "position_of_largest",
    Kind.ELEMENTWISE,
    arity=None,
    infer=_position_infer,
    reference=_position_reference,
    lower=_position,
    cost=12.0,
    doc="Which of the operands is the largest, the first of equal ones; a NaN is.",
)
