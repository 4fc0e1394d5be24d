"""The elementary functions as vector code: their errors in ULP, and every special value."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
import scipy.special

from support.elementwise import Elementwise, native_lanes
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ops import math

FLOATS = [DType.F32, DType.F64]
TINIEST = {DType.F32: -149, DType.F64: -1074}
LARGEST = {DType.F32: 127.99, DType.F64: 1023.99}

pytestmark = pytest.mark.skipif(
    not llvm.get_host_cpu_features().get("fma"), reason="the bounds assume fused multiply-adds"
)


def _exact(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """erf or erfc: by SciPy, or in 80 bits by mpmath."""

    def function(x: np.ndarray) -> np.ndarray:
        if x.dtype != np.longdouble:
            return SCIPY[name](x)
        bounded = np.clip(x, -30, 30).astype(float)  # beyond, both are constant in float64
        with mpmath.workprec(100):
            rounded = [mpmath.nstr(getattr(mpmath, name)(v), 25) for v in bounded.tolist()]
        return np.array([np.longdouble(v) for v in rounded])

    return function


SCIPY = {"erf": scipy.special.erf, "erfc": scipy.special.erfc}


# name here: (function of a type with more bits, interval where most happens)
UNARY: dict[str, tuple[Callable[..., Any], float, float]] = {
    "exp": (np.exp, -745.0, 710.0),
    "exp2": (np.exp2, -1075.0, 1024.0),
    "expm1": (np.expm1, -40.0, 710.0),
    "log": (np.log, 0.0, 8.0),
    "log2": (np.log2, 0.0, 8.0),
    "log10": (np.log10, 0.0, 8.0),
    "log1p": (np.log1p, -1.0, 8.0),
    "sin": (np.sin, -100.0, 100.0),
    "cos": (np.cos, -100.0, 100.0),
    "tan": (np.tan, -100.0, 100.0),
    "asin": (np.arcsin, -1.0, 1.0),
    "acos": (np.arccos, -1.0, 1.0),
    "atan": (np.arctan, -8.0, 8.0),
    "sinh": (np.sinh, -711.0, 711.0),
    "cosh": (np.cosh, -711.0, 711.0),
    "tanh": (np.tanh, -20.0, 20.0),
    "asinh": (np.arcsinh, -8.0, 8.0),
    "acosh": (np.arccosh, 1.0, 8.0),
    "atanh": (np.arctanh, -1.0, 1.0),
    "cbrt": (np.cbrt, -8.0, 8.0),
    "erf": (_exact("erf"), -6.0, 6.0),
    "erfc": (_exact("erfc"), -6.0, 28.0),
}
BINARY: dict[str, Callable[..., Any]] = {
    "atan2": np.arctan2,
    "pow": np.power,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
}
CASES = [(name, dtype) for name in [*UNARY, *BINARY] for dtype in FLOATS]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def compiled(name: str, dtype: DType, lanes: int) -> Elementwise:
    return Elementwise(getattr(math, name), [dtype] * (2 if name in BINARY else 1), lanes)


def wider(dtype: DType) -> Any:
    """A type to compute references in; of f64, the 80 bits of x87, where NumPy has them."""
    return np.float64 if dtype is DType.F32 else np.longdouble


def reference(name: str) -> Callable[..., Any]:
    return BINARY[name] if name in BINARY else UNARY[name][0]


def ulp_errors(
    got: np.ndarray, exact: np.ndarray, dtype: DType, at_least: np.ndarray | float = 0.0
) -> np.ndarray:
    """|got - exact| in ULP of `exact` (or of `at_least`); infinite where only one is finite."""
    limits = np.finfo(dtype.numpy)
    near = exact.astype(dtype.numpy)
    unit = np.maximum(np.abs(near), np.asarray(at_least, dtype.numpy))
    unit = np.spacing(np.clip(unit, limits.tiny, limits.max)).astype(exact.dtype)
    error = np.abs(got.astype(exact.dtype) - exact) / unit
    # beyond the largest number, rounding to it or to infinity are both within an ULP
    edge = np.isinf(near) & (np.abs(exact) < float(limits.max) * (1 + 2 * float(limits.eps)))
    error = np.where(
        np.isinf(got) & (edge | np.isinf(near)) & (np.sign(got) == np.sign(near)), 0, error
    )
    error = np.where(np.isnan(near) & np.isnan(got), 0, error)
    return np.where(np.isnan(error), np.inf, error)


def magnitudes(rng: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """Numbers of both signs whose exponents are spread evenly."""
    return np.exp2(rng.uniform(low, high, count)) * rng.choice([-1.0, 1.0], count)


def points(name: str, dtype: DType, count: int) -> np.ndarray:
    """The interval of interest, all magnitudes, and the neighbourhood of +-1."""
    rng = np.random.default_rng(3)
    _, low, high = UNARY[name]
    if dtype is DType.F32 and high > 88:
        low, high = low / 8, high / 8
    near_one = 1.0 + magnitudes(rng, count, -40, -1)
    parts = [
        rng.uniform(low, high, count),
        rng.uniform(-2, 2, count),
        magnitudes(rng, count, TINIEST[dtype], LARGEST[dtype]),
        near_one,
        -near_one,
    ]
    if name in ("sin", "cos", "tan"):
        turns = rng.integers(-(10**4), 10**4, count)
        parts += [turns * (np.pi / 2), magnitudes(rng, count, 0, 30)]
    return np.concatenate(parts).astype(dtype.numpy)


def worst(name: str, dtype: DType, args: list[np.ndarray], lanes: int) -> float:
    args = [a.astype(dtype.numpy) for a in args]
    got = compiled(name, dtype, lanes)(*args)
    exact = reference(name)(*[a.astype(wider(dtype)) for a in args])
    at_least: np.ndarray | float = 0.0
    if name.startswith("logaddexp"):
        at_least = np.maximum(np.maximum(*args), 1.0)
    errors = ulp_errors(got, exact, dtype, at_least)
    k = int(np.argmax(errors))
    print(f"{name} {dtype}: {float(errors[k]):.3f} ULP at {[a[k] for a in args]}: {got[k]}")
    return float(errors[k])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_errors_of_unary_functions(name: str, dtype: DType) -> None:
    count = 400 if name in SCIPY else 8000
    x = points(name, dtype, count)
    assert worst(name, dtype, [x], native_lanes(dtype)) <= math.ULP[name][dtype]
    assert worst(name, dtype, [x[::23]], 1) <= math.ULP[name][dtype]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_errors_of_binary_functions(name: str, dtype: DType) -> None:
    rng = np.random.default_rng(5)
    low, high = TINIEST[dtype], LARGEST[dtype]
    pairs = [
        (rng.uniform(-9, 9, 8000), rng.uniform(-9, 9, 8000)),
        (magnitudes(rng, 8000, -2, 2), magnitudes(rng, 8000, -2, 2)),
    ]
    if name in ("atan2", "hypot"):
        pairs += [(magnitudes(rng, 8000, low, high), magnitudes(rng, 8000, low, high))]
        pairs += [
            (magnitudes(rng, 8000, a, a + 9), magnitudes(rng, 8000, a, a + 9))
            for a in (low, high - 9)
        ]
    if name == "pow":
        base = 1 + magnitudes(rng, 8000, -20, -1)
        pairs += [(base, rng.uniform(-1, 1, 8000) * high / np.log2(base))]
        pairs += [(np.abs(magnitudes(rng, 8000, low, high)), magnitudes(rng, 8000, -9, 2))]
        pairs += [(-np.arange(1.0, 20.0), np.arange(-9.0, 10.0))]
    for pair in pairs:
        assert worst(name, dtype, list(pair), native_lanes(dtype)) <= math.ULP[name][dtype]


def specials(dtype: DType) -> np.ndarray:
    """Zeros, infinities, NaN, the ends of the format, and integers and their neighbours."""
    limits = np.finfo(dtype.numpy)
    ends = [limits.max, limits.tiny, limits.tiny / 2, limits.smallest_subnormal, limits.eps]
    numbers = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0, 1e10, 2.0**24, 2.0**24 + 2, 2.0**53]
    near = [np.nextafter(dtype.numpy.type(v), dtype.numpy.type(w)) for v in (1, 2) for w in (0, 9)]
    positive = np.array([0.0, np.inf, *ends, *numbers, *near], dtype.numpy)
    return np.concatenate([positive, -positive, [np.nan]]).astype(dtype.numpy)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(("name", "dtype"), CASES, ids=str)
def test_special_values_are_those_of_numpy(name: str, dtype: DType, lanes: int) -> None:
    x = specials(dtype)
    args = [x]
    if name in BINARY:
        args = [np.repeat(x, len(x)), np.tile(x, len(x))]
    with np.errstate(all="ignore"):
        f = reference(name)
        expected = f(*args)
    got = compiled(name, dtype, lanes)(*args)
    for sort in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(sort(got), sort(expected))
    clear = ~np.isnan(expected)
    if name.startswith("logaddexp"):  # near 0 the sign is a matter of rounding
        clear &= np.abs(expected) > 4 * np.finfo(dtype.numpy).eps
    np.testing.assert_array_equal(np.signbit(got[clear]), np.signbit(expected[clear]))
    np.testing.assert_array_equal(got[clear] == 0, expected[clear] == 0)
    exact = f(*[a.astype(np.float64) for a in args]) if dtype is DType.F32 else expected
    finite = np.isfinite(expected)
    bound = math.ULP[name][dtype] + (4.0 if dtype is DType.F64 else 0.0)  # NumPy errs too
    at_least = np.maximum(np.maximum(args[0], args[-1]), 1.0) if name.startswith("log") else 0.0
    errors = ulp_errors(got, exact, dtype, at_least)
    assert errors[finite].max() <= bound


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_exact_results(dtype: DType) -> None:
    """Where the result is a number of the format, these functions give it."""
    k = np.arange(TINIEST[dtype], int(LARGEST[dtype]) + 1)
    lanes = native_lanes(dtype)
    powers = np.exp2(k.astype(np.float64)).astype(dtype.numpy)
    np.testing.assert_array_equal(compiled("exp2", dtype, lanes)(k), powers)
    np.testing.assert_array_equal(compiled("log2", dtype, lanes)(powers), k)
    np.testing.assert_array_equal(compiled("pow", dtype, lanes)(np.full(len(k), 2.0), k), powers)
    n = np.arange(-100.0, 100.0)
    np.testing.assert_array_equal(compiled("cbrt", dtype, lanes)(n**3), n)
    np.testing.assert_array_equal(compiled("pow", dtype, lanes)(n, np.full(len(n), 2.0)), n**2)
    np.testing.assert_array_equal(compiled("hypot", dtype, lanes)(3 * n, 4 * n), 5 * np.abs(n))


def test_large_angles_go_to_the_c_library() -> None:
    x = np.array([1e22, -1e300, 1.0, 2.0**60, 5.0, 1e15, np.inf, 7.0, 8.0])
    for name in ("sin", "cos", "tan"):
        exact = reference(name)(x)
        got = compiled(name, DType.F64, 4)(x)
        np.testing.assert_array_almost_equal_nulp(got[:6], exact[:6], 2)
        assert np.isnan(got[6])


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", UNARY)
def test_every_f32(name: str) -> None:
    """All 2**32 inputs, judged by NumPy's float64 functions: about a minute for each function."""
    f = compiled(name, DType.F32, native_lanes(DType.F32))
    function = SCIPY.get(name, UNARY[name][0])
    chunk = 1 << 16  # stays in the cache
    bits = np.arange(chunk, dtype=np.uint32)
    got, exact, near = (np.empty(chunk, t) for t in (np.float32, np.float64, np.float32))
    largest, where = 0.5, 0.0
    for _ in range((1 << 32) // chunk):
        x = bits.view(np.float32)
        f.run([x], got)
        function(x.astype(np.float64), out=exact)
        np.copyto(near, exact, casting="same_kind")
        wrong = np.flatnonzero((got != near) & ~(np.isnan(got) & np.isnan(near)))
        if len(wrong):  # the others are within half an ULP
            errors = ulp_errors(got[wrong], exact[wrong], DType.F32)
            k = int(np.argmax(errors))
            if errors[k] > largest:
                largest, where = float(errors[k]), float(x[wrong[k]])
        bits += np.uint32(chunk)
    print(f"{name} f32: {largest:.3f} ULP at {where.hex()}")
    assert largest <= math.ULP[name][DType.F32]
