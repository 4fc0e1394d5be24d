"""Reductions of rows that belong together: segment_sum and its like, dynamic_partition and stitch.

Layer: frontend. Rows with the same number in `segment_ids` are reduced to one row of the result.
The number of results comes from the largest id, or is given (`unsorted_...`), as it must be while a
function is traced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tracer import Tracer
from . import static
from .apply import apply, checked, many
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .tensors import Tensor

# -- reductions -----------------------------------------------------------------------------------


def _limit(dtype: np.dtype, how: str) -> Any:
    """What an empty segment gives: the value that changes no result."""
    if how == "prod":
        return dtype.type(1)
    info: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return dtype.type(info.min if how == "max" else info.max)


def _segments(x: Any, ids: Any, *, count: int, how: str, empty: Any) -> Any:
    depth = ids.ndim
    rest = x.shape[depth:]
    if how in ("sum", "mean", "sqrt_n"):
        total = np.zeros_like(x, shape=(count + 1, *rest))  # the last row takes what is left out
        at = np.where((ids >= 0) & (ids < count), ids, count).astype(np.int64)
        np.add.at(total, at, x)
        if how == "sum":
            return total[:count]
        number = np.sum(np.ravel(at)[:, None] == np.arange(count), axis=0)
        divisor = np.maximum(number, 1).astype(x.dtype)
        divisor = np.sqrt(divisor) if how == "sqrt_n" else divisor
        return total[:count] / np.reshape(divisor, (count, *[1] * len(rest)))
    return _extreme(x, ids, count, how, empty)


_EXTREMES: dict[str, Any] = {"max": np.maximum, "min": np.minimum, "prod": np.multiply}


def _extreme(x: Any, ids: Any, count: int, how: str, empty: Any) -> Any:
    depth = ids.ndim
    rest = x.shape[depth:]
    neutral = _limit(x.dtype, how)
    if type(x) is not Tracer and type(ids) is not Tracer:
        found = np.full((count + 1, *rest), neutral, x.dtype)
        at = np.where((ids >= 0) & (ids < count), ids, count)
        _EXTREMES[how].at(found, at, x)
        result = found[:count]
    else:
        rows = np.reshape(x, (-1, *rest))
        member = np.ravel(ids)[None, :] == np.arange(count)[:, None]
        mask = np.reshape(member, (*member.shape, *[1] * len(rest)))
        chosen = np.where(mask, rows[None], neutral)
        reduce: Any = {"max": np.max, "min": np.min, "prod": np.prod}[how]
        result = reduce(chosen, axis=1)
    if empty is None:
        return result
    used = np.any(np.ravel(ids)[None, :] == np.arange(count)[:, None], axis=1)
    return np.where(np.reshape(used, (count, *[1] * len(rest))), result, x.dtype.type(empty))


def _sorted(op: str, how: str, doc: str, empty: Any = None) -> Any:
    def segment(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
        x, ids = convert_to_tensor(data), checked(op, convert_to_tensor(segment_ids), "iu")
        if ids.ndim != 1 or not x.ndim or ids.shape[0] != x.shape[0]:
            raise InvalidArgumentError(
                "segment_ids should be the same size as dimension 0 of input: "
                f"{ids.shape.as_list()} and {x.shape.as_list()} [Op:{op}] name: "
            )
        known = static.value(ids, f"math.{op} (tf.math.unsorted_segment_{how} takes num_segments)")
        if (np.diff(known) < 0).any() or (known < 0).any():
            raise InvalidArgumentError(f"segment ids are not increasing [Op:{op}] name: ")
        count = int(known[-1]) + 1 if known.size else 0
        attrs = {"count": count, "how": how, "empty": empty}
        result: Tensor = apply(op, _segments, (x, ids), attrs)
        return result

    segment.__doc__ = f"{doc} of rows with the same id; ids increase."
    return segment


segment_sum = _sorted("SegmentSum", "sum", "Sums")
segment_mean = _sorted("SegmentMean", "mean", "Means")
segment_max = _sorted("SegmentMax", "max", "Maxima", 0)
segment_min = _sorted("SegmentMin", "min", "Minima", 0)
segment_prod = _sorted("SegmentProd", "prod", "Products")


def _unsorted(op: str, how: str, doc: str) -> Any:
    def segment(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
        x, ids = convert_to_tensor(data), checked(op, convert_to_tensor(segment_ids), "iu")
        if not x.shape[: ids.ndim].is_compatible_with(ids.shape):
            raise InvalidArgumentError(
                f"data.shape = {x.shape.as_list()} does not start with segment_ids.shape = "
                f"{ids.shape.as_list()} [Op:{op}] name: "
            )
        count = static.integer(num_segments, f"num_segments of {op}")
        if not ids.is_symbolic:
            known = np.asarray(ids._concrete(op))
            if known.size and known.max() >= count:
                raise InvalidArgumentError(
                    f"segment_ids = {known.max()} is out of range [0, {count}) [Op:{op}] name: "
                )
        attrs = {"count": count, "how": how, "empty": None}
        result: Tensor = apply(op, _segments, (x, ids), attrs)
        return result

    segment.__doc__ = f"{doc} of rows with the same id, in any order; negative ids are left out."
    return segment


unsorted_segment_sum = _unsorted("UnsortedSegmentSum", "sum", "Sums")
unsorted_segment_mean = _unsorted("UnsortedSegmentMean", "mean", "Means")
unsorted_segment_sqrt_n = _unsorted(
    "UnsortedSegmentSqrtN", "sqrt_n", "Sums divided by the root of their number"
)
unsorted_segment_max = _unsorted("UnsortedSegmentMax", "max", "Maxima")
unsorted_segment_min = _unsorted("UnsortedSegmentMin", "min", "Minima")
unsorted_segment_prod = _unsorted("UnsortedSegmentProd", "prod", "Products")

# -- parts ----------------------------------------------------------------------------------------


def _rows(x: Any, at: Any, *, depth: int) -> Any:
    return np.reshape(x, (-1, *x.shape[depth:]))[at]


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: Any, name: str | None = None
) -> list[Tensor]:
    """The rows with each number in `partitions`, one tensor for each. Eagerly only."""
    x, numbers = convert_to_tensor(data), static.value(partitions, "dynamic_partition")
    if not x.shape[: numbers.ndim].is_compatible_with(numbers.shape):
        raise InvalidArgumentError(
            f"data.shape must start with partitions.shape, got data.shape = {x.shape.as_list()},"
            f" partitions.shape = {list(numbers.shape)} [Op:DynamicPartition] name: "
        )
    count = static.integer(num_partitions, "num_partitions of tf.dynamic_partition")
    flat = numbers.reshape(-1)
    wrong = (flat < 0) | (flat >= count)
    if wrong.any():
        at = int(np.nonzero(wrong)[0][0])
        raise InvalidArgumentError(
            f"partitions[{at}] = {flat[at]} is not in [0, {count}) [Op:DynamicPartition] name: "
        )
    attrs = {"depth": numbers.ndim}
    found = []
    for k in range(count):
        rows = Tensor(np.nonzero(flat == k)[0])
        found.append(apply("DynamicPartition", _rows, (x, rows), attrs))
    return found


def _stitch(*parts: Any, order: Any, depths: tuple[int, ...]) -> Any:
    rows = [np.reshape(x, (-1, *x.shape[d:])) for x, d in zip(parts, depths, strict=True)]
    return np.take(np.concatenate(rows), order, 0)


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Rows of several tensors put at the places that `indices` name; the last one wins."""
    places = [static.value(i, "dynamic_stitch") for i in indices]
    tensors = many("DynamicStitch", list(data))
    flat = np.concatenate([p.reshape(-1) for p in places])
    order = np.zeros(int(flat.max()) + 1 if flat.size else 0, np.int64)
    order[flat] = np.arange(flat.size)
    attrs = {"order": order, "depths": tuple(p.ndim for p in places)}
    return apply("DynamicStitch", _stitch, tensors, attrs)  # type: ignore[no-any-return]
