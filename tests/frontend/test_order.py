"""Sorted arrays, partitions, medians and quantiles: against NumPy, with derivatives and batched."""

import numpy as np
import pytest

import tensorwright as tw
from support.tracing import check, check_all_sizes, graph_of, message, run_traced

RNG = np.random.default_rng(5)
M = RNG.normal(size=(4, 5, 6))
WITH_NAN = M.copy()
WITH_NAN[0, 1, 2] = WITH_NAN[1] = np.nan
WITH_NAN[2, 2] = [np.inf, -0.0, 0.0, 1, 1, 0]
WITH_NAN[3, 3, 3] = -np.inf
WHOLE = RNG.integers(-4, 5, (4, 5, 6))
ARRAYS = {
    "f8": M, "nan": WITH_NAN, "f4": WITH_NAN.astype("f4"), "f2": WITH_NAN.astype("f2"),
    "i8": WHOLE, "u1": abs(WHOLE).astype("u1"), "b": WHOLE > 0,
}  # fmt: skip
AXES = (-1, 0, 1, None)
REDUCED = (None, 0, -1, (0, 2), (1,))

# of NumPy itself, for the rows of NaN
pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice", "ignore:Mean of empty")


@pytest.mark.parametrize("name", ARRAYS)
def test_sorts(name):
    x = ARRAYS[name]
    for axis in AXES:
        check_all_sizes(lambda x, a=axis: np.sort(x, a, kind="stable"), x)
        check_all_sizes(lambda x, a=axis: x.argsort(a, stable=True), x)
    check(lambda x: np.lexsort((x[0], x[1])), x)
    check(lambda x: np.lexsort(x, axis=0), x)


def test_kinds_are_the_same():
    for kind in (None, "quicksort", "heapsort", "mergesort", "stable"):
        check(lambda x, k=kind: (np.sort(x, kind=k), np.sort(x, axis=0, stable=True)), M)


def test_small_axes():
    empty, one = np.zeros((3, 0)), np.zeros((3, 1))
    for x in (empty, one, np.zeros((0, 3))):
        check(lambda x: (np.sort(x), np.argsort(x), np.sort(x, 0), np.sort(x, None)), x)
    check(lambda x: (np.argsort(x[0]), np.sort(x[:1])), np.array([3.0, 1.0]))


def test_methods_write_in_place():
    def function(x):
        y = x.copy()
        y[1:3].sort(axis=0)
        z = x[0].copy()
        z.sort(axis=0)
        z[2].partition(3)
        return y, z

    check_all_sizes(function, M)


def test_compiled():
    """All the way, for changing sizes."""

    @tw.jit
    def function(x):
        order = np.argsort(x, kind="stable")
        return np.sort(x * 2, axis=0), order, np.median(x, axis=1), x.max()

    for size in (3, 50, 7, 1):
        x = RNG.normal(size=(size, 2 * size)).round(1)
        for got, wanted in zip(function(x), function.__wrapped__(x), strict=True):
            np.testing.assert_allclose(got, np.asarray(wanted), rtol=1e-15)
    ties = np.array([2.0, 1.0, 2.0, 1.0] * 50)
    order = tw.jit(lambda x: np.argsort(x, kind="stable"))(ties)
    np.testing.assert_array_equal(order, np.argsort(ties, kind="stable"))


# --- partitions --------------------------------------------------------------------------------


def test_partitions():
    for kth in (0, 2, -1, [1, 3], np.array([0])):
        found, places = run_traced(
            lambda x, k=kth: (np.partition(x, k, axis=1), x.argpartition(k, axis=1)), M
        )
        wanted = np.partition(M, kth, axis=1)
        np.testing.assert_array_equal(found[:, kth], wanted[:, kth])
        np.testing.assert_array_equal(np.take_along_axis(M, places, 1)[:, kth], wanted[:, kth])


# --- medians and quantiles ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
def test_medians(name):
    for axis in REDUCED:
        for function in (np.median, np.nanmedian):
            check_all_sizes(lambda x, f=function, a=axis: f(x, axis=a), ARRAYS[name])
            check(lambda x, f=function, a=axis: f(x, a, keepdims=True), ARRAYS[name])


def test_median_of_odd_and_even_sizes():
    for size in (1, 2, 3, 4):
        check_all_sizes(lambda x: (np.median(x), np.nanmedian(x)), M[0, 0, :size])
    huge = np.full(3, 1.5e308)
    check_all_sizes(lambda x: (np.median(x), np.nanmedian(x)), huge)
    empty = np.zeros((0, 3))
    check(lambda x: (np.median(x), np.nanmedian(x), np.median(x, axis=0)), empty)
    check(lambda x: (np.nanquantile(x, 0.5), np.nanquantile(x, [0.5, 1], axis=0)), empty)


QUANTILES = (0.3, 0, 1.0, np.array([0.25, 0.9]), [0.5], np.array([0, 1]))


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", [n for n in ARRAYS if n != "b"])
def test_quantiles(name, method):
    for k, q in enumerate(QUANTILES):
        axis, keep = REDUCED[k % len(REDUCED)], k % 2 == 0
        for function in (np.quantile, np.nanquantile):

            def quantile(x, f=function, q=q, a=axis, keep=keep):
                return f(x, q, axis=a, method=method, keepdims=keep)

            check(quantile, ARRAYS[name])
            check(quantile, ARRAYS[name], symbolic="equal")


def test_percentiles():
    for x in (M, WITH_NAN, WHOLE, WITH_NAN.astype("f4")):
        check_all_sizes(lambda x: np.percentile(x, 37, axis=1), x)
        check_all_sizes(lambda x: np.nanpercentile(x, [5, 95.5], axis=0), x)
    check(lambda x: np.quantile(x, [[0.1, 0.2], [0.3, 1]], axis=1, keepdims=True), M)
    check(lambda x: np.quantile(x, np.float32(0.7), axis=1), M)


def test_out():
    def function(x):
        out = np.empty(6)
        np.median(x[0], axis=0, out=out)
        again = np.empty((2, 6), np.float32)
        return out, np.quantile(x[0], [0.1, 0.6], axis=0, out=again)

    check(function, M)


# --- derivatives and batching ------------------------------------------------------------------

SMOOTH = {
    "sort": lambda x: np.sum(np.sort(x, axis=0) * np.arange(1.0, 5)[:, None]),
    "take": lambda x: np.sum(np.take_along_axis(x, np.argsort(x), 1) ** 2 * np.arange(6)),
    "median": lambda x: np.sum(np.median(x, axis=1) ** 2) + np.median(x) + np.nanmedian(x[0]),
    "quantile": lambda x: np.sum(np.quantile(x, [0.2, 0.7], axis=0) ** 3),
    "nanquantile": lambda x: np.nanpercentile(x, 33.0) ** 2,
    "largest": lambda x: np.sum(np.partition(x, -2, axis=1)[:, -2:] ** 2),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    function, x = SMOOTH[name], M[:, 0]
    found = tw.jit(tw.grad(function))(x)
    wanted = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        wanted[place] = (function(x + step) - function(x - step)) / 2e-6
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def test_forward_mode():
    tangent = RNG.normal(size=(5, 6))
    _, found = tw.jvp(lambda x: np.sort(x, axis=0), (M[0],), (tangent,))
    np.testing.assert_array_equal(found, np.take_along_axis(tangent, np.argsort(M[0], 0), 0))


def test_gradient_is_kept_from_nan():
    x = np.array([1.0, np.nan, 3.0, 2.0])
    found = tw.grad(lambda x: np.nanmedian(x))(x)
    np.testing.assert_array_equal(found, [0, 0, 0, 1])


def test_batched():
    for function in (np.sort, np.argsort, np.median, lambda x: np.quantile(x, [0.1, 0.5], axis=0)):
        for axis in (0, 2):
            found = tw.jit(tw.vmap(function, in_axes=axis))(M)
            wanted = np.stack([function(part) for part in np.moveaxis(M, axis, 0)])
            np.testing.assert_allclose(found, wanted, rtol=1e-15)


# --- refusals ----------------------------------------------------------------------------------

REFUSED = {
    "kind": (lambda x: np.sort(x, kind="best"), ValueError, "sort kind must be one of"),
    "both": (lambda x: np.sort(x, kind="stable", stable=True), ValueError, "at the same time"),
    "order": (lambda x: x.argsort(order="a"), ValueError, "Cannot specify order"),
    "axis": (lambda x: np.sort(x, 3), np.exceptions.AxisError, "axis 3 is out of bounds"),
    "scalar": (lambda x: np.sort(x[0, 0, 0]), np.exceptions.AxisError, "axis -1 is out of bounds"),
    "kth": (lambda x: np.partition(x, 9), ValueError, r"kth\(=9\) out of bounds \(6\)"),
    "keys": (lambda x: np.lexsort((x[0], x[0, 0])), ValueError, "need to be the same shape"),
    "q": (lambda x: np.quantile(x, 1.5), ValueError, r"in the range \[0, 1\]"),
    "percent": (lambda x: np.percentile(x, -1), ValueError, r"in the range \[0, 100\]"),
    "method": (lambda x: np.quantile(x, 0.5, method="best"), ValueError, "not a valid method"),
    "empty": (lambda x: np.quantile(x[:0], 0.5), IndexError, "out of bounds for axis 0"),
    "deep q": (lambda x: np.nanquantile(x, [[0.5]]), ValueError, "q must be a scalar or 1d"),
    "bool": (lambda x: np.quantile(x > 0, 0.5), TypeError, "numpy boolean subtract"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_numpy_does(name):
    function, error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        run_traced(function, M)


def test_unsupported():
    text = message(lambda x: np.quantile(x, x[0, 0, 0]), M)
    assert text.startswith("np.quantile: q must be known while tracing")
    assert "hint:     pass q as a static argument, or index the sorted array" in text
    text = message(lambda x: np.quantile(x, 0.5, method="hazen"), M)
    assert text.startswith("np.quantile with method='hazen' is not supported on traced arrays")
    assert "expected: linear, midpoint, lower, higher, nearest" in text
    text = message(lambda x: np.percentile(x, 5, method="inverted_cdf", weights=x), M)
    assert text.startswith("np.percentile with weights is not supported on traced arrays")


def test_one_op():
    """A median is one sort, and reads no more than two of its columns."""
    ops = [node.op.name for node in graph_of(lambda x: np.median(x, axis=1), M).nodes]
    assert ops.count("sort") == 1 and "argsort" not in ops
