"""Graphs, placeholders and sessions."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf


def test_run_gives_values_in_the_structure_of_the_fetches():
    a, b = tf.constant(2.0), tf.constant(3.0)
    with tf.Session() as sess:
        assert sess.run(a * b) == 6.0
        assert sess.run({"sum": a + b, "all": [a, (b, a.op)]}) == {
            "sum": 5.0,
            "all": [2.0, (3.0, None)],
        }


def test_open_sizes_run_one_program():
    x = tf.placeholder(tf.float32, [None, 3])
    total = tf.reduce_sum(x * 2.0, axis=1)
    with tf.Session() as sess:
        for rows in (2, 5, 9, 4):
            assert np.allclose(sess.run(total, {x: np.ones((rows, 3))}), 6 * np.ones(rows))
        (plan,) = set(sess._plans.values())
        assert len(plan.programs) == 1


def test_reads_see_values_from_before_the_run():
    v = tf.Variable(1.0)
    bump = v.assign_add(1.0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run([v, bump, v + 0.0]) == [1.0, 2.0, 1.0]
        with tf.control_dependencies([bump]):
            after = v.read_value()
        assert sess.run(after) == 3.0


def test_uninitialised_variables_are_named():
    v = tf.Variable([1.0], name="weights")
    with tf.Session() as sess, pytest.raises(tf.errors.FailedPreconditionError, match="weights"):
        sess.run(v * 2.0)
