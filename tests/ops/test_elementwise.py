"""Every elementwise op against NumPy, at every dtype it accepts; the registry gives the cases."""

from __future__ import annotations

import numpy as np
import pytest

from support.numpy_scalars import NumpyScalars, run
from support.op_cases import (
    ELEMENTWISE,
    Case,
    accepted,
    attr_choices,
    cases,
    check,
    chosen_operands,
    in_domain,
    operand_count,
    operands,
)
from support.same import is_float
from tensorwright.compiler.errors import DTypeError, ShapeError
from tensorwright.compiler.ir.opdef import REGISTRY, OpDef
from tensorwright.compiler.ir.types import DType, TensorType

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lower_equals_reference(case: Case) -> None:
    # fused multiply-adds of floats are slow here; test_elementwise_llvm.py tries all of them
    arrays = operands(case, exhaustive=not case.result.is_float)
    check(case, arrays, run(case.op, *arrays, **case.attrs))


def test_flags_where_the_reference_raises() -> None:
    checked = set()
    for case in CASES:
        arrays = chosen_operands(case)
        if case.op.name == "cast" or in_domain(case, arrays).all():
            continue
        checked.add(case.op.name)
        for k in np.flatnonzero(~in_domain(case, arrays))[:20]:
            with pytest.raises(AssertionError, match="raised the status"):
                run(case.op, *(a[k : k + 1] for a in arrays), **case.attrs)
    assert {"power", "wrap_index", "cast_python_int"} <= checked


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_infer_needs_equal_shapes(op: OpDef) -> None:
    case = next(c for c in CASES if c.op is op)
    types = [TensorType(d, (3, k)) for k, d in enumerate(case.dtypes, start=4)]
    if len(types) == 1:
        assert op.infer(types, case.attrs)[0].shape == (3, 4)
        return
    with pytest.raises(ShapeError, match=f"{op.name}: operands differ in shape"):
        op.infer(types, case.attrs)


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_infer_names_the_op_that_refuses(op: OpDef) -> None:
    (attrs, *_) = attr_choices(op)
    for dtype in DType:
        dtypes = [dtype] * operand_count(op)
        if accepted(op, dtypes, attrs):
            continue
        with pytest.raises(DTypeError) as caught:
            op.infer([TensorType(d, (4,)) for d in dtypes], attrs)
        assert str(caught.value).startswith(f"{op.name}: ")
        assert f"got:      {dtype}[4]" in str(caught.value)


def test_refused_dtype_message() -> None:
    with pytest.raises(DTypeError) as caught:
        REGISTRY["subtract"].infer([TensorType(DType.BOOL, (3,))] * 2, {})
    assert str(caught.value) == (
        "subtract: does not accept bool\n"
        "  got:      bool[3] and bool[3]\n"
        "  expected: integers or floats\n"
        "  hint:     for bools use logical_xor, `^`"
    )


def test_mixed_dtypes_message() -> None:
    types = [TensorType(DType.F32, (3,)), TensorType(DType.F64, (3,))]
    with pytest.raises(DTypeError) as caught:
        REGISTRY["add"].infer(types, {})
    assert str(caught.value) == (
        "add: operands differ in dtype\n  got:      f32[3] and f64[3]\n  expected: one dtype"
    )


def test_different_shapes_message() -> None:
    types = [TensorType(DType.F32, (3,)), TensorType(DType.F32, (4,))]
    with pytest.raises(ShapeError) as caught:
        REGISTRY["add"].infer(types, {})
    assert str(caught.value) == (
        "add: operands differ in shape\n  got:      f32[3] and f32[4]\n  expected: equal shapes"
    )


def test_partly_accepted_group_message() -> None:
    with pytest.raises(DTypeError, match="expected: f32 or f64"):
        REGISTRY["spacing"].infer([TensorType(DType.F16, ())], {})


_TRAITS = {
    "commutative": lambda op, x, y: (run(op, x, y), run(op, y, x)),
    "involution": lambda op, x, y: (run(op, run(op, x)), x),
    "idempotent": lambda op, x, y: (
        (run(op, run(op, x)), run(op, x)) if op.arity == 1 else (run(op, x, x), x)
    ),
}
_CLAIMS = [(t, c) for c in CASES for t in _TRAITS if getattr(c.op.traits, t)]
_UNITS = [
    (unit, c)
    for c in CASES
    for unit in ("left_unit", "right_unit")
    if getattr(c.op.traits, unit) is not None
]


@pytest.mark.parametrize(("trait", "case"), _CLAIMS, ids=str)
def test_traits_hold(trait: str, case: Case) -> None:
    arrays = operands(case, exhaustive=False)
    left, right = _TRAITS[trait](case.op, arrays[0], arrays[-1])
    np.testing.assert_array_equal(_bits(left), _bits(right))


@pytest.mark.parametrize(("side", "case"), _UNITS, ids=str)
def test_units_hold(side: str, case: Case) -> None:
    x, _ = operands(case, exhaustive=False)
    units = np.full(x.shape, getattr(case.op.traits, side)).astype(x.dtype)
    pair = (units, x) if side == "left_unit" else (x, units)
    np.testing.assert_array_equal(_bits(run(case.op, *pair)), _bits(x))


def _bits(array: np.ndarray) -> np.ndarray:
    """Bit patterns, with one for all NaNs."""
    if not is_float(array):
        return array
    return np.where(np.isnan(array), array.dtype.type(np.nan), array).view(f"u{array.itemsize}")


def test_numpy_scalars_check_what_is_undefined() -> None:
    s = NumpyScalars()
    x = s.scalar(np.array([1], np.int32))
    with pytest.raises(AssertionError, match="division by 0"):
        s.quotient(x, s.const(0, DType.I32))
    with pytest.raises(AssertionError, match="shift amount"):
        s.shl(x, s.const(32, DType.I32))
