"""Eager programs: traced functions, tapes, layers, optimisers, devices, random values, claims.

Comments give the numbers of the behaviours that the tests below them hold.
"""

import time

import numpy as np
import pytest

import tensorwright as tf
import tensorwright.compat.v1 as tf1


def listed(x):
    return np.asarray(x).tolist()


def cube(x):
    return x**3


def test_repr_of_a_traced_function():
    assert repr(tf.function(cube)).startswith(
        "<tensorflow.python.eager.polymorphic_function.polymorphic_function.Function"
    )


def test_a_traced_function_takes_numbers_and_tensors():
    traced = tf.function(cube)
    assert repr(traced(2)) == "<tf.Tensor: shape=(), dtype=int32, numpy=8>"
    assert repr(traced(tf.constant(2.0))) == "<tf.Tensor: shape=(), dtype=float32, numpy=8.0>"


def test_the_decorator_with_a_python_loop_and_a_condition():
    @tf.function
    def steps(x, n):
        for _ in range(n):
            x = x + 1.0
        return tf.cond(tf.reduce_sum(x) > 5.0, lambda: -x, lambda: x)

    assert listed(steps(tf.constant([1.0, 2.0]), 1)) == [2.0, 3.0]
    assert listed(steps(tf.constant([1.0, 2.0]), 2)) == [-3.0, -4.0]


def counted():
    traces = []

    @tf.function
    def f(x):
        traces.append(x)
        return x + x

    return f, traces


def test_one_trace_for_each_shape_and_dtype():
    f, traces = counted()
    for x in (tf.constant(1.0), tf.constant(2.0), tf.constant(9.0)):
        f(x)
    assert len(traces) == 1
    f(tf.constant([1.0, 2.0]))
    f(tf.constant([3.0, 4.0]))
    assert len(traces) == 2
    f(tf.constant([1, 2]))
    f(tf.constant([1.0, 2.0]))
    assert len(traces) == 3


def test_one_trace_for_each_python_number():
    f, traces = counted()
    assert [int(f(n)) for n in (1, 2, 3, 1, 2, 3)] == [2, 4, 6, 2, 4, 6]
    assert len(traces) == 3


def test_traced_functions_read_and_write_variables():
    total = tf.Variable(0.0)

    @tf.function
    def add(x):
        total.assign_add(x)
        return total * 2.0

    assert float(add(tf.constant(1.5))) == 3.0
    assert float(add(tf.constant(1.0))) == 5.0
    assert total.numpy() == 2.5


# row 217


def test_unused_work_does_not_change_the_result():
    @tf.function
    def f(x):
        tf.matmul(tf.ones([200, 200]), tf.ones([200, 200]))
        return x * 1.0 + 0.0

    assert listed(f(tf.constant([1.0, 2.0]))) == [1.0, 2.0]


# row 219


def test_a_chain_of_operations_agrees_with_numpy():
    @tf.function(jit_compile=True)
    def f(x):
        for _ in range(10):
            x = tf.tanh(x) * 1.01
        return x

    x = np.linspace(-2, 2, 1000, dtype=np.float32)
    expected = x
    for _ in range(10):
        expected = np.tanh(expected) * np.float32(1.01)
    np.testing.assert_allclose(f(tf.constant(x)), expected, rtol=2e-5, atol=1e-6)


def loss_of(a, b):
    return 3 * a**2 + 2 * a * b


def test_gradients_of_a_list_of_variables():
    a, b = tf.Variable(5.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = loss_of(a, b)
    gradients = tape.gradient(z, [a, b])
    assert isinstance(gradients, list)
    assert [float(g) for g in gradients] == [36.0, 10.0]
    assert repr(gradients[0]) == "<tf.Tensor: shape=(), dtype=float32, numpy=36.0>"


def test_gradient_of_one_source_is_a_tensor():
    a = tf.Variable(5.0)
    with tf.GradientTape() as tape:
        z = loss_of(a, 3.0)
    assert isinstance(tape.gradient(z, a), tf.Tensor)


def test_gradients_agree_with_differences():
    step = 1e-6
    a, b = tf.Variable(5.0, dtype=tf.float64), tf.Variable(3.0, dtype=tf.float64)
    with tf.GradientTape() as tape:
        z = loss_of(a, b)
    gradients = [float(g) for g in tape.gradient(z, [a, b])]
    differences = [
        (loss_of(5 + step, 3) - loss_of(5, 3)) / step,
        (loss_of(5, 3 + step) - loss_of(5, 3)) / step,
    ]
    np.testing.assert_allclose(gradients, differences, rtol=1e-5)


def test_a_tape_is_used_once():
    a, b = tf.Variable(5.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = loss_of(a, b)
    tape.gradient(z, a)
    with pytest.raises(RuntimeError, match="non-persistent GradientTape can only be used to"):
        tape.gradient(z, b)


def test_a_persistent_tape_is_used_often():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert float(tape.gradient(z, x)) == 108.0
    assert float(tape.gradient(y, x)) == 6.0
    assert float(tape.gradient(z, y)) == 18.0
    del tape


def test_constants_are_watched_on_request():
    a, b = tf.constant(5.0), tf.constant(3.0)
    with tf.GradientTape() as tape:
        z = loss_of(a, b)
    assert tape.gradient(z, [a, b]) == [None, None]
    with tf.GradientTape() as tape:
        tape.watch(a)
        tape.watch(b)
        z = loss_of(a, b)
    assert [float(g) for g in tape.gradient(z, [a, b])] == [36.0, 10.0]


def test_stop_gradient_hides_a_source():
    a, b = tf.Variable(5.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = 3 * a**2 + tf.stop_gradient(2 * a * b)
    assert float(z) == 105.0
    of_a, of_b = tape.gradient(z, [a, b])
    assert float(of_a) == 30.0
    assert of_b is None


def test_stop_recording_pauses_a_tape():
    a = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = a * a
        with tape.stop_recording():
            unseen = a * a
        z = y + unseen
    assert float(tape.gradient(z, a)) == 6.0
    assert tape.gradient(unseen, a) is None


def test_tapes_nest_for_second_derivatives():
    x = tf.Variable(3.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    assert float(first) == 27.0
    assert float(outer.gradient(first, x)) == 18.0


def test_gradient_of_gathered_rows_is_sparse():
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.gather(table, [0, 2, 0]))
    assert [v.ref() for v in tape.watched_variables()] == [table.ref()]
    gradient = tape.gradient(total, table)
    assert isinstance(gradient, tf.IndexedSlices)
    dense = tf.convert_to_tensor(gradient)
    assert listed(dense) == [[2.0, 2.0], [0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "traced"])
def test_a_line_is_fitted_with_a_tape(wrap):
    tf.random.set_seed(5)
    slope, offset = tf.Variable(5.0), tf.Variable(0.0)
    x = tf.random.normal([1000])
    y = x * 3.0 + 2.0 + tf.random.normal([1000])

    @wrap
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(slope * x + offset - y))
        of_slope, of_offset = tape.gradient(loss, [slope, offset])
        slope.assign_sub(0.1 * of_slope)
        offset.assign_sub(0.1 * of_offset)
        return loss

    losses = [float(step()) for _ in range(30)]
    assert losses == sorted(losses, reverse=True)
    assert abs(slope.numpy() - 3.0) < 0.15
    assert abs(offset.numpy() - 2.0) < 0.15


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.keras.optimizers.SGD(0.1),
        lambda: tf.keras.optimizers.SGD(0.05, momentum=0.5),
        lambda: tf.keras.optimizers.Adam(0.3),
        lambda: tf.keras.optimizers.RMSprop(0.1),
    ],
    ids=["sgd", "momentum", "adam", "rmsprop"],
)
def test_optimisers_apply_gradients(make):
    optimiser, x = make(), tf.Variable(4.0)
    assert isinstance(optimiser, tf.keras.optimizers.Optimizer)
    for _ in range(100):
        with tf.GradientTape() as tape:
            loss = (x - 1.0) ** 2
        optimiser.apply_gradients([(tape.gradient(loss, x), x)])
    assert abs(x.numpy() - 1.0) < 0.1


def test_the_older_optimisers_have_one_base_class():
    for kind in (tf1.train.GradientDescentOptimizer, tf1.train.AdamOptimizer):
        assert issubclass(kind, tf1.train.Optimizer)


def dense_layer(add):
    class Product(tf.keras.layers.Layer):
        def __init__(self, width):
            super().__init__()
            self.width = width

        def build(self, input_shape):
            self.kernel = add(self, [int(input_shape[-1]), self.width])

        def call(self, inputs):
            return tf.matmul(inputs, self.kernel)

    return Product(10)


@pytest.mark.parametrize(
    "add",
    [
        lambda layer, shape: layer.add_weight(name="kernel", shape=shape),
        lambda layer, shape: layer.add_weight("kernel", shape=shape),
        lambda layer, shape: layer.add_variable("kernel", shape=shape),
    ],
    ids=["add_weight", "add_weight_positional", "add_variable"],
)
def test_a_layer_is_built_at_its_first_call(add):
    layer = dense_layer(add)
    out = layer(tf.zeros([10, 5]))
    assert out.shape == (10, 10)
    assert not out.numpy().any()
    (kernel,) = layer.trainable_variables
    assert kernel is layer.kernel
    assert tuple(kernel.shape) == (5, 10)
    assert "kernel" in kernel.name
    x = tf.constant([[1.0, 2.0, 3.0, 4.0, 5.0]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x))
    np.testing.assert_allclose(total, (x.numpy() @ kernel.numpy()).sum(), rtol=1e-4, atol=1e-5)
    (gradient,) = tape.gradient(total, layer.trainable_variables)
    assert listed(gradient) == [[float(i)] * 10 for i in range(1, 6)]
    assert len(layer.trainable_variables) == 1


# row 237


def test_keras_backend_functions():
    k = tf.keras.backend
    t = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert listed(k.square(k.transpose(t)) + 10) == [[11.0, 26.0], [14.0, 35.0], [19.0, 46.0]]


def test_a_model_trains_with_a_python_loss_that_is_traced():
    eager = []

    def huber(y_true, y_pred):
        eager.append(tf.executing_eagerly())
        error = tf.abs(y_true - y_pred)
        return tf.where(error < 1.0, tf.square(error) / 2.0, error - 0.5)

    tf.keras.utils.set_random_seed(1)
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(optimizer=tf.keras.optimizers.SGD(0.2), loss=huber)
    history = model.fit(x, 2 * x + 1, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0] / 10
    assert not any(eager)


def test_devices():
    assert isinstance(tf1.test.is_gpu_available(), bool)
    x = tf.random.uniform([3, 3])
    assert x.device.endswith("GPU:0") == tf.test.is_gpu_available()
    with tf.device("CPU:0"):
        y = tf.random.uniform([300, 300])
        start = time.perf_counter()
        for _ in range(10):
            product = tf.matmul(y, y)
        assert time.perf_counter() > start
    assert y.device.endswith("CPU:0")
    assert product.device.endswith("CPU:0")


def test_random_values_by_their_older_names():
    uniform = tf1.random_uniform([1000, 100]).numpy()
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    assert abs(uniform.mean() - 0.5) < 0.01
    normal = tf1.random_normal([1000, 100], stddev=2.0).numpy()
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 2.0) < 0.05
    truncated = tf1.truncated_normal([1000], stddev=np.float64(0.5)).numpy()
    assert abs(truncated).max() <= 1.0
    assert truncated.dtype == np.float32


def test_a_seed_repeats_random_values():
    tf.random.set_seed(3)
    first = listed(tf.random.normal([4]))
    tf.random.set_seed(3)
    assert listed(tf.random.normal([4])) == first
    assert listed(tf.random.normal([4])) != first


# row 254


def test_traced_functions_are_saved_and_loaded(tmp_path):
    class Scaled(tf.Module):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(3.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, x):
            return x * self.scale

    tf.saved_model.save(Scaled(), str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    assert listed(loaded(tf.constant([1.0, 2.0]))) == [3.0, 6.0]
