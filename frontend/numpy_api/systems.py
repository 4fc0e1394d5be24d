"""Linear systems: solve, inv, det, slogdet, cholesky.

Layer: frontend. Each matrix of a stack goes to LAPACK (ops/matrices.py). Its systems have the
unknowns on the left, so NumPy's a x = b is handed over as the transposed system x' a' = b'.
Factors of one matrix are made once, whatever needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.errors import DTypeError, ShapeError
from ...compiler.ir.graph import Value
from ...compiler.ir.types import DType, Shape
from .. import lift, values
from ..context import TraceContext, require
from ..location import user_location
from ..table import implements
from ..tracer import Tracer

_SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


def matrices(*arrays: Any) -> tuple[TraceContext, list[Value]]:
    """Arrays in the dtype in which np.linalg computes: float32 if all have it, else float64."""
    lifted = [lift.lift(x) for x in arrays]
    for x in lifted:
        if x._type.dtype.is_half:
            raise DTypeError(
                f"array type {x._type.dtype.numpy} is unsupported in linalg",
                loc=user_location(),
                hint="convert the array with .astype(np.float32)",
            )
    single = all(x._type.dtype is DType.F32 for x in lifted)
    ctx, dtype = require(), DType.F32 if single else DType.F64
    return ctx, [lift.value_as(ctx, x, dtype) for x in lifted]


def check_square(ctx: TraceContext, a: Value) -> None:
    """Raise what NumPy raises unless the last two axes are those of square matrices."""
    if a.type.rank < 2:
        raise np.linalg.LinAlgError(
            f"{a.type.rank}-dimensional array given. Array must be at least two-dimensional"
        )
    if not ctx.equal(*a.type.shape[-2:]):
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")


def flipped(ctx: TraceContext, x: Value) -> Value:
    """The last two axes swapped."""
    rank = x.type.rank
    return values.transpose(ctx, x, (*range(rank - 2), rank - 1, rank - 2))


def succeeded(ctx: TraceContext, x: Value, info: Value, failure: str) -> Value:
    """x, whose first axes are those of `info`; the call raises an error where that is not 0."""
    return ctx.emit("require_success", x, _for_each_element(ctx, info, x), failure=failure)


def _for_each_element(ctx: TraceContext, info: Value, x: Value) -> Value:
    dims = tuple(range(info.type.rank))
    if info.type.shape == x.type.shape:
        return info
    return ctx.emit("broadcast", info, shape=x.type.shape, dims=dims)


def factors(ctx: TraceContext, a: Value) -> tuple[Value, Value, Value, Value]:
    """The transposed matrix, its factors and pivots, and whether it is singular."""
    turned = flipped(ctx, a)
    found, pivots, info = ctx.emit_node("lu", (turned,)).outputs
    return turned, found, pivots, info


def _along(ctx: TraceContext, batch: Shape, x: Value, rank: int) -> Value:
    """x for each matrix of a stack, where `rank` axes are those of one of them."""
    return values.broadcast(ctx, x, (*batch, *x.type.shape[x.type.rank - rank :]))


def _solution(ctx: TraceContext, a: Value, b: Value) -> tuple[Value, Value]:
    """x of a x = b, [..., n, n] and [..., n, k], and for each of them 0 unless a is singular."""
    turned, found, pivots, info = factors(ctx, a)
    batch = values.broadcast_shapes(ctx, [a.type.shape[:-2], b.type.shape[:-2]], "solve")
    operands = [_along(ctx, batch, x, 2) for x in (turned, found, flipped(ctx, b))]
    pivots = _along(ctx, batch, pivots, 1)
    rows = ctx.emit("lu_solve", *operands[:2], pivots, operands[2], transposed=False)
    return flipped(ctx, rows), _along(ctx, batch, info, 0)


def _identity(ctx: TraceContext, a: Value) -> Value:
    size, dtype = a.type.shape[-1], a.type.dtype
    position = values.counter(ctx, size, 0, 1, DType.I64)
    row, column = (
        ctx.emit("broadcast", position, shape=(size, size), dims=(axis,)) for axis in (0, 1)
    )
    one, zero = (values.full(ctx, (size, size), x, dtype) for x in (1.0, 0.0))
    return ctx.emit("select", ctx.emit("equal", row, column), one, zero)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Tracer:
    """As `np.linalg.solve`."""
    ctx, (x, y) = matrices(a, b)
    check_square(ctx, x)
    is_vector = y.type.rank == 1
    column = values.reshape(ctx, y, (*y.type.shape, 1)) if is_vector else y
    if y.type.rank == 0 or not ctx.equal(x.type.shape[-1], column.type.shape[-2]):
        raise ShapeError(
            "solve: the rows of the right-hand sides are not those of the matrices",
            got=f"{x.type} and {y.type}",
            expected=f"{x.type.shape[-1]} rows on the right",
            loc=user_location(),
        )
    found = succeeded(ctx, *_solution(ctx, x, column), "singular")
    shape = found.type.shape
    return lift.tracer(ctx, values.reshape(ctx, found, shape[:-1]) if is_vector else found)


@implements(np.linalg.inv)
def inv(a: Any) -> Tracer:
    """As `np.linalg.inv`."""
    ctx, (x,) = matrices(a)
    check_square(ctx, x)
    return lift.tracer(ctx, succeeded(ctx, *_solution(ctx, x, _identity(ctx, x)), "singular"))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """As `np.linalg.slogdet`."""
    sign, log = _log_determinant(a)
    return _SlogdetResult(sign, log)


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """As `np.linalg.det`: by the logarithm, which a float always holds."""
    sign, log = _log_determinant(a)
    return sign * np.exp(log)


def _log_determinant(a: Any) -> Sequence[Any]:
    ctx, (x,) = matrices(a)
    check_square(ctx, x)
    turned, found, pivots, _ = factors(ctx, x)
    node = ctx.emit_node("log_determinant", (turned, found, pivots))
    return [lift.tracer(ctx, v) for v in node.outputs]


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Tracer:
    """As `np.linalg.cholesky`: reads one triangle of the matrices; derivatives are symmetric."""
    ctx, (x,) = matrices(a)
    check_square(ctx, x)
    factor, info = ctx.emit_node("cholesky", (flipped(ctx, x) if upper else x,)).outputs
    factor = succeeded(ctx, factor, info, "not positive definite")
    return lift.tracer(ctx, flipped(ctx, factor) if upper else factor)


# --- without errors ----------------------------------------------------------------------------


def solution_or_nan(a: Any, b: Any) -> Tracer:
    """As `np.linalg.solve` of matrices; nan where a is singular."""
    ctx, (x, y) = matrices(a, b)
    check_square(ctx, x)
    return _or_nan(ctx, *_solution(ctx, x, y))


def inverse_or_nan(a: Any) -> Tracer:
    """As `np.linalg.inv`; nan where a is singular."""
    ctx, (x,) = matrices(a)
    check_square(ctx, x)
    return _or_nan(ctx, *_solution(ctx, x, _identity(ctx, x)))


def factor_or_nan(a: Any) -> Tracer:
    """As `np.linalg.cholesky`; nan where a is not positive definite."""
    ctx, (x,) = matrices(a)
    check_square(ctx, x)
    return lift.tracer(ctx, ctx.emit_node("cholesky", (x,)).outputs[0])


def _or_nan(ctx: TraceContext, x: Value, info: Value) -> Tracer:
    zero = values.full(ctx, info.type.shape, 0, info.type.dtype)
    is_right = _for_each_element(ctx, ctx.emit("equal", info, zero), x)
    nan = values.full(ctx, x.type.shape, np.nan, x.type.dtype)
    return lift.tracer(ctx, ctx.emit("select", is_right, x, nan))
