"""Large variables that runs of a session change where they lie."""

import numpy as np

import tensorwright.compat.v1 as tf


def test_fetched_values_stay():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(np.ones((4096, 8), np.float32))
        ids = tf.placeholder(tf.int32, [None])
        loss = tf.reduce_sum(tf.nn.embedding_lookup(v, ids))
        train = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
        session.run(tf.global_variables_initializer())
        session.run(train, {ids: [1, 1]})
        first = session.run(v)
        session.run(train, {ids: [2, 3]})
        second = session.run(v)
        expected = np.ones((4096, 8), np.float32)
        expected[1] = 0
        np.testing.assert_array_equal(first, expected)
        expected[2:4] = 0.5
        np.testing.assert_array_equal(second, expected)
        session.run(train, {ids: [5, 6]})
        np.testing.assert_array_equal(second, expected)
