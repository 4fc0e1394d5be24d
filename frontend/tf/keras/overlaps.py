"""Losses of overlaps and of classes that are hard to tell: as functions.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply
from ..tensors import Tensor
from .loss_functions import FUNCTIONS, operands
from .settings import epsilon


def _focal(
    t: Any, p: Any, *, alpha: Any, gamma: float, from_logits: bool, smoothing: float, axis: int,
    eps: float,
) -> Any:  # fmt: skip
    if smoothing:
        t = t * (1 - smoothing) + smoothing / t.shape[-1]
    if from_logits:
        p = np.exp(p - np.max(p, axis=axis, keepdims=True))
    p = np.clip(p / np.sum(p, axis=axis, keepdims=True), eps, 1 - eps)
    weight = np.power(1 - p, p.dtype.type(gamma)) * np.asarray(alpha, p.dtype)
    return np.sum(-weight * t * np.log(p), axis=axis)


@FUNCTIONS.add()
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The cross-entropy, where classes that are told well weigh less (Lin et al., 2017).

    Args:
        y_true: probabilities of the classes.
        y_pred: as `y_true`, or logits.
        alpha: a factor, or one for each class.
        gamma: the weight of a class is (1 - its probability) ** gamma.
        from_logits: whether `y_pred` are logits.
        label_smoothing: the part of the labels that is spread over all classes.
        axis: of the classes.
    """
    factor = tuple(map(float, alpha)) if isinstance(alpha, (list, tuple)) else float(alpha)
    attrs = {
        "alpha": factor, "gamma": float(gamma), "from_logits": bool(from_logits),
        "smoothing": float(label_smoothing), "axis": int(axis), "eps": epsilon(),
    }  # fmt: skip
    pair = operands(y_true, y_pred)
    found: Tensor = apply("categorical_focal_crossentropy", _focal, pair, attrs)
    return found


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _dice(t: Any, p: Any, *, axis: Any, eps: float) -> Any:
    both = np.sum(t * p, axis=axis)
    return 1 - 2 * both / (np.sum(t, axis=axis) + np.sum(p, axis=axis) + t.dtype.type(eps))


@FUNCTIONS.add()
def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Tensor:
    """1 - twice the overlap, divided by the sum of both sizes (Milletari et al., 2016)."""
    attrs = {"axis": _axes(axis), "eps": epsilon()}
    found: Tensor = apply("dice", _dice, operands(y_true, y_pred), attrs)
    return found


def _tversky(t: Any, p: Any, *, alpha: float, beta: float, axis: Any, eps: float) -> Any:
    both = np.sum(t * p, axis=axis)
    missed, wrong = np.sum((1 - p) * t, axis=axis), np.sum(p * (1 - t), axis=axis)
    return 1 - both / (both + alpha * missed + beta * wrong + t.dtype.type(eps))


@FUNCTIONS.add()
def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Tensor:
    """As `dice`, with weights: alpha of what is missed, beta of what is wrong (Salehi, 2017)."""
    attrs = {"alpha": float(alpha), "beta": float(beta), "axis": _axes(axis), "eps": epsilon()}
    found: Tensor = apply("tversky", _tversky, operands(y_true, y_pred), attrs)
    return found


def _generalized(labels: Any, p: Any, *, q: float) -> Any:
    places = labels.astype(np.int64)
    places = places[..., None] if places.ndim < p.ndim else places
    chosen = np.take_along_axis(p, places, axis=-1)[..., 0]
    return (1 - np.power(chosen, p.dtype.type(q))) / p.dtype.type(q)


@FUNCTIONS.add()
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """(1 - p ** q) / q of the probability of each class number (Zhang and Sabuncu, 2018)."""
    if not 0 < q < 1:
        raise ValueError("q must be in the interval (0, 1)")
    found: Tensor = apply(
        "generalized_cross_entropy", _generalized, operands(y_true, y_pred), {"q": float(q)}
    )
    return found
