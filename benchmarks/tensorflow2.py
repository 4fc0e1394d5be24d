"""`python -m benchmarks.tensorflow2`: the same TensorFlow 2 programs under both modules.

python -m benchmarks.tensorflow2 --tensorflow-python PATH   # a Python that has TensorFlow
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .side_by_side import Comparison, main

# name -> (target, of TensorFlow's time or in seconds)
TARGETS = {
    "eager add, 8 elements": (0.5, "x"),
    "linear step": (3e-6, "s"),
    "mlp step": (0.9, "x"),
    "cnn step": (1.0, "x"),
    "keras step": (1.0, "x"),
    "keras fit, 10 steps": (1.0, "x"),
    "dropout, 2^22 elements": (1.0, "x"),
    "normal, 2^22 elements": (1.0, "x"),
}


# -- the programs -------------------------------------------------------------------------------


def eager_add(tf: Any) -> Callable[[], Any]:
    """One eager op on 8 elements."""
    x = tf.constant(np.arange(8, dtype=np.float32))
    return lambda: x + x


def eager_gradient(tf: Any) -> Callable[[], Any]:
    """The gradient of a linear model, op by op on a tape."""
    w, b = tf.Variable(5.0), tf.Variable(0.0)
    x, y = tf.constant([1.0, 2.0, 3.0, 4.0]), tf.constant([0.0, -1.0, -2.0, -3.0])

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(w * x + b - y))
        return tape.gradient(loss, [w, b])

    return gradient


def linear_step(tf: Any) -> Callable[[], Any]:
    """A training step of a linear model, compiled: variables, a tape, two assign_sub."""
    w, b = tf.Variable(5.0), tf.Variable(0.0)
    x, y = tf.constant([1.0, 2.0, 3.0, 4.0]), tf.constant([0.0, -1.0, -2.0, -3.0])

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(w * x + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.01 * dw)
        b.assign_sub(0.01 * db)
        return loss

    return lambda: step(x, y)


def adam(tf: Any, weights: Any, first: Any, second: Any, gradients: Any) -> None:
    """An update, without the correction of the moments."""
    for w, m, v, g in zip(weights, first, second, gradients, strict=True):
        m.assign(0.9 * m + 0.1 * g)
        v.assign(0.999 * v + 0.001 * g * g)
        w.assign_sub(0.001 * m / (tf.sqrt(v) + 1e-7))


def mlp_step(tf: Any) -> Callable[[], Any]:
    """784-128-10 with ReLU, batch 128: loss, gradient, Adam update."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (784, 128), "b1": (128,), "w2": (128, 10), "b2": (10,)}
    weights = [
        tf.Variable((rng.normal(size=s) / np.sqrt(s[0])).astype(np.float32))
        for s in shapes.values()
    ]
    first = [tf.Variable(np.zeros(s, np.float32)) for s in shapes.values()]
    second = [tf.Variable(np.zeros(s, np.float32)) for s in shapes.values()]
    images = tf.constant(rng.normal(size=(128, 784)).astype(np.float32))
    labels = tf.constant(np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)])

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            hidden = tf.maximum(tf.matmul(x, weights[0]) + weights[1], 0.0)
            logits = tf.matmul(hidden, weights[2]) + weights[3]
            shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
            total = tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=1))
            loss = tf.reduce_mean(total - tf.reduce_sum(shifted * y, axis=1))
        gradients = tape.gradient(loss, weights)
        adam(tf, weights, first, second, gradients)
        return loss

    return lambda: step(images, labels)


def cnn_step(tf: Any) -> Callable[[], Any]:
    """Convolutions 5x5x32 and 5x5x64 with pooling, 1024, 10 on 28x28 images, batch 128: Adam."""
    rng = np.random.default_rng(0)
    shapes = [(5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 1024), (1024,), (1024, 10), (10,)]
    weights = [
        tf.Variable((0.05 * rng.normal(size=s)).astype(np.float32) * (len(s) > 1)) for s in shapes
    ]
    first = [tf.Variable(np.zeros(s, np.float32)) for s in shapes]
    second = [tf.Variable(np.zeros(s, np.float32)) for s in shapes]
    images = tf.constant(rng.normal(size=(128, 28, 28, 1)).astype(np.float32))
    labels = tf.constant(np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)])

    def layer(x: Any, w: Any, b: Any) -> Any:
        found = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w, strides=1, padding="SAME"), b))
        return tf.nn.max_pool2d(found, 2, 2, "SAME")

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            pooled = layer(layer(x, weights[0], weights[1]), weights[2], weights[3])
            flat = tf.reshape(pooled, [-1, 3136])
            hidden = tf.nn.relu(tf.matmul(flat, weights[4]) + weights[5])
            logits = tf.matmul(hidden, weights[6]) + weights[7]
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits))
        gradients = tape.gradient(loss, weights)
        adam(tf, weights, first, second, gradients)
        return loss

    return lambda: step(images, labels)


def _keras_model(tf: Any) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """784-128-10 made of layers, its loss, and 1280 examples."""
    rng = np.random.default_rng(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Dense(128, activation="relu"), layers.Dense(10)])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    images = rng.normal(size=(1280, 784)).astype(np.float32)
    return model, loss, images, rng.integers(0, 10, 1280)


def keras_step(tf: Any) -> Callable[[], Any]:
    """The step of `mlp_step` with layers, a loss and an optimiser of Keras."""
    model, loss_of, images, labels = _keras_model(tf)
    x, y = tf.constant(images[:128]), tf.constant(labels[:128])
    optimizer = tf.keras.optimizers.Adam(0.001)
    model(x)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return lambda: step(x, y)


def keras_fit(tf: Any) -> Callable[[], Any]:
    """An epoch of ten such steps by `fit`, with accuracy."""
    model, loss, images, labels = _keras_model(tf)
    model.compile(tf.keras.optimizers.Adam(0.001), loss, metrics=["accuracy"])
    return lambda: model.fit(images, labels, batch_size=128, verbose=0)


_MANY = 1 << 22


def dropout(tf: Any) -> Callable[[], Any]:
    """Dropout of half of the elements, compiled."""
    x = tf.constant(np.ones(_MANY, np.float32))
    drop = tf.function(lambda x: tf.nn.dropout(x, 0.5))
    return lambda: drop(x)


def normal(tf: Any) -> Callable[[], Any]:
    """Normally distributed numbers, compiled."""
    return tf.function(lambda: tf.random.normal([_MANY]))  # type: ignore[no-any-return]


PROGRAMS = {
    "eager add, 8 elements": eager_add,
    "eager gradient": eager_gradient,
    "linear step": linear_step,
    "mlp step": mlp_step,
    "cnn step": cnn_step,
    "keras step": keras_step,
    "keras fit, 10 steps": keras_fit,
    "dropout, 2^22 elements": dropout,
    "normal, 2^22 elements": normal,
}

COMPARISON = Comparison("tensorflow2", "tensorwright", "tensorflow", PROGRAMS, TARGETS)

if __name__ == "__main__":
    sys.exit(main(COMPARISON, __doc__, sys.argv[1:]))
