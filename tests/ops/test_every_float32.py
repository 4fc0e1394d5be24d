"""Exactly rounded functions of one float32, compared with NumPy on all 2**32 inputs.

The approximations of elementary functions have a test of their own, tests/codegen/test_math.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support.native import compile_native
from tensorwright.compiler.errors import UserError
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.opdef import REGISTRY, Kind, OpDef
from tensorwright.compiler.ir.types import DType, TensorType

CHUNK = 1 << 18
# the casts to unsigned integers of what does not fit depend on the place in NumPy's array
CASTS = [d for d in DType if not d.is_unsigned and d is not DType.F32]


def _accepts_float32(op: OpDef) -> bool:
    try:
        op.infer([TensorType(DType.F32, (1,))], {})
    except UserError:
        return False
    return True


EXACT = [
    op
    for op in REGISTRY
    if op.kind is Kind.ELEMENTWISE
    and op.arity == 1
    and not op.attrs
    and _accepts_float32(op)
    and not op.ulp.get(DType.F32)
]


def _compare(op: OpDef, attrs: dict[str, Any]) -> None:
    builder = GraphBuilder(op.name)
    x = builder.input(TensorType(DType.F32, (CHUNK,)))
    run = compile_native(builder.finish([builder.emit(op, x, **attrs)])).call
    bits = np.arange(CHUNK, dtype=np.uint32)
    with np.errstate(all="ignore"):
        for _ in range((1 << 32) // CHUNK):
            x_array = bits.view(np.float32)
            (got,) = run(x_array)
            expected = np.asarray(op.reference(x_array, **attrs))
            assert got.dtype == expected.dtype
            word = f"u{got.dtype.itemsize}"
            different = got.view(word) != expected.view(word)
            if different.any():  # any NaN will do
                different &= ~((got != got) & (expected != expected))
                assert not different.any(), x_array[different][:8]
            bits += np.uint32(CHUNK)


@pytest.mark.exhaustive
@pytest.mark.parametrize("op", EXACT, ids=lambda op: op.name)
def test_exact_functions(op: OpDef) -> None:
    _compare(op, {})


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", CASTS, ids=str)
def test_casts(dtype: DType) -> None:
    _compare(REGISTRY["cast"], {"dtype": dtype})
