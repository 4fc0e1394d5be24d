"""Metrics of right and wrong answers at thresholds, and of areas under their curves.

Layer: frontend. The state are counts, summed over batches; results are computed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..apply import apply
from ..elementwise import cast
from ..indexing import gather
from ..tensors import Tensor
from . import loss_functions
from .loss_functions import as_tensor
from .metrics import FAMILY, Metric
from .settings import snake_case

# -- thresholds -----------------------------------------------------------------------------------


def _count(
    tp: Any, fp: Any, tn: Any, fn: Any, t: Any, p: Any, *weights: Any, at: tuple[float, ...]
) -> tuple[Any, ...]:
    """The new numbers of true and false positives and negatives at each threshold."""
    w = np.ones_like(p)
    if weights:
        w = w * weights[0].reshape((*weights[0].shape, *(1,) * (p.ndim - weights[0].ndim)))
    t, p, w = (x.reshape((1, -1)) for x in (t, p, w))
    positive = p > np.array(at, p.dtype)[:, None]
    true = t > p.dtype.type(0.5)

    def total(where: Any) -> Any:
        return np.sum(np.where(where, w, np.zeros_like(w)), axis=1)

    return (
        tp + total(positive & true),
        fp + total(positive & ~true),
        tn + total(~positive & ~true),
        fn + total(~positive & true),
    )


class _Counts(Metric):
    """Numbers of true and false positives and negatives at thresholds."""

    _names = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(self, at: Sequence[float], name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name or snake_case(type(self).__name__))
        self._at = tuple(float(x) for x in at)
        for part in self._names:
            setattr(self, part, self.add_variable((len(self._at),), name=part))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        pair = loss_functions.operands(y_true, y_pred)
        given = [cast(x, self._dtype) for x in pair]
        if sample_weight is not None:
            given.append(cast(as_tensor(sample_weight), self._dtype))
        state = [v.value() for v in self._variables]
        found = apply("Counts", _count, [*state, *given], {"at": self._at})
        for variable, value in zip(self._variables, found, strict=True):
            variable.assign(value)

    def _of_counts(self, function: Callable[..., Any], **attrs: Any) -> Tensor:
        found: Tensor = apply(
            type(self).__name__, function, [v.value() for v in self._variables], attrs
        )
        return found


class _One(_Counts):
    _which = 0

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        several = isinstance(thresholds, (list, tuple))
        super().__init__(
            thresholds if several else [0.5 if thresholds is None else thresholds], name, dtype
        )
        self.thresholds, self._several = thresholds, several

    def result(self) -> Tensor:
        """The number, or one for each threshold."""
        return self._of_counts(_pick, which=self._which, several=self._several)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {"thresholds": self.thresholds}


def _pick(*counts: Any, which: int, several: bool) -> Any:
    return counts[which] if several else counts[which][0]


def _one(name: str, which: int, doc: str) -> type:
    made = type(name, (_One,), {"_which": which, "__doc__": doc, "__module__": __name__})
    registered: type = FAMILY.add()(made)
    return registered


TruePositives = _one("TruePositives", 0, "How many are predicted to be true, and are.")
FalsePositives = _one("FalsePositives", 1, "How many are predicted to be true, and are not.")
TrueNegatives = _one("TrueNegatives", 2, "How many are predicted to be false, and are.")
FalseNegatives = _one("FalseNegatives", 3, "How many are predicted to be false, and are not.")


def _spread(count: int) -> list[float]:
    """Thresholds from just below 0 to just above 1."""
    inner = [(k + 1) / (count - 1) for k in range(count - 2)]
    return [-1e-7, *inner, 1 + 1e-7]


def over(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is."""
    return np.where(b != 0, a / np.where(b != 0, b, np.ones_like(b)), np.zeros_like(b))


@FAMILY.add()
class AUC(_Counts):
    """The area under a curve of thresholds, by trapezoids.

    Args:
        num_thresholds: how many, between 0 and 1.
        curve: "ROC": true against false positive rates; "PR": precision against recall.
        summation_method: "interpolation", "minoring" or "majoring".
        name: in the logs of training.
        dtype: of the state.
        thresholds: instead of `num_thresholds`; 0 and 1 are added.
        from_logits: whether predictions are logits.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        if curve not in ("ROC", "PR") or summation_method not in _SUMS:
            raise ValueError(
                f"AUC: curve is 'ROC' or 'PR' and summation_method one of {_SUMS}. Received:"
                f" curve={curve!r}, summation_method={summation_method!r}"
            )
        if multi_label or label_weights is not None:
            raise NotImplementedError("AUC: multi_label and label_weights are not supported")
        if thresholds is not None:
            at = [-1e-7, *sorted(thresholds), 1 + 1e-7]
        elif num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: {num_thresholds}"
            )
        else:
            at = _spread(num_thresholds)
        super().__init__(at, name, dtype)
        self.num_thresholds, self.curve = len(at), curve
        self.summation_method, self.from_logits = summation_method, bool(from_logits)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        if self.from_logits:
            y_pred = apply("Sigmoid", _sigmoid, [as_tensor(y_pred)])
        super().update_state(y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        """The area."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._of_counts(_precision_area)
        return self._of_counts(_area, curve=self.curve, how=self.summation_method)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {
            "curve": self.curve, "summation_method": self.summation_method,
            "thresholds": list(self._at[1:-1]), "from_logits": self.from_logits,
        }  # fmt: skip


_SUMS = ("interpolation", "minoring", "majoring")


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _area(tp: Any, fp: Any, tn: Any, fn: Any, *, curve: str, how: str) -> Any:
    recall = over(tp, tp + fn)
    x, y = (over(fp, fp + tn), recall) if curve == "ROC" else (recall, over(tp, tp + fp))
    left, right = y[:-1], y[1:]
    heights = {
        "interpolation": (left + right) / 2,
        "minoring": np.minimum(left, right),
        "majoring": np.maximum(left, right),
    }[how]
    return np.sum((x[:-1] - x[1:]) * heights)


def _precision_area(tp: Any, fp: Any, tn: Any, fn: Any) -> Any:
    """Counts, not precisions, are interpolated (Davis and Goadrich, 2006, section 4)."""
    predicted = tp + fp
    rise = tp[:-1] - tp[1:]
    slope = over(rise, np.maximum(predicted[:-1] - predicted[1:], 0))
    offset = tp[1:] - slope * predicted[1:]
    inside = (predicted[:-1] > 0) & (predicted[1:] > 0)
    ratio = np.where(inside, over(predicted[:-1], np.maximum(predicted[1:], 0)), 1)
    area = slope * (rise + offset * np.log(ratio))
    return np.sum(over(area, np.maximum(tp[1:] + fn[1:], 0)))


class _At(_Counts):
    """The best value of one share among the thresholds where another is high enough."""

    _wanted: tuple[int, int]
    _bound: tuple[int, int]
    _argument: str

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self._argument}` must be in the range [0, 1]. Received: {value}"
            )
        at = [0.5] if num_thresholds == 1 else _spread(num_thresholds)
        super().__init__(at, name, dtype)
        self.value, self.num_thresholds, self.class_id = float(value), num_thresholds, class_id

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        if self.class_id is not None:
            y_true, y_pred = (
                gather(as_tensor(y), self.class_id, axis=-1) for y in (y_true, y_pred)
            )
        super().update_state(y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        """The value; 0 if there is no such threshold."""
        attrs = {"wanted": self._wanted, "bound": self._bound, "value": self.value}
        return self._of_counts(_best, **attrs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal metric, without its state."""
        return super().get_config() | {
            "value": self.value, "num_thresholds": self.num_thresholds, "class_id": self.class_id,
        }  # fmt: skip


def _best(*counts: Any, wanted: tuple[int, int], bound: tuple[int, int], value: float) -> Any:
    def share(pair: tuple[int, int]) -> Any:
        a, b = (counts[k] for k in pair)
        return over(a, a + b)

    limit = share(bound)
    return np.max(np.where(limit >= limit.dtype.type(value), share(wanted), np.zeros_like(limit)))


_PRECISION, _RECALL, _SPECIFICITY = (0, 1), (0, 3), (2, 1)  # counts: right and wrong ones


def _at(name: str, wanted: Any, bound: Any, argument: str) -> type:
    def __init__(self: Any, *args: Any, **options: Any) -> None:
        if argument in options:
            options["value"] = options.pop(argument)
        _At.__init__(self, *args, **options)

    text = snake_case(name).split("_at_")
    doc = f"The best {text[0]} among the thresholds where {text[1]} is at least `{argument}`."
    attributes = {
        "_wanted": wanted, "_bound": bound, "_argument": argument, "__init__": __init__,
        "__doc__": doc, "__module__": __name__,
    }  # fmt: skip
    registered: type = FAMILY.add()(type(name, (_At,), attributes))
    return registered


SensitivityAtSpecificity = _at("SensitivityAtSpecificity", _RECALL, _SPECIFICITY, "specificity")
SpecificityAtSensitivity = _at("SpecificityAtSensitivity", _SPECIFICITY, _RECALL, "sensitivity")
PrecisionAtRecall = _at("PrecisionAtRecall", _PRECISION, _RECALL, "recall")
RecallAtPrecision = _at("RecallAtPrecision", _RECALL, _PRECISION, "precision")
