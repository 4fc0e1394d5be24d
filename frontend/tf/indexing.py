"""Parts of tensors: x[index], slices, gather, scatter, where, boolean_mask.

Layer: frontend. Positions that are tensors are operands of the op, so that a program serves all of
them; the rest of an index is an attribute. Where the number of results depends on values
(boolean_mask, one-argument where), the op runs eagerly only.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..lift import lift
from ..symint import SymInt
from ..tracer import Tracer
from . import dtypes, static
from .apply import apply, checked, pair
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .sizes import numbers
from .tensors import OPERATORS, Tensor

_HERE = "tensor"  # where an operand stands in an index
_VALID = (
    "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar"
    " tf.int32/tf.int64 tensors are valid indices"
)

# -- x[index] -------------------------------------------------------------------------------------


def _for(x: Any, *positions: Any) -> Any:
    """The array, traced if a position is: NumPy asks the array alone who indexes it."""
    return lift(x) if any(isinstance(p, Tracer) for p in positions) else x


def _getitem(x: Any, *positions: Any, index: tuple[Any, ...]) -> Any:
    x, rest = _for(x, *positions), iter(positions)
    found = tuple([next(rest) if i is _HERE or i == _HERE else i for i in index])
    if x.dtype == object and Ellipsis not in found:
        found = (*found, Ellipsis)  # an array of shape (), not the object itself
    return x[found]


def getitem(x: Any, index: Any) -> Tensor:
    """A part of a tensor.

    Args:
        x: a tensor.
        index: integers, slices, Ellipsis, None and scalar integer tensors; or a mask.

    Raises:
        InvalidArgumentError: an index is out of bounds.
        TypeError: an index is something else.
    """
    tensor = convert_to_tensor(x)
    if type(index) is int:
        return _part(tensor, (), (index,))
    if _is_mask(index):
        return boolean_mask(tensor, index)
    parts = tuple(index) if isinstance(index, (tuple, list)) else (index,)
    positions: list[Tensor] = []
    template = tuple([_read(part, positions) for part in parts])
    return _part(tensor, positions, template)


def _part(x: Tensor, positions: Any, index: tuple[Any, ...]) -> Tensor:
    try:
        result: Tensor = apply("StridedSlice", _getitem, (x, *positions), {"index": index})
    except IndexError as error:
        raise _index_error(x, index, error) from None
    return result


def _is_mask(index: Any) -> bool:
    if isinstance(index, Tensor):
        return index.dtype.is_bool and index.ndim > 0
    return isinstance(index, np.ndarray) and index.dtype == bool and index.ndim > 0


def _read(part: Any, positions: list[Tensor]) -> Any:
    """What stands in the template for one part of an index; tensors are put into `positions`."""
    if part is None or part is Ellipsis or type(part) is int:
        return part
    if isinstance(part, builtins.slice):
        bounds = (part.start, part.stop, part.step)
        return builtins.slice(*[None if b is None else _bound(b) for b in bounds])
    if isinstance(part, (np.integer, SymInt)):
        return part if isinstance(part, SymInt) else int(part)
    if hasattr(part, "_read_tensor"):
        part = convert_to_tensor(part)
    if isinstance(part, np.ndarray) and part.ndim == 0:
        part = convert_to_tensor(part)
    if isinstance(part, Tensor) and part.dtype.is_integer and part.ndim == 0:
        positions.append(part)
        return _HERE
    raise TypeError(f"{_VALID}, got {part!r}")


def _bound(x: Any) -> Any:
    if isinstance(x, Tensor) and not x.dtype.is_integer:
        raise TypeError(f"{_VALID}, got {x!r}")
    return static.integer(x, "a bound of a slice")


def _index_error(x: Tensor, index: tuple[Any, ...], error: Exception) -> InvalidArgumentError:
    count = sum(1 for i in index if i is not None and i is not Ellipsis)
    if count > x.ndim:
        return InvalidArgumentError(
            f"Index out of range using input dim {x.ndim}; input has only {x.ndim} dims"
            " [Op:StridedSlice] name: strided_slice/"
        )
    axis = 0
    for i in index:
        size = x.shape[axis] if axis < x.ndim else None
        if type(i) is int and size is not None and not -size <= i < size:
            return InvalidArgumentError(
                f"slice index {i} of dimension {axis} out of bounds. [Op:StridedSlice] name:"
                " strided_slice/"
            )
        axis += i is not None and i is not Ellipsis
    return InvalidArgumentError(f"{error} [Op:StridedSlice] name: strided_slice/")


def _replaced(x: Any, part: Any, *positions: Any, index: tuple[Any, ...]) -> Any:
    rest = iter(positions)
    found = tuple([next(rest) if i is _HERE or i == _HERE else i for i in index])
    result = x.copy() if type(x) is Tracer else np.array(x)
    result[found] = part
    return result


def replace_part(x: Any, index: Any, part: Any) -> Tensor:
    """A tensor with a part replaced, named as in x[index]."""
    tensor = convert_to_tensor(x)
    parts = index if isinstance(index, tuple) else (index,)
    positions: list[Tensor] = []
    template = tuple([_read(p, positions) for p in parts])
    inputs = (tensor, convert_to_tensor(part, tensor.dtype), *positions)
    try:
        result: Tensor = apply("ResourceStridedSliceAssign", _replaced, inputs, {"index": template})
    except IndexError as error:
        raise _index_error(tensor, template, error) from None
    return result


# -- slices ---------------------------------------------------------------------------------------


def _slice_at(x: Any, begin: Any, *, size: tuple[int, ...]) -> Any:
    for axis, count in enumerate(size):
        x = np.take(x, begin[axis] + numbers(count), axis)
    return x


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """A part of `size` elements along each axis from `begin` on; size -1: all that is left."""
    x = convert_to_tensor(input_)
    counts = static.integers(size, "the size of tf.slice")
    start = convert_to_tensor(begin)
    if len(counts) != x.ndim or start.shape.as_list() != [x.ndim]:
        raise InvalidArgumentError(
            f"Expected begin and size arguments to be 1-D tensors of size {x.ndim}, but got shapes "
            f"{start.shape.as_list()} and [{len(counts)}] instead. [Op:Slice] name: "
        )
    if not static.is_size(start):
        whole = tuple(x.shape[k] if c == -1 else c for k, c in enumerate(counts))
        return apply("Slice", _slice_at, (x, start), {"size": whole})  # type: ignore[no-any-return]
    first = static.integers(start, "begin of tf.slice")
    for k, (low, count, length) in enumerate(zip(first, counts, x._value.shape, strict=True)):
        if low < 0 or low > length or (count != -1 and low + count > length) or count < -1:
            what = (
                f"Expected begin[{k}] in [0, {length}], but got {low}"
                if not 0 <= low <= length
                else f"Expected size[{k}] in [0, {length - low}], but got {count}"
            )
            raise InvalidArgumentError(f"{what} [Op:Slice] name: ")
    index = tuple(
        builtins.slice(low, None if count == -1 else low + count)
        for low, count in zip(first, counts, strict=True)
    )
    return apply("Slice", _getitem, (x,), {"index": index})  # type: ignore[no-any-return]


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """x[begin:end:strides] along the first axes; bits of the masks change single axes."""
    lows = static.integers(begin, "begin of tf.strided_slice")
    highs = static.integers(end, "end of tf.strided_slice")
    steps = (1,) * len(lows) if strides is None else static.integers(strides, "strides")
    parts: list[Any] = []
    for k, (low, high, step) in enumerate(zip(lows, highs, steps, strict=True)):
        bit = 1 << k
        if ellipsis_mask & bit:
            parts.append(Ellipsis)
        elif new_axis_mask & bit:
            parts.append(None)
        elif shrink_axis_mask & bit:
            parts.append(low)
        else:
            first = None if begin_mask & bit else low
            parts.append(builtins.slice(first, None if end_mask & bit else high, step))
    return getitem(input_, tuple(parts))


# -- gather ---------------------------------------------------------------------------------------


def _gather(x: Any, indices: Any, *, axis: int, batch_dims: int) -> Any:
    x = _for(x, indices)
    if not batch_dims:
        return np.take(x, indices, axis)
    extra = indices.ndim - batch_dims
    moved = np.moveaxis(x, axis, batch_dims)
    grids = []
    for k in range(batch_dims):
        shape = [1] * indices.ndim
        shape[k] = x.shape[k]
        grids.append(np.reshape(numbers(x.shape[k]), shape))
    found = moved[(*grids, indices)]
    before = axis - batch_dims  # axes of x between the batch and what is chosen from
    order = list(range(found.ndim))
    chosen = order[batch_dims : batch_dims + extra]
    rest = order[batch_dims + extra :]
    return np.transpose(found, order[:batch_dims] + rest[:before] + chosen + rest[before:])


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """Slices of a tensor at positions along an axis.

    Args:
        params: [batch..., before..., n, after...].
        indices: integers in [0, n), [batch..., places...].
        validate_indices: for TensorFlow's signature.
        axis: the axis of size n; by default the first after the batch.
        batch_dims: how many leading axes the two have in common.
        name: for TensorFlow's signature.

    Returns:
        [batch..., before..., places..., after...].

    Raises:
        InvalidArgumentError: a position is out of range.
    """
    at = checked("GatherV2", convert_to_tensor(indices), "iu")
    x = convert_to_tensor(params)
    batch = batch_dims + at.ndim if batch_dims < 0 else batch_dims
    place = static.axis(batch if axis is None else axis, x.ndim, "GatherV2", "params axis")
    if not 0 <= batch <= min(place, at.ndim):
        raise InvalidArgumentError(
            f"batch_dims ({batch_dims}) must be at most the axis ({place}) and the rank of the"
            f" indices ({at.ndim}) [Op:GatherV2] name: "
        )
    _check_positions("GatherV2", at, x._value.shape[place])
    attrs = {"axis": place, "batch_dims": batch}
    return apply("GatherV2", _gather, (x, at), attrs)  # type: ignore[no-any-return]


def _check_positions(op: str, at: Tensor, size: Any) -> None:
    """Raise unless all positions, where they are known, are in [0, size)."""
    if at.is_symbolic or not isinstance(size, int):
        return
    found = np.asarray(at._concrete(op))
    if not found.size or (found.min() >= 0 and found.max() < size):
        return
    where_ = np.argwhere((found < 0) | (found >= size))[0]
    place = f"[{','.join(map(str, where_))}]" if found.ndim else ""
    raise InvalidArgumentError(
        f"indices{place} = {found[tuple(where_)]} is not in [0, {size}) [Op:{op}] name: "
    )


def _gather_nd(x: Any, indices: Any, *, batch_dims: int) -> Any:
    x = _for(x, indices)
    depth = int(indices.shape[-1])
    at = [indices[..., k] for k in range(depth)]
    if not depth:
        return np.broadcast_to(x, (*indices.shape[:-1], *x.shape))
    grids = []
    for k in range(batch_dims):
        shape = [1] * (indices.ndim - 1)
        shape[k] = x.shape[k]
        grids.append(np.reshape(numbers(x.shape[k]), shape))
    return x[(*grids, *at)]


def gather_nd(
    params: Any,
    indices: Any,
    batch_dims: int = 0,
    name: str | None = None,
    bad_indices_policy: str = "",
) -> Tensor:
    """Elements or slices of a tensor at positions along its first axes.

    Args:
        params: [batch..., d0, d1, ...].
        indices: integers, [batch..., places..., depth]: each row names the first `depth` axes.
        batch_dims: how many leading axes the two have in common.
        name: for TensorFlow's signature.
        bad_indices_policy: for TensorFlow's signature.
    """
    x, at = convert_to_tensor(params), checked("GatherNd", convert_to_tensor(indices), "iu")
    depth = int(at._value.shape[-1]) if at.ndim else None
    if depth is None or batch_dims + depth > x.ndim:
        raise InvalidArgumentError(
            f"index innermost dimension length must be <= params rank; saw: {depth} vs. {x.ndim}"
            " [Op:GatherNd] name: "
        )
    _check_rows("GatherNd", at, x.shape.as_list()[batch_dims : batch_dims + depth])
    return apply("GatherNd", _gather_nd, (x, at), {"batch_dims": batch_dims})  # type: ignore[no-any-return]


def _check_rows(op: str, at: Tensor, sizes: list[int | None]) -> None:
    if at.is_symbolic or None in sizes or not sizes:
        return
    found = np.asarray(at._concrete(op))
    wrong = ((found < 0) | (found >= np.array(sizes))).any(-1)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0])
        raise InvalidArgumentError(
            f"indices[{','.join(map(str, place))}] = {found[place].tolist()} does not index into"
            f" param shape {sizes} [Op:{op}] name: "
        )


# -- scatter --------------------------------------------------------------------------------------


def _scatter(x: Any, indices: Any, updates: Any, *, how: str) -> Any:
    result = x.copy() if type(x) is Tracer else np.array(x)
    at = tuple([indices[..., k] for k in range(int(indices.shape[-1]))])
    if how == "update":
        result[at] = updates
    elif how == "add":
        np.add.at(result, at, updates)
    elif how == "sub":
        np.add.at(result, at, -updates)
    elif how == "max":
        np.maximum.at(result, at, updates)
    else:
        np.minimum.at(result, at, updates)
    return result


def _scattered(op: str, how: str, doc: str) -> Any:
    def scatter(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        x, values = pair(op, tensor, updates)
        at = checked(op, convert_to_tensor(indices), "iu")
        depth = int(at._value.shape[-1])
        _check_updates(op, x, at, values)
        _check_rows(op, at, x.shape.as_list()[:depth])
        result: Tensor = apply(op, _scatter, (x, at, values), {"how": how})
        return result

    scatter.__doc__ = doc
    return scatter


def _check_updates(op: str, x: Tensor, at: Tensor, values: Tensor) -> None:
    depth = int(at._value.shape[-1])
    if depth > x.ndim:
        raise InvalidArgumentError(
            f"The inner {depth} dimensions of output.shape={x.shape.as_list()} must match the inner"
            f" dimensions of the updates {values.shape.as_list()} [Op:{op}] name: "
        )
    expected = [*at.shape.as_list()[:-1], *x.shape.as_list()[depth:]]
    if not values.shape.is_compatible_with(expected) and values.ndim:
        raise InvalidArgumentError(
            f"Dimensions [0,{at.ndim - 1}) of indices[shape={at.shape.as_list()}] must match"
            f" dimensions [0,{at.ndim - 1}) of updates[shape={values.shape.as_list()}] [Op:{op}]"
            " name: "
        )


tensor_scatter_nd_update = _scattered(
    "TensorScatterUpdate", "update", "A tensor with the rows at `indices` replaced by `updates`."
)
tensor_scatter_nd_add = _scattered(
    "TensorScatterAdd", "add", "A tensor with `updates` added at `indices`."
)
tensor_scatter_nd_sub = _scattered(
    "TensorScatterSub", "sub", "A tensor with `updates` subtracted at `indices`."
)
tensor_scatter_nd_max = _scattered(
    "TensorScatterMax", "max", "A tensor with the larger of it and `updates` at `indices`."
)
tensor_scatter_nd_min = _scattered(
    "TensorScatterMin", "min", "A tensor with the smaller of it and `updates` at `indices`."
)


def _scatter_nd(indices: Any, updates: Any, *, shape: tuple[int, ...]) -> Any:
    result = np.zeros_like(updates, shape=shape)
    at = tuple([indices[..., k] for k in range(int(indices.shape[-1]))])
    np.add.at(result, at, updates)
    return result


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor of zeros of a shape, to which `updates` are added at `indices`."""
    at, values = checked("ScatterNd", convert_to_tensor(indices), "iu"), convert_to_tensor(updates)
    wanted = static.shape(shape, "ScatterNd")
    _check_updates("ScatterNd", Tensor(np.zeros(wanted, values.dtype.numpy)), at, values)
    _check_rows("ScatterNd", at, list(wanted[: at.shape[-1]]))
    return apply("ScatterNd", _scatter_nd, (at, values), {"shape": wanted})  # type: ignore[no-any-return]


# -- conditions -----------------------------------------------------------------------------------


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Elements of x where the condition holds, else of y; without these the positions [n, rank].

    Raises:
        ValueError: only one of x and y is given.
        InvalidArgumentError: the shapes cannot be broadcast.
    """
    test = convert_to_tensor(condition)
    if x is None and y is None:
        found = static.value(test, "where with one argument")
        return Tensor(np.argwhere(found != b"" if test.dtype is dtypes.string else found))
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    checked("SelectV2", test, "b")
    a, b = pair("SelectV2", x, y)
    try:
        result: Tensor = apply("SelectV2", _where, (test, a, b))
    except InvalidArgumentError:
        shapes = [t.shape.as_list() for t in (test, a, b)]
        raise InvalidArgumentError(
            f"condition {shapes[0]}, then {shapes[1]}, and else {shapes[2]} must be broadcastable"
            " [Op:SelectV2] name: "
        ) from None
    return result


def boolean_mask(
    tensor: Any, mask: Any, axis: Any = None, name: str | None = "boolean_mask"
) -> Tensor:
    """The elements (or slices) for which the mask is true, one after the other."""
    x, test = convert_to_tensor(tensor), convert_to_tensor(mask)
    first = 0 if axis is None else static.integer(axis, "the axis of tf.boolean_mask")
    if test.ndim == 0:
        raise ValueError("mask cannot be scalar.")
    covered = x.shape[first : first + test.ndim]
    if not covered.is_compatible_with(test.shape):
        raise ValueError(f"Shapes {covered} and {test.shape} are incompatible")
    chosen = static.value(checked("BooleanMask", test, "b"), "boolean_mask")
    positions = [Tensor(p) for p in np.nonzero(chosen)]
    attrs = {"before": first, "axes": len(positions)}
    return apply("BooleanMask", _take_at, (x, *positions), attrs)  # type: ignore[no-any-return]


def _take_at(x: Any, *positions: Any, before: int, axes: int) -> Any:
    return x[(*(builtins.slice(None),) * before, *positions)]


OPERATORS["getitem"] = getitem
OPERATORS["replace_part"] = replace_part
