"""Sums of products over a shared axis, done by a library call.

Layer: compiler/ops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.derivative import Contribution, Rules, Site
from ..ir.opdef import Kind, op
from ..ir.term import Term, matmul
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


def _flipped(x: Term) -> Term:
    """The last two axes swapped."""
    return x.transpose([*range(x.rank - 2), x.rank - 1, x.rank - 2])


def _matmul_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,), (a, b), (wants_a, wants_b) = cts, site.operands, site.wanted
    assert ct is not None
    return [
        matmul(ct, _flipped(b)) if wants_a else None,
        matmul(_flipped(a), ct) if wants_b else None,
    ]


def _matmul_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    (a, b), (a_dot, b_dot) = site.operands, tangents
    parts = [a_dot and matmul(a_dot, b), b_dot and matmul(a, b_dot)]
    first, *more = [p for p in parts if p is not None]
    return [first + more[0] if more else first]


MATMUL = op(
    "matmul",
    Kind.CONTRACT,
    arity=2,
    infer=_matmul_infer,
    reference=np.matmul,
    derivative=Rules(vjp=_matmul_vjp, jvp=_matmul_jvp),
    cost=100.0,
    doc="Matrix product of two stacks of matrices: [..., m, k] by [..., k, n] gives [..., m, n].",
)
