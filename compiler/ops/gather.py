"""Ops that choose elements by index arrays, to read them or to add to them.

Layer: compiler/ops. Indices are data: they are checked while the kernel runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.batching import BatchSite
from ..ir.derivative import Contribution, Linear, Scattered, Site
from ..ir.opdef import REGISTRY, Kind, op
from ..ir.term import Term
from ..ir.types import DType, Shape, TensorType
from .scalar import Scalar

Types = tuple[TensorType, ...]


def _chosen(name: str, x: TensorType, indices: Sequence[TensorType]) -> TensorType:
    """The type of x[indices], if it is allowed."""
    got = " and ".join(map(str, (x, *indices)))
    if not indices:
        raise ShapeError(f"{name}: needs at least one index array", got=got)
    if len(indices) > x.rank:
        raise ShapeError(f"{name}: more index arrays than axes", got=got)
    if any(i.dtype != DType.I64 for i in indices):
        raise DTypeError(f"{name}: index arrays must be i64", got=got)
    if any(i.shape != indices[0].shape for i in indices):
        raise ShapeError(f"{name}: index arrays must have one shape", got=got)
    return x.with_shape(indices[0].shape + x.shape[len(indices) :])


# --- gather ------------------------------------------------------------------------------------


def _gather_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> Types:
    if not types:
        raise ShapeError("gather: needs an array and at least one index array")
    return (_chosen("gather", types[0], types[1:]),)


def _gather_reference(x: Any, *indices: Any) -> Any:
    return x[indices]


def _gather_transpose(site: Site, ct: Term) -> list[Contribution]:
    indices = site.operands[1:]
    return [Scattered(ct, indices), *(None for _ in indices)]


def _gather_batch(site: BatchSite) -> Term:
    """The example's number is one more index, unless all examples share the array."""
    x, indices = site.operands[0], [i.whole(site.size) for i in site.operands[1:]]
    if x.is_mapped:
        indices.insert(0, example_numbers(site, indices[0].shape))
    return x.term.op("gather", *indices)


def example_numbers(site: BatchSite, shape: Shape) -> Term:
    """An array of this shape that holds, along its first axis, the number of each example."""
    numbers = site.builder.emit_once(REGISTRY["iota"], size=site.size, dtype=DType.I64)
    return Term(site.builder, numbers).broadcast(shape, [0])


GATHER = op(
    "gather",
    Kind.GATHER,
    arity=None,
    infer=_gather_infer,
    reference=_gather_reference,
    batch=_gather_batch,
    harmless=lambda k, dtype: 0 if k else None,
    derivative=Linear(_gather_transpose),
    cost=3.0,
    doc="x[i0, ..., ik]: i64 arrays of one shape index the first axes of x. Negative indices count"
    " from the end; an index out of bounds is an error when the program runs.",
)


# --- scatter_add -------------------------------------------------------------------------------


def _scatter_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> Types:
    if len(types) < 3:
        raise ShapeError("scatter_add: needs a base, values and at least one index array")
    base, values, *indices = types
    expected = _chosen("scatter_add", base, indices)
    got = f"{values} for {base}"
    if values.dtype != base.dtype:
        raise DTypeError("scatter_add: dtypes differ", got=got)
    if values.shape != expected.shape:
        raise ShapeError("scatter_add: the values do not fit", got=got, expected=str(expected))
    return (base,)


def _scatter_reference(base: Any, values: Any, *indices: Any) -> Any:
    result = np.array(base)
    add = np.logical_or if result.dtype.kind == "b" else np.add
    add.at(result, tuple(indices), values)
    return result


def added(x: Scalar, y: Scalar) -> Scalar:
    """An element of a scatter's result with one more: the sum, of bools whether one is true.

    Halves are added in f32.
    """
    if x.dtype.is_bool:
        return x | y
    if x.dtype.is_half:
        s, wide = x.builder, x.dtype.wide
        return s.cast(s.cast(x, wide) + s.cast(y, wide), x.dtype)
    return x + y


def _scatter_transpose(site: Site, ct: Term) -> list[Contribution]:
    indices = site.operands[2:]
    wants_values = site.wanted[1]
    picked = ct.op("gather", *indices) if wants_values else None
    return [ct, picked, *(None for _ in indices)]


def _scatter_batch(site: BatchSite) -> Term:
    base, values, *indices = site.wholes()
    return base.op("scatter_add", values, example_numbers(site, indices[0].shape), *indices)


SCATTER_ADD = op(
    "scatter_add",
    Kind.SCATTER,
    arity=None,
    infer=_scatter_infer,
    reference=_scatter_reference,
    batch=_scatter_batch,
    harmless=lambda k, dtype: 0 if k >= 2 else None,
    derivative=Linear(_scatter_transpose),
    cost=3.0,
    doc="A copy of the base with values added, in their order, to the elements that i64 arrays of"
    " one shape choose along its first axes: all of them where an element is chosen repeatedly."
    " Bools are joined by `or`. Indices are read as those of gather.",
)
