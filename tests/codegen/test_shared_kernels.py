"""Kernels that threads share: the same bits for any number of threads, of every kind of kernel."""

import numpy as np
import pytest

import tensorwright as tw
from support.same import assert_same_bits

RNG = np.random.default_rng(11)
THREADS = (1, 2, 3, 5)


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


def leaves(result):
    return [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]


def check(function, *arguments, compiled=None, rtol=1e-12):
    """All numbers of threads agree to the last bit, and with NumPy."""
    compiled = compiled or tw.jit(function)
    found = []
    for threads in THREADS:
        tw.set_num_threads(threads)
        found.append(leaves(compiled(*arguments)))
    for other in found[1:]:
        assert_same_bits(other, found[0])
    for got, expected in zip(found[0], leaves(function(*arguments)), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-9)


def is_shared(function, *arguments):
    return "@tw.parallel" in tw.jit(function).lower(*arguments).text("llvm")


def numbers(*shape, dtype="float64"):
    return RNG.normal(size=shape).astype(dtype)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def normalized(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)


def statistics(x):
    return x.sum(), np.max(x), np.argmin(x), np.any(x > 4), np.prod(np.sign(x) + 3e-9)


def rows_and_columns(x):
    return (2 * x).sum(0), x.sum(1), np.max(x, axis=0), x * 3


def row_scaled_columns(x):
    return softmax(x).sum(0), np.sum(normalized(x) * x, axis=0)


# Long enough for five threads; odd sizes, so that the last vector and the last chunk are short.
CASES = {
    "map": (lambda x: np.exp(x) * 2 - x, numbers(1_000_003)),
    "map, one vector after the other": (lambda x: 2 * x + 1, numbers(5_000_011)),
    "map of bytes": (lambda x: x + np.uint8(3), RNG.integers(0, 99, 9_000_001, np.uint8)),
    "map of float16": (lambda x: x * x, numbers(2_000_001, dtype="float16")),
    "two outputs": (lambda x: (np.sin(x), x > 0.5), numbers(700, 1001)),
    "transposed": (lambda x: np.sqrt(np.abs(x.T)) + 1, numbers(1003, 771)),
    "reversed": (lambda x: np.exp(x[::-1]), numbers(500_001)),
    "windows": (lambda x: x[1:-1, 1:-1] + x[2:, 1:-1] * x[:-2, 1:-1], numbers(1001, 1001)),
    "padded": (lambda x: np.pad(x, 2) * 2, numbers(1001, 1201)),
    "few long rows": (lambda x: np.exp(x), numbers(3, 400_003).T.copy().T),
    "sum": (np.sum, numbers(3_000_001)),
    "sum of float32": (np.sum, numbers(5_000_001, dtype="float32")),
    "sum of integers": (np.sum, RNG.integers(-9, 9, 5_000_001)),
    "statistics": (statistics, numbers(1_500_001)),
    "sum of a product": (lambda x, y: (x * y.T).sum(), numbers(1003, 901), numbers(901, 1003)),
    "sums of rows": (lambda x: x.sum(1), numbers(1003, 1301)),
    "sums of short rows": (lambda x: (x * x).sum(1), numbers(300_007, 5)),
    "sums of columns": (lambda x: np.exp(x).sum(0), numbers(1003, 771)),
    "sums of few rows": (lambda x: np.exp(x).sum(1), numbers(3, 400_003)),
    "whole softmax": (softmax, numbers(500_009)),
    "softmax": (softmax, numbers(1003, 771)),
    "softmax of few rows": (softmax, numbers(2, 500_009)),
    "normalized": (normalized, numbers(1501, 701)),
    "expensive rows": (lambda x: np.cumsum(np.exp(x), axis=1), numbers(701, 1003)),
    "running sums": (lambda x: np.cumsum(x, axis=0), numbers(703, 2003)),
    "one running sum": (np.cumsum, numbers(1_000_001)),
    "rows and columns": (rows_and_columns, numbers(3001, 307)),
    "columns of scaled rows": (row_scaled_columns, numbers(2003, 301)),
    "long columns": (lambda x: ((2 * x).sum(0), x * 3), numbers(9, 200_003)),
    "gather": (lambda x, i: np.exp(x[i]), numbers(1003, 701), RNG.integers(-1003, 1003, 2001)),
}


@pytest.mark.parametrize("name", CASES)
def test_same_bits_for_any_number_of_threads(name):
    function, *arguments = CASES[name]
    rtol = 2e-3 if arguments[0].dtype.itemsize == 2 else 2e-5 if "32" in name else 1e-10
    if name != "one running sum":
        assert is_shared(function, *arguments)
    check(function, *arguments, rtol=rtol)


@pytest.mark.parametrize(
    "function",
    [lambda x: np.exp(x) * 2, np.sum, softmax, rows_and_columns, row_scaled_columns],
    ids=["map", "sum", "softmax", "rows and columns", "columns of scaled rows"],
)
def test_sizes_that_are_not_known(function):
    compiled = tw.jit(function)
    compiled(numbers(5, 7))
    compiled(numbers(6, 8))
    for shape in [(1003, 771), (1, 1), (4001, 3), (2, 300_001), (33, 17), (70_001, 9)]:
        check(function, numbers(*shape), compiled=compiled, rtol=1e-9)


@pytest.mark.parametrize(
    "function",
    [lambda x: np.exp(x) * 2, np.sum, lambda x: ((2 * x).sum(0), x.sum(1), x * 3)],
    ids=["map", "sum", "rows and columns"],
)
def test_empty_arrays(function):
    compiled = tw.jit(function)
    compiled(numbers(300, 700))
    compiled(numbers(400, 800))
    for shape in [(0, 5), (5, 0), (0, 0)]:
        check(function, numbers(*shape), compiled=compiled)


def test_kernels_in_loops():
    x = numbers(300, 2001)

    def function(x):
        total, _ = tw.scan(lambda c, row: (np.tanh(c + row * 0.1), None), x * 0, x[:7, :1])
        return total, total.sum()

    compiled = tw.jit(function)
    results = []
    for threads in THREADS:
        tw.set_num_threads(threads)
        results.append(leaves(compiled(x)))
    for other in results[1:]:
        assert_same_bits(other, results[0])


def test_short_kernels_stay_in_one_thread():
    assert not is_shared(lambda x: x + 1, numbers(1000))
    assert not is_shared(np.sum, numbers(10_000))


def test_scatters_stay_in_one_thread():
    def function(x, i, v):
        x = x.copy()
        np.add.at(x, i, v)
        return x

    x, i = numbers(1000), RNG.integers(0, 1000, 400_001)
    check(function, x, i, numbers(400_001), rtol=1e-9)


def test_faults_in_data_are_seen_by_all_threads():
    f = tw.jit(lambda x, i: x[i] * 2)
    x, i = numbers(1000), RNG.integers(0, 1000, 2_000_001)
    for threads in THREADS:
        tw.set_num_threads(threads)
        for place in (0, 1_234_567, 2_000_000):
            wrong = i.copy()
            wrong[place] = 1000
            with pytest.raises(IndexError):
                f(x, wrong)
        f(x, i)
