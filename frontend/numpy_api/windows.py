"""Functions of neighbouring elements: sliding windows, convolution, gradients of samples.

Layer: frontend. A window is a view, so a convolution is one loop over its input.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...compiler.errors import UnsupportedError
from ..context import require
from ..lift import as_array
from ..location import user_location
from ..symint import is_sequence, wrap_size
from ..table import implements
from .axes import one_axis, several_axes


@implements(sliding_window_view)
def windows(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """As `np.lib.stride_tricks.sliding_window_view`, read-only."""
    array, ctx = as_array(x), require()
    sizes = [
        operator.index(w) for w in (window_shape if is_sequence(window_shape) else [window_shape])
    ]
    if axis is None:
        if len(sizes) != array.ndim:
            raise ValueError(
                "Since axis is None, must provide window_shape for all dimensions of `x`"
            )
        axes = tuple(range(array.ndim))
    else:
        axes = several_axes(axis, array.ndim, repeated=True)
        if len(axes) != len(sizes):
            raise ValueError("Must provide matching length window_shape and axis")
    if any(size < 0 for size in sizes):
        raise ValueError("`window_shape` cannot contain negative values")
    why = "assigning to windows would change several elements at once"
    for k, size in zip(axes, sizes, strict=True):
        if size == 0:
            raise UnsupportedError("windows without elements", loc=user_location())
        if not ctx.at_least(array._type.shape[k], size):
            raise ValueError("window shape cannot be larger than input array shape")
        array = array._read_only_view(why, "windows", axis=k, size=size)
    return array


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """As `np.convolve`."""
    x, kernel = _longer_first(as_array(a), as_array(v))
    return _slide(x, np.flip(kernel), mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """As `np.correlate`."""
    first, second = as_array(a), as_array(v)
    x, kernel = _longer_first(first, second)
    result = _slide(x, kernel, mode)
    return result if x is first else np.flip(result)


def _longer_first(a: Any, v: Any) -> tuple[Any, Any]:
    for x in (a, v):
        if x.ndim > 1:
            raise ValueError("object too deep for desired array")
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    if a.shape[0] == 0 or v.shape[0] == 0:
        raise ValueError("a and v cannot be empty")
    return (a, v) if a.shape[0] >= v.shape[0] else (v, a)


def _slide(x: Any, kernel: Any, mode: str) -> Any:
    """The kernel's inner product with every window of x; its length is fixed while tracing."""
    length = require().static(kernel._type.shape[0])
    pads = {"valid": (0, 0), "full": (length - 1, length - 1)}
    pads["same"] = (length // 2, length - 1 - length // 2)
    if mode not in pads:
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got '{mode}')")
    common = np.result_type(x.dtype, kernel.dtype)
    x, kernel = x.astype(common), kernel.astype(common)
    parts = windows(np.pad(x, pads[mode]), length)
    if common.kind == "b":
        return np.any(parts & kernel, axis=-1)
    return np.sum(parts * kernel, axis=-1, dtype=common)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """As `np.gradient`, for even spacing."""
    x = as_array(f)
    along = tuple(range(x.ndim)) if axis is None else several_axes(axis, x.ndim)
    spacing = varargs or (1.0,)
    if len(spacing) == 1:
        spacing = spacing * len(along)
    if len(spacing) != len(along):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    if not x._type.dtype.is_float:
        x = x.astype(np.float64)
    for h in spacing:
        if np.ndim(h):
            raise UnsupportedError(
                "np.gradient: uneven spacing is not supported", loc=user_location()
            )
    results = [_slope(x, h, k, edge_order) for h, k in zip(spacing, along, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _slope(x: Any, h: Any, axis: int, edge_order: int) -> Any:
    size = wrap_size(require(), x._type.shape[axis])
    if size < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1)"
            " elements are required."
        )

    def part(start: Any, stop: Any) -> Any:
        return x[(*(slice(None),) * axis, slice(start, stop))]

    inside = (part(2, None) - part(None, -2)) / (2.0 * h)
    if edge_order == 1:
        first = (part(1, 2) - part(0, 1)) / h
        last = (part(-1, None) - part(-2, -1)) / h
    else:
        first = -1.5 / h * part(0, 1) + 2.0 / h * part(1, 2) + -0.5 / h * part(2, 3)
        last = 0.5 / h * part(-3, -2) + -2.0 / h * part(-2, -1) + 1.5 / h * part(-1, None)
    return np.concatenate((first, inside, last), axis)


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """As `np.ediff1d`."""
    x = as_array(ary).ravel()
    parts = [x[1:] - x[:-1]]
    if to_begin is not None:
        parts.insert(0, as_array(to_begin).ravel().astype(x.dtype))
    if to_end is not None:
        parts.append(as_array(to_end).ravel().astype(x.dtype))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    """As `np.unwrap`, of floats."""
    x = as_array(p)
    if not x._type.dtype.is_float:
        x = x.astype(np.float64)
    axis = one_axis(axis, x.ndim)
    step = np.diff(x, axis=axis)
    discont = period / 2 if discont is None else discont
    high, low = period / 2, -period / 2
    wrapped = np.mod(step - low, period) + low
    wrapped = np.where((wrapped == low) & (step > 0), high, wrapped)
    correction = np.where(np.abs(step) < discont, 0, wrapped - step)
    front = (slice(None),) * axis
    rest = x[(*front, slice(1, None))] + np.cumsum(correction, axis=axis)
    return np.concatenate((x[(*front, slice(None, 1))], rest), axis)
