"""Medians and quantiles, with NaN in them and without.

Layer: frontend. All are elements of a sorted array, or lie between two neighbours. Rows with NaN
have it at their end once they are sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...compiler.errors import UnsupportedError
from .. import lift
from ..location import user_location
from ..symint import SymInt
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from .axes import kept_shape, reduced_axes
from .reduce import count_of

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]


class _Rows:
    """An array sorted along some axes together, which come last."""

    def __init__(self, a: Any, axis: Any, *, skips_nan: bool) -> None:
        x = lift.as_array(a)
        self.axes = reduced_axes(axis, x.ndim)
        self.shape = x._type.shape
        self.has_nan = x._type.dtype.is_float and not skips_nan
        kept = [k for k in range(x.ndim) if k not in self.axes]
        self.size = count_of(x._read(), self.axes)
        self.is_empty = isinstance(self.size, int) and self.size == 0
        self.skips_nan = skips_nan and x._type.dtype.is_float and not self.is_empty
        rows = np.transpose(x, (*kept, *self.axes)).reshape(*(x.shape[k] for k in kept), self.size)
        self.sorted: Any = np.sort(rows, axis=-1)
        # the elements that count, of each row or of all
        self.count: Any = self.size
        if self.skips_nan:
            self.count = np.count_nonzero(~np.isnan(rows), axis=-1)

    def at(self, place: Any) -> Any:
        """The element at a place of each row: one for all rows, or one of each if NaN is skipped.

        An array of places, one for all, gives further axes in front.
        """
        if not self.skips_nan:
            found = self.sorted[..., place]
            return np.moveaxis(found, -1, 0) if np.ndim(place) else found
        if place.ndim < self.sorted.ndim:
            return np.take_along_axis(self.sorted, place[..., None], -1)[..., 0]
        last = np.take_along_axis(self.sorted, np.moveaxis(place, 0, -1), -1)
        return np.moveaxis(last, -1, 0)

    def finish(self, result: Any, keepdims: Any, out: Any, name: str, front: Any = ()) -> Any:
        """NaN for rows that have it; the axes that are kept, behind those in `front`."""
        if self.has_nan and not self.is_empty:
            last = self.sorted[..., -1]
            result = np.where(np.isnan(last), last, result)
        sizes = kept_shape(self.shape, self.axes)
        kept = [k for k in range(len(sizes)) if k not in self.axes]
        shape = [self.sorted.shape[kept.index(k)] if k in kept else 1 for k in range(len(sizes))]
        if keepdims is True:
            result = np.reshape(result, (*front, *shape))
        else:
            result = np.reshape(result, (*front, *(shape[k] for k in kept)))
        return FUNCTIONS["store"](name, result[()], out)


# --- medians -----------------------------------------------------------------------------------


def _median(name: str, skips_nan: bool) -> Callable[..., Any]:
    def implementation(
        a: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        keepdims: Any = False,
    ) -> Any:
        rows = _Rows(a, axis, skips_nan=skips_nan)
        return rows.finish(_middle(rows), keepdims, out, name)

    return implementation


def _middle(rows: _Rows) -> Any:
    count = rows.count
    if isinstance(count, int):
        half = slice(max(count - 1, 0) // 2, count // 2 + 1)
        return np.mean(rows.sorted[..., half], axis=-1)
    low, high = rows.at((count - 1) // 2), rows.at(count // 2)
    both = np.mean(np.stack([low, high]), axis=0)
    # twice an element may be too large
    return np.where(_is_odd(count), low.astype(both.dtype), both)


def _is_odd(count: Any) -> Any:
    """Whether a number known when the program runs is odd, as a traced bool."""
    return np.equal(np.remainder(lift.lift(count), 2), 1)


implements(np.median)(_median("median", skips_nan=False))
implements(np.nanmedian)(_median("nanmedian", skips_nan=True))


# --- quantiles ---------------------------------------------------------------------------------


def _linear(at: Any) -> Any:
    return at


def _midpoint(at: Any) -> Any:
    return 0.5 * (np.floor(at) + np.ceil(at))


_BETWEEN = {"linear": _linear, "midpoint": _midpoint}
_ELEMENTS: dict[str, Callable[[Any], Any]] = {
    "lower": np.floor,
    "higher": np.ceil,
    "nearest": np.round,
}


def _quantile(name: str, scale: int, skips_nan: bool) -> Callable[..., Any]:
    def implementation(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> Any:
        wanted = _checked(name, q, scale, method, weights)
        if wanted.ndim > (1 if skips_nan else 2):  # NumPy mixes up axes with those of NaN
            raise ValueError("q must be a scalar or 1d")
        rows = _Rows(a, axis, skips_nan=skips_nan)
        if rows.is_empty and skips_nan:  # NumPy gives one NaN, for however many quantiles
            return rows.finish(np.mean(rows.sorted, axis=-1), keepdims, out, name)
        if rows.is_empty:
            raise IndexError("index -1 is out of bounds for axis 0 with size 0")
        is_weak = type(q) in (int, float)
        found = _at_quantiles(rows, wanted.reshape(-1), method, is_weak)
        return rows.finish(found, keepdims, out, name, front=wanted.shape)

    return implementation


def _checked(name: str, q: Any, scale: int, method: str, weights: Any) -> np.ndarray:
    """The quantiles as NumPy computes with them; what it or we refuse raises."""
    if isinstance(q, Tracer) and q._is_known:
        q = np.array(q.tolist(), q.dtype)
    if isinstance(q, (Tracer, SymInt)):
        raise UnsupportedError(
            f"np.{name}: q must be known while tracing, since its values are checked",
            loc=user_location(),
            hint="pass q as a static argument, or index the sorted array: np.sort(x)[i]",
        )
    if weights is not None:
        raise UnsupportedError(
            f"np.{name} with weights is not supported on traced arrays", loc=user_location()
        )
    if method not in (*_BETWEEN, *_ELEMENTS):
        np.quantile(np.zeros(1), 0.5, method=method)  # type: ignore[call-overload]  # may raise
        raise UnsupportedError(
            f"np.{name} with method={method!r} is not supported on traced arrays",
            expected=", ".join((*_BETWEEN, *_ELEMENTS)),
            loc=user_location(),
        )
    wanted = np.asanyarray(q) if scale == 1 else np.asanyarray(np.true_divide(q, scale))
    if not np.all((wanted >= 0) & (wanted <= 1)):
        what = "Quantiles must be in the range [0, 1]"
        raise ValueError(what if scale == 1 else "Percentiles must be in the range [0, 100]")
    return wanted


def _at_quantiles(rows: _Rows, q: np.ndarray, method: str, is_weak: bool) -> Any:
    """[q, rows]: the quantiles of all rows."""
    last = rows.count - 1
    if rows.skips_nan:
        q = q.reshape(-1, *(1,) * (rows.sorted.ndim - 1))
        last = np.maximum(last, 0)  # of a row of NaN the first
        if q.dtype.kind == "f":
            last = last.astype(q.dtype)
    virtual = last * q
    if method in _ELEMENTS:
        return rows.at(_ELEMENTS[method](virtual).astype(np.int64))
    virtual = _BETWEEN[method](virtual)
    if method == "linear" and q.dtype.kind in "iu":
        return rows.at(virtual)
    low = np.floor(virtual)
    high = np.minimum(low + 1, last)
    part = np.subtract(virtual, low)
    if part.ndim < rows.sorted.ndim:
        part = part.reshape(-1, *(1,) * (rows.sorted.ndim - 1))
    a, b = rows.at(low.astype(np.int64)), rows.at(high.astype(np.int64))
    return _between(a, b, part, is_weak and a._type.dtype.is_float)


def _between(a: Any, b: Any, part: Any, is_weak: bool) -> Any:
    """From the nearer end on, as NumPy does it; a weak part takes the dtype of the ends."""
    step, rest, is_far = b - a, 1 - part, part >= 0.5
    if is_weak:
        part, rest = part.astype(a.dtype), rest.astype(a.dtype)
    return np.where(is_far, b - step * rest, a + step * part)


implements(np.quantile)(_quantile("quantile", 1, skips_nan=False))
implements(np.percentile)(_quantile("percentile", 100, skips_nan=False))
implements(np.nanquantile)(_quantile("nanquantile", 1, skips_nan=True))
implements(np.nanpercentile)(_quantile("nanpercentile", 100, skips_nan=True))
