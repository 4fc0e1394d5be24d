"""Sorting: sort, argsort, partition, argpartition, lexsort.

Layer: frontend. All sorts are stable, so every `kind` gives the same. A partition is a whole sort:
NumPy promises no more about the order on both sides of `kth` than that this is one.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import lift, ufuncs
from ..context import require
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from .axes import one_axis

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]
_NOTHING = np.array([])


def _along_last(op: str, a: Any, axis: Any) -> Tracer:
    """An op along an axis, or on all elements in one row."""
    x = lift.as_array(a)
    if axis is None:
        x, axis = x.ravel(), 0
    axis = one_axis(axis, x.ndim)
    ctx, move = require(), FUNCTIONS[np.moveaxis]
    found = lift.array(ctx, ctx.emit(op, move(x, axis, -1)._read()))
    moved: Tracer = move(found, -1, axis)
    return moved


def _check_kind(kind: Any, order: Any, stable: Any) -> None:
    """Raise what NumPy raises for these; they make no difference."""
    options = {} if stable is _NO_VALUE else {"stable": stable}
    np.ndarray.sort(_NOTHING.copy(), -1, kind, order, **options)


@implements(np.sort)
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tracer:
    """As `np.sort`."""
    _check_kind(kind, order, stable)
    return _along_last("sort", a, axis)


@implements(np.ndarray.sort)
def sort_in_place(
    a: Tracer, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """As `ndarray.sort`."""
    _check_kind(kind, order, stable)
    ufuncs.write(a, _along_last("sort", a, operator.index(axis)))


@implements(np.argsort, np.ndarray.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tracer:
    """As `np.argsort`."""
    _check_kind(kind, order, stable)
    x = lift.as_array(a)
    return _along_last("argsort", x if x.ndim else x.reshape(1), axis)


# --- partitions --------------------------------------------------------------------------------


def _check_kth(a: Any, kth: Any, axis: Any, kind: Any, order: Any) -> None:
    """Raise what NumPy raises for places that there are not."""
    np.ndarray.partition(np.zeros(1), 0, -1, kind, order)
    x = lift.as_array(a)
    size = x.size if axis is None else x.shape[one_axis(axis, x.ndim)]
    places = kth.tolist() if isinstance(kth, np.ndarray) else kth
    for place in places if isinstance(places, (list, tuple)) else [places]:
        wanted = operator.index(place)
        if wanted >= size or wanted < -size:
            raise ValueError(f"kth(={wanted}) out of bounds ({size})")


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Tracer:
    """As `np.partition`."""
    _check_kth(a, kth, axis, kind, order)
    return _along_last("sort", a, axis)


@implements(np.ndarray.partition)
def partition_in_place(
    a: Tracer, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> None:
    """As `ndarray.partition`."""
    _check_kth(a, kth, axis, kind, order)
    ufuncs.write(a, _along_last("sort", a, operator.index(axis)))


@implements(np.argpartition, np.ndarray.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Tracer:
    """As `np.argpartition`."""
    _check_kth(a, kth, axis, kind, order)
    return _along_last("argsort", a, axis)


# --- several keys ------------------------------------------------------------------------------


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Tracer:
    """As `np.lexsort`: by the last key, equal ones by the one before it, and so on."""
    rows = [lift.as_array(key) for key in keys]
    if not rows:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    if any(row.shape != rows[0].shape for row in rows):
        raise ValueError("all keys need to be the same shape")
    if rows[0].ndim == 0:
        return np.argsort(rows[0])[0]  # type: ignore[return-value]
    order = np.argsort(rows[0], axis)
    for row in rows[1:]:
        next_order = np.argsort(np.take_along_axis(row, order, axis), axis)
        order = np.take_along_axis(order, next_order, axis)
    return order  # type: ignore[return-value]
