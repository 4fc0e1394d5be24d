"""Layers that compute in halves with weights of float32; scaled losses."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tf

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 10)).astype(np.float32)
Y = (X @ RNG.standard_normal((10, 3))).argmax(axis=1)
HALVES = {"mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}


@pytest.fixture(params=HALVES)
def policy(request):
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy(None)


def model() -> tf.keras.Model:
    return tf.keras.Sequential(
        [
            tf.keras.layers.Dense(32, activation="relu"),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.Dropout(0.1),
            tf.keras.layers.Dense(3),
        ]
    )


def test_layers_compute_in_halves(policy):
    layer = tf.keras.layers.Dense(4)
    found = layer(X)
    assert found.dtype is HALVES[policy]
    assert layer.kernel.dtype == tf.float32 and layer.kernel.numpy().dtype == np.float32
    assert (layer.compute_dtype, layer.variable_dtype) == (HALVES[policy].name, "float32")
    expected = X @ layer.kernel.numpy()
    np.testing.assert_allclose(found.numpy().astype(np.float32), expected, rtol=0.1, atol=0.05)
    assert (layer.kernel + 0.0).dtype == tf.float32  # outside of the layer it is as it is


def test_weights_have_gradients_of_their_own_dtype(policy):
    net = model()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(X, training=True) ** 2)
    gradients = tape.gradient(loss, net.trainable_variables)
    assert {g.dtype for g in gradients} == {tf.float32}


def test_training_learns(policy):
    tf.keras.utils.set_random_seed(1)
    net = model()
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile("adam", loss, metrics=["accuracy"])
    net.optimizer.learning_rate = 0.01
    scaled = isinstance(net.optimizer, tf.keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    history = net.fit(X, Y, epochs=30, batch_size=16, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] > 0.9
    assert net.predict(X, verbose=0).dtype == HALVES[policy].as_numpy_dtype
    assert {v.dtype.name for v in net.trainable_variables} == {"float32"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.keras.layers.Conv2D(4, 3),
        lambda: tf.keras.layers.DepthwiseConv2D(3),
        lambda: tf.keras.layers.LayerNormalization(),
        lambda: tf.keras.layers.MaxPooling2D(),
        lambda: tf.keras.layers.AveragePooling2D(),
        lambda: tf.keras.layers.Activation("softmax"),
        lambda: tf.keras.layers.GlobalAveragePooling2D(),
        lambda: tf.keras.layers.Flatten(),
        lambda: tf.keras.layers.UpSampling2D(),
    ],
)
def test_layers_of_images(policy, make):
    images = RNG.standard_normal((2, 8, 8, 3)).astype(np.float32)
    found = make()(images)
    assert found.dtype is HALVES[policy]
    assert np.isfinite(found.numpy().astype(np.float32)).all()


@pytest.mark.parametrize("make", [tf.keras.layers.LSTM, tf.keras.layers.GRU])
def test_recurrent_layers(policy, make):
    x = RNG.standard_normal((2, 5, 3)).astype(np.float32)
    layer = make(4, return_sequences=True)
    found = layer(x)
    assert found.dtype is HALVES[policy]
    tf.keras.mixed_precision.set_global_policy(None)
    wide = make(4, return_sequences=True)
    wide.build(x.shape)
    assert len(wide.weights) == 3
    wide.set_weights(layer.get_weights())
    np.testing.assert_allclose(found.numpy().astype(np.float32), wide(x).numpy(), atol=0.03)


def test_attention_and_embedding(policy):
    x = RNG.integers(0, 9, (2, 5))
    embedded = tf.keras.layers.Embedding(9, 8)(x)
    assert embedded.dtype is HALVES[policy]
    found = tf.keras.layers.MultiHeadAttention(2, 4)(embedded, embedded)
    assert found.dtype is HALVES[policy]


def test_one_layer_may_have_a_policy_of_its_own():
    layer = tf.keras.layers.Dense(2, dtype="mixed_bfloat16")
    assert layer(X).dtype is tf.bfloat16
    assert tf.keras.layers.Dense(2)(X).dtype is tf.float32
    again = type(layer).from_config(layer.get_config())
    assert again.dtype_policy == tf.keras.mixed_precision.Policy("mixed_bfloat16")


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match=r"'mixed_float8'.*'mixed_bfloat16'"):
        tf.keras.mixed_precision.Policy("mixed_float8")


# -- scaled losses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clipnorm": 1.0}, "does not support `clipnorm`: give `clipnorm` to the optimizer inside"),
        ({"clipvalue": 1.0}, "does not support `clipvalue`"),
        ({"global_clipnorm": 1.0}, "does not support `global_clipnorm`"),
        ({"weight_decay": 0.1}, "does not support `weight_decay`"),
        ({"use_ema": True}, "does not support `use_ema`"),
        ({"ema_momentum": 0.5}, "does not support `ema_momentum`"),
        ({"learning_rate": 0.5}, r"does not support the arguments \['learning_rate'\]"),
        ({"dynamic": False}, "has a dynamic scale alone"),
    ],
)
def test_options_of_the_optimizer_inside(options, message):
    inner = tf.keras.optimizers.SGD(0.5)
    with pytest.raises(ValueError, match=message):
        tf.keras.optimizers.LossScaleOptimizer(inner, **options)
    tf.keras.optimizers.LossScaleOptimizer(inner, clipnorm=None, use_ema=False, dynamic=True)


@pytest.mark.parametrize("traced", [False, True])
def test_infinite_gradients_are_left_out(traced):
    v = tf.Variable([1.0, 2.0])
    optimizer = tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.SGD(0.5), 8.0, 2)

    def step(gradient):
        optimizer.apply_gradients([(gradient, v)])

    run = tf.function(step) if traced else step
    optimizer.build([v])
    run(tf.constant([8.0, 8.0]))
    np.testing.assert_allclose(v.numpy(), [0.5, 1.5])
    run(tf.constant([np.inf, 8.0]))
    np.testing.assert_allclose(v.numpy(), [0.5, 1.5])
    assert float(optimizer.dynamic_scale) == 4.0 and int(optimizer.iterations) == 1
    run(tf.constant([4.0, 4.0]))
    run(tf.constant([4.0, 4.0]))
    np.testing.assert_allclose(v.numpy(), [-0.5, 0.5])
    assert float(optimizer.dynamic_scale) == 8.0 and int(optimizer.step_counter) == 0


def test_small_gradients_survive_in_float16():
    v = tf.Variable(np.float32(1.0))
    optimizer = tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.SGD(1e6))
    with tf.GradientTape() as tape:
        half = tf.cast(v, tf.float16)
        loss = optimizer.scale_loss(tf.cast(half * np.float16(1e-4), tf.float32) * 1e-4)
    optimizer.apply_gradients([(tape.gradient(loss, v), v)])
    np.testing.assert_allclose(v.numpy(), 1 - 1e-2, rtol=1e-3)


def test_weights_of_the_optimiser_inside_are_saved_and_restored():
    def made():
        return tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.Adam(0.1))

    optimizer, again = made(), made()
    variables = [tf.Variable([1.0, 2.0]), tf.Variable([1.0, 2.0])]
    optimizer.apply_gradients([(tf.constant([3.0, 4.0]), variables[0])])
    again.build(variables[1:])
    again.set_weights(optimizer.get_weights())
    for one, other in zip(optimizer.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert int(again.iterations) == 1
