"""Sliding windows, edited arrays and look-ups against NumPy."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from support.tracing import check, check_all_sizes, graph_of, run_traced

M = np.arange(12.0).reshape(3, 4) ** 2
V = np.array([3.0, 1.0, 4.0, 1.5, -5.0, 9.0, 2.0])
K = np.array([0.5, -1.0, 2.0])

CASES = {
    "windows": (lambda v: sliding_window_view(v, 3), V),
    "windows_2d": (lambda m: sliding_window_view(m, (2, 3)), M),
    "windows_axis": (lambda m: sliding_window_view(m, 2, axis=0).sum(axis=-1), M),
    "windows_twice": (lambda m: sliding_window_view(m, (2, 2), axis=(1, 1)), M),
    "blur": (lambda m: np.einsum("ijkl,kl->ij", sliding_window_view(m, (2, 2)), M[:2, :2]), M),
    "convolve": (lambda v, k: np.convolve(v, k), V, K),
    "convolve_modes": (lambda v, k: [np.convolve(v, k, m) for m in ("same", "valid")], V, K),
    "convolve_even": (lambda v: [np.convolve(v, v[:2], m) for m in ("full", "same", "valid")], V),
    "convolve_swapped": (lambda v, k: np.convolve(k, v, "same"), V, K),
    "correlate": (lambda v, k: [np.correlate(v, k, m) for m in ("full", "same", "valid")], V, K),
    "gradient": (lambda v: (np.gradient(v), np.gradient(v, 0.5), np.gradient(v, edge_order=2)), V),
    "gradient_2d": (lambda m: (np.gradient(m), np.gradient(m, 2, axis=1)), M),
    "ediff1d": (lambda m: np.ediff1d(m, to_begin=0, to_end=[1.5, 2.0]), M),
    "unwrap": (lambda v: (np.unwrap(v * 2), np.unwrap(v, period=3)), V),
    "insert": (lambda v: (np.insert(v, 1, 9), np.insert(v, [1, 1, -1], [7, 8, 9])), V),
    "insert_rows": (lambda m: (np.insert(m, 1, 5, axis=0), np.insert(m, 1, m[:, 0], axis=1)), M),
    "insert_several": (lambda m: np.insert(m, [0, 2], m[:, :2] * 2, axis=1), M),
    "insert_slice": (lambda v: np.insert(v, slice(1, 4), -1), V),
    "delete": (lambda v: (np.delete(v, 1), np.delete(v, [0, -1]), np.delete(v, slice(1, 5, 2))), V),
    "delete_rows": (lambda m: (np.delete(m, 1, axis=0), np.delete(m, 2)), M),
    "resize": (lambda v: (np.resize(v, 3), np.resize(v, (3, 5))), V),
    "block": (lambda m, v: np.block([[m, m], [v[:4], v[3:]]]), M, V),
    "block_mixed": (lambda m: np.block([m[:, :1], np.zeros((3, 2)), m]), M),
    "piecewise": (lambda v: np.piecewise(v, [v < 0, v > 3], [lambda x: -x, 7]), V),
    "piecewise_default": (lambda v: np.piecewise(v, [v < 0, v > 3], [0, lambda x: x * 2, 1.5]), V),
    "vander": (lambda v: (np.vander(v), np.vander(v, 3, increasing=True)), V),
    "searchsorted": (lambda m, v: np.searchsorted(m.ravel(), v), M, V),
    "searchsorted_right": (lambda m, v: m.ravel().searchsorted(v, side="right"), M, V),
    "digitize": (lambda v: (np.digitize(v, [0, 2, 4]), np.digitize(v, [4, 2, 1.5], True)), V),
    "interp": (lambda v: np.interp(v, [0.0, 1.0, 3.0], [10.0, 20.0, 0.0]), V),
    "interp_sides": (lambda v: np.interp(v, [0, 2], [1, 5], left=-1, right=np.nan), V),
    "isin": (lambda v: (np.isin(v, [1, 9]), np.isin(v, [2], invert=True)), V),
    "cov": (lambda m, v: (np.cov(m), np.cov(v), np.cov(m, rowvar=False), np.cov(m, ddof=0)), M, V),
    "cov_two": (lambda v: np.cov(v, v * v, bias=True), V),
    "corrcoef": (lambda m, v: (np.corrcoef(m), np.corrcoef(v, v * v), np.corrcoef(v)), M, V),
    "matrix_power": (lambda m: [np.linalg.matrix_power(m[:, :3], n) for n in (0, 1, 2, 5)], M / 9),
    "multi_dot": (lambda m, v: np.linalg.multi_dot([v[:3], m, m.T, v[:3]]), M, V),
    "multi_dot_matrices": (lambda m: np.linalg.multi_dot([m, m.T, m]), M),
    "array_api": (
        lambda m, v: (
            np.linalg.outer(v, v), np.linalg.diagonal(m), np.linalg.trace(m),
            np.linalg.matmul(m.T, m), np.linalg.vector_norm(m), np.linalg.matrix_norm(m),
            np.linalg.vecdot(m, m),
            np.linalg.vector_norm(m, axis=1, ord=1, keepdims=True),
        ),
        M, V,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_function(name):
    function, *args = CASES[name]
    check_all_sizes(function, *args, rtol=1e-12)


def fill_diagonal(m):
    y = m.copy()
    np.fill_diagonal(y, 7)
    z = m.T.copy()
    np.fill_diagonal(z, m[:, 0], wrap=True)
    return y, z


def put_along_axis(m):
    y = m.copy()
    np.put_along_axis(y, np.array([[1], [0], [3]]), -1, axis=1)
    np.put_along_axis(y, np.argmax(y, axis=0, keepdims=True), 0, axis=0)
    return y


def putmask(m):
    y = m.copy()
    np.putmask(y, m > 9, -m)
    return y


@pytest.mark.parametrize("function", [fill_diagonal, put_along_axis, putmask])
def test_assigning_functions(function):
    check_all_sizes(function, M)


def test_nan_order():
    table = np.array([1.0, 2.0, np.nan])
    for side in ("left", "right"):
        check(lambda t, x, s=side: np.searchsorted(t, x, side=s), table, np.array([np.nan, 1, 5]))


def test_integers():
    check_all_sizes(lambda v: (np.convolve(v, [1, 2]), np.correlate(v, v)), np.arange(5))
    check_all_sizes(lambda v: np.gradient(v), np.arange(5) ** 2)


def test_windows_keep_symbolic_sizes():
    graph = graph_of(lambda v: sliding_window_view(v, 3).mean(axis=-1), V, symbolic="equal")
    assert str(graph.outputs[0].type) == "f64[n7 - 2]"


def test_errors():
    with pytest.raises(ValueError, match="window shape cannot be larger"):
        run_traced(lambda v: sliding_window_view(v, 9), V)
    with pytest.raises(NotImplementedError, match="windows would change several elements"):
        run_traced(lambda v: sliding_window_view(v, 2).__setitem__(0, 1), V)
    with pytest.raises(IndexError, match="out of bounds"):
        run_traced(lambda v: np.insert(v, 9, 1), V)
    with pytest.raises(NotImplementedError, match="the bins must be known"):
        run_traced(lambda v: np.digitize(v, v), V)
