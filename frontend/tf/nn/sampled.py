"""Losses of a few sampled classes: `nce_loss` and `sampled_softmax_loss`.

Layer: frontend. Sources: Gutmann and Hyvärinen, 2010; Jean et al., 2015. Eagerly, classes are drawn
one by one until enough differ. In a traced function the same distribution comes from noise on the
logarithms of all classes' probabilities, of which the largest are taken (Efraimidis and Spirakis,
2006); how many draws that stands for is drawn, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..random.stateful import uniform
from ..shaping import reshape
from ..tensors import STATE, Tensor
from ..v1.sampling import Candidates, log_probability, log_uniform_candidate_sampler
from .lookup import embedding_lookup, top_k


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
    name: str | None = None,
) -> Tensor:
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
        name: for TensorFlow's signature.
    """
    sizes = (num_sampled, num_classes, num_true)
    given = (weights, biases, labels, inputs)
    return _loss("nce", given, sizes, sampled_values, remove_accidental_hits, None)


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
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """The cross entropy over the true and a few sampled classes; arguments as of `nce_loss`."""
    sizes = (num_sampled, num_classes, num_true)
    given = (weights, biases, labels, inputs)
    return _loss("softmax", given, sizes, sampled_values, remove_accidental_hits, seed)


def _loss(
    kind: str,
    operands: tuple[Any, ...],
    sizes: tuple[int, int, int],
    sampled: Any,
    without_hits: bool,
    seed: int | None,
) -> Tensor:
    weights, biases, labels, inputs = operands
    num_sampled, num_classes, num_true = sizes
    if isinstance(weights, (list, tuple)) and len(weights) == 1:
        weights = weights[0]
    true = rows_of(labels, num_true)
    if sampled is None:
        sampled = _sampled(true, num_true, num_sampled, num_classes, seed)
    drawn, expected_true, expected = (convert_to_tensor(x) for x in sampled)
    tables = [t if hasattr(t, "_read_tensor") else convert_to_tensor(t) for t in (weights, biases)]
    rows, shifts, other_rows, other_shifts = (
        embedding_lookup(t, ids) for ids in (true, drawn) for t in tables
    )
    return loss_of(
        rows, shifts, other_rows, other_shifts, inputs, true, drawn, expected_true, expected,
        kind, bool(without_hits),
    )  # fmt: skip


def _sampled(
    true: Tensor, num_true: int, num_sampled: int, num_classes: int, seed: int | None
) -> Candidates:
    if STATE.function is None:
        found: Candidates = log_uniform_candidate_sampler(
            true, num_true, num_sampled, True, num_classes, seed
        )
        return found
    noise = uniform([num_classes], np.finfo(np.float32).tiny, 1.0, seed=seed)
    keys: Tensor = apply("SampleKeys", _keys, [noise])
    drawn = cast(top_k(keys, num_sampled).indices, dtypes.int64)
    again = uniform([num_sampled], np.finfo(np.float32).tiny, 1.0, seed=seed)
    counts = apply("ExpectedCounts", _counts, [true, drawn, again], {"classes": num_classes})
    return Candidates(drawn, *counts)


def _keys(noise: Any) -> Any:
    p = log_probability(np.arange(noise.shape[0]), noise.shape[0])
    return np.log(p).astype(np.float32) - np.log(-np.log(noise))


def _counts(true: Any, drawn: Any, noise: Any, *, classes: int) -> tuple[Any, Any]:
    """How often classes are expected among as many draws as it took to find different ones."""
    p = log_probability(drawn, classes)
    seen = np.concatenate([np.zeros(1), np.cumsum(p)[:-1]])  # the chance to draw one again
    known = np.maximum(seen, np.finfo(np.float64).tiny)
    repeated = np.where(seen > 0, np.floor(np.log(noise.astype(np.float64)) / np.log(known)), 0.0)
    tries = np.sum(repeated + 1.0)

    def expected(chance: Any) -> Any:
        several = -np.expm1(tries * np.log1p(-chance))
        return np.where(tries == drawn.shape[0], chance * tries, several).astype(np.float32)

    return expected(log_probability(true, classes)), expected(p)


def rows_of(labels: Any, num_true: int) -> Tensor:
    """Numbers of classes as [batch, num_true]."""
    return reshape(cast(labels, dtypes.int64), [-1, num_true])


def loss_of(
    rows: Any,
    shifts: Any,
    other_rows: Any,
    other_shifts: Any,
    inputs: Any,
    true: Any,
    drawn: Any,
    expected_true: Any,
    expected: Any,
    kind: str,
    without_hits: bool,
) -> Tensor:
    """The loss of each example; `kind` is "nce" or "softmax".

    Args:
        rows: of the weights, for the true classes: [batch, num_true, features].
        shifts: biases, likewise.
        other_rows: of the sampled classes: [num_sampled, features].
        other_shifts: likewise.
        inputs: [batch, features].
        true: [batch, num_true] numbers of classes.
        drawn: [num_sampled] numbers of classes.
        expected_true: how often the true classes are expected among the sampled ones.
        expected: likewise, the sampled ones.
        kind: see above.
        without_hits: whether samples that are an example's true class do not count.
    """
    tables = (rows, shifts, other_rows, other_shifts)
    given = (*tables, inputs, true, cast(drawn, dtypes.int64), expected_true, expected)
    operands = [convert_to_tensor(x) for x in given]
    attrs = {"kind": kind, "without_hits": without_hits}
    found: Tensor = apply("SampledLoss", _values, operands, attrs)
    return found


def _values(
    rows: Any,
    shifts: Any,
    other_rows: Any,
    other_shifts: Any,
    inputs: Any,
    true: Any,
    drawn: Any,
    expected_true: Any,
    expected: Any,
    *,
    kind: str,
    without_hits: bool,
) -> Any:
    of, count = rows.dtype.type, true.shape[1]
    scores = np.sum(rows * inputs[:, None, :], axis=2, dtype=rows.dtype)
    scores = scores + shifts - np.log(expected_true)
    others = inputs @ other_rows.T + other_shifts - np.log(expected)
    if without_hits:
        hits = np.any(true[:, :, None] == drawn[None, None, :], axis=1)
        others = np.where(hits, of(np.finfo(rows.dtype).min), others)
    if kind == "nce":
        part = of(1) / of(count)
        losses = np.sum(_logistic(scores, part), axis=1, dtype=rows.dtype)
        return losses + np.sum(_logistic(others, of(0)), axis=1, dtype=rows.dtype)
    largest = np.maximum(np.max(scores, axis=1), np.max(others, axis=1))[:, None]
    total = np.sum(np.exp(scores - largest), axis=1) + np.sum(np.exp(others - largest), axis=1)
    return np.log(total) + largest[:, 0] - np.mean(scores, axis=1)


def _logistic(x: Any, label: Any) -> Any:
    """The logistic loss of each element, without overflow."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    return np.maximum(x, zero) - x * label + np.log(one + np.exp(-np.abs(x)))
