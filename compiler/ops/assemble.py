"""Ops whose operands become parts of one new array.

Layer: compiler/ops. A kernel writes each operand into its region of the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.opdef import Kind, op
from ..ir.types import Size, TensorType
from .shape import check_region, region

Attrs = Mapping[str, Any]


def _concatenate_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    axis = attrs["axis"]
    if not types:
        raise ShapeError("concatenate: needs at least one array")
    first, got = types[0], " and ".join(map(str, types))
    if not 0 <= axis < first.rank:
        raise ShapeError(f"concatenate: there is no axis {axis}", got=got)
    if any(t.dtype != first.dtype for t in types):
        raise DTypeError("concatenate: dtypes differ", got=got)
    for t in types:
        if t.rank != first.rank or any(
            t.shape[k] != first.shape[k] for k in range(first.rank) if k != axis
        ):
            raise ShapeError(
                "concatenate: shapes differ", got=got, expected=f"equal sizes but on axis {axis}"
            )
    total: Size = sum((t.shape[axis] for t in types), start=0)
    return (first.with_shape((*first.shape[:axis], total, *first.shape[axis + 1 :])),)


def _concatenate_reference(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis)


CONCATENATE = op(
    "concatenate",
    Kind.ASSEMBLE,
    arity=None,
    infer=_concatenate_infer,
    reference=_concatenate_reference,
    attrs=("axis",),
    cost=1.0,
    doc="Arrays one after the other along an axis.",
)


def _update_slice_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    base, value = types
    if base.dtype != value.dtype:
        raise DTypeError("update_slice: dtypes differ", got=f"{base} and {value}")
    check_region("update_slice", base, attrs["starts"], attrs["steps"], value.shape)
    return (base,)


def _update_slice_reference(
    base: Any, value: Any, *, starts: tuple[int, ...], steps: tuple[int, ...]
) -> Any:
    result = np.array(base)
    result[region(starts, steps, value.shape)] = value
    return result


UPDATE_SLICE = op(
    "update_slice",
    Kind.ASSEMBLE,
    arity=2,
    infer=_update_slice_infer,
    reference=_update_slice_reference,
    attrs=("starts", "steps"),
    cost=1.0,
    doc="A copy of the base with the elements start + i*step of each axis replaced by the value's.",
)
