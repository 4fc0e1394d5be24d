"""Ufuncs against NumPy: every dtype, weak Python numbers, and the errors for what has no loop."""

import itertools
import operator

import numpy as np
import pytest
import scipy.special

from support.tracing import check, check_all_sizes, run_traced
from tensorwright.compiler.ir.types import DType

DTYPES = [d.numpy for d in DType]
ARRAYS = {d: np.array([1, 0, 3, 2]).astype(d) for d in DTYPES}
OTHERS = {d: np.array([2, 1, 1, 3]).astype(d) for d in DTYPES}
# Python numbers and 0-d operands that meet an array: (how they are passed)
WEAK = [2, 1.5, True, np.float32(1.5), np.int64(2), np.array(2, np.int8), np.array(1.5)]

UNSUPPORTED = {"isnat", "matmul", "matvec", "vecdot", "vecmat"}
UFUNCS = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc)}
UFUNCS = {name: f for name, f in UFUNCS.items() if name not in UNSUPPORTED}
UNARY = sorted(name for name, f in UFUNCS.items() if f.nin == 1)
BINARY = sorted(name for name, f in UFUNCS.items() if f.nin == 2)

# Ours and NumPy's differ in the last bits of functions that are not exactly rounded.
TOLERANCE = {
    DType.BF16.numpy: 8e-3,
    np.dtype(np.float16): 2e-3,
    np.dtype(np.float32): 1e-6,
    np.dtype(np.float64): 1e-14,
}


# Ops that the compiler does not have for an element type.
MISSING = {(name, char) for name in ("spacing", "nextafter") for char in "eE"}


def compare(function, *args):
    """Equal results, or errors on both sides."""
    try:
        with np.errstate(all="ignore"):
            expected = function(*args)
    except (TypeError, ValueError, OverflowError) as error:
        with pytest.raises(
            type(error) if type(error) in (ValueError, OverflowError) else TypeError
        ):
            run_traced(function, *args)
        return
    first = expected[0] if isinstance(expected, tuple) else expected
    if (
        first.dtype not in DTYPES
        or (getattr(function, "__name__", ""), first.dtype.char) in MISSING
    ):
        with pytest.raises(TypeError):
            run_traced(function, *args)
        return
    check(function, *args, rtol=TOLERANCE.get(first.dtype, 0))


def named(name, function):
    function.__name__ = name
    return function


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    for dtype in DTYPES:
        compare(UFUNCS[name], ARRAYS[dtype])
    for number in WEAK[:5]:
        compare(UFUNCS[name], number)


@pytest.mark.parametrize("name", BINARY)
def test_binary_dtypes(name):
    for a, b in itertools.product(DTYPES, DTYPES):
        compare(UFUNCS[name], ARRAYS[a], OTHERS[b])


@pytest.mark.parametrize("name", BINARY)
def test_binary_with_weak_operands(name):
    ufunc = UFUNCS[name]
    for dtype in DTYPES:
        for number in WEAK:
            compare(ufunc, ARRAYS[dtype], number)
            compare(ufunc, number, OTHERS[dtype])
            if not isinstance(number, np.ndarray):  # an argument above, a constant here
                compare(named(name, lambda x, n=number: ufunc(x, n)), ARRAYS[dtype])
                compare(named(name, lambda x, n=number: ufunc(n, x)), OTHERS[dtype])


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, divmod,
]  # fmt: skip


@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
def test_operators(function):
    for dtype in DTYPES:
        compare(function, ARRAYS[dtype], OTHERS[dtype])
        for number in WEAK:
            # NumPy takes the value 2, which is not known here, for another result dtype
            if not (function is operator.pow and dtype.kind == "b" and number is WEAK[0]):
                compare(function, ARRAYS[dtype], number)
            compare(function, number, OTHERS[dtype])


@pytest.mark.parametrize("function", [operator.neg, operator.pos, operator.invert, abs, round])
def test_unary_operators(function):
    for dtype in DTYPES:
        if function is not round:
            compare(function, ARRAYS[dtype])


@pytest.mark.parametrize("exponent", [2, 0.5, 1, -1, 0, 3, 2.0, -1.0, 1.0, np.float32(0.5), -2])
def test_constant_powers(exponent):
    edges = [-np.inf, -2.0, -0.0, 0.0, 0.25, 3.0, np.inf, np.nan]
    for dtype in (np.float32, np.float64):
        x = np.array(edges, dtype)
        compare(lambda x: x**exponent, x)
        compare(lambda x: np.power(x, exponent), x)
        # without -inf and -0, where NumPy's scalars differ from its 0-d arrays in the square root
        compare(lambda x: x[1] ** exponent, x)
        compare(lambda x: x[5] ** exponent, x)
    for dtype in (np.int8, np.int64, np.uint16):
        compare(lambda x: x**exponent, np.array([1, 2, 3], dtype))


SCIPY = [
    "erf", "erfc", "expit", "log_expit", "logit", "xlogy", "xlog1py", "entr", "rel_entr", "log1p",
    "expm1", "exp2", "exp10", "cbrt",
]  # fmt: skip
EDGES = np.array([0.25, 0.5, 0.75, 0.0, 1.0, -0.5, 2.5, 40.0, -40.0, np.inf, -np.inf, np.nan])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SCIPY)
def test_scipy_ufuncs(name):
    ufunc = getattr(scipy.special, name)
    x, y = np.repeat(EDGES, EDGES.size), np.tile(EDGES, EDGES.size)
    operands = (x, y)[: ufunc.nin]
    compare(ufunc, *operands)
    compare(ufunc, *(v.astype(np.float32) for v in operands))
    compare(ufunc, *(np.arange(4),) * ufunc.nin)
    compare(ufunc, *(0.25,) * ufunc.nin)


def test_scipy_ufuncs_without_a_traced_form_are_named():
    with pytest.raises(NotImplementedError, match=r"scipy\.special\.gammaln is not supported"):
        run_traced(scipy.special.gammaln, EDGES)


def test_comparison_with_integers_out_of_range():
    for dtype in DTYPES[1:9]:
        x = ARRAYS[dtype]
        for relation in OPERATORS[12:18]:
            for number in (300, -1, 2**40, -(2**40), 2**62):
                check(lambda x, r=relation, n=number: (r(x, n), r(n, x)), x)
                check(relation, x, number)
                check(relation, number, x)
    check(lambda x: (x < 2**70, x > -(2**70)), ARRAYS[np.dtype(np.int64)])


def test_out():
    def function(x, y):
        out = np.empty_like(x)
        same = np.add(x, y, out=out)
        np.multiply(out, 2, out)
        parts = np.modf(y, out=(np.empty_like(y), None))
        return out, same, parts

    x = np.array([1.5, 2.25])
    check_all_sizes(function, x, x)


def test_out_is_cast():
    def function(x):
        out = np.zeros(2, np.float32)
        np.add(x, x, out=out)
        return out

    check(function, np.array([1.5, 2.25]))


def test_where_with_out():
    def function(x):
        out = np.zeros_like(x)
        np.sqrt(x, out=out, where=x > 0)
        return out

    check_all_sizes(function, np.array([4.0, -1.0, 9.0]))


def test_dtype_argument():
    x = np.array([1, 2, 3])
    check(lambda x: np.add(x, x, dtype=np.float32, casting="unsafe"), x)
    check(lambda x: np.add(x, 1, dtype=np.int64), x)
    check(lambda x: np.sqrt(x, dtype=np.float64), x)
    compare(lambda x: np.add(x, 1.5, dtype=np.int8), x)


def test_methods_of_ufuncs():
    x = np.arange(12.0).reshape(3, 4)
    check_all_sizes(lambda x: np.add.reduce(x), x)
    check_all_sizes(lambda x: np.add.reduce(x, axis=None), x)
    check_all_sizes(lambda x: np.multiply.reduce(x, 1, keepdims=True), x)
    check_all_sizes(lambda x: (np.maximum.reduce(x), np.minimum.reduce(x, axis=(0, 1))), x)
    check_all_sizes(lambda x: (np.logical_or.reduce(x), np.logical_and.reduce(x, 1)), x)
    check_all_sizes(lambda x: np.bitwise_or.reduce(x > 4), x)
    check_all_sizes(lambda x: np.add.accumulate(x), x)
    check_all_sizes(lambda x: np.multiply.accumulate(x, 1), x)
    check_all_sizes(lambda x: np.subtract.outer(x, x[0]), x)


def test_broadcasting():
    a, b, c = np.ones((3, 1, 2)), np.arange(4.0)[:, None], np.float64(2)
    check_all_sizes(lambda a, b, c: a + b * c, a, b, c)
    check_all_sizes(lambda a, b: a + b, np.ones((2, 3)), np.ones(3))
    check_all_sizes(lambda a: a + np.ones((5, 1, 1)), np.ones((2, 3)))
    check(lambda a, b: a + b, np.ones((1, 0)), np.ones((3, 1)))
    check(lambda a, b: a + b, np.ones(()), np.ones(()))
