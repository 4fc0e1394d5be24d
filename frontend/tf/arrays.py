"""Making tensors, and asking for their sizes: zeros, fill, range, one_hot, shape, size, rank.

Layer: frontend. What has no tensor operands is a concrete array, or, while a function is traced,
part of its program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..numpy_api import create
from . import dtypes, static
from .apply import apply, checked, many
from .convert import convert_to_tensor
from .elementwise import cast
from .errors import InvalidArgumentError
from .shapes import TensorShape
from .tensors import OPERATORS, STATE, Tensor

# -- constant elements ----------------------------------------------------------------------------


def full(shape: tuple[Any, ...], value: Any, dtype: dtypes.DType) -> Tensor:
    """A tensor with one value everywhere."""
    if dtype is dtypes.string:
        array = np.empty(shape, object)
        array[...] = value
        return Tensor(array, dtype)
    if STATE.function is not None and shape:
        return Tensor(create.full(shape, value, dtype.numpy), dtype)
    array = np.full(shape, value, dtype.numpy)
    return Tensor(array if shape else array[()], dtype)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of zeros (False, empty strings)."""
    wanted = dtypes.as_dtype(dtype)
    return full(static.shape(shape, "Fill"), b"" if wanted is dtypes.string else 0, wanted)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of ones (True)."""
    return full(static.shape(shape, "Fill"), 1, dtypes.as_dtype(dtype))


def _zeros_like(x: Any, *, dtype: np.dtype) -> Any:
    return np.zeros_like(x, dtype=dtype)


def _ones_like(x: Any, *, dtype: np.dtype) -> Any:
    return np.ones_like(x, dtype=dtype)


def zeros_like(
    input: Any, dtype: Any = None, name: str | None = None, layout: Any = None
) -> Tensor:
    """Zeros of the shape of a tensor, and of its dtype unless another one is given."""
    x = convert_to_tensor(input)
    wanted = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    if dtypes.string in (wanted, x.dtype):
        return zeros(x.shape, wanted)
    return apply("ZerosLike", _zeros_like, (x,), {"dtype": wanted.numpy})  # type: ignore[no-any-return]


def ones_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Tensor:
    """Ones of the shape of a tensor, and of its dtype unless another one is given."""
    x = convert_to_tensor(input)
    wanted = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    if x.dtype is dtypes.string:
        return ones(x.shape, wanted)
    return apply("OnesLike", _ones_like, (x,), {"dtype": wanted.numpy})  # type: ignore[no-any-return]


def _fill(value: Any, *, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(value, shape)


def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Tensor:
    """A tensor of a shape with one value everywhere."""
    shape, scalar = static.shape(dims, "Fill"), convert_to_tensor(value)
    if scalar.dtype is dtypes.string:
        return full(shape, scalar.numpy(), scalar.dtype)
    return apply("Fill", _fill, (scalar,), {"shape": shape})  # type: ignore[no-any-return]


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Identity matrices: ones on the diagonal, zeros elsewhere."""
    rows = static.integer(num_rows, "num_rows of tf.eye")
    columns = rows if num_columns is None else static.integer(num_columns, "num_columns of tf.eye")
    batch = () if batch_shape is None else static.shape(batch_shape, "eye")
    wanted = dtypes.as_dtype(dtype)
    one = np.eye(rows, columns, dtype=wanted.numpy)
    return Tensor(np.broadcast_to(one, (*batch, rows, columns)).copy(), wanted)


# -- sequences ------------------------------------------------------------------------------------


def _count_up(first: Any, step: Any, *, count: Any, dtype: np.dtype) -> Any:
    return first + np.arange(count).astype(dtype) * step


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = "range"
) -> Tensor:
    """Numbers from `start` (0 if only one is given) up to but not `limit`, `delta` apart."""
    first, stop = (0, start) if limit is None else (start, limit)
    if dtype is None:
        wanted = _widest([convert_to_tensor(x).dtype for x in (first, stop, delta)])
    else:
        wanted = dtypes.as_dtype(dtype)
    bounds = [_bound(x, wanted) for x in (first, stop, delta)]
    low, high, step = bounds
    if step == 0:
        raise InvalidArgumentError("Requires delta != 0: 0 [Op:Range] name: ")
    if (low > high and step > 0) or (low < high and step < 0):
        relation = "start <= limit when delta > 0" if step > 0 else "start >= limit when delta < 0"
        raise InvalidArgumentError(f"Requires {relation}: {low}/{high} [Op:Range] name: ")
    if not isinstance(high, (int, float)) or not isinstance(low, (int, float)):  # symbolic sizes
        return Tensor(create.arange(low, high, step, dtype=wanted.numpy), wanted)
    return Tensor(np.arange(low, high, step, dtype=wanted.numpy), wanted)


def _widest(found: list[dtypes.DType]) -> dtypes.DType:
    order = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)
    return max((d if d in order else dtypes.int32 for d in found), key=order.index)


def _bound(x: Any, wanted: dtypes.DType) -> Any:
    if wanted.is_integer:
        return static.integer(x, "a bound of tf.range")
    found = static.known(x, "a bound of tf.range")
    return found.item() if isinstance(found, (np.ndarray, np.generic)) else found


def _linspace(start: Any, stop: Any, *, num: int, axis: int) -> Any:
    made = np.linspace(start, stop, num, dtype=start.dtype, axis=axis)
    return made


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Tensor:
    """`num` numbers from `start` to `stop`, both included, along a new axis."""
    count = static.integer(num, "num of tf.linspace")
    if count < 0:
        raise InvalidArgumentError(f"Requires num >= 0: {count} [Op:LinSpace] name: ")
    tensors = many("LinSpace", [start, stop])
    if tensors[0].dtype.is_integer:
        tensors = [cast(t, dtypes.float64) for t in tensors]
    place = static.axis(axis, max(t.ndim for t in tensors) + 1, "LinSpace")
    return apply("LinSpace", _linspace, tensors, {"num": count, "axis": place})  # type: ignore[no-any-return]


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinates of a grid, one tensor for each vector given."""
    if indexing not in ("xy", "ij"):
        raise ValueError(
            f"Argument `indexing` parameter must be either 'xy' or 'ij', got '{indexing}'"
        )
    tensors = [convert_to_tensor(x) for x in args]
    return list(apply("Meshgrid", _meshgrid, tensors, {"indexing": indexing})) if tensors else []


def _meshgrid(*xs: Any, indexing: Any) -> tuple[Any, ...]:
    return tuple(np.meshgrid(*[np.ravel(x) for x in xs], indexing=indexing))


def _one_hot(indices: Any, on: Any, off: Any, *, depth: int, axis: int) -> Any:
    at = np.expand_dims(indices, axis)
    shape = [1] * at.ndim
    shape[axis] = depth
    return np.where(at == np.reshape(np.arange(depth).astype(indices.dtype), shape), on, off)


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """`on_value` (1) at the position that each index names along a new axis, else `off_value` (0).

    Args:
        indices: integers; those outside of [0, depth) give only `off_value`.
        depth: the size of the new axis.
        on_value: a scalar.
        off_value: a scalar.
        axis: where the new axis is in the result; the last by default.
        dtype: of the result, float32 if neither it nor the values say another one.
        name: for TensorFlow's signature.
    """
    x = checked("OneHot", convert_to_tensor(indices), "iu")
    count = static.integer(depth, "the depth of tf.one_hot")
    if count < 0:
        raise InvalidArgumentError(f"depth must be non-negative, got: {count} [Op:OneHot] name: ")
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    given = [v for v in (on_value, off_value) if v is not None]
    if wanted is None:
        wanted = convert_to_tensor(given[0]).dtype if given else dtypes.float32
    scalars = [
        convert_to_tensor(default if v is None else v, wanted)
        for v, default in ((on_value, 1), (off_value, 0))
        if not (v is None and wanted.is_bool)
    ]
    if wanted.is_bool and len(scalars) < 2:
        scalars = [convert_to_tensor(True), convert_to_tensor(False)]
    place = static.axis(-1 if axis is None else axis, x.ndim + 1, "OneHot")
    attrs = {"depth": count, "axis": place}
    return apply("OneHot", _one_hot, (x, *scalars), attrs)  # type: ignore[no-any-return]


def _sequence_mask(lengths: Any, *, longest: int, dtype: np.dtype) -> Any:
    return (np.arange(longest).astype(lengths.dtype) < lengths[..., None]).astype(dtype)


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None
) -> Tensor:
    """For each length, that many True, and False up to `maxlen` (the longest)."""
    x = checked("SequenceMask", convert_to_tensor(lengths), "iu")
    if maxlen is None:
        concrete = static.value(x, "sequence_mask without maxlen")
        longest = int(concrete.max()) if concrete.size else 0
    else:
        longest = static.integer(maxlen, "maxlen of tf.sequence_mask")
    attrs = {"longest": longest, "dtype": dtypes.as_dtype(dtype).numpy}
    return apply("SequenceMask", _sequence_mask, (x,), attrs)  # type: ignore[no-any-return]


# -- sizes ----------------------------------------------------------------------------------------


def _of_sizes(sizes: tuple[Any, ...], out_type: Any, is_vector: bool) -> Tensor:
    wanted = dtypes.as_dtype(out_type)
    if all(isinstance(s, int) for s in sizes):
        array = np.array(sizes if is_vector else sizes[0], wanted.numpy)
        return Tensor(array if is_vector else array[()], wanted)
    array = create.array(list(sizes) if is_vector else sizes[0]).astype(wanted.numpy)
    return Tensor(array, wanted)


def shape(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """The sizes of the axes, as a tensor."""
    return _of_sizes(tuple(convert_to_tensor(input)._value.shape), out_type, True)


def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The sizes of several tensors."""
    return [shape(x, out_type) for x in input]


def size(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """The number of elements, as a tensor."""
    count: Any = 1
    for s in convert_to_tensor(input)._value.shape:
        count = count * s
    return _of_sizes((count,), out_type, False)


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes, as a tensor."""
    return Tensor(np.int32(convert_to_tensor(input).ndim), dtypes.int32)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape that two shapes are broadcast to.

    Raises:
        ValueError: they cannot be.
    """
    try:
        found = np.broadcast_shapes(tuple(TensorShape(shape_x)), tuple(TensorShape(shape_y)))  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(f"Incompatible shapes for broadcasting: {shape_x} and {shape_y}") from None
    return TensorShape(found)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """As `broadcast_static_shape`, of shapes that are tensors."""
    shapes = [static.shape(s, "broadcast_dynamic_shape") for s in (shape_x, shape_y)]
    return convert_to_tensor(np.array(np.broadcast_shapes(*shapes), np.int32))


def _public_like(function: Callable[..., Tensor]) -> Callable[..., Any]:
    def op(x: Any) -> Tensor:
        return function(x)

    return op


OPERATORS["zeros_like"] = _public_like(zeros_like)
