"""Functions of arrays that layers, losses and metrics share, written with NumPy.

Layer: frontend. Each takes concrete or traced arrays; float32 stays float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf, expit


def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) / sum(exp(x)), without overflow."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """log(softmax(x)), without overflow."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return expit(x)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def relu(
    x: Any, *, negative_slope: float = 0.0, max_value: Any = None, threshold: float = 0.0
) -> Any:
    """max(x, 0), or with a slope below the threshold and a bound above."""
    if threshold or negative_slope:
        y = np.where(x > threshold, x, negative_slope * (x - threshold))
    else:
        y = np.maximum(x, 0)
    return y if max_value is None else np.minimum(y, max_value)


def gelu(x: Any, *, approximate: bool = False) -> Any:
    """x times the probability that a standard normal number is below x."""
    if approximate:
        inner = 0.7978845608028654 * (x + 0.044715 * (x * x * x))  # sqrt(2 / pi)
        return 0.5 * x * (1.0 + np.tanh(inner))
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476))


def one_hot(indices: Any, size: int, dtype: Any) -> Any:
    """A last axis with 1 at the index; zeros where the index is out of range."""
    return (np.expand_dims(indices, -1) == np.arange(size, dtype=indices.dtype)).astype(dtype)
