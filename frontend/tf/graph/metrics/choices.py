"""Metrics of a choice: of a threshold, for a rate that is asked for; of the k best classes.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes
from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...nn.lookup import top_k
from ...tensors import Tensor
from ..build import convert_public, graph_op
from .counts import KINDS, amounts_of, even_thresholds
from .streams import Pair, collected, metric, metric_scope, metric_variable, summed

# -- one rate where the other has a value ---------------------------------------------------------


def _rate(part: Any, rest: Any) -> Any:
    return part / (part + rest + np.float32(1e-7))


def _sensitivity(tp: Any, fn: Any, tn: Any, fp: Any, *, wanted: float) -> Any:
    at = np.argmin(np.abs(_rate(tn, fp) - np.float32(wanted)))
    return np.take(_rate(tp, fn), at)


def _specificity(tp: Any, fn: Any, tn: Any, fp: Any, *, wanted: float) -> Any:
    distance = np.abs(_rate(tp, fn) - np.float32(wanted))
    # of equal distances the last
    at = distance.shape[0] - 1 - np.argmin(distance[::-1])
    return np.take(_rate(tn, fp), at)


def _chosen(
    tp: Any, fn: Any, tn: Any, fp: Any, rule: Callable[..., Any], wanted: float, name: Any = None
) -> Tensor:
    inputs = [convert_to_tensor(x) for x in (tp, fn, tn, fp)]
    found: Tensor = apply("GatherV2", rule, inputs, {"wanted": wanted})
    return found


_chosen_op = graph_op(_chosen, "value", "RealDiv")


def _at_a_rate(
    what: str,
    rule: Callable[..., Any],
    rate: float,
    labels: Any,
    predictions: Any,
    weights: Any,
    num_thresholds: int,
) -> Pair:
    if not 0 <= rate <= 1:
        raise ValueError(f"`{what}` must be in the range [0, 1]. Currently, {what} is {rate}.")
    limits = even_thresholds(num_thresholds)
    amounts = amounts_of(labels, predictions, weights, limits, KINDS)

    def result(*sums: Any, name: str) -> Any:
        return _chosen_op(*sums, rule, float(rate), name=name)

    return summed(list(KINDS), amounts, result)


@metric("sensitivity_at_specificity")
def sensitivity_at_specificity(
    labels: Any,
    predictions: Any,
    specificity: float,
    weights: Any = None,
    num_thresholds: int = 200,
) -> Pair:
    """The recall at the threshold where the rate of true negatives is nearest to this one."""
    return _at_a_rate(
        "specificity", _sensitivity, specificity, labels, predictions, weights, num_thresholds
    )


@metric("specificity_at_sensitivity")
def specificity_at_sensitivity(
    labels: Any,
    predictions: Any,
    sensitivity: float,
    weights: Any = None,
    num_thresholds: int = 200,
) -> Pair:
    """The rate of true negatives at the threshold where the recall is nearest to this one."""
    return _at_a_rate(
        "sensitivity", _specificity, sensitivity, labels, predictions, weights, num_thresholds
    )


# -- the k best classes ---------------------------------------------------------------------------


def _hits(labels: Any, predictions: Any, weights: Any, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Labels among the k best, labels that are not, and others among the k best."""
    x, y = convert_to_tensor(predictions), cast(labels, dtypes.int64)
    best = cast(top_k(x, k).indices, dtypes.int64)
    factors = cast(1.0 if weights is None else weights, dtypes.float64)
    attrs = {"is_single": y.ndim == x.ndim - 1}
    found: tuple[Tensor, Tensor, Tensor] = apply("TopK", _hit_counts, [y, best, factors], attrs)
    return found


def _hit_counts(labels: Any, best: Any, weights: Any, *, is_single: bool) -> tuple[Any, Any, Any]:
    y = labels[..., None] if is_single else labels
    same = (y[..., :, None] == best[..., None, :]).astype(np.float64)
    found = np.minimum(np.sum(same, axis=-1), 1.0)  # of each label
    right = np.sum(found, axis=-1)
    missed = np.sum(1.0 - found, axis=-1)
    wrong = np.sum(1.0 - np.minimum(np.sum(same, axis=-2), 1.0), axis=-1)
    return np.sum(right * weights), np.sum(missed * weights), np.sum(wrong * weights)


def _plain_share(part: Any, rest: Any) -> Any:
    return part / (part + rest)


def _share_of(part: Any, rest: Any, name: str | None = None) -> Tensor:
    inputs = [convert_to_tensor(part), convert_to_tensor(rest)]
    found: Tensor = apply("RealDiv", _plain_share, inputs)
    return found


_hit_ops = graph_op(_hits, "TopKV2", "TopKV2")
_share = graph_op(_share_of, "RealDiv", "RealDiv")


def _at_k(kind: str, other: str, place: int, doc: str) -> Callable[..., Any]:
    def made(
        labels: Any,
        predictions: Any,
        k: int,
        class_id: int | None = None,
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> tuple[Any, Any]:
        if class_id is not None:
            raise NotImplementedError(f"{kind}_at_k: class_id is not supported")
        with metric_scope(name, f"{kind}_at_{k}") as scope:
            counts = _hit_ops(labels, convert_public(predictions), weights, int(k))
            amounts = [counts[0], counts[place]]
            names = [f"{what}_at_{k}" for what in ("true_positive", other)]
            sums = [metric_variable([], dtypes.float64, n) for n in names]
            value = _share(*[v.value() for v in sums], name=scope.original_name_scope)
            changed = [v.assign_add(x) for v, x in zip(sums, amounts, strict=True)]
            update = _share(*changed, name="update")
        return collected(value, update, metrics_collections, updates_collections)

    made.__name__ = made.__qualname__ = f"{kind}_at_k"
    made.__doc__ = doc
    return made


recall_at_k = _at_k(
    "recall", "false_negative", 1, "The share of an example's labels among the k best classes."
)
precision_at_k = _at_k(
    "precision", "false_positive", 2, "The share of the k best classes that are labels."
)
