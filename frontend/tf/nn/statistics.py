"""Moments in two steps: sums that can be added up, and the moments of them.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply, checked, many
from ..convert import convert_to_tensor
from ..static import axes as static_axes
from ..tensors import Tensor
from .normalise import batch_normalization


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The number of elements, their sum, the sum of their squares, and the shift.

    Args:
        x: floats.
        axes: over which the sums are.
        shift: near the mean; taken away before, for the sake of precision.
        keepdims: whether axes stay, with size 1.
        name: for TensorFlow's signature.
    """
    tensors = many(
        "SufficientStatistics", [convert_to_tensor(x), *([] if shift is None else [shift])]
    )
    checked("SufficientStatistics", tensors[0], "f")
    chosen = static_axes(axes, tensors[0].ndim, "SufficientStatistics")
    attrs = {"axes": chosen, "keepdims": bool(keepdims)}
    count, total, squares = apply("SufficientStatistics", _sums, tensors, attrs)
    return count, total, squares, None if shift is None else tensors[1]


def _sums(x: Any, *shift: Any, axes: Any, keepdims: bool) -> tuple[Any, Any, Any]:
    away = x - shift[0] if shift else x
    ones = np.ones_like(x)
    count = np.max(np.sum(ones, axis=axes))
    total = np.sum(away, axis=axes, keepdims=keepdims)
    return count, total, np.sum(away * away, axis=axes, keepdims=keepdims)


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """The mean and the variance, given what `sufficient_statistics` gives."""
    given = many("NormalizeMoments", [convert_to_tensor(counts), mean_ss, variance_ss])
    given += [] if shift is None else [convert_to_tensor(shift, given[0].dtype)]
    found: tuple[Tensor, Tensor] = apply("NormalizeMoments", _moments, given)
    return found


def _moments(count: Any, total: Any, squares: Any, *shift: Any) -> tuple[Any, Any]:
    away = total / count
    variance = squares / count - away * away
    return (away + shift[0] if shift else away), variance


def batch_norm_with_global_normalization(
    input: Any,
    mean: Any,
    variance: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: float,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Tensor:
    """As `batch_normalization`; scaled by gamma if `scale_after_normalization` says so."""
    scale = gamma if scale_after_normalization else None
    return batch_normalization(input, mean, variance, beta, scale, variance_epsilon)
