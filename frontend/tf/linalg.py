"""Products of matrices and vectors, diagonals, norms: what is made of NumPy's traced functions.

Layer: frontend. Decompositions are in decompositions.py.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from . import dtypes, static
from .apply import apply, checked, many, pair
from .convert import convert_to_tensor
from .elementwise import cast
from .errors import InvalidArgumentError
from .sizes import numbers
from .tensors import OPERATORS, Tensor


def transposed(x: Any) -> Any:
    """Each matrix of a stack transposed."""
    return np.swapaxes(x, -1, -2)


# -- products -------------------------------------------------------------------------------------


def _matmul(a: Any, b: Any, *, swap_a: bool, swap_b: bool) -> Any:
    x = np.swapaxes(a, -1, -2) if swap_a else a
    y = np.swapaxes(b, -1, -2) if swap_b else b
    return np.matmul(x, y)


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of matrices, in the last two axes; axes before them are broadcast.

    Raises:
        InvalidArgumentError: sizes do not fit, or an operand has less than two axes.
        ValueError: transpose and adjoint of one operand.
    """
    if (transpose_a and adjoint_a) or (transpose_b and adjoint_b):
        raise ValueError("Only one of `transpose_a` and `adjoint_a` can be True, and the same of b")
    if adjoint_a or adjoint_b:
        transpose_a, transpose_b = transpose_a or adjoint_a, transpose_b or adjoint_b
    x, y = pair("MatMul", a, b)
    op = "MatMul" if x.ndim <= 2 and y.ndim <= 2 else "BatchMatMulV2"
    checked(op, x, "iuf")
    if x._value.ndim < 2 or y._value.ndim < 2:
        raise _wrong_rank(op, x, y)
    try:
        result: Tensor = apply(
            op, _matmul, (x, y), {"swap_a": bool(transpose_a), "swap_b": bool(transpose_b)}
        )
    except InvalidArgumentError:
        raise _wrong_sizes(op, x, y) from None
    return result if output_type is None else cast(result, output_type)


def _wrong_rank(op: str, x: Tensor, y: Tensor) -> InvalidArgumentError:
    for name, t, k in (("a", x, 0), ("b", y, 1)):
        if t.ndim < 2:
            shapes = f"{x.shape.as_list()} and {y.shape.as_list()}"
            return InvalidArgumentError(
                f"In[{k}] ndims must be >= 2: {name} of shapes {shapes} [Op:{op}] name: "
            )
    raise AssertionError


def _wrong_sizes(op: str, x: Tensor, y: Tensor) -> InvalidArgumentError:
    if op == "MatMul":
        a, b = (f"[{','.join(map(str, t.shape))}]" for t in (x, y))
        what = f"Matrix size-incompatible: In[0]: {a}, In[1]: {b}"
    else:
        a, b = (f"[{','.join(map(str, t.shape))}]" for t in (x, y))
        what = f"In[0] mismatch In[1] shape: {a} vs. {b}"
    return InvalidArgumentError(f"{what} [Op:{op}] name: ")


def _matvec(a: Any, b: Any, *, swap: bool) -> Any:
    x = np.swapaxes(a, -1, -2) if swap else a
    return np.matmul(x, b[..., None])[..., 0]


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of a matrix [..., m, n] and a vector [..., n]."""
    x, y = pair("MatMul", a, b)
    if x.ndim < 2 or y.ndim < 1:
        raise _wrong_rank("MatMul", x, y)
    try:
        result: Tensor = apply("MatMul", _matvec, (x, y), {"swap": bool(transpose_a or adjoint_a)})
    except InvalidArgumentError:
        raise _wrong_sizes("MatMul", x, y) from None
    return result


def _tensordot(a: Any, b: Any, *, axes: Any) -> Any:
    return np.tensordot(a, b, axes)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over axes: the last `axes` of a and first of b, or pairs of lists."""
    x, y = pair("Tensordot", a, b)
    chosen: Any = static.known(axes, "the axes of tf.tensordot")
    if isinstance(chosen, (list, tuple, np.ndarray)):
        parts = [static.integers(k, "the axes of tf.tensordot") for k in chosen]
        if len(parts) != 2 or len(parts[0]) != len(parts[1]):
            raise ValueError(f"`axes` must be an integer or have length 2. Received {axes}.")
        chosen = tuple(parts)
    else:
        chosen = int(chosen)
        if not 0 <= chosen <= min(x.ndim, y.ndim):
            raise ValueError(
                f"`axes` must not be larger than the number of dimensions of tensor {x.shape}."
                f" Received {axes}, vs tensor dimensions {x.ndim}."
            )
    try:
        result: Tensor = apply("Tensordot", _tensordot, (x, y), {"axes": chosen})
    except InvalidArgumentError:
        raise InvalidArgumentError(
            f"Matrix size-incompatible: In[0]: {x.shape.as_list()}, In[1]: {y.shape.as_list()},"
            f" axes {axes} [Op:MatMul] name: "
        ) from None
    return result


def _einsum(*xs: Any, equation: str) -> Any:
    return np.einsum(equation, *xs)


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """Sums of products of elements, as an equation of indices says: "ij,jk->ik"."""
    tensors = many("Einsum", inputs)
    text = re.sub(r"\s", "", equation)
    if text.count(",") + 1 != len(tensors):
        raise ValueError(
            f"Got {len(tensors)} inputs for equation {equation!r}, expected {text.count(',') + 1}"
        )
    if "->" not in text:
        letters = re.sub(r"[^A-Za-z]", "", text)
        text += "->" + "".join(sorted({c for c in letters if letters.count(c) == 1}))
    _check_sizes(text, tensors)
    try:
        result: Tensor = apply("Einsum", _einsum, tensors, {"equation": text})
    except InvalidArgumentError as error:
        shapes = ", ".join(str(t.shape.as_list()) for t in tensors)
        raise InvalidArgumentError(
            f"Expected dimensions to fit the equation {equation!r}, got {shapes}: {error.message}"
        ) from None
    return result


def _check_sizes(text: str, tensors: list[Tensor]) -> None:
    """Raise unless a letter of an equation stands for one size (NumPy would repeat size 1)."""
    sizes: dict[str, int] = {}
    for k, (part, t) in enumerate(zip(text.partition("->")[0].split(","), tensors, strict=True)):
        shape = t.shape.as_list()
        head, _, tail = part.partition("...")
        letters = [*zip(head, shape, strict=False)]  # NumPy checks how many there are
        letters += zip(reversed(tail), reversed(shape), strict=False)
        for letter, size in letters:
            if size is None or sizes.setdefault(letter, size) == size:
                continue
            raise InvalidArgumentError(
                f"Expected dimension {sizes[letter]} at axis {part.index(letter)} of the input"
                f" shaped {shape} but got dimension {size} (operand {k} of {text!r}) [Op:Einsum]"
                " name: "
            )


def _cross(a: Any, b: Any) -> Any:
    first, second = np.roll(a, -1, -1), np.roll(b, -1, -1)
    return np.roll(a * second - first * b, -1, -1)


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The cross product of vectors with three elements, in the last axis."""
    x, y = pair("Cross", a, b)
    if x._value.shape != y._value.shape or not x.ndim or x._value.shape[-1] != 3:
        raise InvalidArgumentError(
            f"inputs must be of the same shape [..., 3]: {x.shape.as_list()} vs. "
            f"{y.shape.as_list()} [Op:Cross] name: "
        )
    return apply("Cross", _cross, (x, y))  # type: ignore[no-any-return]


# -- diagonals and triangles ----------------------------------------------------------------------


def _trace(x: Any) -> Any:
    return np.trace(x, axis1=-2, axis2=-1, dtype=x.dtype)


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the diagonal of each matrix."""
    return apply("Trace", _trace, (_matrix("Trace", x),))  # type: ignore[no-any-return]


def _matrix(op: str, x: Any) -> Tensor:
    tensor = convert_to_tensor(x)
    if tensor.ndim < 2:
        raise InvalidArgumentError(
            f"input must be at least 2-dim, received shape: {tensor.shape.as_list()} [Op:{op}]"
            " name: "
        )
    return tensor


def _diag_part(x: Any, *, k: int) -> Any:
    return np.diagonal(x, k, -2, -1)


def diag_part(
    input: Any,
    name: str | None = "diag_part",
    k: Any = 0,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """A diagonal of each matrix; the k-th above the main one."""
    offset = static.integer(k, "k of tf.linalg.diag_part")
    x = _matrix("MatrixDiagPartV3", input)
    return apply("MatrixDiagPartV3", _diag_part, (x,), {"k": offset})  # type: ignore[no-any-return]


def tensor_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a tensor whose second half of axes repeats the first."""
    x = convert_to_tensor(input)
    half = x.ndim // 2
    sizes = [int(s) for s in x.shape]  # type: ignore[arg-type]
    if x.ndim % 2 or sizes[:half] != sizes[half:]:
        raise InvalidArgumentError(
            f"Invalid shape {x.shape.as_list()}: dimensions 0 and {half} do not match."
            " [Op:DiagPart] name: "
        )
    count = int(np.prod(sizes[:half], dtype=np.int64))
    attrs = {"count": count, "shape": tuple(sizes[:half])}
    return apply("DiagPart", _square_diagonal, (x,), attrs)  # type: ignore[no-any-return]


def _square_diagonal(x: Any, *, count: int, shape: tuple[int, ...]) -> Any:
    return np.reshape(np.diagonal(np.reshape(x, (count, count))), shape)


def _diag(x: Any, *, k: int) -> Any:
    size = x.shape[-1] + abs(k)
    rows = numbers(size)
    near = np.clip(rows + min(k, 0), 0, x.shape[-1] - 1)
    on = (rows[None, :] - rows[:, None]) == k
    return np.where(on, np.take(x, near, -1)[..., :, None], x.dtype.type(0))


def diag(
    diagonal: Any,
    name: str | None = "diag",
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with these diagonals, the k-th above the main one, and zeros elsewhere."""
    x = convert_to_tensor(diagonal)
    if not x.ndim:
        raise InvalidArgumentError(
            "diagonal must be at least 1-dim, received shape: [] [Op:MatrixDiagV3] name: "
        )
    offset = static.integer(k, "k of tf.linalg.diag")
    return apply("MatrixDiagV3", _diag, (x,), {"k": offset})  # type: ignore[no-any-return]


def tensor_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor with these elements on the diagonal, of the shape twice after itself."""
    x = convert_to_tensor(diagonal)
    return apply("Diag", _tensor_diag, (x,))  # type: ignore[no-any-return]


def _tensor_diag(x: Any) -> Any:
    return np.reshape(_diag(np.ravel(x), k=0), (*x.shape, *x.shape))


def _set_diag(x: Any, diagonal: Any, *, k: int) -> Any:
    rows, columns = numbers(x.shape[-2]), numbers(x.shape[-1])
    near = np.clip(rows + min(k, 0), 0, diagonal.shape[-1] - 1)
    on = (columns[None, :] - rows[:, None]) == k
    return np.where(on, np.take(diagonal, near, -1)[..., :, None], x)


def set_diag(
    input: Any,
    diagonal: Any,
    name: str | None = "set_diag",
    k: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with another diagonal."""
    x, y = pair("MatrixSetDiagV3", input, diagonal)
    _matrix("MatrixSetDiagV3", x)
    offset = static.integer(k, "k of tf.linalg.set_diag")
    rows, columns = x.shape[-2], x.shape[-1]
    if rows is not None and columns is not None:
        length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
        if y.shape.as_list() != [*x.shape.as_list()[:-2], length]:
            raise InvalidArgumentError(
                f"must have diagonal.shape == input.shape[:-2] + [{length}], but received input"
                f" shape: {x.shape.as_list()} and diagonal shape: {y.shape.as_list()}"
                " [Op:MatrixSetDiagV3] name: "
            )
    return apply("MatrixSetDiagV3", _set_diag, (x, y), {"k": offset})  # type: ignore[no-any-return]


def _band_part(x: Any, *, lower: int, upper: int) -> Any:
    rows, columns = numbers(x.shape[-2])[:, None], numbers(x.shape[-1])[None, :]
    inside = (rows >= 0) & (columns >= 0)
    if lower >= 0:
        inside = inside & (rows - columns <= lower)
    if upper >= 0:
        inside = inside & (columns - rows <= upper)
    return np.where(inside, x, x.dtype.type(0))


def band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros outside of a band around the diagonal; -1 keeps a whole triangle."""
    attrs = {
        "lower": static.integer(num_lower, "num_lower of tf.linalg.band_part"),
        "upper": static.integer(num_upper, "num_upper of tf.linalg.band_part"),
    }
    return apply("MatrixBandPart", _band_part, (_matrix("MatrixBandPart", input),), attrs)  # type: ignore[no-any-return]


def matrix_transpose(
    a: Any, name: str | None = "matrix_transpose", conjugate: bool = False
) -> Tensor:
    """Every matrix transposed: the last two axes swapped."""
    tensor = convert_to_tensor(a)
    if tensor.ndim < 2:
        raise ValueError(f"Argument `a` should be a (batch) matrix with rank >= 2, got {a!r}")
    return apply("Transpose", transposed, (tensor,))  # type: ignore[no-any-return]


adjoint = matrix_transpose

# -- norms ----------------------------------------------------------------------------------------


def _norm(x: Any, *, ord: Any, axis: Any, keepdims: bool) -> Any:
    if ord == "euclidean":
        squares = np.sum(np.square(x), axis=axis, keepdims=keepdims, dtype=x.dtype)
        return np.sqrt(squares)
    return np.linalg.norm(x, ord, axis, keepdims).astype(x.dtype)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The norm of vectors (one axis, or all elements) or of matrices (two axes)."""
    x = checked("Norm", convert_to_tensor(tensor), "f")
    places = static.axes(axis, x.ndim, "Norm")
    kind: Any = ord
    is_matrix = places is not None and len(places) == 2 and not isinstance(axis, int)
    if kind in ("fro", "euclidean"):
        kind = "euclidean"
    elif isinstance(kind, str):
        raise ValueError(f"'ord' must be a supported matrix norm or a number, got {ord!r}")
    elif is_matrix and kind not in (1, 2, np.inf):
        raise ValueError(
            f"'ord' must be a supported matrix norm in ['euclidean', 'fro', 1, inf], got {ord}"
        )
    chosen: Any = places[0] if places is not None and len(places) == 1 else places
    if chosen is None and kind != "euclidean":
        x, chosen = _flat(x), 0
        if keepdims:
            raise ValueError("tf.norm: keepdims of all axes goes with the euclidean norm only")
    attrs = {"ord": kind, "axis": chosen, "keepdims": bool(keepdims)}
    return apply("Norm", _norm, (x,), attrs)  # type: ignore[no-any-return]


def _ravel(x: Any) -> Any:
    return np.ravel(x)


def _flat(x: Tensor) -> Tensor:
    result: Tensor = apply("Reshape", _ravel, (x,))
    return result


def _normalize(x: Any, *, axis: Any, epsilon: Any) -> Any:
    squares = np.sum(np.square(x), axis=axis, keepdims=True, dtype=x.dtype)
    return x * (x.dtype.type(1) / np.sqrt(np.maximum(squares, epsilon)))


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Tensor:
    """Elements divided by the euclidean norm along an axis."""
    tensor = checked("L2Normalize", convert_to_tensor(x), "f")
    places = static.axes(dim if axis is None else axis, tensor.ndim, "L2Normalize")
    attrs = {"axis": places, "epsilon": tensor.dtype.numpy.type(epsilon)}
    return apply("L2Normalize", _normalize, (tensor,), attrs)  # type: ignore[no-any-return]


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Elements divided by the norm along an axis, and the norm."""
    x = convert_to_tensor(tensor)
    length = norm(x, ord, axis, keepdims=True)
    return OPERATORS["truediv"](x, length), length


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The root of the sum of all squares in several tensors; None counts as nothing."""
    tensors = [convert_to_tensor(t) for t in t_list if t is not None]
    if not tensors:
        return Tensor(np.float32(0), dtypes.float32)
    return apply("GlobalNorm", _global_norm, many("GlobalNorm", tensors))  # type: ignore[no-any-return]


def _global_norm(*xs: Any) -> Any:
    total = xs[0].dtype.type(0)
    for x in xs:
        total = total + np.sum(np.square(x), dtype=x.dtype)
    return np.sqrt(total)


OPERATORS["matmul"] = matmul


def _rmatmul(x: Any, y: Any) -> Tensor:
    return matmul(y, x)


OPERATORS["rmatmul"] = _rmatmul
