"""NumPy's array functions, compiled and run, against NumPy itself.

Elements are multiples of 1/4, so that sums of them are exact in any order; how precise inexact sums
are is a test of its own.
"""

import itertools
import math

import numpy as np
import pytest

import tensorwright as tw
from support.expressions import check_expressions
from support.ufunc_cases import DTYPES

RNG = np.random.default_rng(11)
FLOATS = [d for d in DTYPES if d.kind == "f"]
SHAPES_3D = [(3, 4, 5), (2, 9, 33), (7, 1, 3), (1, 1, 1)]
EMPTY = [(0, 4, 2), (3, 0, 2), (3, 4, 0), (0, 0, 1)]


def numbers(shape, dtype="f8"):
    """Exact small numbers of both signs, where the dtype has them."""
    dtype, made = np.dtype(dtype), RNG.integers(-12, 13, shape)
    if dtype.kind == "f":
        return np.asarray(made / 4).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(made > 2)
    return np.asarray(abs(made) if dtype.kind == "u" else made).astype(dtype)


def calls(shapes, dtype="f8"):
    return [{"x": numbers(shape, dtype)} for shape in shapes]


# --- reductions ----------------------------------------------------------------------------------

AXES = ("None", "0", "1", "-1", "(0, 1)", "(2, 0)", "(-1, 1)", "(0, 1, 2)", "()")
OF_AXES = ("sum", "prod", "min", "max", "any", "all", "mean", "ptp", "count_nonzero")
OF_AN_AXIS = ("argmin", "argmax")


def reductions(dtype, axes=AXES):
    """Each reduction along each choice of axes; products of floats are not exact."""
    left_out = {"b": ("ptp",), "f": ("prod",)}.get(dtype.kind, ())
    names = [name for name in OF_AXES if name not in left_out]
    choices = [*itertools.product(names, axes), *itertools.product(OF_AN_AXIS, axes[:4])]
    keeps = ("", ", keepdims=True")
    return [f"np.{name}(x, axis={axis}{keep})" for name, axis in choices for keep in keeps]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_reductions(dtype):
    """A third of all, a different one of each dtype."""
    chosen = reductions(dtype)[DTYPES.index(dtype) % 3 :: 3]
    check_expressions(chosen, *calls(SHAPES_3D[:2], dtype))


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_all_reductions(dtype):
    for shape in SHAPES_3D[2:] + EMPTY:
        check_expressions(reductions(dtype), *calls([shape], dtype))
    check_expressions(reductions(dtype), *calls(SHAPES_3D, dtype), together=1)
    for shape in [(5,), (1,), (0,), ()]:
        check_expressions(reductions(dtype, ("None", "0", "-1", "()")), *calls([shape], dtype))


@pytest.mark.parametrize("shape", [*EMPTY, (0,), (), (1,)], ids=str)
def test_reductions_of_few_elements(shape):
    """Errors where NumPy has them: the smallest element of nothing."""
    axes = AXES if len(shape) == 3 else ("None", "0", "()")
    for dtype in (np.dtype("f8"), np.dtype("i2")):
        check_expressions(reductions(dtype, axes), *calls([shape], dtype))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_reductions_of_special_values(dtype):
    """NaN wins; the first of equal elements counts."""
    special = np.array([1, -0.0, 0.0, np.nan, np.inf, -np.inf, np.nan, 1, -np.inf], dtype)
    shape = (9, 20)
    tables = [RNG.choice(special[: 2 + k], shape) for k in range(8)]
    names = (
        "min",
        "max",
        "sum",
        "mean",
        "any",
        "all",
        "argmin",
        "argmax",
        "ptp",
        "nanmax",
        "nansum",
    )
    expressions = [f"np.{name}(x, axis={axis})" for name in names for axis in ("None", "0", "1")]
    check_expressions(expressions, *({"x": x} for x in tables))


@pytest.mark.parametrize("dtype", ["i1", "u2", "f4", "f8", "?"])
def test_arguments_of_reductions(dtype):
    expressions = [
        "np.sum(x, initial=3)",
        "np.sum(x, axis=0, where=x > 0)",
        "x.sum(axis=1, where=x[0] > 1, initial=2)",
        "np.sum(x, where=False)",
        "np.prod(x, axis=1, initial=2, where=abs(x.astype(int)) == 1)",
        "np.max(x, initial=1, where=x < 2)",
        "np.min(x, axis=(0, 2), initial=1, where=x < 2, keepdims=True)",
        "np.max(x, axis=1, where=x < 2)",
        "np.mean(x, axis=0, where=x > 0)",
        "x.mean(where=[True, False, True, True, False])",
        "np.any(x, axis=1, where=x < 1)",
        "np.all(x, where=x > 0, axis=(0, 1))",
        "np.sum(x, dtype=np.float64)",
        "np.sum(x, axis=1, dtype=np.int8)",
        "np.sum(x, axis=-1, dtype='f4')",
        "x.mean(dtype=np.float32, axis=0)",
        "np.prod(x[0, 0, :3], dtype=np.uint8)",
        "np.sum(x, out=np.zeros(()))",
        "np.mean(x, 0, out=np.empty(x.shape[1:]))",
        "np.cumsum(x, 0, out=np.empty(x.shape))",
        "np.sum(x, dtype=bool, where=x > 1, initial=False, axis=1)",
        "np.prod(x, dtype=bool, where=x > 1, axis=1)",
        "np.add.reduce(x)",
        "np.add.reduce(x, axis=(0, 2), keepdims=True)",
        "np.maximum.reduce(x, axis=1)",
        "np.logical_or.reduce(x, axis=None)",
        "np.multiply.reduce(x[0, 0], dtype=np.int64)",
        "np.argmax(x, axis=5)",
        "np.sum(x, axis=(0, 0))",
        "np.sum(x, axis=-4)",
        "np.sum(x, axis=1.0)",
        "np.count_nonzero(x > 0, axis=(0, 1))",
        "np.average(x, axis=1)",
        "np.average(x, weights=np.arange(1, 6), axis=-1)",
    ]
    check_expressions(expressions, *calls([(3, 4, 5), (2, 9, 5)], dtype))


def exact_spread(x, axis, ddof, root):
    """The variance in whole numbers of 1/16, then rounded once or twice."""
    scaled = np.moveaxis(np.asarray(x * 4).astype(np.int64), axis, -1)
    count = scaled.shape[-1]
    total = scaled.sum(axis=-1, keepdims=True)
    squares = ((scaled * count - total) ** 2).sum(axis=-1)
    variance = squares / count / count / (count - ddof) / 16
    return np.sqrt(variance) if root else variance


@pytest.mark.parametrize("dtype", [*FLOATS, np.dtype("i4")], ids=str)
def test_variances(dtype):
    accuracy = {2: 1e-3, 4: 1e-6, 8: 1e-15}[8 if dtype.kind == "i" else dtype.itemsize]
    for name, ddof, axis in itertools.product(("var", "std"), (0, 1), (0, 1)):
        function = tw.jit(lambda x, n=name, d=ddof, a=axis: getattr(np, n)(x, axis=a, ddof=d))
        for shape in ((6, 5), (33, 70), (2, 9)):
            x = numbers(shape, dtype)
            exact = exact_spread(x, axis, ddof, name == "std")
            found = function(x)
            assert found.dtype == getattr(np, name)(x, axis=axis).dtype
            np.testing.assert_allclose(found, exact, rtol=accuracy, atol=0)
    expressions = [
        f"np.{name}(x, axis={axis}{rest})"
        for name in ("var", "std", "nanvar")
        for axis in ("None", "0", "(0, 1)")
        for rest in ("", ", keepdims=True", ", ddof=2", ", where=x > -1", ", mean=1.5")
        if name != "nanvar" or rest in ("", ", keepdims=True", ", ddof=2")
    ]
    few = [{"x": numbers(shape, dtype)} for shape in ((1, 1), (0, 3), (2, 1))]
    check_expressions(expressions, *calls([(6, 5), (33, 70)], dtype), close=10 * accuracy)
    for call in few:
        check_expressions(expressions, call, close=10 * accuracy)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_sums_are_at_least_as_accurate_as_numpy_s(dtype, axis):
    """Within one rounding of the exact sum, plus a tiny part of the sum of magnitudes."""
    function = tw.jit(lambda x: (np.sum(x, axis=axis), np.mean(x, axis=axis)))
    eps = np.finfo(dtype).eps
    for shape in ((70, 33), (1000, 7), (3, 5000)):
        x = (RNG.normal(size=shape) * 10.0 ** RNG.integers(-6, 7, shape)).astype(dtype)
        x[::2] *= -1
        found, mean = function(x)
        lines = [x.ravel()] if axis is None else list(np.moveaxis(x, axis, -1))
        for line, total, average in zip(lines, np.ravel(found), np.ravel(mean), strict=True):
            exact = math.fsum(line.astype(np.float64))
            magnitude = math.fsum(abs(line.astype(np.float64)))
            bound = eps * abs(exact) + len(line) * 2.0**-52 * eps * magnitude
            assert abs(float(total) - exact) <= bound
            assert abs(float(average) - exact / len(line)) <= 2 * bound / len(line)
            of_numpy = abs(float(np.sum(line)) - exact)
            assert abs(float(total) - exact) <= max(of_numpy, bound)


# --- running sums --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_running_sums(dtype):
    """NumPy's own numbers: one element is added after the other."""
    expressions = [
        f"{name}(x{rest})"
        for name in ("np.cumsum", "np.cumprod")
        for rest in (
            "",
            ", 0",
            ", axis=1",
            ", axis=-1",
            ", axis=0, dtype=np.float32",
            ", dtype='i2'",
        )
    ]
    expressions += [
        "x.cumsum(1)[:, ::-1]",
        "np.cumsum(x[::-1], axis=0)[::-1]",
        "np.cumsum(x.T, axis=0)",
        "np.add.accumulate(x, axis=1)",
        "np.multiply.accumulate(x)",
        "np.cumsum(x, axis=2)",
        "np.nancumsum(x, axis=0)",
        "np.cumsum(x * x, axis=0) - x",
        "np.cumsum(x, axis=1).sum(axis=1)" if dtype.kind != "f" else "np.cumsum(x, 1).max(axis=1)",
    ]
    for shapes in ([(3, 5), (9, 33), (2, 70)], [(0, 3)], [(4, 0)], [(1, 1)]):
        given = calls(shapes, dtype)
        if dtype.kind == "f":
            for call in given:
                call["x"] = (call["x"] + RNG.normal(size=call["x"].shape)).astype(dtype)
        check_expressions(expressions, *given)
    one = ["np.cumsum(x)", "np.cumprod(x, 0)", "x.cumsum(axis=-1)", "np.cumsum(x, 1)"]
    for shape in ((7,), (), (0,), (1,)):
        check_expressions(one, *calls([shape], dtype))
