"""Reductions and running sums against NumPy, over dtypes and arguments."""

import numpy as np
import pytest

from support.tracing import check, check_all_sizes
from tensorwright.compiler.ir.types import DType

# Means of nothing, and divisions by a count of 0
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DTYPES = [d.numpy for d in DType]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 2))
N = X.copy()
N[0, 1, 0] = N[2, :, 1] = np.nan
MASK = X > 0
ARGUMENTS = [{}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": 1, "keepdims": True}]
ARGUMENTS += [{"keepdims": True}, {"axis": ()}]
RTOL = {"E": 2e-2, "e": 2e-3, "f": 1e-6, "d": 1e-13}

WITH_AXES = [
    np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std, np.any, np.all, np.ptp,
    np.amax, np.amin, np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd,
]  # fmt: skip


@pytest.mark.parametrize("function", WITH_AXES, ids=lambda f: f.__name__)
def test_axes(function):
    x = N if function.__name__.startswith("nan") else X
    for arguments in ARGUMENTS:
        if arguments == {"axis": ()} and function.__name__ in ("ptp", "nanvar", "nanstd"):
            continue
        check_all_sizes(lambda x, a=arguments: function(x, **a), x, rtol=1e-13)


@pytest.mark.parametrize("function", WITH_AXES, ids=lambda f: f.__name__)
def test_dtypes(function):
    for dtype in DTYPES:
        x = RNG.integers(0, 5, (3, 4)).astype(dtype)
        if dtype.kind == "b" and function is np.ptp:
            continue
        rtol = RTOL.get(np.asarray(function(x)).dtype.char, 0)
        check(lambda x: function(x, axis=0), x, rtol=rtol)
        check(lambda x: function(x), x, rtol=rtol)


@pytest.mark.parametrize("function", [np.sum, np.prod, np.mean, np.var, np.std])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_dtype_argument(function, dtype):
    if dtype is np.int64 and function not in (np.sum, np.prod):
        return
    for source in (np.float32, np.int32, bool):
        x = RNG.integers(0, 5, (3, 4)).astype(source)
        check(lambda x: function(x, axis=1, dtype=dtype), x, rtol=1e-6)


def test_methods():
    check_all_sizes(
        lambda x: (
            x.sum(), x.sum(0), x.sum(axis=1, keepdims=True), x.prod(1), x.mean(), x.mean(-1),
            x.var(), x.std(axis=0), x.max(), x.min(0), x.argmax(), x.argmin(1), x.any(), x.all(0),
            x.cumsum(), x.cumsum(1), x.cumprod(0),
        ),
        X, rtol=1e-13,
    )  # fmt: skip


def test_initial_and_where():
    check_all_sizes(lambda x, m: np.sum(x, where=m), X, MASK, rtol=1e-13)
    check_all_sizes(lambda x, m: np.sum(x, axis=1, initial=3, where=m), X, MASK, rtol=1e-13)
    check_all_sizes(lambda x, m: np.prod(x, axis=1, initial=2.0, where=m), X, MASK, rtol=1e-13)
    check_all_sizes(lambda x, m: np.max(x, axis=1, initial=0.1, where=m), X, MASK)
    check_all_sizes(lambda x: np.min(x, initial=-7), X)
    check_all_sizes(lambda x, m: np.mean(x, axis=0, where=m), X, MASK, rtol=1e-13)
    check_all_sizes(lambda x, m: np.var(x, axis=1, where=m), X, MASK, rtol=1e-13)
    check_all_sizes(lambda x, m: (np.any(x, where=m), np.all(x, axis=1, where=m)), X, MASK)


def test_ddof():
    check_all_sizes(lambda x: (np.var(x, ddof=1), np.std(x, 1, ddof=2)), X, rtol=1e-13)
    check_all_sizes(lambda x: np.var(x, axis=0, correction=1), X, rtol=1e-13)
    check_all_sizes(lambda x: np.var(x[:1], axis=0, ddof=2), X)
    check_all_sizes(lambda x: np.nanvar(x, axis=1, ddof=1), N, rtol=1e-13)
    mean = X.mean(axis=1, keepdims=True)
    check(lambda x, m: np.var(x, axis=1, mean=m), X, mean, rtol=1e-13)


def test_positions():
    x = np.array([[3.0, np.nan, 1.0], [3.0, 1.0, 1.0]])
    for function in (np.argmax, np.argmin):
        check_all_sizes(lambda x, f=function: (f(x), f(x, 0), f(x, axis=1, keepdims=True)), x)
        check(lambda x, f=function: f(x, axis=-1), np.array([[True, False], [False, True]]))
    check(lambda x: np.argmax(x), np.float64(3.0))


def test_average():
    check_all_sizes(lambda x: np.average(x), X, rtol=1e-13)
    check_all_sizes(lambda x: np.average(x, axis=1), X, rtol=1e-13)
    check_all_sizes(lambda x, w: np.average(x, axis=2, weights=w), X, np.ones(2), rtol=1e-13)
    check_all_sizes(lambda x: np.average(x, weights=x * x), X, rtol=1e-13)
    check_all_sizes(lambda x: np.average(x, axis=0, weights=x * x, returned=True), X, rtol=1e-13)
    check(lambda x, w: np.average(x, 0, w), np.arange(3), np.arange(3), rtol=1e-13)


def test_count_nonzero():
    check_all_sizes(lambda x, m: (np.count_nonzero(m), np.count_nonzero(x, axis=1)), X, MASK)


def test_running_sums():
    for function in (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod):
        x = N if function.__name__.startswith("nan") else X
        check_all_sizes(lambda x, f=function: (f(x), f(x, axis=1), f(x, 0)), x, rtol=1e-13)
        for dtype in DTYPES:
            check(lambda x, f=function: f(x), np.array([1, 2, 3]).astype(dtype), rtol=1e-3)


def test_empty():
    empty = np.zeros((0, 3))
    check(lambda x: (np.sum(x), np.sum(x, 0), np.prod(x, 1), np.any(x), np.all(x, 0)), empty)
    check(lambda x: (np.sum(x, 1), np.max(x, axis=1), np.mean(x)), empty)
    check(lambda x: np.max(x, axis=0, initial=2), empty)
    with pytest.raises(ValueError, match="zero-size array to reduction operation maximum"):
        check(np.max, empty)
        np.max(empty)


def test_out():
    def function(x):
        out = np.zeros(4, np.float32)
        same = np.sum(x, axis=0, out=out)
        np.max(x, 0, out)
        return out, same

    check_all_sizes(function, np.arange(12, dtype=np.float32).reshape(3, 4))


def test_scalars():
    check(lambda x: (np.sum(x), np.mean(x), np.max(x), np.any(x), np.var(x)), np.float32(2.5))
    check(lambda x: (np.sum(x), np.prod(x), np.max(x), np.cumsum(x)), 3)
    check(lambda x: (np.sum(x), np.mean(x)), np.array(2.5))


def test_diff_and_trapezoid():
    check_all_sizes(lambda x: (np.diff(x), np.diff(x, n=2, axis=1), np.diff(x, axis=0)), X)
    check_all_sizes(lambda x: np.diff(x, prepend=0, append=x[:, :, -1:]), X)
    check(np.diff, np.array([True, False, False]))
    check(np.diff, np.array([3, 1, 7], np.uint8))
    check_all_sizes(lambda x: np.trapezoid(x), X, rtol=1e-13)
    check_all_sizes(lambda x: np.trapezoid(x, dx=0.5, axis=0), X, rtol=1e-13)
    check_all_sizes(
        lambda y, x: np.trapezoid(y, x, axis=1), X, np.array([0.0, 1, 3, 4]), rtol=1e-13
    )
