"""Programs as tutorials of TensorFlow 2 write them, from end to end."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import tensorwright as tf


def test_tensors_as_they_are_shown():
    t = tf.constant([[1.0, 0.5], [2.0, 4.0]])
    assert repr(t).splitlines() == [
        "<tf.Tensor: shape=(2, 2), dtype=float32, numpy=",
        "array([[1. , 0.5],",
        "       [2. , 4. ]], dtype=float32)>",
    ]
    assert str(tf.add(1, 2)) == "tf.Tensor(3, shape=(), dtype=int32)"
    assert repr(t.shape) == "TensorShape([2, 2])"
    assert (repr(t.dtype), str(t.dtype)) == ("tf.float32", "<dtype: 'float32'>")
    assert repr(t[..., 1, tf.newaxis].shape) == "TensorShape([2, 1])"
    assert repr(tf.constant(np.arange(2.0))) == (
        "<tf.Tensor: shape=(2,), dtype=float64, numpy=array([0., 1.])>"
    )


def test_variables_as_they_are_shown():
    v = tf.Variable([1.0, 2.0], name="weights")
    assert repr(v) == (
        "<tf.Variable 'weights:0' shape=(2,) dtype=float32, numpy=array([1., 2.], dtype=float32)>"
    )
    assert "UnreadVariable" in repr(v.assign(2 * v))
    v[0].assign(9.0)
    assert v.numpy().tolist() == [9.0, 4.0]
    with pytest.raises(TypeError, match="does not support item assignment"):
        tf.constant([1.0])[0] = 2.0


def test_three_ways_to_a_derivative():
    def f(a, b):
        return a**3 + 2 * a * b

    a, b = tf.Variable(2.0), tf.Variable(5.0)
    with tf.GradientTape(persistent=True) as tape:
        z = f(a, b)
    assert [g.numpy() for g in tape.gradient(z, [a, b])] == [22.0, 4.0]
    assert tape.gradient(z, {"first": a})["first"].numpy() == 22.0
    with tf.GradientTape() as tape:
        z = f(a, tf.stop_gradient(a * b))
    assert tape.gradient(z, [a, b])[1] is None
    with pytest.raises(RuntimeError, match="non-persistent GradientTape"):
        tape.gradient(z, a)
    constant = tf.constant(2.0)
    with tf.GradientTape() as tape:
        z = constant * constant
    assert tape.gradient(z, constant) is None


class Line:
    """A model as an object with variables."""

    def __init__(self):
        self.slope, self.offset = tf.Variable(5.0), tf.Variable(0.0)

    def __call__(self, x):
        return self.slope * x + self.offset


@pytest.mark.parametrize("compiled", [False, True])
def test_a_line_is_fitted(compiled):
    random = np.random.default_rng(0)
    x = tf.constant(random.standard_normal(500).astype(np.float32))
    y = 3.0 * x + 2.0 + tf.constant(random.standard_normal(500).astype(np.float32))
    model, losses = Line(), []

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        by_slope, by_offset = tape.gradient(loss, [model.slope, model.offset])
        model.slope.assign_sub(0.1 * by_slope)
        model.offset.assign_sub(0.1 * by_offset)
        return loss

    run = tf.function(step) if compiled else step
    for _ in range(60):
        losses.append(float(run(x, y)))
    assert all(b <= a + 1e-6 for a, b in pairwise(losses))
    assert model.slope.numpy() == pytest.approx(3.0, abs=0.15)
    assert model.offset.numpy() == pytest.approx(2.0, abs=0.15)


def test_a_classifier_learns_the_exclusive_or():
    random = np.random.default_rng(1)
    inputs = tf.constant([[0, 0], [0, 1], [1, 0], [1, 1]], tf.float32)
    labels = tf.constant([0, 1, 1, 0])
    weights = [
        tf.Variable(random.standard_normal((2, 16)).astype(np.float32)),
        tf.Variable(tf.zeros([16])),
        tf.Variable(random.standard_normal((16, 2)).astype(np.float32)),
        tf.Variable(tf.zeros([2])),
    ]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            hidden = tf.tanh(inputs @ weights[0] + weights[1])
            scores = tf.math.log_softmax(hidden @ weights[2] + weights[3])
            loss = -tf.reduce_mean(tf.reduce_sum(tf.one_hot(labels, 2) * scores, axis=1))
        for w, g in zip(weights, tape.gradient(loss, weights), strict=True):
            w.assign_sub(0.5 * g)
        return loss, tf.argmax(scores, axis=1)

    for _ in range(300):
        loss, classes = step()
    assert loss.numpy() < 0.1
    assert classes.numpy().tolist() == [0, 1, 1, 0]


def test_higher_derivatives():
    x = tf.constant(1.5)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.sin(x) * x
        slope = inner.gradient(y, x)
    second = outer.gradient(slope, x).numpy()
    assert second == pytest.approx(2 * np.cos(1.5) - 1.5 * np.sin(1.5), rel=1e-5)


def test_a_function_is_traced_once_for_each_kind_of_argument():
    traces = []

    @tf.function
    def double(x):
        traces.append(x)
        return x + x

    assert double(tf.constant(1.0)).numpy() == 2.0
    assert double(tf.constant(2.0)).numpy() == 4.0
    assert double(tf.constant([1, 2])).numpy().tolist() == [2, 4]
    assert double(3).numpy() == 6
    assert double(3).numpy() == 6
    assert len(traces) == 3


def test_newton_iterations_in_a_compiled_loop():
    @tf.function
    def root(x):
        def body(k, guess):
            return k + 1, 0.5 * (guess + x / guess)

        return tf.while_loop(lambda k, guess: k < 20, body, (tf.constant(0), x))[1]

    x = tf.constant([2.0, 9.0, 100.0])
    np.testing.assert_allclose(root(x), np.sqrt([2.0, 9.0, 100.0]), 1e-6)


def test_import_is_lazy():
    code = (
        "import sys, tensorwright as tf;"
        "assert not any('frontend.tf' in name for name in sys.modules);"
        "tf.constant(1.0); assert 'tensorwright.frontend.tf.elementwise' in sys.modules;"
        "assert 'tensorwright.frontend.tf.keras' not in sys.modules;"
        "assert 'GradientTape' in dir(tf) and 'jit' in dir(tf)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
