"""Branches and loops with TensorFlow's functions: eager, compiled, with variables and tapes."""

import numpy as np
import pytest

import tensorwright as tf


def both(function):
    """A function, and its compiled form."""
    return [function, tf.function(function)]


@pytest.mark.parametrize("compiled", [False, True])
def test_cond(compiled):
    def choose(x):
        return tf.cond(
            tf.reduce_sum(x) > 0, lambda: {"a": x * 2, "b": 1}, lambda: {"a": -x, "b": 2}
        )

    function = both(choose)[compiled]
    for sign, number in ((1.0, 1), (-1.0, 2)):
        found = function(tf.constant([sign, 2 * sign]))
        assert found["a"].numpy().tolist() == ([2.0, 4.0] if sign > 0 else [1.0, 2.0])
        assert found["b"] == number


@pytest.mark.parametrize("compiled", [False, True])
def test_a_branch_assigns_to_a_variable(compiled):
    v, w = tf.Variable(1.0), tf.Variable(10.0)

    def update(x):
        tf.cond(x > 0, lambda: v.assign_add(x), lambda: w.assign_sub(1.0))
        return v + w

    function = both(update)[compiled]
    assert function(tf.constant(3.0)).numpy() == 14.0
    assert function(tf.constant(-3.0)).numpy() == 13.0
    assert (v.numpy(), w.numpy()) == (4.0, 9.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_case_and_switch_case(compiled):
    def grade(x):
        pairs = [(x < 1, lambda: tf.constant(10)), (x < 2, lambda: tf.constant(20))]
        return tf.case(pairs, default=lambda: tf.constant(30))

    def pick(k):
        return tf.switch_case(k, {0: lambda: k * 0, 2: lambda: k * 100}, default=lambda: k - 1)

    grade, pick = both(grade)[compiled], both(pick)[compiled]
    assert [grade(tf.constant(x)).numpy() for x in (0, 1, 2)] == [10, 20, 30]
    assert [pick(tf.constant(k)).numpy() for k in (-1, 0, 1, 2, 3)] == [-2, 0, 0, 200, 2]


@pytest.mark.parametrize("compiled", [False, True])
def test_while_loop(compiled):
    v = tf.Variable(2.0)

    def power(n):
        def body(k, x):
            v.assign_add(1.0)
            return k + 1, x * 2

        return tf.while_loop(lambda k, x: k < n, body, [tf.constant(0), 1.0])

    k, x = both(power)[compiled](tf.constant(5))
    assert (k.numpy(), x.numpy(), v.numpy()) == (5, 32.0, 7.0)


def test_while_loop_stops_after_maximum_iterations():
    def count(n):
        return tf.while_loop(lambda k: k < n, lambda k: [k + 1], [0 * n], maximum_iterations=3)

    for function in both(count):
        assert function(tf.constant(10))[0].numpy() == 3
        assert function(tf.constant(2))[0].numpy() == 2


def test_while_loop_keeps_the_structure_of_its_variables():
    (k,) = tf.while_loop(lambda k: k < 3, lambda k: (k + 1,), (tf.constant(0),))
    assert k.numpy() == 3
    pair = tf.while_loop(lambda k, d: k < 3, lambda k, d: (k + 1, {"x": d["x"] + k}),
                         [tf.constant(0), {"x": tf.constant(0)}])  # fmt: skip
    assert pair[1]["x"].numpy() == 3


@pytest.mark.parametrize("compiled", [False, True])
def test_map_fn(compiled):
    def rows(x, y):
        return tf.map_fn(lambda pair: (pair[0] + pair[1], tf.reduce_sum(pair[0])), (x, y),
                         fn_output_signature=(tf.float32, tf.float32))  # fmt: skip

    x, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.ones((3, 2), np.float32)
    first, second = both(rows)[compiled](tf.constant(x), tf.constant(y))
    np.testing.assert_array_equal(first, x + y)
    np.testing.assert_array_equal(second, x.sum(1))


@pytest.mark.parametrize("compiled", [False, True])
def test_scan_and_folds(compiled):
    def run(x):
        return (
            tf.scan(lambda a, b: a + b, x),
            tf.scan(lambda a, b: a + b, x, initializer=10.0, reverse=True),
            tf.foldl(lambda a, b: a - b, x),
            tf.foldr(lambda a, b: a - b, x, initializer=0.0),
        )

    found = both(run)[compiled](tf.constant([1.0, 2.0, 4.0]))
    assert found[0].numpy().tolist() == [1.0, 3.0, 7.0]
    assert found[1].numpy().tolist() == [17.0, 16.0, 14.0]
    assert (found[2].numpy(), found[3].numpy()) == (-5.0, -7.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_tapes_see_through_branches_and_loops(compiled):
    v = tf.Variable(2.0)

    def slopes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cond(tf.reduce_sum(x) > 0, lambda: x * x * v, lambda: x)
            z = tf.reduce_sum(tf.scan(lambda a, b: a * b, y))
            _, total = tf.while_loop(lambda k, s: k < 3, lambda k, s: (k + 1, s * v),
                                     (tf.constant(0), z))  # fmt: skip
        return tape.gradient(total, [x, v])

    x = tf.constant([1.0, 2.0, 3.0])
    by_x, by_v = both(slopes)[compiled](x)

    def total(x, v):
        return np.cumprod(x * x * v).sum() * v**3

    at, step = np.array([1.0, 2.0, 3.0]), 1e-6
    expected = [(total(at + e, 2.0) - total(at - e, 2.0)) / (2 * step) for e in step * np.eye(3)]
    np.testing.assert_allclose(by_x, expected, 1e-5)
    np.testing.assert_allclose(by_v, (total(at, 2 + step) - total(at, 2 - step)) / (2 * step), 1e-5)


def test_both_dialects_share_the_names():
    carry, ys = tf.scan(lambda c, x: (c + x, c), 0.0, np.arange(3.0))
    assert (carry, ys.tolist()) == (3.0, [0.0, 0.0, 1.0])
    assert tf.cond(True, lambda x: x + 1, lambda x: x, 1) == 2
    assert tf.while_loop(lambda x: x < 3, lambda x: x + 1, 0) == 3
    assert tf.while_loop(lambda a, b: a < 3, lambda a, b: (a + 1, b), (0, 1))[0].numpy() == 3
    assert tf.TensorSpec("f64[3]").shape == (3,)
    assert tf.TensorSpec([None, 2], tf.int32).shape.as_list() == [None, 2]
    assert isinstance(tf.TensorSpec([2]), tf.TensorSpec)
    assert tf.stop_gradient(2.0) == 2.0
    assert isinstance(tf.stop_gradient(tf.constant(2.0)), tf.Tensor)


def test_structures_must_agree():
    @tf.function
    def wrong(x):
        return tf.cond(x > 0, lambda: (x, x), lambda: x)

    with pytest.raises((TypeError, ValueError), match="same"):
        wrong(tf.constant(1.0))
