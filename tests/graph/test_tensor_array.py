"""`tf.TensorArray`; the values are those of TensorFlow 2.21's compat.v1."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from support.sessions import run


def test_elements_are_written_and_read():
    array = tf.TensorArray(tf.float32, 3).write(0, 1.0).write(1, 2.0).write(2, 5.0)
    stacked = array.stack()
    assert repr(stacked) == (
        "<tf.Tensor 'TensorArrayStack/TensorArrayGatherV3:0' shape=(3,) dtype=float32>"
    )
    found = run([stacked, array.read(1), array.size(), array.gather([2, 0])])
    assert [np.asarray(x).tolist() for x in found] == [[1.0, 2.0, 5.0], 2.0, 3, [5.0, 1.0]]
    assert run(tf.TensorArray(tf.float32, 2).write(0, 1.0).stack()).tolist() == [1.0, 0.0]


def test_slices_of_tensors():
    rows = [[1.0, 2.0], [3.0, 4.0]]
    array = tf.TensorArray(tf.float32, 2).unstack(rows)
    assert run(array.read(1)).tolist() == [3.0, 4.0]
    assert run(array.concat()).tolist() == [1.0, 2.0, 3.0, 4.0]
    scattered = tf.TensorArray(tf.float32, 2).scatter([1, 0], rows)
    assert run(scattered.stack()).tolist() == rows[::-1]


def test_loops_write():
    n = tf.placeholder(tf.int32, [])
    _, array = tf.while_loop(
        lambda i, a: i < n,
        lambda i, a: (i + 1, a.write(i, i * i)),
        (0, tf.TensorArray(tf.int32, n)),
    )
    stacked = array.stack()
    assert stacked.shape.as_list() == [None]
    assert run(stacked, {n: 5}).tolist() == [0, 1, 4, 9, 16]


def test_loops_read_what_they_have_written():
    start = tf.TensorArray(tf.int32, 8, clear_after_read=False).write(0, 1).write(1, 1)
    _, array = tf.while_loop(
        lambda i, a: i < 8, lambda i, a: (i + 1, a.write(i, a.read(i - 1) + a.read(i - 2))),
        (2, start),
    )  # fmt: skip
    assert run(array.stack()).tolist() == [1, 1, 2, 3, 5, 8, 13, 21]


def test_a_recurrent_network_with_its_gradient():
    x = tf.placeholder(tf.float32, [None, 4, 2])
    w = tf.get_variable("w", [5, 3], initializer=tf.ones_initializer())
    rows = tf.TensorArray(tf.float32, 4).unstack(tf.transpose(x, [1, 0, 2]))

    def body(t, h, out):
        h = tf.tanh(tf.matmul(tf.concat([rows.read(t), h], 1), w))
        return t + 1, h, out.write(t, h)

    start = (0, tf.zeros([tf.shape(x)[0], 3]), tf.TensorArray(tf.float32, 4))
    _, last, out = tf.while_loop(lambda t, h, o: t < 4, body, start)
    y = out.stack()
    assert y.shape.as_list() == [4, None, 3]
    (g,) = tf.gradients(tf.reduce_sum(y), w)
    feed = {x: np.arange(16.0).reshape(2, 4, 2) / 10}
    found, end, gradient = run([y, last, g], feed)
    expected = [[0.099668, 0.93540907], [0.66347957, 0.99989045], [0.99384713, 0.9999665]]
    assert np.allclose(found[:3, :, 0], expected, atol=1e-6)
    assert np.array_equal(found[3], end)
    column = [0.22188085, 0.5651823, 0.06707101, 0.06707101, 0.06707101]
    assert np.allclose(gradient, np.array(column)[:, None] * np.ones(3), atol=1e-6)


def test_arrays_that_grow():
    start = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    _, array = tf.while_loop(
        lambda i, a: i < 3, lambda i, a: (i + 1, a.write(i, tf.cast(i, tf.float32))), (0, start)
    )
    stacked, count = run([array.stack(), array.size()])
    assert stacked.tolist() == [0.0, 1.0, 2.0] and count == 3


def test_branches_give_arrays():
    array = tf.TensorArray(tf.float32, 2).write(0, 1.0)
    which = tf.placeholder(tf.bool, [])
    found = tf.cond(which, lambda: array.write(1, 2.0), lambda: array).stack()
    assert run(found, {which: True}).tolist() == [1.0, 2.0]
    assert run(found, {which: False}).tolist() == [1.0, 0.0]


def test_errors():
    with pytest.raises(ValueError, match="Inconsistent shapes"):
        tf.TensorArray(tf.float32, 2).write(0, 1.0).write(1, [1.0, 2.0])
    with pytest.raises(ValueError, match="trying to write dtype"):
        tf.TensorArray(tf.float32, 2).write(0, tf.constant(1))
    with pytest.raises(ValueError, match="element_shape"):
        tf.TensorArray(tf.float32, 2).read(0)
    with pytest.raises(ValueError, match="size"):
        tf.TensorArray(tf.float32)
    with pytest.raises(NotImplementedError, match="unstack"):
        tf.TensorArray(tf.float32, 2).split([1.0, 2.0], [1, 1])
    outside = tf.TensorArray(tf.float32, 2).write(5, 1.0).stack()
    with pytest.raises(tf.errors.InvalidArgumentError, match="Tried to write to index 5"):
        run(outside)
