"""Every scalar instruction as LLVM code against NumPy, on one lane and on many."""

from __future__ import annotations

import operator
import warnings

import llvmlite.binding as llvm
import numpy as np
import pytest

from support.elementwise import Elementwise, native_lanes
from tensorwright.compiler.codegen.llvm.scalars import LlvmScalars
from tensorwright.compiler.codegen.llvm.writer import ModuleWriter
from tensorwright.compiler.errors import InternalError
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ops.scalar import Scalar

INTEGERS = [d for d in DType if d.is_integer]
FLOATS = [DType.F32, DType.F64]
LANES = [1, 8]


def samples(dtype: DType) -> np.ndarray:
    """Edge cases and random values of the whole range."""
    rng = np.random.default_rng(7)
    if dtype.is_bool:
        return rng.integers(0, 2, 67).astype(bool)
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy)
        edges = [info.min, info.min + 1, info.max - 1, info.max, 0, 1, 2, 100]
        if dtype.is_signed:
            edges += [-1, -2, -100]
        drawn = rng.integers(info.min, info.max, 300, dtype.numpy, endpoint=True)
        small = rng.integers(0, 100, 40).astype(dtype.numpy)
        return np.concatenate([np.array(edges, dtype.numpy), drawn, small])
    powers = [s * (2.0**k + d) for s in (1, -1) for k in range(70) for d in (-0.5, 0, 0.5, 1)]
    edges = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-320, -1e-40, 65504.0, 65519.9, 65520.0, 1e20]
    spread = rng.standard_normal(300) * 10.0 ** rng.integers(-12, 25, 300)
    near_f16 = 2049.0 + 1.0 + np.array([0, 1e-9, -1e-9])  # ties of f16, decided far below f32
    subnormal_f16 = rng.uniform(-1e-4, 1e-4, 200)
    with np.errstate(all="ignore"):
        return np.concatenate([edges, powers, spread, near_f16, subnormal_f16]).astype(dtype.numpy)


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    """Bit for bit, but for the payloads of NaNs."""
    assert got.dtype == expected.dtype
    if got.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))
    np.testing.assert_array_equal(got, expected)


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("source", DType, ids=str)
def test_casts_are_those_of_numpy(source: DType) -> None:
    x = samples(source)
    for target in DType:
        for lanes in (1, 16):
            got = Elementwise(lambda s, x, t=target: s.cast(x, t), [source], lanes)(x)
            if target is DType.U32 and source.is_float:
                # NumPy's own answer depends on the position in the array: see _float_to_int
                expected = np.array([v.astype(target.numpy) for v in x])
            else:
                expected = x.astype(target.numpy)
            nan = np.isnan(x) if source.is_float else np.zeros(len(x), bool)
            if target.is_float:
                assert np.isnan(got[nan]).all()
                got, expected = got[~nan], expected[~nan]
            assert_same(got, expected)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integer_arithmetic(dtype: DType, lanes: int) -> None:
    x, y = samples(dtype), np.roll(samples(dtype), 5)
    for f in (operator.add, operator.sub, operator.mul, operator.and_, operator.or_, operator.xor):
        got = Elementwise(lambda s, x, y, f=f: f(x, y), [dtype, dtype], lanes)(x, y)
        assert_same(got, f(x, y))
    for f in (operator.neg, operator.invert):
        assert_same(Elementwise(lambda s, x, f=f: f(x), [dtype], lanes)(x), f(x))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integer_division(dtype: DType, lanes: int) -> None:
    x, y = samples(dtype), np.roll(samples(dtype), 5)
    y = np.where((y == 0) | (dtype.is_signed & (y == -1 % 2**dtype.bits)), 3, y)
    if dtype.is_signed:
        y = np.where(y == -1, 7, y)
    y = y.astype(dtype.numpy)
    rest = np.fmod(x, y)
    got = Elementwise(lambda s, x, y: s.remainder(x, y), [dtype, dtype], lanes)(x, y)
    assert_same(got, rest)
    got = Elementwise(lambda s, x, y: s.quotient(x, y), [dtype, dtype], lanes)(x, y)
    exact = (x.astype(object) - rest.astype(object)) // y.astype(object)
    assert_same(got, exact.astype(dtype.numpy))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_bits(dtype: DType, lanes: int) -> None:
    x = samples(dtype)
    amount = (np.arange(len(x)) % dtype.bits).astype(dtype.numpy)
    pair = [dtype, dtype]
    assert_same(Elementwise(lambda s, x, k: x << k, pair, lanes)(x, amount), x << amount)
    assert_same(Elementwise(lambda s, x, k: x >> k, pair, lanes)(x, amount), x >> amount)
    unsigned = [int(v) % 2**dtype.bits for v in x]
    ones = np.array([v.bit_count() for v in unsigned], dtype.numpy)
    zeros = np.array([dtype.bits - v.bit_length() for v in unsigned], dtype.numpy)
    assert_same(Elementwise(lambda s, x: s.popcount(x), [dtype], lanes)(x), ones)
    assert_same(Elementwise(lambda s, x: s.leading_zeros(x), [dtype], lanes)(x), zeros)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_float_arithmetic(dtype: DType, lanes: int) -> None:
    x, y = samples(dtype), np.roll(samples(dtype), 11)
    for f in (operator.add, operator.sub, operator.mul, operator.truediv):
        got = Elementwise(lambda s, x, y, f=f: f(x, y), [dtype, dtype], lanes)(x, y)
        np.testing.assert_array_equal(got, f(x, y))
    for name in ("sqrt", "fabs", "floor", "ceil", "trunc", "rint"):
        got = Elementwise(lambda s, x, n=name: getattr(s, n)(x), [dtype], lanes)(x)
        np.testing.assert_array_equal(got, getattr(np, name)(x))
    assert_same(Elementwise(lambda s, x: -x, [dtype], lanes)(x), -x)
    got = Elementwise(lambda s, x, y: s.copysign(x, y), [dtype, dtype], lanes)(x, y)
    assert_same(got, np.copysign(x, y))


@pytest.mark.parametrize("lanes", LANES)
def test_fma_rounds_once_where_the_machine_can(lanes: int) -> None:
    small = np.arange(20) * 2.0**-52
    x = 1.0 + small
    fused = Elementwise(lambda s, x: s.fma(x, x, -1.0), [DType.F64], lanes)(x)
    if llvm.get_host_cpu_features().get("fma"):
        np.testing.assert_array_equal(fused, small * 2 + small * small)


def test_fma_without_hardware_is_two_instructions() -> None:
    fn = ModuleWriter().function("void", "@f", [("double", "%x")])
    s = LlvmScalars(fn, 1, has_fma=False)
    s.fma(Scalar(s, DType.F64, "%x"), 2.0, 1.0)
    assert "fmul double" in fn.text() and "fadd double" in fn.text()


@pytest.mark.parametrize("dtype", DType, ids=str)
def test_comparisons_and_select(dtype: DType) -> None:
    x, y = samples(dtype), np.roll(samples(dtype), 3)
    y[::5] = x[::5]
    names = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal"}
    names |= {"gt": "greater", "ge": "greater_equal"}
    for lanes in LANES:
        for relation, name in names.items():
            f = Elementwise(lambda s, x, y, r=relation: s.compare(r, x, y), [dtype] * 2, lanes)
            np.testing.assert_array_equal(f(x, y), getattr(np, name)(x, y))
        f = Elementwise(lambda s, x, y: s.select(x.eq(y), x, y), [dtype] * 2, lanes)
        np.testing.assert_array_equal(f(x, y), np.where(x == y, x, y))


@pytest.mark.parametrize(
    ("a", "b"),
    [(DType.F32, DType.I32), (DType.F64, DType.U64), (DType.F16, DType.I16), (DType.I8, DType.U8)],
    ids=str,
)
def test_bitcast(a: DType, b: DType) -> None:
    x = samples(a)
    there = Elementwise(lambda s, x: s.bitcast(x, b), [a], 8)(x)
    assert_same(there, x.view(b.numpy))
    np.testing.assert_array_equal(Elementwise(lambda s, x: s.bitcast(x, a), [b], 8)(there), x)


@pytest.mark.parametrize("dtype", [DType.F16, DType.F32, DType.F64], ids=str)
@pytest.mark.parametrize("value", [0.1, -0.0, 1e-320, 1e300, np.inf, np.nan, 3, 2**70])
def test_float_constants_are_exact(dtype: DType, value: float) -> None:
    f = Elementwise(lambda s, x: s.select(x.eq(x), s.const(value, dtype), x), [dtype], 8)
    assert_same(f(np.zeros(9)), np.full(9, np.float64(value)).astype(dtype.numpy))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integer_constants_wrap(dtype: DType) -> None:
    for value in (-1, 255, 2**63, 2**64 - 1, True):
        got = Elementwise(lambda s, x, v=value: x + v, [dtype], 8)(np.zeros(9))
        assert set(got.tolist()) == {int(np.uint64(value % 2**64).astype(dtype.numpy))}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("lanes", [1, 2, 4, 16, 64])
def test_libm_and_repair(dtype: DType, lanes: int) -> None:
    x = np.linspace(-3, 3, 333).astype(dtype.numpy)
    ulp = 2 * np.finfo(dtype.numpy).eps
    got = Elementwise(lambda s, x: s.libm("atan2", x, x + 1.0), [dtype], lanes)(x)
    np.testing.assert_allclose(got, np.arctan2(x, x + 1), rtol=4 * ulp)

    def body(s: LlvmScalars, x: Scalar) -> Scalar:
        x = s.repair(x > 1.0, x, "sin", x)
        return s.repair(x < 0.0, x, "exp", x)

    expected = np.where(x > 1, np.sin(x), x)
    expected = np.where(expected < 0, np.exp(expected), expected)
    np.testing.assert_allclose(Elementwise(body, [dtype], lanes)(x), expected, rtol=4 * ulp)


def test_repair_calls_nothing_for_other_lanes() -> None:
    f = Elementwise(lambda s, x: s.repair(x.ne(x), x, "exp", x), [DType.F64], 8)
    np.testing.assert_array_equal(f(np.arange(19.0)), np.arange(19.0))


@pytest.mark.parametrize("lanes", LANES)
def test_flag_collects_the_status_of_all_lanes(lanes: int) -> None:
    def body(s: LlvmScalars, x: Scalar) -> Scalar:
        s.flag(x < 0, 1)
        s.flag(x > 90, 4)
        return x

    f = Elementwise(body, [DType.I64], lanes)
    for values, status in [(range(50), 0), (range(-1, 50), 1), (range(99), 4), (range(-9, 99), 5)]:
        f(np.array(values))
        assert f.status == status


def test_inactive_lanes_are_neither_flagged_nor_repaired() -> None:
    def body(s: LlvmScalars, x: Scalar) -> Scalar:
        masked = LlvmScalars(s.fn, s.lanes, mask=(x < 10.0).handle, status="%status")
        masked.flag(x > 0.0, 1)
        masked.flag(x > 20.0, 2)
        return masked.repair(x > 0.0, x, "exp", x)

    for lanes in LANES:
        f = Elementwise(body, [DType.F64], lanes)
        x = np.array([1.0, -2.0, 30.0, 5.0, 15.0, 0.0, 9.0, 11.0, 2.0])
        expected = np.where((x > 0) & (x < 10), np.exp(x), x)
        np.testing.assert_allclose(f(x), expected, rtol=1e-15)
        assert f.status == 1


def test_flag_needs_a_place() -> None:
    s = LlvmScalars(ModuleWriter().function("void", "@f", []), 1)
    with pytest.raises(InternalError):
        s.flag(s.const(True, DType.BOOL), 1)


def test_native_lanes_fill_a_vector() -> None:
    assert native_lanes(DType.F32) == 2 * native_lanes(DType.F64)
