"""How values are spread: TensorFlow's histograms.

Layer: frontend. TensorFlow 1's buckets grow by a tenth, from 1e-12 to 1e20 on both sides of 0;
TensorFlow 2's are equally wide, between the least and the largest value.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np

from ..errors import InvalidArgumentError
from ..proto.events import HistogramProto

_LARGEST = sys.float_info.max
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
    flat = values.astype(np.float64).ravel()
    if not np.isfinite(flat).all():
        kind = "Nan" if np.isnan(flat).any() else "Infinity"
        raise InvalidArgumentError(
            None, None, f"{kind} in summary histogram for: {name} [Op:HistogramSummary] name: "
        )
    limits = bucket_limits()
    found = HistogramProto(
        min=flat.min() if flat.size else _LARGEST,
        max=flat.max() if flat.size else -_LARGEST,
        num=flat.size,
        sum=flat.sum(),
        sum_squares=np.dot(flat, flat),
    )
    places = np.minimum(np.searchsorted(limits, flat, side="right"), len(limits) - 1)
    counts = np.bincount(places, minlength=len(limits))
    # Of neighbouring empty buckets only the last one is written.
    kept = np.ones(len(limits), bool)
    kept[:-1] = (counts[:-1] > 0) | (counts[1:] > 0)
    found.bucket_limit.extend(limits[kept].tolist())
    found.bucket.extend(counts[kept].tolist())
    return found


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
