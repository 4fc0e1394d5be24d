"""Rates that decay, the global step, moving averages, clipping; numbers as TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from support.sessions import run

train = tf.train
# (function, arguments, options): the rates from 0.1 on (for constants: the values) at the steps
# 0, 3, 10 and 25
STEPS = (0, 3, 10, 25)
DECAYS = [
    ("exponential_decay", (10, 0.5), {}, [0.1, 0.08122524, 0.05, 0.01767767]),
    ("exponential_decay", (10, 0.5, True), {}, [0.1, 0.1, 0.05, 0.025]),
    ("natural_exp_decay", (10, 0.5), {}, [0.1, 0.0860708, 0.060653068, 0.028650481]),
    ("natural_exp_decay", (10, 0.5, True), {}, [0.1, 0.1, 0.060653068, 0.036787946]),
    ("inverse_time_decay", (10, 0.5), {}, [0.1, 0.08695652, 0.06666667, 0.044444446]),
    ("inverse_time_decay", (10, 0.5, True), {}, [0.1, 0.1, 0.06666667, 0.05]),
    ("polynomial_decay", (10, 0.01), {"power": 2.0}, [0.1, 0.0541, 0.01, 0.01]),
    ("polynomial_decay", (10, 0.01, 0.5, True), {}, [0.1, 0.0852994, 0.01, 0.04674235]),
    ("cosine_decay", (10,), {"alpha": 0.1}, [0.1, 0.081450336, 0.01, 0.01]),
    (
        "cosine_decay_restarts", (7,), {"t_mul": 2.0, "m_mul": 0.9, "alpha": 0.1},
        [0.1, 0.06501343, 0.082164176, 0.07929031],
    ),
    (
        "cosine_decay_restarts", (7,), {"t_mul": 1.0},
        [0.1, 0.061126035, 0.061126035, 0.03887392],
    ),
    (
        "linear_cosine_decay", (10,), {"alpha": 0.1, "beta": 0.01},
        [0.111, 0.06451141, 0.001, 0.001],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "options", "expected"), DECAYS)
def test_decays(name, args, options, expected):
    step = tf.placeholder(tf.int64, [])
    rate = getattr(train, name)(0.1, step, *args, **options)
    assert rate.dtype == tf.float32 and rate.shape == []
    with tf.Session() as session:
        got = [session.run(rate, {step: k}) for k in STEPS]
    assert np.allclose(got, expected, rtol=2e-6)


def test_constants_in_pieces():
    step = tf.Variable(3, trainable=False, dtype=tf.int64)
    rate = train.piecewise_constant(step, [3, 10], [1.0, 0.5, 0.1])
    assert rate.op.name == "PiecewiseConstant"
    moved = [run(rate, {step: k}) for k in (0, 3, 4, 11)]
    assert np.allclose(moved, [1.0, 1.0, 0.5, 0.1])
    with pytest.raises(ValueError, match="The length of boundaries should be 1 less than"):
        train.piecewise_constant(step, [3, 10], [1.0, 0.5])
    with pytest.raises(ValueError, match=r"Boundaries .* must have the same dtype as x"):
        train.piecewise_constant(step, [3.5, 10.0], [1.0, 0.5, 0.1])
    with pytest.raises(ValueError, match="Values must have elements all with the same dtype"):
        train.piecewise_constant(step, [3, 10], [1, 0.5, 0.1])


def test_a_rate_that_decays_drives_an_optimizer():
    v, step = tf.Variable(0.0), train.get_or_create_global_step()
    rate = train.exponential_decay(1.0, step, 1, 0.5)
    assert rate.name == "ExponentialDecay:0"
    op = train.GradientDescentOptimizer(rate).minimize(-v, global_step=step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for expected in (1.0, 1.5, 1.75):
            session.run(op)
            assert session.run(v) == expected
        assert train.global_step(session, step) == 3
    double = train.exponential_decay(tf.constant(0.1, tf.float64), step, 10, 0.5)
    assert double.dtype == tf.float64
    with pytest.raises(ValueError, match="global_step is required"):
        train.exponential_decay(0.1, None, 10, 0.5)


def test_rates_in_eager_programs_are_functions():
    from tensorwright.frontend.tf.graph.state import MODE

    MODE.is_eager = True
    step = tf.Variable(0)
    rate = train.exponential_decay(1.0, step, 1, 0.5)
    piece = train.piecewise_constant(step, [0], [1.0, 2.0])
    assert (rate().numpy(), piece().numpy()) == (1.0, 1.0)
    step.assign(2)
    assert (rate().numpy(), piece().numpy()) == (0.25, 2.0)


# -- the global step ------------------------------------------------------------------------------


def test_the_global_step():
    assert train.get_global_step() is None
    step = train.create_global_step()
    assert repr(step) == "<tf.Variable 'global_step:0' shape=() dtype=int64_ref>"
    assert train.get_global_step() is train.get_or_create_global_step() is step
    assert step not in tf.trainable_variables() and run(step) == 0
    with pytest.raises(ValueError, match='"global_step" already exists'):
        train.create_global_step()
    with tf.Graph().as_default() as other:
        assert train.get_global_step() is None
        assert train.get_or_create_global_step(other).graph is other
    for wrong, text in (
        (tf.Variable(1.0), "does not have integer type: <dtype: 'float32_ref'>"),
        (tf.Variable([1]), r"is not scalar: \(1,\)"),
        (3, "must be a Variable or Tensor: 3"),
    ):
        with pytest.raises(TypeError, match=f'Existing "global_step" {text}'):
            train.assert_global_step(wrong)


# -- averages -------------------------------------------------------------------------------------


def test_averages_of_variables():
    v, w = tf.Variable([1.0, 2.0], name="v"), tf.Variable(3.0, name="w", trainable=False)
    averages = train.ExponentialMovingAverage(0.9)
    op = averages.apply()
    assert (op.name, op.type) == ("ExponentialMovingAverage", "NoOp")
    average = averages.average(v)
    assert average.name == "v/ExponentialMovingAverage:0" and averages.average(w) is None
    assert averages.average_name(v) == "v/ExponentialMovingAverage"
    assert averages.average_name(w) == "w/ExponentialMovingAverage"
    assert averages.variables_to_restore() == {"v/ExponentialMovingAverage": v, "w": w} | {}
    assert tf.moving_average_variables() == [v]
    moved = v.assign([10.0, 20.0])
    with tf.control_dependencies([moved]):
        after = train.ExponentialMovingAverage(0.5, name="Late").apply([v])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(op)
        assert session.run(average).tolist() == [1.0, 2.0]
        session.run(after)
        session.run(op)
        assert np.allclose(session.run(average), [1.9, 3.8])
        late = tf.get_default_graph().get_tensor_by_name("v/Late:0")
        assert session.run(late).tolist() == [5.5, 11.0]
    with pytest.raises(TypeError, match="The variables must be half, float, or double: Const"):
        averages.apply([tf.constant(1)])


def test_averages_of_tensors():
    x = tf.identity([1.0, 2.0], name="x")
    slow = train.ExponentialMovingAverage(0.9, num_updates=tf.constant(5))
    fair = train.ExponentialMovingAverage(0.9, zero_debias=True)
    ops = [slow.apply([x]), fair.apply([x])]
    assert fair.average(x).name == "x/ExponentialMovingAverage_1:0"
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for expected in ([0.6, 1.2], [0.84, 1.68]):
            session.run(ops)
            assert np.allclose(session.run(slow.average(x)), expected)
            assert np.allclose(session.run(fair.average(x)), [1.0, 2.0])


# -- clipping -------------------------------------------------------------------------------------


def test_clipping():
    x = tf.constant([3.0, 4.0])
    rows = tf.IndexedSlices(tf.constant([[12.0]]), tf.constant([0]), tf.constant([2, 1]))
    clipped, norm = tf.clip_by_global_norm([x, None, rows], 6.5)
    assert norm.name == "global_norm/global_norm:0" and clipped[1] is None
    assert clipped[0].name == "clip_by_global_norm/clip_by_global_norm/_0:0"
    assert isinstance(clipped[2], tf.IndexedSlices)
    got = run([clipped[0], clipped[2], norm])
    assert np.allclose(got[0], [1.5, 2.0]) and np.allclose(got[1].values, [[6.0]])
    assert got[2] == 13.0 and got[1].indices.tolist() == [0]
    assert np.allclose(run(tf.clip_by_norm(x, 2.5)), [1.5, 2.0])
    assert np.allclose(run(tf.clip_by_value(x, 3.2, 3.5)), [3.2, 3.5])
    known, same = tf.clip_by_global_norm([x], 2.5, use_norm=tf.constant(5.0))
    assert np.allclose(run(known[0]), [1.5, 2.0]) and same.op.type == "Const"
    with pytest.raises(TypeError, match="`t_list` should be a sequence of tensors"):
        tf.clip_by_global_norm(x, 1.0)
