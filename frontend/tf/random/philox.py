"""Philox-4x32: random words as a function of a counter and a key.

Layer: frontend. `words(start, groups)` works on arrays and on traced arrays alike, so eager ops,
compiled functions and gradients draw the same numbers. `start` is u32[6]: four words of the counter
(the lowest first) and two of the key; group g of four words belongs to the counter plus g.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85  # added to the key after every round
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def start_of(counter_low: int, counter_high: int, key: int) -> np.ndarray:
    """`start` for a counter of two 64-bit words and a key of one, modulo 2**64."""
    words = [w >> shift & 0xFFFFFFFF for w in (counter_low, counter_high, key) for shift in (0, 32)]
    return np.array(words, np.uint32)


def words(start: Any, index: Any) -> tuple[Any, Any, Any, Any]:
    """The four words of each group, as u64 arrays with values below 2**32.

    Args:
        start: u32[6].
        index: u64[groups], the numbers of the groups.
    """
    s = start.astype(np.uint64)
    # the counter's low half is one number of 64 bits; no stream is so long that it carries
    position = (s[0] | s[1] << _HALF) + index
    c0, c1, c2, c3 = position & _LOW, position >> _HALF, s[2], s[3]
    k0, k1 = s[4], s[5]
    for _ in range(ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = p1 >> _HALF ^ c1 ^ k0, p1 & _LOW, p0 >> _HALF ^ c3 ^ k1, p0 & _LOW
        k0, k1 = k0 + np.uint64(_WEYL[0]) & _LOW, k1 + np.uint64(_WEYL[1]) & _LOW
    return c0, c1, c2, c3
