"""Arrays with some elements replaced, inserted or left out.

Layer: frontend. Positions are known while tracing, but for those that a mask selects.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..context import require
from ..lift import as_array
from ..symint import is_sequence
from ..table import FUNCTIONS, implements
from . import create
from .axes import one_axis
from .select import along_axis


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """As `np.fill_diagonal`."""
    FUNCTIONS["check_out"](a, "np.fill_diagonal")
    if a.ndim == 2 and not wrap and not np.ndim(val):
        a[create.eye(a.shape[0], a.shape[1], dtype=bool)] = val
        return
    shape = tuple(require().static(s) for s in a._type.shape)
    if len(shape) < 2:
        raise ValueError("array must be at least 2-d")
    step = shape[1] + 1 if len(shape) == 2 else 1 + int(np.cumprod(shape[:-1]).sum())
    end = shape[1] * shape[1] if len(shape) == 2 and not wrap else None
    flat = np.arange(int(np.prod(shape)))[:end:step]
    position = np.unravel_index(flat, shape)
    value = as_array(val)
    if value.ndim:
        value = value.ravel()[np.arange(flat.size) % require().static(value._type.size)]
    a[position] = value if np.ndim(val) else val


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """As `np.putmask`, for one value or values of the shape of `a`."""
    FUNCTIONS["check_out"](a, "np.putmask")
    FUNCTIONS[operator.setitem](a, ..., FUNCTIONS[np.where](mask, as_array(values), a))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """As `np.put_along_axis`."""
    FUNCTIONS["check_out"](arr, "np.put_along_axis")
    target = arr.ravel() if axis is None else arr
    place = 0 if axis is None else one_axis(axis, arr.ndim)
    target[along_axis(target, as_array(indices), place)] = values


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """As `np.insert`, at positions that are known while tracing."""
    x = as_array(arr)
    if axis is None:
        x, axis = x.ravel(), 0
    axis = one_axis(axis, x.ndim)
    new = as_array(values).astype(x.dtype)
    if not is_sequence(obj) and not isinstance(obj, slice):
        return _insert_at(x, operator.index(obj), new, axis)
    size = require().static(x._type.shape[axis])
    places = _positions(obj, size)
    count = places.size
    new = np.broadcast_to(new, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    order = np.argsort(places, kind="stable")
    targets = places.copy()
    targets[order] += np.arange(count)
    source = np.full(size + count, -1)
    source[targets] = size + np.arange(count)
    source[source < 0] = np.arange(size)
    return np.take(np.concatenate((x, new), axis), source, axis)


def _insert_at(x: Any, position: int, new: Any, axis: int) -> Any:
    """One position may take several rows: the values decide how many."""
    size = x.shape[axis]
    if not (position <= size if position >= 0 else -position <= size):
        raise IndexError(f"index {position} is out of bounds for axis {axis} with size {size}")
    new = np.moveaxis(np.reshape(new, (1,) * (x.ndim - new.ndim) + new.shape), 0, axis)
    new = np.broadcast_to(new, (*x.shape[:axis], new.shape[axis], *x.shape[axis + 1 :]))
    front = (slice(None),) * axis
    parts = (x[(*front, slice(None, position))], new, x[(*front, slice(position, None))])
    return np.concatenate(parts, axis)


def _positions(obj: Any, size: int) -> np.ndarray:
    """Positions before which to insert, counted from the start."""
    if isinstance(obj, slice):
        return np.arange(size)[obj]
    found = np.atleast_1d(np.asarray(obj))
    if found.dtype == bool:
        found = found.nonzero()[0]
    found = found.astype(np.int64)
    if ((found > size) | (found < -size)).any():
        raise IndexError(f"index {found.max()} is out of bounds for axis 0 with size {size}")
    return np.where(found < 0, found + size, found)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """As `np.delete`, at positions that are known while tracing."""
    x = as_array(arr)
    if axis is None:
        x, axis = x.ravel(), 0
    axis = one_axis(axis, x.ndim)
    if isinstance(obj, (int, np.integer)) and not isinstance(obj, bool):
        front = (slice(None),) * axis
        x[(*front, obj)]  # raises where there is no such element
        after = slice(obj + 1, None) if obj != -1 else slice(0, 0)
        return np.concatenate((x[(*front, slice(None, obj))], x[(*front, after)]), axis)
    kept = np.delete(np.arange(require().static(x._type.shape[axis])), obj)
    return np.take(x, kept, axis)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """As `np.resize`: the elements over and over, as many as there is room for."""
    x = as_array(a).ravel()
    shape = new_shape if is_sequence(new_shape) else (new_shape,)
    shape = tuple(operator.index(s) for s in shape)
    count, total = require().static(x._type.shape[0]), int(np.prod(shape))
    if count == 0:
        return np.zeros_like(x, shape=shape)
    return np.reshape(np.tile(x, -(-total // count))[:total], shape)


@implements(np.block)
def block(arrays: Any) -> Any:
    """As `np.block`."""
    depth = _depth(arrays)
    rank = max(depth, max((a.ndim for a in _leaves(arrays)), default=0))
    return _block(arrays, depth, rank)


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays)) if isinstance(arrays, list) and arrays else 0


def _leaves(arrays: Any) -> list[Any]:
    if isinstance(arrays, list):
        return [leaf for a in arrays for leaf in _leaves(a)]
    return [as_array(arrays)]


def _block(arrays: Any, depth: int, rank: int) -> Any:
    """Innermost lists join along the last axis, the next ones along the one before."""
    if not isinstance(arrays, list):
        x = as_array(arrays)
        return np.reshape(x, (1,) * (rank - x.ndim) + x.shape)
    return np.concatenate([_block(a, depth - 1, rank) for a in arrays], axis=-depth)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """As `np.piecewise`; every function is applied to all of x."""
    array = as_array(x)
    conditions = condlist if isinstance(condlist, (list, tuple)) else [condlist]
    conditions = [as_array(c) for c in conditions]
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        some = conditions[0]
        for c in conditions[1:]:
            some = some | c
        conditions = [*conditions, ~some]
    if len(functions) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or"
            f" {len(conditions) + 1} functions are expected"
        )
    result = np.zeros_like(array)
    for condition, function in zip(conditions, functions, strict=True):
        value = function(array, *args, **kw) if callable(function) else function
        result = np.where(condition, as_array(value).astype(array.dtype), result)
    return result


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """As `np.vander`."""
    base = as_array(x)
    if base.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = require().static(base._type.shape[0]) if N is None else operator.index(N)
    dtype = np.promote_types(base.dtype, int)
    column = np.ones_like(base, dtype=dtype)
    columns = []
    for _ in range(count):
        columns.append(column)
        column = column * base
    return np.stack(columns if increasing else columns[::-1], axis=-1)
