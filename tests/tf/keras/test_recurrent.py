"""Recurrent layers against loops in NumPy, their gradients against differences, and as networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

L = tf.keras.layers
RNG = np.random.default_rng(5)
X = RNG.standard_normal((2, 5, 3))
UNITS = 4


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def simple(x: Any, states: Any, k: Any, r: Any, b: Any) -> Any:
    return (np.tanh(x @ k + states[0] @ r + b),)


def lstm(x: Any, states: Any, k: Any, r: Any, b: Any) -> Any:
    h, c = states
    i, f, g, o = np.split(x @ k + h @ r + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(x: Any, states: Any, k: Any, r: Any, b: Any) -> Any:
    (h,) = states
    zx, rx, cx = np.split(x @ k + b[0], 3, axis=-1)
    zh, rh, ch = np.split(h @ r + b[1], 3, axis=-1)
    z, reset = sigmoid(zx + zh), sigmoid(rx + rh)
    return (z * h + (1 - z) * np.tanh(cx + reset * ch),)


def gru_before(x: Any, states: Any, k: Any, r: Any, b: Any) -> Any:
    (h,) = states
    zx, rx, cx = np.split(x @ k + b, 3, axis=-1)
    rz, rr, rc = np.split(r, 3, axis=-1)
    z, reset = sigmoid(zx + h @ rz), sigmoid(rx + h @ rr)
    return (z * h + (1 - z) * np.tanh(cx + (reset * h) @ rc),)


# layer, options, step, states
KINDS: dict[str, Any] = {
    "simple": (L.SimpleRNN, {}, simple, 1),
    "lstm": (L.LSTM, {}, lstm, 2),
    "gru": (L.GRU, {}, gru, 1),
    "gru_before": (L.GRU, {"reset_after": False}, gru_before, 1),
}


def made(name: str, **options: Any) -> tuple[Any, list[np.ndarray]]:
    kind, own, *_ = KINDS[name]
    layer = kind(UNITS, dtype="float64", **own, **options)
    layer(X)
    layer.set_weights([RNG.standard_normal(w.shape) for w in layer.get_weights()])
    return layer, layer.get_weights()


def walked(
    name: str, x: np.ndarray, weights: Any, states: Any = None, mask: Any = None
) -> tuple[np.ndarray, Any]:
    """The outputs of all steps, and the last states."""
    _, _, step, count = KINDS[name]
    states = states or (np.zeros((x.shape[0], UNITS)),) * count
    outputs: list[np.ndarray] = []
    for t in range(x.shape[1]):
        new = step(x[:, t], states, *weights)
        output = new[0]
        if mask is not None:
            counts = mask[:, t, None]
            output = np.where(counts, output, outputs[-1] if outputs else 0)
            new = [np.where(counts, a, b) for a, b in zip(new, states, strict=True)]
        states = new
        outputs.append(output)
    return np.stack(outputs, axis=1), states


@pytest.mark.parametrize("name", KINDS)
def test_values(name: str) -> None:
    layer, weights = made(name, return_sequences=True, return_state=True)
    outputs, states = walked(name, X, weights)
    for run in (layer, tf.function(layer)):
        found, *last = run(tf.constant(X))
        np.testing.assert_allclose(found.numpy(), outputs, rtol=1e-10)
        for got, expected in zip(last, states, strict=True):
            np.testing.assert_allclose(got.numpy(), expected, rtol=1e-10)
    short = type(layer).from_config(layer.get_config() | {"return_sequences": False})
    short(X)
    short.set_weights(weights)
    np.testing.assert_allclose(short(X)[0].numpy(), outputs[:, -1], rtol=1e-10)


@pytest.mark.parametrize("name", KINDS)
def test_states_masks_and_the_way_back(name: str) -> None:
    layer, weights = made(name, return_sequences=True)
    first = [RNG.standard_normal((2, UNITS)) for _ in range(KINDS[name][3])]
    mask = RNG.uniform(size=(2, 5)) < 0.6
    expected, _ = walked(name, X, weights, first, mask)
    found = layer(X, initial_state=[tf.constant(s) for s in first], mask=tf.constant(mask))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    back = type(layer).from_config(layer.get_config() | {"go_backwards": True})
    back(X)
    back.set_weights(weights)
    np.testing.assert_allclose(back(X).numpy(), walked(name, X[:, ::-1], weights)[0], rtol=1e-10)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("traced", [False, True])
def test_gradients(name: str, traced: bool) -> None:
    layer, weights = made(name)
    along = [RNG.standard_normal(w.shape) for w in weights]

    def gradients(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(x)))
        return tape.gradient(loss, layer.trainable_variables)

    found = (tf.function(gradients) if traced else gradients)(tf.constant(X))
    slope = sum(float(np.sum(g.numpy() * a)) for g, a in zip(found, along, strict=True))

    def loss(step: float) -> float:
        moved = [w + step * a for w, a in zip(weights, along, strict=True)]
        return float(np.sum(np.sin(walked(name, X, moved)[0][:, -1])))

    np.testing.assert_allclose(slope, (loss(1e-6) - loss(-1e-6)) / 2e-6, rtol=1e-6)


CELLS = {"simple": L.SimpleRNNCell, "lstm": L.LSTMCell, "gru": L.GRUCell}


@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str) -> None:
    _, weights = made(name)
    loop = L.RNN(CELLS[name](UNITS, dtype="float64"), return_sequences=True, dtype="float64")
    loop(X)
    loop.set_weights(weights)
    expected, _ = walked(name, X, weights)
    for run in (loop, tf.function(loop)):
        np.testing.assert_allclose(run(tf.constant(X)).numpy(), expected, rtol=1e-10)
    again = L.RNN.from_config(loop.get_config())
    again(X)
    again.set_weights(weights)
    np.testing.assert_array_equal(again(X).numpy(), loop(X).numpy())
    state = loop.cell.get_initial_state(2)
    output, after = loop.cell(tf.constant(X[:, 0]), state)
    np.testing.assert_allclose(output.numpy(), expected[:, 0], rtol=1e-10)
    assert len(after) == len(state)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(mode: str | None) -> None:
    inner = L.GRU(UNITS, return_sequences=True, dtype="float64")
    layer = L.Bidirectional(inner, mode, dtype="float64")
    found = layer(tf.constant(X))
    weights = layer.get_weights()
    ahead, _ = walked("gru", X, weights[:3])
    back, _ = walked("gru", X[:, ::-1], weights[3:])
    back = back[:, ::-1]
    if mode is None:
        np.testing.assert_allclose(found[1].numpy(), back, rtol=1e-10)
        return
    expected = {
        "concat": np.concatenate([ahead, back], -1),
        "sum": ahead + back,
        "mul": ahead * back,
        "ave": (ahead + back) / 2,
    }[mode]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    again = L.Bidirectional.from_config(layer.get_config())
    again(tf.constant(X))
    again.set_weights(weights)
    if mode == "sum":
        np.testing.assert_array_equal(again(tf.constant(X)).numpy(), found.numpy())


def test_dropout_in_training_alone() -> None:
    layer = L.LSTM(8, dropout=0.5, recurrent_dropout=0.5)
    x = tf.constant(X.astype(np.float32))
    np.testing.assert_array_equal(layer(x).numpy(), layer(x, training=False).numpy())
    assert not np.allclose(layer(x, training=True).numpy(), layer(x).numpy())


def test_any_length_and_any_batch() -> None:
    layer, weights = made("lstm")
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.float64)])
    def run(x: Any) -> Any:
        traces.append(1)
        return layer(x)

    for batch, steps in ((2, 5), (3, 7), (1, 1), (4, 6)):
        x = RNG.standard_normal((batch, steps, 3))
        expected = walked("lstm", x, weights)[0][:, -1]
        np.testing.assert_allclose(run(tf.constant(x)).numpy(), expected, rtol=1e-10)
    assert len(traces) <= 2  # sizes of 1 are known


def test_the_forget_gate_starts_open() -> None:
    layer = L.LSTM(3)
    layer(X.astype(np.float32))
    np.testing.assert_array_equal(layer.bias.numpy(), [0] * 3 + [1] * 3 + [0] * 6)


def test_a_network_learns_to_add() -> None:
    x = RNG.uniform(-1, 1, (128, 6, 1)).astype(np.float32)
    y = x.sum((1, 2))[:, None]
    model = tf.keras.Sequential([L.GRU(8), L.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.02), "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=15, batch_size=32, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.2 * before


def test_errors() -> None:
    with pytest.raises(ValueError, match="expected ndim=3"):
        L.LSTM(3)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="positive integer"):
        L.GRU(0)
    with pytest.raises(ValueError, match="has 2 states"):
        L.LSTM(3)(np.ones((2, 4, 3)), initial_state=[np.ones((2, 3))])
    with pytest.raises(AttributeError, match="must be stateful"):
        L.LSTM(3).reset_states()
    with pytest.raises(ValueError, match="Invalid merge mode"):
        L.Bidirectional(L.LSTM(3), "max")
