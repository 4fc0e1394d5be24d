"""Branches that are not taken contribute nothing, whatever is infinite or NaN in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from support.masked_cases import CASES, INF, Function, Masked, X, zero


def total(case: Masked) -> Function:
    def function(x):
        return np.sum(case.program(x))

    return function


def second(case: Masked) -> Function:
    first = tw.grad(total(case))
    return tw.grad(lambda x: np.sum(first(x)))


def test_there_are_many() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 50


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient(case: Masked) -> None:
    found = tw.grad(total(case))(case.x)
    np.testing.assert_allclose(found, case.expected(case.slope), rtol=1e-12, atol=1e-14)
    assert np.array_equal(found == 0, case.expected(case.slope) == 0) or case.slope is zero


@pytest.mark.parametrize("case", CASES, ids=str)
def test_second_derivative(case: Masked) -> None:
    found = second(case)(case.x)
    np.testing.assert_allclose(found, case.expected(case.curve), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_and_gradient_in_float32(case: Masked) -> None:
    x = case.x.astype(np.float32)
    value, found = tw.value_and_grad(total(case))(x)
    assert value.dtype == found.dtype == np.float32
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(value, total(case)(x), rtol=1e-5)
    np.testing.assert_allclose(found, case.expected(case.slope), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_mode(case: Masked) -> None:
    direction = np.arange(1.0, 7)
    found = tw.jvp(total(case), (case.x,), (direction,))[1]
    expected = np.sum(case.expected(case.slope) * direction)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


# --- other structures ----------------------------------------------------------------------------

POSITIVE = X > 0
LOGS = np.where(POSITIVE, np.log(np.where(POSITIVE, X, 1)), 0)
SLOPES = np.where(POSITIVE, 1 / np.where(POSITIVE, X, 1), 0)
A = np.arange(12.0).reshape(6, 2) / 7 - 0.5


def mean_of_chosen(x):
    return np.sum(np.where(x > 0, np.log(x), 0)) / np.sum(x > 0)


def logsumexp(x):
    scores = np.where(x > 0, x, -INF)
    top = np.max(scores)
    return top + np.log(np.sum(np.exp(scores - top)))


def product(x):
    return np.prod(np.where(x > 0, np.log(x), 3.0))


def scanned(x):
    return np.sum(np.cumsum(np.where(x > 0, np.log(x), 0)))


def multiplied(x):
    return np.sum(np.where(x > 0, np.log(x), 0) @ A)


def largest(x):
    return np.max(np.where(x > 0, np.log(x), -INF))


def deviation_of_equals(x):
    equal = np.zeros((3, 4)) * x[0]
    return np.sum(np.std(equal, axis=1)) + x[0]


def diagonal(x):
    table = np.log(x)[:, None] * np.ones(6)
    return np.sum(np.where(x > 0, np.diagonal(table), 0))


def piled_up(x):
    """Assignments to parts of an array of infinities."""
    y = np.log(x)
    y[:3] = 0
    y[4] *= 2
    return np.sum(y)


def looked_up(x):
    return np.sum(np.log(x)[np.array([5, 3, 3])])


def sliced(x):
    return np.sum(np.log(x)[3:])


def of_matrix(x):
    table = np.sqrt(np.outer(x, x)[2:5])
    return np.sum(np.where(table > 0, table, 0))


SOFTMAX = np.where(POSITIVE, np.exp(X) / np.sum(np.exp(X[POSITIVE])), 0)
COUNTED = np.cumsum(np.ones(6))[::-1]
ROOTS = np.sqrt(X[3:] / X[3:, None]) / 2  # of element k by element j, divided by that of j
OF_MATRIX = [0, 0, 0, *(ROOTS.sum(axis=1) * [1, 1, 0] + ROOTS[:, :2].sum(axis=1))]
OTHERS = [
    (mean_of_chosen, SLOPES / POSITIVE.sum()),
    (logsumexp, SOFTMAX),
    (product, [0, 0, 0, *(27 * np.prod(LOGS[3:]) / LOGS[3:] / X[3:])]),
    (scanned, SLOPES * COUNTED),
    (multiplied, SLOPES * A.sum(axis=1)),
    (largest, [0, 0, 0, 0, 0, 0.5]),
    (deviation_of_equals, [1, 0, 0, 0, 0, 0]),
    (diagonal, SLOPES),
    (piled_up, SLOPES * [1, 1, 1, 1, 2, 1]),
    (looked_up, SLOPES * [0, 0, 0, 2, 0, 1]),
    (sliced, SLOPES),
    (of_matrix, OF_MATRIX),
]


@pytest.mark.parametrize(("function", "expected"), OTHERS, ids=lambda v: getattr(v, "__name__", ""))
def test_structures(function: Function, expected: Any) -> None:
    found = tw.grad(function)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    forward = tw.jvp(function, (X,), (X + 3,))[1]
    np.testing.assert_allclose(forward, np.sum(np.array(expected) * (X + 3)), rtol=1e-12)


def test_zeros_of_choices_meet_infinite_slopes() -> None:
    """The values are 0, too: only the choice tells that nothing changes."""

    def function(x):
        return np.sum(np.sqrt(np.maximum(x, 0)) + np.sqrt(np.where(x > 0, x, 0))[::-1])

    x = X - 0.25  # at 0 itself half of the infinite slope counts
    expected = np.where(x > 0, 1 / np.sqrt(np.abs(x)), 0)
    np.testing.assert_allclose(tw.grad(function)(x), expected)
    np.testing.assert_allclose(tw.jvp(function, (x,), (x + 3,))[1], np.sum(expected * (x + 3)))


# --- zeros that are no masks ---------------------------------------------------------------------


def curvature(function: Function, x: float) -> Any:
    return tw.grad(tw.grad(function))(np.float64(x))


def test_a_derivative_that_happens_to_be_0_keeps_its_own() -> None:
    def function(x):
        return np.where(x > -1, np.sin(x), 0) ** 2

    assert tw.grad(function)(np.float64(0)) == 0
    assert curvature(function, 0) == 2
    assert curvature(lambda x: np.where(x > -1, x * x, 0) * np.where(x > -2, x, 1), 0) == 0
    assert tw.grad(tw.grad(tw.grad(lambda x: x * np.where(x > -1, x * x, 0))))(np.float64(0)) == 6


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: x * y, 1),
        (lambda x, y: np.where(x > -1, x, 0) * np.where(y > -1, y, 0), 1),
        (lambda x, y: (x * np.cos(y) + 2 * y) ** 2, 4),
        (lambda x, y: (x + 1) ** y, 1),
        (lambda x, y: np.hypot(x + 3, y + 4), -12 / 125),
        (lambda x, y: np.logaddexp(x, y), -0.25),
    ],
)
def test_mixed_derivatives_where_first_ones_are_0(function: Function, expected: float) -> None:
    mixed = tw.grad(lambda x, y: tw.grad(function, argnums=1)(x, y))
    np.testing.assert_allclose(mixed(np.float64(0), np.float64(0)), expected, rtol=1e-15)


def test_nan_that_is_taken_stays() -> None:
    x = np.array([1.0, np.nan, 2.0])
    found = tw.grad(lambda x: np.sum(np.where(x > 5, 0, np.log(x) * x)))(x)
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])
