"""Sums of products over a shared axis, done by a library call.

Layer: compiler/ops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.opdef import Kind, op
from ..ir.types import TensorType


def _matmul_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    a, b = types
    got = f"{a} and {b}"
    if a.dtype != b.dtype or a.dtype.is_bool:
        raise DTypeError("matmul: needs two arrays of one number type", got=got)
    if a.rank < 2 or a.rank != b.rank or a.shape[:-2] != b.shape[:-2]:
        raise ShapeError("matmul: needs two stacks of matrices of equal batch shape", got=got)
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            "matmul: the inner sizes differ", got=got, expected=f"{a.shape[-1]} rows on the right"
        )
    return (a.with_shape((*a.shape[:-1], b.shape[-1])),)


MATMUL = op(
    "matmul",
    Kind.CONTRACT,
    arity=2,
    infer=_matmul_infer,
    reference=np.matmul,
    cost=100.0,
    doc="Matrix product of two stacks of matrices: [..., m, k] by [..., k, n] gives [..., m, n].",
)
