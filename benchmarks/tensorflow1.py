"""`python -m benchmarks.tensorflow1`: the same TensorFlow 1 programs under both modules.

python -m benchmarks.tensorflow1 --tensorflow-python PATH   # a Python that has TensorFlow
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .side_by_side import Comparison, main

# name -> (target, of TensorFlow's time or in seconds)
TARGETS = {
    "linear regression, a step": (6e-6, "s"),
    "two layers, 1000 steps": (0.05, "x"),
    "graph, session, first run": (30e-3, "s"),
}


def _graph(tf: Any) -> Any:
    """A graph that is empty; in TensorFlow 2, calls have to be told to build."""
    tf.disable_v2_behavior()
    return tf.Graph()


def _linear(tf: Any) -> tuple[Any, Any, Any]:
    """The training step of W * x + b, and its placeholders."""
    w = tf.Variable([0.3], dtype=tf.float32)
    b = tf.Variable([-0.3], dtype=tf.float32)
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    loss = tf.reduce_sum(tf.square(w * x + b - y))
    return tf.train.GradientDescentOptimizer(0.01).minimize(loss), x, y


def linear_step(tf: Any) -> Callable[[], Any]:
    """A step on four points, fed as lists: nothing but overhead."""
    with _graph(tf).as_default():
        train, x, y = _linear(tf)
        session = tf.Session()
        session.run(tf.global_variables_initializer())
    return lambda: session.run(train, {x: [1, 2, 3, 4], y: [0, -1, -2, -3]})


def _two_layers(tf: Any) -> tuple[Callable[[Any, Any], Any], np.ndarray, np.ndarray]:
    """A step of 2-20-1 with ReLU on a batch, and 1000 points with their values."""
    rng = np.random.RandomState(0)
    points = rng.uniform(-2, 2, (1000, 2))
    values = (np.sin(1.57 * points[:, 0]) * np.cos(0.785 * points[:, 1]))[:, None]
    with _graph(tf).as_default():
        x, y = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 1])
        w1, b1 = tf.Variable(tf.truncated_normal([2, 20], stddev=0.5)), tf.Variable(tf.zeros([20]))
        w2, b2 = tf.Variable(tf.truncated_normal([20, 1], stddev=0.5)), tf.Variable(0.0)
        hidden = tf.nn.relu(tf.add(tf.matmul(x, w1), b1))
        loss = tf.reduce_mean(tf.square(tf.add(tf.matmul(hidden, w2), b2) - y))
        train = tf.train.GradientDescentOptimizer(1e-3).minimize(loss)
        session = tf.Session()
        session.run(tf.global_variables_initializer())
    return lambda batch, wanted: session.run(train, {x: batch, y: wanted}), points, values


def two_layers(tf: Any) -> Callable[[], Any]:
    """1000 steps; batches of 10 are drawn by NumPy as the program does it."""
    step, points, values = _two_layers(tf)
    rng = np.random.RandomState(1)

    def steps() -> None:
        for _ in range(1000):
            chosen = rng.permutation(1000)[:10]
            step(points[chosen], values[chosen])

    return steps


def two_layers_step(tf: Any) -> Callable[[], Any]:
    """One such step, without NumPy's permutation of 1000 numbers."""
    step, points, values = _two_layers(tf)
    return lambda: step(points[:10], values[:10])


def first_run(tf: Any) -> Callable[[], Any]:
    """A graph of a few ops is made and run once, in a new session."""

    def run() -> Any:
        with _graph(tf).as_default(), tf.Session() as session:
            a, x = tf.constant(3.0), tf.placeholder(tf.float32)
            return session.run(tf.sqrt(a * a + x * x), {x: [4.0, 5.0]})

    return run


def first_step(tf: Any) -> Callable[[], Any]:
    """As `first_run`, with gradients and variables."""

    def run() -> Any:
        with _graph(tf).as_default(), tf.Session() as session:
            train, x, y = _linear(tf)
            session.run(tf.global_variables_initializer())
            return session.run(train, {x: [1, 2, 3, 4], y: [0, -1, -2, -3]})

    return run


PROGRAMS = {
    "linear regression, a step": linear_step,
    "two layers, 1000 steps": two_layers,
    "two layers, a step": two_layers_step,
    "graph, session, first run": first_run,
    "graph, session, first step": first_step,
}

COMPARISON = Comparison(
    "tensorflow1", "tensorwright.compat.v1", "tensorflow.compat.v1", PROGRAMS, TARGETS
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON, __doc__, sys.argv[1:]))
