"""Reductions: their code, run on NumPy lanes, against `reference`."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from support.graphs import special_values
from support.numpy_scalars import NumpyScalars
from support.same import is_float, same_bits, widened
from tensorwright.compiler.errors import DTypeError, UserError
from tensorwright.compiler.ir.opdef import REGISTRY, Kind, OpDef
from tensorwright.compiler.ir.types import DType, TensorType

REDUCTIONS = [op for op in REGISTRY if op.kind is Kind.REDUCE]
FIRST_AXIS = {Kind.REDUCE: {"axes": (0,)}, Kind.SCAN: {"axis": 0}}
SCANS = [op for op in REGISTRY if op.kind is Kind.SCAN]


def accepts(op: OpDef, dtype: DType) -> bool:
    try:
        op.infer(
            [TensorType(dtype, (3,))], {"axes": (0,)} if op.kind is Kind.REDUCE else {"axis": 0}
        )
    except UserError:
        return False
    return True


CASES = [(op, dtype) for op in REDUCTIONS for dtype in DType if accepts(op, dtype)]
SCAN_CASES = [(op, dtype) for op in SCANS for dtype in DType if accepts(op, dtype)]
NAMES = {"ids": str}


def reduce_lanes(op: OpDef, x: np.ndarray, lanes: int) -> np.ndarray:
    """A kernel in small: vectors of lanes along x, merged in halves, then the rest one by one."""
    s, reduction = NumpyScalars(), op.reduction
    dtype = DType.of(x.dtype)
    values = widened(x)
    whole = len(values) // lanes * lanes

    def broadcast(acc):
        return tuple(s.scalar(np.full(lanes, part.handle)) for part in acc)

    acc = broadcast(reduction.init(s, dtype))
    assert tuple(part.dtype for part in acc) == reduction.components(dtype)
    for k in range(0, whole, lanes):
        index = s.scalar(np.arange(k, k + lanes))
        acc = reduction.step(s, acc, s.scalar(values[k : k + lanes]), index)
    width = lanes
    while width > 1:
        width //= 2
        low = tuple(s.scalar(part.handle[:width]) for part in acc)
        high = tuple(s.scalar(part.handle[width:]) for part in acc)
        acc = reduction.merge(s, low, high)
    for k in range(whole, len(values)):
        acc = reduction.step(s, acc, s.scalar(values[k : k + 1]), s.scalar(np.array([k])))
    (result,) = op.infer([TensorType(dtype, x.shape)], {"axes": (0,)})
    found = reduction.finish(s, acc, dtype)
    with np.errstate(all="ignore"):
        return found.handle[0].astype(result.dtype.numpy)


def samples(dtype: DType) -> list[np.ndarray]:
    """Vectors of many lengths, plain and with special values."""
    rng = np.random.default_rng(dtype.bits)
    special = special_values(dtype)
    found = [rng.choice(special, n) for n in (1, 2, 7, 8, 9, 30)]
    found += [special[:1].repeat(5), special[-1:].repeat(5)]
    if dtype.is_float:
        found += [rng.normal(size=n).astype(dtype.numpy) for n in (3, 16, 100)]
        found += [np.full(4, v, dtype.numpy) for v in (np.inf, -np.inf, np.nan, -0.0)]
    return found


def close(op: OpDef, found: np.ndarray, x: np.ndarray) -> bool:
    """Bitwise, but that float sums and products may round elsewhere, and zeros have any sign."""
    with np.errstate(all="ignore"):
        expected = np.asarray(op.reference(x, axes=(0,)))
    if not is_float(x) or not is_float(expected):
        return same_bits(np.asarray(found), expected)
    if op.name in ("reduce_sum", "reduce_prod"):
        # NumPy's own partial results may overflow where the wide ones do not
        if not np.isfinite(expected):
            wide = op.reference(x.astype(np.longdouble), axes=(0,))
            expected = np.asarray(wide).astype(x.dtype)
        size = np.abs(x[np.isfinite(x)].astype(np.float64)).sum()
        found, expected = widened(found), widened(expected)
        eps = float(DType.of(x.dtype).finfo.eps)
        return bool(np.isclose(found, expected, rtol=32 * eps, atol=size * eps, equal_nan=True))
    return bool(found == expected or (np.isnan(found) and np.isnan(expected)))


@pytest.mark.filterwarnings("ignore:.* encountered in")
@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize(("op", "dtype"), CASES, **NAMES)
def test_reduction_equals_reference(op: OpDef, dtype: DType, lanes: int):
    for x in samples(dtype):
        found = reduce_lanes(op, x, lanes)
        assert close(op, found, x), f"{x!r} gave {found!r}, not {op.reference(x, axes=(0,))!r}"


@pytest.mark.parametrize(("op", "dtype"), CASES, **NAMES)
def test_empty_reductions(op: OpDef, dtype: DType):
    if op.reduction.empty_ok:
        x = np.zeros(0, dtype.numpy)
        assert same_bits(reduce_lanes(op, x, 4), np.asarray(op.reference(x, axes=(0,))))


@pytest.mark.parametrize(("op", "dtype"), CASES, **NAMES)
def test_infer_gives_the_type_of_the_reference(op: OpDef, dtype: DType):
    x = np.ones((2, 3, 4), dtype.numpy)
    for axes in [(), (0,), (1, 2), (0, 1, 2)]:
        if op.name.startswith("arg") and not axes:
            continue
        (result,) = op.infer([TensorType(dtype, x.shape)], {"axes": axes})
        found = np.asarray(op.reference(x, axes=axes))
        assert (found.shape, found.dtype) == (result.shape, result.dtype.numpy)


@pytest.mark.parametrize(("op", "dtype"), SCAN_CASES, **NAMES)
def test_scan_equals_reference_to_the_bit(op: OpDef, dtype: DType):
    s, reduction = NumpyScalars(), op.reduction
    for x in samples(dtype):
        acc = reduction.init(s, dtype)
        operands = [np.roll(x, shift) for shift in range(op.arity)]
        wide = [widened(v) for v in operands]
        found = []
        for k in range(x.size):
            acc = reduction.step(s, acc, *(s.scalar(v[k]) for v in wide), None)
            with np.errstate(all="ignore"):
                rounded = reduction.finish(s, acc, dtype).handle.astype(dtype.numpy)
            found.append(rounded)
            acc = (s.scalar(widened(np.asarray(rounded))),)
        with np.errstate(all="ignore"):
            expected = op.reference(*operands, axis=0)
        assert same_bits(np.array(found, dtype.numpy), expected)


@pytest.mark.parametrize("name", ["argmin", "argmax"])
def test_positions_over_several_axes(name: str):
    x = np.random.default_rng(0).integers(0, 5, (3, 4, 5))
    op, function = REGISTRY[name], getattr(np, name)
    expected = function(x.transpose(1, 0, 2).reshape(4, 15), axis=1)
    np.testing.assert_array_equal(op.reference(x, axes=(0, 2)), expected)
    assert op.reference(x, axes=(0, 1, 2)) == function(x)


def exact_sum(x: np.ndarray) -> Fraction:
    return sum((Fraction(v) for v in x.tolist()), Fraction())


@pytest.mark.parametrize("lanes", [1, 8])
def test_sums_of_doubles_are_compensated(lanes: int):
    rng = np.random.default_rng(1)
    x = rng.normal(size=5_000) * 10.0 ** rng.integers(-8, 9, 5_000)
    x = np.concatenate([x, -x[::-1], [1e-3]])  # cancels down to 1e-3
    found = float(reduce_lanes(REGISTRY["reduce_sum"], x, lanes))
    assert abs(Fraction(found) - exact_sum(x)) < Fraction(math.ulp(1e9)) * Fraction(1, 10**6)
    assert abs(float(np.sum(x)) - 1e-3) > 1e-9, "too easy: NumPy's sum is as good"


def test_sums_of_singles_are_kept_in_double():
    x = np.full(30_000, 0.1, np.float32)
    x[0] = 2**24
    found = reduce_lanes(REGISTRY["reduce_sum"], x, 8)
    assert found == np.float32(x.astype(np.float64).sum())


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("reduce_sum", DType.BOOL), ("cumsum", DType.BOOL), ("reduce_any", DType.F32)],
)
def test_dtypes_that_need_a_cast(name: str, dtype: DType):
    attrs = {"axis": 0} if name == "cumsum" else {"axes": (0,)}
    with pytest.raises(DTypeError, match="needs"):
        REGISTRY[name].infer([TensorType(dtype, (3,))], attrs)
