"""Where work is done: what blocks of `tw.device` choose, and whether there are arrays on a GPU.

Layer: frontend. It is read on the way of every call that Python prepares,
so it loads nothing of what a GPU needs.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .context import current

F = TypeVar("F", bound=Callable[..., Any])


class _Thread(threading.local):
    """`device` is "cpu", "gpu", or None where no block has chosen."""

    device: str | None = None


class _Process:
    """`in_use` is set for good when a block chooses the GPU, or the first array lies there.

    `array` is then the class of arrays on the GPU, and `put` makes one of an array.
    """

    in_use = False
    array: type | None = None
    put: Callable[[Any, str], Any]


CHOSEN = _Thread()
GPU = _Process()


def is_on_gpu(x: object) -> bool:
    """Whether x is an array on the GPU."""
    return type(x) is GPU.array


def on_host(x: Any) -> Any:
    """The array on the host, a scalar for shape (); what does not lie on the GPU is given back."""
    return np.asarray(x)[()] if is_on_gpu(x) else x


def at_host(function: F) -> F:
    """A function whose work is done on the host, whichever block it is called in; a decorator."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if CHOSEN.device != "gpu":
            return function(*args, **kwargs)
        CHOSEN.device = "cpu"
        try:
            return function(*args, **kwargs)
        finally:
            CHOSEN.device = "gpu"

    return call  # type: ignore[return-value]


def placed(x: Any) -> Any:
    """The array on the GPU, if a block chooses it and x is a NumPy array that can lie there.

    While a function is traced, arrays become constants of its program, wherever that will run.
    """
    if CHOSEN.device != "gpu" or current() is not None:
        return x
    is_array = issubclass(type(x), (np.ndarray, np.generic))
    return GPU.put(x, "x") if is_array and _fits(x.dtype) else x


def _fits(dtype: np.dtype) -> bool:
    return (dtype.kind in "biuf" and dtype.itemsize <= 8) or dtype.name == "bfloat16"
