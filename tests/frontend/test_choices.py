"""where, clip, select, rounding, closeness and dtype questions against NumPy."""

import numpy as np
import pytest

from support.tracing import check, check_all_sizes, run_traced
from tensorwright.compiler.ir.types import DType

DTYPES = [d.numpy for d in DType]
X = np.array([[-2.5, -0.0, 1.5], [np.nan, 3.5, np.inf]])
I = np.array([-3, 0, 7], np.int8)  # noqa: E741


def _have_common_dtype(a, b):
    """bfloat16 has none with some: float16, integers of 16 bits and more."""
    try:
        np.result_type(a, b)
    except TypeError:
        return False
    return True


def test_where():
    check_all_sizes(lambda x: np.where(x > 0, x, 0), X)
    check_all_sizes(lambda x, i: np.where(x > 0, i, x), X, I)
    check_all_sizes(lambda x: np.where(x[:, :1] > 0, 1, x), X)
    check_all_sizes(lambda x: np.where(x, 1.0, 2.0), X)
    check(lambda i: (np.where(i > 0, i, 300), np.where(i > 0, 1.5, i), np.where(i, 1, 2)), I)
    check(lambda i, n: np.where(i > 0, i, n), I, 5)
    check(lambda a, b: np.where(a < b, a, b), 1.5, 2)
    for a in DTYPES:
        for b in DTYPES:
            x, y = np.array([1, 2]).astype(a), np.array([3, 4]).astype(b)
            if not _have_common_dtype(a, b):
                with pytest.raises(TypeError, match="common"):
                    run_traced(np.where, np.array([True, False]), x, y)
                continue
            check(lambda c, x, y: np.where(c, x, y), np.array([True, False]), x, y)
    with pytest.raises(NotImplementedError, match="give both choices"):
        run_traced(lambda x: np.where(x > 0), X)


def test_clip():
    check_all_sizes(lambda x: (np.clip(x, -1, 2), np.clip(x, None, 1), np.clip(x, 0, None)), X)
    check_all_sizes(lambda x: (x.clip(-1, 2), x.clip(max=2), x.clip(min=0)), X)
    check_all_sizes(lambda x: np.clip(x, x[:1], 2.5), X)
    check(lambda i: (np.clip(i, -1, 300), np.clip(i, -300, 5), i.clip(-300, 300)), I)
    check(lambda i: (np.clip(i, 0.5, 2), np.clip(i, np.int64(0), 3)), I)
    check(lambda x: np.clip(x, a_min=0, a_max=1), 3.5)

    def out(x):
        y = x.copy()
        np.clip(y, 0, 1, out=y)
        return y

    check(out, X)


def test_select():
    check_all_sizes(lambda x: np.select([x > 1, x < 0], [x, -x], default=7), X)
    check_all_sizes(lambda x, i: np.select([x > 1, x < 0], [i, 5]), X, I)


def test_nan_to_num():
    check_all_sizes(lambda x: np.nan_to_num(x), X)
    check_all_sizes(lambda x: np.nan_to_num(x, nan=5, posinf=1, neginf=-1), X.astype(np.float32))
    check(lambda i: np.nan_to_num(i), I)


def test_round():
    x = np.array([0.5, 1.5, -2.675, 123.456, np.nan])
    check_all_sizes(lambda x: (np.round(x), np.round(x, 2), np.round(x, -1), x.round(1)), x)
    check_all_sizes(lambda x: (np.around(x, 1), np.fix(x), np.rint(x)), x)
    check(lambda x: np.round(x, 1), x.astype(np.float32))
    check(lambda i: (np.round(i), np.round(i, 1), np.round(i, -1)), np.array([5, 15, 27, -35]))
    check(lambda b: np.round(b), np.array([True, False]))


def test_closeness():
    y = X + 1e-9
    check_all_sizes(lambda x, y: np.isclose(x, y), X, y)
    check_all_sizes(lambda x, y: np.isclose(x, y, equal_nan=True), X, y)
    check_all_sizes(lambda x, y: (np.allclose(x, y), np.allclose(x, y, equal_nan=True)), X, y)
    check(lambda i: np.isclose(i, 7), I)
    check(lambda x: np.array_equal(x, x, equal_nan=True), X)


def test_predicates():
    check_all_sizes(lambda x: (np.isposinf(x), np.isneginf(x), np.iscomplexobj(x)), X)
    check(lambda x: (np.isrealobj(x), np.isnan(x), np.isfinite(x), np.signbit(x)), X)


def test_dtype_questions():
    def function(x, i, n):
        return (
            str(np.result_type(x, i, n)), str(np.result_type(i, n)), np.can_cast(x, np.float32),
            str(np.result_type(i, np.float32)), np.finfo(x.dtype).eps, str(np.common_type(x, i)),
            np.issubdtype(i.dtype, np.integer), np.can_cast(i, np.int16), x.dtype == np.float64,
        )  # fmt: skip

    check(function, X, I, 3)


def test_sinc_and_polynomials():
    check_all_sizes(lambda x: np.sinc(x), np.array([0.0, 0.5, 2.0]), rtol=1e-14)
    check_all_sizes(lambda x: np.polyval([1.0, -2.0, 3.0], x), np.array([0.0, 0.5, 2.0]))
