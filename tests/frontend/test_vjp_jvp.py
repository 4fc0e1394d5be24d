"""`vjp` and `jvp`, in a trace and outside of one, and nested in each other."""

import gc
import weakref

import numpy as np
import pytest

import tensorwright as tw

X = np.array([1.0, 2.0, 4.0])


def mixed(x, scale):
    """Arrays, numbers and what has no derivative."""
    return {"y": np.tanh(x) * scale, "rest": [x.sum(), 3, "text", x > 1]}


CT = {"y": np.ones(3), "rest": [2.0, None, None, None]}
BACK = ((1 - np.tanh(X) ** 2) * 0.5 + 2, np.tanh(X).sum())


# -- what they return ---------------------------------------------------------------------------


def check_mixed(out):
    np.testing.assert_allclose(out["y"], np.tanh(X) * 0.5, rtol=1e-14)
    total, count, text, flags = out["rest"]
    assert (total, count, text) == (7.0, 3, "text")
    np.testing.assert_array_equal(flags, X > 1)


def test_vjp_of_nested_results():
    out, pullback = tw.vjp(mixed, X, 0.5)
    check_mixed(out)
    x_ct, scale_ct = pullback(CT)
    np.testing.assert_allclose(x_ct, BACK[0], rtol=1e-13)
    assert scale_ct == pytest.approx(BACK[1], rel=1e-13)
    assert type(scale_ct) is float
    x_ct, scale_ct = pullback({"y": None, "rest": [2.0, None, None, None]})
    np.testing.assert_array_equal(x_ct, [2, 2, 2])
    assert scale_ct == 0.0


def test_vjp_in_a_trace():
    @tw.jit
    def both(x, scale, ct):
        out, pullback = tw.vjp(mixed, x, scale)
        return out, pullback({**CT, "y": ct}), pullback({"y": 2 * ct, "rest": None})

    out, (x_ct, scale_ct), (x_twice, _) = both(X, 0.5, np.ones(3))
    check_mixed(out)
    np.testing.assert_allclose(x_ct, BACK[0], rtol=1e-13)
    assert scale_ct == pytest.approx(BACK[1], rel=1e-13)
    np.testing.assert_allclose(x_twice, 1 - np.tanh(X) ** 2, rtol=1e-13)


def test_jvp_of_nested_results():
    out, dot = tw.jvp(mixed, (X, 0.5), (np.ones(3), 2.0))
    check_mixed(out)
    expected = (1 - np.tanh(X) ** 2) * 0.5 + 2 * np.tanh(X)
    np.testing.assert_allclose(dot["y"], expected, rtol=1e-13)
    assert dot["rest"] == [3.0, None, None, None]
    _, dot = tw.jvp(mixed, [X, 0.5], [None, 2.0])
    np.testing.assert_allclose(dot["y"], 2 * np.tanh(X), rtol=1e-13)
    assert dot["rest"][0] == 0.0


def test_aux():
    def with_aux(x):
        return x @ x, {"twice": 2 * x}

    out, pullback, aux = tw.vjp(with_aux, X, has_aux=True)
    assert out == X @ X
    np.testing.assert_array_equal(aux["twice"], 2 * X)
    np.testing.assert_array_equal(pullback(1.0)[0], 2 * X)
    out, dot, aux = tw.jvp(with_aux, (X,), (X,), has_aux=True)
    assert (out, dot) == (X @ X, 2 * (X @ X))
    np.testing.assert_array_equal(aux["twice"], 2 * X)


def test_classes_and_dtypes_follow_the_arguments():
    out, pullback = tw.vjp(lambda a, b, c: a * b.sum() * c, 2.0, np.float32([1, 2]), np.float32(3))
    found = pullback(1.0)
    assert type(out) is np.float32
    assert [type(g) for g in found] == [float, np.ndarray, np.float32]
    assert found[1].dtype == np.float32
    x = np.float32([1, 2])
    _, dot = tw.jvp(np.sin, (x,), (x,))
    assert dot.dtype == np.float32
    out, dot = tw.jvp(lambda x: x * 2, (np.array(3.0),), (1.0,))
    assert (out, dot) == (6.0, 2.0)


def test_functions_without_results_or_arguments():
    out, pullback = tw.vjp(lambda x: "text", X)
    assert out == "text"
    np.testing.assert_array_equal(pullback(None)[0], np.zeros(3))
    out, pullback = tw.vjp(lambda x, y: y, (), X)
    np.testing.assert_array_equal(out, X)
    assert pullback(X)[0] == ()
    out, pullback = tw.vjp(lambda: 3.0)
    assert (out, pullback(None)) == (3.0, ())


# -- compiled functions outside of a trace ------------------------------------------------------


def test_residuals_are_copies():
    x = X.copy()
    out, pullback = tw.vjp(np.exp, x)
    expected = np.exp(X)
    x[:] = 0.0
    out[:] = 0.0
    np.testing.assert_allclose(pullback(np.ones(3))[0], expected, rtol=1e-14)
    np.testing.assert_allclose(pullback(np.ones(3))[0], expected, rtol=1e-14)


def test_pullbacks_of_several_sizes_and_layouts():
    def f(x, w):
        return np.tanh(x @ w)

    pullbacks = []
    for n in (2, 3, 5):
        x, w = np.random.default_rng(n).normal(size=(2, n, n))
        pullbacks.append((x.T, w[::-1], tw.vjp(f, x.T, w[::-1])))
    for x, w, (out, pullback) in pullbacks:
        inner = 1 - np.tanh(x @ w) ** 2
        ct = np.asfortranarray(np.ones_like(out))
        np.testing.assert_allclose(pullback(ct)[0], inner @ w.T, rtol=1e-12)
        np.testing.assert_allclose(pullback(ct)[1], x.T @ inner, rtol=1e-12)


def test_calls_trace_once():
    count = []

    def f(x):
        count.append(1)
        return np.sin(x)

    for _ in range(3):
        _, pullback = tw.vjp(f, X)
        pullback(X)
        tw.jvp(f, (X,), (X,))
    assert len(count) == 2
    tw.vjp(f, np.ones(7))
    assert len(count) == 3


def test_functions_are_not_kept_alive():
    def f(x):
        return x * 2

    _, pullback = tw.vjp(f, X)
    tw.jvp(f, (X,), (X,))
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(pullback(X)[0], 2 * X)


def test_methods_and_jitted_functions():
    class Model:
        rate = 3.0

        def scaled(self, x):
            return self.rate * x

    out, pullback = tw.vjp(Model().scaled, X)
    np.testing.assert_array_equal(out, 3 * X)
    np.testing.assert_array_equal(pullback(X)[0], 3 * X)
    _, pullback = tw.vjp(tw.jit(np.exp), X)
    np.testing.assert_allclose(pullback(X)[0], X * np.exp(X), rtol=1e-14)


# -- pullbacks in a trace -----------------------------------------------------------------------


def test_pullback_in_the_body_of_a_loop():
    @tw.jit
    def rows(x, w):
        _, pullback = tw.vjp(lambda x: np.tanh(w @ x), x)
        return tw.map(lambda ct: pullback(ct)[0], np.eye(3))

    w = np.random.default_rng(1).normal(size=(3, 3))
    expected = (1 - np.tanh(w @ X) ** 2)[:, None] * w
    np.testing.assert_allclose(rows(X, w), expected, rtol=1e-12)


def test_vjp_in_the_body_of_a_loop():
    @tw.jit
    def descend(x):
        def step(x, _):
            value, pullback = tw.vjp(lambda x: x @ x, x)
            return x - 0.1 * pullback(1.0)[0], value

        return tw.scan(step, x, None, length=3)

    last, values = descend(X)
    np.testing.assert_allclose(last, X * 0.8**3, rtol=1e-14)
    np.testing.assert_allclose(values, X @ X * np.array([1, 0.64, 0.4096]), rtol=1e-14)


def test_pullback_does_not_see_what_comes_later():
    @tw.jit
    def f(x):
        out, pullback = tw.vjp(lambda x: x * 2, x)
        out = out * x
        out[0] = 5.0
        return pullback(out)[0]

    np.testing.assert_array_equal(f(X), [10, 16, 64])


def test_pullback_after_the_trace():
    kept = []

    @tw.jit
    def f(x):
        kept.append(tw.vjp(np.sin, x)[1])
        return x

    f(X)
    with pytest.raises(tw.LeakedTracerError):
        kept[0](X)


def test_pullback_of_a_loop_body_outside_of_it():
    @tw.jit
    def f(x):
        kept = []

        def step(c, _):
            kept.append(tw.vjp(np.sin, c)[1])
            return c, None

        tw.scan(step, x, None, length=2)
        return kept[-1](x)[0]

    with pytest.raises(tw.LeakedTracerError):
        f(X)


# -- higher order -------------------------------------------------------------------------------


def by_vjp(f):
    return lambda x: tw.vjp(f, x)[1](1.0)[0]


def by_jvp(f):
    return lambda x: tw.jvp(f, (x,), (1.0,))[1]


TRANSFORMS = {"grad": tw.grad, "vjp": by_vjp, "jvp": by_jvp}
ORDERS = [
    ("vjp", "vjp"),
    ("vjp", "jvp"),
    ("jvp", "vjp"),
    ("jvp", "jvp"),
    ("grad", "jvp", "vjp"),
    ("jvp", "grad", "jvp", "vjp"),
    ("vjp", "jvp", "vjp", "jvp"),
    ("jvp", "jvp", "grad", "grad"),
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_orders_in_any_mixture(order):
    """x**5 + sin(2x): derivatives of all orders are known."""
    derivative = lambda x: x**5 + np.sin(2 * x)  # noqa: E731
    for name in order:
        derivative = TRANSFORMS[name](derivative)
    count = len(order)
    power = np.prod(np.arange(5, 5 - count, -1.0)) * 0.7 ** (5 - count)
    sine = 2.0**count * np.sin(2 * 0.7 + count * np.pi / 2)
    assert tw.jit(derivative)(0.7) == pytest.approx(power + sine, rel=1e-12)


def test_forward_over_reverse_is_the_product_with_the_hessian():
    def f(x):
        return np.sum(np.exp(x) * x[::-1] ** 2)

    v = np.array([1.0, -2.0, 0.5])
    _, found = tw.jvp(tw.grad(f), (X,), (v,))
    reverse = tw.grad(lambda x: tw.grad(f)(x) @ v)(X)
    step = 1e-6
    gradient = tw.grad(f)
    difference = (gradient(X + step * v) - gradient(X - step * v)) / (2 * step)
    np.testing.assert_allclose(found, reverse, rtol=1e-12)
    np.testing.assert_allclose(found, difference, rtol=1e-7)


def test_vjp_of_pullback_is_jvp():
    def f(x):
        return np.tanh(x) * x.sum()

    @tw.jit
    def forward_by_reverse(x, v):
        _, pullback = tw.vjp(f, x)
        _, transposed = tw.vjp(lambda ct: pullback(ct)[0], np.zeros(3))
        return transposed(v)[0]

    v = np.array([1.0, -2.0, 0.5])
    expected = tw.jvp(f, (X,), (v,))[1]
    np.testing.assert_allclose(forward_by_reverse(X, v), expected, rtol=1e-13)


# -- errors -------------------------------------------------------------------------------------


def lines(error):
    return str(error.value).split("\n  at:")[0].splitlines()


BAD_CTS = [
    (np.ones(3), ["vjp: cotangent has another structure", "f64[3]", "dict of 2"]),
    ({"y": X}, ["vjp: cotangent has another structure", "keys ['y']", "keys ['y', 'rest']"]),
    (
        {"y": X, "rest": (2.0, None, None, None)},
        ["vjp: cotangent['rest'] has another structure", "tuple of 4", "list of 4"],
    ),
    (
        {"y": X, "rest": [2.0, None]},
        ["vjp: cotangent['rest'] has another structure", "list of 2", "list of 4"],
    ),
    (
        {"y": [X], "rest": None},
        ["vjp: cotangent['y'] has another structure", "list of 1", "an array or a number"],
    ),
    ({"y": X[:2], "rest": None}, ["vjp: cotangent['y'] has another type", "f64[2]", "f64[3]"]),
    (
        {"y": X.astype("f4"), "rest": None},
        ["vjp: cotangent['y'] has another type", "f32[3]", "f64[3]"],
    ),
    ({"y": "text", "rest": None}, ["vjp: cotangent['y'] has another type", "str", "f64[3]"]),
    ({"y": 1.0, "rest": None}, ["vjp: cotangent['y'] has another type", "Python float", "f64[3]"]),
    (
        {"y": X, "rest": [2.0, 1, None, None]},
        [
            "vjp: cotangent['rest'][1] belongs to what is not of floats and has no derivative",
            "Python int",
            "None",
        ],
    ),
]


@pytest.mark.parametrize(("ct", "expected"), BAD_CTS)
@pytest.mark.parametrize("traced", [False, True])
def test_cotangents_that_do_not_fit(ct, expected, traced):
    def call():
        return tw.vjp(mixed, X, 0.5)[1](ct)

    with pytest.raises(tw.GradientError) as caught:
        tw.jit(call)() if traced else call()
    what, got, wanted = expected
    assert lines(caught) == [what, f"  got:      {got}", f"  expected: {wanted}"]
    assert caught.value.loc.file == __file__


@pytest.mark.parametrize(
    ("primals", "tangents", "message"),
    [
        ((X, 1.0), (X[:2], 1.0), "jvp: tangents[0] has another type\n  got:      f64[2]"),
        ((X, 1.0), (X, X), "jvp: tangents[1] has another type\n  got:      f64[3]"),
        ((X, 1.0), (X,), "jvp: primals and tangents differ in number\n  got:      2 primals, 1"),
        (X, X, "jvp: primals is a tuple or list with one object per argument"),
        ((X, 1), (X, 1), "jvp: scale cannot be differentiated, it does not hold floats"),
    ],
)
def test_tangents_that_do_not_fit(primals, tangents, message):
    def fresh(x, scale):  # whose sizes are all fixed
        return mixed(x, scale)

    with pytest.raises(tw.GradientError) as caught:
        tw.jvp(fresh, primals, tangents)
    assert str(caught.value).startswith(message)
    assert caught.value.loc.file == __file__


def test_integers_are_refused():
    with pytest.raises(tw.GradientError, match="vjp: x cannot be differentiated") as caught:
        tw.vjp(mixed, np.arange(3), 1.0)
    assert "hint:     convert it to floats" in str(caught.value)
