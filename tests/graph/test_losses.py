"""`tf.losses`. Values are TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from tensorwright.frontend.tf.graph.state import MODE

_r = np.random.RandomState(0)
P, L = _r.randn(4, 3).astype("f"), _r.randn(4, 3).astype("f")
CLASSES = np.array([0, 2, 1, 1])
ONE_HOT = np.eye(3, dtype="f")[CLASSES]
TRUE, PARTS = (_r.rand(4, 3) > 0.5).astype("f"), _r.rand(4, 3).astype("f")
COLUMN = np.array([[1.0], [0.0], [2.0], [0.0]], "f")
ROW = np.array([[1.0, 0.0, 3.0]], "f")
EXAMPLES = np.array([1.0, 0.0, 2.0, 0.0], "f")


def evaluated(x):
    with tf.Session() as sess:
        return sess.run(x)


@pytest.mark.parametrize(
    "name, labels, predictions, expected",
    [
        ("absolute_difference", L, P, [0.98488, 1.96976, 1.56591, 0.77021, 2.70624]),
        ("mean_squared_error", L, P, [1.50385, 3.0077, 2.52862, 0.83847, 5.02904]),
        ("huber_loss", L, P, [0.57041, 1.14082, 0.914, 0.36045, 1.80058]),
        ("hinge_loss", TRUE, P, [1.17823, 2.35646, 1.58979, 0.66205, 3.26822]),
        ("log_loss", TRUE, PARTS, [1.13653, 2.27306, 2.23592, 1.08074, 2.68136]),
    ],
)
def test_losses_of_pairs_with_weights(name, labels, predictions, expected):
    found = [
        getattr(tf.losses, name)(labels, predictions, weights)
        for weights in (1.0, 2.0, COLUMN, TRUE, ROW)
    ]
    assert np.allclose(evaluated(found), expected, atol=2e-5)
    assert [x.op.name for x in found[:2]] == [f"{name}/value", f"{name}_1/value"]
    assert tf.losses.get_losses() == found


def test_reductions():
    kinds = tf.losses.Reduction
    for kind, expected in [
        (kinds.SUM, 15.17171),
        (kinds.MEAN, 1.68575),
        (kinds.SUM_OVER_BATCH_SIZE, 1.26431),
        (kinds.SUM_BY_NONZERO_WEIGHTS, 2.52862),
    ]:
        found = tf.losses.mean_squared_error(L, P, COLUMN, reduction=kind)
        assert abs(evaluated(found) - expected) < 2e-5
    whole = evaluated(tf.losses.mean_squared_error(L, P, COLUMN, reduction=kinds.NONE))
    assert np.allclose(whole, np.square(L - P) * COLUMN, rtol=1e-5)
    assert evaluated(tf.losses.mean_squared_error(L, P, 0.0)) == 0.0
    with pytest.raises(ValueError, match="Invalid Reduction Key foo"):
        tf.losses.mean_squared_error(L, P, reduction="foo")


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda: tf.losses.softmax_cross_entropy(ONE_HOT, P), 1.92941),
        (lambda: tf.losses.softmax_cross_entropy(ONE_HOT, P, EXAMPLES), 1.88966),
        (lambda: tf.losses.softmax_cross_entropy(ONE_HOT, P, label_smoothing=0.1), 1.87407),
        (lambda: tf.losses.sparse_softmax_cross_entropy(CLASSES, P), 1.92941),
        (lambda: tf.losses.sparse_softmax_cross_entropy(CLASSES[:, None], P, EXAMPLES), 1.88966),
        (lambda: tf.losses.sigmoid_cross_entropy(TRUE, P), 0.85193),
        (lambda: tf.losses.sigmoid_cross_entropy(TRUE, P, label_smoothing=0.2), 0.85168),
        (lambda: tf.losses.cosine_distance(L, P, axis=1), -0.39199),
        (lambda: tf.losses.cosine_distance(L, P, axis=1, weights=COLUMN), -0.10304),
        (lambda: tf.losses.huber_loss(L, P, delta=0.3), 0.25062),
        (lambda: tf.losses.log_loss(TRUE, PARTS, epsilon=0.01), 1.05984),
        (lambda: tf.losses.compute_weighted_loss(P), 0.74821),
        (lambda: tf.losses.compute_weighted_loss(P, COLUMN, loss_collection=None), 0.75566),
        (lambda: tf.losses.mean_pairwise_squared_error(L, P), 10.89423),
        (lambda: tf.losses.mean_pairwise_squared_error(L, P, COLUMN), 4.49828),
    ],
)
def test_other_losses(make, expected):
    assert abs(evaluated(make()) - expected) < 2e-5


def test_totals():
    with pytest.raises(ValueError, match="at least one"):
        tf.losses.get_total_loss()
    assert evaluated(tf.losses.get_regularization_loss()) == 0.0
    tf.losses.mean_squared_error(L, P)
    tf.losses.add_loss(tf.constant(3.0))
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.constant(2.0))
    total = tf.losses.get_total_loss()
    assert total.op.name == "total_loss"
    assert abs(evaluated(total) - 6.50385) < 1e-4
    assert abs(evaluated(tf.losses.get_total_loss(False)) - 4.50385) < 1e-4
    assert [x.name for x in tf.losses.get_losses("mean")] == ["mean_squared_error/value:0"]


def test_losses_train():
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int64, [None])
    w = tf.get_variable("w", [3, 3], initializer=tf.zeros_initializer())
    loss = tf.losses.sparse_softmax_cross_entropy(y, tf.matmul(x, w))
    step = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        seen = [sess.run([loss, step], {x: P, y: CLASSES})[0] for _ in range(20)]
    assert abs(seen[0] - np.log(3)) < 1e-5
    assert seen[-1] < 0.55


def test_wrong_operands_are_refused():
    with pytest.raises(ValueError, match="`labels` must not be None"):
        tf.losses.mean_squared_error(None, P)
    with pytest.raises(ValueError, match="`onehot_labels` must not be None"):
        tf.losses.softmax_cross_entropy(None, P)
    with pytest.raises(ValueError, match="incompatible"):
        tf.losses.mean_squared_error(L, P[:, :2])
    with pytest.raises(ValueError, match="weights can not be broadcast to values"):
        tf.losses.mean_squared_error(L, P, EXAMPLES)
    with pytest.raises(ValueError, match="You must specify argument `axis`"):
        tf.losses.cosine_distance(L, P)


def test_losses_of_eager_programs():
    MODE.is_eager = True
    assert abs(float(tf.losses.mean_squared_error(L, P, COLUMN)) - 2.52862) < 2e-5
