"""Models of inputs and outputs: calls on Keras tensors, what models make of them, training."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

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
    assert x.name == "keras_tensor" and x.shape == (None, 8, 8, 3) and x.dtype == tf.float32
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


# -- structure ------------------------------------------------------------------------------------


def small(**options: Any) -> Any:
    x = K.Input((4,), name="x")
    y = L.Dense(8, activation="relu", name="inner")(x)
    return K.Model(x, L.Dense(2, name="last")(L.Dropout(0.3)(y)), **options)


def test_a_model_tells_its_structure() -> None:
    model = small(name="small")
    assert isinstance(model, K.Model) and model.name == "small" and model.built
    assert type(model).__name__ == "Functional"
    assert [t.name for t in model.inputs] == ["x"] and model.input is model.inputs[0]
    assert model.output is model.get_layer("last").output
    assert model.input_shape == (None, 4) and model.output_shape == (None, 2)
    assert model.output_names == ["last"]
    assert model.get_layer("inner").input is model.input
    assert [tuple(w.shape) for w in model.weights] == [(4, 8), (8,), (8, 2), (2,)]
    features = K.Model(model.inputs, model.get_layer("inner").output)
    assert features(data(3, 4)).shape == (3, 8)
    assert features.get_layer("inner") is model.get_layer("inner")


def test_summary_with_connections(capsys: Any) -> None:
    K.backend.clear_session()
    x = K.Input((4,), name="x")
    y = L.Dense(4)(x)
    K.Model(x, L.Add()([x, y * 2.0])).summary(line_length=80)
    assert capsys.readouterr().out.splitlines() == [
        'Model: "functional"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)          ┃ Output Shape      ┃     Param # ┃ Connected to       ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━┩",
        "│ x (InputLayer)        │ (None, 4)         │           0 │ -                  │",
        "├───────────────────────┼───────────────────┼─────────────┼────────────────────┤",
        "│ dense (Dense)         │ (None, 4)         │          20 │ x[0][0]            │",
        "├───────────────────────┼───────────────────┼─────────────┼────────────────────┤",
        "│ multiply (Multiply)   │ (None, 4)         │           0 │ dense[0][0]        │",
        "├───────────────────────┼───────────────────┼─────────────┼────────────────────┤",
        "│ add (Add)             │ (None, 4)         │           0 │ x[0][0],           │",
        "│                       │                   │             │ multiply[0][0]     │",
        "└───────────────────────┴───────────────────┴─────────────┴────────────────────┘",
        " Total params: 20 (80.00 B)",
        " Trainable params: 20 (80.00 B)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_summary_of_nested_and_frozen_layers() -> None:
    x = K.Input((4,), name="x")
    inner = K.Sequential([K.Input((4,)), L.Dense(3, name="first")], name="inner")
    inner.trainable = False
    model = K.Model(x, L.Dense(1, name="second")(inner(x)))
    lines: list[str] = []
    model.summary(print_fn=lines.append, expand_nested=True, show_trainable=True, line_length=100)
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert rows == [
        ["x (InputLayer)", "(None, 4)", "0", "-"],
        ["inner (Sequential)", "(None, 3)", "15", "N"],
        ["└ first (Dense)", "(None, 3)", "15", "N"],
        ["second (Dense)", "(None, 1)", "4", "Y"],
    ]
    lines.clear()
    model.summary(print_fn=lines.append, layer_range=["inn", "inn"])
    assert sum("(Dense)" in line or "(Sequential)" in line for line in lines) == 1
    with pytest.raises(ValueError, match="Insufficient"):
        model.summary(line_length=10)


def test_structures_of_inputs_and_outputs() -> None:
    a, b = K.Input((2,), name="a"), K.Input((2,), name="b")
    model = K.Model({"b": b, "a": a}, {"sum": a + b, "parts": [a - b, a]})
    x, y = data(3, 2), data(3, 2)
    found = model({"a": x, "b": y})
    np.testing.assert_array_equal(found["sum"], x + y)
    np.testing.assert_array_equal(found["parts"][0], x - y)
    np.testing.assert_array_equal(model([x, y])["sum"], x + y)
    predicted = model.predict({"a": x, "b": y, "more": x}, verbose=0)
    np.testing.assert_array_equal(predicted["parts"][1], x)
    listed = K.Model([a, b], [a - b])
    np.testing.assert_array_equal(listed({"b": y, "a": x})[0], x - y)


def test_inputs_are_made_to_fit() -> None:
    x = K.Input((3, 1))
    model = K.Model(x, x * 2.0)
    assert model(np.ones((2, 3))).shape == (2, 3, 1)  # float64, and an axis less
    ids = K.Input((3,), dtype="int32")
    assert K.Model(ids, ids + 1)(np.ones((2, 3))).dtype == tf.int32


def test_layers_and_models_are_shared() -> None:
    code = K.Input((3,))
    decoder = K.Model(code, L.Dense(6)(code), name="decoder")
    x = K.Input((6,))
    first, second = L.Dense(3)(x), L.Dense(3)(x)
    model = K.Model(x, [decoder(first), decoder(second)])
    assert model.layers[-1] is decoder and len(model.weights) == 6
    batch = data(5, 6)
    encoders = [layer for layer in model.layers if isinstance(layer, L.Dense)]
    for found, encoder in zip(model(batch), encoders, strict=True):
        np.testing.assert_allclose(found, decoder(encoder(batch)), rtol=1e-5, atol=1e-6)


def test_a_part_of_a_model() -> None:
    x = K.Input((3,))
    y = L.Dense(4)(x)
    z = L.Dense(2)(y)
    head = K.Model(y, z)
    assert len(head.layers) == 1 and head.input_shape == (None, 4)
    whole, batch = K.Model(x, [y, z]), data(5, 3)
    middle, end = whole(batch)
    np.testing.assert_allclose(head(middle), end, rtol=1e-5)
    with pytest.raises(ValueError, match="not connected"):
        K.Model(z, y)


def test_sequential_models_as_layers() -> None:
    inner = K.Sequential([L.Dense(4, activation="relu"), L.Dense(2)])
    with pytest.raises(AttributeError, match="no defined input"):
        _ = inner.output
    x = K.Input((3,))
    model = K.Model(x, inner(x))  # which tells it what it is called with
    assert inner.output.shape == (None, 2) and inner.layers[0].output.shape == (None, 4)
    hidden = K.Model(inner.inputs, inner.layers[0].output)
    batch = data(5, 3)
    np.testing.assert_allclose(inner.layers[1](hidden(batch)), model(batch), rtol=1e-5)


def test_models_at_the_beginning_of_sequences() -> None:
    base = small()
    model = K.Sequential([base, L.Dense(3)])
    assert model.output_shape == (None, 3) and model.inputs[0].shape == (None, 4)
    model.add(L.Dense(1))
    assert model.output_shape == (None, 1) and model(data(2, 4)).shape == (2, 1)


def test_a_frozen_part_keeps_its_weights() -> None:
    base = small()
    base.trainable = False
    x = K.Input((4,))
    model = K.Model(x, L.Dense(1)(base(x, training=False)))
    assert len(model.trainable_weights) == 2 and len(model.weights) == 6
    before = base.get_weights()
    model.compile("sgd", "mse")
    model.fit(data(16, 4), data(16, 1), verbose=0)
    for a, b in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_functions_of_tensors_on_keras_tensors() -> None:
    x = K.Input((None, 4), batch_size=2)
    shapes = {
        "concat": tf.concat([x, tf.zeros((tf.shape(x)[0], 1, 4))], 1),
        "transpose": tf.transpose(x, [0, 2, 1]),
        "stack": tf.stack([x, x], axis=1),
        "split": tf.split(x, 2, axis=-1)[1],
        "einsum": tf.einsum("bij,bkj->bik", x, x),
        "tile": tf.tile(x, [1, 1, 3]),
        "top_k": tf.nn.top_k(x, 2).values,
        "where": tf.where(x > 0, x, tf.zeros_like(x)),
        "reshape": tf.reshape(x, (2, -1, 2)),
        "stop": x + tf.stop_gradient(tf.math.sin(x)),
        "constants": tf.constant(1.0) / x + np.ones(4, np.float32),
    }
    assert {k: tuple(v.shape) for k, v in shapes.items()} == {
        "concat": (2, None, 4), "transpose": (2, 4, None), "stack": (2, 2, None, 4),
        "split": (2, None, 2), "einsum": (2, None, None), "tile": (2, None, 12),
        "top_k": (2, None, 2), "where": (2, None, 4), "reshape": (2, None, 2),
        "stop": (2, None, 4), "constants": (2, None, 4),
    }  # fmt: skip
    found = K.Model(x, shapes)(data(2, 3, 4))
    assert tuple(found["reshape"].shape) == (2, 6, 2)
    with pytest.raises(ValueError, match="not known"):
        tf.unstack(x, axis=1)


def test_a_compiled_function_on_keras_tensors() -> None:
    @tf.function
    def twice(x: Any) -> Any:
        return x * 2

    x = K.Input((3,))
    model = K.Model(x, twice(x))
    np.testing.assert_array_equal(model(np.ones((2, 3))), np.full((2, 3), 2.0))
    with pytest.raises(ValueError, match="no public name"):
        model.get_config()


def test_random_numbers_are_drawn_in_each_call() -> None:
    mean = K.Input((4,))
    model = K.Model(mean, mean + tf.random.normal(tf.shape(mean)))
    x = np.zeros((3, 4), np.float32)
    assert not np.allclose(model(x), model(x))
    assert not np.allclose(model.predict(x, verbose=0), model.predict(x, verbose=0))


# -- training -------------------------------------------------------------------------------------


def two_outputs(as_dict: bool = False) -> Any:
    a, b = K.Input((3,), name="a"), K.Input((3,), name="b")
    hidden = L.Dense(8, activation="tanh")(L.Concatenate()([a, b]))
    size, kind = L.Dense(1, name="size")(hidden), L.Dense(3, name="kind")(hidden)
    return K.Model([a, b], {"size": size, "kind": kind} if as_dict else [size, kind])


@pytest.mark.parametrize("as_dict", [False, True])
def test_losses_and_metrics_by_name(as_dict: bool) -> None:
    model = two_outputs(as_dict)
    x = [data(32, 3), data(32, 3)]
    y = {"size": data(32, 1), "kind": RNG.integers(0, 3, 32)}
    entropy = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "sgd",
        {"size": "mse", "kind": entropy},
        loss_weights={"size": 0.5, "kind": 2.0},
        metrics={"kind": ["accuracy", K.metrics.SparseTopKCategoricalAccuracy(2, name="top")]},
        weighted_metrics={"size": "mae"},
    )
    history = model.fit(x, y, epochs=2, verbose=0).history
    names = ["kind_accuracy", "kind_loss", "kind_top", "loss", "size_loss", "size_mae"]
    assert sorted(history) == names
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert np.isclose(logs["loss"], 0.5 * logs["size_loss"] + 2 * logs["kind_loss"], rtol=1e-5)
    first = ["kind_loss", "size_loss"] if as_dict else ["size_loss", "kind_loss"]
    order = ["loss", *first, "kind_accuracy", "kind_top", "size_mae"]
    assert model.evaluate(x, y, verbose=0) == [logs[k] for k in order]
    weights = {"size": np.zeros(32), "kind": np.ones(32)}
    model.fit(x, y, sample_weight=weights, verbose=0)
    found = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    assert found["size_loss"] == 0 and found["kind_loss"] > 0


def test_losses_and_metrics_in_lists() -> None:
    model = two_outputs()
    x, y = [data(8, 3), data(8, 3)], [data(8, 1), data(8, 3)]
    model.compile("sgd", ["mse", None], metrics=["mae", ["mse", "mae"]])
    history = model.fit(x, y, verbose=0).history
    assert sorted(history) == ["kind_mae", "kind_mse", "loss", "size_loss", "size_mae"]
    for metrics in (["mae"], {"other": "mae"}):
        model.compile("sgd", "mse", metrics=metrics)
        with pytest.raises(ValueError, match="metrics"):
            model.fit(x, y, verbose=0)
    model.compile("sgd", {"size": "mse", "other": "mse"})
    with pytest.raises(ValueError, match="Expected keys"):
        model.fit(x, y, verbose=0)


def test_a_step_is_one_program() -> None:
    model = two_outputs()
    model.compile("adam", "mse")
    model.fit([data(64, 3), data(64, 3)], [data(64, 1), data(64, 3)], verbose=0, epochs=2)
    assert [f.experimental_get_tracing_count() for f in model._compiled.steps.values()] == [1]


def test_datasets_of_named_inputs() -> None:
    model = two_outputs()
    given = ({"b": data(32, 3), "a": data(32, 3)}, (data(32, 1), data(32, 3)))
    batches = tf.data.Dataset.from_tensor_slices(given).batch(8)
    model.compile("sgd", "mse")
    assert len(model.fit(batches, verbose=0).history) == 3
    assert [x.shape for x in model.predict(batches, verbose=0)] == [(32, 1), (32, 3)]


def test_steps_of_ones_own() -> None:
    class Own(K.Model):
        def train_step(self, batch: Any) -> Any:
            x, y = batch
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
            slopes = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
            return {"mine": loss}

    x = K.Input((4,))
    model = Own(inputs=x, outputs=L.Dense(2)(x))
    assert model.name.startswith("own")
    model.compile("sgd")
    values = model.fit(data(32, 4), data(32, 2), epochs=3, verbose=0).history["mine"]
    assert values[-1] < values[0]


def test_attributes_may_have_the_names_of_properties() -> None:
    class Own(K.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inputs, self.output = 3, L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.output(x)

    model = Own()
    assert model(data(2, 3)).shape == (2, 2) and model.inputs == 3
    assert len(model.weights) == 2


def test_training_reaches_the_layers() -> None:
    x = K.Input((100,))
    always = K.Model(x, L.Dropout(0.5)(x, training=True))
    ones = np.ones((2, 100), np.float32)
    assert (always(ones).numpy() == 0).any()
    # as in Keras, what the model is told counts more than what the call was told
    assert (always(ones, training=False).numpy() == 1).all()
    usual = K.Model(x, L.Dropout(0.5)(x))
    assert (usual(ones).numpy() == 1).all() and (usual(ones, training=True).numpy() == 0).any()


def test_masks_go_along() -> None:
    ids = K.Input((None,), dtype="int32")
    y = L.Embedding(10, 4, mask_zero=True)(ids)
    y = L.Dropout(0.1)(L.Add()([y, y]))
    model = K.Model(ids, L.LSTM(3)(y))
    long, short = model(np.array([[1, 2, 0, 0]])), model(np.array([[1, 2]]))
    np.testing.assert_allclose(long, short, rtol=1e-5)


def test_attention_with_a_mask_of_steps() -> None:
    query, value = K.Input((None, 8)), K.Input((None, 8))
    mask = K.Input((None, None), dtype="bool")
    attention = L.MultiHeadAttention(2, 4)
    found, scores = attention(query, value, attention_mask=mask, return_attention_scores=True)
    assert found.shape == (None, None, 8) and scores.shape == (None, 2, None, None)
    model = K.Model([query, value, mask], [found, scores])
    given = [data(2, 3, 8), data(2, 5, 8), np.tri(3, 5, dtype=bool)[None].repeat(2, 0)]
    assert model(given)[1].numpy()[:, :, 0, 1:].max() < 1e-6


def test_causal_attention_over_any_number_of_steps() -> None:
    x = K.Input((None, 8))
    y = L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    model, batch = K.Model(x, y), data(2, 5, 8)
    assert y.shape == (None, None, 8)
    np.testing.assert_allclose(model(batch)[:, :3], model(batch[:, :3]), rtol=1e-4, atol=1e-5)


def test_mixed_precision() -> None:
    K.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        x = K.Input((4,))
        y = L.Dense(8, activation="relu")(x)
        model = K.Model(x, L.Dense(2, dtype="float32")(y))
        model.compile("adam", "mse")
        assert np.isfinite(model.fit(data(8, 4), data(8, 2), verbose=0).history["loss"][0])
    finally:
        K.mixed_precision.set_global_policy(None)
    assert (x.dtype, y.dtype, model.output.dtype) == (tf.float32, tf.bfloat16, tf.float32)
    assert model.layers[1].kernel.dtype == tf.float32


def test_states_are_kept_between_batches() -> None:
    x = K.Input((5, 3), batch_size=2)
    layer = L.LSTM(4, stateful=True)
    model, batch = K.Model(x, layer(x)), data(2, 5, 3)
    assert not layer.states[0].numpy().any()
    first = model.predict(batch, verbose=0)
    assert not np.allclose(model.predict(batch, verbose=0), first)
    layer.reset_states()
    np.testing.assert_array_equal(model.predict(batch, verbose=0), first)


def test_penalties_count_once_for_each_call() -> None:
    x = K.Input((3,))
    layer = L.Dense(3, activity_regularizer="l2", kernel_regularizer="l2")
    model = K.Model(x, layer(x))
    assert len(model.losses) == 1  # of the kernel; that of the output needs one
    model.compile("sgd", "mse")
    batch = data(8, 3)
    loss = model.test_on_batch(batch, model(batch))
    own = 0.01 * (np.square(layer.kernel.numpy()).sum() + np.square(model(batch)).sum())
    assert np.isclose(loss, own, rtol=1e-4)


# -- configurations and files ---------------------------------------------------------------------


def test_configurations() -> None:
    x, y = K.Input((4,), name="x"), K.Input((4,), name="y")
    shared = L.Dense(3, activation="tanh", name="shared")
    inner = K.Model(code := K.Input((3,)), tf.nn.softmax(code * 2.0), name="inner")
    part = tf.reduce_sum(tf.reshape(shared(x), [-1, 3, 1])[:, 1:], axis=[1, 2])
    model = K.Model({"x": x, "y": y}, [inner(shared(y) - 1.0), part], name="whole")
    config = model.get_config()
    assert config["input_layers"] == {"x": ["x", 0, 0], "y": ["y", 0, 0]}
    again = K.Model.from_config(config)
    assert again.name == "whole" and type(again) is type(model)
    copies = [again, K.models.clone_model(model)]
    batch = {"x": data(5, 4), "y": data(5, 4)}
    for other in copies:
        assert [op.name for op in other.operations] == [op.name for op in model.operations]
        assert other.get_layer("shared") is not shared
        other.set_weights(model.get_weights())
        for found, expected in zip(other(batch), model(batch), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_clones_with_other_layers_and_inputs() -> None:
    model = small()

    def wider(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | ({"units": 3} if layer.name == "last" else {}))

    assert K.models.clone_model(model, clone_function=wider).output_shape == (None, 3)
    x = K.Input((4,), batch_size=7)
    assert K.models.clone_model(model, input_tensors=x).output_shape == (7, 2)


def test_weights_checkpoints_and_callbacks(tmp_path: Any) -> None:
    model, other, x = small(), small(), data(8, 4)
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(model(x), other(x))
    third = small()
    saved = tf.train.Checkpoint(model=model).save(str(tmp_path / "c"))
    tf.train.Checkpoint(model=third).restore(saved)
    np.testing.assert_array_equal(model(x), third(x))
    model.compile("sgd", "mse")
    path = tmp_path / "b.weights.h5"
    keep = K.callbacks.ModelCheckpoint(str(path), save_weights_only=True)
    model.fit(x, data(8, 2), verbose=0, callbacks=[keep, K.callbacks.EarlyStopping("loss")])
    assert path.exists()


# -- refusals -------------------------------------------------------------------------------------


def test_keras_tensors_have_no_values() -> None:
    x = K.Input((3,), name="x")
    assert repr(x) == (
        "<KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=x>"
    )
    assert x == x and len({x, x}) == 1 and (x != x).dtype == tf.bool
    for use, error, words in (
        (bool, TypeError, "cannot be used as a boolean"),
        (float, ValueError, "cannot convert it to float"),
        (np.asarray, ValueError, "NumPy array"),
        (list, NotImplementedError, "Iterating"),
        (len, TypeError, "no len"),
        (range, ValueError, "an index"),
        (lambda x: x.numpy(), AttributeError, "no attribute 'numpy'"),
        (lambda x: tf.Variable(1.0) + x, TypeError, "the `call` of a layer"),
        (lambda x: L.Lambda(lambda y: y + x)(x + 1.0), TypeError, "as an argument"),
    ):
        with pytest.raises(error, match=words):
            use(x)


def test_models_that_cannot_be() -> None:
    x, y = K.Input((3,), name="x"), K.Input((3,), name="y")
    model = K.Model([x, y], {"sum": x + y})
    ones = np.ones((2, 3), np.float32)
    for make, words in (
        (lambda: K.Model(x, {"a": [x, y]}), r"path `\['a'\]\[1\]` is not connected to `inputs`"),
        (lambda: K.Model([], x), "cannot be empty"),
        (lambda: K.Model(x, ones), "must be KerasTensors"),
        (lambda: K.Model(x, L.Dense(2, name="n")(L.Dense(2, name="n")(x))), '"n" is used 2 times'),
        (lambda: model(ones), r"expects 2 input\(s\), but it received 1"),
        (lambda: model([ones, np.ones((2, 4))]), r"shape=\(None, 3\), found shape=\(2, 4\)"),
        (lambda: model({"x": ones}), "Missing data for input 'y'"),
        (lambda: x + K.Input((4,)), "Incompatible shapes"),
        (lambda: L.PReLU()(K.Input((None, 3))), "must be fully-defined"),
        (lambda: K.Input((3,), batch_shape=(2, 3)), "both `shape` and `batch_shape`"),
        (lambda: model.get_layer("z"), "No such layer: z"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(NotImplementedError, match="dense tensors"):
        K.Input((3,), ragged=True)
    for use in (model.save, K.models.load_model):
        with pytest.raises(NotImplementedError, match="save_weights"):
            use("model.keras")
    with pytest.raises(NotImplementedError, match="does not have a `call"):
        K.Model()(ones)
    with pytest.raises(AttributeError, match="never been called"):
        _ = L.Dense(2).output


def pickled(x: Any) -> Any:
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_copies_and_pickles(copied: Any) -> None:
    x = K.Input((4,), name="x")
    shared = L.Dense(3, name="shared")
    inner = K.Sequential([K.Input((3,)), L.Dense(2)])
    first, second = shared(x), shared(x * 2.0)
    model = K.Model({"x": x}, [inner(first) + 1.0, tf.nn.relu(second)[:, 1:]])
    batch = data(6, 4)
    other = copied(model)
    for a, b in zip(model(batch), other(batch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert [op.name for op in other.operations] == [op.name for op in model.operations]
    part = K.Model(other.inputs, other.get_layer("shared").output)
    assert part.get_layer("shared") is other.get_layer("shared") is not shared
    other.compile("adam", "mse")
    targets = [data(6, 2), data(6, 2)]
    other.fit(batch, targets, verbose=0)
    again = copied(other)
    again.fit(batch, targets, verbose=0)
    assert not np.allclose(again.get_weights()[0], other.get_weights()[0])
    assert not np.allclose(other.get_weights()[0], shared.get_weights()[0])


def test_deep_models_are_copied() -> None:
    x = y = K.Input((2,))
    for _ in range(400):
        y = y * 1.0
    np.testing.assert_array_equal(copy.deepcopy(K.Model(x, y))(np.ones((1, 2))), np.ones((1, 2)))
