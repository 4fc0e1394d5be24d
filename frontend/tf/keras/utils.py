"""Helpers: labels as rows, normalisation, seeds.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensors import Tensor
from .registry import register_keras_serializable
from .settings import clear_session, set_random_seed


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as rows with a 1, float64.

    Args:
        x: integers of any shape; a last axis of 1 is left out.
        num_classes: by default one more than the largest number.
    """
    numbers = np.asarray(x.numpy() if isinstance(x, Tensor) else x).astype(np.int64)
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    count = int(numbers.max()) + 1 if num_classes is None else int(num_classes)
    made = np.zeros((numbers.size, count))
    made[np.arange(numbers.size), numbers.reshape(-1)] = 1
    return made.reshape((*numbers.shape, count))


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """x divided by its norms along the axis; as it is where they are 0."""
    array = np.asarray(x, np.float64) if not isinstance(x, np.ndarray) else x
    norms = np.atleast_1d(np.linalg.norm(array, order, axis))
    norms[norms == 0] = 1
    return array / np.expand_dims(norms, axis)


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array.

    Args:
        sequences: a list of lists or arrays.
        maxlen: the length of all; by default that of the longest.
        dtype: of the array.
        padding: whether values are put before ("pre") or behind ("post") short ones.
        truncating: whether long ones lose their beginning ("pre") or their end ("post").
        value: what is put there.
    """
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ValueError(f'{name.capitalize()} type "{choice}" not understood')
    arrays = [np.asarray(s) for s in sequences]
    length = max((len(a) for a in arrays), default=0) if maxlen is None else int(maxlen)
    rest = next((a.shape[1:] for a in arrays if len(a)), ())
    found = np.full((len(arrays), length, *rest), value, dtype)
    for row, array in zip(found, arrays, strict=True):
        kept = array[max(len(array) - length, 0) :] if truncating == "pre" else array[:length]
        first = length - len(kept) if padding == "pre" else 0
        row[first : first + len(kept)] = kept
    return found


__all__ = [
    "clear_session", "normalize", "pad_sequences", "register_keras_serializable", "set_random_seed",
    "to_categorical",
]  # fmt: skip
