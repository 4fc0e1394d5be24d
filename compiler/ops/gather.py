"""Ops that choose elements by index arrays.

Layer: compiler/ops. Indices are data: they are checked while the kernel runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DTypeError, ShapeError
from ..ir.opdef import Kind, op
from ..ir.types import DType, TensorType


def _gather_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    got = " and ".join(map(str, types))
    if len(types) < 2:
        raise ShapeError("gather: needs an array and at least one index array", got=got)
    x, *indices = types
    if len(indices) > x.rank:
        raise ShapeError("gather: more index arrays than axes", got=got)
    if any(i.dtype != DType.I64 for i in indices):
        raise DTypeError("gather: index arrays must be i64", got=got)
    if any(i.shape != indices[0].shape for i in indices):
        raise ShapeError("gather: index arrays must have one shape", got=got)
    return (x.with_shape(indices[0].shape + x.shape[len(indices) :]),)


def _gather_reference(x: Any, *indices: Any) -> Any:
    return x[indices]


GATHER = op(
    "gather",
    Kind.GATHER,
    arity=None,
    infer=_gather_infer,
    reference=_gather_reference,
    cost=3.0,
    doc="x[i0, ..., ik]: i64 arrays of one shape index the first axes of x. Negative indices count"
    " from the end; an index out of bounds is an error when the program runs.",
)
