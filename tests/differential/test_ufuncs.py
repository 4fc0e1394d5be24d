"""Every ufunc, compiled and run, against NumPy itself."""

import functools
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorwright as tw
from support import op_cases
from support.layouts import arrays, shapes
from support.thorough import one_in
from support.tracing import assert_same
from support.ufunc_cases import ALL, DTYPES, UFUNCS, UfuncCase, is_supported, together
from tensorwright.compiler.ir.types import DType

# Ufuncs of NumPy that have no traced form, and why.
UNSUPPORTED = {
    "isnat": "tests dates",
    "matvec": "new in NumPy 2.2; np.matmul does the same",
    "vecmat": "new in NumPy 2.2; np.matmul does the same",
}
UNARY = [name for name, f in UFUNCS.items() if f.nin == 1]
BINARY = [name for name, f in UFUNCS.items() if f.nin == 2]
# Cheap ones, which programs use on operands of different dtypes all the time.
MIXED = (
    *("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "maximum", "minimum"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "left_shift", "right_shift"),
)


def test_supported_ufuncs():
    missing = {name for name, ufunc in ALL.items() if not is_supported(ufunc)}
    assert missing == set(UNSUPPORTED) & set(ALL)


def check_together(cases, operands_of_calls):
    """Compile all cases as one function; run and check it for each list of operands."""
    function = together(cases)
    for operands in operands_of_calls:
        results = function(*itertools.chain(*operands))
        for case, arguments, result in zip(cases, operands, results, strict=True):
            case.check(arguments, result)


def with_loop(cases):
    cases = list(cases)
    found = [c for c in cases if c.loop is not None]
    for case in cases:
        if case.loop is None:
            check_refused(case)
    return found


def check_refused(case):
    """Where NumPy has no loop, or gives a dtype that we lack, the error is a TypeError."""
    arrays = [key(1) if isinstance(key, type) else np.ones(3, key) for key in case.keys]
    with pytest.raises(TypeError):
        together([case])(*arrays)


def some(arrays, rng, count):
    """Elements drawn from arrays of one length."""
    chosen = rng.integers(0, len(arrays[0]), count)
    return [a[chosen] for a in arrays]


@pytest.mark.parametrize("name", UFUNCS)
def test_one_dtype(name):
    """All special values; then other sizes, for which the program has symbolic ones."""
    ufunc, rng = UFUNCS[name], np.random.default_rng(1)
    cases = with_loop(UfuncCase(ufunc, (d,) * ufunc.nin) for d in DTYPES)
    calls = [[c.operands() for c in cases]]
    calls += [[some(a, rng, count) for a in calls[0]] for count in (61, 8)]
    check_together(cases, calls)


@pytest.mark.parametrize("name", one_in(3, list(UFUNCS)))
def test_scalars(name):
    """0-d arrays and NumPy scalars: NumPy returns scalars."""
    ufunc, rng = UFUNCS[name], np.random.default_rng(2)
    cases = with_loop(UfuncCase(ufunc, (d,) * ufunc.nin) for d in DTYPES)
    operands = [some(c.operands(), rng, 8) for c in cases]
    check_together(cases, [[[x[k] for x in c] for c in operands] for k in range(4)])
    check_together(cases, [[[np.array(x[k]) for x in c] for c in operands] for k in range(4, 8)])


@pytest.mark.parametrize("name", one_in(2, MIXED))
def test_mixed_dtypes(name):
    """Every pair of different dtypes in one order, drawn by whether the places add up to odd."""
    check_pairs(UFUNCS[name], lambda i, j: i != j and (i + j) % 2 == (i < j), ())


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", BINARY)
def test_all_mixed_dtypes(name):
    check_pairs(UFUNCS[name], lambda i, j: i != j, (61, 8))


def check_pairs(ufunc, accept, more_sizes):
    rng = np.random.default_rng(3)
    for i, first in enumerate(DTYPES):
        pairs = [(first, second) for j, second in enumerate(DTYPES) if accept(i, j)]
        cases = with_loop(UfuncCase(ufunc, pair) for pair in pairs)
        operands = [some(c.operands(), rng, 200) for c in cases]
        more = [[some(a, rng, count) for a in operands] for count in more_sizes]
        check_together(cases, [operands, *more])


# Python numbers, whose dtype gives way to that of an array, and whether the function has them as
# literals, or else as arguments. A Python bool is like one of NumPy's.
WEAK = [(3, True), (2.5, False)]
MORE_WEAK = [(n, True) for n in (True, 0, 1, 2, -1, 0.5, 2.5)] + [(3, False), (True, False)]


@pytest.mark.parametrize("name", one_in(2, BINARY))
def test_python_numbers(name):
    for number, is_literal in WEAK:
        check_number(UFUNCS[name], number, is_literal)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", BINARY)
def test_more_python_numbers(name):
    for number, is_literal in MORE_WEAK:
        check_number(UFUNCS[name], number, is_literal)


def check_number(ufunc, number, is_literal):
    """A Python number on either side of arrays of every dtype."""
    key = np.dtype(bool) if type(number) is bool else type(number)
    dtypes = [d for d in DTYPES if type(number) is not int or number >= 0 or d.kind not in "bu"]
    left = with_loop(UfuncCase(ufunc, (key, d)) for d in dtypes)
    right = with_loop(UfuncCase(ufunc, (d, key)) for d in dtypes)
    if ufunc is np.power and number == -1:
        right = [c for c in right if c.loop[0].kind == "f"]  # integers have no inverse

    def with_literals(*arrays):
        first, second = arrays[: len(left)], arrays[len(left) :]
        return *[ufunc(number, x) for x in first], *[ufunc(x, number) for x in second]

    arrays = [special_array(c, 1) for c in left] + [special_array(c, 0) for c in right]
    operands = [(number, x) for x in arrays[: len(left)]]
    operands += [(x, number) for x in arrays[len(left) :]]
    if is_literal:
        results = tw.jit(with_literals)(*arrays)
    else:
        results = together(left + right)(*itertools.chain(*operands))
    for case, arguments, result in zip(left + right, operands, results, strict=True):
        case.check(arguments, result)


def special_array(case, side):
    """The special values of one operand's dtype; of exponents of integers, those allowed."""
    array = np.array(op_cases.special_values(DType.of(case.keys[side])), case.keys[side])
    if case.ufunc is np.power and side == 1 and case.loop[0].kind in "iu":
        array = np.where(array < 0, 3, array).astype(array.dtype)
    return array


# --- shapes and layouts --------------------------------------------------------------------------

# A few ufuncs of each dtype as one function; both operands go to each of them.
GROUPS = {
    "float64": ("add", "divide", "maximum", "less", "hypot", "copysign"),
    "float32": ("subtract", "floor_divide", "fmin", "logical_and", "nextafter"),
    "float16": ("multiply", "greater", "arctan2"),
    "int64": ("multiply", "floor_divide", "bitwise_xor", "left_shift", "divide"),
    "int32": ("remainder", "minimum", "not_equal"),
    "int8": ("add", "divmod", "gcd", "less_equal"),
    "uint16": ("subtract", "right_shift", "power"),
    "uint64": ("add", "float_power"),
    "bool": ("add", "multiply", "logical_xor", "maximum"),
}


@functools.cache
def group(dtype):
    cases = [UfuncCase(UFUNCS[name], (np.dtype(dtype),) * 2) for name in GROUPS[dtype]]
    return cases, tw.jit(lambda x, y: tuple([c.ufunc(x, y) for c in cases]))


@pytest.mark.parametrize("dtype", GROUPS)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_layouts(dtype, data):
    check_layouts(dtype, data)


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", GROUPS)
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_many_layouts(dtype, data):
    check_layouts(dtype, data)


def check_layouts(dtype, data):
    """Any shapes that broadcast, any layouts: NumPy's results, and untouched arguments."""
    cases, function = group(dtype)
    x, y = (data.draw(arrays(np.dtype(dtype), s)) for s in data.draw(shapes(2)))
    before = x.copy(), y.copy()
    for case, result in zip(cases, function(x, y), strict=True):
        case.check((x, y), result)
        parts = result if type(result) is tuple else (result,)
        assert not any(np.shares_memory(part, a) for part in parts for a in (x, y))
    assert_same([x, y], list(before))


@pytest.mark.parametrize(
    "dtype",
    [
        pickle.loads(pickle.dumps(np.ones(1))).dtype,
        np.dtype("i1").newbyteorder(),
        np.dtype("f4", metadata={"unit": "m"}),
        np.longlong,
        np.ulonglong,
    ],
)
def test_equal_dtypes_that_are_other_objects(dtype):
    x = np.arange(6).astype(dtype)
    function = tw.jit(lambda x: x + x)
    for view in (x, x[::2], x.reshape(2, 3), x[:0], x[3:4].reshape(())):
        assert_same(function(view), view.astype(np.dtype(dtype).char) * 2)


class Plain(np.ndarray):
    """A subclass that adds nothing to how it computes."""


class Metres(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        raise TypeError("cannot add metres to numbers")


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_subclasses(tmp_path):
    """Those that compute like arrays are arrays; the others are refused."""
    function, x = tw.jit(lambda x: x * 2 + 1), np.array([[1.0, 2.0]])
    mapped = np.memmap(tmp_path / "file", x.dtype, "w+", shape=x.shape)
    mapped[...] = x
    for plain in (x.view(Plain), mapped, x.view(np.recarray)):
        assert_same(function(plain), x * 2 + 1)
    for other in (np.matrix(x), np.ma.array(x, mask=[[True, False]]), x.view(Metres)):
        with pytest.raises(NotImplementedError, match=type(other).__name__):
            function(other)
