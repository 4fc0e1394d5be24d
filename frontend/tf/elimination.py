"""Linear systems and factors of traced matrices: what LAPACK does for concrete ones.

Layer: frontend. Elimination by Gauss and Jordan with pivots, and Cholesky's factor, as loops of the
graph, in the last two axes; axes before them are examples. The derivatives are those of the result,
not of the loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..control import fori_loop
from ..transforms.custom import custom_vjp


def transposed(x: Any) -> Any:
    """Each matrix of a stack transposed."""
    return np.swapaxes(x, -1, -2)


# -- elimination ----------------------------------------------------------------------------------


def _reduced(a: Any, b: Any, instead: float) -> tuple[Any, Any]:
    """The solution of a x = b, and the determinant of a. a: [..., n, n], b: [..., n, r].

    Rows are divided by `instead` where a pivot is 0, that is, where there is no solution.
    """
    size = int(a.shape[-1])
    rows = np.arange(size)
    zero, one = a.dtype.type(0), a.dtype.type(1)

    def step(k: Any, state: Any) -> Any:
        both, determinant = state
        is_k = rows == k
        column = np.sum(np.where(is_k, both[..., :size], zero), axis=-1)
        p = np.argmax(np.where(rows >= k, np.absolute(column), -one), axis=-1)
        is_p = rows == p[..., None]
        row_p = np.sum(np.where(is_p[..., None], both, zero), axis=-2)
        row_k = np.sum(np.where(is_k[:, None], both, zero), axis=-2)
        both = np.where(is_p[..., None], row_k[..., None, :], both)
        both = np.where(is_k[:, None], row_p[..., None, :], both)
        pivot = np.sum(np.where(is_k, row_p[..., :size], zero), axis=-1)
        determinant = determinant * np.where(p == k, pivot, -pivot)
        row = row_p / np.where(pivot == zero, a.dtype.type(instead), pivot)[..., None]
        column = np.sum(np.where(is_k, both[..., :size], zero), axis=-1)
        both = both - np.where(is_k, zero, column)[..., None] * row[..., None, :]
        return np.where(is_k[:, None], row[..., None, :], both), determinant

    both = np.concatenate([a, np.broadcast_to(b, (*a.shape[:-1], b.shape[-1]))], axis=-1)
    start = np.ones_like(a[..., 0, 0]) if a.ndim > 2 else np.sum(a[0, 0] * zero) + one
    reduced, determinant = fori_loop(0, size, step, (both, start))
    return reduced[..., size:], determinant


@custom_vjp
def solve(a: Any, b: Any) -> Any:
    """x of a x = b; nan where a is singular. a: [..., n, n], b: [..., n, r]."""
    return _reduced(a, b, np.nan)[0]


def _solve_forward(a: Any, b: Any) -> Any:
    x = solve(a, b)
    return x, (a, x)


def _solve_backward(kept: Any, ct: Any) -> Any:
    a, x = kept
    b_ct = solve(transposed(a), ct)
    return -np.matmul(b_ct, transposed(x)), b_ct


solve.defvjp(_solve_forward, _solve_backward)


def inverse(a: Any) -> Any:
    """The inverse of each matrix."""
    identity = np.eye(int(a.shape[-1]), dtype=a.dtype)
    return solve(a, np.broadcast_to(identity, a.shape))


@custom_vjp
def determinant(a: Any) -> Any:
    """The determinant of each matrix."""
    return _reduced(a, a[..., :1], 1.0)[1]


def _determinant_forward(a: Any) -> Any:
    found = determinant(a)
    return found, (a, found)


def _determinant_backward(kept: Any, ct: Any) -> Any:
    a, found = kept
    return ((ct * found)[..., None, None] * transposed(inverse(a)),)


determinant.defvjp(_determinant_forward, _determinant_backward)

# -- Cholesky -------------------------------------------------------------------------------------


@custom_vjp
def cholesky(a: Any) -> Any:
    """The lower triangular L of a = L L'."""
    size = int(a.shape[-1])
    rows = np.arange(size)
    zero = a.dtype.type(0)

    def step(k: Any, factor: Any) -> Any:
        is_k = rows == k
        row = np.sum(np.where(is_k[:, None], factor, zero), axis=-2)
        column = np.sum(np.where(is_k, a, zero), axis=-1)
        rest = column - np.matmul(factor, row[..., None])[..., 0]
        pivot = np.sum(np.where(is_k, rest, zero), axis=-1)
        new = np.where(rows >= k, rest / np.sqrt(pivot)[..., None], zero)
        return np.where(is_k, new[..., None], factor)

    return fori_loop(0, size, step, np.zeros_like(a))


def _cholesky_forward(a: Any) -> Any:
    factor = cholesky(a)
    return factor, factor


def _cholesky_backward(factor: Any, ct: Any) -> Any:
    """Murray, "Differentiation of the Cholesky decomposition", 2016."""
    size = int(factor.shape[-1])
    rows, columns = np.arange(size)[:, None], np.arange(size)
    half = np.where(rows == columns, 0.5, 1.0).astype(factor.dtype)
    inner = np.matmul(transposed(factor), ct)
    inner = np.where(rows >= columns, inner, factor.dtype.type(0)) * half
    left = inverse(factor)
    found = np.matmul(np.matmul(transposed(left), inner), left)
    return ((found + transposed(found)) * factor.dtype.type(0.5),)


cholesky.defvjp(_cholesky_forward, _cholesky_backward)
