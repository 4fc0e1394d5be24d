"""The losses and metrics that a model was compiled with.

Layer: frontend. Outputs may be one tensor or a list or dict of them; losses and metrics then are
given in the same structure, or one for all. What "accuracy" means depends on the shapes, so metrics
are made when the first batch is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tree import flatten
from ..elementwise import add_n
from ..tensors import Tensor
from . import losses, metrics
from .loss_functions import as_tensor


class CompiledLoss:
    """The sum of the losses of all outputs.

    Args:
        loss: what `compile` was given; one for each output, or one for all.
        weights: factors of the losses.
        names: of the outputs, if they come in a list and have names.
    """

    def __init__(self, loss: Any, weights: Any = None, names: Sequence[str] | None = None) -> None:
        self._given, self._weights, self._names = loss, weights, names
        self._losses: list[Any] | None = None
        self._factors: list[float] = []
        self._latest: list[Any] = []
        self.trackers: list[metrics.Metric | None] = []  # means of the outputs' losses

    def build(self, y_pred: Any) -> None:
        """Make the losses for outputs like these, and the means that tell them apart."""
        if self._losses is not None or self._given is None:
            return
        preds, names = outputs_of(y_pred, self._names)
        _check_names("loss", self._given, names)
        self._losses = [_as_loss(x) for x in like(self._given, names, len(preds), spread=True)]
        factors = like(self._weights, names, len(preds), spread=True)
        self._factors = [1.0 if f is None else float(f) for f in factors]
        if len(preds) > 1 and names is not None:
            self.trackers = [
                None if loss is None else metrics.Mean(name=f"{name}_loss")
                for name, loss in zip(names, self._losses, strict=True)
            ]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """The loss of a batch; None if no loss was given."""
        if self._given is None:
            return None
        self.build(y_pred)
        assert self._losses is not None
        preds, names = outputs_of(y_pred, self._names)
        trues = like(y_true, names, len(preds))
        weights = like(sample_weight, names, len(preds), spread=True)
        self._latest = [
            None if loss is None else loss(t, p, sample_weight=w)
            for loss, t, p, w in zip(self._losses, trues, preds, weights, strict=True)
        ]
        total: list[Any] = [
            value if factor == 1.0 else value * factor
            for value, factor in zip(self._latest, self._factors, strict=True)
            if value is not None
        ]
        return add_n(total) if len(total) > 1 else total[0]

    def track(self, weight: Any) -> None:
        """Take the losses of the latest batch into account."""
        for tracker, value in zip(self.trackers, self._latest, strict=False):
            if tracker is not None:
                tracker._update((value,), {"sample_weight": weight})
        self._latest = []


def _check_names(what: str, given: Any, names: Sequence[str] | None) -> None:
    """Refuse names that no output has."""
    if not isinstance(given, dict) or names is None:
        return
    unknown = [k for k in given if k not in names]
    if unknown:
        raise ValueError(
            f"Expected keys {list(names)} in {what} dict, but found {what}.keys()={list(given)}"
        )


def _as_loss(given: Any) -> Any:
    found = losses.get(given)
    if found is None or isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found)


class CompiledMetrics:
    """The metrics of all outputs; made for the first batch."""

    def __init__(
        self, given: Any, weighted: Any, loss: Any, names: Sequence[str] | None = None
    ) -> None:
        self._given, self._weighted, self._loss, self._names = given, weighted, loss, names
        self._entries: list[tuple[int, metrics.Metric, bool]] | None = None
        self._log_names: dict[int, str] = {}

    def log_name(self, metric: metrics.Metric) -> str:
        """What a metric is called in logs: those of one of several outputs begin with its name."""
        return self._log_names.get(id(metric), metric.name)

    @property
    def metrics(self) -> list[metrics.Metric]:
        """All, once they are made."""
        return [m for _, m, _ in self._entries or []]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics for outputs like these."""
        if self._entries is not None:
            return
        preds, names = outputs_of(y_pred, self._names)
        trues = like(y_true, names, len(preds))
        loss = like(self._loss, names, len(preds), spread=True)
        self._entries = []
        for what, given in (("metrics", self._given), ("weighted_metrics", self._weighted)):
            _check_names(what, given, names)
        for given, is_weighted in ((self._given, False), (self._weighted, True)):
            for k, several in enumerate(_per_output(given, names, len(preds))):
                for one in several:
                    metric = _as_metric(one, trues[k], preds[k], loss[k])
                    metric._build(preds[k])
                    if len(preds) > 1:
                        output = names[k] if names else f"output_{k}"
                        self._log_names[id(metric)] = f"{output}_{metric.name}"
                    self._entries.append((k, metric, is_weighted))

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        self.build(y_true, y_pred)
        preds, names = outputs_of(y_pred, self._names)
        trues = like(y_true, names, len(preds))
        weights = like(sample_weight, names, len(preds), spread=True)
        for k, metric, is_weighted in self._entries or []:
            weight = weights[k] if is_weighted else None
            metric._update(
                (trues[k], preds[k]), {} if weight is None else {"sample_weight": weight}
            )


def outputs_of(
    y_pred: Any, names: Sequence[str] | None = None
) -> tuple[list[Any], Sequence[str] | None]:
    """The outputs as a list, and their names: those in a dict have them, others may."""
    if isinstance(y_pred, dict):
        return list(y_pred.values()), list(y_pred)
    found = list(y_pred) if isinstance(y_pred, (list, tuple)) else [y_pred]
    return found, names if names is not None and len(names) == len(found) else None


def like(x: Any, names: Sequence[str] | None, count: int, spread: bool = False) -> list[Any]:
    """x for each output: by name, by position, or the same for all if `spread`."""
    if isinstance(x, dict) and names is not None:
        return [x.get(name) for name in names]
    if isinstance(x, (list, tuple)) and (count > 1 or len(x) == 1):
        if len(x) != count:
            raise ValueError(f"The model has {count} outputs, but {len(x)} were given: {x!r}")
        return list(x)
    if count == 1 or spread or x is None:
        return [x] * count
    raise ValueError(f"The model has {count} outputs, so a list or dict is needed, got {x!r}")


def _per_output(given: Any, names: Sequence[str] | None, count: int) -> list[list[Any]]:
    if given is None:
        return [[] for _ in range(count)]
    if isinstance(given, dict) and names is not None:
        return [listed(given.get(name)) for name in names]
    several = listed(given)
    if count == 1:
        return [flatten(several)[0]]
    if len(several) != count:
        raise ValueError(
            f"The model has {count} outputs, so `metrics` has to be a dict by their names, or a"
            f" list with one entry (or list) for each; got {given!r}"
        )
    return [listed(m) for m in several]


def listed(x: Any) -> list[Any]:
    """One, several or none, as a list."""
    if x is None:
        return []
    return list(x) if isinstance(x, (list, tuple)) else [x]


_ACCURACY = ("accuracy", "acc")
_ENTROPY = ("crossentropy", "ce")


def _as_metric(given: Any, y_true: Any, y_pred: Any, loss: Any) -> metrics.Metric:
    """The metric for a name or function; "accuracy" by the kind of labels."""
    if not isinstance(given, str):
        return metrics.as_metric(given)
    if given not in (*_ACCURACY, *_ENTROPY):
        made = metrics.as_metric(given)
        made.name = given
        return made
    true, pred = as_tensor(y_true).shape, as_tensor(y_pred).shape
    if pred[-1] == 1 or len(pred) < 2:
        kind = "binary"
    elif len(true) < len(pred) or (true[-1] == 1 and pred[-1] != 1):
        kind = "sparse_categorical"
    else:
        kind = "categorical"
    what = "accuracy" if given in _ACCURACY else "crossentropy"
    made = metrics.as_metric(f"{kind}_{what}")
    made.name = given
    return made
