"""Ops whose operands become parts of one new array.

Layer: compiler/ops. A kernel writes each operand into its region of the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.batching import BatchSite
from ..ir.boxes import region_mask
from ..ir.derivative import Contribution, Linear, Site
from ..ir.opdef import Kind, op
from ..ir.phases import phases
from ..ir.term import Term, concatenate, full
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


def _concatenate_transpose(site: Site, ct: Term) -> list[Contribution]:
    axis = site.attrs["axis"]
    start: Size = 0
    found: list[Contribution] = []
    for operand in site.operands:
        size = operand.shape[axis]
        found.append(ct.along(axis, start, size))
        start = start + size
    return found


def _concatenate_batch(site: BatchSite) -> Term:
    return concatenate(site.wholes(), site.attrs["axis"] + 1)


CONCATENATE = op(
    "concatenate",
    Kind.ASSEMBLE,
    arity=None,
    infer=_concatenate_infer,
    reference=_concatenate_reference,
    batch=_concatenate_batch,
    derivative=Linear(_concatenate_transpose),
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


def _update_slice_transpose(site: Site, ct: Term) -> list[Contribution]:
    value, starts, steps = site.operands[1], site.attrs["starts"], site.attrs["steps"]
    wants_base, wants_value = site.wanted
    kept = region_mask(ct, starts, steps, value.shape, outside=True)
    zeros = full(ct.builder, value.shape, 0, ct.dtype)
    return [
        ct.update(zeros, starts, steps).with_masks((kept,)) if wants_base else None,
        ct.slice(starts, steps, value.shape) if wants_value else None,
    ]


def _update_slice_batch(site: BatchSite) -> Term:
    base, value = site.wholes()
    return base.update(value, (0, *site.attrs["starts"]), (1, *site.attrs["steps"]))


UPDATE_SLICE = op(
    "update_slice",
    Kind.ASSEMBLE,
    arity=2,
    infer=_update_slice_infer,
    reference=_update_slice_reference,
    batch=_update_slice_batch,
    derivative=Linear(_update_slice_transpose),
    attrs=("starts", "steps"),
    cost=1.0,
    doc="A copy of the base with the elements start + i*step of each axis replaced by the value's.",
)


def _interleave_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    shape, steps = attrs["shape"], attrs["steps"]
    got = " and ".join(map(str, types))
    if len(steps) != len(shape) or any(not isinstance(s, int) or s < 1 for s in steps):
        raise ShapeError("interleave: needs a step of at least 1 for each axis", got=str(steps))
    expected = [part for _, part in phases(shape, steps)]
    if [t.shape for t in types] != expected:
        raise ShapeError(
            "interleave: the parts have not the shapes of every n-th element",
            got=got,
            expected=" and ".join(str(list(part)) for part in expected),
        )
    if any(t.dtype != types[0].dtype for t in types):
        raise DTypeError("interleave: dtypes differ", got=got)
    return (types[0].with_shape(shape),)


def _interleave_reference(*arrays: Any, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    result = np.empty(shape, arrays[0].dtype)
    for array, (starts, part) in zip(arrays, phases(shape, steps), strict=True):
        result[region(starts, steps, part)] = array  # type: ignore[arg-type]
    return result


def _interleave_transpose(site: Site, ct: Term) -> list[Contribution]:
    steps = site.attrs["steps"]
    return [ct.slice(starts, steps, part) for starts, part in phases(ct.shape, steps)]


def _interleave_batch(site: BatchSite) -> Term:
    first, *others = site.wholes()
    shape, steps = (site.size, *site.attrs["shape"]), (1, *site.attrs["steps"])
    return first.op("interleave", *others, shape=shape, steps=steps)


INTERLEAVE = op(
    "interleave",
    Kind.ASSEMBLE,
    arity=None,
    infer=_interleave_infer,
    reference=_interleave_reference,
    batch=_interleave_batch,
    derivative=Linear(_interleave_transpose),
    attrs=("shape", "steps"),
    cost=1.0,
    doc="An array of which each operand is every steps[k]-th element of axis k: from the first,"
    " from the second, and so on.",
)
