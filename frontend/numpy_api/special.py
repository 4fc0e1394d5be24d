"""scipy.special's ufuncs that are made of other functions: expit, logit, xlogy, entr, ...

Layer: frontend. Keys are names, so that scipy.special is loaded only by those who use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...compiler.ir.types import DType
from .. import values
from ..lift import as_array
from ..table import implements


def _floats(*operands: Any) -> list[Any]:
    """Operands in the dtype of SciPy's loop: float32 for small dtypes, else float64."""
    arrays = [as_array(x) for x in operands]
    weak = all(a._weak for a in arrays)
    common = np.result_type(*(a._weak(1) if a._weak else a.dtype for a in arrays))
    small = values.kind_of(common) == "f" and common.itemsize < DType.F64.itemsize and not weak
    return [a.astype(np.float32 if small else np.float64) for a in arrays]


def _special(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__

    def implementation(*operands: Any) -> Any:
        return function(*_floats(*operands))[()]  # of shape () a scalar

    implements(f"scipy.special.{name}")(implementation)
    return function


@_special
def expit(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


@_special
def log_expit(x: Any) -> Any:
    """log(expit(x))."""
    return np.where(x < 0, x - np.log1p(np.exp(x)), -np.log1p(np.exp(-x)))


@_special
def logit(x: Any) -> Any:
    """log(x / (1 - x)), by log1p around 0.5, where the quotient cancels."""
    near = 2 * (x - 0.5)
    centre = np.log1p(near) - np.log1p(-near)
    return np.where((x < 0.3) | (x > 0.65), np.log(x / (1 - x)), centre)


@_special
def xlogy(x: Any, y: Any) -> Any:
    """x * log(y), 0 for x = 0."""
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log(y))


@_special
def xlog1py(x: Any, y: Any) -> Any:
    """x * log1p(y), 0 for x = 0."""
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log1p(y))


@_special
def entr(x: Any) -> Any:
    """-x * log(x), 0 for 0, -inf below."""
    below = np.where(x == 0, x.dtype.type(0), x.dtype.type(-np.inf))
    return np.where((x > 0) | np.isnan(x), -x * np.log(x), below)


@_special
def rel_entr(x: Any, y: Any) -> Any:
    """x * log(x / y), 0 for x = 0, inf outside of the first quadrant."""
    edge = np.where((x == 0) & (y >= 0), x.dtype.type(0), x.dtype.type(np.inf))
    inside = ((x > 0) & (y > 0)) | np.isnan(x) | np.isnan(y)
    return np.where(inside, x * np.log(x / y), edge)


@_special
def exp10(x: Any) -> Any:
    """10**x."""
    return np.power(x.dtype.type(10), x)
