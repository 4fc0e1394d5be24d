"""What a call gives, with and without `jit`: values or an error, and whether two of these agree."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tensorwright as tw
from support.same import is_float, widened
from tensorwright.compiler.ir.types import DType


@dataclass(frozen=True)
class Raised:
    """The error that a call ended with."""

    error: Exception


def outcome(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """What the function returns for copies of the arguments, or `Raised`."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's of means of nothing
        try:
            return function(*copy.deepcopy(arguments))
        except Exception as error:
            return Raised(error)


# Of bfloat16: NumPy rounds each of many partial results, kernels the last one.
ROUNDED_OFTEN = 4 * 2.0**-8


def difference(found: Any, expected: Any, close: float = 0.0, path: str = "result") -> str:
    """Where and how two outcomes differ; "" if they agree.

    They agree if containers, classes, dtypes and shapes are the same, and elements equal (NaN
    equals NaN, 0 equals -0) or, of floats, no further apart than `close` times the largest element
    of their array. Errors of data, shapes and dtypes agree with one another: which
    of several comes first is not the same.
    """
    if isinstance(expected, Raised) or isinstance(found, Raised):
        return _different_errors(found, expected)
    if type(found) is not type(expected):
        return f"{path}: {type(found).__name__} in place of {type(expected).__name__}"
    if isinstance(expected, (tuple, list)):
        if len(found) != len(expected):
            return f"{path}: {len(found)} in place of {len(expected)} elements"
        pairs = [(k, f, e) for k, (f, e) in enumerate(zip(found, expected, strict=True))]
    elif isinstance(expected, dict):
        if list(found) != list(expected):
            return f"{path}: keys {list(found)} in place of {list(expected)}"
        pairs = [(k, found[k], expected[k]) for k in expected]
    else:
        return _different_values(found, expected, close, path)
    parts = (difference(f, e, close, f"{path}[{k!r}]") for k, f, e in pairs)
    return next(filter(None, parts), "")


def _different_errors(found: Any, expected: Any) -> str:
    if not isinstance(expected, Raised):
        return f"{type(found.error).__name__}: {found.error}"
    if not isinstance(found, Raised):
        return f"no error in place of {expected.error!r}"
    same = isinstance(found.error, _ERRORS) and isinstance(expected.error, _ERRORS)
    same = same and not isinstance(found.error, tw.TraceError)
    same = same or type(found.error) is type(expected.error)
    return "" if same else f"{found.error!r} in place of {expected.error!r}"


_ERRORS = (ValueError, TypeError, IndexError, ArithmeticError)


def _different_values(found: Any, expected: Any, close: float, path: str) -> str:
    a, b = np.asarray(found), np.asarray(expected)
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{path}: {a.dtype}{a.shape} in place of {b.dtype}{b.shape}"
    if not is_float(b):
        same = a == b
    else:
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        close = max(close, ROUNDED_OFTEN) if b.dtype == DType.BF16.numpy else close
        a, b = widened(a), widened(b)
        if close:
            finite = np.abs(b[np.isfinite(b)], dtype=np.float64)
            scale = max(1.0, float(finite.max())) if finite.size else 1.0
            with np.errstate(all="ignore"):
                same |= np.abs(a.astype(np.float64) - b) <= close * scale
    return "" if same.all() else f"{path}:\n{found!r}\nin place of\n{expected!r}"


def check_calls(
    function: Callable[..., Any], *calls: Sequence[Any], close: float = 0.0
) -> Callable[..., Any]:
    """Assert that one jitted function agrees with NumPy in every one of the calls; returns it."""
    jitted = tw.jit(function)
    for k, arguments in enumerate(calls):
        expected, found = outcome(function, arguments), outcome(jitted, arguments)
        wrong = difference(found, expected, close)
        assert not wrong, f"call {k} with {[np.shape(a) for a in arguments]}: {wrong}"
    return jitted
