"""Random numbers in graphs: those of TensorFlow 2.21's compat.v1, by seeds of graphs and ops."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

# (how it is drawn, seed of the graph) -> the numbers of two runs of one session
NUMBERS = [
    (lambda: tf.random_normal([3]), 42,
     [-0.30101568, 0.51859164, -0.15693977], [0.13741596, 1.41080558, -0.88198054]),
    (lambda: tf.random_normal([3], seed=2), None,
     [-0.85811085, -0.19662298, 0.13895045], [-0.02248819, 0.82324517, 0.25806385]),
    (lambda: tf.random_normal([3], 1.0, 2.0, seed=2), 42,
     [1.23870766, 0.79723024, 2.05823445], [-3.44975376, 0.00011623, -1.36975765]),
    (lambda: tf.random_uniform([3]), 42,
     [0.83545911, 0.91629732, 0.49464953], [0.3661809, 0.01545334, 0.67580378]),
    (lambda: tf.random_uniform([3], -1.0, 1.0, seed=7), None,
     [-0.03211808, 0.01240611, -0.48971248], [0.75879192, -0.85954833, 0.87519121]),
    (lambda: tf.truncated_normal([3], stddev=0.1, seed=5), 42,
     [0.10800441, -0.15754302, -0.0400052], [-0.15244083, -0.08387752, 0.14742826]),
]  # fmt: skip


@pytest.mark.parametrize(("draw", "seed", "first", "second"), NUMBERS)
def test_numbers_by_seed(draw, seed, first, second):
    if seed is not None:
        tf.set_random_seed(seed)
    x = draw()
    for _ in range(2):  # sessions begin anew
        with tf.Session() as sess:
            assert np.allclose(sess.run(x), first, atol=1e-6)
            assert np.allclose(sess.run(x), second, atol=1e-6)


def test_ops_without_seeds_are_numbered():
    tf.set_random_seed(1)
    v = tf.get_variable("v", [2, 2])
    w = tf.Variable(tf.random_normal([2]))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        expected = [0.76594675, -1.03227711, 0.95942962, -0.81015617]
        assert np.allclose(sess.run(v).ravel(), expected, atol=1e-6)
        assert np.allclose(sess.run(w), [0.28183395, 2.38782835], atol=1e-6)


def test_equal_seeds_give_equal_numbers():
    a, b = tf.random_uniform([4], seed=1), tf.random_uniform([4], seed=1)
    with tf.Session() as sess:
        x, y = sess.run([a, b])
    assert np.array_equal(x, y)


def test_without_seeds_all_numbers_differ():
    a, b = tf.random_uniform([4]), tf.random_uniform([4])
    with tf.Session() as sess:
        found = [sess.run([a, b]) for _ in range(2)]
    assert len(np.unique(found)) == 16


def test_orders_and_classes():
    with tf.Session() as sess:
        assert sess.run(tf.random_shuffle(tf.range(5), seed=3)).tolist()[:4] == [2, 4, 3, 0]
        drawn = sess.run(tf.multinomial([[0.1, 0.9, 0.5]], 4, seed=3))
        assert drawn.tolist() == [[0, 2, 0, 1]]
        gamma = sess.run(tf.random_gamma([1000], 1.5, seed=3))
        assert abs(gamma.mean() - 1.5) < 0.2
        poisson = sess.run(tf.random_poisson(3.0, [1000], seed=4))
        assert abs(poisson.mean() - 3.0) < 0.2


def test_dropout_draws_anew_in_each_run():
    y = tf.nn.dropout(tf.ones([100]), 0.5)
    with tf.Session() as sess:
        first, second = sess.run(y), sess.run(y)
    assert set(np.unique(first)) == {0.0, 2.0} and not np.array_equal(first, second)


def test_seeds_of_graphs():
    assert tf.get_seed(None) == (None, None)
    assert tf.get_seed(3) == (87654321, 3)
    tf.set_random_seed(5)
    assert tf.get_seed(3) == (5, 3)
    with pytest.raises(TypeError, match="integer"):
        tf.set_random_seed("a")
