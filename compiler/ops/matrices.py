"""Linear systems and factors of matrices, done by LAPACK for each matrix of a stack.

Layer: compiler/ops. LAPACK's matrices lie column by column and ours row by row, so what it does
with a matrix it does with the transpose of ours. The ops say so: their systems have the unknowns on
the left, x a = b, with the right-hand sides as rows of b. Whoever has a x = b transposes both, as
views; the copies that LAPACK overwrites are made through them.

Factors are results of an op of their own, so that what needs the factors of one matrix (a solution,
its derivative, a determinant) shares them. Derivatives take no way through them: ops that read
factors have the matrix itself as an operand, too, to which its derivative goes.

No op fails. A number says how LAPACK has ended; `require_success` raises the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.batching import BatchSite, Mapped
from ..ir.builder import GraphBuilder
from ..ir.derivative import Contribution, Rules, Site, pointwise
from ..ir.opdef import REGISTRY, Kind, Routine, op
from ..ir.term import Term, matmul
from ..ir.types import DType, TensorType
from .elementwise import elementwise
from .infer import check_shapes, shown
from .scalar import STATUS_NOT_POSITIVE_DEFINITE, STATUS_SINGULAR, Scalar, ScalarBuilder

Types = tuple[TensorType, ...]
Attrs = Mapping[str, Any]

# The bit of the status, and the words of NumPy's LinAlgError.
FAILURES: Mapping[str, tuple[int, str]] = {
    "singular": (STATUS_SINGULAR, "Singular matrix"),
    "not positive definite": (STATUS_NOT_POSITIVE_DEFINITE, "Matrix is not positive definite"),
}


def _square(name: str, a: TensorType) -> None:
    if a.dtype not in (DType.F32, DType.F64):
        raise DTypeError(f"{name}: needs matrices of f32 or f64", got=str(a))
    if a.rank < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"{name}: needs a stack of square matrices", got=str(a))


def _rows(name: str, a: TensorType, b: TensorType) -> None:
    """Check that the rows of b fit the square matrices of a."""
    _square(name, a)
    got = shown((a, b))
    if b.dtype != a.dtype:
        raise DTypeError(f"{name}: needs arrays of one dtype", got=got)
    if b.rank != a.rank or b.shape[:-2] != a.shape[:-2] or b.shape[-1] != a.shape[-1]:
        raise ShapeError(f"{name}: needs rows as long as those of the matrices", got=got)


def _factored(name: str, a: TensorType, factors: TensorType, pivots: TensorType) -> None:
    """Check the results of `lu` that come with a matrix."""
    _square(name, a)
    if factors != a or pivots != TensorType(DType.I32, a.shape[:-1]):
        raise ShapeError(f"{name}: these are no factors of it", got=shown((a, factors, pivots)))


def flipped(x: Term) -> Term:
    """The last two axes swapped."""
    return x.transpose([*range(x.rank - 2), x.rank - 1, x.rank - 2])


def _emit(builder: GraphBuilder, name: str, *operands: Term, **attrs: Any) -> list[Term]:
    """The results of an op with several of them."""
    node = builder.emit_node(REGISTRY[name], [x.value for x in operands], **attrs)
    return [Term(builder, v) for v in node.outputs]


def _stack(site: BatchSite, name: str) -> list[Mapped]:
    """The rule of ops for which the examples are one more axis of the stack."""
    return [Mapped(t, True) for t in _emit(site.builder, name, *site.wholes(), **site.attrs)]


def _positions(x: Term, axis: int) -> Term:
    """The index along one axis, at each element of an array of the shape of x."""
    size = x.shape[axis]
    numbers = x.builder.emit_once(REGISTRY["iota"], size=size, dtype=DType.I64)
    return Term(x.builder, numbers).broadcast(x.shape, [axis % x.rank])


def _triangle(x: Term, lower: bool) -> Term:
    """x, with zeros on the other side of the diagonal."""
    row, column = _positions(x, -2), _positions(x, -1)
    return (row >= column if lower else row <= column).select(x, 0)


def _half(x: Term) -> Term:
    """The lower triangle of x, with half of the diagonal."""
    row, column = _positions(x, -2), _positions(x, -1)
    return (row > column).select(x, row.eq(column).select(x * 0.5, 0))


def _each(shape: Sequence[int], apply: Callable[..., None]) -> None:
    for index in np.ndindex(*shape):
        apply(index)


def _lapack(name: str, x: Any) -> Any:
    from scipy.linalg import lapack  # slow to import, and needed by references alone

    return getattr(lapack, ("s" if x.dtype == np.float32 else "d") + name)


# --- lu ----------------------------------------------------------------------------------------


def _lu_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (a,) = types
    _square("lu", a)
    batch = a.shape[:-2]
    return a, TensorType(DType.I32, a.shape[:-1]), TensorType(DType.I32, batch)


def _lu_reference(a: Any) -> tuple[Any, Any, Any]:
    factors = np.array(a)
    pivots = np.zeros(a.shape[:-1], np.int32)
    info = np.zeros(a.shape[:-2], np.int32)

    def one(index: tuple[int, ...]) -> None:
        found, swaps, info[index] = _lapack("getrf", a)(a[index].T)
        factors[index], pivots[index] = found.T, swaps + 1

    if a.size:
        _each(a.shape[:-2], one)
    return factors, pivots, info


LU = op(
    "lu",
    Kind.MATRIX,
    arity=1,
    infer=_lu_infer,
    reference=_lu_reference,
    routine=Routine("getrf", (0, None, None)),
    batch=lambda site: _stack(site, "lu"),
    # what reads the factors has derivatives with respect to the matrix
    derivative=Rules(vjp=lambda site, cts: [None], jvp=lambda site, tangents: [None] * 3),
    cost=100.0,
    doc="For square matrices a, as LAPACK's getrf for their transposes: both factors in one matrix,"
    " the rows that were swapped (i32, from 1), and an i32 that is 0 unless a is singular.",
)


# --- lu_solve ----------------------------------------------------------------------------------


def _lu_solve_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    a, factors, pivots, b = types
    _factored("lu_solve", a, factors, pivots)
    _rows("lu_solve", a, b)
    return (b,)


def _lu_solve_reference(a: Any, factors: Any, pivots: Any, b: Any, *, transposed: bool) -> Any:
    result = np.array(b)

    def one(index: tuple[int, ...]) -> None:
        solve, swaps = _lapack("getrs", b), pivots[index] - 1
        result[index] = solve(factors[index].T, swaps, b[index].T, trans=transposed)[0].T

    if b.size:
        _each(b.shape[:-2], one)
    return result


def _lu_solve_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,), (a, factors, pivots, _), transposed = cts, site.operands, site.attrs["transposed"]
    assert ct is not None
    rows = a.op("lu_solve", factors, pivots, ct, transposed=not transposed)
    left, right = (rows, site.result) if transposed else (site.result, rows)
    of_a = -matmul(flipped(left), right) if site.wanted[0] else None
    return [of_a, None, None, rows]


def _lu_solve_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    (a, factors, pivots, _), (a_dot, _, _, b_dot) = site.operands, tangents
    rest = b_dot
    if a_dot is not None:
        product = matmul(site.result, flipped(a_dot) if site.attrs["transposed"] else a_dot)
        rest = -product if rest is None else rest - product
    if rest is None:
        return [None]
    return [a.op("lu_solve", factors, pivots, rest, **site.attrs)]


def _lu_solve_batch(site: BatchSite) -> Term:
    """Where all examples share the matrix, their right-hand sides are rows of one system."""
    a, factors, pivots, b = site.operands
    if b.example.rank > 2 or any(x.is_mapped for x in (a, factors, pivots)):
        first, *others = site.wholes()
        return first.op("lu_solve", *others, **site.attrs)
    size, count, length = b.term.shape
    rows = b.term.reshape((size * count, length))
    solved = a.term.op("lu_solve", factors.term, pivots.term, rows, **site.attrs)
    return solved.reshape((size, count, length))


LU_SOLVE = op(
    "lu_solve",
    Kind.MATRIX,
    arity=4,
    infer=_lu_solve_infer,
    reference=_lu_solve_reference,
    routine=Routine("getrs", (3,), unread=(0,)),
    batch=_lu_solve_batch,
    derivative=Rules(vjp=_lu_solve_vjp, jvp=_lu_solve_jvp),
    attrs=("transposed",),
    cost=100.0,
    doc="x of x a = b, of x a' = b if `transposed`, for matrices a, their factors and pivots (see"
    " lu), and rows b. Without meaning where a is singular.",
)


# --- log_determinant ---------------------------------------------------------------------------


def _log_determinant_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    a, factors, pivots = types
    _factored("log_determinant", a, factors, pivots)
    found = a.with_shape(a.shape[:-2])
    return found, found


def _log_determinant_reference(a: Any, factors: Any, pivots: Any) -> tuple[Any, Any]:
    diagonal = np.diagonal(factors, 0, -2, -1)
    swaps = np.sum(pivots != np.arange(1, a.shape[-1] + 1), axis=-1)
    signs = np.where(diagonal < 0, -1, 1).astype(a.dtype)
    sign = np.prod(signs, axis=-1) * np.where(swaps % 2, -1, 1).astype(a.dtype)
    with np.errstate(divide="ignore"):
        log = np.sum(np.log(np.abs(diagonal)), axis=-1)
    singular = np.any(diagonal == 0, axis=-1)
    zero, least = a.dtype.type(0), a.dtype.type(-np.inf)
    return np.where(singular, zero, sign), np.where(singular, least, log)


def _log_determinant_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    """The derivative of the logarithm is the transpose of the inverse."""
    ct, (a, factors, pivots) = cts[1], site.operands
    if ct is None:
        return [None, None, None]
    identity = _positions(a, -2).eq(_positions(a, -1)).select(a.full(1), 0)
    inverse = a.op("lu_solve", factors, pivots, identity, transposed=True)
    return [ct.spread(a.shape, (a.rank - 2, a.rank - 1)) * inverse, None, None]


def _log_determinant_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    (a, factors, pivots), a_dot = site.operands, tangents[0]
    if a_dot is None:
        return [None, None]
    ratio = a.op("lu_solve", factors, pivots, a_dot, transposed=False)
    on_diagonal = _positions(a, -2).eq(_positions(a, -1)).select(ratio, 0)
    return [None, on_diagonal.sum([a.rank - 2, a.rank - 1])]


LOG_DETERMINANT = op(
    "log_determinant",
    Kind.MATRIX,
    arity=3,
    infer=_log_determinant_infer,
    reference=_log_determinant_reference,
    routine=Routine("log_determinant", (None, None), unread=(0,)),
    batch=lambda site: _stack(site, "log_determinant"),
    derivative=Rules(vjp=_log_determinant_vjp, jvp=_log_determinant_jvp),
    cost=10.0,
    doc="The sign (-1, 0 or 1) of the determinant of each matrix, and the logarithm of its absolute"
    " value, for matrices, their factors and pivots (see lu).",
)


# --- triangular_solve --------------------------------------------------------------------------


def _triangular_solve_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    a, b = types
    _rows("triangular_solve", a, b)
    return (b,)


def _triangular_solve_reference(a: Any, b: Any, *, lower: bool, transposed: bool) -> Any:
    from scipy.linalg import blas  # slow to import, and needed by references alone

    result = np.array(b)
    solve = blas.strsm if b.dtype == np.float32 else blas.dtrsm

    def one(index: tuple[int, ...]) -> None:
        trans = not transposed
        found = solve(1.0, a[index], b[index].T, lower=lower, trans_a=trans)
        result[index] = found.T

    if b.size:
        _each(b.shape[:-2], one)
    return result


def _triangular_solve_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,), (a, _), transposed = cts, site.operands, site.attrs["transposed"]
    assert ct is not None
    lower = site.attrs["lower"]
    rows = a.op("triangular_solve", ct, lower=lower, transposed=not transposed)
    left, right = (rows, site.result) if transposed else (site.result, rows)
    of_a = _triangle(-matmul(flipped(left), right), lower) if site.wanted[0] else None
    return [of_a, rows]


def _triangular_solve_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    (a, _), (a_dot, b_dot), rest = site.operands, tangents, tangents[1]
    if a_dot is not None:
        part = _triangle(a_dot, site.attrs["lower"])
        product = matmul(site.result, flipped(part) if site.attrs["transposed"] else part)
        rest = -product if b_dot is None else b_dot - product
    return [None if rest is None else a.op("triangular_solve", rest, **site.attrs)]


def _triangular_solve_batch(site: BatchSite) -> Term:
    a, b = site.operands
    if b.example.rank > 2 or a.is_mapped:
        first, second = site.wholes()
        return first.op("triangular_solve", second, **site.attrs)
    size, count, length = b.term.shape
    rows = b.term.reshape((size * count, length))
    solved = a.term.op("triangular_solve", rows, **site.attrs)
    return solved.reshape((size, count, length))


TRIANGULAR_SOLVE = op(
    "triangular_solve",
    Kind.MATRIX,
    arity=2,
    infer=_triangular_solve_infer,
    reference=_triangular_solve_reference,
    routine=Routine("trsm", (1,)),
    batch=_triangular_solve_batch,
    derivative=Rules(vjp=_triangular_solve_vjp, jvp=_triangular_solve_jvp),
    attrs=("lower", "transposed"),
    cost=50.0,
    doc="x of x a = b, of x a' = b if `transposed`, where a is the lower or upper triangle of the"
    " matrix; the other one is not read.",
)


# --- cholesky ----------------------------------------------------------------------------------


def _cholesky_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (a,) = types
    _square("cholesky", a)
    return a, TensorType(DType.I32, a.shape[:-2])


def _cholesky_reference(a: Any) -> tuple[Any, Any]:
    factors = np.array(a)
    info = np.zeros(a.shape[:-2], np.int32)

    def one(index: tuple[int, ...]) -> None:
        found, info[index] = _lapack("potrf", a)(a[index].T, lower=False, clean=True)
        factors[index] = np.nan if info[index] else found.T

    if a.size:
        _each(a.shape[:-2], one)
    return factors, info


def _cholesky_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    """Iain Murray, "Differentiation of the Cholesky decomposition", 2016, section 4."""
    ct, factor = cts[0], site.results[0]
    if ct is None:
        return [None]
    inner = _half(matmul(flipped(factor), ct))
    rows = factor.op("triangular_solve", inner, lower=True, transposed=False)
    found = factor.op("triangular_solve", flipped(rows), lower=True, transposed=False)
    return [(found + flipped(found)) * 0.5]


def _cholesky_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    a_dot, factor = tangents[0], site.results[0]
    if a_dot is None:
        return [None, None]
    a_dot = (a_dot + flipped(a_dot)) * 0.5
    rows = factor.op("triangular_solve", a_dot, lower=True, transposed=True)
    inner = factor.op("triangular_solve", flipped(rows), lower=True, transposed=True)
    return [matmul(factor, _half(inner)), None]


CHOLESKY = op(
    "cholesky",
    Kind.MATRIX,
    arity=1,
    infer=_cholesky_infer,
    reference=_cholesky_reference,
    routine=Routine("potrf", (0, None)),
    batch=lambda site: _stack(site, "cholesky"),
    derivative=Rules(vjp=_cholesky_vjp, jvp=_cholesky_jvp),
    cost=50.0,
    doc="The lower triangular L of symmetric positive definite matrices L L', of which the lower"
    " triangle is read, and an i32 that is 0 unless there is none; then L is nan.",
)


# --- require_success ---------------------------------------------------------------------------


def _require_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    x, info = types
    if info.dtype is not DType.I32 or attrs["failure"] not in FAILURES:
        raise DTypeError("require_success: needs an i32 and a known failure", got=shown(types))
    check_shapes("require_success", types)
    return (x,)


def _require_reference(x: Any, info: Any, *, failure: str) -> Any:
    if np.any(info):
        raise np.linalg.LinAlgError(FAILURES[failure][1])
    return np.asarray(x)


def _require_lower(s: ScalarBuilder, x: Scalar, info: Scalar, *, failure: str) -> Scalar:
    s.flag(info.ne(0), FAILURES[failure][0])
    return x


REQUIRE_SUCCESS = elementwise(
    "require_success",
    2,
    infer=_require_infer,
    reference=_require_reference,
    lower=_require_lower,
    harmless=lambda k, dtype: 0 if k == 1 else None,
    derivative=pointwise(lambda ct, out, x, info, failure: ct, None),
    attrs=("failure",),
    cost=2.0,
    doc="x; an error when the program runs if the i32 says that LAPACK has not succeeded.",
)
