"""The functions of libdevice that kernels call, for Numba's CUDA simulator, which has none.

Layer: runtime. Arguments and results are NumPy scalars, as kernels see them there.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


def libdevice() -> SimpleNamespace:
    """The functions by their names in libdevice."""
    found: dict[str, Callable[..., Any]] = {}
    for name in ("sqrt", "fabs", "floor", "ceil", "trunc", "rint", "sin", "cos", "tan"):
        found[name] = found[f"{name}f"] = getattr(np, name)
    for name in ("copysign", "fmod"):
        found[name] = found[f"{name}f"] = getattr(np, name)
    found |= {"fmul_rn": np.multiply, "dmul_rn": np.multiply, "fast_fdividef": np.divide}
    found |= {"fma": _fma("fma", np.float64), "fmaf": _fma("fmaf", np.float32)}
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


def _fma(name: str, dtype: type[Any]) -> Callable[..., Any]:
    """The C library's function, since NumPy has none that rounds once."""
    function = getattr(ctypes.CDLL(ctypes.util.find_library("m")), name)
    number = ctypes.c_double if dtype is np.float64 else ctypes.c_float
    function.restype, function.argtypes = number, [number] * 3
    return lambda x, y, z: dtype(function(x, y, z))
