"""`custom_vjp` and `custom_jvp`: rules of users in both modes, in loops, under vmap, nested."""

import functools

import numpy as np
import pytest

import tensorwright as tw

X = np.array([0.5, 1.0, 2.0])
Y = np.array([1.0, -2.0, 0.5])


def reference(x, y):
    return np.sin(x) * y + y**2


def make_vjp():
    """`reference` with a rule of its own in reverse mode."""

    @tw.custom_vjp
    def f(x, y):
        return reference(x, y)

    def fwd(x, y):
        return reference(x, y), (np.cos(x), np.sin(x), y)

    def bwd(residuals, ct):
        cos, sin, y = residuals
        return cos * y * ct, (sin + 2 * y) * ct

    f.defvjp(fwd, bwd)
    return f


def make_jvp():
    """`reference` with a rule of its own in forward mode."""

    @tw.custom_jvp
    def f(x, y):
        return reference(x, y)

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (x_dot, y_dot) = primals, tangents
        return f(x, y), np.cos(x) * y * x_dot + (np.sin(x) + 2 * y) * y_dot

    return f


def make_jvps():
    """`reference` with a rule for each argument."""

    @tw.custom_jvp
    def f(x, y):
        return reference(x, y)

    f.defjvps(
        lambda x_dot, out, x, y: np.cos(x) * y * x_dot,
        lambda y_dot, out, x, y: (np.sin(x) + 2 * y) * y_dot,
    )
    return f


MAKERS = [make_vjp, make_jvp, make_jvps]


def check(function, plain, *args):
    """Assert that derivatives of first and second order, in all modes, are those of `plain`."""
    for derive in (
        lambda f: tw.grad(f, (0, 1)),
        lambda f: lambda x, y: tw.jvp(f, (x, y), (y, x)),
        lambda f: tw.grad(lambda x, y: tw.grad(f)(x, y) @ x, (0, 1)),
        lambda f: lambda x, y: tw.jvp(tw.grad(f), (x, y), (y, x)),
        lambda f: tw.grad(lambda x, y: tw.jvp(f, (x, y), (y, x))[1], (0, 1)),
    ):
        found, expected = derive(function)(*args), derive(plain)(*args)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("make", MAKERS)
def test_derivatives(make):
    f = make()
    check(lambda x, y: np.exp(f(x, y)).sum(), lambda x, y: np.exp(reference(x, y)).sum(), X, Y)
    np.testing.assert_array_equal(f(X, Y), reference(X, Y))
    np.testing.assert_allclose(tw.jit(f)(X, Y), reference(X, Y), rtol=1e-14)


@pytest.mark.parametrize("make", MAKERS)
def test_in_the_body_of_a_loop(make):
    def repeated(f):
        def run(x, y):
            return tw.scan(lambda c, _: (f(c, y) * 0.5, f(y, c)), x, None, length=3)[0].sum()

        return run

    check(repeated(make()), repeated(reference), X, Y)


@pytest.mark.parametrize("make", MAKERS)
def test_in_a_branch(make):
    def chosen(f):
        return lambda x, y: tw.cond(x[0] > 0, lambda: f(x, y), lambda: x * y).sum()

    check(chosen(make()), chosen(reference), X, Y)


@pytest.mark.parametrize("make", MAKERS)
def test_under_vmap(make):
    def mapped(f):
        return lambda x, y: (tw.vmap(f, in_axes=(0, None))(x, y[1]) ** 2 * tw.vmap(f)(x, y)).sum()

    check(mapped(make()), mapped(reference), X, Y)
    check(
        lambda x, y: tw.vmap(lambda x: tw.vmap(lambda y: make()(x, y))(y))(x).sum(),
        lambda x, y: reference(x[:, None], y[None]).sum(),
        X,
        Y,
    )
    expected = np.diag(np.cos(X) * Y)
    np.testing.assert_allclose(tw.jacrev(make())(X, Y), expected, rtol=1e-12)
    np.testing.assert_allclose(tw.jacfwd(make())(X, Y), expected, rtol=1e-12)


def test_the_rule_counts_not_the_function():
    @tw.custom_vjp
    def rounded(x):
        return np.round(x)

    rounded.defvjp(lambda x: (np.round(x), None), lambda _, ct: (ct,))
    np.testing.assert_array_equal(tw.grad(lambda x: (rounded(x) * X).sum())(X), X)
    np.testing.assert_array_equal(tw.jvp(rounded, (X,), (Y,))[1], Y)

    @tw.custom_jvp
    def steep(x):
        return np.nextafter(x, 0.0)  # which has no derivative

    steep.defjvps(lambda dot, out, x: 3 * dot)
    np.testing.assert_array_equal(tw.grad(lambda x: steep(x).sum())(X), [3, 3, 3])
    np.testing.assert_array_equal(tw.jvp(steep, (X,), (Y,))[1], 3 * Y)


def test_rules_that_are_not_linear_serve_one_mode():
    @tw.custom_vjp
    def clipped(x):
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1, 1),))
    np.testing.assert_array_equal(tw.grad(lambda x: (clipped(x) * 5).sum())(X), [1, 1, 1])
    with pytest.raises(tw.GradientError, match="the rule of clipped is not linear"):
        tw.jvp(clipped, (X,), (Y,))

    @tw.custom_jvp
    def odd(x):
        return x

    odd.defjvp(lambda primals, tangents: (primals[0], tangents[0] ** 2))
    np.testing.assert_array_equal(tw.jvp(odd, (X,), (Y,))[1], Y**2)
    with pytest.raises(tw.GradientError, match="the rule of odd is not linear"):
        tw.grad(lambda x: odd(x).sum())(X)


def test_nested_arguments_and_results():
    @tw.custom_vjp
    def f(p, count):
        return {"a": p["w"] * count, "b": (p["b"], "text")}

    def fwd(p, count):
        return f(p, count), {"count": count, "shape": p["w"].shape}

    def bwd(kept, ct):
        assert ct["b"][1] is None
        return {"w": ct["a"] * kept["count"] * 10 + np.zeros(kept["shape"]), "b": ct["b"][0]}, None

    f.defvjp(fwd, bwd)

    def loss(p):
        out = f(p, 3)
        assert out["b"][1] == "text"
        return out["a"].sum() + out["b"][0] * 2

    found = tw.grad(loss)({"w": X, "b": 1.0})
    np.testing.assert_array_equal(found["w"], [30, 30, 30])
    assert found["b"] == 2.0


def test_integers_and_none():
    @tw.custom_jvp
    def power(x, n, unused=None):
        return x**n

    @power.defjvp
    def rule(primals, tangents):
        (x, n, _), (x_dot, n_dot, unused_dot) = primals, tangents
        assert n_dot is None
        assert unused_dot is None
        return power(x, n), n * x ** (n - 1) * x_dot

    counts = np.array([1, 2, 3])
    found = tw.grad(lambda x, n: power(x, n).sum())(X, counts)
    np.testing.assert_allclose(found, counts * X ** (counts - 1), rtol=1e-14)


def test_nondiff_argnums():
    @functools.partial(tw.custom_vjp, nondiff_argnums=(0, 2))
    def apply(f, x, mode):
        return f(x) if mode == "once" else f(f(x))

    apply.defvjp(
        lambda f, x, mode: (apply(f, x, mode), f(x)),
        lambda f, mode, kept, ct: (ct * kept * (1 if mode == "once" else 2),),
    )
    found = tw.grad(lambda x: apply(np.sin, x, "twice").sum())(X)
    np.testing.assert_allclose(found, 2 * np.sin(X), rtol=1e-14)

    @functools.partial(tw.custom_jvp, nondiff_argnums=-1)
    def scaled(x, factor):
        return x * factor

    scaled.defjvp(lambda factor, primals, tangents: (primals[0], tangents[0] * 100))
    assert tw.grad(lambda x: scaled(x, factor=2))(1.0) == 100.0


def test_methods_and_names():
    class Model:
        @functools.partial(tw.custom_vjp, nondiff_argnums=(0,))
        def square(self, x):
            """Squares."""
            return x * x

        square.defvjp(lambda self, x: (x * x, x), lambda self, x, ct: (3 * x * ct,))

    assert tw.grad(Model().square)(2.0) == 6.0
    assert Model.square.__name__ == "square"
    assert Model.square.__doc__ == "Squares."


def test_closures_are_read_but_not_differentiated():
    @tw.jit
    def outer(x, y):
        @tw.custom_vjp
        def f(x):
            return x * y

        f.defvjp(lambda x: (x * y, y), lambda y, ct: (ct * y,))
        return tw.grad(lambda x: f(x).sum())(x)

    np.testing.assert_array_equal(outer(X, Y), Y)
    with pytest.raises(tw.GradientError, match="with respect to an array that is not among its"):
        tw.grad(lambda y: outer_value(y))(Y)


def outer_value(y):
    @tw.custom_vjp
    def f(x):
        return x * y

    f.defvjp(lambda x: (x * y, y), lambda y, ct: (ct * y,))
    return f(X).sum()


def test_forward_rules_may_call_their_function():
    @tw.custom_vjp
    def exp(x):
        return np.exp(x)

    def fwd(x):
        y = exp(x)
        return y, y

    exp.defvjp(fwd, lambda y, ct: (2 * ct * y,))  # twice what it is: seen in all orders
    function = exp
    for order in range(1, 4):
        function = tw.grad(function)
        assert function(0.5) == pytest.approx(2**order * np.exp(0.5), rel=1e-14)
    assert tw.jvp(tw.grad(exp), (0.5,), (1.0,))[1] == pytest.approx(4 * np.exp(0.5))


def test_rules_that_read_arrays_of_a_loop_around():
    @tw.jit
    def run(x, y):
        @tw.custom_vjp
        def f(c):
            return c * 2

        f.defvjp(lambda c: (c * 2, None), lambda _, ct: (ct * y,))
        return tw.grad(lambda x: tw.scan(lambda c, _: (f(c), None), x, None, length=2)[0].sum())(x)

    with pytest.raises(tw.GradientError, match="the rule of f reads a traced array"):
        run(X, Y)


def test_second_derivatives_go_through_the_rules():
    @tw.custom_jvp
    def cube(x):
        return x**3

    cube.defjvps(lambda dot, out, x: 3 * x**2 * dot)
    function = cube
    for expected in (3 * 0.25, 6 * 0.5, 6.0, 0.0):
        function = tw.grad(function)
        assert function(0.5) == pytest.approx(expected)


# -- errors -------------------------------------------------------------------------------------


def with_vjp(fwd=lambda x: (x, None), bwd=lambda kept, ct: (ct,)):
    @tw.custom_vjp
    def f(x):
        return x

    f.defvjp(fwd, bwd)
    return tw.grad(lambda x: f(x).sum())


def with_jvp(rule):
    @tw.custom_jvp
    def f(x):
        return x

    f.defjvp(rule)
    return tw.grad(lambda x: f(x).sum())


@pytest.mark.parametrize(
    ("make", "what", "got", "expected"),
    [
        (
            lambda: with_vjp(fwd=lambda x: x),
            "fwd of f has to return (result, residuals)",
            "f64[3]",
            "",
        ),
        (
            lambda: with_vjp(bwd=lambda kept, ct: ct),
            "bwd of f: its result has another structure",
            "f64[3]",
            "tuple of 1",
        ),
        (
            lambda: with_vjp(bwd=lambda kept, ct: (ct, ct)),
            "bwd of f: its result has another structure",
            "tuple of 2",
            "tuple of 1",
        ),
        (
            lambda: with_vjp(bwd=lambda kept, ct: (ct.sum(),)),
            "bwd of f: its result[0] has another type",
            "f64[]",
            "f64[3]",
        ),
        (
            lambda: with_jvp(lambda primals, tangents: tangents[0]),
            "the jvp rule of f has to return (result, tangent)",
            "f64[3]",
            "",
        ),
        (
            lambda: with_jvp(lambda primals, tangents: (primals[0], tangents[0].astype("f4"))),
            "the jvp rule of f: tangent has another type",
            "f32[3]",
            "f64[3]",
        ),
    ],
)
def test_rules_that_return_something_else(make, what, got, expected):
    with pytest.raises(tw.GradientError) as caught:
        make()(X)
    assert (caught.value.what, caught.value.got, caught.value.expected) == (what, got, expected)
    assert "lambda" in caught.value.loc.source


def test_functions_without_rules():
    for make in (tw.custom_vjp, tw.custom_jvp):
        f = make(lambda x: x)
        with pytest.raises(AttributeError, match="has no rule for its derivative yet"):
            f(X)


def test_calls_that_do_not_fit():
    f = make_vjp()
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        tw.jit(lambda x: f(x))(X)

    @tw.custom_vjp
    def named(x, *, y):
        return x

    named.defvjp(lambda x: x, lambda kept, ct: ct)
    with pytest.raises(TypeError, match="y can only be passed by name"):
        tw.jit(lambda x: named(x, y=2))(X)

    @tw.custom_jvp
    def two(x, y):
        return x

    two.defjvps(lambda dot, out, x, y: dot)
    with pytest.raises(tw.GradientError, match="one rule, or None, for each argument"):
        tw.grad(lambda x: two(x, 1.0).sum())(X)


def test_assigning_to_an_argument_is_refused():
    @tw.custom_jvp
    def edit(x):
        x[0] = 1.0
        return x

    edit.defjvps(lambda dot, out, x: dot)
    with pytest.raises(tw.UnsupportedError, match="assigning to an argument of the custom_jvp"):
        tw.jit(edit)(X)
