"""The native call: which arguments it takes, what it returns, and what goes to Python instead."""

import subprocess
import sys

import numpy as np
import pytest

from support.programs import (
    AFFINE,
    RETURN,
    Recorder,
    affine,
    copy_bytes,
    loop,
    pointer,
    program,
    signature,
)
from support.sources import ROOT
from tensorwright.compiler.errors import InternalError
from tensorwright.compiler.ir.types import DType
from tensorwright.runtime import NativeCallable, load

X = np.arange(8.0)


class Subclass(np.ndarray):
    pass


def returns_slow(result, *args, **kwargs):
    return (
        isinstance(result, tuple)
        and result[0] == "slow"
        and all(a is b for a, b in zip(result[1], args, strict=True))
        and result[2] == kwargs
    )


def unaligned(n):
    return np.frombuffer(bytes(8 * n + 1), np.uint8)[1:].view(np.float64)


def test_result_is_an_ordinary_array():
    y = Recorder(affine())(X)
    np.testing.assert_array_equal(y, X * 2 + 1)
    assert type(y) is np.ndarray and y.dtype is np.dtype(np.float64) and y.base is None
    assert str(y.flags) == str((X * 2).flags)
    y[0] = 5
    assert y[0] == 5


@pytest.mark.parametrize("size", [2, 3, 255, 256, 257, 100_000, 600_000])
def test_sizes(size):
    x = np.random.default_rng(0).random(size)
    np.testing.assert_array_equal(affine()(x), x * 2 + 1)


def test_read_only_arguments_are_taken():
    x = X.copy()
    x.flags.writeable = False
    np.testing.assert_array_equal(Recorder(affine())(x), X * 2 + 1)


@pytest.mark.parametrize(
    "argument",
    [
        None,
        [1.0, 2.0],
        1.5,
        np.float64(1.5),
        np.array(1.5),
        np.ones(4, np.float32),
        np.ones(4, ">f8"),
        np.ones(4, np.longdouble),
        np.ones((2, 2)),
        np.ones(8)[::2],
        np.ones(8)[::-1],
        np.ones(1),
        np.ones(0),
        np.ones(4).view(Subclass),
        np.ma.ones(4),
        np.ones(4, object),
        unaligned(4),
        np.broadcast_to(1.0, 4),
    ],
    ids=repr,
)
def test_other_arguments_go_to_python(argument):
    f = affine()
    assert returns_slow(Recorder(f)(argument), argument)
    assert f(argument) is NotImplemented


def test_calls_of_another_form_go_to_python():
    f, executable = Recorder(affine()), affine()
    assert returns_slow(f())
    assert returns_slow(f(X, X), X, X)
    assert returns_slow(f(x=X), x=X)
    assert returns_slow(f(X, scale=2), X, scale=2)
    assert returns_slow(f(*[X] * 1000, k=1), *[X] * 1000, k=1)
    assert returns_slow(f(**{f"k{i}": i for i in range(300)}), **{f"k{i}": i for i in range(300)})
    assert executable() is executable(X, X) is executable(x=X) is NotImplemented


def test_every_way_to_call():
    f = Recorder(affine())
    expected = X * 2 + 1
    for result in (f(X), f(*[X]), f(*(X,), **{}), next(map(f, [X])), f.__call__):
        if callable(result):
            assert returns_slow(result(X), X)  # the Python method itself
        else:
            np.testing.assert_array_equal(result, expected)


def test_nothing_attached():
    assert returns_slow(Recorder()(X), X)


def test_the_newest_executable_comes_first():
    other = load(program(signature("f64[n]", "f64[]"), RETURN))
    assert isinstance(Recorder(affine(), other)(X), np.float64)
    assert isinstance(Recorder(other, affine())(X), np.ndarray)


def test_an_executable_may_be_attached_twice():
    f = affine()
    a, b = Recorder(f), Recorder(load(program(signature("float", "f64[]"), RETURN)), f)
    np.testing.assert_array_equal(a(X), b(X))
    assert isinstance(b(1.0), np.float64)
    assert returns_slow(a(1.0), 1.0)


def test_arguments_fall_through_all_executables():
    fs = [load(program(signature(f"f64[{n}]", f"f64[{n}]"), AFFINE_OF[n])) for n in AFFINE_OF]
    f = Recorder(*fs)
    for n in AFFINE_OF:
        np.testing.assert_array_equal(f(np.ones(n)), np.full(n, 3.0))
    assert returns_slow(f(x := np.ones(99)), x)


def affine_of(count):
    return AFFINE.replace("%n = load i64, ptr %sizes", f"%n = add i64 {count}, 0")


AFFINE_OF = {n: affine_of(n) for n in (0, 1, 2, 5)}


def test_python_without_a_slow_path():
    class Bare(NativeCallable):
        pass

    f = Bare()
    with pytest.raises(NotImplementedError, match="Bare"):
        f(1)
    f._attach(affine())
    with pytest.raises(NotImplementedError, match="Bare"):
        f(1)
    np.testing.assert_array_equal(f(X), X * 2 + 1)


def test_slow_path_may_raise_and_call_back():
    class Caller(NativeCallable):
        def __call__(self, x, depth=0):
            if depth == 3:
                raise KeyError("deep")
            return self(x, depth=depth + 1) if depth or x is None else self(np.asarray(x))

    f = Caller()
    f._attach(affine())
    np.testing.assert_array_equal(f([1.0, 2.0]), [3.0, 5.0])
    with pytest.raises(KeyError, match="deep"):
        f(None)


# -- kinds of arguments -----------------------------------------------------------------------


def identity(kind, dtype):
    """A program that returns its only argument as a 0-d result."""
    what = signature(kind, f"{dtype}[]")
    return load(program(what, copy_bytes([(0, 0, DType.parse(dtype).itemsize)])))


class Int(int):
    pass


class Float(float):
    pass


@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, float("inf"), 1e308])
def test_float(value):
    result = identity("float", "f64")(value)
    assert type(result) is np.float64 and str(result) == str(value)


@pytest.mark.parametrize("other", [1, True, np.float64(1), np.float32(1), Float(1), "1", 1j, X])
def test_not_a_float(other):
    assert identity("float", "f64")(other) is NotImplemented


@pytest.mark.parametrize("value", [0, 1, -1, 2**30, -(2**30), 2**62, 2**63 - 1, -(2**63)])
def test_int(value):
    result = identity("int", "i64")(value)
    assert type(result) is np.int64 and result == value


@pytest.mark.parametrize("other", [2**63, -(2**63) - 1, 10**40, 1.0, True, Int(1), np.int64(1)])
def test_not_an_int(other):
    assert identity("int", "i64")(other) is NotImplemented


def test_bool():
    f = identity("bool", "bool")
    assert f(True) is np.True_ and f(False) is np.False_
    for other in (1, 0, np.True_, None, 1.0):
        assert f(other) is NotImplemented


@pytest.mark.parametrize("dtype", DType, ids=str)
def test_numpy_scalars(dtype):
    f = identity(f"np.{dtype}", str(dtype))
    scalar = dtype.numpy.type(1)
    result = f(scalar)
    assert type(result) is type(scalar) and result == scalar
    assert f(1) is f(1.0) is f(True) is f(np.array(1, dtype.numpy)) is NotImplemented
    for other in DType:
        if other is not dtype:
            assert f(other.numpy.type(1)) is NotImplemented


@pytest.mark.parametrize("dtype", DType, ids=str)
def test_arrays_of_every_dtype(dtype):
    words = (10 * dtype.itemsize) // 2
    body = loop(
        f"""{pointer("x", "in", 0)}
        {pointer("y", "out", 0)}
        %a = getelementptr i16, ptr %x, i64 %i
        %b = getelementptr i16, ptr %y, i64 %i
        %v = load i16, ptr %a, align 1
        store i16 %v, ptr %b, align 1""",
        str(words),
    )
    f = load(program(signature(f"{dtype}[2, 5]", f"{dtype}[10]"), body))
    x = np.arange(10).astype(dtype.numpy).reshape(2, 5)
    result = f(x)
    assert result.dtype is dtype.numpy
    np.testing.assert_array_equal(result, x.ravel())
    assert f(x.T) is f(x.ravel()) is f(np.asfortranarray(x)) is NotImplemented
    for other in DType:
        if other is not dtype:
            assert f(x.astype(other.numpy)) is NotImplemented


def test_equal_dtypes_that_are_other_objects_go_to_python():
    f = load(program(signature("i64[n]", "i64[n]"), RETURN))
    assert f(np.ones(4, np.longlong)) is NotImplemented
    assert f(np.ones(4, np.dtype(np.int64, metadata={"a": 1}))) is NotImplemented


def test_zero_dimensional_arrays():
    f = load(program(signature("f64[]", "f64[]"), copy_bytes([(0, 0, 8)])))
    assert f(np.array(2.5)) == 2.5
    assert f(2.5) is f(np.float64(2.5)) is f(np.ones(1)) is NotImplemented


# -- sizes ------------------------------------------------------------------------------------


def test_static_and_symbolic_dimensions():
    f = load(program(signature("f64[n, 3, m]; f64[m, n]", "i64[2]"), STORE_SIZES))
    ok = np.zeros((4, 3, 5)), np.zeros((5, 4))
    np.testing.assert_array_equal(f(*ok), [4, 5])
    for shapes in [
        ((4, 2, 5), (5, 4)),
        ((4, 3, 5), (4, 5)),
        ((4, 3, 5), (5, 5)),
        ((1, 3, 5), (5, 1)),
        ((4, 3, 0), (0, 4)),
        ((4, 3, 5), (5, 4, 1)),
    ]:
        assert f(*map(np.zeros, shapes)) is NotImplemented


STORE_SIZES = f"""
    {pointer("y", "out", 0)}
    %n = load <2 x i64>, ptr %sizes, align 8
    store <2 x i64> %n, ptr %y, align 8
    ret i64 0"""


@pytest.mark.parametrize(
    ("size", "value"),
    [
        ("n + 1", 8),
        ("n - 7", 0),
        ("2*n - 3", 11),
        ("(n + 1)//2", 4),
        ("(n)//3", 2),
        ("(2 - n)//3", None),  # -2: NumPy refuses a negative size
        ("n*m", 14),
        ("n*n + 3*m", 55),
        ("(n*m)//5 + 1", 3),
        ("(n - m - 1)//4*2 + 3", 5),
    ],
)
def test_derived_sizes(size, value):
    f = load(program(signature("f64[n]; f64[m]", f"f64[{size}]; f64[m, {size}];"), RETURN))
    x, y = np.zeros(7), np.zeros(2)
    if value is None:
        with pytest.raises(ValueError, match="negative dimensions"):
            f(x, y)
    else:
        assert [r.shape for r in f(x, y)] == [(value,), (2, value)]


def test_guards():
    what = signature("f64[n]; f64[m]", "f64[n]", ["n - m >= 0", "n - 5 != 0", "(n)//2 - m == 0"])
    f = load(program(what, RETURN))
    takes = {
        (n, m)
        for n in range(2, 9)
        for m in range(2, 9)
        if f(np.zeros(n), np.zeros(m)) is not NotImplemented
    }
    assert takes == {(4, 2), (6, 3), (7, 3), (8, 4)}


def test_floor_division_of_negative_sizes():
    what = signature("f64[n]", "f64[n]", ["(3 - n)//3 + 2 == 0"])
    f = load(program(what, RETURN))
    takes = [n for n in range(2, 20) if f(np.zeros(n)) is not NotImplemented]
    assert takes == [n for n in range(2, 20) if (3 - n) // 3 == -2]


def test_sizes_must_come_from_arguments():
    with pytest.raises(InternalError, match="neither an int nor a name"):
        load(program(signature("f64[n]; f64[2*n]", "f64[n]"), RETURN))


# -- results ----------------------------------------------------------------------------------


def test_tuples_of_arrays_and_scalars():
    what = signature("f64[2]; int; bool", "f64[2]; i64[]; bool[]; i64[]; f32[0, 3]")
    copies = [(0, 0, 16), (1, 1, 8), (2, 2, 1), (1, 3, 8)]
    f = load(program(what, copy_bytes(copies)))
    a, b, c, d, e = f(np.array([1.5, 2.5]), 7, True)
    np.testing.assert_array_equal(a, [1.5, 2.5])
    assert (b, type(b), c, d) == (7, np.int64, np.True_, 7) and c is np.True_
    assert e.shape == (0, 3) and e.dtype == np.float32


def test_tuple_of_one_and_of_none():
    (result,) = load(program(signature("float", "f64[];"), copy_bytes([(0, 0, 8)])))(2.5)
    assert result == 2.5
    assert load(program(signature("float", ";"), RETURN))(2.5) == ()


def test_no_arguments():
    f = Recorder(load(program(signature("", "f64[0]"), RETURN)))
    assert f().shape == (0,)
    assert returns_slow(f(1), 1)


def test_many_arguments_and_results():
    count = 60
    what = signature("; ".join(["int"] * count), "; ".join(["i64[]"] * count))
    f = load(program(what, copy_bytes([(k, count - 1 - k, 8) for k in range(count)])))
    assert f(*range(count)) == tuple(reversed(range(count)))


def test_high_rank():
    shape = ", ".join(["1"] * 62 + ["2", "3"])
    f = load(program(signature(f"f64[{shape}]", f"f64[{shape}]"), RETURN))
    assert f(np.zeros((1,) * 62 + (2, 3))).ndim == 64


def test_constants():
    table = np.arange(6.0).reshape(2, 3).T  # not contiguous: the program sees a contiguous copy
    body = loop(
        f"""{pointer("c", "constants", 1)}
        {pointer("y", "out", 0)}
        %c.i = getelementptr double, ptr %c, i64 %i
        %y.i = getelementptr double, ptr %y, i64 %i
        %v = load double, ptr %c.i
        store double %v, ptr %y.i""",
        "6",
    )
    f = load(program(signature("", "f64[3, 2]"), body, constants=[np.zeros(3), table]))
    np.testing.assert_array_equal(f(), table)


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (1, ValueError, "Integers to negative integer powers are not allowed."),
        (2, IndexError, "index is out of bounds"),
        (4, OverflowError, "Python integer out of bounds"),
        (8, ValueError, "zero-size array to reduction operation which has no identity"),
        (7, ValueError, "Integers to negative integer powers are not allowed."),
        (6, IndexError, "index is out of bounds"),
    ],
)
@pytest.mark.parametrize("outputs", ["f64[n]", "f64[]", "f64[n]; f64[]; f64[n]"])
def test_status(status, error, text, outputs):
    f = load(program(signature("f64[n]", outputs), f"ret i64 {status}", arena="ret i64 9999"))
    for _ in range(3):
        with pytest.raises(error) as caught:
            f(X)
        assert str(caught.value) == text


def test_results_that_do_not_fit_into_memory():
    what = signature("f64[n]", "f64[n]; f64[n, 100000000000000]")
    with pytest.raises(MemoryError):
        load(program(what, RETURN))(X)
    what = signature("f64[n]", "f64[n, 4611686018427387904]")
    with pytest.raises((ValueError, MemoryError)):
        load(program(what, RETURN))(X)


def test_scratch_memory_that_cannot_be_had():
    with pytest.raises(MemoryError):
        load(program(signature("f64[n]", "f64[n]"), RETURN, arena="ret i64 1000000000000000"))(X)


def test_names_of_libm_are_found():
    declare = program(signature("float", "f64[]"), RETURN).llvm
    assert "declare double @sin" not in declare
    body = f"""{pointer("x", "in", 0)}
        {pointer("y", "out", 0)}
        %v = load double, ptr %x
        %w = call double @llvm.sin.f64(double %v)
        store double %w, ptr %y
        ret i64 0"""
    assert load(program(signature("float", "f64[]"), body))(0.5) == np.sin(0.5)


DOT = f"""
    %n = alloca i32
    %one = alloca i32
    store i32 8, ptr %n
    store i32 1, ptr %one
    {pointer("x", "in", 0)}
    {pointer("y", "out", 0)}
    %dot = call double @tw.blas.ddot(ptr %n, ptr %x, ptr %one, ptr %x, ptr %one)
    store double %dot, ptr %y
    ret i64 0"""


def test_blas():
    declaration = ("@tw.blas.ddot", "double", ["ptr"] * 5)
    f = load(program(signature("f64[8]", "f64[]"), DOT, declare=[declaration]))
    assert f(X) == X @ X


def test_blas_is_found_without_importing_scipy_linalg():
    code = """
import sys
sys.path.insert(0, "tests")
from tests.runtime.test_call import test_blas
test_blas()
assert "scipy.linalg" not in sys.modules
import numpy as np, scipy.linalg
assert np.allclose(scipy.linalg.inv(np.eye(2) * 2), np.eye(2) / 2)
from scipy.linalg import cython_blas
from tensorwright.runtime import host
assert cython_blas is host._cython_module("blas")
test_blas()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_fresh_process_ends_cleanly():
    code = """
import sys
sys.path.insert(0, "tests")
import numpy as np
from support.programs import affine, Recorder
f = Recorder(affine())
f.self = f
big = f(np.ones(1 << 20))
class Late:
    def __del__(self, f=f, x=np.ones(3)):
        print(f(x).tolist())
f.late = late = Late()
sys.modules["keep"] = late
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "[3.0, 3.0, 3.0]\n"
