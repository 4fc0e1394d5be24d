"""Metrics of counts and losses of overlaps against formulas over all examples, written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

M, LOSSES = tf.keras.metrics, tf.keras.losses
RNG = np.random.default_rng(0)
T = RNG.integers(0, 2, 40).astype(np.float32)
P = np.clip(0.4 * T + 0.6 * RNG.uniform(size=40), 0, 1).astype(np.float32)
W = RNG.uniform(0.2, 2, 40).astype(np.float32)
ONE_HOT = np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 40)]
SHARES = RNG.dirichlet(np.ones(4), 40).astype(np.float32)


def gathered(metric: Any, t: Any, p: Any, w: Any = None) -> Any:
    """The result after two batches, by themselves and in a compiled function."""
    results = []
    for run in (metric.update_state, tf.function(metric.update_state)):
        metric.reset_state()
        for part in (slice(0, 15), slice(15, None)):
            run(t[part], p[part], sample_weight=None if w is None else w[part])
        results.append(metric.result().numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    again = type(metric).from_config(metric.get_config())
    again.update_state(t, p, sample_weight=w)
    np.testing.assert_allclose(again.result().numpy(), results[0], rtol=1e-4)
    return results[0]


@pytest.mark.parametrize("weighted", [False, True])
def test_right_and_wrong(weighted: bool) -> None:
    w = W if weighted else np.ones_like(W)
    for name, where in (
        ("TruePositives", lambda p, t: p & t),
        ("FalsePositives", lambda p, t: p & ~t),
        ("TrueNegatives", lambda p, t: ~p & ~t),
        ("FalseNegatives", lambda p, t: ~p & t),
    ):
        kind = getattr(M, name)
        found = gathered(kind(), T, P, W if weighted else None)
        assert found == pytest.approx(w[where(P > 0.5, T > 0.5)].sum(), rel=1e-5)
        found = gathered(kind([0.3, 0.6]), T, P, W if weighted else None)
        expected = [w[where(x < P, T > 0.5)].sum() for x in (0.3, 0.6)]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_areas() -> None:
    """With many thresholds, the ROC's area is the share of pairs in the right order."""
    pairs = P[T > 0.5][:, None] - P[T < 0.5]
    expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert gathered(M.AUC(2000), T, P) == pytest.approx(expected, abs=2e-3)
    weights = W[T > 0.5][:, None] * W[T < 0.5]
    expected = np.sum(weights * (pairs > 0)) / weights.sum()
    assert gathered(M.AUC(2000), T, P, W) == pytest.approx(expected, abs=2e-3)
    order = np.argsort(-P)
    precision = np.cumsum(T[order]) / np.arange(1, 41)
    average = np.sum(precision * T[order]) / T.sum()
    assert gathered(M.AUC(2000, curve="PR"), T, P) == pytest.approx(average, abs=0.03)
    low, mid, high = (
        gathered(M.AUC(50, summation_method=s), T, P)
        for s in ("minoring", "interpolation", "majoring")
    )
    assert low < mid < high
    logits = np.log(P + 1e-6) - np.log(1 - P + 1e-6)
    assert gathered(M.AUC(from_logits=True), T, logits) == pytest.approx(mid, abs=0.02)
    with pytest.raises(ValueError, match="curve is"):
        M.AUC(curve="X")


def test_one_share_where_another_is_high() -> None:
    at = np.linspace(0, 1, 200)
    hit = P[:, None] > at
    true = T[:, None] > 0.5
    recall = (hit & true).sum(0) / true.sum()
    specificity = (~hit & ~true).sum(0) / (~true).sum()
    predicted = hit.sum(0)
    precision = np.where(predicted > 0, (hit & true).sum(0) / np.maximum(predicted, 1), 0)
    for name, wanted, bound, value in (
        ("SensitivityAtSpecificity", recall, specificity, 0.8),
        ("SpecificityAtSensitivity", specificity, recall, 0.8),
        ("PrecisionAtRecall", precision, recall, 0.6),
        ("RecallAtPrecision", recall, precision, 0.9),
    ):
        expected = np.max(wanted, where=bound >= value, initial=0)
        assert gathered(getattr(M, name)(value), T, P) == pytest.approx(expected, rel=1e-5)
    assert M.RecallAtPrecision(precision=0.9).value == 0.9
    with pytest.raises(ValueError, match="`recall` must be in the range"):
        M.PrecisionAtRecall(2.0)


@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_f_scores(average: str | None, threshold: float | None) -> None:
    chosen = threshold < SHARES if threshold else SHARES.max(1, keepdims=True) == SHARES
    right, wrong, missed = (
        (a * b).sum(0) for a, b in ((chosen, ONE_HOT), (chosen, 1 - ONE_HOT), (~chosen, ONE_HOT))
    )
    if average == "micro":
        right, wrong, missed = right.sum(), wrong.sum(), missed.sum()
    for beta in (1.0, 2.0):
        score = (1 + beta**2) * right / ((1 + beta**2) * right + beta**2 * missed + wrong)
        if average == "macro":
            score = score.mean()
        if average == "weighted":
            score = (score * ONE_HOT.sum(0)).sum() / 40
        metric = M.FBetaScore(average, beta, threshold) if beta == 2 else None
        found = gathered(metric or M.F1Score(average, threshold), ONE_HOT, SHARES)
        np.testing.assert_allclose(found, score, rtol=1e-4)


def test_explained_variance() -> None:
    y, p = RNG.standard_normal((2, 40, 3)).astype(np.float32)
    p = y + 0.3 * p
    each = 1 - np.square(y - p).sum(0) / np.square(y - y.mean(0)).sum(0)
    spread = np.square(y - y.mean(0)).sum(0)
    np.testing.assert_allclose(gathered(M.R2Score(None), y, p), each, rtol=1e-4)
    np.testing.assert_allclose(gathered(M.R2Score(), y, p), each.mean(), rtol=1e-4)
    expected = (each * spread).sum() / spread.sum()
    np.testing.assert_allclose(
        gathered(M.R2Score("variance_weighted_average"), y, p), expected, rtol=1e-4
    )


@pytest.mark.parametrize("ignored", [None, 1])
def test_overlaps(ignored: int | None) -> None:
    t, p = RNG.integers(0, 3, (2, 40))
    counts = np.ones(40, bool) if ignored is None else t != ignored
    t2, p2 = t[counts], p[counts]
    each = []
    for k in range(3):
        union = ((t2 == k) | (p2 == k)).sum()
        each.append(((t2 == k) & (p2 == k)).sum() / union if union else np.nan)
    found = gathered(M.MeanIoU(3, ignore_class=ignored), t, p)
    assert found == pytest.approx(np.nanmean(each), rel=1e-5)
    found = gathered(M.IoU(3, [0, 2], ignore_class=ignored), t, p)
    assert found == pytest.approx(np.nanmean([each[0], each[2]]), rel=1e-5)


def test_likeness() -> None:
    x, y = RNG.standard_normal((2, 40, 5)).astype(np.float32)
    cosine = np.sum(x * y, 1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    assert gathered(M.CosineSimilarity(), x, y) == pytest.approx(cosine.mean(), rel=1e-4)
    pearson = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(x, y, strict=True)])
    assert gathered(M.PearsonCorrelation(), x, y) == pytest.approx(pearson, rel=1e-4)


def test_names_in_training() -> None:
    model = tf.keras.Sequential([tf.keras.layers.Dense(4, activation="softmax")])
    overlap = M.MeanIoU(4, name="overlap", sparse_y_true=False, sparse_y_pred=False)
    model.compile("sgd", "dice", metrics=["AUC", "f1_score", overlap])
    logs = model.fit(SHARES, ONE_HOT, verbose=2, epochs=2).history
    assert set(logs) == {"loss", "AUC", "f1_score", "overlap"}
    assert logs["f1_score"][1].shape == (4,)


# -- losses ---------------------------------------------------------------------------------------


def cross(t: Any, p: Any, alpha: Any, gamma: float) -> Any:
    return np.sum(-alpha * (1 - p) ** gamma * t * np.log(p), -1)


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (LOSSES.Dice(), lambda t, p: 1 - 2 * np.sum(t * p) / (np.sum(t) + np.sum(p))),
        (
            LOSSES.Dice(axis=(1,)),
            lambda t, p: np.mean(1 - 2 * np.sum(t * p, 1) / (np.sum(t, 1) + np.sum(p, 1))),
        ),
        (
            LOSSES.Tversky(alpha=0.3, beta=0.7),
            lambda t, p: (
                1
                - np.sum(t * p)
                / (np.sum(t * p) + 0.3 * np.sum((1 - p) * t) + 0.7 * np.sum(p * (1 - t)))
            ),
        ),
        (
            LOSSES.CategoricalFocalCrossentropy(),
            lambda t, p: np.mean(cross(t, p / p.sum(-1, keepdims=True), 0.25, 2.0)),
        ),
        (
            LOSSES.CategoricalFocalCrossentropy(
                [0.1, 0.2, 0.3, 0.4], 1.5, from_logits=True, label_smoothing=0.1
            ),
            lambda t, p: np.mean(
                cross(
                    0.9 * t + 0.025,
                    np.exp(p) / np.exp(p).sum(-1, keepdims=True),
                    np.array([0.1, 0.2, 0.3, 0.4]),
                    1.5,
                )
            ),
        ),
        (
            LOSSES.CategoricalGeneralizedCrossEntropy(0.7),
            lambda t, p: np.mean((1 - np.sum(t * p, -1) ** 0.7) / 0.7),
        ),
    ],
)
def test_losses(loss: Any, reference: Any) -> None:
    p = np.clip(SHARES, 0.01, 0.99).astype(np.float64)
    t = ONE_HOT.astype(np.float64)
    labels = t.argmax(-1) if "Generalized" in type(loss).__name__ else t
    with tf.GradientTape() as tape:
        pred = tf.constant(p)
        tape.watch(pred)
        value = loss(labels, pred)
    assert value.numpy() == pytest.approx(reference(t, p), rel=1e-5)
    direction = RNG.standard_normal(p.shape)
    ends = [reference(t, p + s * 1e-6 * direction) for s in (1, -1)]
    slope = np.sum(tape.gradient(value, pred).numpy() * direction)
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-7)
