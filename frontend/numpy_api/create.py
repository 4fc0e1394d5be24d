"""New arrays: zeros, full, arange, linspace, eye, array and their relatives.

Layer: frontend. See creation.py for when these run instead of NumPy's own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from ...compiler.errors import UnsupportedError
from ...compiler.ir.types import DType, Shape, Size
from .. import lift, values
from ..context import require
from ..indexing import is_concrete
from ..location import user_location
from ..symint import SymInt, is_sequence, size_of
from ..table import FUNCTIONS, implements
from ..tracer import KNOWN_LIMIT, Tracer

# The originals: by the time these functions run, the numpy module has the replacements.
_np_array, _np_asarray = np.array, np.asarray
_np_arange: Any = np.arange
_np_linspace: Any = np.linspace


def shape_argument(shape: Any) -> Shape:
    """A shape as users give it: an int, a SymInt or a sequence of them."""
    if isinstance(shape, SymInt) or not is_sequence(shape):
        return _checked((size_of(shape),))
    return _checked(tuple(size_of(s) for s in shape))


def _checked(shape: Shape) -> Shape:
    ctx = require()
    if any(not ctx.at_least(s, 0) for s in shape):
        raise ValueError("negative dimensions are not allowed")
    return shape


def known(array: np.ndarray) -> Tracer:
    """A traced array whose elements are known; the caller hands over the array."""
    ctx = require()
    return Tracer(ctx, values.type_of(array), None, known=array)


def _small(shape: Shape) -> TypeGuard[tuple[int, ...]]:
    """Whether the sizes are ints, and few elements."""
    if not all(isinstance(size, int) for size in shape):
        return False
    return values.size_of(shape) <= KNOWN_LIMIT  # type: ignore[operator]


def _filled(shape: Any, number: Any, dtype: Any) -> Tracer:
    sizes, ctx = shape_argument(shape), require()
    element = values.dtype_of(dtype)
    if _small(sizes):
        return known(_np_array(np.broadcast_to(_np_asarray(number, element.numpy), sizes)))
    return lift.array(ctx, values.full(ctx, sizes, number, element))


def zeros(shape: Any, dtype: Any = float, order: str = "C", **unused: Any) -> Tracer:
    """As `np.zeros`."""
    return _filled(shape, 0, float if dtype is None else dtype)


def ones(shape: Any, dtype: Any = None, order: str = "C", **unused: Any) -> Tracer:
    """As `np.ones`."""
    return _filled(shape, 1, float if dtype is None else dtype)


def empty(shape: Any, dtype: Any = float, order: str = "C", **unused: Any) -> Tracer:
    """As `np.empty`; the elements are zeros."""
    return zeros(shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **unused: Any) -> Tracer:
    """As `np.full`."""
    if is_concrete(fill_value):
        fill = _np_asarray(fill_value, dtype)
        if fill.ndim == 0:
            return _filled(shape, fill, fill.dtype)
    value = lift.as_array(fill_value)
    target = FUNCTIONS[np.broadcast_to](value, shape)
    return FUNCTIONS[np.ndarray.astype](target, dtype or value.dtype)


def _like(a: Any, dtype: Any, shape: Any) -> tuple[Any, Any]:
    x = lift.as_array(a)
    target = x._type.shape if shape is None else shape_argument(shape)
    return target, x.dtype if dtype is None else dtype


def _in_order(made: Tracer, a: Any, shape: Any, order: str) -> Tracer:
    return made if shape is not None or order == "C" else lift.in_order_of(made, [a])


@implements(np.zeros_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Tracer:
    """As `np.zeros_like`."""
    target, element = _like(a, dtype, shape)
    return _in_order(_filled_shape(target, 0, element), a, shape, order)


@implements(np.imag)
def imag(val: Any) -> Tracer:
    """As `np.imag`: zeros."""
    return zeros_like(val)


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Tracer:
    """As `np.ones_like`."""
    target, element = _like(a, dtype, shape)
    return _in_order(_filled_shape(target, 1, element), a, shape, order)


@implements(np.empty_like)
def empty_like(
    prototype: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    **_: Any,
) -> Tracer:
    """As `np.empty_like`; the elements are zeros."""
    return zeros_like(prototype, dtype, order, shape=shape)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    **_: Any,
) -> Tracer:
    """As `np.full_like`."""
    target, element = _like(a, dtype, shape)
    made = _in_order(_filled_shape(target, 0, element), a, shape, order)
    FUNCTIONS[operator.setitem](made, ..., fill_value)
    return made


def _filled_shape(shape: Shape, number: Any, dtype: Any) -> Tracer:
    element, ctx = values.dtype_of(dtype), require()
    if _small(shape):
        return known(_np_array(np.broadcast_to(_np_asarray(number, element.numpy), shape)))
    return lift.array(ctx, values.full(ctx, shape, number, element))


# --- from other objects ------------------------------------------------------------------------


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    **unused: Any,
) -> Any:
    """As `np.array`: nested lists of traced arrays are stacked."""
    if is_concrete(object):
        return _adopted(_np_array(object, dtype, ndmin=ndmin))
    x = _converted(object, dtype)
    x = FUNCTIONS[np.ndarray.copy](x)
    while x.ndim < ndmin:
        x = FUNCTIONS[np.expand_dims](x, 0)
    return x


def asarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """As `np.asarray`: arrays of the wanted dtype are returned themselves."""
    if not is_concrete(a):
        return _converted(a, dtype)
    if isinstance(a, np.ndarray):
        return _np_asarray(a, dtype)
    return _adopted(_np_asarray(a, dtype))


def _converted(x: Any, dtype: Any) -> Tracer:
    found = lift.as_array(x)
    if found._scalar:
        found = lift.array(require(), found._read())
    if dtype is None or np.dtype(dtype) == found.dtype:
        return found
    return FUNCTIONS[np.ndarray.astype](found, dtype)


def _adopted(made: np.ndarray) -> Any:
    """A concrete array as a traced one, so that traced values can be assigned to it."""
    if DType.of(made.dtype) is None:
        return made
    if made.size <= KNOWN_LIMIT:
        return known(made)
    ctx = require()
    return lift.array(ctx, values.constant(ctx, made))


# --- sequences ---------------------------------------------------------------------------------


def arange(
    start: Any = None, stop: Any = None, step: Any = None, dtype: Any = None, **unused: Any
) -> Tracer:
    """As `np.arange`."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if not any(isinstance(x, SymInt) for x in (start, stop, step)):
        return _arange_static(start, stop, step, dtype)
    ctx = require()
    if not all(isinstance(x, (int, np.integer, SymInt)) for x in (start, stop, step)):
        start, stop, step = (_fixed(x) for x in (start, stop, step))
        return _arange_static(start, stop, step, dtype)
    by = operator.index(step)
    first, last = size_of(start), size_of(stop)
    length = last - first if by > 0 else first - last
    count: Size = 0
    if ctx.at_least(length, 1):
        count = (length + (abs(by) - 1)) // abs(by)
    element = values.dtype_of(np.int64 if dtype is None else dtype)
    base = values.counter(ctx, count, 0, by, DType.I64)
    if first != 0:
        at = lift.as_array(start)._read()
        base = ctx.emit("add", base, values.broadcast(ctx, at, (count,)))
    return lift.array(ctx, values.cast(ctx, base, element))


def _fixed(x: Any) -> Any:
    return operator.index(x) if isinstance(x, SymInt) else x


def _arange_static(start: Any, stop: Any, step: Any, dtype: Any) -> Any:
    for x in (start, stop, step):
        if isinstance(x, Tracer):
            operator.index(x)  # raises with advice unless it is known
    start, stop, step = (x.item() if isinstance(x, Tracer) else x for x in (start, stop, step))
    return _adopted(_np_arange(start, stop, step, dtype))


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    **unused: Any,
) -> Any:
    """As `np.linspace`."""
    if is_concrete(start) and is_concrete(stop) and not isinstance(num, SymInt):
        made = _np_linspace(start, stop, num, endpoint, retstep, dtype, axis)
        return (_adopted(made[0]), made[1]) if retstep else _adopted(made)
    if axis != 0 or retstep:
        raise UnsupportedError(
            "np.linspace: axis= and retstep= are not supported on traced bounds",
            loc=user_location(),
        )
    element = _linspace_dtype(start, stop) if dtype is None else np.dtype(dtype)
    first = lift.as_array(start) * 1.0
    delta = lift.as_array(stop) - first
    count = num if isinstance(num, SymInt) else operator.index(num)
    div = count - 1 if endpoint else count
    index = FUNCTIONS["column"](arange(count), delta.ndim).astype(delta.dtype)
    result = index * (delta / div) + first if div > 0 else index * delta + first
    if endpoint and count > 1:
        result = lift.array(require(), result._read())
        FUNCTIONS[operator.setitem](result, -1, stop)
    if element.kind in "iu":
        result = np.floor(result)
    return FUNCTIONS[np.ndarray.astype](result, element)


def _linspace_dtype(start: Any, stop: Any) -> np.dtype:
    return FUNCTIONS[np.result_type](start, stop, 1.0)


@implements("column")
def _column(x: Tracer, axes: int) -> Tracer:
    """A 1-d array as the first axis of an array with `axes` more, of size 1."""
    return FUNCTIONS[operator.getitem](x, (slice(None), *(None,) * axes))


# --- matrices ----------------------------------------------------------------------------------


def eye(
    N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: str = "C", **unused: Any
) -> Tracer:
    """As `np.eye`."""
    return _diagonals(N, M, k, np.equal, dtype)


def identity(n: Any, dtype: Any = None, **unused: Any) -> Tracer:
    """As `np.identity`."""
    return eye(n, dtype=float if dtype is None else dtype)


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, **unused: Any) -> Tracer:
    """As `np.tri`."""
    return _diagonals(N, M, k, np.greater_equal, dtype)


def _diagonals(
    rows: Any, columns: Any, k: Any, relation: Callable[[Any, Any], Any], dtype: Any
) -> Tracer:
    """Ones where `row + k` stands in the relation to `column`, else zeros."""
    columns = rows if columns is None else columns
    shape = (size_of(rows), size_of(columns))
    if _small(shape) and not isinstance(k, Tracer):
        row, column = np.ogrid[: shape[0], : shape[1]]
        return known(relation(row + k, column).astype(dtype))
    where = relation(arange(rows)[:, None] + k, arange(columns))
    return FUNCTIONS[np.ndarray.astype](where, dtype)
