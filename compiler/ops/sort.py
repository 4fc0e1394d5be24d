"""Sorting along the last axis.

Layer: compiler/ops. Both ops are stable: equal elements keep their order, -0.0 and 0.0 are equal,
and every NaN comes last. So `sort` is the elements that `argsort` names, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.batching import BatchSite
from ..ir.derivative import Contribution, Rules, Scattered, Site
from ..ir.opdef import REGISTRY, Kind, op
from ..ir.term import Term
from ..ir.types import DType, TensorType

Types = tuple[TensorType, ...]


def _row_type(name: str, types: Sequence[TensorType]) -> TensorType:
    (x,) = types
    if x.rank == 0:
        raise ShapeError(f"{name}: needs an axis to sort along", got=str(x))
    return x


def _sort_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> Types:
    return (_row_type("sort", types),)


def _argsort_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> Types:
    return (_row_type("argsort", types).with_dtype(DType.I64),)


def _argsort_reference(x: Any) -> Any:
    wide = x.astype(np.float32) if DType.of(x.dtype) is DType.BF16 else x  # of the same order
    return np.argsort(wide, axis=-1, kind="stable")


def _sort_reference(x: Any) -> Any:
    return np.take_along_axis(x, _argsort_reference(x), axis=-1)


def _batch(name: str) -> Any:
    """Examples are further rows."""

    def rule(site: BatchSite) -> Term:
        return site.stack.op(name)

    return rule


# --- derivative --------------------------------------------------------------------------------


def _places(x: Term) -> list[Term]:
    """Index arrays: along each axis, where the elements of the sorted array are from."""
    found = []
    for axis, size in enumerate(x.shape[:-1]):
        numbers = x.builder.emit_once(REGISTRY["iota"], size=size, dtype=DType.I64)
        found.append(Term(x.builder, numbers).broadcast(x.shape, [axis]))
    return [*found, x.op("argsort")]


def _vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,) = cts
    assert ct is not None
    return [Scattered(ct, tuple(_places(site.operand)))]


def _jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    (tangent,) = tangents
    assert tangent is not None
    places = _places(site.operand)
    return [tangent.op("gather", *places)]


SORT = op(
    "sort",
    Kind.SORT,
    arity=1,
    infer=_sort_infer,
    reference=_sort_reference,
    batch=_batch("sort"),
    derivative=Rules(_vjp, _jvp),
    cost=40.0,
    doc="The elements of each row (along the last axis) in increasing order, NaN last, equal ones"
    " in their order.",
)

ARGSORT = op(
    "argsort",
    Kind.SORT,
    arity=1,
    infer=_argsort_infer,
    reference=_argsort_reference,
    batch=_batch("argsort"),
    cost=60.0,
    doc="The i64 positions, along the last axis, of what `sort` gives.",
)
