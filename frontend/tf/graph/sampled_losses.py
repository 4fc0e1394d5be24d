"""Losses of a few sampled classes: `nce_loss` and `sampled_softmax_loss`.

Layer: frontend. What they compute is in nn/sampled.py. Rows of the weights are looked up by ops of
their own, so that their gradients are `IndexedSlices`.
"""

from __future__ import annotations

from typing import Any

from ..nn.sampled import loss_of, rows_of
from ..v1 import sampling
from ..v1.nn import embedding_lookup
from .build import convert_public, graph_op
from .surroundings import name_scope

_log_uniform = graph_op(
    sampling.log_uniform_candidate_sampler, "LogUniformCandidateSampler",
    "LogUniformCandidateSampler",
)  # fmt: skip
_lookup = graph_op(embedding_lookup, "embedding_lookup")


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str = "nce_loss",
) -> Any:
    """The noise-contrastive loss of each example: true classes against sampled ones.

    Args:
        weights: [num_classes, features].
        biases: [num_classes].
        labels: [batch, num_true] numbers of classes.
        inputs: [batch, features].
        num_sampled: how many classes are drawn, for the whole batch.
        num_classes: how many there are.
        num_true: how many of them each example has.
        sampled_values: what a candidate sampler gave; by default that of `log_uniform`.
        remove_accidental_hits: whether samples that are an example's true class do not count.
        partition_strategy: for TensorFlow's signature.
        name: of the scope.
    """
    with name_scope(name):
        return _loss(
            "nce", weights, biases, labels, inputs, num_sampled, num_classes, num_true,
            sampled_values, remove_accidental_hits, None,
        )  # fmt: skip


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: int | None = None,
) -> Any:
    """The cross entropy over the true and a few sampled classes; arguments as of `nce_loss`."""
    with name_scope(name):
        return _loss(
            "softmax", weights, biases, labels, inputs, num_sampled, num_classes, num_true,
            sampled_values, remove_accidental_hits, seed,
        )  # fmt: skip


def _loss(
    kind: str,
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int,
    sampled: Any,
    without_hits: bool,
    seed: int | None,
) -> Any:
    if isinstance(weights, (list, tuple)) and len(weights) == 1:
        weights = weights[0]
    true = _as_rows(labels, num_true)
    if sampled is None:
        sampled = _log_uniform(true, num_true, num_sampled, True, num_classes, seed)
    drawn, expected_true, expected = (convert_public(x) for x in sampled)
    given = [_lookup(table, ids) for ids in (true, drawn) for table in (weights, biases)]
    return _compute(*given, inputs, true, drawn, expected_true, expected, kind, bool(without_hits))


_as_rows = graph_op(rows_of, "Reshape", "Reshape")
_compute = graph_op(loss_of, "Reshape", "Reshape")
