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


__all__ = [
    "clear_session", "normalize", "register_keras_serializable", "set_random_seed",
    "to_categorical",
]  # fmt: skip
