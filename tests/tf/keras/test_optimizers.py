"""Optimisers against the published formulas, written out here in NumPy, eagerly and compiled."""

import math

import numpy as np
import pytest

import tensorwright as tf

START = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], np.float32)
RNG = np.random.default_rng(7)
GRADIENTS = [RNG.standard_normal(START.shape).astype(np.float32) for _ in range(6)]
K = tf.keras.optimizers


# Each takes x, the gradients, the rate and gives x after every step, in float64.


def sgd(x, gs, lr, momentum=0.0, nesterov=False):
    m = np.zeros_like(x)
    for g in gs:
        m = momentum * m - lr * g
        x = x + (momentum * m - lr * g if nesterov else m)
        yield x


def adam(x, gs, lr, b1=0.9, b2=0.999, eps=1e-7, amsgrad=False, decay=0.0):
    m, v, top = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(gs, 1):
        x = x - lr * decay * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        top = np.maximum(top, v)
        rate = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        x = x - rate * m / (np.sqrt(top if amsgrad else v) + eps)
        yield x


def adamax(x, gs, lr, b1=0.9, b2=0.999, eps=1e-7):
    m, u = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(gs, 1):
        m = b1 * m + (1 - b1) * g
        u = np.maximum(b2 * u, np.abs(g))
        x = x - lr / (1 - b1**t) * m / (u + eps)
        yield x


def nadam(x, gs, lr, b1=0.9, b2=0.999, eps=1e-7):
    m, v, product = np.zeros_like(x), np.zeros_like(x), 1.0
    for t, g in enumerate(gs, 1):
        mu, after = (b1 * (1 - 0.5 * 0.96**s) for s in (t, t + 1))
        product *= mu
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        look = after * m / (1 - product * after) + (1 - mu) * g / (1 - product)
        x = x - lr * look / (np.sqrt(v / (1 - b2**t)) + eps)
        yield x


def rmsprop(x, gs, lr, rho=0.9, momentum=0.0, eps=1e-7, centered=False):
    v, mean, speed = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for g in gs:
        v = rho * v + (1 - rho) * g * g
        mean = rho * mean + (1 - rho) * g
        spread = v - mean * mean if centered else v
        speed = momentum * speed + lr * g / np.sqrt(spread + eps)
        x = x - speed
        yield x


def adagrad(x, gs, lr, start=0.1, eps=1e-7):
    total = np.full_like(x, start)
    for g in gs:
        total = total + g * g
        x = x - lr * g / np.sqrt(total + eps)
        yield x


def adadelta(x, gs, lr, rho=0.95, eps=1e-7):
    squares, steps = np.zeros_like(x), np.zeros_like(x)
    for g in gs:
        squares = rho * squares + (1 - rho) * g * g
        step = np.sqrt(steps + eps) / np.sqrt(squares + eps) * g
        steps = rho * steps + (1 - rho) * step * step
        x = x - lr * step
        yield x


def ftrl(x, gs, lr, start=0.1, l1=0.0, l2=0.0, beta=0.0, shrinkage=0.0):
    """McMahan et al., 2013, algorithm 1, with the learning rate lr / (beta + sqrt(n))."""
    n, z = np.full_like(x, start), np.zeros_like(x)
    for g in gs:
        sigma = (np.sqrt(n + g * g) - np.sqrt(n)) / lr
        z = z + g + 2 * shrinkage * x - sigma * x
        n = n + g * g
        x = -(z - np.clip(z, -l1, l1)) / ((beta + np.sqrt(n)) / lr + 2 * l2)
        yield x


CASES = {
    "sgd": (lambda: K.SGD(0.1), sgd, {"lr": 0.1}),
    "momentum": (lambda: K.SGD(0.1, momentum=0.9), sgd, {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (
        lambda: K.SGD(0.1, momentum=0.9, nesterov=True),
        sgd,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    "adam": (lambda: K.Adam(0.05), adam, {"lr": 0.05}),
    "adam_betas": (
        lambda: K.Adam(0.05, beta_1=0.7, beta_2=0.9, epsilon=1e-3),
        adam,
        {"lr": 0.05, "b1": 0.7, "b2": 0.9, "eps": 1e-3},
    ),
    "amsgrad": (lambda: K.Adam(0.05, amsgrad=True), adam, {"lr": 0.05, "amsgrad": True}),
    "adamw": (lambda: K.AdamW(0.05, weight_decay=0.1), adam, {"lr": 0.05, "decay": 0.1}),
    "adamax": (lambda: K.Adamax(0.05), adamax, {"lr": 0.05}),
    "nadam": (lambda: K.Nadam(0.05), nadam, {"lr": 0.05}),
    "rmsprop": (lambda: K.RMSprop(0.05), rmsprop, {"lr": 0.05}),
    "rmsprop_all": (
        lambda: K.RMSprop(0.05, rho=0.8, momentum=0.5, epsilon=1e-3, centered=True),
        rmsprop,
        {"lr": 0.05, "rho": 0.8, "momentum": 0.5, "eps": 1e-3, "centered": True},
    ),
    "adagrad": (lambda: K.Adagrad(0.05), adagrad, {"lr": 0.05}),
    "adadelta": (lambda: K.Adadelta(1.0), adadelta, {"lr": 1.0}),
    "ftrl": (lambda: K.Ftrl(0.05), ftrl, {"lr": 0.05}),
    "ftrl_all": (
        lambda: K.Ftrl(
            0.05,
            l1_regularization_strength=0.3,
            l2_regularization_strength=0.2,
            l2_shrinkage_regularization_strength=0.1,
            beta=0.4,
        ),
        ftrl,
        {"lr": 0.05, "l1": 0.3, "l2": 0.2, "shrinkage": 0.1, "beta": 0.4},
    ),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize("name", CASES)
def test_updates_are_those_of_the_formula(name, compiled):
    make, formula, arguments = CASES[name]
    optimizer, v = make(), tf.Variable(START)
    traces = []

    def step(g):
        traces.append(1)
        optimizer.apply_gradients([(g, v)])

    run = tf.function(step) if compiled else step
    expected = formula(
        START.astype(np.float64), [g.astype(np.float64) for g in GRADIENTS], **arguments
    )
    for g, wanted in zip(GRADIENTS, expected, strict=True):
        run(tf.constant(g))
        assert np.allclose(v.numpy(), wanted, rtol=2e-5, atol=2e-6)
    assert v.numpy().dtype == np.float32
    assert int(optimizer.iterations) == len(GRADIENTS)
    if compiled:  # once, and again because the state is made in the first trace
        assert len(traces) <= 2


def test_float64_and_float16_variables_stay_what_they_are():
    for dtype in (np.float64, np.float16):
        v = tf.Variable(np.array([1.0, 2.0], dtype))
        optimizer = K.Adam(0.1)
        optimizer.apply_gradients([(tf.constant(np.array([1.0, -1.0], dtype)), v)])
        assert v.numpy().dtype == dtype
        assert np.allclose(v.numpy(), [0.9, 2.1], atol=2e-3)


def test_a_training_step_is_one_program_and_learns():
    w, b = tf.Variable([[0.0], [0.0]]), tf.Variable([0.0])
    optimizer = K.Adam(0.1)
    traces = []

    @tf.function
    def step(x, y):
        traces.append(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ w + b - y))
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b], strict=True))
        return loss

    x = RNG.standard_normal((64, 2)).astype(np.float32)
    y = (x @ [[2.0], [-1.0]] + 0.5).astype(np.float32)
    losses = [float(step(tf.constant(x), tf.constant(y))) for _ in range(200)]
    assert losses[-1] < 1e-3 * losses[0]
    assert len(traces) == 2
    assert np.allclose(w.numpy()[:, 0], [2, -1], atol=0.02)


def rows(values, indices, shape):
    return tf.IndexedSlices(tf.constant(values), tf.constant(indices), tf.constant(shape))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adagrad", "rmsprop", "ftrl"])
def test_sparse_gradients_count_as_dense_ones(name, compiled):
    make = CASES[name][0]
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-1.0, 0.5, 2.0]], np.float32)
    indices = np.array([1, 0, 1])
    dense = np.zeros((3, 3), np.float32)
    np.add.at(dense, indices, values)
    found = []
    for is_sparse in (True, False):
        v, optimizer = tf.Variable(np.ones((3, 3), np.float32)), make()

        def step(v=v, optimizer=optimizer, is_sparse=is_sparse):
            g = rows(values, indices, [3, 3]) if is_sparse else tf.constant(dense)
            optimizer.apply_gradients([(g, v)])

        run = tf.function(step) if compiled else step
        for _ in range(3):
            run()
        found.append(v.numpy())
    assert np.allclose(*found, atol=1e-6)


def norm(*arrays):
    return math.sqrt(sum(float((a.astype(np.float64) ** 2).sum()) for a in arrays))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
def test_clipping(compiled):
    g, h = np.array([3.0, -4.0], np.float32), np.array([0.3, 0.4], np.float32)
    both = 2.0 / norm(g, h)
    cases = [
        ({"clipvalue": 1.0}, np.clip(g, -1, 1), h),
        ({"clipnorm": 2.0}, g * 2 / 5, h),
        ({"global_clipnorm": 2.0}, g * both, h * both),
        ({"global_clipnorm": 9.0}, g, h),
    ]
    for options, wanted_g, wanted_h in cases:
        x, y = tf.Variable([0.0, 0.0]), tf.Variable([0.0, 0.0])
        optimizer = K.SGD(1.0, **options)

        def step(x=x, y=y, optimizer=optimizer):
            optimizer.apply_gradients([(tf.constant(g), x), (tf.constant(h), y)])

        (tf.function(step) if compiled else step)()
        assert np.allclose(x.numpy(), -wanted_g, atol=1e-6)
        assert np.allclose(y.numpy(), -wanted_h, atol=1e-6)


def test_gradients_of_zero_are_not_made_nan_by_clipping():
    v = tf.Variable([1.0])
    K.SGD(1.0, clipnorm=1.0).apply_gradients([(tf.constant([0.0]), v)])
    assert v.numpy() == [1.0]


def test_constraints_hold_after_updates():
    v = tf.Variable([1.0, 1.0], constraint=tf.keras.constraints.NonNeg())
    optimizer = K.SGD(1.0)
    step = tf.function(lambda: optimizer.apply_gradients([(tf.constant([2.0, 0.5]), v)]))
    step()
    assert v.numpy().tolist() == [0.0, 0.5]


def test_weight_decay_can_leave_variables_out():
    kernel, bias = tf.Variable([1.0], name="kernel"), tf.Variable([1.0], name="bias")
    optimizer = K.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    zero = tf.constant([0.0])
    optimizer.apply_gradients([(zero, kernel), (zero, bias)])
    assert (kernel.numpy()[0], bias.numpy()[0]) == pytest.approx((0.95, 1.0))


def test_the_learning_rate_can_be_set_also_for_compiled_steps():
    v, optimizer = tf.Variable(0.0), K.SGD(1.0)
    step = tf.function(lambda: optimizer.apply_gradients([(tf.constant(1.0), v)]))
    step()
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    step()
    optimizer.learning_rate.assign(0.5)
    step()
    assert v.numpy() == -1.75


def test_schedules():
    s = K.schedules
    cases = [
        (s.ExponentialDecay(0.1, 10, 0.5), lambda t: 0.1 * 0.5 ** (t / 10)),
        (s.ExponentialDecay(0.1, 10, 0.5, staircase=True), lambda t: 0.1 * 0.5 ** (t // 10)),
        (s.InverseTimeDecay(0.1, 10, 0.5), lambda t: 0.1 / (1 + 0.5 * t / 10)),
        (
            s.PolynomialDecay(0.1, 20, 0.01, power=2.0),
            lambda t: 0.09 * (1 - min(t, 20) / 20) ** 2 + 0.01,
        ),
        (
            s.PolynomialDecay(0.1, 20, 0.01, cycle=True),
            lambda t: 0.09 * (1 - t / (20 * max(1, math.ceil(t / 20)))) + 0.01,
        ),
        (
            s.CosineDecay(0.1, 20, alpha=0.1),
            lambda t: 0.1 * (0.9 * 0.5 * (1 + math.cos(math.pi * min(t, 20) / 20)) + 0.1),
        ),
        (
            s.CosineDecay(0.0, 20, warmup_target=0.1, warmup_steps=5),
            lambda t: (
                0.1 * t / 5 if t < 5 else 0.05 * (1 + math.cos(math.pi * min(t - 5, 20) / 20))
            ),
        ),
        (
            s.PiecewiseConstantDecay([5, 12], [1.0, 0.5, 0.1]),
            lambda t: 1.0 if t <= 5 else 0.5 if t <= 12 else 0.1,
        ),
    ]
    for schedule, formula in cases:
        run = tf.function(schedule)
        again = type(schedule).from_config(schedule.get_config())
        for t in (0, 1, 4, 5, 6, 12, 13, 20, 21, 45):
            step = tf.constant(t, tf.int64)
            for found in (schedule(t), schedule(step), run(step), again(t)):
                assert float(found) == pytest.approx(formula(t), rel=1e-5, abs=1e-7)
                assert found.dtype == tf.float32


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
def test_optimisers_follow_schedules_and_functions(compiled):
    v = tf.Variable(0.0)
    optimizer = K.SGD(K.schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]))

    def step():
        optimizer.apply_gradients([(tf.constant(1.0), v)])

    run = tf.function(step) if compiled else step
    for _ in range(3):
        run()
    assert v.numpy() == -1.75
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


def test_a_schedule_of_the_user():
    class Halving(K.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1.0 / (tf.cast(step, tf.float32) + 1.0)

    v, optimizer = tf.Variable(0.0), K.SGD(Halving())
    step = tf.function(lambda: optimizer.apply_gradients([(tf.constant(1.0), v)]))
    step()
    step()
    assert v.numpy() == -1.5


def test_minimize():
    v = tf.Variable(3.0)
    optimizer = K.SGD(0.25)
    optimizer.minimize(lambda: v * v, [v])
    assert v.numpy() == 1.5
    with tf.GradientTape() as tape:
        loss = v * v
    optimizer.minimize(loss, [v], tape=tape)
    assert v.numpy() == 0.75
    with pytest.raises(ValueError, match="`tape` is required"):
        optimizer.minimize(loss, [v])


def test_state_and_configuration():
    v = tf.Variable([1.0, 2.0], name="v")
    optimizer = K.Adam(0.1, beta_1=0.8, clipnorm=2.0)
    optimizer.apply_gradients([(tf.constant([1.0, 1.0]), v)])
    names = [x.name.split("/")[-1] for x in optimizer.variables]
    assert names == ["iteration:0", "learning_rate:0", "v_momentum:0", "v_velocity:0"]
    again = K.Adam.from_config(optimizer.get_config())
    assert (again.beta_1, again.clipnorm, float(again.learning_rate)) == pytest.approx(
        (0.8, 2, 0.1)
    )
    again.build([v])
    again.set_weights(optimizer.get_weights())
    assert int(again.iterations) == 1
    for make, _, _ in CASES.values():
        config = make().get_config()
        assert type(make()).from_config(config).get_config() == config
    config = K.serialize(K.SGD(K.schedules.ExponentialDecay(0.1, 10, 0.5)))
    rebuilt = K.deserialize(config)
    assert float(rebuilt.learning_rate) == pytest.approx(0.1)
    assert isinstance(K.get("rmsprop"), K.RMSprop)


def test_an_optimiser_of_the_user():
    class Signs(K.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            variable.assign_sub(learning_rate * tf.sign(gradient))

    v, optimizer = tf.Variable([1.0, 1.0]), Signs(learning_rate=0.5)
    for run in (lambda f: f, tf.function):
        run(lambda: optimizer.apply_gradients([(tf.constant([3.0, -2.0]), v)]))()
    assert v.numpy().tolist() == [0.0, 2.0]
    assert int(optimizer.iterations) == 2


def test_variables_without_gradients():
    v, w = tf.Variable(1.0), tf.Variable(2.0)
    optimizer = K.SGD(1.0)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply_gradients([(tf.constant(1.0), v), (None, w)])
    assert (v.numpy(), w.numpy()) == (0.0, 2.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply_gradients([(None, v)])


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Only one of `clipnorm`"):
        K.SGD(0.1, clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="not recognized"):
        K.SGD(0.1, speed=2)
    with pytest.raises(ValueError, match="`momentum` must be"):
        K.SGD(0.1, momentum=2.0)
    with pytest.raises(ValueError, match="should be float"):
        K.SGD("fast")
    with pytest.raises(NotImplementedError, match="use_ema"):
        K.SGD(0.1, use_ema=True)
    with pytest.raises(ValueError, match="optimizer identifier"):
        K.get("best")
    with pytest.raises(ValueError, match="decay_steps"):
        K.schedules.CosineDecay(0.1, 0)
    with pytest.raises(ValueError, match="1 less"):
        K.schedules.PiecewiseConstantDecay([1], [1.0])


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_updates_are_those_of_tensorflow(name):
    peer = pytest.importorskip("tensorflow")
    ours = CASES[name][0]()
    theirs = getattr(peer.keras.optimizers, type(ours).__name__)(
        **{k: v for k, v in ours.get_config().items() if k != "name"}
    )
    v, w = tf.Variable(START), peer.Variable(START)
    for g in GRADIENTS:
        ours.apply_gradients([(tf.constant(g), v)])
        theirs.apply_gradients([(peer.constant(g), w)])
        assert np.allclose(v.numpy(), w.numpy(), rtol=1e-5, atol=1e-6)
