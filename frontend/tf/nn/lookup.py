"""Look-ups: embeddings, the largest elements, whether a class is among them.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...tracer import Tracer
from .. import dtypes
from ..apply import apply, checked
from ..convert import convert_to_tensor
from ..errors import InvalidArgumentError
from ..indexing import gather
from ..sizes import numbers
from ..static import integer
from ..tensors import Tensor


def embedding_lookup(
    params: Any, ids: Any, max_norm: Any = None, name: str | None = None
) -> Tensor:
    """The rows of a table that the ids name.

    Args:
        params: the table, [rows, ...]; a variable's gradient is an `IndexedSlices`.
        ids: integers of any shape.
        max_norm: longer rows are scaled down to this length.
        name: for TensorFlow's signature.

    Raises:
        InvalidArgumentError: there is no such row.
    """
    if isinstance(params, (list, tuple)) and len(params) == 1:
        params = params[0]
    rows: Tensor = gather(params, ids)
    if max_norm is None:
        return rows
    attrs = {"first": convert_to_tensor(ids).ndim, "limit": float(max_norm)}
    found: Tensor = apply("ClipByNorm", _clip_rows, [rows], attrs)
    return found


def _clip_rows(rows: Any, *, first: int, limit: float) -> Any:
    of = rows.dtype.type
    axes = tuple(range(first, rows.ndim))
    squares = np.sum(rows * rows, axis=axes, keepdims=True, dtype=rows.dtype)
    length = np.sqrt(np.where(squares > 0, squares, of(1)))
    return rows * of(limit) / np.maximum(length, of(limit))


FEW = 8  # elements that are found one after the other, and not by sorting rows


class TopKV2(NamedTuple):
    """The result of `top_k`."""

    values: Tensor
    indices: Tensor


def top_k(
    input: Any,
    k: Any = 1,
    sorted: bool = True,
    index_type: Any = dtypes.int32,
    name: str | None = None,
) -> TopKV2:
    """The largest elements along the last axis, the largest first, and where they are.

    Raises:
        InvalidArgumentError: there are fewer than k, or the tensor has no axes.
    """
    x = checked("TopKV2", convert_to_tensor(input), "iuf")
    if x.ndim == 0:
        raise InvalidArgumentError("input must be >= 1-D, got shape () [Op:TopKV2] name: ")
    count = integer(k, "k of top_k")
    size = x._value.shape[-1]
    if count < 0 or (isinstance(size, int) and count > size):
        raise InvalidArgumentError(
            f"input must have at least k columns. Had {size}, needed {count} [Op:TopKV2] name: "
        )
    attrs = {"k": count, "dtype": dtypes.as_dtype(index_type).numpy}
    values, indices = apply("TopKV2", _top_k, [x], attrs)
    return TopKV2(values, indices)


def _top_k(x: Any, *, k: int, dtype: np.dtype) -> tuple[Any, Any]:
    where = _largest(x, k) if type(x) is Tracer and k <= FEW else _sorted(x)[..., :k]
    return np.take_along_axis(x, where, axis=-1), where.astype(dtype)


def _sorted(x: Any) -> Any:
    """Indices from the largest to the smallest; of equal elements the first comes first."""
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


def _largest(x: Any, k: int) -> Any:
    """As `_sorted(x)[..., :k]`, by k passes over the rows: of a few, quicker than sorting."""
    is_open = np.ones_like(x, dtype=np.bool_)
    column = numbers(x.shape[-1])
    low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    found = []
    for _ in range(k):
        best = np.argmax(np.where(is_open, x, x.dtype.type(low)), axis=-1)
        # where all that is left is the lowest value, the first element that is left
        first = np.argmax(is_open, axis=-1)
        is_left = np.take_along_axis(is_open, best[..., None], axis=-1)[..., 0]
        place = np.where(is_left, best, first)
        found.append(place)
        is_open = is_open & (column != place[..., None])
    return np.stack(found, axis=-1) if found else np.zeros((*x.shape[:-1], 0), np.int64)


def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each target class is among the k largest predictions of its row.

    Raises:
        InvalidArgumentError: the shapes do not fit together.
    """
    y = checked("InTopKV2", convert_to_tensor(targets), "iu")
    x = checked("InTopKV2", convert_to_tensor(predictions, dtypes.float32), "f")
    if x.ndim != 2 or y.ndim != 1:
        raise InvalidArgumentError(
            f"predictions must be 2-dimensional and targets 1-dimensional, got {x.shape} and"
            f" {y.shape} [Op:InTopKV2] name: "
        )
    if not x.shape[:1].is_compatible_with(y.shape):
        raise InvalidArgumentError(
            f"First dimension of predictions {x.shape[0]} must match length of targets"
            f" {y.shape[0]} [Op:InTopKV2] name: "
        )
    found: Tensor = apply("InTopKV2", _in_top_k, [y, x], {"k": integer(k, "k of in_top_k")})
    return found


def _in_top_k(targets: Any, predictions: Any, *, k: int) -> Any:
    count = predictions.shape[1]
    inside = (targets >= 0) & (targets < count)
    safe = np.where(inside, targets, targets.dtype.type(0))
    chosen = np.take_along_axis(predictions, safe[:, None], axis=1)
    larger = np.sum((predictions > chosen).astype(np.int32), axis=1, dtype=np.int32)
    return inside & np.isfinite(chosen[:, 0]) & (larger < np.int32(k))
