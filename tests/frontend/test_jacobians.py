"""jacobian, jacfwd, jacrev, hessian and hvp against differences and against each other."""

import numpy as np
import pytest

import tensorwright as tw
from support import plain_vmap
from support.tracing import graph_of

RNG = np.random.default_rng(7)
X = np.array([0.7, -1.3, 0.4])
A = RNG.normal(size=(3, 4))
W = RNG.normal(size=(4, 2))
MODES = {"jacobian": tw.jacobian, "jacfwd": tw.jacfwd, "jacrev": tw.jacrev}


def looped(x):
    return tw.scan(lambda c, row: (np.tanh(c + row.sum()), c * row), 0.1, x)[1]


def branched(x):
    return tw.cond(x[0] > 0, lambda: np.sin(x), lambda: x**2)


def repeated(x):
    return tw.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x), (0, x))[1]


FUNCTIONS = {
    "elementwise": (lambda x: np.sin(x) * x, X),
    "identity": (lambda x: x, X),
    "matrix": (lambda a: np.tanh(a @ W), A),
    "to_number": (lambda a: np.sum(a**3), A),
    "to_more": (lambda x: np.outer(x, np.exp(x)), X),
    "number": (lambda x: x**3, np.float64(1.5)),
    "from_number": (lambda x: np.array([1.0, 2.0]) * np.sin(x), np.float64(0.5)),
    "softmax": (lambda x: np.exp(x - x.max()) / np.sum(np.exp(x - x.max())), X),
    "parts": (lambda a: a[1:, ::2] * a[0, 0], A),
    "assigned": (lambda x: np.stack([x, x[::-1] ** 2])[:, 1:], X),
    "gathered": (lambda a: a[np.array([0, 2, 0])].sum(1) ** 2, A),
    "running": (lambda a: np.cumsum(np.cumprod(a, 1), 0), A),
    "masked": (lambda x: np.where(x > 0, np.log(np.abs(x)), x), X),
    "norm": (lambda a: a / np.linalg.norm(a, axis=1, keepdims=True), A),
}
LOOPS = {"scan": (looped, A), "cond": (branched, X), "while": (repeated, X)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_against_differences(mode, name):
    function, x = FUNCTIONS[name]
    found = MODES[mode](function)(x)
    assert found.shape == np.shape(function(x)) + x.shape
    np.testing.assert_allclose(found, plain_vmap.jacobian(function, x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches(mode, name):
    function, x = LOOPS[name]
    compiled = tw.jit(function)
    expected = plain_vmap.jacobian(compiled, x)
    np.testing.assert_allclose(MODES[mode](function)(x), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_other_sizes(mode):
    derivative = MODES[mode](lambda a: np.cumsum(a**2, 1) @ np.ones((a.shape[1], 2)))
    for shape in ((3, 4), (2, 5), (4, 4), (1, 3), (0, 3), (2, 1)):
        a = RNG.normal(size=shape)

        def function(a):
            return np.cumsum(a**2, 1) @ np.ones((a.shape[1], 2))

        found = derivative(a)
        assert found.shape == (shape[0], 2, *shape)
        if a.size:
            np.testing.assert_allclose(found, plain_vmap.jacobian(function, a), atol=1e-8)


def test_infinite_slopes_stay_in_their_place():
    """Zeros of unit vectors are no numbers to multiply with: 0 * inf is NaN."""
    x = np.array([0.0, 4.0])
    expected = np.array([[np.inf, 0], [0, 0.25]])
    np.testing.assert_array_equal(tw.jacobian(np.sqrt)(x), expected)
    scaled = np.where(expected == 0, 0, expected * -2)
    np.testing.assert_array_equal(tw.jacrev(lambda x: -np.sqrt(x) * 2)(x), scaled)
    np.testing.assert_array_equal(tw.jacfwd(lambda x: -np.sqrt(x) * 2)(x), scaled)
    curvature = tw.hessian(lambda x: np.sum(np.sqrt(x)))(x)
    np.testing.assert_array_equal(curvature, [[-np.inf, 0], [0, -1 / 32]])


# --- structures --------------------------------------------------------------------------------


def model(params, x):
    hidden = np.tanh(x @ params["w"] + params["b"])
    return {"hidden": hidden, "total": (hidden.sum(),)}


@pytest.mark.parametrize("mode", MODES)
def test_nested_structures(mode):
    params = {"w": W, "b": np.float64(0.3)}
    found = MODES[mode](model, argnums=(0, 1))(params, A)
    for result in ("hidden", "total"):
        by_params, by_x = found[result] if result == "hidden" else found[result][0]

        def part(params, x, result=result):
            value = model(params, x)[result]
            return value if result == "hidden" else value[0]

        for key in params:
            expected = plain_vmap.jacobian(
                lambda v, key=key: part({**params, key: v}, A), params[key]
            )
            np.testing.assert_allclose(by_params[key], expected, rtol=1e-7, atol=1e-9)
        expected = plain_vmap.jacobian(lambda x: part(params, x), A)
        np.testing.assert_allclose(by_x, expected, rtol=1e-7, atol=1e-9)


def test_argnums_choose_the_structure():
    def function(x, y):
        return x * y.sum()

    assert tw.jacobian(function)(X, A).shape == (3, 3)
    assert tw.jacobian(function, argnums=1)(X, A).shape == (3, 3, 4)
    (by_y,) = tw.jacobian(function, argnums=(1,))(X, A)
    assert by_y.shape == (3, 3, 4)
    assert tw.jacobian(function, argnums=-1)(X, A).shape == (3, 3, 4)


@pytest.mark.parametrize("mode", MODES)
def test_other_results(mode):
    def function(x):
        return x**2, {"note": "kept", "sum": x.sum()}

    found, aux = MODES[mode](function, has_aux=True)(X)
    np.testing.assert_allclose(found, np.diag(2 * X))
    assert aux["note"] == "kept"
    np.testing.assert_allclose(aux["sum"], X.sum())


@pytest.mark.parametrize("mode", MODES)
def test_results_that_do_not_depend(mode):
    found = MODES[mode](lambda x: (np.ones(2), 3.0, x))(X)
    np.testing.assert_array_equal(found[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(found[1], np.zeros(3))
    np.testing.assert_array_equal(found[2], np.eye(3))


@pytest.mark.parametrize("mode", MODES)
def test_dtypes_are_those_of_the_argument(mode):
    def function(x, y):
        return x.sum() * y

    by_x, by_y = MODES[mode](function, argnums=(0, 1))(X.astype(np.float32), X)
    assert by_x.dtype == np.float32
    assert by_y.dtype == np.float64


@pytest.mark.parametrize("mode", MODES)
def test_python_numbers(mode):
    found = MODES[mode](lambda x: x**3)(2.0)
    assert found == 12.0
    assert type(found) is float


# --- second order ------------------------------------------------------------------------------

SCALARS = {
    "rosenbrock": (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), X),
    "matrix": (lambda a: np.sum(np.tanh(a @ W) ** 2), A),
    "softmax": (lambda x: np.log(np.sum(np.exp(x))), X),
    "cross": (lambda x: np.prod(np.sin(x)), X),
    "number": (lambda x: np.exp(x) * x, np.float64(0.4)),
}


@pytest.mark.parametrize("name", SCALARS)
def test_hessian(name):
    function, x = SCALARS[name]
    found = tw.hessian(function)(x)
    assert found.shape == x.shape + x.shape
    square = found.reshape(x.size, x.size)
    np.testing.assert_allclose(square, square.T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found, plain_vmap.hessian(function, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SCALARS)
def test_hvp_is_the_hessian_times_the_vector(name):
    function, x = SCALARS[name]
    v = RNG.normal(size=x.shape)
    square = tw.hessian(function)(x).reshape(x.size, x.size)
    expected = (square @ np.ravel(v)).reshape(x.shape)
    np.testing.assert_allclose(tw.hvp(function, (x,), (v,)), expected, rtol=1e-10, atol=1e-12)
    inside = tw.jit(lambda x, v: tw.hvp(function, (x,), (v,)))(x, v)
    np.testing.assert_allclose(inside, expected, rtol=1e-10, atol=1e-12)


def test_hessian_of_several_arguments():
    def function(x, p):
        return np.sum(x**2 * p["s"])

    (xx, xp), by_p = tw.hessian(function, argnums=(0, 1))(X, {"s": X})
    px, pp = by_p["s"]
    np.testing.assert_allclose(xx, np.diag(2 * X))
    np.testing.assert_allclose(xp["s"], np.diag(2 * X))
    np.testing.assert_allclose(px, np.diag(2 * X))
    np.testing.assert_allclose(pp["s"], 0)


def test_hvp_of_several_arguments():
    def function(x, p):
        return np.sum(x**2 * p["s"])

    by_x, by_p = tw.hvp(function, (X, {"s": X}), (X, None))
    np.testing.assert_allclose(by_x, 2 * X * X)
    np.testing.assert_allclose(by_p["s"], 2 * X * X)


# --- with other transforms ---------------------------------------------------------------------


def test_jacobians_of_examples():
    def function(a):
        return np.tanh(a @ W)

    examples = RNG.normal(size=(5, 4))
    found = tw.vmap(tw.jacobian(function))(examples)
    expected = [tw.jacobian(function)(x) for x in examples]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradient_of_a_jacobian():
    def function(x):
        return np.sum(tw.jacobian(lambda y: np.sin(y) * y.sum())(x) ** 2)

    def plain(x):
        jacobian = np.diag(np.cos(x) * x.sum()) + np.sin(x)[:, None]
        return np.sum(jacobian**2)

    np.testing.assert_allclose(tw.grad(function)(X), plain_vmap.jacobian(plain, X), rtol=1e-7)


def test_jacobian_of_a_vmap():
    found = tw.jacobian(lambda a: tw.vmap(lambda row: np.sum(row**2))(a))(A)
    expected = np.zeros((3, 3, 4))
    expected[np.arange(3), np.arange(3)] = 2 * A
    np.testing.assert_allclose(found, expected, rtol=1e-13)


# --- the graph ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["jacfwd", "jacrev"])
def test_the_function_itself_is_computed_once(mode):
    """Only products with unit vectors have an axis of them."""
    graph = graph_of(MODES[mode](lambda x: np.exp(np.sin(x))), RNG.normal(size=50))
    expensive = [n for n in graph.nodes if n.op.cost > 10]
    assert {n.op.name for n in expensive} == {"sin", "cos", "exp"}
    assert {n.output.type.shape for n in expensive} == {(50,)}


def test_the_loop_itself_runs_once():
    """What the loop keeps for its derivative is kept by the loop that gives its results."""
    graph = graph_of(tw.jacrev(lambda x: (looped(x), looped(x).sum())), A)
    loops = [n for n in graph.nodes if n.op.name == "scan"]
    assert len(loops) == 4  # two calls, each with one derivative


def test_the_cheaper_mode_is_chosen():
    def has_columns(function, x):
        graph = graph_of(tw.jacobian(function), x)
        return any(n.op.name == "transpose" for n in graph.nodes)

    assert has_columns(lambda x: np.concatenate([x, x**2]), X)
    assert not has_columns(lambda a: np.sin(a).sum(0), A)


# --- errors ------------------------------------------------------------------------------------


def test_results_that_are_no_floats():
    with pytest.raises(tw.GradientError, match=r"result\['n'\] cannot be differentiated") as caught:
        tw.jacobian(lambda x: {"n": x > 0})(X)
    assert "has_aux" in str(caught.value)
    with pytest.raises(tw.GradientError, match="it does not hold floats"):
        tw.jacrev(lambda x: "text")(X)


def test_arguments_that_are_no_floats():
    with pytest.raises(tw.GradientError, match="jacfwd: x cannot be differentiated"):
        tw.jacfwd(lambda x: x * 2.0)(np.arange(3))
    with pytest.raises(TypeError, match="argnums is an int"):
        tw.jacobian(lambda x: x, argnums="x")
    with pytest.raises(TypeError, match="jacrev: needs a function"):
        tw.jacrev(3)


def test_hvp_arguments_that_do_not_fit():
    with pytest.raises(tw.GradientError, match="differ in number"):
        tw.hvp(lambda x: x.sum(), (X,), ())
    with pytest.raises(tw.GradientError, match="primals is a tuple or list"):
        tw.hvp(lambda x: x.sum(), X, X)
    with pytest.raises(tw.GradientError, match=r"hvp: tangents\[0\] has another type"):
        tw.hvp(lambda x: x.sum(), (X,), (X[1:],))
    with pytest.raises(tw.GradientError, match="has to return one number"):
        tw.hvp(lambda x: x, (X,), (X,))
