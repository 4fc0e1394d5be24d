"""Distributions from random words: functions on arrays and traced arrays.

Layer: frontend. A sampler takes `start` (philox.py) and the groups' numbers, and gives the first
`size` numbers of the stream. How words become numbers is TensorFlow's way, so that equal seeds give
TensorFlow's numbers (floats to the last bits of log, sin and cos).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...tracer import Tracer
from .philox import words

_U32 = np.uint32
_HALF = np.uint64(32)
# float16 and float32: the low bits of a word as a fraction of 2**bits
_FRACTION = {np.dtype(np.float16): 10, np.dtype(np.float32): 23}
# Blocks of four words that a group of a truncated normal draws from: enough of their normals lie
# within two standard deviations in all groups but one of 10**15.
_BLOCKS = {2: 4, 4: 4, 8: 8}
_SPACING = 64  # counters between the groups of a truncated normal, for each number of a group
_BOUND = 2.0


def per_group(kind: str, dtype: np.dtype) -> int:
    """How many numbers a group of four words gives."""
    return 2 if dtype.itemsize == 8 else 4


def uniform(start: Any, index: Any, *, size: Any, dtype: np.dtype) -> Any:
    """Floats in [0, 1)."""
    return _joined(_fractions(words(start, index), dtype), size)


def bits(start: Any, index: Any, *, size: Any, dtype: np.dtype) -> Any:
    """Integers of all bits at random, u32 or u64."""
    return _joined(_integers(words(start, index), dtype), size)


def normal(start: Any, index: Any, *, size: Any, dtype: np.dtype) -> Any:
    """Standard normal floats, by Box and Muller's transform."""
    return _joined(_normals(words(start, index), dtype), size)


def truncated_normal(start: Any, index: Any, *, size: Any, dtype: np.dtype) -> Any:
    """Standard normal floats, those beyond two standard deviations drawn again."""
    count = per_group("truncated_normal", dtype)
    blocks = np.arange(_BLOCKS[dtype.itemsize], dtype=np.uint64)
    drawn = _normals(words(start, index[:, None] * np.uint64(_SPACING * count) + blocks), dtype)
    candidates = np.stack(drawn, axis=-1).reshape((*index.shape, -1))
    return _first_inside(candidates, count).reshape(-1)[:size]


def _first_inside(candidates: Any, wanted: int) -> Any:
    """The first `wanted` numbers of each row that are within the bound."""
    inside = np.abs(candidates) < candidates.dtype.type(_BOUND)
    if type(candidates) is not Tracer:
        order = np.argsort(~inside, axis=1, kind="stable")[:, :wanted]
        return np.take_along_axis(candidates, order, axis=1)
    # traced arrays are not sorted; one pass over the columns fuses into one kernel
    zero = candidates.dtype.type(0)
    kept = [zero] * wanted
    count = np.zeros(candidates.shape[:1], np.int32)
    for column in range(candidates.shape[1]):
        x, is_inside = candidates[:, column], inside[:, column]
        for place in range(wanted):
            kept[place] = np.where(is_inside & (count == np.int32(place)), x, kept[place])
        count = count + is_inside.astype(np.int32)
    return np.stack(kept, axis=-1)


SAMPLERS: dict[str, Callable[..., Any]] = {
    "uniform": uniform, "bits": bits, "normal": normal, "truncated_normal": truncated_normal,
}  # fmt: skip


def _joined(columns: list[Any], size: Any) -> Any:
    return np.stack(columns, axis=-1).reshape(-1)[:size]


def _integers(w: tuple[Any, ...], dtype: np.dtype) -> list[Any]:
    if dtype.itemsize == 8:
        return [w[0] | w[1] << _HALF, w[2] | w[3] << _HALF]
    return [x.astype(_U32) for x in w]


def _fractions(w: tuple[Any, ...], dtype: np.dtype) -> list[Any]:
    if dtype.itemsize == 8:
        high = np.uint64(0xFFFFF)
        whole = [(w[k] & high) << _HALF | w[k + 1] for k in (0, 2)]
        return [x.astype(np.float64) * 2.0**-52 for x in whole]
    count = _FRACTION[dtype]
    mask, scale = np.uint64(2**count - 1), np.float32(2.0**-count)
    # by way of int32: narrower conversions are faster, and the values are below 2**23
    return [((x & mask).astype(np.int32).astype(np.float32) * scale).astype(dtype) for x in w]


def _normals(w: tuple[Any, ...], dtype: np.dtype) -> list[Any]:
    """Two normals for every two uniform numbers."""
    inner = np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    u = _fractions(w, inner)
    smallest, turn = inner.type(1e-7), inner.type(2 * np.pi)
    found = []
    for first, second in zip(u[::2], u[1::2], strict=True):
        radius = np.sqrt(inner.type(-2) * np.log(np.maximum(first, smallest)))
        angle = turn * second
        found += [np.sin(angle) * radius, np.cos(angle) * radius]
    return [x.astype(dtype) for x in found]
