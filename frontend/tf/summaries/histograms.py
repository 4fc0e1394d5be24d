"""How values are spread: TensorFlow's histograms.

Layer: frontend. TensorFlow 1's buckets grow by a tenth, from 1e-12 to 1e20 on both sides of 0;
TensorFlow 2's are equally wide, between the least and the largest value.
"""

from __future__ import annotations

import math
import sys
from functools import cache

import numpy as np

from ..errors import InvalidArgumentError
from ..proto.events import HistogramProto

_LARGEST = sys.float_info.max
_PART = 1 << 14  # values at a time, so that intermediate results stay in the cache
_PER_BUCKET = np.float32(1 / math.log(1.1))
_FIRST = np.float32(1 - math.log(1e-12) / math.log(1.1))
DEFAULT_BUCKETS = 30


@cache
def bucket_limits() -> np.ndarray:
    """The upper limits of TensorFlow 1's buckets, in order."""
    limits = []
    limit = 1e-12
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    limits.append(_LARGEST)
    return np.array([-x for x in reversed(limits)] + [0.0] + limits)


def growing(values: np.ndarray, name: str) -> HistogramProto:
    """TensorFlow 1's histogram: how many values are below each limit and not below the last one.

    Raises:
        InvalidArgumentError: a value is no finite number. `name` is the op's.
    """
    limits = bucket_limits()
    counts = np.zeros(len(limits), np.int64)
    found = HistogramProto(min=_LARGEST, max=-_LARGEST, num=values.size)
    flat = values.ravel()
    for k in range(0, flat.size, _PART):
        part = flat[k : k + _PART].astype(np.float64)
        low, high = part.min(), part.max()
        if not np.isfinite([low, high]).all():
            kind = "Nan" if np.isnan(low) else "Infinity"
            raise InvalidArgumentError(
                None, None, f"{kind} in summary histogram for: {name} [Op:HistogramSummary] name: "
            )
        found.min, found.max = min(found.min, low), max(found.max, high)
        found.sum += part.sum()
        with np.errstate(over="ignore"):
            found.sum_squares += np.square(part).sum()
        counts += np.bincount(_places(part), minlength=len(limits))
    # Of neighbouring empty buckets only the last one is written.
    kept = np.ones(len(limits), bool)
    kept[:-1] = (counts[:-1] > 0) | (counts[1:] > 0)
    # they are floats, and many: there is nothing to check
    list.extend(found.bucket_limit, limits[kept].tolist())
    list.extend(found.bucket, counts[kept].astype(np.float64).tolist())
    return found


def _places(values: np.ndarray) -> np.ndarray:
    """For each value the number of limits that are not above it.

    The logarithm in float32 is off by far less than a bucket; comparing with the limits beside it
    gives the exact place. A binary search takes several times as long.
    """
    limits = bucket_limits()
    side = len(limits) // 2  # how many limits are negative, and how many positive
    below, above = _neighbours()
    size = np.abs(values)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        guess = np.log(size.astype(np.float32)) * _PER_BUCKET + _FIRST
    place = np.clip(guess, 0, side - 1).astype(np.intp)
    place += size >= above[place]
    place -= size < below[place]
    mirrored = side - (place - (size == below[place]))
    return np.minimum(np.where(values < 0, mirrored, side + 1 + place), len(limits) - 1)


@cache
def _neighbours() -> tuple[np.ndarray, np.ndarray]:
    """Of the values with k positive limits at or below them: the least, and what all are below."""
    limits = bucket_limits()
    positive = limits[len(limits) // 2 + 1 :]
    return np.concatenate([[-np.inf], positive]), np.concatenate([positive, [np.inf]])


def even(values: np.ndarray, count: int = DEFAULT_BUCKETS) -> np.ndarray:
    """TensorFlow 2's histogram: float64 [count, 3], lower limit, upper limit, number of values."""
    flat = values.astype(np.float64).ravel()
    found = np.zeros((max(count, 0), 3))
    if not flat.size or not found.size:
        return found
    low, high = flat.min(), flat.max()
    if low == high:
        found[:, :2] = low
        found[-1, 2] = flat.size
        return found
    places = np.minimum(((flat - low) / ((high - low) / count)).astype(np.int64), count - 1)
    edges = np.linspace(low, high, count + 1)
    found[:, 0], found[:, 1] = edges[:-1], edges[1:]
    found[:, 2] = np.bincount(places, minlength=count)
    return found
