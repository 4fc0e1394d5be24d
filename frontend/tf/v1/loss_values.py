"""What the functions of `tf.losses` compute: elements, weights, and how they are reduced.

Layer: frontend; eager. graph/losses.py makes ops of it, and collects them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..nn import losses
from ..scopes import stop_gradient
from ..shapes import TensorShape
from ..tensors import Tensor


class Reduction:
    """How weighted elements become a loss."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return (
            cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_OVER_NONZERO_WEIGHTS,
            cls.SUM_BY_NONZERO_WEIGHTS,
        )  # fmt: skip

    @classmethod
    def validate(cls, key: str) -> None:
        """Refuse what is none.

        Raises:
            ValueError: it is none.
        """
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}. Key should be one of {cls.all()}.")


# -- weights --------------------------------------------------------------------------------------


def weighted(values: Any, weights: Any, reduction: str) -> Tensor:
    """The elements with their weights, reduced; in the dtype of the elements.

    Raises:
        ValueError: the weights do not fit the elements.
    """
    Reduction.validate(reduction)
    tensor, factors = convert_to_tensor(values), cast(weights, dtypes.float32)
    check_weights(factors.shape, tensor.shape)
    attrs = {"reduction": reduction}
    found: Tensor = apply("WeightedLoss", _weighted, [tensor, factors], attrs)
    return found


def check_weights(weights: TensorShape, values: TensorShape) -> None:
    """Weights have no axes, or as many as the elements, of the same sizes or 1.

    Raises:
        ValueError: they do not.
    """
    if not weights.rank or values.rank is None:
        return
    fits = weights.rank == values.rank and all(
        a is None or b is None or a in (1, b)
        for a, b in zip(weights.as_list(), values.as_list(), strict=True)
    )
    if not fits:
        raise ValueError(
            f"weights can not be broadcast to values. values.rank={values.rank}."
            f" weights.rank={weights.rank}. values.shape={values}. weights.shape={weights}."
        )


def _weighted(values: Any, weights: Any, *, reduction: str) -> Any:
    wide = values.astype(np.float32) if values.dtype != np.float64 else values
    factors = weights.astype(wide.dtype)
    products = wide * factors
    if reduction == Reduction.NONE:
        return products.astype(values.dtype)
    total = np.sum(products, dtype=wide.dtype)
    if reduction == Reduction.SUM:
        return total.astype(values.dtype)
    ones = np.ones_like(wide)
    if reduction == Reduction.MEAN:
        count = np.sum(ones * factors, dtype=wide.dtype)
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        count = np.sum(ones, dtype=wide.dtype)
    else:
        count = np.sum(ones * (factors != 0).astype(wide.dtype), dtype=wide.dtype)
    return _ratio(total, count).astype(values.dtype)


def _ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0."""
    is_zero = y == 0
    one = y.dtype.type(1)
    return np.where(is_zero, y.dtype.type(0), x / np.where(is_zero, one, y))


# -- elements -------------------------------------------------------------------------------------


def _absolute(y: Any, x: Any) -> Any:
    return np.abs(x - y)


def _squared(y: Any, x: Any) -> Any:
    return np.square(x - y)


def _hinge(y: Any, x: Any) -> Any:
    of = x.dtype.type
    return np.maximum(of(1) - (of(2) * y - of(1)) * x, of(0))


def _huber(y: Any, x: Any, *, delta: float) -> Any:
    error, limit = np.abs(x - y), x.dtype.type(delta)
    small = np.minimum(error, limit)
    return x.dtype.type(0.5) * np.square(small) + limit * (error - small)


def _log(y: Any, x: Any, *, epsilon: float) -> Any:
    one, least = x.dtype.type(1), x.dtype.type(epsilon)
    return -y * np.log(x + least) - (one - y) * np.log(one - x + least)


def _cosine(y: Any, x: Any, *, axis: int) -> Any:
    return x.dtype.type(1) - np.sum(x * y, axis=axis, keepdims=True, dtype=x.dtype)


_ELEMENTS: dict[str, Callable[..., Any]] = {
    "absolute_difference": _absolute,
    "mean_squared_error": _squared,
    "hinge_loss": _hinge,
    "huber_loss": _huber,
    "log_loss": _log,
    "cosine_distance_loss": _cosine,
}


def elementwise(
    labels: Any, predictions: Any, weights: Any, kind: str, reduction: str, **attrs: Any
) -> Tensor:
    """A loss of pairs of elements."""
    y, x = cast(labels, dtypes.float32), cast(predictions, dtypes.float32)
    return weighted(apply(kind, _ELEMENTS[kind], [y, x], attrs), weights, reduction)


def pairwise(labels: Any, predictions: Any, weights: Any) -> Tensor:
    """The squared differences between the errors of pairs of elements of each example."""
    y, x = cast(labels, dtypes.float32), cast(predictions, dtypes.float32)
    factors = cast(weights, dtypes.float32)
    check_weights(factors.shape, x.shape)
    found: Tensor = apply("MeanPairwiseSquaredError", _pairwise, [y, x, factors])
    return found


def _pairwise(y: Any, x: Any, weights: Any) -> Any:
    error = x - y
    axes = tuple(range(1, error.ndim))
    one = error.dtype.type(1)
    present = np.ones_like(error) * (weights != 0).astype(error.dtype)
    count = np.sum(present, axis=axes, keepdims=True, dtype=error.dtype)
    squares = np.sum(np.square(error), axis=axes, keepdims=True, dtype=error.dtype)
    total = np.sum(error, axis=axes, keepdims=True, dtype=error.dtype)
    fewer = np.maximum(count - one, error.dtype.type(0))
    two = error.dtype.type(2)
    found = two * _ratio(squares, fewer) - two * _ratio(np.square(total), count * fewer)
    return np.sum(found * weights, dtype=error.dtype)


def softmax(
    onehot_labels: Any, logits: Any, weights: Any, smoothing: float, reduction: str
) -> Tensor:
    """The cross entropy of softmax(logits)."""
    x = convert_to_tensor(logits)
    y = stop_gradient(cast(onehot_labels, x.dtype))
    if smoothing > 0:
        y = apply("SmoothLabels", _smoothed, [y], {"part": float(smoothing)})
    return weighted(losses.softmax_cross_entropy_with_logits(y, x), weights, reduction)


def _smoothed(y: Any, *, part: float) -> Any:
    share = np.asarray(part / y.shape[-1]).astype(y.dtype)
    return y * y.dtype.type(1 - part) + share


def sparse_softmax(labels: Any, logits: Any, weights: Any, reduction: str) -> Tensor:
    """-log(softmax(logits)) of each example's class."""
    x, y, factors = map(convert_to_tensor, (logits, labels, weights))
    if y.ndim == x.ndim and y.shape[-1] == 1:
        y = _without_last(y)
    values = losses.sparse_softmax_cross_entropy_with_logits(y, x)
    if factors.ndim == values.ndim + 1 and factors.shape[-1] == 1:
        factors = _without_last(factors)
    return weighted(values, factors, reduction)


def _without_last(x: Tensor) -> Tensor:
    found: Tensor = apply("Squeeze", _squeezed, [x])
    return found


def _squeezed(x: Any) -> Any:
    return np.squeeze(x, axis=-1)


def sigmoid(labels: Any, logits: Any, weights: Any, smoothing: float, reduction: str) -> Tensor:
    """The logistic loss of each element."""
    x = convert_to_tensor(logits)
    y = cast(labels, x.dtype)
    if smoothing > 0:
        y = apply("SmoothLabels", _halved, [y], {"part": float(smoothing)})
    return weighted(losses.sigmoid_cross_entropy_with_logits(y, x), weights, reduction)


def _halved(y: Any, *, part: float) -> Any:
    of = y.dtype.type
    return y * of(1 - part) + of(0.5 * part)
