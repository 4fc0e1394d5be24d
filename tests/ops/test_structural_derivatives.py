"""The derivatives of ops that are not elementwise: views, reductions, scans, products, indices.

Each case in both modes, to second order, against differences of the op's `reference`; the corners
(ties, zeros in products, empty arrays), and programs that put parts together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from support.native import run_native
from support.structural_cases import CASES, M, N, StructuralCase
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.opdef import REGISTRY, Kind
from tensorwright.compiler.pipeline import run_pipeline

STEP = 1e-6
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0, -1.0])


def inner(xs: list[np.ndarray], ys: list[np.ndarray]) -> float:
    """The sum of all products."""
    return float(sum(np.sum(x * y) for x, y in zip(xs, ys, strict=True)))


def moved(xs: list[np.ndarray], along: list[np.ndarray], step: float) -> list[np.ndarray]:
    return [x + step * d for x, d in zip(xs, along, strict=True)]


def test_every_op_has_a_case() -> None:
    # test_matrices.py has those of matrices, whose factors depend on each other
    elsewhere = (Kind.ELEMENTWISE, Kind.SOURCE, Kind.MATRIX, Kind.REGION)
    named = {op.name for op in REGISTRY if op.kind not in elsewhere} - {"custom", "barrier"}
    without_floats = {"reduce_any", "reduce_all", "argmin", "argmax", "argsort"}
    assert named - {case.name for case in CASES} == without_floats
    assert all(REGISTRY[name].derivative is None for name in without_floats)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_mode_against_differences(case: StructuralCase) -> None:
    xs, along = case.floats(), case.floats(seed=1)
    (found,) = interpret(case.forward(), case.inputs(xs, *along))
    ahead, back = (case.reference(moved(xs, along, s)) for s in (STEP, -STEP))
    np.testing.assert_allclose(found, (ahead - back) / (2 * STEP), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reverse_mode_against_forward_mode(case: StructuralCase) -> None:
    xs, along, ct = case.floats(), case.floats(seed=1), case.like_result(seed=2)
    (tangent,) = interpret(case.forward(), case.inputs(xs, *along))
    cts = interpret(case.reverse(), case.inputs(xs, ct))
    assert [c.shape for c in cts] == [x.shape for x in xs]
    np.testing.assert_allclose(inner(cts, along), inner([ct], [tangent]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_second_order(case: StructuralCase) -> None:
    """Forward over reverse against differences, reverse over reverse against it."""
    xs, along, ct = case.floats(), case.floats(seed=1), case.like_result(seed=2)
    reverse = case.reverse()
    ahead, back = (interpret(reverse, case.inputs(moved(xs, along, s), ct)) for s in (STEP, -STEP))
    found = interpret(case.second(forward=True), case.inputs(xs, ct, *along))
    for got, a, b in zip(found, ahead, back, strict=True):
        np.testing.assert_allclose(got, (a - b) / (2 * STEP), rtol=1e-6, atol=1e-7)
    weights = case.floats(seed=3)
    *twice, by_ct = interpret(case.second(forward=False), case.inputs(xs, ct, *weights))
    np.testing.assert_allclose(inner(twice, along), inner(found, weights), rtol=1e-10, atol=1e-10)
    (tangent,) = interpret(case.forward(), case.inputs(xs, *weights))
    np.testing.assert_allclose(by_ct, tangent, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("static", [True, False], ids=["static", "symbolic"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_native_code(case: StructuralCase, static: bool) -> None:
    if not static and any(isinstance(s, Dim) and s not in (N, M) for x in case.shapes for s in x):
        return  # arguments have sizes that are names
    case = case.static() if static else case
    arrays = case.inputs(case.floats())
    graph = run_pipeline(case.of_squares())
    for got, expected in zip(
        run_native(graph, *arrays), interpret(case.of_squares(), arrays), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)


# --- corners -------------------------------------------------------------------------------------


def gradient(function: Callable[..., Any], *arguments: Any) -> Any:
    return tw.grad(function)(*(np.asarray(a, np.float64) for a in arguments))


@pytest.mark.parametrize("function", [np.max, np.min])
def test_equal_extremes_share(function: Any) -> None:
    sign = 1.0 if function is np.max else -1.0
    x = sign * np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    found = gradient(lambda x: np.sum(function(x, axis=1) * np.array([1.0, 6.0])), x)
    np.testing.assert_array_equal(found, [[0, 0.5, 0.5], [2, 2, 2]])
    np.testing.assert_array_equal(gradient(function, x[0]), [0, 0.5, 0.5])


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3), (0, 1, 4)])
@pytest.mark.parametrize("function", [np.prod, lambda x: np.sum(np.cumprod(x) * WEIGHTS)])
def test_zeros_in_products(function: Any, zeros: tuple[int, ...]) -> None:
    x = np.array([0.5, -2.0, 3.0, 1.5, 0.25])
    x[list(zeros)] = 0
    expected = [  # linear in each element
        function(np.where(k == np.arange(5), 1.0, x)) - function(np.where(k == np.arange(5), 0, x))
        for k in range(5)
    ]
    np.testing.assert_allclose(gradient(function, x), expected, rtol=1e-14)
    hessian = tw.hessian(function)(x)
    assert np.isfinite(hessian).all()
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-14)
    np.testing.assert_array_equal(np.diag(hessian), 0)


def test_products_over_several_axes() -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 3, 4))
    x[0, 1, 2] = 0
    found = gradient(lambda x: np.sum(np.prod(x, axis=(0, 2)) * np.array([1.0, 2.0, 3.0])), x)
    others = np.prod(x, axis=(0, 2), keepdims=True) / np.where(x == 0, np.nan, x)
    others[0, 1, 2] = np.prod(np.delete(x[:, 1].ravel(), 2))
    np.testing.assert_allclose(found, others * np.array([1.0, 2.0, 3.0])[:, None], rtol=1e-14)


def test_what_no_window_reads_has_no_gradient() -> None:
    """The masks of a cotangent hold outside of windows: log(0) is infinite there."""
    x = np.ones((10, 9))
    x[9], x[:, 8:] = 0, 1
    found = tw.grad(lambda x: coarser(np.exp(np.log(x))))(x)
    np.testing.assert_array_equal(found[9], 0)
    np.testing.assert_allclose(found[:9], tw.grad(coarser)(x)[:9])


def test_elements_that_are_gathered_repeatedly() -> None:
    index = np.array([2, 0, 2, -1])
    found = gradient(lambda x: np.sum(x[index] * np.arange(4.0)), np.zeros(3))
    np.testing.assert_array_equal(found, [1, 0, 0 + 2 + 3])
    with pytest.raises(IndexError):
        tw.grad(lambda x, i: np.sum(x[i] ** 2))(np.zeros(3), np.array([0, 3]))


def test_empty_arrays() -> None:
    def loss(x: Any) -> Any:
        parts = np.concatenate([x, x[:0]])
        return np.sum(parts) + np.sum(np.cumprod(x)) + np.prod(x) + np.sum(np.outer(x, x) @ x)

    assert gradient(loss, np.zeros(0)).shape == (0,)


# --- programs ------------------------------------------------------------------------------------


def stencil(u: Any) -> Any:
    """A step of the heat equation, the rim kept."""
    new = u.copy()
    new[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])
    return new


def steps(u: Any) -> Any:
    for _ in range(3):
        u = stencil(u)
    return np.sum(u**2)


def picks(x: Any) -> Any:
    return sum((k + 1.0) * np.sum(x[k] ** 2) for k in range(0, x.shape[0], 3))


def pieces(x: Any) -> Any:
    a, b, c = np.split(x, [2, 5])
    return np.sum(a**2) * np.sum(b**3) + np.sum(c)


def rows(x: Any) -> Any:
    return sum(np.sum(row ** (k + 1)) for k, row in enumerate(x))


def smoothed(x: Any) -> Any:
    return np.sum(np.convolve(x, np.array([0.25, 0.5, 0.25]), "same") ** 2)


def wide_windows(x: Any) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, 40)
    return np.sum(np.sum(windows**2, axis=-1) * np.arange(windows.shape[0]))


def reordered(x: Any) -> Any:
    return np.sum(x[::-1, ::2] * x[:, 1::2]) + np.trace(x[:, :3] @ x[:, -3:].T)


def coarser(x: Any) -> Any:
    """The mean of windows of 3 by 3 in steps of 2, and the last row left out."""
    parts = [x[i : 7 + i : 2, j : 7 + j : 2] for i in range(3) for j in range(3)]
    return np.sum(np.log(sum(parts) / 9.0) ** 2)


def every_third(x: Any) -> Any:
    return np.sum(x[::3] ** 2) + np.sum(x[1::3] ** 3)


PROGRAMS = {
    "coarser": (coarser, (10, 9)),
    "every_third": (every_third, (11, 2)),
    "steps": (steps, (7, 9)),
    "picks": (picks, (10, 4)),
    "pieces": (pieces, (9,)),
    "rows": (rows, (4, 5)),
    "smoothed": (smoothed, (11,)),
    "windows": (wide_windows, (60,)),
    "reordered": (reordered, (4, 6)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    function, shape = PROGRAMS[name]
    rng = np.random.default_rng(3)
    x, along = rng.uniform(0.2, 1.2, shape), rng.standard_normal(shape)
    found = np.sum(tw.grad(function)(x) * along)
    slope = (function(x + STEP * along) - function(x - STEP * along)) / (2 * STEP)
    np.testing.assert_allclose(found, slope, rtol=1e-6)
    np.testing.assert_allclose(found, tw.jvp(function, (x,), (along,))[1], rtol=1e-12)


SYMBOLIC = {
    "steps": lambda n: np.random.default_rng(n).uniform(0.2, 1.2, (n, n + 2)),
    "smoothed": lambda n: np.random.default_rng(n).uniform(0.2, 1.2, n),
    "products": lambda n: np.random.default_rng(n).uniform(0.2, 1.2, (3, n)),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_sizes_that_change(name: str) -> None:
    """A second size compiles once more, and then any size is served."""
    traces = 0

    def function(x: Any) -> Any:
        nonlocal traces
        traces += 1
        if name == "products":
            order = np.diagonal(x[:, :3]) + np.max(x, axis=1)
            return np.sum(np.prod(x, axis=1) * order) + np.sum(np.cumprod(x, axis=1)[:, ::2])
        return PROGRAMS[name][0](x)

    jitted = tw.grad(function)
    for count, n in enumerate((6, 9, 7, 12), start=1):
        x = SYMBOLIC[name](n)
        before = traces
        found = jitted(x)
        assert (traces > before) == (count <= 2)
        np.testing.assert_allclose(found, tw.grad(function)(x), rtol=1e-13)
