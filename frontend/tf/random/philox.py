"""Philox-4x32: random words as a function of a counter and a key.

Layer: frontend. `start` is u64[3]: the low and the high half of the counter, and the key; group g
of four words belongs to the counter plus g. compiler/ops/random.py is the generator itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ops.random import numpy_words

RESERVED = 256  # counters that a draw of one number reserves; TensorFlow's distance


def start_of(counter_low: int, counter_high: int, key: int) -> np.ndarray:
    """`start` for a counter of two 64-bit words and a key of one, modulo 2**64."""
    return np.array([w & 0xFFFFFFFFFFFFFFFF for w in (counter_low, counter_high, key)], np.uint64)


def further(start: Any, used: Any) -> Any:
    """`start`, `used` counters further on."""
    return start + used * np.array([1, 0, 0], np.uint64)


def words(start: np.ndarray, index: np.ndarray) -> tuple[Any, Any, Any, Any]:
    """The four words of each group, as u64 arrays with values below 2**32.

    Args:
        start: u64[3].
        index: u64[groups], the numbers of the groups.
    """
    low, high, key = start
    return numpy_words(low + index, high, key)
