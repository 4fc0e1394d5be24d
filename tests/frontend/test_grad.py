"""`grad` and `value_and_grad`: what may be differentiated, what comes back, and every refusal."""

import dataclasses
import functools
import inspect
import textwrap
from typing import NamedTuple

import numpy as np
import pytest
import scipy.optimize

import tensorwright as tw
from support.sources import ROOT

X = np.array([1.0, 2.0, 4.0])


def product(x, y, scale=1.0):
    return np.sum(x * y) * scale


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@dataclasses.dataclass
class Layer:
    w: object
    b: object = None


class Pair(NamedTuple):
    left: object
    right: object


# -- arguments ----------------------------------------------------------------------------------


def test_argnums_choose_arguments():
    y = 2 * X
    np.testing.assert_array_equal(tw.grad(product)(X, y), y)
    np.testing.assert_array_equal(tw.grad(product, 1)(X, y), X)
    np.testing.assert_array_equal(tw.grad(product, -1)(X, y), X)
    both = tw.grad(product, (1, 0))(X, y)
    assert type(both) is tuple
    np.testing.assert_array_equal(both, (X, y))
    (only,) = tw.grad(product, [0])(X, y)
    np.testing.assert_array_equal(only, y)


def test_keywords_and_defaults():
    np.testing.assert_array_equal(tw.grad(product)(X, X, scale=3.0), 3 * X)
    np.testing.assert_array_equal(tw.grad(product)(X, scale=3.0, y=X), 3 * X)
    assert tw.grad(product, 2)(X, X, scale=3.0) == X @ X


def test_gradients_have_the_class_and_dtype_of_the_argument():
    def total(x):
        return np.sum(x**2)

    gradient = tw.grad(total)
    assert type(gradient(2.0)) is float
    assert type(gradient(np.float64(2))) is np.float64
    assert type(gradient(np.float32(2))) is np.float32
    assert gradient(np.array(2.0)).shape == ()
    assert type(gradient(np.array(2.0))) is np.ndarray
    assert gradient(X.astype(np.float32)).dtype == np.float32
    assert gradient(np.ones((2, 3))).shape == (2, 3)


def test_nested_arguments():
    parameters = {
        "layers": [Layer(X, 2.0), Layer(X.astype(np.float32))],
        "pair": Pair(X, None),
        "nothing": (),
    }

    def loss(p):
        first, second = p["layers"]
        return np.sum(first.w * first.b) + np.sum(second.w**2) + np.sum(p["pair"].left)

    found = tw.grad(loss)(parameters)
    assert list(found) == ["layers", "pair", "nothing"]
    first, second = found["layers"]
    np.testing.assert_array_equal(first.w, [2, 2, 2])
    assert first.b == 7.0
    assert type(first.b) is float
    np.testing.assert_array_equal(second.w, 2 * X)
    assert second.w.dtype == np.float32
    assert second.b is None
    assert isinstance(found["pair"], Pair)
    assert found["pair"].right is None
    assert found["nothing"] == ()


def test_arguments_that_are_not_differentiated_may_be_anything():
    def loss(x, how, steps):
        for _ in range(3):
            x = x * 2 if how == "double" else x
        return np.sum(x) * steps.sum()

    np.testing.assert_array_equal(tw.grad(loss)(X, "double", np.arange(3)), [24, 24, 24])


def test_static_arguments_stay_static():
    @tw.jit(static_argnames="steps")
    def chain(x, steps):
        for _ in range(steps):
            x = np.sin(x)
        return x.sum()

    expected = np.cos(np.sin(X)) * np.cos(X)
    np.testing.assert_allclose(tw.grad(chain)(X, 2), expected, rtol=1e-14)
    np.testing.assert_allclose(tw.grad(chain)(X, steps=2), expected, rtol=1e-14)


def test_methods():
    class Model:
        rate = 2.0

        def loss(self, x):
            return np.sum(self.rate * x**2)

        @functools.partial(tw.grad, argnums=1)
        def slope(self: Layer, x):
            return np.sum(self.w * x**2)

    np.testing.assert_array_equal(tw.grad(Model().loss)(X), 4 * X)
    np.testing.assert_array_equal(Model.slope(Layer(X), X), 2 * X * X)


def test_gradients_look_like_the_function():
    gradient = tw.grad(product)
    assert gradient.__name__ == "product"
    assert str(inspect.signature(gradient)) == "(x, y, scale=1.0)"
    assert "graph @product(" in str(gradient.lower("f64[n]", "f64[n]"))


# -- results ------------------------------------------------------------------------------------


def test_value_and_aux():
    value, gradient = tw.value_and_grad(product, (0, 1))(X, X)
    assert value == X @ X
    np.testing.assert_array_equal(gradient, (X, X))

    def with_aux(x):
        return x @ x, {"twice": 2 * x, "name": "aux", "count": 3}

    gradient, aux = tw.grad(with_aux, has_aux=True)(X)
    np.testing.assert_array_equal(gradient, 2 * X)
    np.testing.assert_array_equal(aux["twice"], 2 * X)
    assert (aux["name"], aux["count"]) == ("aux", 3)
    (value, aux), gradient = tw.value_and_grad(with_aux, has_aux=True)(X)
    assert value == X @ X
    assert aux["name"] == "aux"


def test_constant_functions_have_zero_gradients():
    np.testing.assert_array_equal(tw.grad(lambda x: 3.0)(X), np.zeros(3))
    np.testing.assert_array_equal(tw.grad(lambda x: np.sum(np.floor(x)))(X), np.zeros(3))


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B"])
def test_scipy_minimises(method):
    start = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
    found = scipy.optimize.minimize(tw.value_and_grad(rosenbrock), start, jac=True, method=method)
    assert found.success
    np.testing.assert_allclose(found.x, np.ones(5), atol=1e-4)


def test_sizes_stay_open():
    gradient = tw.grad(rosenbrock)
    for size in (3, 5, 8, 13):
        x = np.linspace(-1, 2, size)
        expected = scipy.optimize.rosen_der(x)
        np.testing.assert_allclose(gradient(x), expected, rtol=1e-12)


# -- higher order -------------------------------------------------------------------------------


def test_repeated_gradients():
    function, derivatives = np.sin, [np.sin]
    for _ in range(4):
        function = tw.grad(function)
        derivatives.append(function)
    expected = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]
    for found, known in zip(derivatives, expected, strict=True):
        assert found(0.7) == pytest.approx(known(0.7), rel=1e-13)


def test_gradients_inside_of_gradients_keep_apart():
    def outer(x):
        return x * tw.grad(lambda y: x * y)(2.0)  # x * x: the inner one holds x fixed

    assert tw.grad(outer)(3.0) == 6.0


def test_gradients_inside_of_jit():
    @tw.jit
    def step(w, rate):
        return w - rate * tw.grad(rosenbrock)(w)

    np.testing.assert_allclose(step(X, 0.1), X - 0.1 * scipy.optimize.rosen_der(X))


# -- stop_gradient ------------------------------------------------------------------------------


def test_stop_gradient():
    assert tw.grad(lambda x: tw.stop_gradient(x) * x)(3.0) == 3.0
    assert tw.grad(lambda p: tw.stop_gradient(p)["a"] * p["a"])({"a": 2.0}) == {"a": 2.0}
    text = tw.grad(lambda x: np.sum(tw.stop_gradient(np.sin(x)) * x)).lower(X).text("optimized")
    assert "stop_gradient" not in text
    nested = {"a": X, "b": "text"}
    assert tw.stop_gradient(nested) is nested


def test_assigning_to_what_stop_gradient_returns_is_refused():
    def edit(x):
        fixed = tw.stop_gradient(x)
        fixed[0] = 1.0
        return np.sum(fixed)

    with pytest.raises(tw.UnsupportedError, match=r"a result of tw\.stop_gradient"):
        tw.jit(edit)(X)


# -- errors -------------------------------------------------------------------------------------


def refused(call):
    """The message of the error that a call ends with, without its place."""
    with pytest.raises(tw.GradientError) as caught:
        call()
    lines = str(caught.value).splitlines()
    kept, skip = [], 0
    for line in lines:
        if line.startswith("  at:"):
            skip = 1
        elif skip and line.startswith("            "):
            skip = 0
        else:
            kept.append(line)
    return "\n".join(kept)


def text(block):
    return textwrap.dedent(block).strip()


@pytest.mark.parametrize(
    ("argument", "got"),
    [
        (np.arange(3), "i64[3]"),
        (3, "Python int"),
        (np.array([True]), "bool[1]"),
        (True, "Python bool"),
    ],
)
def test_integers_and_bools_are_refused(argument, got):
    expected = f"""
        grad: x cannot be differentiated, it does not hold floats
          got:      {got}
          expected: floats
          hint:     convert it to floats, or choose other arguments with argnums
        """
    assert refused(lambda: tw.grad(product)(argument, X)) == text(expected)


def test_the_path_of_a_bad_leaf_is_named():
    message = refused(lambda: tw.grad(lambda p: np.sum(p["a"][1].w))({"a": [X, Layer("text")]}))
    assert message == text(
        """
        grad: p['a'][1].w is neither an array nor a number
          got:      str
          expected: floats
        """
    )


@pytest.mark.parametrize(
    ("function", "got", "hint"),
    [
        (lambda x: x * 2, "f64[3]", "sum it up, or use tw.jacobian for all of its derivatives"),
        (np.argmax, "i64[]", ""),
        (
            lambda x: (x.sum(), x),
            "tuple of 2",
            "return the number alone, or use has_aux=True for what comes with it",
        ),
        (lambda x: None, "None", ""),
        (lambda x: "text", "str", ""),
    ],
)
def test_results_that_are_not_one_number(function, got, hint):
    expected = f"""
        value_and_grad: the function has to return one number
          got:      {got}
          expected: a float of shape ()
        """
    expected = text(expected) + (f"\n  hint:     {hint}" if hint else "")
    assert refused(lambda: tw.value_and_grad(lambda x: function(x))(X)) == expected


def test_has_aux_needs_a_pair():
    message = refused(lambda: tw.grad(np.sum, has_aux=True)(X))
    assert message == text(
        """
        grad: with has_aux=True the function returns (result, other things)
          got:      f64[]
        """
    )


def test_ops_without_a_derivative_name_the_line():
    def loss(x):
        y = x * 2
        return np.sum(np.nextafter(y, 0.0))

    with pytest.raises(tw.GradientError) as caught:
        tw.grad(loss)(X)
    message = str(caught.value)
    assert message.startswith("nextafter has no derivative\n  got:      f64[3], f64[3]\n")
    assert "return np.sum(np.nextafter(y, 0.0))" in message
    assert "(gradient)" not in message
    assert caught.value.loc.file == __file__


@pytest.mark.parametrize(
    ("argnums", "message", "got"),
    [
        (2, "an argument that the call does not have", "2, 2 positional arguments"),
        (-3, "an argument that the call does not have", "-3, 2 positional arguments"),
        ((0, -2), "an argument twice", "(0, -2)"),
    ],
)
def test_bad_argnums(argnums, message, got):
    expected = f"grad: argnums chooses {message}\n  got:      argnums={got}"
    assert refused(lambda: tw.grad(product, argnums)(X, X)) == expected


@pytest.mark.parametrize("argnums", ["x", 1.5, (), (0, "y"), None])
def test_argnums_that_are_no_numbers(argnums):
    with pytest.raises(TypeError, match="argnums is an int or a tuple of ints"):
        tw.grad(product, argnums)


def test_something_else_than_a_function():
    with pytest.raises(TypeError, match="grad: needs a function, got float"):
        tw.grad(3.0)


def test_assigning_to_a_differentiated_argument_is_refused():
    def loss(x):
        x[0] = 1.0
        return np.sum(x)

    with pytest.raises(tw.UnsupportedError, match="differentiated argument") as caught:
        tw.grad(loss)(X)
    assert "x = x.copy()" in str(caught.value)


def test_gradients_are_marked_in_dumps():
    lowered = tw.grad(lambda x: np.sum(np.sin(x))).lower(X)
    optimized = lowered.text("optimized")
    (cosine,) = [line for line in optimized.splitlines() if "cos(" in line]
    assert cosine.endswith("(gradient)")
    assert str((ROOT / "tests/frontend/test_grad.py").name) in cosine
