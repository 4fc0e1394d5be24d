"""`tf.metrics`: values after two batches, names. Values are TensorFlow 2.21's."""

import inspect

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from tensorwright.frontend.tf.graph.state import MODE

_r = np.random.RandomState(0)
VALUES, LABELS = _r.rand(2, 6).astype("f"), _r.rand(2, 6).astype("f")
TRUE = _r.rand(2, 6) > 0.5
CLASSES, GUESSES = _r.randint(0, 3, (2, 6)), _r.randint(0, 3, (2, 6))
WEIGHTS = (_r.rand(2, 6) * 2).astype("f")


class Streams:
    """Placeholders for one batch of each kind of data."""

    def __init__(self):
        self.x, self.y, self.w = (tf.placeholder(tf.float32, [None]) for _ in range(3))
        self.true = tf.placeholder(tf.bool, [None])
        self.c, self.d = (tf.placeholder(tf.int32, [None]) for _ in range(2))

    def batch(self, k):
        given = (self.x, self.y, self.w, self.true, self.c, self.d)
        arrays = (VALUES, LABELS, WEIGHTS, TRUE, CLASSES, GUESSES)
        return {p: a[k] for p, a in zip(given, arrays, strict=True)}


CASES = [
    (lambda s: tf.metrics.accuracy(s.c, s.d), [0.16667, 0.08333]),
    (lambda s: tf.metrics.accuracy(s.c, s.d, weights=s.w), [0.13728, 0.07815]),
    (lambda s: tf.metrics.accuracy(s.c[:, None], s.d), [0.16667, 0.08333]),
    (lambda s: tf.metrics.accuracy(s.true, s.x > 0.5), [0.33333, 0.41667]),
    (lambda s: tf.metrics.mean(s.x), [0.5802, 0.62319]),
    (lambda s: tf.metrics.mean(s.x, s.w), [0.57391, 0.59685]),
    (lambda s: tf.metrics.mean_squared_error(s.y, s.x), [0.12242, 0.0997]),
    (lambda s: tf.metrics.mean_squared_error(s.y, s.x, s.w), [0.12423, 0.1051]),
    (lambda s: tf.metrics.root_mean_squared_error(s.y, s.x), [0.34989, 0.31576]),
    (lambda s: tf.metrics.mean_absolute_error(s.y, s.x, s.w), [0.29757, 0.27168]),
    (lambda s: tf.metrics.mean_relative_error(s.y, s.x, s.y), [5.52974, 2.93455]),
    (
        lambda s: tf.metrics.mean_cosine_distance(
            tf.reshape(s.y, [2, 3]), tf.reshape(s.x, [2, 3]), 1
        ),
        [0.19481, -0.1886],
    ),
    (lambda s: tf.metrics.percentage_below(s.x, 0.5, s.w), [0.13728, 0.23255]),
    (lambda s: tf.metrics.precision(s.true, s.x > 0.5), [0.4, 0.44444]),
    (lambda s: tf.metrics.precision(s.true, s.x > 0.5, s.w), [0.45073, 0.53381]),
    (lambda s: tf.metrics.recall(s.true, s.x > 0.5, s.w), [0.73907, 0.70821]),
    (lambda s: tf.metrics.true_positives(s.true, s.x > 0.5, s.w), [3.29618, 6.09989]),
    (lambda s: tf.metrics.true_negatives(s.true, s.x > 0.5), [0, 1]),
    (lambda s: tf.metrics.false_positives(s.true, s.x > 0.5), [3, 5]),
    (lambda s: tf.metrics.false_negatives(s.true, s.x > 0.5), [1, 2]),
    (lambda s: tf.metrics.auc(s.true, s.x), [0.33333, 0.30556]),
    (lambda s: tf.metrics.auc(s.true, s.x, s.w, num_thresholds=50), [0.3993, 0.34673]),
    (lambda s: tf.metrics.auc(s.true, s.x, curve="PR"), [0.59167, 0.38522]),
    (
        lambda s: tf.metrics.auc(s.true, s.x, curve="PR", summation_method="careful_interpolation"),
        [0.59453, 0.39683],
    ),
    (lambda s: tf.metrics.specificity_at_sensitivity(s.true, s.x, 0.5), [1, 0.16667]),
    (lambda s: tf.metrics.sensitivity_at_specificity(s.true, s.x, specificity=0.5), [0.33333] * 2),
    (lambda s: tf.metrics.precision_at_thresholds(s.true, s.x, [0.2, 0.7]), [[0.5, 1], [0.5, 0.5]]),
    (lambda s: tf.metrics.recall_at_thresholds(s.true, s.x, [0.2, 0.7]), [[1, 0.33333]] * 2),
    (lambda s: tf.metrics.true_positives_at_thresholds(s.true, s.x, [0.2, 0.7]), [[3, 1], [6, 2]]),
]


@pytest.mark.parametrize("make, expected", CASES)
def test_values_after_each_batch(make, expected):
    streams = Streams()
    value, update = make(streams)
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        for k in range(2):
            assert np.allclose(sess.run(update, streams.batch(k)), expected[k], atol=2e-5)
            assert np.allclose(sess.run(value), expected[k], atol=2e-5)


def test_metrics_of_classes():
    s = Streams()
    iou, counts = tf.metrics.mean_iou(s.c, s.d, 3)
    mean, classes = tf.metrics.mean_per_class_accuracy(s.c, s.d, 3)
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        for k in range(2):
            seen = sess.run([counts, classes], s.batch(k))
        assert seen[0].tolist() == [[1, 1, 2], [2, 0, 3], [1, 2, 0]]
        assert np.allclose(seen[1], [0.25, 0, 0])
        assert np.allclose(sess.run([iou, mean]), [0.04762, 0.08333], atol=2e-5)


def test_names_variables_and_collections():
    s = Streams()
    value, update = tf.metrics.accuracy(s.c, s.d)
    assert [value.name, update.name] == ["accuracy/value:0", "accuracy/update_op:0"]
    tf.metrics.precision(s.true, s.true)
    with tf.variable_scope("vs"):
        pair = tf.metrics.mean(s.x, metrics_collections=["a"], updates_collections="b")
    assert [v.name for v in tf.local_variables()] == [
        "accuracy/total:0",
        "accuracy/count:0",
        "precision/true_positives/count:0",
        "precision/false_positives/count:0",
        "vs/mean/total:0",
        "vs/mean/count:0",
    ]
    assert tf.get_collection(tf.GraphKeys.METRIC_VARIABLES) == tf.local_variables()
    assert tf.get_collection("a") + tf.get_collection("b") == list(pair)
    assert tf.global_variables() == []
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        assert sess.run(value) == 0.0


def test_the_k_best_classes():
    scores, labels = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.int64, [None])
    found = tf.metrics.recall_at_k(labels, scores, 2), tf.metrics.precision_at_k(labels, scores, 2)
    assert [pair[0].name for pair in found] == ["recall_at_2:0", "precision_at_2:0"]
    best = np.array([[4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 3, 2]], np.float32)
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        assert np.isnan(sess.run(found[0][0]))
        feeds = {scores: best, labels: [1, 3, 1]}
        assert np.allclose(sess.run([pair[1] for pair in found], feeds), [2 / 3, 2 / 6])
        several = tf.metrics.recall_at_k(tf.constant([[1, 3], [3, 2], [1, 2]]), scores, 2)
        sess.run(tf.local_variables_initializer())
        assert np.allclose(sess.run(several[1], feeds), 4 / 6)


def test_strings_have_accuracy_too():
    _, update = tf.metrics.accuracy(tf.constant(["a", "b"]), tf.constant(["a", "c"]))
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        assert sess.run(update) == 0.5


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="incompatible"):
        tf.metrics.accuracy(tf.zeros([3]), tf.zeros([4]))
    with pytest.raises(ValueError, match="curve must be either ROC or PR"):
        tf.metrics.auc([True], [0.5], curve="XY")
    with pytest.raises(ValueError, match="Invalid summation_method"):
        tf.metrics.auc([True], [0.5], summation_method="none")
    MODE.is_eager = True
    with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
        tf.metrics.mean([1.0])


def test_last_arguments_are_collections_and_a_name():
    names = list(inspect.signature(tf.metrics.precision_at_thresholds).parameters)
    last = ["metrics_collections", "updates_collections", "name"]
    assert names == ["labels", "predictions", "thresholds", "weights", *last]
    value, update = tf.metrics.mean([1.0, 2.0], None, ["values"], ["updates"], "m")
    assert tf.get_collection("values") == [value] and tf.get_collection("updates") == [update]
    assert value.op.name == "m/value"
    with pytest.raises(TypeError, match=r"recall\(\): missing a required argument: 'predictions'"):
        tf.metrics.recall([1])
