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
    """The sum of the losses of all outputs."""

    def __init__(self, loss: Any, weights: Any = None) -> None:
        self._given, self._weights = loss, weights
        self._losses: list[Any] | None = None
        self._factors: list[float] = []

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """The loss of a batch; None if no loss was given."""
        if self._given is None:
            return None
        preds, names = outputs_of(y_pred)
        trues = like(y_true, names, len(preds))
        if self._losses is None:
            found = like(self._given, names, len(preds), spread=True)
            self._losses = [_as_loss(x) for x in found]
            factors = like(self._weights, names, len(preds), spread=True)
            self._factors = [1.0 if f is None else float(f) for f in factors]
        weights = like(sample_weight, names, len(preds), spread=True)
        total = []
        for loss, factor, t, p, w in zip(
            self._losses, self._factors, trues, preds, weights, strict=True
        ):
            if loss is not None:
                value = loss(t, p, sample_weight=w)
                total.append(value if factor == 1.0 else value * factor)
        return add_n(total) if len(total) > 1 else total[0]


def _as_loss(given: Any) -> Any:
    found = losses.get(given)
    if found is None or isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found)


class CompiledMetrics:
    """The metrics of all outputs; made for the first batch."""

    def __init__(self, given: Any, weighted: Any, loss: Any) -> None:
        self._given, self._weighted, self._loss = given, weighted, loss
        self._entries: list[tuple[int, metrics.Metric, bool]] | None = None

    @property
    def metrics(self) -> list[metrics.Metric]:
        """All, once they are made."""
        return [m for _, m, _ in self._entries or []]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics for outputs like these."""
        if self._entries is not None:
            return
        preds, names = outputs_of(y_pred)
        trues = like(y_true, names, len(preds))
        loss = like(self._loss, names, len(preds), spread=True)
        self._entries = []
        for given, is_weighted in ((self._given, False), (self._weighted, True)):
            for k, several in enumerate(_per_output(given, names, len(preds))):
                for one in several:
                    metric = _as_metric(one, trues[k], preds[k], loss[k])
                    metric._build(preds[k])
                    if len(preds) > 1 and not isinstance(one, metrics.Metric):
                        metric.name = f"{names[k] if names else f'output_{k}'}_{metric.name}"
                    self._entries.append((k, metric, is_weighted))

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take another batch into account."""
        self.build(y_true, y_pred)
        preds, names = outputs_of(y_pred)
        trues = like(y_true, names, len(preds))
        weights = like(sample_weight, names, len(preds), spread=True)
        for k, metric, is_weighted in self._entries or []:
            weight = weights[k] if is_weighted else None
            metric._update(
                (trues[k], preds[k]), {} if weight is None else {"sample_weight": weight}
            )


def outputs_of(y_pred: Any) -> tuple[list[Any], Sequence[str] | None]:
    """The outputs as a list, and their names if they are in a dict."""
    if isinstance(y_pred, dict):
        return list(y_pred.values()), list(y_pred)
    return (list(y_pred), None) if isinstance(y_pred, (list, tuple)) else ([y_pred], None)


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
    if any(isinstance(m, (list, tuple)) for m in several):
        return [listed(m) for m in like(several, names, count)]
    return [several if k == 0 else [] for k in range(count)]


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
