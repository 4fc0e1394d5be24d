"""tf.gradients: values, names, what is connected, several orders."""

import numpy as np
import pytest

import tensorwright as tf2
import tensorwright.compat.v1 as tf


def run(*fetches, feed=None):
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(list(fetches), feed)


def test_integers_have_derivatives_as_in_tensorflow_1():
    a, b = tf.constant(5, name="a"), tf.constant(7, name="b")
    first, second = a + 2 * b, a * b + b
    grads = [
        tf.gradients(first, b), tf.gradients(first, [a, b]),
        tf.gradients(second, [a, b]), tf.gradients([first, second], [a, b]),
    ]  # fmt: skip
    assert repr(grads[0]) == ("[<tf.Tensor 'gradients/mul_grad/Reshape_1:0' shape=() dtype=int32>]")
    assert run(*grads) == [[2], [1, 2], [7, 6], [8, 8]]


@pytest.mark.parametrize("dtype", [tf.float32, tf.int32])
def test_names_of_the_operations(dtype):
    a, b = tf.constant(5, dtype, name="a"), tf.constant(7, dtype, name="b")
    tf.gradients(a + 2 * b, b)
    names = [op.name for op in tf.get_default_graph().get_operations()]
    assert names == [
        "a", "b", "mul/x", "mul", "add", "gradients/Shape", "gradients/Const", "gradients/Fill",
        "gradients/add_grad/Shape", "gradients/add_grad/Shape_1",
        "gradients/add_grad/BroadcastGradientArgs", "gradients/add_grad/Sum",
        "gradients/add_grad/Reshape", "gradients/add_grad/Sum_1", "gradients/add_grad/Reshape_1",
        "gradients/mul_grad/Shape", "gradients/mul_grad/Shape_1",
        "gradients/mul_grad/BroadcastGradientArgs", "gradients/mul_grad/mul",
        "gradients/mul_grad/Sum", "gradients/mul_grad/Reshape", "gradients/mul_grad/mul_1",
        "gradients/mul_grad/Sum_1", "gradients/mul_grad/Reshape_1",
    ]  # fmt: skip
    assert tf.gradients(a * b, a)[0].name.startswith("gradients_1/")


def test_powers_by_base_and_exponent():
    a = tf.constant(np.array([1.0, 2.0, 3.0]))
    b = tf.constant(np.array([2.0, 3.0, 0.5]))
    base, exponent = run(*tf.gradients(a**b, [a, b]))
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 0.5])
    assert np.allclose(base, y * x ** (y - 1), rtol=1e-12)
    assert np.allclose(exponent, x**y * np.log(x), rtol=1e-12)


def test_one_source_gives_a_list_too():
    x = tf.placeholder(tf.float32)
    w = tf.Variable([0.5])
    found = tf.gradients(tf.reduce_sum(tf.square(w * x)), w)
    assert type(found) is list
    assert run(*found, feed={x: [1.0, 2.0]})[0].tolist() == [5.0]  # summed over what was repeated
    assert tf.gradients(w * x, x)[0].dtype == tf.float32


EXPRESSIONS = {
    "arithmetic": lambda t, x, y: (x - y) * (y / (x * x + 2.0)) - 3.0 * x,
    "broadcast": lambda t, x, y: x[:, :1] * y + x[0] - t.reduce_sum(x * y[:1], axis=0),
    "functions": lambda t, x, y: t.exp(-t.square(x)) * t.tanh(y) + t.sigmoid(x * y),
    "powers": lambda t, x, y: (x * x + 1.0) ** y,
    "products": lambda t, x, y: t.matmul(x, t.transpose(y)) @ x,
    "reductions": lambda t, x, y: t.reduce_max(x, axis=1) * t.reduce_mean(y) + t.norm(y),
    "shapes": lambda t, x, y: t.concat([t.reshape(x, [-1]), t.reshape(y, [6])], 0)[2:9] ** 2,
    "choices": lambda t, x, y: t.where(x > y, x * y, t.maximum(y, 0.5)),
    "softmax": lambda t, x, y: t.nn.softmax(x) * t.nn.log_softmax(y),
    "losses": lambda t, x, y: (
        t.nn.softmax_cross_entropy_with_logits(labels=t.stop_gradient(t.nn.softmax(y)), logits=x)
        * t.reduce_sum(t.stop_gradient(y))
        + t.reduce_sum(y)
    ),
}


@pytest.mark.parametrize("shape", ["known", "open", "unknown"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_derivatives_equal_those_of_tapes(name, shape):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 2, 3)).astype(np.float32)
    declared = {"known": [2, 3], "open": [None, 3], "unknown": None}[shape]
    x, y = (tf.placeholder(tf.float32, declared) for _ in "xy")
    result = EXPRESSIONS[name](tf, x, y)
    found = run(*tf.gradients(result, [x, y]), feed={x: values[0], y: values[1]})
    tf.get_default_graph()
    with tf2.init_scope(), _eagerly():
        tensors = [tf2.constant(v) for v in values]
        with tf2.GradientTape() as tape:
            tape.watch(tensors)
            value = EXPRESSIONS[name](_V2, *tensors)
        expected = tape.gradient(value, tensors)
    for g, e in zip(found, expected, strict=True):
        assert g.shape == (2, 3)
        assert np.allclose(g, e.numpy(), rtol=1e-5, atol=1e-6)


class _V2:
    """TensorFlow 2's names for what the expressions use."""

    def __getattr__(self, name):
        return getattr(tf2, name)


_V2 = _V2()


def _eagerly():
    from contextlib import contextmanager

    from tensorwright.frontend.tf.graph.state import MODE

    @contextmanager
    def eagerly():
        MODE.is_eager = True
        yield
        MODE.is_eager = False

    return eagerly()


def test_variables_are_sources_wherever_they_are_read():
    v = tf.Variable([1.0, 2.0])
    with tf.control_dependencies([tf.no_op()]):
        again = v.read_value()
    (g,) = tf.gradients(tf.reduce_sum(v * v + 3.0 * again), v)
    assert run(g)[0].tolist() == [5.0, 7.0]


def test_rows_that_were_gathered():
    table = tf.Variable(np.arange(10, dtype=np.float32).reshape(5, 2))
    ids = tf.placeholder(tf.int32, [None])
    rows = tf.nn.embedding_lookup(table, ids)
    (g,) = tf.gradients(tf.reduce_sum(rows * rows), table)
    assert isinstance(g, tf.IndexedSlices)
    (found,) = run(g, feed={ids: [1, 3, 1]})
    assert found.indices.tolist() == [1, 3, 1]
    assert found.dense_shape.tolist() == [5, 2]
    assert found.values.tolist() == [[4.0, 6.0], [12.0, 14.0], [4.0, 6.0]]
    (both,) = tf.gradients(tf.reduce_sum(rows) + tf.reduce_sum(table), table)
    (dense,) = run(both, feed={ids: [1, 3, 1]})
    assert dense.tolist() == [[1, 1], [3, 3], [1, 1], [2, 2], [1, 1]]


def test_what_is_not_connected():
    x, y = tf.constant([1.0, 2.0]), tf.constant([1.0, 2.0])
    assert tf.gradients(x * 2.0, y) == [None]
    assert tf.gradients(tf.stop_gradient(x) * 2.0, x) == [None]
    assert tf.gradients(tf.cast(tf.argmax(x), tf.float32), x) == [None]
    assert tf.gradients(tf.cast(tf.cast(x, tf.int32), tf.float32), x) == [None]
    zero = tf.gradients(x * 2.0, [x, y], unconnected_gradients=tf2.UnconnectedGradients.ZERO)
    assert [g.tolist() for g in run(*zero)] == [[2.0, 2.0], [0.0, 0.0]]


def test_weights_and_stops():
    x = tf.constant([1.0, 2.0])
    a = x * 3.0
    y = a * x
    assert run(*tf.gradients(y, x, grad_ys=[tf.constant([1.0, 10.0])]))[0].tolist() == [6.0, 120.0]
    assert run(*tf.gradients(y, x, stop_gradients=[a]))[0].tolist() == [3.0, 6.0]
    assert run(*tf.gradients(y, [x, a], stop_gradients=a))[1].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="Passed 1 grad_ys for 2 ys"):
        tf.gradients([y, a], x, grad_ys=[x])


def test_intermediate_tensors_are_sources_and_can_be_fed():
    x = tf.constant(3.0)
    y = x * x
    z = y * y
    (dy,) = tf.gradients(z, y)
    assert run(dy, *tf.gradients(z, [x, y])) == [18.0, 108.0, 18.0]
    assert run(dy, feed={y: 5.0}) == [10.0]


def test_orders():
    x = tf.constant(2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = tf.gradients(y, x)
        assert np.isclose(run(y)[0], expected)


def test_hessians():
    x = tf.Variable([1.0, 2.0, 3.0])
    (h,) = tf.hessians(x[0] * x[1] * x[2] + tf.reduce_sum(x**2), x)
    assert np.allclose(run(h)[0], [[2, 3, 2], [3, 2, 1], [2, 1, 2]])


def test_dropout_keeps_the_same_elements_backwards():
    x = tf.placeholder(tf.float32, [None])
    y = tf.nn.dropout(x, 0.5)
    (g,) = tf.gradients(y, x)
    ones = np.ones(1000)
    with tf.Session() as sess:
        forward, backward = sess.run([y, g], {x: ones})
        assert np.array_equal(forward, backward)
        assert 300 < np.count_nonzero(forward) < 700
        only, again = (sess.run(g, {x: ones}) for _ in range(2))
        assert not np.array_equal(only, backward)
        assert not np.array_equal(only, again)


def test_eager_programs_use_tapes():
    with _eagerly(), pytest.raises(RuntimeError, match=r"Use tf\.GradientTape"):
        tf.gradients(tf2.constant(1.0), tf2.constant(1.0))


def test_python_functions_have_no_derivative():
    x = tf.constant(1.0)
    assert tf.gradients(tf.py_func(np.sin, [x], tf.float32), x) == [None]


def test_through_loops_and_branches():
    x, n = tf.constant(1.5), tf.placeholder(tf.int32, [])
    power = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x), [0, tf.constant(1.0)])[1]
    (slope,) = tf.gradients(power, x)
    chosen = tf.cond(power > 3.0, lambda: power * power, lambda: x)
    (through,) = tf.gradients(chosen, x)
    with tf.Session() as sess:
        assert np.allclose(sess.run([power, slope, through], {n: 2}), [2.25, 3.0, 1.0])
        assert np.allclose(sess.run([power, slope], {n: 4}), [1.5**4, 4 * 1.5**3])
        assert np.isclose(sess.run(through, {n: 4}), 8 * 1.5**7)
