"""Optimisers as ops of graphs: names, slots, steps. The numbers are TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

L1_L2 = {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02}
SHRINKAGE = {"l2_shrinkage_regularization_strength": 0.1}
# (optimiser, arguments): v and w after three steps on sum(v * v) * w from [1, 2] and 3; then the
# rows 0 and 2 of a table [[1, 2], [3, 4], [5, 6]] after three steps on the sum of the squares of
# its rows 0, 2, 0.
STEPS = [
    ("GradientDescent", (0.1,), {}, [0.1032, 0.2064, 2.4], [0.216, 0.432, 2.56, 3.072]),
    (
        "Momentum", (0.1, 0.9), {},
        [-0.8720399, -1.7440798, 1.4352], [-0.54, -1.0799999, 0.31, 0.37200022],
    ),
    (
        "Momentum", (0.1, 0.9), {"use_nesterov": True},
        [-0.5883644, -1.1767288, 1.0000763], [-0.433296, -0.866592, -0.54175985, -0.6501117],
    ),
    (
        "Adam", (0.1,), {},
        [0.7022932, 1.701165, 2.7019067], [0.7015873, 1.7006245, 4.7002144, 5.700176],
    ),
    (
        "Adagrad", (0.1,), {},
        [0.78345925, 1.7786586, 2.782163], [0.78092223, 1.7759407, 4.7732954, 5.772991],
    ),
    (
        "RMSProp", (0.1,), {"momentum": 0.5},
        [0.17098624, 1.0373328, 2.181398], [0.20267978, 1.0266469, 3.9677873, 4.953937],
    ),
    (
        "RMSProp", (0.1,), {"centered": True},
        [0.40088892, 1.2926086, 2.4118268], [0.42121875, 1.2821227, 4.2335434, 5.2223663],
    ),
    (
        "Adadelta", (0.1,), {},
        [0.99986434, 1.9998643, 2.999864], [0.99986434, 1.9998643, 4.999864, 5.999864],
    ),
    (
        "Ftrl", (0.1,), L1_L2,
        [0.73794925, 1.7309909, 2.5944822], [0.70675725, 1.6984388, 4.6151648, 5.6145015],
    ),
    (
        "Ftrl", (0.1,), {**L1_L2, **SHRINKAGE},
        [0.7313026, 1.7238833, 2.5675714], [0.6966544, 1.6876109, 4.592882, 5.5921206],
    ),
    (
        "ProximalGradientDescent", (0.1,), L1_L2,
        [0.10150487, 0.20478211, 2.3832293], [0.21275572, 0.42746493, 2.5422704, 3.051211],
    ),
    (
        "ProximalAdagrad", (0.1,), L1_L2,
        [0.7824674, 1.7777948, 2.779014], [0.779395, 1.7746024, 4.7708535, 5.7705746],
    ),
    (
        "AdagradDA", (0.1,), L1_L2,
        [-0.10032347, -0.10019726, -0.10035594],
        [-0.07991036, -0.08984817, -0.09584259, -0.09653988],
    ),
]  # fmt: skip


def made(name, args, options):
    if name == "AdagradDA":
        args = (*args, tf.train.get_or_create_global_step())
    return getattr(tf.train, f"{name}Optimizer")(*args, **options)


def after(op, fetch, steps=3):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            assert session.run(op) is None
        return session.run(fetch)


def names(*without):
    ops = tf.get_default_graph().get_operations()
    return [o.name for o in ops if not o.name.startswith(("gradients", *without))]


@pytest.mark.parametrize(("name", "args", "options", "dense", "rows"), STEPS)
def test_steps(name, args, options, dense, rows):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable(3.0, name="w")
    train = made(name, args, options).minimize(tf.reduce_sum(v * v) * w)
    assert (train.name, train.type) == (name, "NoOp")
    got = after(train, [v, w])
    assert np.allclose([*got[0], got[1]], dense, rtol=2e-6)


@pytest.mark.parametrize(("name", "args", "options", "dense", "rows"), STEPS)
def test_steps_of_rows(name, args, options, dense, rows):
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="table")
    loss = tf.reduce_sum(tf.square(tf.gather(table, tf.constant([0, 2, 0]))))
    optimizer = made(name, args, options)
    ((gradient, _),) = optimizer.compute_gradients(loss)
    assert isinstance(gradient, tf.IndexedSlices)
    got = after(optimizer.apply_gradients([(gradient, table)]), table)
    assert np.allclose(got[[0, 2]].ravel(), rows, rtol=2e-6)
    assert got[1].tolist() == [3.0, 4.0]


def test_names_of_adam():
    v = tf.Variable(5.0)
    optimizer = tf.train.AdamOptimizer(0.1)
    before = len(names())
    assert optimizer.minimize(v * v, name="train").name == "train"
    assert names()[before:] == [
        "mul",
        *[f"{b}_power{part}" for b in ("beta1", "beta2") for part in _parts("initial_value")],
        *[f"Variable/Adam{k}{part}" for k in ("", "_1") for part in _parts("Initializer/Const")],
        *[f"train/{x}" for x in ("learning_rate", "beta1", "beta2", "epsilon")],
        "train/update_Variable/ApplyAdam",
        *[f"train/{x}" for x in ("mul", "Assign", "mul_1", "Assign_1")],
        "train",
    ]
    slots = [v.name for v in optimizer.variables()]
    assert slots == ["Variable/Adam:0", "Variable/Adam_1:0", "beta1_power:0", "beta2_power:0"]
    assert optimizer.get_slot_names() == ["m", "v"] and optimizer.get_name() == "Adam"
    slot = optimizer.get_slot(v, "v")
    assert slot.name == "Variable/Adam_1:0" and slot not in tf.trainable_variables()
    assert set(optimizer.variables()) < set(tf.global_variables())
    assert optimizer.get_slot(v, "other") is None
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP)[0].name == "train"


def _parts(initial):
    return [f"/{initial}", "", "/Assign", "/read"]


def test_names_of_a_step_that_is_counted():
    v, count = tf.Variable(1.0), tf.train.create_global_step()
    train = tf.train.GradientDescentOptimizer(0.25).minimize(v * v, global_step=count)
    assert isinstance(train, tf.Operation) and train.type == "AssignAdd"
    assert names()[-5:] == [
        "GradientDescent/learning_rate",
        "GradientDescent/update_Variable/ApplyGradientDescent",
        "GradientDescent/update",
        "GradientDescent/value",
        "GradientDescent",
    ]
    assert after(train, [v, count]) == [0.125, 3]


def test_two_optimizers_and_scopes():
    with tf.variable_scope("net"):
        v = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    with tf.variable_scope("opt"), tf.name_scope("ns"):
        optimizer = tf.train.AdamOptimizer(0.1)
        optimizer.minimize(tf.reduce_sum(v))
    assert optimizer.get_slot(v, "m").name == "opt/net/w/Adam:0"
    assert "opt/ns/beta1_power" in names() and "opt/ns/Adam/update_net/w/ApplyAdam" in names()
    other = tf.train.AdamOptimizer(0.1)
    first = other.minimize(tf.reduce_sum(v * v))
    second = other.minimize(tf.reduce_sum(v * v))
    assert (first.name, second.name) == ("Adam", "Adam_1")
    assert other.get_slot(v, "m").name == "net/w/Adam:0"
    third = tf.train.AdamOptimizer(0.1)
    third.minimize(tf.reduce_sum(v * v))
    assert third.get_slot(v, "m").name == "net/w/Adam_2:0" and "beta1_power_1" in names()


def test_large_slots_are_filled():
    v = tf.Variable(tf.zeros([100, 100]))
    train = tf.train.MomentumOptimizer(0.5, 0.9).minimize(tf.reduce_sum(v))
    graph = tf.get_default_graph()
    assert graph.get_operation_by_name("Variable/Momentum/Initializer/zeros").type == "Fill"
    assert after(train, v, 1).tolist() == np.full((100, 100), -0.5).tolist()


def test_rates():
    v, rate = tf.Variable(1.0), tf.placeholder(tf.float32)
    train = tf.train.GradientDescentOptimizer(rate).minimize(v * v)
    kept = tf.Variable(0.5, trainable=False)
    by_variable = tf.train.GradientDescentOptimizer(kept).minimize(v * v, var_list=v)
    by_function = tf.train.GradientDescentOptimizer(lambda: kept * 0.5).minimize(v * v)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for k, expected in ((0.25, 0.5), (0.1, 0.4)):
            session.run(train, {rate: k})
            assert np.isclose(session.run(v), expected)
        session.run(by_function)
        assert np.isclose(session.run(v), 0.2)
        session.run(by_variable)
        assert session.run(v) == 0.0


def test_dtypes_are_mixed():
    v, w = tf.Variable(1.0, dtype=tf.float64), tf.Variable(1.0)
    train = tf.train.AdamOptimizer(0.1).minimize(tf.cast(v * v, tf.float32) * w)
    graph = tf.get_default_graph()
    assert graph.get_operation_by_name("Adam/update_Variable/Cast_5").type == "Cast"
    x, y = after(train, [v, w], 2)
    assert x.dtype == np.float64 and np.allclose([x, y], 0.8, atol=2e-3)


def test_constraints():
    v = tf.Variable(1.0, constraint=lambda t: tf.maximum(t, 0.9))
    train = tf.train.GradientDescentOptimizer(0.5).minimize(v * v)
    assert np.isclose(after(train, v, 1), 0.9)
    table = tf.Variable([[1.0]], constraint=tf.abs)
    loss = tf.reduce_sum(tf.gather(table, tf.constant([0])))
    with pytest.raises(RuntimeError, match="Cannot use a constraint function on a sparse variable"):
        tf.train.GradientDescentOptimizer(0.5).minimize(loss, var_list=[table])


def test_reads_come_before_the_step():
    v = tf.Variable(2.0)
    loss = v * v
    train = tf.train.GradientDescentOptimizer(0.25).minimize(loss)
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run([train, loss, v]) == [None, 4.0, 2.0]
        assert session.run(v) == 1.0


def test_slots_have_to_be_initialised():
    v = tf.Variable(2.0)
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(v * v)
    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value"):
            session.run(train)


def test_gradients_can_be_changed_between():
    v, w = tf.Variable([3.0, 4.0]), tf.Variable(1.0)
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(tf.reduce_sum(v * v) / 2, [v, w])
    assert pairs[1] == (None, w)
    clipped, _ = tf.clip_by_global_norm([g for g, _ in pairs], 2.5)
    train = optimizer.apply_gradients(zip(clipped, [v, w], strict=True))
    assert np.allclose(after(train, v, 1), [1.5, 2.0])
    numbers = optimizer.apply_gradients([([1.0, 1.0], v)])
    assert after(numbers, v, 1).tolist() == [2.0, 3.0]


def test_own_optimizers():
    class Signs(tf.train.Optimizer):
        def __init__(self):
            super().__init__(False, "Signs")

        def _create_slots(self, var_list):
            for v in var_list:
                self._zeros_slot(v, "count", "Count")

        def _apply_dense(self, grad, var):
            counted = self.get_slot(var, "count").assign_add(tf.ones_like(grad))
            return tf.group(counted, var.assign_sub(tf.sign(grad)))

    v = tf.Variable([5.0, -5.0], name="v")
    optimizer = Signs()
    train = optimizer.minimize(tf.reduce_sum(v * v))
    assert optimizer.get_slot(v, "count").name == "v/Count:0"
    got = after(train, [v, optimizer.get_slot(v, "count")])
    assert got[0].tolist() == [2.0, -2.0] and got[1].tolist() == [3.0, 3.0]


def gradient(v):
    return tf.train.GradientDescentOptimizer(0.1), tf.Variable(v, trainable=v != 1)


def minimized(v, loss, **options):
    optimizer, variable = gradient(v)
    return optimizer.minimize(loss(variable), **options)


def applied(v, *gradients):
    optimizer, variable = gradient(v)
    return optimizer.apply_gradients([(g, variable) for g in gradients])


REFUSED = [
    (lambda: minimized(1, lambda v: tf.constant(1.0)), ValueError, r"^No variables to optimize\.$"),
    (
        lambda: minimized(2.0, lambda v: tf.constant(2.0, name="loss")),
        ValueError,
        r"No gradients provided for any variable, check your graph for ops that do not support"
        r" gradients, between variables \[\"<tf.Variable 'Variable:0' shape=\(\)"
        r" dtype=float32_ref>\"\] and loss Tensor\(\"loss:0\", shape=\(\), dtype=float32\)\.",
    ),
    (
        lambda: minimized(2, lambda v: v * v),
        ValueError,
        r"Invalid type tf.int32 for mul:0, expected: \[tf.float32",
    ),
    (
        lambda: minimized(2.0, lambda v: v * v, gate_gradients=5),
        ValueError,
        r"gate_gradients must be one of: Optimizer.GATE_NONE",
    ),
    (
        lambda: minimized(2.0, lambda v: v * v, var_list=[tf.constant(1.0)]),
        NotImplementedError,
        "Trying to update a Tensor ",
    ),
    (lambda: minimized(2.0, lambda v: 3.0), AttributeError, "dtype"),
    (
        lambda: applied(2.0, 2),
        TypeError,
        "Input 'delta' of 'ApplyGradientDescent' Op has type int32 that does not match type"
        " float32 of argument 'var'",
    ),
    (
        lambda: applied([1.0, 2.0, 3.0], [1.0, 2.0]),
        ValueError,
        "Dimension 0 in both shapes must be equal, but are 3 and 2. Shapes are .3. and .2.",
    ),
    (lambda: applied([1.0], 1.0), ValueError, "Shapes must be equal rank, but are 1 and 0"),
    (lambda: applied(2.0), ValueError, "No variables provided"),
    (lambda: applied(2.0, None), ValueError, "No gradients provided for any variable: "),
    (
        lambda: tf.train.GradientDescentOptimizer(0.1, name=""),
        ValueError,
        "Must specify the optimizer name",
    ),
    (
        lambda: tf.train.Optimizer(False, "x").minimize(tf.Variable(2.0) * 1.0),
        NotImplementedError,
        "Optimizer does not say how to update",
    ),
    (
        lambda: tf.train.FtrlOptimizer(0.1, learning_rate_power=1.0),
        ValueError,
        "learning_rate_power 1.000000 needs to be negative or zero",
    ),
    (
        lambda: tf.train.AdagradOptimizer(0.1, 0.0),
        ValueError,
        "initial_accumulator_value must be positive: 0.0",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED)
def test_what_optimizers_refuse(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.parametrize("rows", [[1, 1], np.array([1, 1]), [[1], [1]]])
def test_rows_that_are_written_down(rows):
    table = tf.Variable(np.ones((3, 2)))
    loss = tf.reduce_sum(tf.gather(table, rows))
    optimizer = tf.train.GradientDescentOptimizer(0.5)
    assert isinstance(optimizer.compute_gradients(loss)[0][0], tf.IndexedSlices)
    got = after(optimizer.minimize(loss), table, 1)
    assert got.tolist() == [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(("name", "args", "options", "dense", "rows"), STEPS)
def test_steps_of_rows_of_large_tables(name, args, options, dense, rows):
    """They are done in place: what was fetched, assigned or fed before stays as it is."""
    start = np.ones((1 << 15, 2), np.float32)
    start[[7, 9]] = [[1, 2], [5, 6]]
    table = tf.Variable(tf.zeros_like(start), name="table")
    fed = tf.placeholder(tf.float32, start.shape)
    assigned = table.assign(fed)
    other = tf.Variable(tf.zeros_like(start))
    places = tf.placeholder(tf.int32, [None])
    loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, places)))
    train = made(name, args, options).minimize(loss, var_list=[table])
    given = start.copy()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(assigned, {fed: given})
        session.run(other.assign(table))
        before = session.run(table)
        for _ in range(3):
            session.run(train, {places: [7, 9, 7]})
        got = session.run(table)
        assert np.allclose(got[[7, 9]].ravel(), rows, rtol=2e-6)
        untouched = np.delete(got, [7, 9], axis=0)
        assert untouched.tolist() == np.ones_like(untouched).tolist()
        for kept in (given, before, session.run(other)):
            assert np.array_equal(kept, start)
        if name != "Adam":  # which changes all rows
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run(train, {places: [1 << 15]})
