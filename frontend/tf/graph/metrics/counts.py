"""What follows from true and false positives and negatives: precision, recall, areas under curves.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ... import dtypes
from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...tensors import Tensor
from ..build import graph_op
from .streams import (
    Pair,
    as_float,
    collected,
    matched,
    metric,
    metric_scope,
    metric_variable,
    ratio,
    summed,
)

_TINY = 1e-7
# kind -> (whether the prediction is positive, whether the label is)
KINDS = {
    "true_positives": (True, True),
    "false_negatives": (False, True),
    "true_negatives": (False, False),
    "false_positives": (True, False),
}


def _counted(
    labels: Any, predictions: Any, weights: Any, thresholds: Any, kinds: tuple[str, ...]
) -> tuple[Tensor, ...]:
    """The weight of each kind of pairs, for each threshold; without one for truth values."""
    y = cast(labels, dtypes.bool_)
    x = cast(predictions, dtypes.bool_ if thresholds is None else dtypes.float32)
    factors = as_float(1.0 if weights is None else weights)
    attrs = {"thresholds": thresholds, "kinds": kinds}
    found: tuple[Tensor, ...] = apply("Sum", _counts, [y, x, factors], attrs)
    return found


def _counts(
    labels: Any, predictions: Any, weights: Any, *, thresholds: Any, kinds: tuple[str, ...]
) -> tuple[Any, ...]:
    y = labels.reshape(-1)
    wide = (np.ones(labels.shape, np.float32) * weights).reshape(-1)
    if thresholds is None:
        x = predictions.reshape(-1)
    else:
        limits = np.array(thresholds, np.float32)
        x = predictions.reshape(-1)[None, :] > limits[:, None]
    found = []
    for kind in kinds:
        positive, true = KINDS[kind]
        chosen = (x if positive else ~x) & (y if true else ~y)
        found.append(np.sum(np.where(chosen, wide, np.float32(0)), axis=-1, dtype=np.float32))
    return tuple(found)


_count_ops = graph_op(_counted, "Sum", "Sum")


def amounts_of(
    labels: Any, predictions: Any, weights: Any, thresholds: Any, kinds: Iterable[str]
) -> tuple[Any, ...]:
    """What a batch adds to the count of each kind; see `KINDS`."""
    x, y, factors = matched(predictions, labels, weights)
    limits = None if thresholds is None else tuple(float(t) for t in thresholds)
    found: tuple[Any, ...] = _count_ops(y, x, factors, limits, tuple(kinds))
    return found


# -- counts by themselves -------------------------------------------------------------------------


def _same(x: Any, name: str | None = None) -> Tensor:
    return convert_to_tensor(x)


_identity = graph_op(_same, "Identity", "Identity")


def _count(
    kind: str, variable: str, labels: Any, predictions: Any, weights: Any, thresholds: Any
) -> tuple[Any, Any]:
    (amount,) = amounts_of(labels, predictions, weights, thresholds, [kind])
    total = metric_variable(amount.shape.as_list(), dtypes.float32, variable)
    return _identity(total), total.assign_add(amount)


def _of_kind(kind: str) -> Callable[..., tuple[Any, Any]]:
    @metric(kind)
    def made(labels: Any, predictions: Any, weights: Any = None) -> Pair:
        return _count(kind, "count", labels, predictions, weights, None)

    made.__name__ = made.__qualname__ = kind
    made.__doc__ = f"The number (or weight) of {kind.replace('_', ' ')}."
    return made


def _of_kind_at_thresholds(kind: str) -> Callable[..., tuple[Any, Any]]:
    @metric(kind)
    def made(
        labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None
    ) -> Pair:
        return _count(kind, kind, labels, predictions, weights, thresholds)

    made.__name__ = made.__qualname__ = f"{kind}_at_thresholds"
    made.__doc__ = f"The number (or weight) of {kind.replace('_', ' ')} for each threshold."
    return made


true_positives = _of_kind("true_positives")
true_negatives = _of_kind("true_negatives")
false_positives = _of_kind("false_positives")
false_negatives = _of_kind("false_negatives")
true_positives_at_thresholds = _of_kind_at_thresholds("true_positives")
true_negatives_at_thresholds = _of_kind_at_thresholds("true_negatives")
false_positives_at_thresholds = _of_kind_at_thresholds("false_positives")
false_negatives_at_thresholds = _of_kind_at_thresholds("false_negatives")


# -- precision and recall -------------------------------------------------------------------------


def _share(x: Any, y: Any) -> Any:
    total = x + y
    empty = total == 0
    return np.where(empty, x.dtype.type(0), x / np.where(empty, x.dtype.type(1), total))


def _share_of(part: Any, rest: Any, name: str | None = None) -> Tensor:
    found: Tensor = apply("Select", _share, [convert_to_tensor(part), convert_to_tensor(rest)])
    return found


_share_op = graph_op(_share_of, "value", "Select")


def _shared(kinds: tuple[str, str], labels: Any, predictions: Any, weights: Any) -> tuple[Any, Any]:
    """The share of the first kind of both."""
    totals, changed = [], []
    for kind in kinds:
        total, update = _of_kind(kind)(labels, predictions, weights)
        totals.append(total)
        changed.append(update)
    return _share_op(*totals, name="value"), _share_op(*changed, name="update_op")


@metric("precision")
def precision(labels: Any, predictions: Any, weights: Any = None) -> Pair:
    """The share of positive predictions that are true; arguments as of `mean`."""
    kinds = ("true_positives", "false_positives")
    return _shared(kinds, labels, predictions, weights)


@metric("recall")
def recall(labels: Any, predictions: Any, weights: Any = None) -> Pair:
    """The share of positive labels that are predicted; arguments as of `mean`."""
    kinds = ("true_positives", "false_negatives")
    return _shared(kinds, labels, predictions, weights)


def _rates(part: Any, rest: Any) -> Any:
    return part / (part.dtype.type(_TINY) + part + rest)


def _rate_of(part: Any, rest: Any, name: str | None = None) -> Tensor:
    found: Tensor = apply("RealDiv", _rates, [convert_to_tensor(part), convert_to_tensor(rest)])
    return found


_rate = graph_op(_rate_of, "value", "RealDiv")


def _at_thresholds(metric_name: str, other: str, doc: str) -> Callable[..., tuple[Any, Any]]:
    @metric(f"{metric_name}_at_thresholds")
    def made(
        labels: Any, predictions: Any, thresholds: Sequence[float], weights: Any = None
    ) -> Pair:
        kinds = ("true_positives", other)
        amounts = amounts_of(labels, predictions, weights, thresholds, kinds)
        return summed(kinds, amounts, _rate)

    made.__name__ = made.__qualname__ = f"{metric_name}_at_thresholds"
    made.__doc__ = doc
    return made


precision_at_thresholds = _at_thresholds(
    "precision", "false_positives", "The precision for each threshold."
)
recall_at_thresholds = _at_thresholds("recall", "false_negatives", "The recall for each threshold.")


# -- curves ---------------------------------------------------------------------------------------


def even_thresholds(count: int) -> list[float]:
    """Thresholds over [0, 1]; the first and the last are a bit outside."""
    inner = [(k + 1) / (count - 1) for k in range(count - 2)]
    return [-_TINY, *inner, 1.0 + _TINY]


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Sequence[float] | None = None,
) -> tuple[Any, Any]:
    """The area under a curve of rates, approximated with thresholds.

    Args:
        labels: truth values.
        predictions: in [0, 1].
        weights: as of `mean`, like the collections and `name`.
        num_thresholds: how many there are, evenly spaced.
        metrics_collections: see there.
        updates_collections: see there.
        curve: "ROC" (recall by false positives) or "PR" (precision by recall).
        name: see there.
        summation_method: "trapezoidal", "careful_interpolation", "minoring" or "majoring".
        thresholds: in (0, 1), instead of evenly spaced ones.

    Raises:
        ValueError: there is no such curve or method.
    """
    if curve not in ("ROC", "PR"):
        raise ValueError(f"curve must be either ROC or PR, {curve} unknown")
    if summation_method not in ("trapezoidal", "careful_interpolation", "minoring", "majoring"):
        raise ValueError(f"Invalid summation_method: {summation_method}")
    limits = even_thresholds(num_thresholds)
    if thresholds is not None:
        limits = [limits[0], *sorted(thresholds), limits[-1]]
    with metric_scope(name, "auc"):
        amounts = amounts_of(labels, predictions, weights, limits, tuple(KINDS))

        def area(*sums: Any, name: str) -> Any:
            return _area(*sums, curve, summation_method, name=name)

        found = summed(list(KINDS), amounts, area)
    return collected(*found, metrics_collections, updates_collections)


def _area_of(
    tp: Any, fn: Any, tn: Any, fp: Any, curve: str, method: str, name: str | None = None
) -> Tensor:
    inputs = [convert_to_tensor(x) for x in (tp, fn, tn, fp)]
    found: Tensor = apply("Auc", _area_arrays, inputs, {"curve": curve, "method": method})
    return found


def _area_arrays(tp: Any, fn: Any, tn: Any, fp: Any, *, curve: str, method: str) -> Any:
    small = np.float32(1e-6)
    if curve == "PR" and method == "careful_interpolation":
        return _interpolated(tp, fn, fp)
    rate = (tp + small) / (tp + fn + small)
    if curve == "ROC":
        x, y = fp / (fp + tn + small), rate
    else:
        x, y = rate, (tp + small) / (tp + fp + small)
    low, high = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
    heights = {"minoring": low, "majoring": high}.get(method, (low + high) * np.float32(0.5))
    return np.sum((x[:-1] - x[1:]) * heights, dtype=np.float32)


def _interpolated(tp: Any, fn: Any, fp: Any) -> Any:
    """Of precision by recall, with interpolated counts. Source: Davis and Goadrich, 2006."""
    zero, one = np.float32(0), np.float32(1)

    def ratio_of(a: Any, b: Any) -> Any:
        empty = b <= 0
        return np.where(empty, zero, a / np.where(empty, one, b))

    step, positives = tp[:-1] - tp[1:], tp + fp
    slope = ratio_of(step, positives[:-1] - positives[1:])
    intercept = tp[1:] - slope * positives[1:]
    both = (positives[:-1] > 0) & (positives[1:] > 0)
    growth = np.where(both, ratio_of(positives[:-1], positives[1:]), one)
    areas = ratio_of(slope * (step + intercept * np.log(growth)), tp[1:] + fn[1:])
    return np.sum(areas, dtype=np.float32)


_area = graph_op(_area_of, "value", "Sum")


# -- classes --------------------------------------------------------------------------------------


def _confusion(labels: Any, predictions: Any, weights: Any, num_classes: int) -> Tensor:
    y, x = cast(labels, dtypes.int64), cast(predictions, dtypes.int64)
    factors = cast(1.0 if weights is None else weights, dtypes.float64)
    found: Tensor = apply("Confusion", _pairs, [y, x, factors], {"count": num_classes})
    return found


def _pairs(y: Any, x: Any, weights: Any, *, count: int) -> Any:
    classes = np.arange(count)
    wide = (np.ones(y.shape) * weights).reshape(-1)
    rows = (y.reshape(-1)[:, None] == classes).astype(np.float64) * wide[:, None]
    columns = (x.reshape(-1)[:, None] == classes).astype(np.float64)
    return rows.T @ columns


_confusion_op = graph_op(_confusion, "confusion_matrix", "SparseTensorDenseAdd")


@metric("mean_iou")
def mean_iou(labels: Any, predictions: Any, num_classes: int, weights: Any = None) -> Pair:
    """The mean over the classes of intersection divided by union; the update gives the counts."""
    x, y, factors = matched(predictions, labels, weights)
    amount = _confusion_op(y, x, factors, int(num_classes))
    total = metric_variable([num_classes] * 2, dtypes.float64, "total_confusion_matrix")
    return _iou(total.value(), name="mean_iou"), total.assign_add(amount)


def _iou_of(matrix: Any, name: str | None = None) -> Tensor:
    found: Tensor = apply("MeanIou", _iou_arrays, [convert_to_tensor(matrix)])
    return found


def _iou_arrays(matrix: Any) -> Any:
    both = np.diagonal(matrix)
    union = np.sum(matrix, axis=0) + np.sum(matrix, axis=1) - both
    seen = union > 0
    total = np.sum(np.where(seen, both / np.where(seen, union, 1.0), 0.0))
    count = np.sum(seen.astype(np.float64))
    return (total / np.maximum(count, 1.0)).astype(np.float32)


_iou = graph_op(_iou_of, "mean_iou", "Select")


@metric("mean_accuracy")
def mean_per_class_accuracy(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None
) -> Pair:
    """The mean of the classes' accuracies; the update gives the accuracy of each class."""
    x, y, factors = matched(predictions, labels, weights)
    counts = _class_counts(y, x, factors, int(num_classes))
    total = metric_variable([num_classes], dtypes.float32, "total")
    count = metric_variable([num_classes], dtypes.float32, "count")
    value = _mean_ratio(total.value(), count.value(), name="mean_accuracy")
    changed = [v.assign_add(n) for v, n in zip((total, count), counts, strict=True)]
    return value, ratio(*changed, name="update_op")


def _of_classes(
    labels: Any, predictions: Any, weights: Any, num_classes: int
) -> tuple[Tensor, Tensor]:
    matrix = _confusion(labels, predictions, weights, num_classes)
    found: tuple[Tensor, Tensor] = apply("Confusion", _right_and_all, [matrix])
    return found


def _right_and_all(matrix: Any) -> tuple[Any, Any]:
    right, count = np.diagonal(matrix), np.sum(matrix, axis=1)
    return right.astype(np.float32), count.astype(np.float32)


_class_counts = graph_op(_of_classes, "ScatterAdd", "ScatterAdd")


def _mean_of_ratios(total: Any, count: Any, name: str | None = None) -> Tensor:
    inputs = [convert_to_tensor(total), convert_to_tensor(count)]
    found: Tensor = apply("Mean", _mean_ratio_arrays, inputs)
    return found


def _mean_ratio_arrays(total: Any, count: Any) -> Any:
    seen = count > 0
    return np.mean(np.where(seen, total / np.where(seen, count, np.float32(1)), np.float32(0)))


_mean_ratio = graph_op(_mean_of_ratios, "mean_accuracy", "Mean")
