"""Recurrent networks: values against loops in NumPy, names of weights as in TensorFlow 1."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from support.sessions import started
from tensorwright.frontend.tf.graph.state import MODE

X = np.random.RandomState(0).randn(4, 7, 3).astype(np.float32)
LENGTHS = [3, 7, 1, 5]
cells = tf.nn.rnn_cell


def logistic(x):
    return 1 / (1 + np.exp(-x))


def sequences():
    return tf.placeholder(tf.float32, [None, None, 3])


def lstm_step(x, state, kernel, bias, forget_bias=1.0):
    c, h = state
    i, j, f, o = np.split(np.concatenate([x, h], 1) @ kernel + bias, 4, 1)
    c = c * logistic(f + forget_bias) + logistic(i) * np.tanh(j)
    h = np.tanh(c) * logistic(o)
    return h, (c, h)


def gru_step(x, state, gate_kernel, gate_bias, kernel, bias):
    r, u = np.split(logistic(np.concatenate([x, state], 1) @ gate_kernel + gate_bias), 2, 1)
    new = np.tanh(np.concatenate([x, r * state], 1) @ kernel + bias)
    h = u * state + (1 - u) * new
    return h, h


def basic_step(x, state, kernel, bias):
    h = np.tanh(np.concatenate([x, state], 1) @ kernel + bias)
    return h, h


def walked(step, x, state, *weights, lengths=None):
    outputs = []
    for t in range(x.shape[1]):
        out, new = step(x[:, t], state, *weights)
        if lengths is not None:
            runs = (t < np.array(lengths))[:, None]
            out = np.where(runs, out, 0)
            pairs = zip(new, state, strict=True)
            new = tuple(np.where(runs, a, b) for a, b in pairs)
        outputs.append(out)
        state = new
    return np.stack(outputs, 1), state


def lstm(x, *weights, units=5, lengths=None):
    zero = np.zeros((len(x), units))
    return walked(lstm_step, x, (zero, zero), *weights, lengths=lengths)


def test_lstm_along_sequences_of_any_length():
    x, lengths = sequences(), tf.placeholder(tf.int32, [None])
    cell = cells.BasicLSTMCell(5)
    outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    cut, cut_state = tf.nn.dynamic_rnn(cell, x, sequence_length=lengths, dtype=tf.float32)
    assert outputs.shape.as_list() == [None, None, 5]
    assert isinstance(state, cells.LSTMStateTuple)
    assert [v.name for v in tf.trainable_variables()] == [
        "rnn/basic_lstm_cell/kernel:0", "rnn/basic_lstm_cell/bias:0",
    ]  # fmt: skip
    sess = started()
    weights = sess.run(cell.weights)
    expected, (c, h) = lstm(X, *weights)
    found, last = sess.run([outputs, state], {x: X})
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(last.c, c, atol=1e-5)
    assert np.allclose(last.h, h, atol=1e-5)
    expected, (c, h) = lstm(X, *weights, lengths=LENGTHS)
    found, last = sess.run([cut, cut_state], {x: X, lengths: LENGTHS})
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(last.h, h, atol=1e-5)
    short = sess.run(outputs, {x: X[:2, :3]})
    assert np.allclose(short, lstm(X[:2, :3], *weights)[0], atol=1e-5)


@pytest.mark.parametrize(
    "make, step, names",
    [
        (
            lambda: cells.BasicRNNCell(4),
            basic_step,
            ["basic_rnn_cell/kernel", "basic_rnn_cell/bias"],
        ),
        (
            lambda: cells.GRUCell(4),
            gru_step,
            [f"gru_cell/{part}/{w}" for part in ("gates", "candidate") for w in ("kernel", "bias")],
        ),
    ],
)
def test_cells_with_one_state(make, step, names):
    cell, x = make(), sequences()
    outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    assert [v.op.name for v in tf.global_variables()] == [f"rnn/{n}" for n in names]
    sess = started()
    expected, last = walked(step, X, np.zeros((4, 4)), *sess.run(cell.weights))
    assert np.allclose(sess.run(outputs, {x: X}), expected, atol=1e-5)
    assert np.allclose(sess.run(state, {x: X}), last, atol=1e-5)


def test_lstm_with_peepholes_projection_and_clipping():
    cell = cells.LSTMCell(4, use_peepholes=True, num_proj=2, cell_clip=0.5, proj_clip=0.3)
    x = tf.placeholder(tf.float32, [None, 3])
    state = cells.LSTMStateTuple(tf.ones([2, 4]), tf.ones([2, 2]))
    output, (kept, _) = cell(x, state)
    assert [v.op.name.rpartition("lstm_cell/")[2] for v in cell.weights] == [
        "kernel", "bias", "w_f_diag", "w_i_diag", "w_o_diag", "projection/kernel",
    ]  # fmt: skip
    sess = started()
    kernel, bias, wf, wi, wo, projection = sess.run(cell.weights)
    i, j, f, o = np.split(np.concatenate([X[:2, 0], np.ones((2, 2))], 1) @ kernel + bias, 4, 1)
    c = logistic(f + 1 + wf) + logistic(i + wi) * np.tanh(j)
    c = np.clip(c, -0.5, 0.5)
    h = np.clip(logistic(o + wo * c) * np.tanh(c) @ projection, -0.3, 0.3)
    assert np.allclose(sess.run(kept, {x: X[:2, 0]}), c, atol=1e-5)
    assert np.allclose(sess.run(output, {x: X[:2, 0]}), h, atol=1e-5)


def test_states_side_by_side_and_other_activations():
    cell, x = cells.BasicLSTMCell(4, state_is_tuple=False, activation=tf.nn.relu), sequences()
    outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    found, last = started().run([outputs, state], {x: X})
    assert last.shape == (4, 8)
    assert np.array_equal(last[:, 4:], found[:, -1])
    assert (found >= 0).all()


def test_cells_in_a_row():
    x = sequences()
    first, second = cells.BasicLSTMCell(5), cells.GRUCell(2)
    cell = cells.MultiRNNCell([first, second])
    outputs, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    assert [v.op.name for v in tf.global_variables()][::2] == [
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel",
        "rnn/multi_rnn_cell/cell_1/gru_cell/gates/kernel",
        "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/kernel",
    ]
    sess = started()
    inner, _ = lstm(X, *sess.run(first.weights))
    expected, last = walked(gru_step, inner, np.zeros((4, 2)), *sess.run(second.weights))
    assert np.allclose(sess.run(outputs, {x: X}), expected, atol=1e-5)
    assert np.allclose(sess.run(state[1], {x: X}), last, atol=1e-5)


def test_a_step_for_each_input():
    x = tf.placeholder(tf.float32, [None, 3, 3])
    cell = cells.BasicLSTMCell(5)
    outputs, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
    sess = started()
    expected, (_, h) = lstm(X[:, :3], *sess.run(cell.weights))
    assert np.allclose(np.stack(sess.run(outputs, {x: X[:, :3]}), 1), expected, atol=1e-5)
    assert np.allclose(sess.run(state.h, {x: X[:, :3]}), h, atol=1e-5)
    with pytest.raises(ValueError, match="must not be empty"):
        tf.nn.static_rnn(cell, [])
    with pytest.raises(TypeError, match="must be a sequence"):
        tf.nn.static_rnn(cell, x)


def test_both_directions():
    x, lengths = sequences(), tf.placeholder(tf.int32, [None])
    there, back = cells.BasicLSTMCell(5), cells.BasicLSTMCell(5)
    outputs, _ = tf.nn.bidirectional_dynamic_rnn(
        there, back, x, sequence_length=lengths, dtype=tf.float32
    )
    assert [v.op.name for v in tf.global_variables()][::2] == [
        "bidirectional_rnn/fw/basic_lstm_cell/kernel",
        "bidirectional_rnn/bw/basic_lstm_cell/kernel",
    ]
    sess = started()
    found = sess.run(outputs, {x: X, lengths: LENGTHS})
    turned = X.copy()
    for k, n in enumerate(LENGTHS):
        turned[k, :n] = X[k, :n][::-1]
    expected, _ = lstm(turned, *sess.run(back.weights), lengths=LENGTHS)
    for k, n in enumerate(LENGTHS):
        assert np.allclose(found[1][k, :n], expected[k, :n][::-1], atol=1e-5)
    forwards, _ = lstm(X, *sess.run(there.weights), lengths=LENGTHS)
    assert np.allclose(found[0], forwards, atol=1e-5)


def test_wrappers():
    x = tf.placeholder(tf.float32, [None, 7, 3])
    keep = tf.placeholder_with_default(1.0, [])
    inner = cells.GRUCell(3)
    wrapped = cells.DropoutWrapper(inner, keep, keep, keep)
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        plain, _ = tf.nn.dynamic_rnn(inner, x, dtype=tf.float32)
        dropped, _ = tf.nn.dynamic_rnn(wrapped, x, dtype=tf.float32)
        added, _ = tf.nn.dynamic_rnn(cells.ResidualWrapper(cells.GRUCell(3)), x, dtype=tf.float32)
    assert wrapped.weights == inner.weights
    sess = started()
    a, b, c = sess.run([plain, dropped, added], {x: X})
    assert np.allclose(a, b, atol=1e-6)
    assert np.allclose(c[:, 0], a[:, 0] + X[:, 0], atol=1e-5)
    assert (sess.run(dropped, {x: X, keep: 0.5}) == 0).mean() > 0.2
    with pytest.raises(NotImplementedError, match="variational_recurrent"):
        cells.DropoutWrapper(inner, variational_recurrent=True)
    with pytest.raises(ValueError, match="at least one cell"):
        cells.MultiRNNCell([])


def test_cells_of_ones_own():
    class Sum(cells.RNNCell):
        state_size = output_size = 3

        def call(self, inputs, state):
            w = tf.get_variable("w", [3], initializer=tf.ones_initializer())
            new = state + w * inputs
            return new, new

    x = sequences()
    outputs, _ = tf.nn.dynamic_rnn(Sum(), x, dtype=tf.float32)
    assert [v.name for v in tf.global_variables()] == ["rnn/sum/w:0"]
    (gradient,) = tf.gradients(tf.reduce_sum(outputs), tf.global_variables())
    sess = started()
    assert np.allclose(sess.run(outputs, {x: X}), np.cumsum(X, 1), atol=1e-5)
    expected = np.cumsum(X, 1).sum((0, 1))
    assert np.allclose(sess.run(gradient, {x: X}), expected, atol=1e-4)


def test_sequences_are_learned():
    tf.set_random_seed(1)
    x = sequences()
    outputs, _ = tf.nn.dynamic_rnn(cells.BasicLSTMCell(5), x, dtype=tf.float32)
    loss = tf.reduce_mean(tf.square(outputs[:, -1, 0] - X[:, 0, 0]))
    step = tf.train.AdamOptimizer(0.05).minimize(loss)
    sess = started()
    before = sess.run(loss, {x: X})
    for _ in range(200):
        sess.run(step, {x: X})
    assert sess.run(loss, {x: X}) < 0.2 * before


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="you must give a dtype"):
        tf.nn.dynamic_rnn(cells.BasicRNNCell(2), sequences())
    with pytest.raises(ValueError, match="at least 3 axes"):
        tf.nn.dynamic_rnn(cells.BasicRNNCell(2), tf.zeros([2, 3]), dtype=tf.float32)


def test_recurrent_networks_of_eager_programs():
    MODE.is_eager = True
    cell = cells.BasicLSTMCell(5)
    outputs, state = tf.nn.dynamic_rnn(cell, tf.constant(X), dtype=tf.float32)
    expected, (c, _) = lstm(X, *[w.numpy() for w in cell.weights])
    assert np.allclose(outputs.numpy(), expected, atol=1e-5)
    assert np.allclose(state.c.numpy(), c, atol=1e-5)
