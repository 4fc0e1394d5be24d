"""Programs of the kinds that courses and answers contain, with the results of TensorFlow 1."""

from typing import NamedTuple

import numpy as np
import pytest

import tensorwright.compat.v1 as tf


def test_dtypes_that_differ_are_a_type_error_while_the_graph_is_built():
    whole, real = tf.constant(1), tf.constant(1.0)
    with pytest.raises(TypeError, match="has type float32 that does not match type int32 of arg"):
        whole + real
    with pytest.raises(TypeError, match="Input 'b' of 'MatMul' Op has type float64"):
        tf.matmul(tf.ones([2, 2]), tf.ones([2, 2], tf.float64))
    with pytest.raises(TypeError, match=r"of 'ConcatV2' Op have types \[int32, float32\] that don"):
        tf.concat([[whole], [real]], 0)
    with pytest.raises(TypeError, match="DataType int32 not in list of allowed values: bfloat16"):
        tf.sqrt(whole)
    with pytest.raises(TypeError, match="has type int32 that does not match expected type of bool"):
        tf.logical_and(whole, True)
    with pytest.raises(TypeError, match=r"got 1.5 of type 'float' instead|does not match"):
        whole + 1.5


def test_slices_of_unknown_sizes_have_unknown_sizes():
    x = tf.placeholder(tf.float32, [None, 2])
    assert [t.shape.as_list()[0] for t in (x[:5], x[:3], x[-3:], x[2:])] == [None] * 4
    assert tf.slice(x, [0, 0], [3, -1]).shape.as_list() == [3, 2]
    y = x[:3] + tf.placeholder_with_default(np.ones([2, 2], np.float32), [None, 2])
    with tf.Session() as sess:
        np.testing.assert_array_equal(sess.run(y, {x: np.zeros((2, 2))}), np.ones((2, 2)))


def test_batch_normalisation_written_by_hand():
    x = tf.placeholder(tf.float32, [None, 2])
    is_training = tf.placeholder(tf.bool)
    mean, variance = tf.nn.moments(x, [0])
    averages = tf.train.ExponentialMovingAverage(0.5)

    def updated():
        with tf.control_dependencies([averages.apply([mean, variance])]):
            return tf.identity(mean), tf.identity(variance)

    def averaged():
        return averages.average(mean), averages.average(variance)

    chosen = tf.cond(is_training, updated, averaged)
    y = tf.nn.batch_normalization(x, *chosen, None, None, 1e-3)
    rows = np.array([[1, 2], [3, 6]], np.float32)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        trained = sess.run(y, {x: rows, is_training: True})
        np.testing.assert_allclose(trained, [[-0.9995, -0.99988], [0.9995, 0.99988]], atol=1e-5)
        found = sess.run(chosen, {x: rows, is_training: False})
    np.testing.assert_array_equal(found, [[1.0, 2.0], [0.5, 2.0]])


def test_names_of_ops():
    x, n = tf.constant([[1.0, 2.0]]), tf.constant([7])
    made = [
        tf.shape(x), tf.rank(x), tf.pad(x, [[1, 1], [0, 0]]), tf.div(n, 2), tf.floordiv(n, 2),
        tf.truediv(n, 2), tf.divide(x, 2.0), tf.round(x), tf.norm(x), tf.bitcast(x, tf.int32),
    ]  # fmt: skip
    assert [t.op.name for t in made] == [
        "Shape", "Rank", "Pad", "div", "floordiv", "truediv", "truediv_1", "Round", "norm",
        "Bitcast",
    ]  # fmt: skip


def test_systems_without_a_solution_give_no_numbers():
    a = tf.placeholder(tf.float32, [2, 2])
    with tf.Session() as sess:
        found = sess.run([tf.matrix_inverse(a), tf.matrix_determinant(a)], {a: np.ones((2, 2))})
    assert np.isnan(found[0]).all()
    assert found[1] == 0.0


class _Pair(NamedTuple):
    a: object
    b: object


def test_nests_that_are_equal_are_told_apart():
    a, b = tf.constant(1), tf.constant(2)
    with tf.Session() as sess:
        for _ in range(2):
            assert type(sess.run([(a, b)])[0]) is tuple
            assert type(sess.run([_Pair(a, b)])[0]) is _Pair
            assert type(sess.run(((a, b),))[0]) is tuple
            assert type(sess.run({"x": _Pair(a, b)})["x"]) is _Pair
            assert sess.run({"x": [a, {"y": b}]}) == {"x": [1, {"y": 2}]}


def test_fetches_that_were_changed_between_runs():
    a, b = tf.constant(1), tf.constant(2)
    several, named = [a], {"x": a}
    with tf.Session() as sess:
        assert (sess.run(several), sess.run(named)) == ([1], {"x": 1})
        several.append(b)
        named["x"] = b
        assert (sess.run(several), sess.run(named)) == ([1, 2], {"x": 2})


def test_feeding_a_variable():
    v = tf.Variable(3.0, name="v")
    doubled = v * 2.0
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run([v, doubled], {v: 10.0}) == [10.0, 20.0]
        assert sess.run(["v:0", doubled], {"v:0": 1.0}) == [1.0, 2.0]
        assert sess.run([v, doubled]) == [3.0, 6.0]


def test_a_session_of_an_empty_graph():
    a = tf.constant(1)
    with pytest.raises(RuntimeError, match=r"The Session graph is empty. Add operations"):
        tf.Session(graph=tf.Graph()).run(a)


def test_ids_of_unknown_lengths():
    table = tf.get_variable("table", initializer=np.ones((3, 2), np.float32))
    ids = tf.placeholder(tf.int32, [None, None])
    rows = tf.nn.embedding_lookup(table, ids)
    flat = tf.reshape(ids, [-1])
    costs = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.minimum(flat, 1), logits=tf.reshape(rows, [-1, 2])
    )
    sums = tf.unsorted_segment_sum(tf.reshape(rows, [-1, 2]), flat, 3)
    tied = tf.matmul(tf.reduce_sum(rows, 1), table, transpose_b=True)
    slope = tf.gradients(tied, table)[0]
    with tf.Session() as sess:
        sess.run(table.initializer)
        found = sess.run([costs, sums, slope], {ids: [[0, 1], [1, 1]]})
    np.testing.assert_allclose(found[0], [0.6931472] * 4)
    np.testing.assert_array_equal(found[1], [[1, 1], [3, 3], [0, 0]])
    np.testing.assert_array_equal(found[2], [[7, 7], [13, 13], [4, 4]])


def test_names_that_have_moved_since():
    square = tf.constant([[4.0, 2.0], [2.0, 3.0]])
    lower = tf.matrix_band_part(square, -1, 0)
    made = [
        lower,
        tf.matrix_triangular_solve(lower, tf.constant([[4.0], [5.0]])),
        tf.matrix_set_diag(square, [0.0, 0.0]),
        tf.self_adjoint_eigvals(tf.diag([2.0, 1.0])),
        tf.reverse_v2(square, [0]),
        tf.nn.in_top_k([[0.1, 0.9], [0.8, 0.2]], [1, 1], 1),
        tf.depth_to_space(tf.space_to_depth(tf.reshape(square, [1, 2, 2, 1]), 2), 2),
        tf.tensor_scatter_update(tf.zeros([2]), [[1]], [7.0]),
        tf.reduce_join(tf.constant(["a", "b"])),
    ]
    with tf.Session() as sess:
        found = [np.asarray(x).tolist() for x in sess.run(made)]
    assert found == [
        [[4, 0], [2, 3]], [[1], [1]], [[0, 2], [2, 0]], [1, 2], [[2, 3], [4, 2]], [True, False],
        [[[[4], [2]], [[2], [3]]]], [0, 7], b"ab",
    ]  # fmt: skip
    assert isinstance(tf.VERSION, str)


def test_cells_of_contrib():
    steps = tf.unstack(tf.zeros([2, 3, 4]), axis=1)
    outputs, state = tf.contrib.rnn.static_rnn(
        tf.contrib.rnn.BasicLSTMCell(5), steps, dtype=tf.float32
    )
    assert (len(outputs), state.h.shape.as_list()) == (3, [2, 5])
    assert isinstance(state, tf.contrib.rnn.LSTMStateTuple)


def test_operations_print_as_messages():
    w = tf.Variable(1.0, name="w")
    train = tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
    text = 'name: "GradientDescent"\nop: "NoOp"\ninput: "^GradientDescent/update_w/ApplyGradient'
    assert str(train).startswith(text)
    assert repr(train) == "<tf.Operation 'GradientDescent' type=NoOp>"


def test_numbers_that_are_too_large_for_a_feed():
    x = tf.placeholder(tf.int32)
    with tf.Session() as sess, pytest.raises(TypeError, match="is not compatible with Tensor type"):
        sess.run(x, {x: 2**40})


def test_loops_give_what_their_bodies_return():
    def goes_on(k, x):
        return k < 3

    several = tf.while_loop(goes_on, lambda k, x: (k + 1, x), [0, 1.0])
    listed = tf.while_loop(goes_on, lambda k, x: [k + 1, x], (0, 1.0))
    assert (type(several), type(listed)) == (tuple, list)


def test_shapes_that_sizes_do_not_determine():
    rows = tf.placeholder(tf.float32, [None, 3])
    flat = tf.placeholder(tf.float32, [None])
    images = tf.placeholder(tf.float32, [None, 28, 28])
    anything = tf.placeholder(tf.float32)
    assert tf.reshape(rows, [-1, 6]).shape.as_list() == [None, 6]
    assert tf.reshape(rows, [2, -1]).shape.as_list() == [2, None]
    assert tf.reshape(flat, [-1, 28, 28]).shape.as_list() == [None, 28, 28]
    assert tf.reshape(flat, tf.shape(images)).shape.as_list() == [None, 28, 28]
    assert tf.reshape(anything, [-1, 28, 28, 1]).shape.as_list() == [None, 28, 28, 1]
    assert (anything + tf.ones([4, 5])).shape.rank is None
    assert (flat + tf.ones([4])).shape.as_list() == [4]
    filtered = tf.nn.conv2d(anything, tf.ones([3, 3, 1, 2]), [1, 1, 1, 1], "SAME")
    assert filtered.shape.as_list()[-1] in (2, None)
    assert tf.unique(tf.placeholder(tf.int32, [2]))[0].shape.as_list() == [None]
    with tf.Session() as sess:
        again = tf.reshape(tf.reshape(images, [-1]), tf.shape(images))
        assert sess.run(again, {images: np.zeros((3, 28, 28))}).shape == (3, 28, 28)


@pytest.mark.parametrize(
    "name",
    ["train.Server", "train.ClusterSpec", "SparseTensor", "sparse_placeholder", "string_split"],
)
def test_what_is_refused_says_what_to_do_instead(name: str):
    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    with pytest.raises(NotImplementedError, match=rf"tf\.{name} is not supported: "):
        found({"worker": []})
