"""How samplers run: compiled, or with NumPy while compiling would cost more.

Layer: frontend.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ...jit import Jitted
from ...tracer import Tracer
from .samplers import EXACT, SAMPLERS, WITH_PARAMETER

# Draws of one kind run with NumPy until they have cost about as much as half a compilation: a call
# counts as one unit (0.1 ms), and so does each of these many numbers.
_NUMBERS_PER_UNIT = 4096
_UNITS = 600.0
_spent: dict[tuple[str, np.dtype], float] = {}


@cache
def _compiled(kind: str, dtype: np.dtype) -> Jitted:
    def sample(start: Any, like: Any) -> Any:
        return SAMPLERS[kind](start, like.shape, dtype)

    return Jitted(sample)


def draw(start: Any, *, kind: str, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """An array of random numbers; an op's function, on arrays and traced arrays.

    Args:
        start: u64[3], see philox.py.
        kind: a name in `SAMPLERS`.
        shape: of the result.
        dtype: of the result.
    """
    if type(start) is Tracer:
        return SAMPLERS[kind](start, shape, dtype)
    size, key = math.prod(shape), (kind, dtype)
    spent = _spent.get(key, 0.0)
    if kind in EXACT and spent < _UNITS:
        _spent[key] = spent + 1 + size / _NUMBERS_PER_UNIT
        return SAMPLERS[kind](start, shape, dtype)
    # the second argument says how many: its memory is never touched
    return _compiled(kind, dtype)(start, np.empty(size, np.int8)).reshape(shape)


@cache
def _compiled_with(kind: str) -> Jitted:
    def sample(start: Any, parameter: Any, like: Any) -> Any:
        return WITH_PARAMETER[kind](start, (*like.shape, *parameter.shape), parameter)

    return Jitted(sample)


def draw_with(
    start: Any, parameter: Any, *, kind: str, outer: tuple[int, ...], dtype: np.dtype
) -> Any:
    """As `draw`, of a distribution with a parameter: `outer` numbers for each element of it.

    Args:
        start: u64[3], see philox.py.
        parameter: an array of the distribution's parameter.
        kind: a name in `WITH_PARAMETER`.
        outer: the axes of the result in front of the parameter's.
        dtype: of the result.
    """
    inner = np.shape(parameter)
    if type(start) is Tracer or type(parameter) is Tracer:
        return WITH_PARAMETER[kind](start, (*outer, *inner), parameter).astype(dtype)
    like = np.empty(math.prod(outer), np.int8)
    found = _compiled_with(kind)(start, np.asarray(parameter, np.float64), like)
    return found.reshape((*outer, *inner)).astype(dtype)
