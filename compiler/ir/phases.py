"""The phases of an array: every n-th element, from the first, from the second, and so on.

Layer: compiler/ir. What a window with strides reads at one of its positions is one phase, moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from .types import Shape


def phases(shape: Shape, steps: Sequence[int]) -> list[tuple[tuple[int, ...], Shape]]:
    """The parts that take every steps[k]-th element of axis k: their first element and shape."""
    return [
        (
            starts,
            tuple((n - a + s - 1) // s for n, a, s in zip(shape, starts, steps, strict=True)),
        )
        for starts in product(*map(range, steps))
    ]
