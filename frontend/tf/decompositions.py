"""Inverses, determinants, solutions and decompositions of matrices.

Layer: frontend. Concrete matrices go to NumPy and SciPy. Inverse, determinant, solve and Cholesky
are also part of traced functions, and have derivatives; there, results are nan where a matrix has
no inverse or no factor. Eigenvalues, singular values and the like run eagerly only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..numpy_api import systems
from ..tracer import Tracer
from . import dtypes
from .apply import apply, checked, pair
from .convert import convert_to_tensor
from .elementwise import abs, log, sign
from .errors import InvalidArgumentError
from .linalg import transposed
from .static import value
from .tensors import Tensor


def _scipy_linalg() -> Any:
    from scipy import linalg  # takes longer to import than the rest of the package

    return linalg


def _square(op: str, x: Any) -> Tensor:
    tensor = checked(op, convert_to_tensor(x), "f")
    sizes = tensor._value.shape
    if len(sizes) < 2 or sizes[-1] != sizes[-2]:
        raise InvalidArgumentError(
            f"Input matrix must be square, got shape {tensor.shape.as_list()} [Op:{op}] name: "
        )
    return tensor


# -- systems --------------------------------------------------------------------------------------


def _inv(x: Any, *, adjoint: bool) -> Any:
    a = transposed(x) if adjoint else x
    if type(a) is Tracer:
        return systems.inverse_or_nan(a)
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise _not_invertible("MatrixInverse") from None


def _not_invertible(op: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"Input is not invertible. [Op:{op}] name: ")


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverse of each matrix.

    Raises:
        InvalidArgumentError: a matrix is not square, or has no inverse.
    """
    attrs = {"adjoint": bool(adjoint)}
    return apply("MatrixInverse", _inv, (_square("MatrixInverse", input),), attrs)  # type: ignore[no-any-return]


def _solve(a: Any, b: Any, *, adjoint: bool) -> Any:
    matrix = transposed(a) if adjoint else a
    if type(matrix) is Tracer or type(b) is Tracer:
        return systems.solution_or_nan(matrix, b)
    try:
        return np.linalg.solve(matrix, b)
    except np.linalg.LinAlgError:
        raise _not_invertible("MatrixSolve") from None


def _system(op: str, matrix: Any, rhs: Any) -> tuple[Tensor, Tensor]:
    a, b = pair(op, matrix, rhs)
    _square(op, a)
    if b.ndim < 2 or b._value.shape[-2] != a._value.shape[-1]:
        raise InvalidArgumentError(
            f"Input matrix and right hand side must have the same number of rows: "
            f"{a.shape.as_list()} and {b.shape.as_list()} [Op:{op}] name: "
        )
    return a, b


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x of matrix x = rhs. matrix: [..., n, n], rhs: [..., n, k].

    Raises:
        InvalidArgumentError: sizes do not fit, or the matrix has no inverse.
    """
    operands = _system("MatrixSolve", matrix, rhs)
    return apply("MatrixSolve", _solve, operands, {"adjoint": bool(adjoint)})  # type: ignore[no-any-return]


def _triangular(a: Any, b: Any, *, lower: bool, adjoint: bool) -> Any:
    size = int(a.shape[-1])
    rows, columns = np.arange(size)[:, None], np.arange(size)
    keep = rows >= columns if lower else rows <= columns
    return _solve(np.where(keep, a, a.dtype.type(0)), b, adjoint=adjoint)


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """As `solve`, of the lower or upper triangle of the matrix."""
    operands = _system("MatrixTriangularSolve", matrix, rhs)
    attrs = {"lower": bool(lower), "adjoint": bool(adjoint)}
    return apply("MatrixTriangularSolve", _triangular, operands, attrs)  # type: ignore[no-any-return]


def _cholesky_solve(factor: Any, b: Any) -> Any:
    half = _triangular(factor, b, lower=True, adjoint=False)
    return _triangular(factor, half, lower=True, adjoint=True)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """x of L L' x = rhs, of Cholesky's factor L."""
    return apply("CholeskySolve", _cholesky_solve, _system("CholeskySolve", chol, rhs))  # type: ignore[no-any-return]


def lstsq(
    matrix: Any,
    rhs: Any,
    l2_regularizer: float = 0.0,
    fast: bool = True,
    name: str | None = None,
) -> Tensor:
    """x of the smallest |matrix x - rhs|^2 + l2_regularizer |x|^2."""
    a, b = pair("MatrixSolveLs", matrix, rhs)
    attrs = {"regularizer": a.dtype.numpy.type(l2_regularizer)}
    return apply("MatrixSolveLs", _least_squares, (a, b), attrs)  # type: ignore[no-any-return]


def _least_squares(a: Any, b: Any, *, regularizer: Any) -> Any:
    rows, columns = a.shape[-2:]
    concrete = type(a) is not Tracer and type(b) is not Tracer
    if concrete and not regularizer and a.ndim == 2:
        return np.linalg.lstsq(a, b)[0].astype(a.dtype)
    if rows >= columns:
        inner = np.matmul(transposed(a), a) + regularizer * np.eye(columns, dtype=a.dtype)
        return _solve(inner, np.matmul(transposed(a), b), adjoint=False)
    inner = np.matmul(a, transposed(a)) + regularizer * np.eye(rows, dtype=a.dtype)
    return np.matmul(transposed(a), _solve(inner, b, adjoint=False))


# -- determinants ---------------------------------------------------------------------------------


def _det(x: Any) -> Any:
    return np.linalg.det(x)


def det(input: Any, name: str | None = None) -> Tensor:
    """The determinant of each matrix."""
    return apply("MatrixDeterminant", _det, (_square("MatrixDeterminant", input),))  # type: ignore[no-any-return]


class LogMatrixDeterminant(NamedTuple):
    """The sign of a determinant and the logarithm of its absolute value."""

    sign: Tensor
    log_abs_determinant: Tensor


def _slogdet(x: Any) -> tuple[Any, Any]:
    found = np.linalg.slogdet(x)
    return found[0], found[1]


def slogdet(input: Any, name: str | None = None) -> LogMatrixDeterminant:
    """The sign of each determinant and the logarithm of its absolute value."""
    x = _square("LogMatrixDeterminant", input)
    determinant = apply("MatrixDeterminant", _det, (x,))
    found = LogMatrixDeterminant(sign(determinant), log(abs(determinant)))
    if x.is_symbolic or not np.isinf(np.asarray(found.log_abs_determinant)).any():
        return found
    exact = _slogdet(x._concrete("slogdet"))  # it is too large or too small for a float
    return LogMatrixDeterminant(*[convert_to_tensor(np.asarray(part)) for part in exact])


def _logdet(x: Any) -> Any:
    factor = _cholesky(x)
    diagonal = np.diagonal(factor, 0, -2, -1)
    return x.dtype.type(2) * np.sum(np.log(diagonal), axis=-1)


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """The logarithm of the determinant of symmetric positive definite matrices."""
    return apply("LogDet", _logdet, (_square("Cholesky", matrix),))  # type: ignore[no-any-return]


# -- decompositions -------------------------------------------------------------------------------


def _cholesky(x: Any) -> Any:
    if type(x) is Tracer:
        return systems.factor_or_nan(x)
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError(
            "Cholesky decomposition was not successful. The input might not be valid."
            " [Op:Cholesky] name: "
        ) from None


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """The lower triangular L of symmetric positive definite matrices L L'."""
    return apply("Cholesky", _cholesky, (_square("Cholesky", input),))  # type: ignore[no-any-return]


def _tensors(arrays: Any) -> list[Tensor]:
    return [convert_to_tensor(np.asarray(a)) for a in arrays]


def _symmetric(x: Any) -> Any:
    """TensorFlow reads the lower triangle only."""
    lower = np.tril(x)
    return lower + transposed(np.tril(x, -1))


def eigh(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues, in increasing order, and eigenvectors of symmetric matrices. Eagerly only."""
    x = _square("SelfAdjointEigV2", tensor)
    values, vectors = np.linalg.eigh(_symmetric(value(x, "linalg.eigh")))
    found = _tensors((values, vectors))
    return found[0], found[1]


def eigvalsh(tensor: Any, name: str | None = None) -> Tensor:
    """Eigenvalues of symmetric matrices, in increasing order. Eagerly only."""
    return eigh(tensor)[0]


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Singular values s, and U and V of each matrix U s V'. Eagerly only."""
    array = value(checked("Svd", convert_to_tensor(tensor), "f"), "linalg.svd")
    if not compute_uv:
        return convert_to_tensor(np.linalg.svd(array, compute_uv=False))
    u, s, v = np.linalg.svd(array, full_matrices)
    return tuple(_tensors((s, u, transposed(v))))


class Qr(NamedTuple):
    """Orthogonal q and upper triangular r."""

    q: Tensor
    r: Tensor


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """q with orthonormal columns and upper triangular r of each matrix q r. Eagerly only."""
    array = value(checked("Qr", convert_to_tensor(input), "f"), "linalg.qr")
    return Qr(*_tensors(np.linalg.qr(array, "complete" if full_matrices else "reduced")))


class Lu(NamedTuple):
    """Both triangles in one matrix, and the permutation of the rows."""

    lu: Tensor
    p: Tensor


def lu(input: Any, output_idx_type: Any = dtypes.int32, name: str | None = None) -> Lu:
    """Both triangles of each matrix, and the permutation of its rows. Eagerly only."""
    array = value(_square("Lu", input), "linalg.lu")
    size = array.shape[-1]
    flat = array.reshape(-1, size, size)
    factors, orders = np.empty_like(flat), np.empty((len(flat), size), np.int64)
    for k, matrix in enumerate(flat):
        factors[k], swaps = _scipy_linalg().lu_factor(matrix)
        order = np.arange(size)
        for i, j in enumerate(swaps):
            order[[i, j]] = order[[j, i]]
        orders[k] = order
    wanted = dtypes.as_dtype(output_idx_type).numpy
    orders = orders.reshape(array.shape[:-1]).astype(wanted)
    return Lu(*_tensors((factors.reshape(array.shape), orders)))


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The pseudo-inverse of each matrix. Eagerly only."""
    array = value(checked("Pinv", convert_to_tensor(a), "f"), "linalg.pinv")
    limit = 10.0 * max(array.shape[-2:]) * np.finfo(array.dtype).eps if rcond is None else rcond
    return convert_to_tensor(np.linalg.pinv(array, float(limit)).astype(array.dtype))


def matrix_rank(
    a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """The rank of each matrix (int32). Eagerly only."""
    array = value(checked("MatrixRank", convert_to_tensor(a), "f"), "linalg.matrix_rank")
    return convert_to_tensor(np.asarray(np.linalg.matrix_rank(array, tol)).astype(np.int32))


def _matrix_function(name_: str, op: str, doc: str) -> Any:
    def function(input: Any, name: str | None = None) -> Tensor:
        array = value(_square(op, input), f"linalg.{name_}")
        flat = array.reshape(-1, *array.shape[-2:])
        found = np.stack([np.real(getattr(_scipy_linalg(), name_)(m)) for m in flat])
        return convert_to_tensor(found.reshape(array.shape).astype(array.dtype))

    function.__doc__ = f"The {doc} of each matrix. Eagerly only."
    return function


expm = _matrix_function("expm", "MatrixExponential", "exponential")
logm = _matrix_function("logm", "MatrixLogarithm", "logarithm")
sqrtm = _matrix_function("sqrtm", "MatrixSquareRoot", "square root")
