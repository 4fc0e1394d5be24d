"""Losses of sampled classes, and samplers. Losses are TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

_r = np.random.RandomState(0)
W, B = _r.randn(20, 4).astype("f"), _r.randn(20).astype("f")
LABELS = np.array([[3], [7], [0]])
TWO = np.array([[3, 2], [7, 1], [0, 5]])
X = _r.randn(3, 4).astype("f")


def sampled(expected_true):
    drawn = tf.constant([1, 3, 9], tf.int64)
    return drawn, tf.constant(expected_true), tf.constant([0.4, 0.3, 0.2])


ONE = [[0.3], [0.2], [0.5]]
CASES = [
    (tf.nn.nce_loss, LABELS, ONE, {}, [10.39481, 4.36526, 13.94445]),
    (tf.nn.nce_loss, LABELS, ONE, {"remove_accidental_hits": True}, [9.29401, 4.36526, 13.94445]),
    (
        tf.nn.nce_loss,
        TWO,
        [[0.3, 0.1], [0.2, 0.1], [0.5, 0.2]],
        {"num_true": 2},
        [12.4048, 6.28997, 18.35464],
    ),
    (tf.nn.sampled_softmax_loss, LABELS, ONE, {}, [4.77141, 1.96105, 0.32766]),
    (
        tf.nn.sampled_softmax_loss,
        LABELS,
        ONE,
        {"remove_accidental_hits": False},
        [4.77985, 1.96105, 0.32766],
    ),
]


@pytest.mark.parametrize("loss, labels, expected_true, options, expected", CASES)
def test_losses_of_given_samples(loss, labels, expected_true, options, expected):
    found = loss(W, B, labels, X, 3, 20, sampled_values=sampled(expected_true), **options)
    with tf.Session() as sess:
        assert np.allclose(sess.run(found), expected, atol=3e-5)


def test_samplers_give_classes_and_how_often_to_expect_them():
    labels = tf.placeholder(tf.int64, [None, 1])
    unique = tf.nn.log_uniform_candidate_sampler(labels, 1, 5, True, 20)
    any_ = tf.nn.log_uniform_candidate_sampler(labels, 1, 5, False, 20)
    even = tf.nn.uniform_candidate_sampler(labels, 1, 5, False, 20)
    assert unique.sampled_candidates.name == "LogUniformCandidateSampler:0"
    with tf.Session() as sess:
        drawn = [sess.run(unique, {labels: LABELS}) for _ in range(100)]
        assert all(len(set(d.sampled_candidates)) == 5 for d in drawn)
        mean = np.mean([d.true_expected_count for d in drawn], 0)
        assert np.allclose(mean[:, 0], [0.39, 0.22, 0.945], atol=0.05)
        drawn = sess.run(any_, {labels: LABELS})
        assert np.allclose(drawn.true_expected_count[:, 0], [0.36647, 0.19343, 1.13835], atol=1e-4)
        assert np.allclose(sess.run(even, {labels: LABELS}).sampled_expected_count, 0.25)
    with pytest.raises(ValueError, match="Sampler's range is too small"):
        tf.nn.log_uniform_candidate_sampler(labels, 1, 25, True, 20)


def test_embeddings_are_learned_from_samples():
    words, labels = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None, 1])
    table = tf.Variable(tf.random_uniform([30, 8], -1.0, 1.0))
    weights, biases = tf.Variable(tf.truncated_normal([30, 8])), tf.Variable(tf.zeros([30]))
    inputs = tf.nn.embedding_lookup(table, words)
    loss = tf.reduce_mean(
        tf.nn.nce_loss(weights, biases, labels, inputs, num_sampled=6, num_classes=30)
    )
    assert isinstance(tf.gradients(loss, table)[0], tf.IndexedSlices)
    step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    given = np.arange(30)
    feeds = {words: given, labels: ((given + 1) % 30)[:, None]}
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        before = np.mean([sess.run(loss, feeds) for _ in range(10)])
        for _ in range(300):
            sess.run(step, feeds)
        assert np.mean([sess.run(loss, feeds) for _ in range(10)]) < 0.6 * before


def test_indices_that_are_not_in_the_range():
    ids = tf.placeholder(tf.int32, [None])
    rows = tf.nn.embedding_lookup(W, ids)
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match="embedding_lo"):
        sess.run(rows, {ids: [3, 20]})
