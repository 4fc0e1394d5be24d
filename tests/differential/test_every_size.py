"""One program for all sizes: loops end right, wherever the last vector ends."""

import numpy as np
import pytest

import tensorwright as tw
from support.jitted import difference

RNG = np.random.default_rng(23)
SIZES = (*range(2, 40), *range(60, 70), *range(126, 132), 200, 255, 256, 257, 300)
OTHER_SIZES = (2, 3, 7, 8, 9, 16, 31, 64, 65)
DTYPES = ("f8", "f4", "i1", "i8", "?", "f2", "u2")


def numbers(shape, dtype):
    """Small whole numbers: all sums below are exact, and products stay small."""
    made = RNG.integers(-3, 4, shape)
    return np.asarray(abs(made) if dtype[0] == "u" else made > 0 if dtype == "?" else made).astype(
        dtype
    )


def maps(x):
    y = x + x
    return y, y[::-1], x[1:] * x[:-1], x[::2] + 1, np.where(x > 0, x, y), x.astype("f8") / 2


def rows(x):
    low = x.min(axis=1, keepdims=True)
    return x.sum(axis=1), x.max(axis=1), low, (x == low), x.argmax(axis=1), np.any(x, axis=1)


def columns(x):
    high = x.max(axis=0)
    return x.sum(axis=0), high, (x == high), x.argmin(axis=0), np.all(x, axis=0), x.mean(axis=0)


def everything(x):
    return x.sum(), x.max(), x.min(), x.argmax(), np.count_nonzero(x), np.any(x > 2)


def running(x):
    return np.cumsum(x, axis=1), np.cumsum(x, axis=0), np.cumsum(x)


def moved(x):
    return x.T + 1, x[:, ::-1], np.concatenate([x, x[::-1]]), np.roll(x, 1), x.T.reshape(-1)


def updated(x):
    y = x.copy()
    y[1:] += y[:-1]
    y[:, 0] = 2
    z = np.zeros_like(x)
    z[1:-1, 1:-1] = x[:-2, 1:-1] + x[2:, 1:-1]
    return y, z


FUNCTIONS_2D = (rows, columns, everything, running, moved, updated)


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors(dtype):
    functions = (maps, tw.jit(maps)), (everything, tw.jit(everything))
    for n in SIZES:
        check(functions, numbers((n,), dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrices(dtype):
    functions = [(f, tw.jit(f)) for f in FUNCTIONS_2D]
    for k, n in enumerate(SIZES):
        other = OTHER_SIZES[k % len(OTHER_SIZES)]
        check(functions, numbers((n, other), dtype))
        check(functions, numbers((other, n), dtype))


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_pairs_of_sizes(dtype):
    functions = [(f, tw.jit(f)) for f in FUNCTIONS_2D]
    for n in range(2, 150):
        for m in range(2, 70):
            check(functions, numbers((n, m), dtype))


@pytest.mark.exhaustive
@pytest.mark.parametrize("function", FUNCTIONS_2D, ids=lambda f: f.__name__)
def test_fixed_sizes(function):
    """A program of its own for each size."""
    for dtype in ("f8", "i1"):
        for n in (*range(1, 40), 63, 64, 65, 130):
            for m in (1, 2, 5, 8, 33):
                check([(function, tw.jit(function))], numbers((n, m), dtype))
                check([(function, tw.jit(function))], numbers((m, n), dtype))


def check(functions, x):
    before = x.copy()
    for function, jitted in functions:
        with np.errstate(all="ignore"):
            expected = function(x)
        wrong = difference(jitted(x), expected)
        assert not wrong, f"{function.__name__} of {x.dtype}{x.shape}: {wrong}"
    assert (x == before).all()
