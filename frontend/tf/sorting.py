"""Order: sort, argsort, top_k, unique, searchsorted, bincount, confusion_matrix.

Layer: frontend. Orders are NumPy's `argsort`, of concrete and of traced arrays. Elements are then
gathered, so sorted values have derivatives. What has as many results as there are distinct values
runs eagerly only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import dtypes, static
from .apply import apply, checked, pair
from .convert import convert_to_tensor
from .elementwise import cast
from .errors import InvalidArgumentError
from .reductions import reduce_all
from .sizes import numbers
from .tensors import Tensor

# -- sorting --------------------------------------------------------------------------------------


def _order(x: Tensor, axis: int, descending: bool) -> Tensor:
    """Positions of the elements in increasing (decreasing) order, equal ones as they come."""
    attrs: dict[str, Any] = {"axis": axis, "descending": descending}
    if x.is_symbolic:
        return apply("ArgSort", _positions, (x,), attrs)  # type: ignore[no-any-return]
    # not recorded: positions have no derivative
    return Tensor(_positions(np.asarray(x._concrete("sort")), **attrs))


def _positions(x: Any, *, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis, kind="stable").astype(np.int32)
    backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - backwards, axis).astype(np.int32)


def _along(x: Any, order: Any, *, axis: int) -> Any:
    return np.take_along_axis(x, order, axis)


def _direction(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            "Argument `direction` should be one of 'ASCENDING' or 'DESCENDING'."
            f" Received: direction={direction}"
        )
    return direction == "DESCENDING"


def argsort(
    values: Any,
    axis: Any = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """The positions of the elements along an axis, in order (int32)."""
    x = checked("ArgSort", convert_to_tensor(values), "iuf")
    return _order(x, static.axis(axis, x.ndim, "ArgSort"), _direction(direction))


def sort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """The elements along an axis, in order."""
    x = checked("Sort", convert_to_tensor(values), "iuf")
    place = static.axis(axis, x.ndim, "Sort")
    order = _order(x, place, _direction(direction))
    return apply("Sort", _along, (x, order), {"axis": place})  # type: ignore[no-any-return]


# -- distinct values ------------------------------------------------------------------------------


class Unique(NamedTuple):
    """Distinct values, and where each element is among them."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """Distinct values, where each element is among them, and how often each occurs."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]  # the field has the name of a method of tuples


def _distinct(x: Any, op: str) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray]:
    """The tensor; in order of appearance first places, numbers of all elements, and counts."""
    tensor = convert_to_tensor(x)
    array = static.value(tensor, op)
    if array.ndim != 1:
        raise InvalidArgumentError(
            f"unique expects a 1D vector, got shape {tensor.shape} [Op:Unique] name: "
        )
    _, first, inverse, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first, kind="stable")
    number = np.empty_like(order)
    number[order] = numbers(order.size)
    return tensor, first[order], number[inverse.reshape(-1)], counts[order]


def _picked(x: Any, at: Any) -> Any:
    return x[at]


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Unique:
    """The distinct elements of a vector in order of appearance, and the number of each element."""
    tensor, first, number, _ = _distinct(x, "unique")
    wanted = dtypes.as_dtype(out_idx).numpy
    values = apply("Unique", _picked, (tensor, Tensor(first)))
    return Unique(values, Tensor(number.astype(wanted)))


def unique_with_counts(
    x: Any, out_idx: Any = dtypes.int32, name: str | None = None
) -> UniqueWithCounts:
    """As `unique`, and how often each occurs."""
    tensor, first, number, counts = _distinct(x, "unique_with_counts")
    wanted = dtypes.as_dtype(out_idx).numpy
    values = apply("UniqueWithCounts", _picked, (tensor, Tensor(first)))
    return UniqueWithCounts(values, Tensor(number.astype(wanted)), Tensor(counts.astype(wanted)))


# -- tables ---------------------------------------------------------------------------------------


def _search(table: Any, x: Any, *, side: Any, dtype: np.dtype) -> Any:
    if table.ndim == 1:
        return np.searchsorted(table, x, side).astype(dtype)
    rows, items = table[..., None, :], x[..., :, None]
    below = rows < items if side == "left" else rows <= items
    return np.sum(below, axis=-1, dtype=dtype)


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """Where each value goes in an increasing sequence, along the last axis."""
    if side not in ("left", "right"):
        raise ValueError(f"Argument `side` must be either 'right' or 'left'. Received: '{side}'.")
    table, x = pair("SearchSorted", sorted_sequence, values)
    if table.shape[:-1] != x.shape[:-1]:
        raise InvalidArgumentError(
            "Leading dim_size of both tensors must match: "
            f"{table.shape.as_list()} vs. {x.shape.as_list()} [Op:LowerBound] name: "
        )
    attrs = {"side": side, "dtype": dtypes.as_dtype(out_type).numpy}
    op = "LowerBound" if side == "left" else "UpperBound"
    return apply(op, _search, (table, x), attrs)  # type: ignore[no-any-return]


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    axis: Any = None,
    binary_output: bool = False,
) -> Tensor:
    """How often each of the numbers 0, 1, ... occurs; or the sums of its weights. Eagerly only."""
    numbers = static.value(arr, "math.bincount")
    if numbers.size and numbers.min() < 0:
        raise InvalidArgumentError("Input arr must be non-negative! [Op:DenseBincount] name: ")
    size = int(numbers.max()) + 1 if numbers.size else 0
    if minlength is not None:
        size = max(size, static.integer(minlength, "minlength"))
    if maxlength is not None:
        size = min(size, static.integer(maxlength, "maxlength"))
    heavy = None if weights is None else static.value(weights, "math.bincount")
    kind = dtypes.as_dtype(dtype).numpy if heavy is None else heavy.dtype
    rows = [numbers.reshape(-1)] if axis is None else list(numbers.reshape(-1, numbers.shape[-1]))
    weighted = [None] * len(rows)
    if heavy is not None:
        weighted = list(heavy.reshape(len(rows), -1))
    found = []
    for row, weight in zip(rows, weighted, strict=True):
        inside = row < size
        chosen = None if weight is None else weight[inside]
        counts = np.bincount(row[inside], chosen, size)[:size].astype(kind)
        found.append((counts > 0).astype(kind) if binary_output else counts)
    return convert_to_tensor(found[0] if axis is None or numbers.ndim == 1 else np.stack(found))


def histogram_fixed_width(
    values: Any,
    value_range: Any,
    nbins: Any = 100,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """How many values are in each of `nbins` equal parts of a range; the first and last take what
    is outside of it."""
    found = static.value(histogram_fixed_width_bins(values, value_range, nbins), "histogram")
    counts = np.bincount(found.reshape(-1), minlength=static.integer(nbins, "nbins"))
    return convert_to_tensor(counts.astype(dtypes.as_dtype(dtype).numpy))


def _bins(x: Any, low: Any, high: Any, *, count: int, dtype: np.dtype) -> Any:
    scaled = np.floor((x - low) / (high - low) * x.dtype.type(count))
    return np.clip(scaled, 0, count - 1).astype(dtype)


def histogram_fixed_width_bins(
    values: Any,
    value_range: Any,
    nbins: Any = 100,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """The part of a range that each value is in, of `nbins` equal ones."""
    x, limits = pair("HistogramFixedWidth", values, value_range)
    attrs = {"count": static.integer(nbins, "nbins"), "dtype": dtypes.as_dtype(dtype).numpy}
    operands = (x, limits[0], limits[1])  # type: ignore[index]
    return apply("HistogramFixedWidth", _bins, operands, attrs)  # type: ignore[no-any-return]


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    weights: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """How often each label (row) was predicted as each class (column)."""
    rows = convert_to_tensor(labels)
    columns = convert_to_tensor(predictions)
    if num_classes is None:
        both = [
            static.value(t, "math.confusion_matrix without num_classes") for t in (rows, columns)
        ]
        count = max((int(a.max()) + 1 for a in both if a.size), default=0)
    else:
        count = static.integer(num_classes, "num_classes of tf.math.confusion_matrix")
    attrs = {"count": count, "dtype": dtypes.as_dtype(dtype).numpy}
    operands = [cast(rows, dtypes.int64), cast(columns, dtypes.int64)]
    if weights is not None:
        operands.append(convert_to_tensor(weights))
    return apply("ConfusionMatrix", _confusion, operands, attrs)  # type: ignore[no-any-return]


def _confusion(rows: Any, columns: Any, *weights: Any, count: int, dtype: np.dtype) -> Any:
    kinds = numbers(count)
    left = (rows[:, None] == kinds).astype(dtype)
    right = (columns[:, None] == kinds).astype(dtype)
    if weights:
        left = left * weights[0].astype(dtype)[:, None]
    return np.matmul(left.T, right)


def _compared(x: Any, strict: bool) -> Tensor:
    steps = apply("Reshape", np.ravel, (convert_to_tensor(x),))
    pairs = steps[1:], steps[:-1]
    return reduce_all(pairs[0] > pairs[1] if strict else pairs[0] >= pairs[1])  # type: ignore[no-any-return]


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element is smaller than the one before it."""
    return _compared(x, False)


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether every element is larger than the one before it."""
    return _compared(x, True)


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes one."""
    tensor = checked("InvertPermutation", convert_to_tensor(x), "iu")
    return cast(_order(tensor, 0, False), tensor.dtype)
