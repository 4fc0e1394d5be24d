"""Python numbers as arguments: they stay weak, and compute among themselves as in Python."""

import operator

import numpy as np
import pytest

from support.tracing import check, run_traced

F4 = np.array([1.5, 2.5], np.float32)
I1 = np.array([1, 2], np.int8)
U8 = np.array([1, 2], np.uint64)


def test_results_of_python_arithmetic_stay_weak():
    check(lambda x, a: x * (a * 2 + 1), F4, 0.5)
    check(lambda x, n: x * (n // 2 - 1), I1, 7)
    check(lambda x, n: x * (n / 2), F4, 7)
    check(lambda x, n: x + -n + abs(n) + (+n), I1, 3)
    check(lambda x, a: x + a**2, F4, 1.5)
    check(lambda x, a, n: x * (a if n is None else a * n), F4, 1.5, 2)


def test_ufuncs_of_python_numbers_are_strong():
    check(lambda x, a: x * np.sqrt(a), F4, 2.25)
    check(lambda x, a: x * np.add(a, 1), F4, 2.25)
    check(lambda x, n: x + np.abs(n), I1, 2)
    check(lambda a: (np.sin(a), np.add(a, 1)), 0.5, rtol=1e-15)


NUMBERS = [3, -2, 2.5, -0.5, True, False]
BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.lt, operator.le, operator.eq, operator.ne, operator.and_, operator.or_, operator.xor,
    divmod,
]  # fmt: skip


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_arithmetic_between_python_numbers(function):
    for a in NUMBERS:
        for b in NUMBERS:
            try:
                function(a, b)
            except (ZeroDivisionError, TypeError):
                continue
            check(function, a, b)
            check(lambda x, b=b: function(x, b), a)
            check(lambda x, a=a: function(a, x), b)


def test_unary_operations_of_python_numbers():
    for a in NUMBERS:
        check(lambda a: (-a, +a, abs(a)), a)
        check(round, a)
    check(lambda a: (~a, a << 2, a >> 1), 5)
    check(lambda a: round(a, 1), 2.345)


def test_powers_of_python_numbers():
    check(lambda n: (n**2, n**3, n**-1, n**0.5, 2**n), 3)
    check(lambda a: (a**2, a**-1, a**0.5, 2.0**a, a**a), 1.5)


def test_python_ints_must_fit():
    check(lambda x, n: (x + n, x < n), I1, 100)
    check(lambda x, n: (x < n, x == n, n > x), I1, 1000)
    check(lambda x, n: (x < n, x > n, n == x), U8, -5)
    with pytest.raises(OverflowError, match="Python integer 300 out of bounds for int8"):
        run_traced(lambda x, n: x + n, I1, 300)
    with pytest.raises(OverflowError, match="Python integer -1 out of bounds for uint64"):
        run_traced(lambda x, n: x + n, U8, -1)
    with pytest.raises(OverflowError, match="Python integer 300 out of bounds for int8"):
        run_traced(lambda x: x + 300, I1)


def test_results_are_python_numbers():
    check(lambda a, n, b: (a, n, b, a * n, n > 2, a / 2), 1.5, 3, True)
    check(lambda x: {"constant": 3, "none": None, "text": "a", "size": x.shape[0]}, F4)


def test_numpy_scalars_are_strong():
    check(lambda x, s: x * s, F4, np.float64(2))
    check(lambda x, s: x * s, I1, np.int16(2))
    check(lambda x, s: x * s, F4, np.array(2.0))
    check(lambda s: s * 2 + 1.5, np.float32(2))
