"""Metrics of classes and columns: F scores, explained variance, overlaps, likeness.

Layer: frontend. The state are sums over batches; results are computed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..apply import apply
from ..elementwise import cast
from ..tensors import Tensor
from . import loss_functions
from .counts import over
from .loss_functions import as_tensor
from .metrics import FAMILY, MeanMetricWrapper, Metric
from .settings import epsilon, snake_case

# -- metrics with a number for each class ---------------------------------------------------------


class _PerClass(Metric):
    """A state for each column of the predictions; made for the first batch."""

    _parts: tuple[str, ...] = ()

    def _shape(self, classes: int) -> tuple[int, ...]:
        return (classes,)

    def _build(self, y_pred: Any) -> None:
        """Make the state for predictions like these."""
        if not self._variables:
            for part in self._parts:
                self.add_variable(self._shape(int(as_tensor(y_pred).shape[-1])), name=part)

    def _accumulate(self, function: Callable[..., Any], given: Sequence[Any], **attrs: Any) -> None:
        self._build(given[1])
        tensors = [cast(as_tensor(x), self._dtype) for x in given if x is not None]
        state = [v.value() for v in self._variables]
        found = apply(type(self).__name__, function, [*state, *tensors], attrs)
        for variable, value in zip(self._variables, found, strict=True):
            variable.assign(value)


@FAMILY.add()
class FBetaScore(_PerClass):
    """The harmonic mean of precision and recall, recall weighing beta ** 2.

    Args:
        average: None for a number per class, "micro", "macro" or "weighted" by the classes' sizes.
        beta: see above.
        threshold: above which a class is predicted; by default the most probable one is.
        name: in the logs of training.
        dtype: of the state.
    """

    _parts = ("true_positives", "false_positives", "false_negatives", "weights")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro',"
                f" 'weighted'}}. Received: average={average}"
            )
        self.average, self.beta, self.threshold = average, float(beta), threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        self._accumulate(_f_counts, [y_true, y_pred, sample_weight], threshold=self.threshold)

    def result(self) -> Tensor:
        """The score."""
        state = [v.value() for v in self._variables]
        attrs = {"average": self.average, "beta": self.beta, "eps": epsilon()}
        found: Tensor = apply("FBetaScore", _f_score, state, attrs)
        return found

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {
            "average": self.average, "beta": self.beta, "threshold": self.threshold,
        }  # fmt: skip


def _f_counts(
    tp: Any, fp: Any, fn: Any, weights: Any, t: Any, p: Any, *w: Any, threshold: float | None
) -> tuple[Any, ...]:
    if threshold is None:
        chosen = (p >= np.max(p, axis=-1, keepdims=True)) & (np.abs(p) > p.dtype.type(1e-9))
    else:
        chosen = p > p.dtype.type(threshold)
    chosen = chosen.astype(p.dtype)
    each = w[0][:, None] if w else np.ones_like(p)
    right, wrong, missed = chosen * t, chosen * (1 - t), (1 - chosen) * t
    total = [np.sum(x * each, axis=0) for x in (right, wrong, missed, t)]
    return tuple(old + new for old, new in zip((tp, fp, fn, weights), total, strict=True))


def _f_score(
    tp: Any, fp: Any, fn: Any, weights: Any, *, average: str | None, beta: float, eps: float
) -> Any:
    if average == "micro":
        tp, fp, fn = np.sum(tp), np.sum(fp), np.sum(fn)
    tiny = tp.dtype.type(eps)
    precision, recall = tp / (tp + fp + tiny), tp / (tp + fn + tiny)
    square = tp.dtype.type(beta * beta)
    score = (1 + square) * precision * recall / (square * precision + recall + tiny)
    if average == "macro":
        return np.mean(score)
    return np.sum(score * weights / (np.sum(weights) + tiny)) if average == "weighted" else score


@FAMILY.add()
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall. Arguments as of `FBetaScore`, without beta."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        config = super().get_config()
        del config["beta"]
        return config


@FAMILY.add()
class R2Score(_PerClass):
    """How much of the variance is explained: 1 - squared errors / squared deviations.

    Args:
        class_aggregation: "uniform_average", "variance_weighted_average", or None for a number per
            column.
        name: in the logs of training.
        dtype: of the state.
    """

    _parts = ("sum", "squared_sum", "residual", "count")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.class_aggregation = class_aggregation

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        self._accumulate(_moments, [y_true, y_pred, sample_weight])

    def result(self) -> Tensor:
        """The score."""
        state = [v.value() for v in self._variables]
        found: Tensor = apply("R2Score", _explained, state, {"how": self.class_aggregation})
        return found

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {"class_aggregation": self.class_aggregation}


def _moments(s: Any, squares: Any, r: Any, n: Any, t: Any, p: Any, *w: Any) -> tuple[Any, ...]:
    each = np.ones_like(p)
    if w:
        each = each * (w[0][:, None] if w[0].ndim == 1 else w[0])
    given = (t * each, t * t * each, np.square(t - p) * each, each)
    old = (s, squares, r, n)
    return tuple(a + np.sum(x, axis=0) for a, x in zip(old, given, strict=True))


def _explained(s: Any, squares: Any, residual: Any, count: Any, *, how: str | None) -> Any:
    spread = squares - s * over(s, count)
    scores = np.where(spread != 0, 1 - over(residual, spread), np.zeros_like(spread))
    if how == "uniform_average":
        return np.mean(scores)
    return scores if how is None else np.sum(spread * scores) / np.sum(spread)


# -- overlaps -------------------------------------------------------------------------------------


@FAMILY.add()
class IoU(Metric):
    """For some classes the size of the overlap, divided by that of the union; their mean.

    Args:
        num_classes: how many there are; labels are numbers.
        target_class_ids: those that count.
        name: in the logs of training.
        dtype: of the state.
        ignore_class: the label of what does not count.
        sparse_y_true: whether labels are numbers; else the last axis has a place for each class.
        sparse_y_pred: whether predictions are numbers.
        axis: of the classes where they are not numbers.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name or snake_case(type(self).__name__))
        self.num_classes, self.target_class_ids = int(num_classes), tuple(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = bool(sparse_y_true), bool(sparse_y_pred)
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        given = [self.total_cm.value(), as_tensor(y_true), as_tensor(y_pred)]
        if sample_weight is not None:
            given.append(cast(as_tensor(sample_weight), self._dtype))
        attrs = {
            "sparse": (self.sparse_y_true, self.sparse_y_pred), "axis": self.axis,
            "ignored": self.ignore_class,
        }  # fmt: skip
        self.total_cm.assign(apply("ConfusionMatrix", _confusion, given, attrs))

    def result(self) -> Tensor:
        """The mean of the classes that occur."""
        attrs = {"chosen": self.target_class_ids}
        found: Tensor = apply("IoU", _overlap, [self.total_cm.value()], attrs)
        return found

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {
            "num_classes": self.num_classes, "target_class_ids": list(self.target_class_ids),
            "ignore_class": self.ignore_class, "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred, "axis": self.axis,
        }  # fmt: skip


def _confusion(
    matrix: Any, t: Any, p: Any, *w: Any, sparse: tuple[bool, bool], axis: int, ignored: int | None
) -> Any:
    """The matrix of (label, prediction), with another batch."""
    labels, found = (
        (x if numbers else np.argmax(x, axis=axis)).astype(np.int64).reshape(-1)
        for x, numbers in zip((t, p), sparse, strict=True)
    )
    weights = np.ones_like(labels, dtype=matrix.dtype)
    if w:
        weights = weights * w[0].reshape(-1)
    if ignored is not None:
        counts = labels != ignored
        weights = np.where(counts, weights, np.zeros_like(weights))
        labels = np.where(counts, labels, np.zeros_like(labels))
    total = matrix.copy()
    np.add.at(total, (labels, found), weights)
    return total


def _overlap(matrix: Any, *, chosen: tuple[int, ...]) -> Any:
    size = matrix.shape[0]
    diagonal = np.sum(matrix * np.eye(size, dtype=matrix.dtype), axis=0)
    union = np.sum(matrix, axis=0) + np.sum(matrix, axis=1) - diagonal
    places = list(chosen)
    share, occurs = over(diagonal, union)[places], (union > 0)[places].astype(matrix.dtype)
    return over(np.sum(share * occurs), np.sum(occurs))


@FAMILY.add()
class MeanIoU(IoU):
    """The mean of all classes. Arguments as of `IoU`, without those classes that count."""

    def __init__(self, num_classes: int, name: str | None = None, **options: Any) -> None:
        super().__init__(num_classes, range(num_classes), name, **options)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


# -- likeness -------------------------------------------------------------------------------------


def _cosine(t: Any, p: Any, *, axis: int) -> Any:
    lengths = [np.sqrt(np.maximum(np.sum(x * x, axis=axis), 1e-12)) for x in (t, p)]
    return np.sum(t * p, axis=axis) / (lengths[0] * lengths[1])


def _pearson(t: Any, p: Any, *, axis: int) -> Any:
    t, p = (x - np.mean(x, axis=axis, keepdims=True) for x in (t, p))
    spread = np.sqrt(np.sum(t * t, axis=axis) * np.sum(p * p, axis=axis))
    return np.sum(t * p, axis=axis) / spread


def _likeness(name: str, function: Callable[..., Any], doc: str) -> tuple[Any, type]:
    def likeness(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
        pair = loss_functions.operands(y_true, y_pred)
        found: Tensor = apply(name, function, pair, {"axis": int(axis)})
        return found

    likeness.__name__ = likeness.__qualname__ = snake_case(name)
    likeness.__doc__ = doc

    def __init__(self: Any, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        own = name or likeness.__name__
        MeanMetricWrapper.__init__(self, likeness, own, dtype, axis=axis)

    attributes = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    return likeness, FAMILY.add()(type(name, (MeanMetricWrapper,), attributes))


_, CosineSimilarity = _likeness(
    "CosineSimilarity", _cosine, "The cosine of the angle between labels and predictions."
)
pearson_correlation, PearsonCorrelation = _likeness(
    "PearsonCorrelation", _pearson, "Pearson's correlation of labels and predictions."
)
