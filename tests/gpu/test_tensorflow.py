"""TensorFlow programs on the device: placement of tensors and variables, functions, training."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tensorwright as tf
from support.one_device import device  # noqa: F401  the device of these tests
from tensorwright.compiler.errors import DeviceError
from tensorwright.runtime.cuda import driver

X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def is_there(*xs):
    return all(x.device == "/job:localhost/replica:0/task:0/device:GPU:0" for x in xs)


def launches(device):  # noqa: F811
    return device.done["launch"] + device.done["graph launch"]


# -- which devices there are ----------------------------------------------------------------------


def test_devices():
    (gpu,) = tf.config.list_physical_devices("GPU")
    assert gpu == ("/physical_device:GPU:0", "GPU")
    assert [d.device_type for d in tf.config.list_physical_devices()] == ["CPU", "GPU"]
    assert tf.config.list_logical_devices("GPU")[0].name == "/device:GPU:0"
    assert tf.test.is_gpu_available() and tf.test.gpu_device_name() == "/device:GPU:0"
    assert tf.config.experimental.get_device_details(gpu) == {"device_name": "simulator"}
    tf.config.experimental.set_memory_growth(gpu, True)
    info = tf.config.experimental.get_memory_info("GPU:0")
    assert info["peak"] >= info["current"] >= 0


def test_a_gpu_that_is_hidden():
    tf.config.set_visible_devices([], "GPU")
    try:
        assert tf.config.list_logical_devices("GPU") == []
        assert len(tf.config.list_physical_devices("GPU")) == 1
        with tf.device("/GPU:0"):
            assert not is_there(tf.constant(1.0))
    finally:
        tf.config.set_visible_devices(tf.config.list_physical_devices())


def test_no_gpu(monkeypatch):
    def none():
        raise DeviceError("there is no GPU")

    monkeypatch.setattr(driver, "_current", None)
    monkeypatch.setattr(driver, "_found", none)
    assert tf.config.list_physical_devices("GPU") == [] and not tf.test.is_gpu_available()
    with tf.device("/GPU:0"):
        assert not is_there(tf.constant(1.0), tf.Variable(1.0))
    tf.config.set_soft_device_placement(False)
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Could not satisfy device"):
            tf.device("/GPU:0").__enter__()
    finally:
        tf.config.set_soft_device_placement(True)


# -- tensors --------------------------------------------------------------------------------------


def test_tensors_lie_where_they_are_made():
    with tf.device("/GPU:0"):
        made = [
            tf.constant(X), tf.zeros((2, 2)), tf.range(3), tf.ones(()), tf.eye(2), tf.fill((2,), 3),
            tf.random.normal((2, 2)), tf.convert_to_tensor([1, 2]), tf.linspace(0.0, 1.0, 3),
        ]  # fmt: skip
        assert is_there(*made)
        with tf.device("/CPU:0"):
            assert not is_there(tf.constant(X))
        assert tf.constant("text").numpy() == b"text"
    assert not is_there(tf.constant(X))


def test_ops_run_where_their_operands_lie(device):  # noqa: F811
    with tf.device("/GPU:0"):
        x = tf.constant(X)
    before = launches(device)
    y = tf.matmul(x, x) + X
    assert is_there(y) and launches(device) > before
    assert y.numpy().tolist() == (X @ X + X).tolist()
    assert is_there(x[0], x[:, 1], tf.reduce_sum(x), tf.concat([x, x], 0), tf.nn.softmax(x))


def test_ops_of_a_block(device):  # noqa: F811
    x = tf.constant(X)
    before = launches(device)
    with tf.device("/GPU:0"):
        y = tf.exp(x)
        assert is_there(y) and launches(device) > before
        with tf.device("/CPU:0"):
            before = launches(device)
            z = tf.identity(y) * 2
            assert not is_there(z) and launches(device) == before


def test_what_a_gpu_cannot_do_is_done_on_the_host():
    with tf.device("/GPU:0"):
        x = tf.constant([3.0, 1.0, 2.0])
        assert tf.sort(x).numpy().tolist() == [1.0, 2.0, 3.0]
        assert tf.unique([1, 1, 2])[0].numpy().tolist() == [1, 2]
        assert tf.strings.as_string(tf.constant(3)).numpy() == b"3"
        inverse = tf.linalg.inv(tf.constant(X))
        np.testing.assert_allclose(inverse.numpy(), np.linalg.inv(X), rtol=1e-5)


def test_values_on_the_host():
    with tf.device("/GPU:0"):
        x = tf.constant(X)
    assert type(x.numpy()) is np.ndarray and type(x[0, 0].numpy()) is np.float32
    assert float(x[1, 1]) == 4.0 and bool(x[0, 0] > 0) and len(x) == 2
    assert [float(row[0]) for row in x] == [1.0, 3.0]
    assert "numpy=\narray([[1., 2.],\n       [3., 4.]], dtype=float32)" in repr(x)
    assert np.asarray(x).tolist() == X.tolist()
    assert pickle.loads(pickle.dumps(x)).numpy().tolist() == X.tolist()
    assert tf.convert_to_tensor(tf.device_put(X)).device == x.device


# -- variables and functions ----------------------------------------------------------------------


def test_variables():
    with tf.device("/GPU:0"):
        v = tf.Variable(X)
    assert is_there(v)
    v.assign_add(tf.ones((2, 2)))
    assert is_there(v, v.read_value()) and v.numpy().tolist() == (X + 1).tolist()
    v[0, 1].assign(9.0)
    assert is_there(v) and float(v[0, 1]) == 9.0
    v.assign(X)
    assert v.numpy().tolist() == X.tolist()


def test_functions_run_where_their_variables_lie(device):  # noqa: F811
    with tf.device("/GPU:0"):
        v = tf.Variable(X)

    @tf.function
    def step(x):
        v.assign_add(x)
        return tf.reduce_sum(v)

    for k in range(1, 4):
        before = launches(device)
        total = step(tf.ones((2, 2)))
        assert is_there(total, v) and launches(device) > before
        assert float(total) == 10.0 + 4 * k


def test_functions_of_a_block_take_their_variables_along():
    v = tf.Variable(X)
    add = tf.function(lambda x: x + v)
    assert not is_there(add(tf.ones(2)))
    with tf.device("/GPU:0"):
        assert is_there(add(tf.ones(2)), v)
    assert is_there(add(tf.ones(2)))
    with tf.device("/CPU:0"):
        assert not is_there(add(tf.ones(2)), v)
    assert not is_there(add(tf.ones(2)))


def test_functions_tell_dtypes_and_sizes_apart():
    double = tf.function(lambda x: x + x)
    with tf.device("/GPU:0"):
        for x in (X, X.astype(int), X[0], X[:1]):
            for _ in range(2):
                assert double(tf.constant(x)).numpy().tolist() == (x + x).tolist()


def test_effects_and_recorded_functions(capsys):
    with tf.device("/GPU:0"):
        v = tf.Variable(3.0)

    @tf.function
    def f(x):
        tf.print("x", x)
        return x * v

    with tf.GradientTape() as tape:
        y = f(tf.constant(2.0))
    assert is_there(y) and float(tape.gradient(y, v)) == 2.0
    assert "x 2" in capsys.readouterr().err


def test_gradients():
    with tf.device("/GPU:0"):
        v = tf.Variable(X)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(v) * X)
    (gradient,) = tape.gradient(loss, [v])
    assert is_there(loss, gradient)
    np.testing.assert_allclose(gradient.numpy(), 2 * X * X)


def trained(where):
    """What a small model has learnt in two epochs, and its logs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 3)).astype(np.float32)
    y = x.sum(1, keepdims=True)
    with tf.device(where):
        tf.random.set_seed(1)
        layers = [tf.keras.layers.Dense(4, activation="relu"), tf.keras.layers.Dense(1)]
        model = tf.keras.Sequential(layers)
        model.compile("adam", "mse", metrics=["mae"])
        model.build((None, 3))
        for weight, k in zip(model.weights, range(9), strict=False):
            weight.assign(np.cos(np.arange(weight.shape.num_elements()) + k).reshape(weight.shape))
        logs = model.fit(x, y, batch_size=6, epochs=2, verbose=0, shuffle=False).history
    return model, logs, model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)


def test_keras_trains_there(device):  # noqa: F811
    before = launches(device)
    model, logs, predicted, losses = trained("/GPU:0")
    assert launches(device) > before
    assert is_there(*model.weights, *model.optimizer.variables)
    assert type(predicted) is np.ndarray and all(type(w) is np.ndarray for w in model.get_weights())
    other, expected_logs, expected, expected_losses = trained("/CPU:0")
    assert not is_there(*other.weights)
    np.testing.assert_allclose(predicted, expected, rtol=1e-4)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for name, found in logs.items():
        np.testing.assert_allclose(found, expected_logs[name], rtol=1e-4)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Nadam"])
def test_optimisers(name):
    with tf.device("/GPU:0"):
        v = tf.Variable(X)
        optimizer = getattr(tf.keras.optimizers, name)(0.1)
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(v * v)
            optimizer.apply_gradients([(tape.gradient(loss, v), v)])
    assert is_there(v) and (np.abs(v.numpy()) < np.abs(X)).all()


def test_checkpoints(tmp_path):
    with tf.device("/GPU:0"):
        v = tf.Variable(X)
        path = tf.train.Checkpoint(v=v).save(str(tmp_path / "c"))
        v.assign(X * 0)
        tf.train.Checkpoint(v=v).restore(path)
    assert v.numpy().tolist() == X.tolist()


def test_data_sets_are_made_on_the_host(device):  # noqa: F811
    with tf.device("/GPU:0"):
        v = tf.Variable(1.0)
        before = launches(device)
        rows = tf.data.Dataset.from_tensor_slices(X).map(lambda x: x + v).filter(lambda x: x[0] > 0)
        batches = list(rows.batch(2))
        assert launches(device) == before
        assert is_there(v, *batches)
        assert [b.numpy().tolist() for b in batches] == [(X + 1).tolist()]
