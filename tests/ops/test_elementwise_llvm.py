"""Every elementwise op as machine code against NumPy, on the cases of test_elementwise.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from support.elementwise import Elementwise, native_lanes
from support.op_cases import Case, cases, check, operands
from tensorwright.compiler.codegen.llvm.scalars import LlvmScalars
from tensorwright.compiler.codegen.llvm.writer import ModuleWriter
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ops.scalar import STATUS_NEGATIVE_POWER, Scalar, ScalarBuilder

# conversions have their own test beside LlvmScalars
CASES = [c for c in cases() if c.op.name != "cast"]


def _body(case: Case) -> Callable[..., Scalar]:
    """`lower` as kernels call it: halves widened, the result rounded."""

    def body(s: ScalarBuilder, *operands: Scalar) -> Scalar:
        wide = [s.cast(x, DType.F32) if x.dtype.is_half else x for x in operands]
        assert case.op.lower is not None
        return s.cast(case.op.lower(s, *wide, **case.attrs), case.result)

    return body


@pytest.mark.parametrize("case", CASES, ids=str)
def test_machine_code_equals_reference(case: Case) -> None:
    lanes = min(16, native_lanes(case.dtypes[0]))
    arrays = operands(case, exhaustive=True)
    short = [a[: len(a) // lanes * lanes + lanes // 2] for a in arrays]  # leaves a tail
    check(case, short, Elementwise(_body(case), case.dtypes, lanes)(*short))


@pytest.mark.parametrize("lanes", [1, 8])
def test_negative_integer_power_sets_the_status(lanes: int) -> None:
    dtypes = (DType.I64, DType.I64)
    function = Elementwise(REGISTRY["power"].lower, dtypes, lanes)
    base, exponent = np.full(11, 3), np.arange(11)
    assert function(base, exponent).tolist() == (base**exponent).tolist()
    assert function.status == 0
    function(base, exponent - 1)
    assert function.status == STATUS_NEGATIVE_POWER


def test_fmod_stays_exact_without_the_fma_instruction() -> None:
    module = ModuleWriter()
    fn = module.function("void", "@fmod_", [("double", "%x"), ("double", "%y")])
    s = LlvmScalars(fn, 1, has_fma=False)
    REGISTRY["fmod"].lower(s, Scalar(s, DType.F64, "%x"), Scalar(s, DType.F64, "%y"))
    assert "declare double @fma(double, double, double)" in module.text()
