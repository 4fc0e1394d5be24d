"""Distributions from random bits: functions on arrays and traced arrays.

Layer: frontend. A sampler takes `start` (philox.py), a shape and a dtype. How bits become numbers
is TensorFlow's way, so that equal seeds give TensorFlow's numbers (floats to the last bits of log,
sin and cos). Integers and uniform floats are computed by NumPy for concrete starts; what takes
functions whose last bits differ between libraries is computed by compiled programs alone, eagerly
too, so that a seed gives the same numbers everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....compiler.ir.types import DType
from ...drawing import drawn
from ...tracer import Tracer
from ...values import dtype_of
from . import philox

_U32, _U64 = np.dtype(np.uint32), np.dtype(np.uint64)
# the low bits of a word as a fraction of 2**bits
_FRACTION = {"bfloat16": 7, "float16": 10, "float32": 23}


def bits(start: Any, shape: Any, dtype: np.dtype) -> Any:
    """Integers of all bits at random, u32 or u64."""
    if type(start) is Tracer:
        return drawn("random_bits", start, shape, dtype=dtype_of(dtype))
    size = math.prod(shape)
    per_group = 2 if dtype.itemsize == 8 else 4
    w = philox.words(start, np.arange(-(-size // per_group)).astype(np.uint64))
    half = np.uint64(32)
    parts = [w[0] | w[1] << half, w[2] | w[3] << half] if per_group == 2 else list(w)
    return np.stack(parts, axis=-1).astype(dtype).reshape(-1)[:size].reshape(shape)


def uniform(start: Any, shape: Any, dtype: np.dtype) -> Any:
    """Floats in [0, 1)."""
    if dtype.itemsize == 8:
        drawn_bits, half = bits(start, shape, _U64), np.uint64(32)
        whole = (drawn_bits & np.uint64(0xFFFFF)) << half | drawn_bits >> half
        return whole.astype(np.int64).astype(np.float64) * 2.0**-52
    count = _FRACTION[dtype.name]
    fraction = bits(start, shape, _U32) & np.uint32(2**count - 1)
    # by way of int32, from which conversions are one instruction
    return (fraction.astype(np.int32).astype(np.float32) * np.float32(2.0**-count)).astype(dtype)


def normal(start: Any, shape: Any, dtype: np.dtype) -> Any:
    """Standard normal floats, by Box and Muller's transform; `start` is traced."""
    return drawn("random_normal", start, shape, dtype=_wide(dtype)).astype(dtype)


def truncated_normal(start: Any, shape: Any, dtype: np.dtype) -> Any:
    """Standard normal floats, those beyond two standard deviations drawn again; as `normal`."""
    return drawn("random_truncated_normal", start, shape, dtype=_wide(dtype)).astype(dtype)


def _wide(dtype: np.dtype) -> DType:
    return DType.F32 if dtype.itemsize == 2 else dtype_of(dtype)


def gamma(start: Any, shape: Any, alpha: Any) -> Any:
    """Gamma distributed f64 of rate 1; `alpha` is broadcast to the shape; as `normal`."""
    return drawn("random_gamma", start, shape, alpha)


def poisson(start: Any, shape: Any, mean: Any) -> Any:
    """Poisson distributed f64; `mean` is broadcast to the shape; as `normal`."""
    return drawn("random_poisson", start, shape, mean)


SAMPLERS: dict[str, Callable[..., Any]] = {
    "uniform": uniform, "bits": bits, "normal": normal, "truncated_normal": truncated_normal,
}  # fmt: skip
WITH_PARAMETER: dict[str, Callable[..., Any]] = {"gamma": gamma, "poisson": poisson}
EXACT = frozenset({"uniform", "bits"})  # the same with NumPy and compiled, bit for bit
