"""What holds for all of Keras: the default float dtype, names, and the seed.

Layer: frontend.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import numpy as np

from .. import dtypes
from ..random import seeds
from ..scopes import init_scope

_FLOATS = ("bfloat16", "float16", "float32", "float64")


class _Settings:
    """The process's settings."""

    def __init__(self) -> None:
        self.floatx = "float32"
        self.epsilon = 1e-7
        self.data_format = "channels_last"
        self.names: Counter[str] = Counter()


_SETTINGS = _Settings()


def floatx() -> str:
    """The dtype of weights, by default "float32"."""
    return _SETTINGS.floatx


def set_floatx(value: str) -> None:
    """Change the dtype of weights that are made from here on."""
    if value not in _FLOATS:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected one of {set(_FLOATS)}")
    _SETTINGS.floatx = value


def epsilon() -> float:
    """The small number that keeps logarithms and quotients finite."""
    return _SETTINGS.epsilon


def set_epsilon(value: float) -> None:
    """Change `epsilon`."""
    _SETTINGS.epsilon = value


def image_data_format() -> str:
    """Where images have their channels; "channels_last" is all there is."""
    return _SETTINGS.data_format


def set_image_data_format(data_format: str) -> None:
    """Accept "channels_last"; ValueError for anything else."""
    if data_format != "channels_last":
        raise ValueError(f"data_format={data_format!r}: only 'channels_last' is supported")


def float_dtype(dtype: Any = None) -> dtypes.DType:
    """The dtype given, or `floatx`."""
    return dtypes.as_dtype(_SETTINGS.floatx if dtype is None else dtype)


def snake_case(name: str) -> str:
    """`MyDenseLayer` as `my_dense_layer`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """`dense`, `dense_1`, `dense_2` and so on."""
    count = _SETTINGS.names[prefix]
    _SETTINGS.names[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def get_uid(prefix: str = "") -> int:
    """How often this prefix has been asked for, from 1."""
    _SETTINGS.names[prefix] += 1
    return _SETTINGS.names[prefix]


def clear_session(free_memory: bool = True) -> None:
    """Let names begin anew."""
    _SETTINGS.names.clear()


reset_uids = clear_session


def set_random_seed(seed: int) -> None:
    """Seed the random numbers of Python, NumPy, and this package."""
    if not isinstance(seed, int):
        raise ValueError(f"Expected `seed` argument to be an integer. Received: seed={seed}")
    random.seed(seed)
    np.random.seed(seed)
    seeds.set_seed(seed)


def new_seed() -> int:
    """A seed for something that was given none; it follows from the global seed if that is set."""
    with init_scope():  # it is drawn now, also while tracing
        return int(seeds.start("Keras", None, 1).numpy()[1]) & 0x7FFFFFFF
