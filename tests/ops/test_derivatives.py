"""The derivatives of every elementwise op, generated from the registry.

Partial derivatives of first and second order against differences, of smooth ops up to the fourth
against mpmath, forward mode against reverse mode, and what is agreed on where mathematics leaves
a choice.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from support.derivatives import SMOOTH, OpDerivatives, difference, exact, points, wide
from support.native import run_native
from support.op_cases import ELEMENTWISE, Case, cases
from tensorwright.compiler.errors import GradientError
from tensorwright.compiler.ir.derivative import NoDerivative, Pointwise
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.types import DType

CASES = cases()
OF_FLOATS = [c for c in CASES if c.result.is_float and any(d.is_float for d in c.dtypes)]
WIDE = [c for c in OF_FLOATS if wide(c) and not isinstance(c.op.derivative, NoDerivative)]
NARROWED = {DType.F64: DType.F32}
CONSTANT = {"floor", "ceil", "trunc", "rint", "sign", "floor_divide", "stop_gradient"}


def case_of(name: str) -> Case:
    """The float64 case of an op."""
    return next(c for c in WIDE if c.op.name == name)


def in_float32(case: Case) -> Case:
    """The same op with float32 in place of float64."""
    dtypes = tuple(NARROWED.get(d, d) for d in case.dtypes)
    return Case(case.op, dtypes, {k: NARROWED.get(v, v) for k, v in case.attrs.items()})


# --- there is a rule -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({c.op.name for c in OF_FLOATS}))
def test_every_op_with_float_results_has_a_rule(name: str) -> None:
    op = REGISTRY[name]
    assert op.derivative is not None
    if isinstance(op.derivative, Pointwise):
        assert len(op.derivative.pulls) == op.arity
    if isinstance(op.derivative, NoDerivative):
        assert op.derivative.reason


def test_ops_without_float_results_have_none() -> None:
    with_floats = {c.op.name for c in OF_FLOATS}
    assert not [op.name for op in ELEMENTWISE if op.name not in with_floats and op.derivative]


@pytest.mark.parametrize("name", ["nextafter", "spacing"])
def test_no_derivative_gives_the_reason(name: str) -> None:
    case = next(c for c in OF_FLOATS if c.op.name == name and wide(c))
    with pytest.raises(GradientError, match=f"{name} has no derivative") as caught:
        OpDerivatives(case).graph((0,))
    assert REGISTRY[name].derivative.reason in str(caught.value)


# --- values --------------------------------------------------------------------------------------


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    scale = np.maximum(1.0, np.abs(expected))
    errors = np.abs(found - expected) / scale
    wrong = errors > tolerance  # not where differences meet a kink or a jump: they are NaN
    assert not wrong.any(), f"{what}: {found[wrong]} in place of {expected[wrong]}"
    assert np.isfinite(found).all() and np.isfinite(expected).mean() > 0.9, what


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_first_order(case: Case) -> None:
    arrays = points(case)
    derivatives = OpDerivatives(case)
    assert np.isfinite(derivatives.values(arrays, ())[0]).all(), "draw from another domain"
    for k in derivatives.floats:
        (found,) = derivatives.values(arrays, (k,))
        expected = difference(functools.partial(derivatives.at, ()), arrays, k)
        if case.op.name == "stop_gradient":
            expected = np.zeros_like(expected)
        assert_close(found, expected, 1e-9, f"{case} by operand {k}")


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_second_order(case: Case) -> None:
    arrays = points(case, seed=1)
    derivatives = OpDerivatives(case)
    for k, j in itertools.product(derivatives.floats, repeat=2):
        (found,) = derivatives.values(arrays, (k, j))
        first = functools.partial(derivatives.at, (k,))
        expected = difference(first, arrays, j)
        assert_close(found, expected, 1e-8, f"{case} by operands {k}, {j}")


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_forward_mode_equals_reverse_mode(case: Case) -> None:
    arrays = points(case, seed=2)
    derivatives = OpDerivatives(case)
    for k in derivatives.floats:
        (first,) = derivatives.values(arrays, (k,))
        assert_close(derivatives.forward_values(arrays, k), first, 1e-14, f"{case} by {k}")
        for j in derivatives.floats:
            (second,) = derivatives.values(arrays, (k, j))
            found = derivatives.forward_values(arrays, j, of=(k,))
            assert_close(found, second, 1e-13, f"{case} by {k}, {j}")


@pytest.mark.parametrize("name", SMOOTH)
def test_up_to_fourth_order(name: str) -> None:
    case = case_of(name)
    count = 4
    arrays = points(case, seed=3, count=count)
    derivatives = OpDerivatives(case, count)
    every = [by for order in (1, 2, 3, 4) for by in derivatives.orders(order)]
    for by, found in zip(every, derivatives.values(arrays, *every), strict=True):
        expected = [exact(name, [a[k] for a in arrays], by) for k in range(count)]
        assert_close(found, np.array(expected), 1e-11, f"{name} by {by}")


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_machine_code_in_float32(case: Case) -> None:
    narrow = in_float32(case)
    arrays = points(narrow, seed=4)
    derivatives, double = OpDerivatives(narrow), OpDerivatives(case)
    by = [(k,) for k in derivatives.floats]
    found = run_native(derivatives.graph(*by), *arrays)
    as_double = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    for part, expected in zip(found, double.values(as_double, *by), strict=True):
        assert part.dtype == np.float32
        assert_close(part, expected, 2e-5, str(narrow))


# Derivatives where careless formulas lose digits or overflow on the way: points and exact values.
SPREAD = mpmath.mpf("0.5") ** 40
EXTREMES: list[tuple[str, tuple[float, ...], Callable[..., mpmath.mpf]]] = [
    ("arcsin", (float(1 - SPREAD),), lambda x: 1 / mpmath.sqrt(1 - x * x)),
    ("arccos", (float(SPREAD - 1),), lambda x: -1 / mpmath.sqrt(1 - x * x)),
    ("arctanh", (float(1 - SPREAD),), lambda x: 1 / (1 - x * x)),
    ("arccosh", (float(1 + SPREAD),), lambda x: 1 / mpmath.sqrt(x * x - 1)),
    ("arccosh", (1e300,), lambda x: 1 / x),
    ("arcsinh", (-1e300,), lambda x: -1 / x),
    ("arctan2", (1e-200, 1e-200), lambda y, x: x / (x * x + y * y)),
    ("arctan2", (3e200, 4e200), lambda y, x: x / (x * x + y * y)),
    ("hypot", (3e300, 4e300), lambda x, y: mpmath.mpf("0.6")),
    ("hypot", (3e-300, 4e-300), lambda x, y: mpmath.mpf("0.6")),
    ("logaddexp", (1e6, 1e6 - 1), lambda x, y: 1 / (1 + mpmath.exp(y - x))),
    ("logaddexp", (-500.0, 100.0), lambda x, y: 1 / (1 + mpmath.exp(y - x))),
    ("logaddexp", (800.0, -800.0), lambda x, y: mpmath.mpf(1)),
    ("logaddexp2", (-600.0, 100.0), lambda x, y: 1 / (1 + mpmath.power(2, y - x))),
    ("log1p", (float(SPREAD - 1),), lambda x: 1 / (1 + x)),
    ("log", (1e-300,), lambda x: 1 / x),
    ("tan", (1.5707963,), lambda x: 1 / mpmath.cos(x) ** 2),
    ("cbrt", (1e-200,), lambda x: 1 / (3 * mpmath.cbrt(x) ** 2)),
    ("erf", (20.0,), lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)),
    ("sinh", (700.0,), mpmath.cosh),
    ("divide", (1e-200, 1e-150), lambda x, y: 1 / y),
    ("power", (1e-200, 2.5), lambda x, y: 2.5 * mpmath.power(x, 1.5)),
    ("power", (1e200, -0.5), lambda x, y: -0.5 * mpmath.power(x, -1.5)),
    ("ldexp", (1e300, -1000), lambda x, y: mpmath.power(2, -1000)),
]


def _label(x: object) -> str:
    """The same in every process: functions print their addresses."""
    return "" if callable(x) else str(x)[:30]


@pytest.mark.parametrize(("name", "at", "derivative"), EXTREMES, ids=_label)
def test_far_out(name: str, at: tuple[float, ...], derivative: Callable[..., mpmath.mpf]) -> None:
    case = case_of(name)
    arrays = [np.full(1, x, d.numpy) for x, d in zip(at, case.dtypes, strict=True)]
    derivatives = OpDerivatives(case, 1)
    with mpmath.workdps(60):
        expected = float(derivative(*map(mpmath.mpf, map(float, at))))
    (found,) = derivatives.values(arrays, (0,))
    np.testing.assert_allclose(found, expected, rtol=3e-13)
    for order in (2, 3) if max(at) > 0.9 else ():  # close to 0 some leave the range of floats
        assert not any(np.isnan(v).any() for v in derivatives.values(arrays, (0,) * order))


def test_constant_ops_are_those_that_are_meant() -> None:
    """The others have some derivative at the points that the tests above take."""
    constant = {
        c.op.name
        for c in WIDE
        if not any(v.any() for v in OpDerivatives(c).values(points(c), *[(k,) for k in (0,)]))
    }
    assert constant - {"select", "heaviside"} == CONSTANT
