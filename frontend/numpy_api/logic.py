"""Closeness, dtype questions and gradients of samples: isclose, result_type, gradient.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import lift
from ..context import require
from ..table import implements
from ..tracer import Tracer


@implements(np.isclose)
def isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """As `np.isclose`."""
    x, y = lift.operand(a), lift.operand(b)
    y = lift.as_array(y)
    # integers are compared as floats, so that differences do not wrap
    if not y._type.dtype.is_float:
        y = y.astype(np.result_type(y.dtype, 1.0))
    near = np.less_equal(np.abs(np.subtract(x, y)), np.add(atol, np.multiply(rtol, np.abs(y))))
    result = (near & np.isfinite(y)) | np.equal(x, y)
    return result | (np.isnan(lift.as_array(x)) & np.isnan(y)) if equal_nan else result


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """As `np.allclose`."""
    return _python_bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


def _python_bool(x: Any) -> Tracer:
    """A traced bool as Python's own, which some functions return."""
    return lift.tracer(require(), x._read(), weak=bool)


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """As `np.array_equal`."""
    x, y = lift.as_array(a1), lift.as_array(a2)
    if x.shape != y.shape:
        return False
    same = np.equal(x, y)
    if equal_nan:
        same = same | (np.isnan(x) & np.isnan(y))
    return _python_bool(np.all(same))


def _dtype_like(x: Any) -> Any:
    """What stands for a traced array in questions about dtypes; weak numbers stay weak."""
    if not isinstance(x, Tracer):
        return x
    if x._weak in (int, float):
        return x._weak(1)
    return x.dtype


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """As `np.result_type`."""
    return np.result_type(*(_dtype_like(x) for x in arrays_and_dtypes))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """As `np.can_cast`."""
    return np.can_cast(_dtype_like(from_), to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype:
    """As `np.min_scalar_type` of an array."""
    return lift.as_array(a).dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """As `np.common_type`."""
    return np.common_type(*(np.empty(0, lift.as_array(a).dtype) for a in arrays))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex: never."""
    return False


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """Whether the dtype is real: always."""
    return True


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    """As `np.isposinf`."""
    return np.logical_and(np.isinf(x), ~np.signbit(x), out=out)


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    """As `np.isneginf`."""
    return np.logical_and(np.isinf(x), np.signbit(x), out=out)


@implements(np.may_share_memory, np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """Whether two traced arrays are views of one array."""
    if not (isinstance(a, Tracer) and isinstance(b, Tracer)):
        return False
    return a._base is b._base


@implements(np.sinc)
def sinc(x: Any) -> Tracer:
    """As `np.sinc`."""
    y = np.pi * lift.as_array(x)
    y = np.where(y == 0, y.dtype.type(y._type.dtype.finfo.eps), y)
    return np.sin(y) / y


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """As `np.trapezoid`."""
    samples = lift.as_array(y)
    if x is None:
        width = dx
    else:
        points = lift.as_array(x)
        if points.ndim == 1:
            width = np.diff(points)
            shape = [1] * samples.ndim
            shape[axis] = width.shape[0]
            width = np.reshape(width, tuple(shape))
        else:
            width = np.diff(points, axis=axis)
    moved = np.moveaxis(samples, axis, -1)
    pairs = np.moveaxis(moved[..., 1:] + moved[..., :-1], -1, axis)
    return np.sum(width * pairs / 2.0, axis=axis)


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """As `np.polyval`."""
    coefficients, point = lift.as_array(p), lift.as_array(x)
    result: Any = np.zeros_like(point)
    for k in range(len(coefficients)):
        result = result * point + coefficients[k]
    return result
