"""What estimators do with the outputs of a model: losses, predictions, metrics.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes, elementwise, reductions, shaping
from ..graph import losses
from ..graph.build import convert, graph_op
from ..graph.metrics import counts, means
from ..nn import activations
from .spec import EstimatorSpec, ModeKeys

_reshape, _cast = graph_op(shaping.reshape), graph_op(elementwise.cast)
_mean, _sum = graph_op(reductions.reduce_mean), graph_op(reductions.reduce_sum)
_sigmoid, _softmax = graph_op(activations.sigmoid), graph_op(activations.softmax)


def _classes_of(logits: Any) -> Any:
    if logits.shape[-1] == 1:
        return elementwise.cast(elementwise.greater(logits, 0.0), dtypes.int64)
    return shaping.expand_dims(reductions.argmax(logits, -1), -1)


_class_ids = graph_op(_classes_of, "class_ids")


def _both_of(probability: Any) -> Any:
    return shaping.concat([elementwise.subtract(1.0, probability), probability], 1)


_both = graph_op(_both_of, "probabilities")


def _words_of(ids: Any) -> Any:
    words = np.empty(ids.shape.as_list(), object)
    words.ravel()[:] = [str(k).encode() for k in np.ravel(ids.numpy())]
    return words


_words = graph_op(_words_of, "str_classes")


class Head:
    """What is done with a model's outputs.

    Args:
        width: how many outputs there are.
        reduction: how the losses of a batch become one: `losses.Reduction`.
    """

    def __init__(self, width: int, reduction: Any) -> None:
        self.width, self.reduction = width, reduction

    def predictions(self, logits: Any) -> dict[str, Any]:
        """What `predict` gives."""
        raise NotImplementedError

    def losses(self, labels: Any, logits: Any) -> Any:
        """The loss of each example, [batch, ...], and the loss of the batch."""
        raise NotImplementedError

    def metrics(self, labels: Any, found: dict[str, Any]) -> dict[str, Any]:
        """What `evaluate` gives, beside the losses."""
        raise NotImplementedError

    def _labels(self, labels: Any, dtype: Any) -> Any:
        return _reshape(_cast(convert(labels), dtype), [-1, self.width])

    def spec(self, mode: str, logits: Any, labels: Any, train: Callable[[Any], Any]) -> Any:
        """The `EstimatorSpec`; `train` gives the training step of a loss."""
        found = self.predictions(logits)
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, found)
        each, loss = self.losses(labels, logits)
        if mode == ModeKeys.TRAIN:
            return EstimatorSpec(mode, found, loss, train(loss))
        metrics = {"average_loss": means.mean(each), **self.metrics(labels, found)}
        return EstimatorSpec(mode, found, loss, eval_metric_ops=metrics)


class Regression(Head):
    """Numbers, by their squared errors."""

    def predictions(self, logits: Any) -> dict[str, Any]:
        """The numbers."""
        return {"predictions": logits}

    def losses(self, labels: Any, logits: Any) -> Any:
        """Squared errors."""
        given = self._labels(labels, dtypes.float32)
        none = losses.Reduction.NONE
        return (
            losses.mean_squared_error(given, logits, reduction=none),
            losses.mean_squared_error(given, logits, reduction=self.reduction),
        )

    def metrics(self, labels: Any, found: dict[str, Any]) -> dict[str, Any]:
        """The means of labels and predictions."""
        return {
            "label/mean": means.mean(self._labels(labels, dtypes.float32)),
            "prediction/mean": means.mean(found["predictions"]),
        }


class Binary(Head):
    """Two classes, by the logarithm of the odds."""

    def predictions(self, logits: Any) -> dict[str, Any]:
        """Logits, probabilities and classes."""
        probability, ids = _sigmoid(logits), _class_ids(logits)
        return {
            "logits": logits, "logistic": probability, "probabilities": _both(probability),
            "class_ids": ids, "classes": _words(ids),
        }  # fmt: skip

    def losses(self, labels: Any, logits: Any) -> Any:
        """Cross entropies."""
        given = self._labels(labels, dtypes.float32)
        none = losses.Reduction.NONE
        return (
            losses.sigmoid_cross_entropy(given, logits, reduction=none),
            losses.sigmoid_cross_entropy(given, logits, reduction=self.reduction),
        )

    def metrics(self, labels: Any, found: dict[str, Any]) -> dict[str, Any]:
        """Accuracy and the areas under curves."""
        given = self._labels(labels, dtypes.int64)
        scores = found["logistic"]
        return {
            "accuracy": means.accuracy(given, found["class_ids"]),
            "precision": counts.precision(given, found["class_ids"]),
            "recall": counts.recall(given, found["class_ids"]),
            "auc": counts.auc(given, scores),
            "label/mean": means.mean(_cast(given, dtypes.float32)),
            "prediction/mean": means.mean(scores),
        }


class Several(Head):
    """One of several classes."""

    def _labels(self, labels: Any, dtype: Any) -> Any:
        return _reshape(_cast(convert(labels), dtype), [-1, 1])

    def predictions(self, logits: Any) -> dict[str, Any]:
        """Logits, probabilities and classes."""
        ids = _class_ids(logits)
        return {
            "logits": logits, "probabilities": _softmax(logits), "class_ids": ids,
            "classes": _words(ids),
        }  # fmt: skip

    def losses(self, labels: Any, logits: Any) -> Any:
        """Cross entropies."""
        given = _reshape(self._labels(labels, dtypes.int64), [-1])
        none = losses.Reduction.NONE
        return (
            losses.sparse_softmax_cross_entropy(given, logits, reduction=none),
            losses.sparse_softmax_cross_entropy(given, logits, reduction=self.reduction),
        )

    def metrics(self, labels: Any, found: dict[str, Any]) -> dict[str, Any]:
        """Accuracy."""
        given = self._labels(labels, dtypes.int64)
        return {"accuracy": means.accuracy(given, found["class_ids"])}


def classification(classes: int, reduction: Any) -> Head:
    """The head for so many classes.

    Raises:
        ValueError: there are fewer than two.
    """
    if classes < 2:
        raise ValueError(f"n_classes must be > 1 for classification: {classes}.")
    return Binary(1, reduction) if classes == 2 else Several(classes, reduction)
