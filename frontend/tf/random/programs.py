"""How samplers run: with NumPy at first, compiled once a kind of draw has cost more than compiling.

Layer: frontend.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ...jit import Jitted
from ...tracer import Tracer
from ..sizes import numbers
from .samplers import SAMPLERS, per_group

# Draws of one kind run with NumPy until they have cost about as much as half a compilation: a call
# counts as one unit (0.1 ms), and so does each of these many numbers.
_NUMBERS_PER_UNIT = 4096
_UNITS = 600.0
_spent: dict[tuple[str, np.dtype], float] = {}


@cache
def _compiled(kind: str, dtype: np.dtype) -> Jitted:
    sampler = SAMPLERS[kind]

    def sample(start: Any, index: Any) -> Any:
        return sampler(start, index, size=None, dtype=dtype)

    return Jitted(sample)


def draw(start: Any, *, kind: str, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """An array of random numbers; an op's function, on arrays and traced arrays.

    Args:
        start: u32[6], see philox.py.
        kind: a name in `SAMPLERS`.
        shape: of the result.
        dtype: of the result.
    """
    size = math.prod(shape)
    index = numbers(-(-size // per_group(kind, dtype))).astype(np.uint64)
    if type(start) is Tracer:
        return SAMPLERS[kind](start, index, size=size, dtype=dtype).reshape(shape)
    key = kind, dtype
    spent = _spent.get(key, 0.0)
    if spent < _UNITS:
        _spent[key] = spent + 1 + size / _NUMBERS_PER_UNIT
        return SAMPLERS[kind](start, index, size=size, dtype=dtype).reshape(shape)
    return _compiled(kind, dtype)(start, index)[:size].reshape(shape)
