"""Losses and metrics against NumPy, eagerly and compiled; reductions and weights."""

import numpy as np
import pytest

import tensorwright as tf

LOSSES, M = tf.keras.losses, tf.keras.metrics
RNG = np.random.default_rng(11)
T = RNG.uniform(0.1, 2, (6, 4)).astype(np.float32)
P = RNG.uniform(0.1, 2, (6, 4)).astype(np.float32)
BITS = RNG.integers(0, 2, (6, 4)).astype(np.float32)
CHANCES = RNG.uniform(0.05, 0.95, (6, 4)).astype(np.float32)
LOGITS = RNG.standard_normal((6, 4)).astype(np.float32) * 3
CLASSES = RNG.integers(0, 4, 6)
ROWS = np.eye(4, dtype=np.float32)[CLASSES]
SHARES = CHANCES / CHANCES.sum(-1, keepdims=True)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def binary(t, p):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def signs(t):
    return 2 * t - 1


CASES = [
    ("MeanSquaredError", {}, T, P, ((P - T) ** 2).mean(-1)),
    ("MeanAbsoluteError", {}, T, P, np.abs(P - T).mean(-1)),
    ("MeanAbsolutePercentageError", {}, T, P, 100 * np.abs((P - T) / T).mean(-1)),
    ("MeanSquaredLogarithmicError", {}, T, P, (np.log((P + 1) / (T + 1)) ** 2).mean(-1)),
    ("LogCosh", {}, T, P, np.log(np.cosh(P - T)).mean(-1)),
    ("KLDivergence", {}, SHARES, CHANCES, (SHARES * np.log(SHARES / CHANCES)).sum(-1)),
    ("Poisson", {}, T, P, (P - T * np.log(P)).mean(-1)),
    ("Hinge", {}, BITS, LOGITS, np.maximum(1 - signs(BITS) * LOGITS, 0).mean(-1)),
    ("Hinge", {}, signs(BITS), LOGITS, np.maximum(1 - signs(BITS) * LOGITS, 0).mean(-1)),
    ("SquaredHinge", {}, BITS, LOGITS, (np.maximum(1 - signs(BITS) * LOGITS, 0) ** 2).mean(-1)),
    (
        "CategoricalHinge",
        {},
        ROWS,
        P,
        np.maximum(((1 - ROWS) * P).max(-1) - (ROWS * P).sum(-1) + 1, 0),
    ),
    (
        "CosineSimilarity",
        {},
        T,
        P,
        -(T * P).sum(-1) / np.linalg.norm(T, axis=-1) / np.linalg.norm(P, axis=-1),
    ),
    (
        "Huber",
        {"delta": 0.5},
        T,
        P,
        np.where(np.abs(P - T) <= 0.5, (P - T) ** 2 / 2, 0.5 * np.abs(P - T) - 0.125).mean(-1),
    ),
    ("BinaryCrossentropy", {}, BITS, CHANCES, binary(BITS, CHANCES)),
    ("BinaryCrossentropy", {"from_logits": True}, BITS, LOGITS, binary(BITS, sigmoid(LOGITS))),
    (
        "BinaryCrossentropy",
        {"label_smoothing": 0.2},
        BITS,
        CHANCES,
        binary(BITS * 0.8 + 0.1, CHANCES),
    ),
    ("CategoricalCrossentropy", {}, ROWS, CHANCES, -(ROWS * np.log(SHARES)).sum(-1)),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        ROWS,
        LOGITS,
        -((ROWS * 0.9 + 0.025) * np.log(softmax(LOGITS))).sum(-1),
    ),
    (
        "SparseCategoricalCrossentropy",
        {},
        CLASSES,
        SHARES,
        -np.log(SHARES[np.arange(6), CLASSES]),
    ),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        CLASSES,
        LOGITS,
        -np.log(softmax(LOGITS)[np.arange(6), CLASSES]),
    ),
    (
        "BinaryFocalCrossentropy",
        {},
        BITS,
        CHANCES,
        (
            -((1 - np.where(BITS == 1, CHANCES, 1 - CHANCES)) ** 2)
            * np.log(np.where(BITS == 1, CHANCES, 1 - CHANCES))
        ).mean(-1),
    ),
]
IDS = [f"{name}-{k}" for k, (name, *_) in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_loss_is_its_formula(case):
    name, options, t, p, wanted = case
    weights = RNG.uniform(0, 1, 6).astype(np.float32)
    for reduction, value, weighted in (
        ("none", wanted, wanted * weights),
        ("sum", wanted.sum(), (wanted * weights).sum()),
        ("sum_over_batch_size", wanted.mean(), (wanted * weights).mean()),
        ("mean_with_sample_weight", wanted.mean(), (wanted * weights).sum() / weights.sum()),
    ):
        loss = getattr(LOSSES, name)(reduction=reduction, **options)
        again = LOSSES.deserialize(LOSSES.serialize(loss))
        for run in (loss, tf.function(loss), again):
            found = run(tf.constant(t), tf.constant(p))
            assert found.dtype == tf.float32
            assert np.allclose(found, value, rtol=1e-4, atol=1e-5)
            found = run(tf.constant(t), tf.constant(p), sample_weight=tf.constant(weights))
            assert np.allclose(found, weighted, rtol=1e-4, atol=1e-5)


def test_logits_may_be_large():
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    p = tf.Variable([[1000.0, -1000.0]])
    with tf.GradientTape() as tape:
        value = loss([1], p)
    assert value.numpy() == 2000.0
    assert tape.gradient(value, p).numpy().tolist() == [[1.0, -1.0]]
    loss = LOSSES.BinaryCrossentropy(from_logits=True)
    assert loss([[0.0], [1.0]], [[500.0], [500.0]]).numpy() == 250.0


def test_labels_may_be_columns_numbers_and_lists():
    assert float(LOSSES.MeanSquaredError()([[0.0]], [[2.0]])) == 4.0
    assert float(LOSSES.mse([0, 0], [1.0, 3.0])) == 5.0
    loss = LOSSES.SparseCategoricalCrossentropy()
    found = [float(loss(c, SHARES)) for c in (CLASSES, CLASSES[:, None], CLASSES.astype(np.uint8))]
    assert found[0] == found[1] == found[2]


def test_names_functions_and_errors():
    assert LOSSES.get("mse") is LOSSES.mean_squared_error
    assert isinstance(LOSSES.get("MeanSquaredError"), LOSSES.MeanSquaredError)
    assert LOSSES.get(LOSSES.hinge) is LOSSES.hinge
    with pytest.raises(ValueError, match="Could not interpret loss"):
        LOSSES.get("gain")
    with pytest.raises(ValueError, match="reduction"):
        LOSSES.MeanSquaredError(reduction="biggest")
    with pytest.raises(ValueError, match="same shape"):
        LOSSES.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="rank"):
        LOSSES.sparse_categorical_crossentropy([1, 2, 3], np.ones((2, 4)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        LOSSES.mse(np.ones((2, 3)), np.ones((2, 4)))


METRICS = [
    ("Accuracy", {}, np.round(T), np.round(P), (np.round(T) == np.round(P)).mean(-1)),
    ("BinaryAccuracy", {}, BITS, CHANCES, ((CHANCES > 0.5) == BITS).mean(-1)),
    ("BinaryAccuracy", {"threshold": 0.3}, BITS, CHANCES, ((CHANCES > 0.3) == BITS).mean(-1)),
    ("CategoricalAccuracy", {}, ROWS, LOGITS, (LOGITS.argmax(-1) == CLASSES).astype(float)),
    ("SparseCategoricalAccuracy", {}, CLASSES, LOGITS, (LOGITS.argmax(-1) == CLASSES) * 1.0),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2},
        CLASSES,
        LOGITS,
        (np.argsort(-LOGITS)[:, :2] == CLASSES[:, None]).any(-1) * 1.0,
    ),
    (
        "TopKCategoricalAccuracy",
        {"k": 2},
        ROWS,
        LOGITS,
        (np.argsort(-LOGITS)[:, :2] == CLASSES[:, None]).any(-1) * 1.0,
    ),
    ("MeanSquaredError", {}, T, P, ((P - T) ** 2).mean(-1)),
    ("MeanAbsoluteError", {}, T, P, np.abs(P - T).mean(-1)),
    ("BinaryCrossentropy", {}, BITS, CHANCES, binary(BITS, CHANCES)),
    ("CategoricalCrossentropy", {}, ROWS, SHARES, -(ROWS * np.log(SHARES)).sum(-1)),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        CLASSES,
        LOGITS,
        -np.log(softmax(LOGITS)[np.arange(6), CLASSES]),
    ),
    ("KLDivergence", {}, SHARES, CHANCES, (SHARES * np.log(SHARES / CHANCES)).sum(-1)),
]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize("case", METRICS, ids=[f"{c[0]}-{k}" for k, c in enumerate(METRICS)])
def test_a_metric_gathers_batches(case, compiled):
    name, options, t, p, wanted = case
    metric = getattr(M, name)(**options)
    update = tf.function(metric.update_state) if compiled else metric.update_state
    for part in (slice(0, 2), slice(2, 6)):
        update(tf.constant(t[part]), tf.constant(p[part]))
    assert float(metric.result()) == pytest.approx(wanted.mean(), rel=1e-4)
    metric.reset_state()
    assert float(metric.result()) == 0.0
    weights = RNG.uniform(0, 1, 6).astype(np.float32)
    update(tf.constant(t), tf.constant(p), sample_weight=tf.constant(weights))
    assert float(metric.result()) == pytest.approx(np.average(wanted, weights=weights), rel=1e-4)
    assert type(metric).from_config(metric.get_config()).name == metric.name


def test_means_sums_and_roots():
    mean = M.Mean()
    mean.update_state([1, 3, 5, 7])
    assert float(mean.result()) == 4.0
    assert float(mean(np.float32(14), sample_weight=4.0)) == 9.0
    total = M.Sum()
    total.update_state([1.0, 2.0], sample_weight=[2.0, 1.0])
    assert float(total.result()) == 4.0
    root = M.RootMeanSquaredError()
    root.update_state([0.0, 0.0], [3.0, 4.0])
    assert float(root.result()) == pytest.approx(12.5**0.5)
    assert float(M.Mean().result()) == 0.0
    assert [v.name for v in mean.variables] == ["mean/total:0", "mean/count:0"]


def test_precision_and_recall():
    t, p = [0, 1, 1, 1, 0], [0.9, 0.2, 0.8, 0.7, 0.1]
    for run in (lambda f: f, tf.function):
        precision, recall = M.Precision(), M.Recall(thresholds=0.75)
        run(precision.update_state)(t, p)
        run(recall.update_state)(t, p)
        assert float(precision.result()) == pytest.approx(2 / 3)
        assert float(recall.result()) == pytest.approx(1 / 3)
    precision.reset_state()
    precision.update_state(t, p, sample_weight=[3.0, 1, 1, 1, 1])
    assert float(precision.result()) == pytest.approx(2 / 5)


def test_a_metric_of_the_user():
    class Largest(M.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.value = self.add_weight(name="value", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(tf.maximum(self.value, tf.reduce_max(y_pred - y_true)))

        def result(self):
            return self.value

    metric = Largest()
    tf.function(metric.update_state)(tf.zeros(3), tf.constant([1.0, 5.0, 2.0]))
    assert float(metric.result()) == 5.0


@pytest.mark.peers
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_losses_are_like_tensorflows(case):
    peer = pytest.importorskip("tensorflow")
    name, options, t, p, _ = case
    with peer.GradientTape() as tape:
        q = peer.Variable(p)
        value = getattr(peer.keras.losses, name)(**options)(t, q)
    wanted = tape.gradient(value, q)
    with tf.GradientTape() as ours:
        r = tf.Variable(p)
        found = getattr(LOSSES, name)(**options)(t, r)
    assert np.allclose(found, value, rtol=1e-5, atol=1e-6)
    assert np.allclose(ours.gradient(found, r), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("case", METRICS, ids=[f"{c[0]}-{k}" for k, c in enumerate(METRICS)])
def test_metrics_are_like_tensorflows(case):
    peer = pytest.importorskip("tensorflow")
    name, options, t, p, _ = case
    ours, theirs = getattr(M, name)(**options), getattr(peer.keras.metrics, name)(**options)
    assert ours.name == theirs.name
    for metric in (ours, theirs):
        metric.update_state(t, p, sample_weight=np.arange(6, dtype=np.float32))
        metric.update_state(t[::-1], p)
    assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-5)
