"""Gradients of loops and branches: against the same loop in Python, traced step by step."""

from itertools import pairwise

import numpy as np
import pytest

import tensorwright as tw

RNG = np.random.default_rng(11)


def slope(function, arguments, directions, step=1e-6):
    """The central difference along a direction."""
    ahead = [a + step * d for a, d in zip(arguments, directions, strict=True)]
    behind = [a - step * d for a, d in zip(arguments, directions, strict=True)]
    return (function(*ahead) - function(*behind)) / (2 * step)


def check(function, *arguments, rel=1e-6):
    """The gradient with respect to all arguments against central differences."""
    arguments = [np.asarray(a, np.float64) for a in arguments]
    compiled = tw.jit(function)
    value, gradients = tw.value_and_grad(function, tuple(range(len(arguments))))(*arguments)
    assert value == pytest.approx(compiled(*arguments), rel=1e-14)
    for _ in range(2):
        directions = [RNG.normal(size=a.shape) for a in arguments]
        found = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
        expected = slope(compiled, arguments, directions)
        assert found == pytest.approx(expected, rel=rel, abs=1e-7)
    return gradients


# --- scan --------------------------------------------------------------------------------------


def leaky(state, drive, gain):
    def step(carry, x):
        carry = carry + 0.1 * (np.tanh(gain * carry + x) - carry)
        return carry, np.sum(carry * x)

    last, totals = tw.scan(step, state, drive)
    return np.sum(last**2) + np.sum(np.sin(totals))


def test_scan_with_carries_slices_captured_values_and_results():
    check(leaky, RNG.normal(size=5), RNG.normal(size=(7, 5)), 1.3)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_gives_the_gradient_of_the_unrolled_loop(reverse):
    def body(carry, x):
        return np.sin(carry * x) + carry, carry * x

    def looped(c, xs, weights):
        last, ys = tw.scan(body, c, xs, reverse=reverse)
        return np.sum(last) + np.sum(ys * weights)

    def unrolled(c, xs, weights):
        order = range(xs.shape[0])
        ys = {}
        for k in reversed(order) if reverse else order:
            c, ys[k] = body(c, xs[k])
        return np.sum(c) + np.sum(np.stack([ys[k] for k in order]) * weights)

    arguments = RNG.normal(size=3), RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
    for found, expected in zip(
        tw.grad(looped, (0, 1, 2))(*arguments),
        tw.grad(unrolled, (0, 1, 2))(*arguments),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_scan_with_a_matrix_that_is_captured():
    def function(w, x, xs):
        last, _ = tw.scan(lambda c, u: (np.tanh(w @ c + u), None), x, xs)
        return np.sum(last**2)

    check(function, RNG.normal(size=(4, 4)), RNG.normal(size=4), RNG.normal(size=(5, 4)))


def test_carries_of_several_dtypes():
    def function(x):
        def step(carry, k):
            value, count, big = carry
            return (value * np.cos(value) + count, count + 1, big | np.any(value > 1)), None

        (value, count, _), _ = tw.scan(step, (x, 0, False), np.arange(5))
        return np.sum(value) * count

    check(function, RNG.normal(size=3))


def test_a_scan_without_steps():
    def function(x, xs):
        last, ys = tw.scan(lambda c, u: (c * u, c), x, xs)
        return np.sum(last) + np.sum(ys)

    gradient = tw.grad(function, (0, 1))(np.ones(3), np.ones((0, 3)))
    np.testing.assert_array_equal(gradient[0], np.ones(3))
    assert gradient[1].shape == (0, 3)


def test_nested_scans():
    def function(x, xs):
        def outer(c, row):
            def inner(d, u):
                return np.sin(d) + u * c, d

            last, ds = tw.scan(inner, c, row)
            return last, np.sum(ds)

        last, sums = tw.scan(outer, x, xs)
        return last + np.sum(sums**2)

    check(function, 0.4, RNG.normal(size=(3, 4)))


def test_symbolic_sizes_compile_once_more():
    gradient = tw.grad(leaky, (0, 1))
    for steps, width in ((7, 5), (9, 4), (12, 6)):
        state, drive = RNG.normal(size=width), RNG.normal(size=(steps, width))
        found = gradient(state, drive, 1.3)
        direction = RNG.normal(size=width)
        difference = slope(lambda s, d=drive: tw.jit(leaky)(s, d, 1.3), [state], [direction])
        assert found[0] @ direction == pytest.approx(difference, rel=1e-6)


def test_the_gradient_of_a_long_loop_of_small_steps_is_two_loops():
    gradient = tw.grad(leaky)
    text = gradient.lower("f64[5]", "f64[600, 5]", "float").text("kernels")
    assert text.count("scan @") == 2


def test_a_sum_for_a_captured_value_is_updated_in_place():
    def function(w, x):
        last, _ = tw.scan(lambda c, _: (np.tanh(c * w), None), x, length=10)
        return np.sum(last)

    text = tw.grad(function).lower("f64[1000]", "f64[1000]").text("kernels")
    assert text.count("in place") >= 2  # the loop's carry, and the sum of w's cotangents


# --- other loops -------------------------------------------------------------------------------


def test_fori_loop_and_map():
    def function(x, xs):
        power = tw.fori_loop(0, 4, lambda i, c: c * x + i, x)
        return np.sum(power) + np.sum(tw.map(lambda u: np.exp(u) * x, xs))

    check(function, RNG.normal(size=3), RNG.normal(size=(4, 3)))


def grow(x, rate):
    """Doubles about as often as the data ask for."""

    def condition(carry):
        total, _ = carry
        return total < 10.0

    def body(carry):
        total, value = carry
        return total + np.sum(np.exp(value)) + 0.3, np.sin(value * rate)

    total, value = tw.while_loop(condition, body, (0.0 * x[0], x))
    return np.sum(value**2) + total


def test_while_with_a_count_that_depends_on_data():
    for scale in (0.1, 1.0, 3.0):
        check(grow, scale * RNG.normal(size=3), RNG.normal(size=3))


def test_a_while_that_never_runs():
    gradient = tw.grad(
        lambda x: tw.while_loop(lambda c: c < 0.0, lambda c: c * 2.0, x),
    )
    assert gradient(3.0) == 1.0


def test_a_while_of_many_iterations():
    def function(x):
        _, value = tw.while_loop(lambda c: c[0] < 5000, lambda c: (c[0] + 1, c[1] * 0.999), (0, x))
        return value

    assert tw.grad(function)(2.0) == pytest.approx(0.999**5000, rel=1e-10)


def test_a_while_whose_derivative_needs_nothing_of_the_iterations():
    def function(x, n):
        _, value = tw.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] + c[1]), (0, x))
        return value

    assert tw.grad(function)(1.5, 7) == 2.0**7


def test_a_while_inside_of_a_scan():
    def function(x, xs):
        def step(c, u):
            d = tw.while_loop(lambda d: np.sum(d**2) > 0.5, lambda d: d * 0.7 + 0.01 * u, c + u)
            return d, np.sum(d)

        last, sums = tw.scan(step, x, xs)
        return np.sum(last) + np.sum(sums**2)

    check(function, RNG.normal(size=2), RNG.normal(size=(5, 2)))


def test_second_reverse_derivative_of_a_while_says_what_to_do():
    with pytest.raises(tw.GradientError, match="cannot be differentiated again in reverse mode"):
        tw.grad(lambda x: np.sum(tw.grad(lambda y: grow(y, y))(x)))(np.ones(3))


# --- branches ----------------------------------------------------------------------------------


def test_cond_and_switch():
    def function(x, a):
        y = tw.cond(x[0] > 0, lambda v: np.sin(v) * a, lambda v: v**3, x)
        k = np.argmax(x)
        z = tw.switch(k, [lambda v: v, lambda v: v * a, lambda v: np.exp(v)], x)
        return np.sum(y * z)

    for sign in (1, -1):
        check(function, sign * np.array([0.3, -0.8, 1.2]), RNG.normal(size=3))


def test_a_branch_that_is_not_taken_does_not_poison():
    def function(x):
        return tw.cond(x > 0, np.log, lambda v: v * 0.0, x)

    assert tw.grad(function)(0.0) == 0.0
    assert tw.grad(function)(2.0) == 0.5


# --- higher derivatives ------------------------------------------------------------------------


def pendulum(angle, steps=6):
    def step(carry, _):
        angle, speed = carry
        speed = speed - 0.1 * np.sin(angle)
        return (angle + 0.1 * speed, speed), None

    (angle, _), _ = tw.scan(step, (angle, 0.0 * angle), length=steps)
    return angle


def test_scan_up_to_the_fourth_derivative():
    derivatives = [pendulum]
    for _ in range(4):
        derivatives.append(tw.grad(derivatives[-1]))
    x, step = 0.7, 1e-4
    for lower, higher in pairwise(derivatives):
        lower = tw.jit(lower)
        difference = (lower(x + step) - lower(x - step)) / (2 * step)
        assert higher(x) == pytest.approx(difference, rel=1e-6, abs=1e-8)


def test_cond_twice():
    def function(x):
        return tw.cond(x > 0, lambda v: np.exp(2 * v), lambda v: v**4, x)

    second = tw.grad(tw.grad(function))
    assert second(0.5) == pytest.approx(4 * np.exp(1.0))
    assert second(-0.5) == pytest.approx(3.0)


# --- memory budgets ----------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("budget", [1, 200, 10**6])
@pytest.mark.parametrize("steps", [1, 12, 13])
def test_a_budget_changes_no_gradient(steps, budget, reverse):
    def function(x, drive, weights, memory_budget):
        def step(c, u):
            c = np.tanh(weights * c + u)
            return c, np.sum(c)

        last, sums = tw.scan(step, x, drive, reverse=reverse, memory_budget=memory_budget)
        return np.sum(last**2) + np.sum(sums * np.arange(steps))

    arguments = RNG.normal(size=3), RNG.normal(size=(steps, 3)), RNG.normal(size=3)
    all_kept = tw.grad(lambda *a: function(*a, None), (0, 1, 2))(*arguments)
    bounded = tw.grad(lambda *a: function(*a, budget), (0, 1, 2))(*arguments)
    for found, expected in zip(bounded, all_kept, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def scratch_bytes(function, *arguments):
    compilation = tw.grad(function).lower(*arguments).compilation
    return sum(compilation.kernels.arena)


def test_a_budget_bounds_what_is_kept():
    def function(x, memory_budget):
        last, _ = tw.scan(
            lambda c, _: (np.sin(c), None), x, length=2500, memory_budget=memory_budget
        )
        return np.sum(last)

    x = np.ones(100)
    assert scratch_bytes(lambda x: function(x, None), x) >= 2500 * 800
    assert scratch_bytes(lambda x: function(x, 10**5), x) <= 120 * 800


@pytest.mark.parametrize("budget", [1, 300, 10**6])
def test_a_budget_for_a_while(budget):
    def function(x, rate, memory_budget):
        def body(carry):
            total, value = carry
            return total + np.sum(np.exp(value)) + 0.3, np.sin(value * rate)

        total, value = tw.while_loop(
            lambda c: c[0] < 40.0, body, (0.0 * x[0], x), memory_budget=memory_budget
        )
        return np.sum(value**2) + total

    arguments = RNG.normal(size=3), RNG.normal(size=3)
    expected = tw.grad(lambda x, r: function(x, r, None), (0, 1))(*arguments)
    found = tw.grad(lambda x, r: function(x, r, budget), (0, 1))(*arguments)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def recurrent(w, u, h, xs):
    last, _ = tw.scan(lambda c, x: (np.tanh(w @ c + u @ x), None), h, xs)
    return np.sum(last**2)


def test_outer_products_of_a_recurrence_are_one_product():
    arguments = (
        RNG.normal(size=(6, 6)) / 3,
        RNG.normal(size=(6, 4)),
        RNG.normal(size=6),
        RNG.normal(size=(9, 4)),
    )
    check(recurrent, *arguments)
    text = tw.grad(recurrent, (0, 1)).lower(*arguments).text("optimized")
    backward = text.split("scan(")[-1].split("}}")[0]
    assert "[6, 6]" not in backward.split("return")[-1]  # no sum of matrices is carried
