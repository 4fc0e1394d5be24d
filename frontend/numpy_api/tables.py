"""Look-ups in sorted tables, and statistics of samples: searchsorted, interp, isin, cov.

Layer: frontend. A position in a table is the number of entries below the value, counted in a loop:
meant for tables of up to some hundred entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.errors import UnsupportedError
from .. import values
from ..lift import as_array
from ..location import user_location
from ..table import FUNCTIONS, implements


@implements(np.searchsorted, np.ndarray.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """As `np.searchsorted`."""
    table, x = as_array(a), as_array(v)
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    if sorter is not None:
        table = np.take(table, sorter)
    below = _below(table, x[..., None], inclusive=side == "right")
    return np.sum(below, axis=-1, dtype=np.int64)


def _below(table: Any, x: Any, inclusive: bool) -> Any:
    """Which entries come before x in NumPy's order, in which NaN is the largest number."""
    if inclusive:
        after = table > x
        if values.kind_of(table.dtype) == "f":
            after = after | (np.isnan(table) & ~np.isnan(x))
        return ~after
    before = table < x
    if values.kind_of(table.dtype) == "f" or values.kind_of(x.dtype) == "f":
        before = before | (np.isnan(x) & ~np.isnan(table))
    return before


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """As `np.digitize`, for bins whose order is known while tracing."""
    edges = as_array(bins)
    if not edges._is_known and isinstance(bins, type(edges)):
        raise UnsupportedError(
            "np.digitize: the bins must be known while tracing",
            loc=user_location(),
            hint="of increasing bins, np.searchsorted(bins, x, side='right') does the same",
        )
    concrete = np.asarray(bins)
    side = "left" if right else "right"
    if (np.diff(concrete) >= 0).all():
        return searchsorted(concrete, x, side)
    if not (np.diff(concrete) <= 0).all():
        raise ValueError("bins must be monotonically increasing or decreasing")
    return len(concrete) - searchsorted(concrete[::-1], x, side)


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """As `np.interp`."""
    if period is not None:
        raise UnsupportedError("np.interp: period= is not supported", loc=user_location())
    points, table, samples = (as_array(v).astype(np.float64) for v in (x, xp, fp))
    if table.ndim != 1 or samples.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if table.shape[0] != samples.shape[0]:
        raise ValueError("fp and xp are not of the same length.")
    if table.shape[0] == 0:
        raise ValueError("array of sample points is empty")
    last = table.shape[0] - 1
    if last == 0:
        result = np.broadcast_to(samples[0], points.shape)
    else:
        low = np.clip(searchsorted(table, points, side="right") - 1, 0, last - 1)
        slope = (samples[1:] - samples[:-1]) / (table[1:] - table[:-1])
        result = slope[low] * (points - table[low]) + samples[low]
        result = np.where(points == table[low], samples[low], result)
        result = np.where(points == table[-1], samples[-1], result)
    result = np.where(points < table[0], samples[0] if left is None else left, result)
    result = np.where(points > table[-1], samples[-1] if right is None else right, result)
    return np.where(np.isnan(points), points, result)[()]  # of shape () a scalar


@implements(np.isin)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Any:
    """As `np.isin`."""
    x, table = as_array(element), as_array(test_elements).ravel()
    found = np.any(x[..., None] == table, axis=-1)
    return FUNCTIONS[np.copy](~found if invert else found)  # of shape () an array, too


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """As `np.cov`, without weights."""
    if fweights is not None or aweights is not None:
        raise UnsupportedError("np.cov: weights are not supported", loc=user_location())
    x = _variables(m, rowvar)
    if dtype is None:
        dtype = np.result_type(x.dtype, np.float64)
    x = x.astype(dtype)
    if y is not None:
        x = np.concatenate((x, _variables(y, rowvar).astype(dtype)), axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    x = x - np.mean(x, axis=1, keepdims=True)
    product = np.dot(x, x.T) * np.true_divide(1, x.shape[1] - ddof)
    return np.squeeze(product)


def _variables(m: Any, rowvar: bool) -> Any:
    """One variable a row."""
    x = as_array(m)
    if x.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    x = FUNCTIONS[np.atleast_2d](x)
    return x.T if not rowvar and x.shape[0] != 1 else x


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """As `np.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diag(c))
    c = c / deviation[:, None] / deviation[None, :]
    return np.clip(c, -1, 1)
