"""Products: matmul, dot, inner, outer, tensordot, kron, trace, norm.

Layer: frontend. Products of float matrices are `matmul` ops, done by a BLAS call; products of
vectors and of integers are multiplied and summed in loops.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...compiler.errors import ShapeError, UnsupportedError
from ...compiler.ir.graph import Value
from ...compiler.ir.types import Size
from .. import lift, ufuncs, values
from ..context import TraceContext, require
from ..location import user_location
from ..symint import is_sequence
from ..table import FUNCTIONS, implements
from ..tracer import Tracer
from . import create
from .axes import one_axis
from .reduce import steady_at_zero


def multiply_sum(ctx: TraceContext, a: Value, b: Value, along: tuple[int, ...]) -> Value:
    """The sum of a * b along axes, in their dtype; for bools `or` of `and`."""
    shape = values.broadcast_shapes(ctx, [a.type.shape, b.type.shape], "multiply")
    a, b = values.broadcast(ctx, a, shape), values.broadcast(ctx, b, shape)
    if a.type.dtype.is_bool:
        return ctx.emit("reduce_any", ctx.emit("logical_and", a, b), axes=along)
    return ctx.emit("reduce_sum", ctx.emit("multiply", a, b), axes=along)


def matrix_product(ctx: TraceContext, a: Value, b: Value) -> Value:
    """[B..., m, k] by [B..., k, n]; the batch axes are equal already."""
    dtype = a.type.dtype
    a, b = (values.cast(ctx, v, dtype.wide) for v in (a, b))  # NumPy adds halves up in float32
    if dtype.is_float and 0 not in (*a.type.shape, *b.type.shape):
        return values.cast(ctx, ctx.emit("matmul", a, b), dtype)
    rank = a.type.rank
    left = values.reshape(ctx, a, (*a.type.shape, 1))
    right = values.reshape(ctx, b, (*b.type.shape[:-2], 1, *b.type.shape[-2:]))
    return values.cast(ctx, multiply_sum(ctx, left, right, (rank - 1,)), dtype)


def _operands(name: str, a: Any, b: Any) -> tuple[TraceContext, Value, Value]:
    """Both operands in the dtype of NumPy's loop."""
    ctx = require()
    x, y = lift.operand(a), lift.operand(b)
    keys = (lift.weak_of(x), lift.weak_of(y))
    loop, _ = ufuncs.loop_dtypes(np.multiply, keys)
    return ctx, lift.value_as(ctx, x, loop[0]), lift.value_as(ctx, y, loop[1])


def _inner_sizes(ctx: TraceContext, name: str, m: Size, n: Size, a: Value, b: Value) -> None:
    if not ctx.equal(m, n):
        raise ShapeError(
            f"{name}: the sizes of the axes that are summed over differ",
            got=f"{a.type} and {b.type}",
            expected=f"{m} == {n}",
            loc=user_location(),
        )


@implements(np.matmul, operator.matmul)
def matmul(x1: Any, x2: Any) -> Tracer:
    """As `np.matmul`."""
    ctx, a, b = _operands("matmul", x1, x2)
    if not a.type.rank or not b.type.rank:
        raise ShapeError(
            "matmul: scalar operands are not allowed, use * instead",
            got=f"{a.type} and {b.type}",
            loc=user_location(),
        )
    axis = -1 if b.type.rank == 1 else -2
    _inner_sizes(ctx, "matmul", a.type.shape[-1], b.type.shape[axis], a, b)
    if a.type.rank == b.type.rank == 1:
        return lift.tracer(ctx, _vector_product(ctx, a, b))
    left = values.reshape(ctx, a, (1, *a.type.shape)) if a.type.rank == 1 else a
    right = values.reshape(ctx, b, (*b.type.shape, 1)) if b.type.rank == 1 else b
    batch = values.broadcast_shapes(ctx, [left.type.shape[:-2], right.type.shape[:-2]], "matmul")
    left = values.broadcast(ctx, left, (*batch, *left.type.shape[-2:]))
    right = values.broadcast(ctx, right, (*batch, *right.type.shape[-2:]))
    product = matrix_product(ctx, left, right)
    rows = product.type.shape[-2:-1] if a.type.rank > 1 else ()
    columns = product.type.shape[-1:] if b.type.rank > 1 else ()
    return lift.tracer(ctx, values.reshape(ctx, product, (*batch, *rows, *columns)))


def _vector_product(ctx: TraceContext, a: Value, b: Value) -> Value:
    dtype = a.type.dtype
    a, b = (values.cast(ctx, v, dtype.wide) for v in (a, b))
    return values.cast(ctx, multiply_sum(ctx, a, b, (0,)), dtype)


@implements(np.dot, np.ndarray.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """As `np.dot`."""
    x, y = lift.as_array(a), lift.as_array(b)
    if not x.ndim or not y.ndim:
        result = np.multiply(x, y)
    elif x.ndim <= 2 and y.ndim <= 2:
        result = matmul(x, y)
    else:
        result = tensordot(x, y, ((-1,), (-1 if y.ndim == 1 else -2,)))[()]
    return FUNCTIONS["store"]("dot", result, out)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Tracer:
    """As `np.vdot`."""
    return dot(lift.as_array(a).ravel(), lift.as_array(b).ravel())


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Tracer:
    """As `np.inner`."""
    x, y = lift.as_array(a), lift.as_array(b)
    if not x.ndim or not y.ndim:
        return np.multiply(x, y)
    return tensordot(x, y, ((-1,), (-1,)))[()]


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """As `np.outer`."""
    result = np.multiply(lift.as_array(a).ravel()[:, None], lift.as_array(b).ravel()[None, :])
    return FUNCTIONS["store"]("outer", result, out)


@implements(np.vecdot)
def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Tracer:
    """As `np.vecdot`."""
    x, y = (np.moveaxis(lift.as_array(v), axis, -1) for v in (x1, x2))
    ctx, a, b = _operands("vecdot", x, y)
    _inner_sizes(ctx, "vecdot", a.type.shape[-1], b.type.shape[-1], a, b)
    rank = max(a.type.rank, b.type.rank)
    return lift.tracer(ctx, multiply_sum(ctx, a, b, (rank - 1,)))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tracer:
    """As `np.tensordot`."""
    ctx, x, y = _operands("tensordot", a, b)
    if isinstance(axes, int):
        left, right = tuple(range(x.type.rank - axes, x.type.rank)), tuple(range(axes))
    else:
        left, right = (tuple(k) if is_sequence(k) else (k,) for k in axes)
    left = tuple(one_axis(k, x.type.rank) for k in left)
    right = tuple(one_axis(k, y.type.rank) for k in right)
    if len(left) != len(right):
        raise ValueError("shape-mismatch for sum")
    for i, k in zip(left, right, strict=True):
        _inner_sizes(ctx, "tensordot", x.type.shape[i], y.type.shape[k], x, y)
    return lift.array(ctx, contract(ctx, x, y, left, right))  # of shape () an array, too


def contract(
    ctx: TraceContext, x: Value, y: Value, left: tuple[int, ...], right: tuple[int, ...]
) -> Value:
    """Sum over pairs of axes; the other axes of x, then those of y, remain."""
    rows = [k for k in range(x.type.rank) if k not in left]
    columns = [k for k in range(y.type.rank) if k not in right]
    shape = (*(x.type.shape[k] for k in rows), *(y.type.shape[k] for k in columns))
    inner = values.size_of(tuple(x.type.shape[k] for k in left))
    x = values.transpose(ctx, x, (*rows, *left))
    y = values.transpose(ctx, y, (*right, *columns))
    height = values.size_of(x.type.shape[: len(rows)])
    width = values.size_of(y.type.shape[len(right) :])
    x = values.reshape(ctx, x, (height, inner))
    y = values.reshape(ctx, y, (inner, width))
    if height == 1 and width == 1:
        product = _vector_product(
            ctx, values.reshape(ctx, x, (inner,)), values.reshape(ctx, y, (inner,))
        )
    else:
        product = matrix_product(ctx, x, y)
    return values.reshape(ctx, product, shape)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """As `np.kron`."""
    x, y = lift.as_array(a), lift.as_array(b)
    rank = max(x.ndim, y.ndim)
    x, y = (np.reshape(v, (1,) * (rank - v.ndim) + v.shape) for v in (x, y))
    shape = tuple(m * n for m, n in zip(x.shape, y.shape, strict=True))
    apart = tuple(slice(None) if k % 2 == 0 else None for k in range(2 * rank))
    between = tuple(None if k % 2 == 0 else slice(None) for k in range(2 * rank))
    return np.reshape(x[apart] * y[between], shape)


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """As `np.cross`, for vectors of three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x = np.moveaxis(lift.as_array(a), axisa, -1)
    y = np.moveaxis(lift.as_array(b), axisb, -1)
    if not all(require().equal(v._type.shape[-1], 3) for v in (x, y)):
        raise UnsupportedError(
            "np.cross: vectors must have 3 components",
            got=f"{x._type} and {y._type}",
            loc=user_location(),
        )
    x0, x1, x2 = (x[..., k] for k in range(3))
    y0, y1, y2 = (y[..., k] for k in range(3))
    parts = (x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0)
    result = np.stack(parts, axis=-1)
    return result if result.ndim == 1 else np.moveaxis(result, -1, axisc)


# --- matrices ----------------------------------------------------------------------------------


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """As `np.linalg.norm`: vector norms, and the matrix norms that are sums (fro, 1, inf)."""
    x = lift.as_array(x)
    if not x._type.dtype.is_float:
        x = x.astype(np.float64)
    if axis is None and (ord is None or (ord in ("f", "fro") and x.ndim == 2)):
        flat = x.ravel()
        result = np.sqrt(steady_at_zero(dot(flat, flat)))
        return np.reshape(result, (1,) * x.ndim) if keepdims else result
    if axis is None:
        axis = tuple(range(x.ndim))
    along = axis if isinstance(axis, tuple) else (axis,)
    if len(along) == 1:
        return _vector_norm(x, ord, along[0], keepdims)
    if len(along) == 2:
        return _matrix_norm(x, ord, along, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _vector_norm(x: Tracer, ord: Any, axis: int, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return np.sqrt(steady_at_zero(np.sum(x * x, axis=axis, keepdims=keepdims)))
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
    return np.power(steady_at_zero(total), np.reciprocal(x.dtype.type(ord)))


def _matrix_norm(x: Tracer, ord: Any, along: tuple[int, int], keepdims: bool) -> Any:
    row, column = (one_axis(k, x.ndim) for k in along)
    if ord in (None, "fro", "f"):
        return np.sqrt(steady_at_zero(np.sum(x * x, axis=(row, column), keepdims=keepdims)))
    pick = {
        1: (row, np.max),
        -1: (row, np.min),
        np.inf: (column, np.max),
        -np.inf: (column, np.min),
    }
    if ord not in pick:
        raise UnsupportedError(
            f"np.linalg.norm: ord={ord!r} of a matrix needs singular values", loc=user_location()
        )
    first, best = pick[ord]
    second = column if first == row else row
    sums = np.sum(np.abs(x), axis=first, keepdims=True)
    result = best(sums, axis=second, keepdims=True)
    return result if keepdims else np.squeeze(result, axis=(row, column))


@implements(np.diagonal, np.ndarray.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Tracer:
    """As `np.diagonal`: a read-only result."""
    x = lift.as_array(a)
    first, second = one_axis(axis1, x.ndim), one_axis(axis2, x.ndim)
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    ctx, shift = require(), operator.index(offset)
    starts = (max(-shift, 0), max(shift, 0))
    below, right = x._type.shape[first] - starts[0], x._type.shape[second] - starts[1]
    size = below if ctx.at_least(right, below) else right
    if not ctx.at_least(size, 1):
        starts, size = (0, 0), 0
    why = "assigning to the result of np.diagonal is not allowed in NumPy either"
    return x._read_only_view(why, "diagonal", axes=(first, second), starts=starts, size=size)


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """As `np.diag`."""
    x = lift.as_array(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    shift = operator.index(k)
    padded = np.pad(x, (0, abs(shift)))
    chosen = create.eye(padded.shape[0], k=shift, dtype=bool)
    # above the main diagonal an element stands in the row of its index, below in the column
    placed = padded[:, None] if shift >= 0 else padded
    return np.where(chosen, placed, x.dtype.type(0))


@implements(np.trace, np.ndarray.trace)
def trace(
    a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None
) -> Any:
    """As `np.trace`."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


def _triangle(keep: np.ufunc) -> Any:
    def implementation(m: Any, k: Any = 0) -> Tracer:
        x = lift.as_array(m)
        rows, columns = x.shape[-2:] if x.ndim > 1 else (x.shape[0], x.shape[0])
        row, column = create.arange(rows), create.arange(columns)
        mask = keep(row[:, None] + k, column)
        return np.where(mask, x, x.dtype.type(0))

    return implementation


implements(np.tril)(_triangle(np.greater_equal))
implements(np.triu)(_triangle(np.less_equal))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """As `np.linalg.matrix_power`."""
    x, power = lift.as_array(a), operator.index(n)
    if power < 0:
        x, power = np.linalg.inv(x), -power
    if power == 0:
        return np.broadcast_to(create.eye(x.shape[-1], dtype=x.dtype), x.shape)
    result = None
    while power:
        power, bit = divmod(power, 2)
        if bit:
            result = x if result is None else matmul(result, x)
        if power:
            x = matmul(x, x)
    return result


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """As `np.linalg.multi_dot`; the order of products depends on the sizes in this call."""
    parts = [lift.as_array(a) for a in arrays]
    if len(parts) < 2:
        raise ValueError("Expecting at least two arrays.")
    letters = "abcdefghijklmnopqrstuvwxyz"
    first, last = parts[0].ndim == 1, parts[-1].ndim == 1
    terms = [letters[k : k + 2] for k in range(len(parts))]
    terms[0] = terms[0][1:] if first else terms[0]
    terms[-1] = terms[-1][:1] if last else terms[-1]
    result = ("" if first else letters[0]) + ("" if last else letters[len(parts)])
    product = np.einsum(f"{','.join(terms)}->{result}", *parts)
    return FUNCTIONS["store"]("multi_dot", product, out)


# The names of the array API standard.
for _function, _same in (
    (np.linalg.matmul, matmul),
    (np.linalg.tensordot, tensordot),
    (np.linalg.vecdot, vecdot),
    (np.linalg.cross, cross),
):
    implements(_function)(_same)


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """As `np.linalg.outer`."""
    return outer(x1, x2)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """As `np.linalg.diagonal`: of the last two axes."""
    return diagonal(x, offset, -2, -1)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """As `np.linalg.trace`: of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """As `np.linalg.matrix_norm`."""
    return norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """As `np.linalg.vector_norm`."""
    array = lift.as_array(x)
    if axis is None:
        result = norm(array.ravel(), ord)
        return np.reshape(result, (1,) * array.ndim) if keepdims else result
    if isinstance(axis, tuple) and len(axis) > 1:
        raise UnsupportedError(
            "np.linalg.vector_norm: several axes are not supported", loc=user_location()
        )
    return norm(array, ord, axis, keepdims)
