"""Losses of examples: y_true and y_pred to one number per example.

Layer: frontend. Each public function is one op over NumPy; formulas and clipping are Keras 3's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..apply import apply
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..nn.activations import log_probabilities
from ..tensors import Tensor
from .registry import Family
from .settings import epsilon, float_dtype

FUNCTIONS = Family("loss")


def operands(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of y_pred's float dtype, and of one rank where one has a last axis of 1."""
    pred = as_tensor(y_pred)
    if not pred.dtype.is_floating:
        pred = cast(pred, float_dtype())
    true = as_tensor(y_true)
    if true.dtype is not pred.dtype:
        true = cast(true, pred.dtype)
    return same_rank(true, pred)


def as_tensor(x: Any) -> Tensor:
    """A tensor; also of lists of tensors."""
    return x if type(x) is Tensor else convert_to_tensor(x)


def same_rank(true: Tensor, pred: Tensor) -> tuple[Tensor, Tensor]:
    """One of them squeezed if it has one axis more, of size 1."""
    if true.ndim == pred.ndim + 1 and true.shape[-1] == 1:
        true = apply("Squeeze", _squeeze, [true])
    elif pred.ndim == true.ndim + 1 and pred.shape[-1] == 1:
        pred = apply("Squeeze", _squeeze, [pred])
    return true, pred


def _squeeze(x: Any) -> Any:
    return np.squeeze(x, axis=-1)


def _loss(name: str, function: Callable[..., Any], doc: str, *aliases: str) -> Any:
    def loss(y_true: Any, y_pred: Any) -> Tensor:
        result: Tensor = apply(name, function, operands(y_true, y_pred))
        return result

    loss.__name__ = loss.__qualname__ = name
    loss.__doc__ = doc
    return FUNCTIONS.add(*aliases)(loss)


def _squared(t: Any, p: Any) -> Any:
    return np.mean(np.square(p - t), axis=-1)


def _absolute(t: Any, p: Any) -> Any:
    return np.mean(np.abs(p - t), axis=-1)


def _percentage(t: Any, p: Any) -> Any:
    floor = t.dtype.type(epsilon())
    return 100 * np.mean(np.abs((t - p) / np.maximum(np.abs(t), floor)), axis=-1)


def _log_squared(t: Any, p: Any) -> Any:
    floor = t.dtype.type(epsilon())
    difference = np.log1p(np.maximum(p, floor)) - np.log1p(np.maximum(t, floor))
    return np.mean(np.square(difference), axis=-1)


def _log_cosh(t: Any, p: Any) -> Any:
    e = p - t
    return np.mean(e + np.log1p(np.exp(-2 * np.abs(e))) + (np.abs(e) - e) - 0.6931471805599453, -1)


def _divergence(t: Any, p: Any) -> Any:
    t, p = np.clip(t, epsilon(), 1), np.clip(p, epsilon(), 1)
    return np.sum(t * np.log(t / p), axis=-1)


def _poisson(t: Any, p: Any) -> Any:
    return np.mean(p - t * np.log(p + epsilon()), axis=-1)


def _signs(t: Any) -> Any:
    """Labels 0 and 1 as -1 and 1; others stay as they are."""
    is_binary = np.all(np.logical_or(t == 0, t == 1))
    return np.where(is_binary, 2 * t - 1, t)


def _hinge(t: Any, p: Any) -> Any:
    return np.mean(np.maximum(1 - _signs(t) * p, 0), axis=-1)


def _squared_hinge(t: Any, p: Any) -> Any:
    return np.mean(np.square(np.maximum(1 - _signs(t) * p, 0)), axis=-1)


def _categorical_hinge(t: Any, p: Any) -> Any:
    positive = np.sum(t * p, axis=-1)
    negative = np.max((1 - t) * p, axis=-1)
    return np.maximum(negative - positive + 1, 0)


mean_squared_error = _loss(
    "mean_squared_error", _squared, "Mean of (y_pred - y_true) ** 2.", "mse", "MSE"
)
mean_absolute_error = _loss(
    "mean_absolute_error", _absolute, "Mean of |y_pred - y_true|.", "mae", "MAE"
)
mean_absolute_percentage_error = _loss(
    "mean_absolute_percentage_error", _percentage, "100 times the mean relative error.",
    "mape", "MAPE",
)  # fmt: skip
mean_squared_logarithmic_error = _loss(
    "mean_squared_logarithmic_error", _log_squared, "Mean squared error of log(1 + y).",
    "msle", "MSLE",
)  # fmt: skip
log_cosh = _loss("log_cosh", _log_cosh, "Mean of log(cosh(y_pred - y_true)).", "logcosh")
kl_divergence = _loss(
    "kl_divergence", _divergence, "Sum of y_true * log(y_true / y_pred).",
    "kld", "KLD", "kullback_leibler_divergence",
)  # fmt: skip
poisson = _loss("poisson", _poisson, "Mean of y_pred - y_true * log(y_pred).")
hinge = _loss("hinge", _hinge, "Mean of max(1 - y_true * y_pred, 0).")
squared_hinge = _loss("squared_hinge", _squared_hinge, "Mean of max(1 - y_true * y_pred, 0) ** 2.")
categorical_hinge = _loss(
    "categorical_hinge", _categorical_hinge, "max(the largest wrong - the right + 1, 0)."
)
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence


def _huber(t: Any, p: Any, *, delta: float) -> Any:
    e = np.abs(p - t)
    return np.mean(np.where(e <= delta, 0.5 * np.square(e), delta * e - 0.5 * delta * delta), -1)


@FUNCTIONS.add()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Mean of e ** 2 / 2 for errors e up to delta, linear beyond (Huber, 1964)."""
    attrs = {"delta": float(delta)}
    result: Tensor = apply("huber", _huber, operands(y_true, y_pred), attrs)
    return result


def _similarity(t: Any, p: Any, *, axis: int) -> Any:
    tiny = 1e-12
    t = t / np.sqrt(np.maximum(np.sum(np.square(t), axis=axis, keepdims=True), tiny))
    p = p / np.sqrt(np.maximum(np.sum(np.square(p), axis=axis, keepdims=True), tiny))
    return -np.sum(t * p, axis=axis)


@FUNCTIONS.add()
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The negative cosine of the angle between y_true and y_pred."""
    result: Tensor = apply(
        "cosine_similarity", _similarity, operands(y_true, y_pred), {"axis": axis}
    )
    return result


def _binary(t: Any, p: Any, *, from_logits: bool, smoothing: float, eps: float) -> Any:
    if smoothing:
        t = t * (1 - smoothing) + 0.5 * smoothing
    if from_logits:  # max(p, 0) - p * t + log(1 + exp(-|p|)), without overflow
        return np.mean(np.maximum(p, 0) - p * t + np.log1p(np.exp(-np.abs(p))), axis=-1)
    p = np.clip(p, eps, 1 - eps)
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p), axis=-1)


@FUNCTIONS.add("bce", "BCE")
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Mean of -log(y_pred) where y_true is 1 and -log(1 - y_pred) where it is 0."""
    attrs = {
        "from_logits": bool(from_logits), "smoothing": float(label_smoothing), "eps": epsilon(),
    }  # fmt: skip
    result: Tensor = apply("binary_crossentropy", _binary, operands(y_true, y_pred), attrs)
    return result


def _focal(
    t: Any, p: Any, *, gamma: float, alpha: float | None, from_logits: bool, eps: float
) -> Any:
    if from_logits:
        p = 1 / (1 + np.exp(-p))
    clipped = np.clip(p, eps, 1 - eps)
    entropy = -(t * np.log(clipped) + (1 - t) * np.log(1 - clipped))
    right = t * p + (1 - t) * (1 - p)
    entropy = np.power(1 - right, gamma) * entropy
    if alpha is not None:
        entropy = (t * alpha + (1 - t) * (1 - alpha)) * entropy
    return np.mean(entropy, axis=-1)


@FUNCTIONS.add()
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Tensor:
    """Binary cross-entropy that counts hard examples more (Lin et al., 2018)."""
    attrs = {
        "gamma": float(gamma), "alpha": float(alpha) if apply_class_balancing else None,
        "from_logits": bool(from_logits), "eps": epsilon(),
    }  # fmt: skip
    result: Tensor = apply("binary_focal_crossentropy", _focal, operands(y_true, y_pred), attrs)
    return result


def _log_of(p: Any, from_logits: bool, axis: int, eps: float) -> Any:
    """log of probabilities, given as logits or as what is made to sum to 1."""
    if from_logits:
        return log_probabilities(p, axis)
    p = p / np.sum(p, axis=axis, keepdims=True)
    return np.log(np.clip(p, eps, 1 - eps))


def _categorical(
    t: Any, p: Any, *, from_logits: bool, smoothing: float, axis: int, eps: float
) -> Any:
    if smoothing:
        t = t * (1 - smoothing) + smoothing / p.shape[axis]
    return -np.sum(t * _log_of(p, from_logits, axis, eps), axis=axis)


@FUNCTIONS.add("cce")
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y_true * log(y_pred)); y_true is one-hot or a distribution.

    Raises:
        ValueError: the shapes differ.
    """
    pred = as_tensor(y_pred)
    true = cast(as_tensor(y_true), pred.dtype)
    if not true.shape.is_compatible_with(pred.shape):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={true.shape}, output.shape={pred.shape}"
        )
    attrs = {
        "from_logits": bool(from_logits), "smoothing": float(label_smoothing), "axis": int(axis),
        "eps": epsilon(),
    }  # fmt: skip
    result: Tensor = apply("categorical_crossentropy", _categorical, (true, pred), attrs)
    return result


def _sparse(t: Any, p: Any, *, from_logits: bool, eps: float) -> Any:
    logits = p if from_logits else np.log(np.clip(p, eps, 1 - eps))
    logs = log_probabilities(logits, -1)
    rows = np.take_along_axis(logs, t[..., None], axis=-1)
    return -np.squeeze(rows, axis=-1)


@FUNCTIONS.add()
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log(y_pred[y_true]); y_true holds the numbers of the classes.

    Raises:
        ValueError: the shapes do not fit.
        NotImplementedError: `ignore_class`, or another axis than the last.
    """
    pred = as_tensor(y_pred)
    if ignore_class is not None or axis not in (-1, pred.ndim - 1):
        raise NotImplementedError(
            "sparse_categorical_crossentropy: `ignore_class` and other axes than the last one are"
            " not supported"
        )
    true = as_tensor(y_true)
    if not (true.dtype.is_integer and true.dtype.size >= 4):
        true = cast(true, "int64")
    if true.ndim == pred.ndim and true.shape[-1] == 1:
        true = apply("Squeeze", _squeeze, [true])
    if not true.shape.is_compatible_with(pred.shape[:-1]):
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "
            f"target.shape={true.shape}, output.shape={pred.shape}"
        )
    attrs = {"from_logits": bool(from_logits), "eps": epsilon()}
    result: Tensor = apply("sparse_categorical_crossentropy", _sparse, (true, pred), attrs)
    return result
