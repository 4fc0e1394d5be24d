"""The functions of libdevice that kernels call, for Numba's CUDA simulator, which has none.

Layer: runtime. Arguments and results are NumPy scalars, as kernels see them there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np


def libdevice() -> SimpleNamespace:
    """The functions by their names in libdevice."""
    unary = {"sqrt": np.sqrt, "fabs": np.abs, "floor": np.floor, "ceil": np.ceil}
    unary |= {"trunc": np.trunc, "rint": np.rint, "sin": np.sin, "cos": np.cos, "tan": np.tan}
    found: dict[str, Callable[..., Any]] = dict(unary)
    found |= {"copysign": np.copysign, "fmod": np.fmod, "fma": _fma}
    found |= {f"{name}f": function for name, function in found.items()}
    found |= {"fmul_rn": np.multiply, "dmul_rn": np.multiply}
    found |= {"float_as_int": _bits(np.int32), "int_as_float": _bits(np.float32)}
    found |= {"double_as_longlong": _bits(np.int64), "longlong_as_double": _bits(np.float64)}
    found |= {"popcll": lambda x: int(np.bitwise_count(np.uint64(x)))}
    found |= {"clzll": lambda x: 64 - int(np.uint64(x)).bit_length()}
    return SimpleNamespace(**{name: _quiet(function) for name, function in found.items()})


def _bits(dtype: type[Any]) -> Callable[[Any], Any]:
    return lambda x: x.view(dtype)


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without warnings: each simulated thread has settings of its own."""

    def quiet(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return quiet


def _fma(x: Any, y: Any, z: Any) -> Any:
    """Rounded once, by way of fractions."""
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        return x * y + z
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return x * y + z  # for the sign
    dtype = type(x)
    try:
        near = float(exact)
    except OverflowError:
        return dtype(math.copysign(math.inf, exact))
    if dtype is np.float64:
        return dtype(near)
    rounded = dtype(near)
    # twice rounded where the f64 lies halfway between two f32: decided by the exact value
    other = np.nextafter(rounded, dtype(np.inf if exact > Fraction(near) else -np.inf))
    if np.isfinite(other) and Fraction(near) != exact:
        halfway = (Fraction(float(rounded)) + Fraction(float(other))) / 2
        if Fraction(near) == halfway:
            return other
    return rounded
