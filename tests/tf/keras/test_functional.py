"""Models of inputs and outputs: calls on Keras tensors, what models make of them, training."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorwright as tf

K, L = tf.keras, tf.keras.layers
RNG = np.random.default_rng(5)


def data(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def two_branches() -> Any:
    left, right = K.Input((3,), name="left"), K.Input((5,), name="right")
    joined = L.concatenate([L.Dense(4, activation="tanh")(left), L.Dense(4)(right)])
    return K.Model([left, right], L.Dense(1)(joined))


def test_a_model_of_two_inputs_learns() -> None:
    K.utils.set_random_seed(0)
    x, y = data(256, 3), data(256, 5)
    target = np.tanh(x[:, :1]) - y[:, 1:2]
    model = two_branches()
    model.compile(K.optimizers.Adam(0.02), "mse", metrics=["mae"])
    history = model.fit([x, y], target, epochs=25, batch_size=64, verbose=0).history
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    loss, mae = model.evaluate({"left": x, "right": y}, target, verbose=0)
    assert loss < 0.3 and mae < 0.5
    assert model.predict([x, y], verbose=0).shape == (256, 1)


def test_shapes_and_names() -> None:
    K.backend.clear_session()
    x = K.Input((8, 8, 3))
    y = L.Conv2D(4, 3, padding="same")(x)
    z = y + L.Conv2D(4, 1)(x)
    z = tf.nn.relu(z * 2.0 - 1.0)[:, ::2, 1:]
    z = tf.reduce_mean(tf.reshape(z, [tf.shape(z)[0], -1, 4]), axis=1)
    model = K.Model(x, -z)
    assert x.name == "input_layer" and x.shape == (None, 8, 8, 3) and x.dtype == tf.float32
    assert z.shape == (None, 4)
    assert [op.name for op in model.operations] == [
        "input_layer", "conv2d", "conv2d_1", "add", "multiply", "subtract", "relu", "get_item",
        "shape", "get_item_1", "reshape", "reduce_mean", "negative",
    ]  # fmt: skip
    assert [layer.name for layer in model.layers] == ["input_layer", "conv2d", "conv2d_1"]
    batch = data(2, 8, 8, 3)
    conv, other = model.get_layer("conv2d"), model.get_layer("conv2d_1")
    want = np.maximum((conv(batch).numpy() + other(batch).numpy()) * 2 - 1, 0)[:, ::2, 1:]
    found = model(batch)
    np.testing.assert_allclose(found, -want.reshape((2, -1, 4)).mean(1), rtol=1e-4, atol=1e-5)
