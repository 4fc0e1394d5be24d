"""Losses of logits and labels, one number per example.

Layer: frontend. Each is one op, written so that neither it nor its derivative overflows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..apply import apply, checked, pair
from ..convert import convert_to_tensor
from ..elementwise import soft_positive
from ..errors import InvalidArgumentError
from ..tensors import Tensor
from .activations import checked_axis, constant, log_probabilities, shifted


def _shape(x: Tensor) -> str:
    return f"[{','.join(map(str, x.shape))}]"


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """-sum(labels * log(softmax(logits))) along an axis.

    Args:
        labels: probabilities, of the logits' shape.
        logits: floats.
        axis: of the classes.
        name: for TensorFlow's signature.

    Raises:
        InvalidArgumentError: the shapes differ and are not broadcast to each other.
    """
    op = "SoftmaxCrossEntropyWithLogits"
    x = checked(op, convert_to_tensor(logits), "f")
    y, x = pair(op, convert_to_tensor(labels, dtype_hint=x.dtype), x)
    number = checked_axis(op, x, axis)
    try:
        np.broadcast_shapes(*_known_shapes(x, y))
    except ValueError:
        raise InvalidArgumentError(
            f"logits and labels must be broadcastable: logits_size={_shape(x)}"
            f" labels_size={_shape(y)} [Op:{op}] name: "
        ) from None
    found: Tensor = apply(op, _cross_entropy, [y, x], {"axis": number - x.ndim})
    return found


def _known_shapes(*tensors: Tensor) -> list[tuple[int, ...]]:
    """Shapes with 1 for sizes that are not known."""
    return [tuple(1 if s is None else s for s in t.shape) for t in tensors]


def _cross_entropy(labels: Any, logits: Any, *, axis: int) -> Any:
    """As if the labels' sum were 1 in the derivative by the logits: softmax(logits) - labels.

    TensorFlow does so; it matters for labels that are no probabilities.
    """
    dtype = logits.dtype
    small = shifted(logits, axis)
    log_total = np.log(np.sum(np.exp(small), axis=axis, dtype=dtype))
    surplus = np.sum(labels, axis=axis, dtype=dtype) - dtype.type(1)
    return (
        log_total + surplus * constant(log_total) - np.sum(labels * small, axis=axis, dtype=dtype)
    )


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """-log(softmax(logits)) of each example's class.

    Args:
        labels: numbers of classes, of the logits' shape without its last axis.
        logits: floats.
        name: for TensorFlow's signature.

    Raises:
        ValueError: the shapes do not fit together.
        InvalidArgumentError: there is no class of that number.
    """
    op = "SparseSoftmaxCrossEntropyWithLogits"
    y, x = checked(op, convert_to_tensor(labels), "iu"), convert_to_tensor(logits)
    checked(op, x, "f")
    if y.ndim != x.ndim - 1:
        raise ValueError(
            "`labels.shape.rank` must equal `logits.shape.rank - 1`. Received:"
            f" labels.shape={y.shape} of rank {y.ndim} and logits.shape={x.shape} of rank {x.ndim}"
        )
    if not y.shape.is_compatible_with(x.shape[:-1]):
        raise InvalidArgumentError(
            f"logits and labels must have the same first dimension, got logits shape {_shape(x)}"
            f" and labels shape {_shape(y)} [Op:{op}]"
        )
    if not y.is_symbolic:
        _check_classes(op, np.asarray(y._concrete(op)), x._value.shape[-1])
    found: Tensor = apply(op, _sparse_cross_entropy, [y, x])
    return found


def _check_classes(op: str, labels: np.ndarray, classes: Any) -> None:
    if not labels.size or not isinstance(classes, int):
        return
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise InvalidArgumentError(
            f"Received a label value of {wrong[0]} which is outside the valid range of"
            f" [0, {classes}).  Label values: {' '.join(map(str, labels.ravel()))} [Op:{op}]"
        )


def _sparse_cross_entropy(labels: Any, logits: Any) -> Any:
    chosen = np.take_along_axis(log_probabilities(logits, -1), labels[..., None], axis=-1)
    return -chosen[..., 0]


def _same_shapes(labels: Any, logits: Any, op: str) -> tuple[Tensor, Tensor]:
    x = checked(op, convert_to_tensor(logits), "f")
    y, x = pair(op, convert_to_tensor(labels, dtype_hint=x.dtype), x)
    if not y.shape.is_compatible_with(x.shape):
        raise ValueError(
            f"`logits` and `labels` must have the same shape, received ({x.shape} vs {y.shape})."
        )
    return y, x


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The logistic loss of each element: max(x, 0) - x * z + log(1 + exp(-|x|)).

    Raises:
        ValueError: the shapes differ.
    """
    y, x = _same_shapes(labels, logits, "SigmoidCrossEntropyWithLogits")
    found: Tensor = apply("SigmoidCrossEntropyWithLogits", _logistic_loss, [y, x])
    return found


def _logistic_loss(labels: Any, logits: Any) -> Any:
    return soft_positive(logits) - logits * labels


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Tensor:
    """The logistic loss with the positive labels' part multiplied by a weight.

    Raises:
        ValueError: the shapes differ.
    """
    op = "WeightedCrossEntropyWithLogits"
    y, x = _same_shapes(labels, logits, op)
    weight = pair(op, x, pos_weight)[1]
    found: Tensor = apply(op, _weighted_loss, [y, x, weight])
    return found


def _weighted_loss(labels: Any, logits: Any, weight: Any) -> Any:
    one = logits.dtype.type(1)
    return (one - labels) * logits + (one + (weight - one) * labels) * soft_positive(-logits)


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """sum(t ** 2) / 2."""
    found: Tensor = apply("L2Loss", _half_squares, [checked("L2Loss", convert_to_tensor(t), "f")])
    return found


def _half_squares(x: Any) -> Any:
    return np.sum(x * x, dtype=x.dtype) * x.dtype.type(0.5)


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """exp(log_input) - log_input * targets.

    Args:
        targets: counts, as floats.
        log_input: the logarithm of the rate, of the same shape.
        compute_full_loss: whether Stirling's approximation of log(targets!) is added.
        name: for TensorFlow's signature.

    Raises:
        ValueError: the shapes differ.
    """
    x = checked("LogPoissonLoss", convert_to_tensor(log_input), "f")
    y, x = pair("LogPoissonLoss", convert_to_tensor(targets, dtype_hint=x.dtype), x)
    if not y.shape.is_compatible_with(x.shape):
        raise ValueError(
            "`log_input` and `targets` must have the same shape, received"
            f" ({x.shape} vs {y.shape})."
        )
    found: Tensor = apply("LogPoissonLoss", _poisson_loss, [y, x], {"full": compute_full_loss})
    return found


def _poisson_loss(targets: Any, log_rate: Any, *, full: bool) -> Any:
    loss = np.exp(log_rate) - log_rate * targets
    if not full:
        return loss
    of = log_rate.dtype.type
    safe = np.where(targets > of(1), targets, of(1))
    stirling = safe * np.log(safe) - safe + of(0.5) * np.log(of(2 * math.pi) * safe)
    return loss + np.where(targets > of(1), stirling, of(0))
