"""Models of inputs and outputs against Keras's, where it is installed: structure and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorwright as tf

pytestmark = pytest.mark.peers
RNG = np.random.default_rng(3)
Program = Callable[[Any], Any]
PROGRAMS: dict[str, tuple[Program, Any]] = {}


def program(inputs: Any) -> Callable[[Program], Program]:
    """Register a function of the module `tf` that makes a model, with inputs for it."""

    def register(made: Program) -> Program:
        PROGRAMS[made.__name__] = made, inputs
        return made

    return register


def data(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ids(*shape: int) -> np.ndarray:
    return RNG.integers(1, 20, shape)


@program(data(6, 4))
def chain(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((4,))
    y = layers.Dense(8, activation="relu")(x)
    return tf.keras.Model(inputs=x, outputs=layers.Dense(2)(y))


@program([data(6, 3), data(6, 5)])
def two_inputs(tf: Any) -> Any:
    layers = tf.keras.layers
    a, b = tf.keras.Input((3,), name="a"), tf.keras.Input((5,), name="b")
    y = layers.concatenate([layers.Dense(4, activation="tanh")(a), layers.Dense(6)(b)])
    return tf.keras.Model([a, b], layers.Dense(1)(y), name="pair")


@program({"x": data(6, 3), "y": data(6, 3)})
def dicts(tf: Any) -> Any:
    layers = tf.keras.layers
    given = {"x": tf.keras.Input((3,), name="x"), "y": tf.keras.Input((3,), name="y")}
    both = layers.Add()([layers.Dense(4)(given["x"]), layers.Dense(4)(given["y"])])
    return tf.keras.Model(given, {"sum": both, "one": layers.Dense(1, name="one")(both)})


@program(data(2, 8, 8, 3))
def residual(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same")(x)
    for _ in range(2):
        z = layers.Conv2D(4, 3, padding="same", use_bias=False)(y)
        z = layers.BatchNormalization()(z)
        z = layers.ReLU()(z)
        z = layers.Conv2D(4, 3, padding="same")(z)
        y = layers.Activation("relu")(layers.add([y, z]))
    y = layers.GlobalAveragePooling2D()(layers.MaxPooling2D()(y))
    return tf.keras.Model(x, layers.Dense(3)(y))


@program([data(5, 4), data(5, 4)])
def shared_layer(tf: Any) -> Any:
    layers = tf.keras.layers
    a, b = tf.keras.Input((4,)), tf.keras.Input((4,))
    tower = layers.Dense(3, activation="sigmoid")
    return tf.keras.Model([a, b], layers.Dot(1, normalize=True)([tower(a), tower(tower_in(tf, b))]))


def tower_in(tf: Any, x: Any) -> Any:
    return tf.keras.layers.Dense(4)(x)


@program(data(4, 6))
def shared_decoder(tf: Any) -> Any:
    layers = tf.keras.layers
    code = tf.keras.Input((3,))
    decoder = tf.keras.Model(code, layers.Dense(6)(layers.Dense(5, activation="relu")(code)))
    x = tf.keras.Input((6,))
    first, second = layers.Dense(3)(x), layers.Dense(3)(x)
    return tf.keras.Model(x, [decoder(first), decoder(second)])


@program(data(4, 3))
def nested_sequential(tf: Any) -> Any:
    layers = tf.keras.layers
    inner = tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    x = tf.keras.Input((3,))
    return tf.keras.Model(x, layers.Dense(1)(inner(x)))


@program(data(4, 3))
def parts_of_sequential(tf: Any) -> Any:
    layers = tf.keras.layers
    inner = tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    return tf.keras.Model(inner.inputs, [inner.layers[0].output, inner.outputs[0]])


@program(data(4, 3))
def features(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((3,))
    y = layers.Dense(4, name="inner", activation="relu")(x)
    base = tf.keras.Model(x, layers.Dense(2)(y))
    return tf.keras.Model(base.inputs, base.get_layer("inner").output)


@program([data(4, 3), data(4, 3)])
def operators(tf: Any) -> Any:
    a, b = tf.keras.Input((3,), name="a"), tf.keras.Input((3,), name="b")
    y = (a + b) * 2.0 - a / 3.0
    y = -(abs(1.0 - y) ** 2)
    return tf.keras.Model([a, b], tf.keras.layers.Dense(2)(y[:, 1:]))


@program(data(4, 6, 5))
def slices(tf: Any) -> Any:
    x = tf.keras.Input((6, 5))
    last, strided = x[:, -1], x[:, ::2, 1:3]
    flat = tf.keras.layers.Flatten()(strided)
    return tf.keras.Model(x, tf.keras.layers.Concatenate()([last, flat, x[:, 0, ..., 2:]]))


@program([data(4, 3), data(4, 3), data(4, 3)])
def merging(tf: Any) -> Any:
    layers = tf.keras.layers
    xs = [tf.keras.Input((3,)) for _ in range(3)]
    found = [
        layers.Average()(xs), layers.Maximum()(xs), layers.minimum(xs), layers.multiply(xs),
        layers.subtract(xs[:2]),
    ]  # fmt: skip
    return tf.keras.Model(xs, layers.Concatenate(axis=-1)(found))


@program(ids(3, 7))
def masked_text(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((None,), dtype="int32")
    y = layers.Embedding(20, 6, mask_zero=True)(x)
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(y)
    return tf.keras.Model(x, layers.Dense(1)(layers.GRU(3)(y)))


@program(ids(3, 7))
def attention(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((7,), dtype="int64")
    y = layers.Embedding(20, 8)(x)
    z = layers.MultiHeadAttention(2, 4)(y, y)
    y = layers.LayerNormalization()(layers.Add()([y, z]))
    z = layers.Dense(8)(layers.Dense(16, activation="gelu")(y))
    y = layers.LayerNormalization()(y + z)
    return tf.keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


@program([data(3, 5, 4), data(3, 6, 4)])
def encoder_decoder(tf: Any) -> Any:
    layers = tf.keras.layers
    source, target = tf.keras.Input((None, 4)), tf.keras.Input((None, 4))
    _, h, c = layers.LSTM(5, return_state=True)(source)
    found = layers.LSTM(5, return_sequences=True)(target, initial_state=[h, c])
    return tf.keras.Model([source, target], layers.TimeDistributed(layers.Dense(2))(found))


@program(data(4, 3))
def several_outputs(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((3,))
    y = layers.Dense(4, activation="relu")(x)
    return tf.keras.Model(x, [layers.Dense(1, name="size")(y), layers.Dense(2, name="place")(y)])


@program(data(4, 3))
def same_tensor_twice(tf: Any) -> Any:
    x = tf.keras.Input((3,))
    y = tf.keras.layers.Dense(2)(x)
    return tf.keras.Model(x, [y, y, x])


@program(data(4, 3))
def layer_called_twice(tf: Any) -> Any:
    x = tf.keras.Input((3,))
    layer = tf.keras.layers.Dense(3, activation="tanh")
    return tf.keras.Model(x, tf.keras.layers.Dense(1)(layer(layer(x))))


@program(data(4, 3))
def frozen(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((3,))
    base = tf.keras.Model(x, layers.BatchNormalization()(layers.Dense(4)(x)))
    base.trainable = False
    y = tf.keras.Input((3,))
    return tf.keras.Model(y, layers.Dense(2)(base(y, training=False)))


@program(data(4, 3))
def lambda_layer(tf: Any) -> Any:
    x = tf.keras.Input((3,))
    y = tf.keras.layers.Lambda(lambda t: tf.reduce_sum(t * t, axis=-1, keepdims=True))(x)
    return tf.keras.Model(x, tf.keras.layers.Dense(2)(y))


@program(data(4, 3))
def layer_of_ones_own(tf: Any) -> Any:
    class Scale(tf.keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
            super().build(input_shape)

        def call(self, x: Any) -> Any:
            return x * self.scale, tf.reduce_mean(x, axis=-1)

    x = tf.keras.Input((3,))
    y, mean = Scale()(x)
    return tf.keras.Model(x, [tf.keras.layers.Dense(2)(y), mean])


@program(data(2, 4, 6, 3))
def images_of_any_size(tf: Any) -> Any:
    layers = tf.keras.layers
    x = tf.keras.Input((None, None, 3))
    y = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.Conv2DTranspose(2, 3, strides=2, padding="same")(y)
    return tf.keras.Model(x, layers.Concatenate()([y, x]))


@program(data(4, 3))
def named_subclass(tf: Any) -> Any:
    class Trained(tf.keras.Model):
        pass

    x = tf.keras.Input((3,))
    return Trained(x, tf.keras.layers.Dense(2)(x))


def made(module: Any, name: str) -> Any:
    module.keras.backend.clear_session()
    return PROGRAMS[name][0](module)


def both(name: str) -> tuple[Any, Any]:
    """Ours and theirs, with the same weights."""
    peer = pytest.importorskip("tensorflow")
    ours, theirs = made(tf, name), made(peer, name)
    weights = [RNG.uniform(0.1, 0.9, w.shape).astype(np.float32) for w in theirs.get_weights()]
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in weights]
    ours.set_weights(weights), theirs.set_weights(weights)
    return ours, theirs


def flat(x: Any) -> list[np.ndarray]:
    x = [x[k] for k in sorted(x)] if isinstance(x, dict) else x
    return [np.asarray(v) for v in (x if not hasattr(x, "shape") else [x])]


def same(found: Any, expected: Any, **bounds: float) -> None:
    for a, b in zip(flat(found), flat(expected), strict=True):
        np.testing.assert_allclose(a, b, **({"rtol": 2e-3, "atol": 2e-4} | bounds))


@pytest.mark.parametrize("name", PROGRAMS)
def test_structure(name: str) -> None:
    ours, theirs = both(name)
    assert ours.name == theirs.name and type(ours).__name__ == type(theirs).__name__
    assert [x.name for x in ours.layers] == [x.name for x in theirs.layers]
    # Keras has an operation that makes a mask; here tensors carry them
    names = [x.name for x in theirs.operations if not x.name.startswith("not_equal")]
    assert [x.name for x in ours.operations] == names
    for what in ("inputs", "outputs"):
        pairs = zip(getattr(ours, what), getattr(theirs, what), strict=True)
        for a, b in pairs:
            assert tuple(a.shape) == b.shape and a.dtype == b.dtype
    assert [x.name for x in ours.inputs] == [x.name for x in theirs.inputs]
    assert ours.output_names == theirs.output_names
    assert ours.input_shape == theirs.input_shape and ours.output_shape == theirs.output_shape
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        assert a.count_params() == b.count_params()
        assert a.trainable == b.trainable
    for what in ("trainable_weights", "non_trainable_weights"):
        assert len(getattr(ours, what)) == len(getattr(theirs, what))


@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name: str) -> None:
    ours, theirs = both(name)
    inputs = PROGRAMS[name][1]
    same(ours(inputs), theirs(inputs))
    same(ours.predict(inputs, verbose=0), theirs.predict(inputs, verbose=0))
    again = type(ours).from_config(ours.get_config()) if name not in OWN_CODE else ours
    again.set_weights(ours.get_weights())
    same(again(inputs), theirs(inputs))


# Whose configuration names code that only the program has.
OWN_CODE = ("lambda_layer", "layer_of_ones_own", "named_subclass")


@pytest.mark.parametrize("name", PROGRAMS)
def test_training(name: str) -> None:
    ours, theirs = both(name)
    inputs = PROGRAMS[name][1]
    if not ours.trainable_weights:
        return
    outputs = theirs(inputs)
    targets = {k: np.ones(v.shape, np.float32) for k, v in outputs.items()} if isinstance(
        outputs, dict
    ) else [np.ones(x.shape, np.float32) for x in flat(outputs)]  # fmt: skip
    targets = targets[0] if len(targets) == 1 else targets
    histories = []
    for module, model in ((tf, ours), (pytest.importorskip("tensorflow"), theirs)):
        loss = dict.fromkeys(targets, "mse") if isinstance(targets, dict) else "mse"
        loss = [loss] * len(targets) if isinstance(targets, list) else loss
        model.compile(module.keras.optimizers.SGD(0.01), loss)
        history = model.fit(inputs, targets, epochs=3, batch_size=8, shuffle=False, verbose=0)
        histories.append(history.history)
    assert sorted(histories[0]) == sorted(histories[1])
    for key, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][key], rtol=5e-3, atol=1e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", PROGRAMS)
def test_summaries(name: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ours, theirs = both(name)
    texts = []
    for model in (ours, theirs):
        lines: list[str] = []
        model.summary(line_length=180, print_fn=lines.append)
        texts.append(words("\n".join(lines)))
    if "not_equal" in texts[1]:
        assert texts[0][:4] == texts[1][:4]
    else:
        assert texts[0] == texts[1]


def words(text: str) -> list[str]:
    """The words of a table, without its rules."""
    return re.sub(r"[┏━┳┓┡╇┩├─┼┤└┴┘┃│]", " ", text).split()


def inputs_of(tf: Any, *shapes: tuple[int | None, ...]) -> list[Any]:
    return [tf.keras.Input(shape) for shape in shapes]


def dense(tf: Any, x: Any, units: int = 2, **options: Any) -> Any:
    return tf.keras.layers.Dense(units, **options)(x)


def pair(tf: Any) -> Any:
    a, b = inputs_of(tf, (3,), (3,))
    return tf.keras.Model([a, b], dense(tf, a) + dense(tf, b))


REFUSED: dict[str, Program] = {
    "not_connected": lambda tf: tf.keras.Model(
        inputs_of(tf, (3,))[0], dense(tf, inputs_of(tf, (3,))[0])
    ),
    "one_input_of_two": lambda tf: pair(tf)(np.ones((2, 3))),
    "three_inputs_of_two": lambda tf: pair(tf)([np.ones((2, 3))] * 3),
    "name_of_no_input": lambda tf: pair(tf)({"x": np.ones((2, 3)), "y": np.ones((2, 3))}),
    "another_shape": lambda tf: made(tf, "chain")(np.ones((2, 5))),
    "another_rank": lambda tf: made(tf, "chain")(np.ones((2, 4, 3))),
    "as_a_boolean": lambda tf: bool(tf.keras.Input((3,))),
    "as_an_array": lambda tf: np.asarray(tf.keras.Input((3,))),
    "as_a_number": lambda tf: float(tf.keras.Input(())),
    "its_value": lambda tf: tf.keras.Input((3,)).numpy(),
    "iterated": lambda tf: list(tf.keras.Input((3,))),
    "no_inputs": lambda tf: tf.keras.Model([], tf.keras.Input((3,))),
    "outputs_with_values": lambda tf: tf.keras.Model(tf.keras.Input((3,)), np.ones(3)),
    "a_name_twice": lambda tf: tf.keras.Model(
        x := tf.keras.Input((3,)), dense(tf, dense(tf, x, name="same"), name="same")
    ),
    "no_such_layer": lambda tf: pair(tf).get_layer("nothing"),
    "output_of_no_call": lambda tf: tf.keras.layers.Dense(2).output,
    "last_size_unknown": lambda tf: dense(tf, tf.keras.Input((None,))),
    "sums_of_other_shapes": lambda tf: tf.keras.layers.Add()(inputs_of(tf, (3,), (4,))),
    "operator_on_other_shapes": lambda tf: tf.keras.Input((3,)) + tf.keras.Input((4,)),
    "joined_other_shapes": lambda tf: tf.keras.layers.Concatenate(1)(inputs_of(tf, (3, 4), (3, 5))),
    "image_without_channels": lambda tf: tf.keras.layers.Conv2D(2, 3)(tf.keras.Input((4,))),
    "sequence_without_steps": lambda tf: tf.keras.layers.LSTM(2)(tf.keras.Input((4,))),
    "no_shape": lambda tf: tf.keras.Input(),
    "two_shapes": lambda tf: tf.keras.Input((3,), batch_shape=(2, 3)),
    "not_compiled": lambda tf: pair(tf).fit([np.ones((2, 3))] * 2, np.ones((2, 2))),
    "inputs_alone": lambda tf: tf.keras.Model(tf.keras.Input((3,))),
    "pattern_of_no_layer": lambda tf: pair(tf).summary(layer_range=["x", "y"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    classes = []
    for module in (tf, pytest.importorskip("tensorflow")):
        with pytest.raises(Exception) as caught:
            REFUSED[name](module)
        classes.append(caught.type)
    assert issubclass(classes[0], classes[1])
