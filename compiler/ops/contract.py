"""Sums of products over a shared axis, done by a library call.

Layer: compiler/ops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.batching import BatchSite
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


def _matmul_reference(a: Any, b: Any) -> Any:
    return np.matmul(a, b).astype(a.dtype)  # of bfloat16, NumPy makes float32


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


def _matmul_batch(site: BatchSite) -> Term:
    """Where all examples share one operand, one large product takes the place of many small ones.

    That needs the examples as rows of one matrix; where they cannot lie so without a copy, the
    product stays a stack, which reads the shared operand again for each.
    """
    a, b = site.operands
    m, n = a.example.shape[-2], b.example.shape[-1]
    if a.is_mapped and not b.is_mapped:
        if a.example.rank == 2:
            rows = a.term.reshape((site.size * m, a.term.shape[-1]))
            return matmul(rows, b.term).reshape((site.size, m, n))
        if m == 1:
            return _as_rows(a.term, -2, b.term)
    if n == 1 and b.is_mapped and not a.is_mapped:
        return _as_rows(b.term, -1, _flipped(a.term))
    return matmul(*site.wholes())


def _as_rows(vectors: Term, axis: int, matrix: Term) -> Term:
    """Each example's vectors [size, ..., k], times a matrix that all share.

    `vectors` has an axis of size 1, for the matrices that they were; the result has it, too.
    """
    count = vectors.rank
    one = axis + count
    flat = vectors.reshape((*vectors.shape[:one], *vectors.shape[one + 1 :]))
    order = [*range(1, count - 2), 0, count - 2]
    product = matmul(flat.transpose(order), matrix)
    back = product.transpose([order.index(k) for k in range(count - 1)])
    return back.reshape((*back.shape[:one], 1, *back.shape[one:]))


MATMUL = op(
    "matmul",
    Kind.CONTRACT,
    arity=2,
    infer=_matmul_infer,
    reference=_matmul_reference,
    batch=_matmul_batch,
    derivative=Rules(vjp=_matmul_vjp, jvp=_matmul_jvp),
    cost=100.0,
    doc="Matrix product of two stacks of matrices: [..., m, k] by [..., k, n] gives [..., m, n].",
)
