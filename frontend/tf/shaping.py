"""Elements in another arrangement: reshape, transpose, concat, stack, split, tile, pad, reverse.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes, static
from .apply import apply, many
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .shapes import TensorShape
from .sizes import numbers
from .tensors import OPERATORS, Tensor


def _invalid(op: str, text: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{text} [Op:{op}] name: ")


# -- shape ----------------------------------------------------------------------------------------


def _reshape(x: Any, *, shape: tuple[int, ...]) -> Any:
    return np.reshape(x, shape)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The elements in another shape; one size may be -1, for what is left.

    Raises:
        InvalidArgumentError: another number of elements.
    """
    x = convert_to_tensor(tensor)
    wanted = static.integers(shape, "the shape of tf.reshape")
    try:
        result: Tensor = apply("Reshape", _reshape, (x,), {"shape": wanted})
    except InvalidArgumentError:
        raise _cannot_reshape(x, wanted) from None
    return result


def _cannot_reshape(x: Tensor, wanted: tuple[int, ...]) -> InvalidArgumentError:
    if sum(1 for s in wanted if s == -1) > 1:
        first, second = [k for k, s in enumerate(wanted) if s == -1][:2]
        return _invalid("Reshape", f"Only one input size may be -1, not both {first} and {second}")
    count = x.shape.num_elements()
    named = int(np.prod([s for s in wanted if s != -1], dtype=np.int64))
    if -1 in wanted:
        return _invalid(
            "Reshape",
            f"Input to reshape is a tensor with {count} values, but the requested shape requires a"
            f" multiple of {named}",
        )
    return _invalid(
        "Reshape",
        f"Input to reshape is a tensor with {count} values, but the requested shape has {named}",
    )


def _transpose(x: Any, *, perm: tuple[int, ...] | None) -> Any:
    return np.transpose(x, perm)


def transpose(
    a: Any, perm: Any = None, conjugate: bool = False, name: str | None = "transpose"
) -> Tensor:
    """The axes in another order; reversed if none is given."""
    x = convert_to_tensor(a)
    order = None if perm is None else static.integers(perm, "perm of tf.transpose")
    if order is not None:
        if len(order) != x.ndim:
            raise _invalid(
                "Transpose",
                f"transpose expects a vector of size {x.ndim}. But input(1) is a vector of size"
                f" {len(order)}",
            )
        if sorted(k % x.ndim for k in order) != list(range(x.ndim)):
            raise _invalid("Transpose", f"{list(order)} is not a permutation of the axes")
    return apply("Transpose", _transpose, (x,), {"perm": order})  # type: ignore[no-any-return]


def _expand(x: Any, *, axis: int) -> Any:
    return np.expand_dims(x, axis)


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Tensor:
    """With one more axis, of size 1."""
    x = convert_to_tensor(input)
    place = static.integer(axis, "the axis of tf.expand_dims")
    if not -x.ndim - 1 <= place <= x.ndim:
        raise _invalid(
            "ExpandDims",
            f"Tried to expand dim index {place} for tensor with {x.ndim} dimensions.",
        )
    return apply("ExpandDims", _expand, (x,), {"axis": place % (x.ndim + 1)})  # type: ignore[no-any-return]


def _squeeze(x: Any, *, axis: Any) -> Any:
    return np.squeeze(x, axis)


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Without the axes of size 1, or without those of them that are given."""
    x = convert_to_tensor(input)
    chosen = None if axis is None else static.integers(axis, "the axis of tf.squeeze")
    if chosen is None or not chosen:
        return apply("Squeeze", _squeeze, (x,), {"axis": None})  # type: ignore[no-any-return]
    places = tuple(static.axis(k, x.ndim, "Squeeze") for k in chosen)
    sizes = x.shape.as_list()
    for k in places:
        if sizes[k] not in (1, None):
            raise _invalid(
                "Squeeze", f"Can not squeeze dim[{k}], expected a dimension of 1, got {sizes[k]}"
            )
    return apply("Squeeze", _squeeze, (x,), {"axis": places})  # type: ignore[no-any-return]


def _broadcast(x: Any, *, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(x, shape)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Repeated along axes until it has the shape."""
    x, wanted = convert_to_tensor(input), static.shape(shape, "BroadcastTo")
    try:
        result: Tensor = apply("BroadcastTo", _broadcast, (x,), {"shape": wanted})
    except InvalidArgumentError:
        raise _invalid(
            "BroadcastTo", f"Incompatible shapes: {x.shape.as_list()} vs. {list(wanted)}"
        ) from None
    return result


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """The tensor itself, if its shape is compatible with this one.

    Raises:
        InvalidArgumentError: it is not.
    """
    tensor = convert_to_tensor(x)
    if not TensorShape(shape).is_compatible_with(tensor.shape):
        raise _invalid(
            "EnsureShape",
            f"Shape of tensor {tensor.shape.as_list()} is not compatible with expected shape"
            f" {TensorShape(shape)}.",
        )
    return tensor


# -- joining and splitting ------------------------------------------------------------------------


def _concat(*xs: Any, axis: int) -> Any:
    return np.concatenate(xs, axis)


def concat(values: Any, axis: Any, name: str | None = "concat") -> Tensor:
    """Tensors one after the other along an axis that they have."""
    if not isinstance(values, (list, tuple)):
        values = [values]
    tensors = many("ConcatV2", values)
    first = tensors[0]
    if len(tensors) == 1:
        return first
    place = static.axis(axis, first._value.ndim, "ConcatV2", "concatenating dimensions")
    try:
        result: Tensor = apply("ConcatV2", _concat, tensors, {"axis": place})
    except InvalidArgumentError:
        raise _cannot_concat(tensors, place) from None
    return result


def _cannot_concat(tensors: list[Tensor], place: int) -> InvalidArgumentError:
    shapes = [t.shape for t in tensors]
    for k, other in enumerate(shapes):
        pair = f"shape[0] = {shapes[0].as_list()} vs. shape[{k}] = {other.as_list()}"
        if len(other) != len(shapes[0]):
            text = f"ConcatOp : Ranks of all input tensors should match: {pair}"
            return _invalid("ConcatV2", text)
        for axis, (a, b) in enumerate(zip(shapes[0], other, strict=True)):
            if axis != place and a != b:
                text = f"ConcatOp : Dimension {axis} in both shapes must be equal: {pair}"
                return _invalid("ConcatV2", text)
    return _invalid("ConcatV2", f"ConcatOp : cannot join tensors of shapes {shapes}")


def _stack(*xs: Any, axis: int) -> Any:
    return np.stack(xs, axis)


def stack(values: Any, axis: Any = 0, name: str | None = "stack") -> Tensor:
    """Tensors of one shape along a new axis."""
    if isinstance(values, Tensor) or not isinstance(values, (list, tuple)):
        values = list(convert_to_tensor(values))
    if not values:
        raise ValueError("tf.stack: there are no tensors to stack")
    tensors = many("Pack", values)
    place = static.integer(axis, "the axis of tf.stack")
    rank = tensors[0]._value.ndim + 1
    if not -rank <= place < rank:
        raise ValueError(f"Argument `axis` = {place} not in range [{-rank}, {rank})")
    try:
        result: Tensor = apply("Pack", _stack, tensors, {"axis": place % rank})
    except InvalidArgumentError:
        first = tensors[0].shape
        k = next((k for k, t in enumerate(tensors) if t.shape != first), 0)
        raise _invalid(
            "Pack",
            f"Shapes of all inputs must match: values[0].shape = {first.as_list()} !="
            f" values[{k}].shape = {tensors[k].shape.as_list()}",
        ) from None
    return result


def _unstack(x: Any, *, axis: int, count: int) -> tuple[Any, ...]:
    front = (slice(None),) * axis
    return tuple([x[(*front, k)] for k in range(count)])


def unstack(value: Any, num: Any = None, axis: Any = 0, name: str | None = "unstack") -> list[Any]:
    """The slices along an axis, as a list."""
    x = convert_to_tensor(value)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"Argument `axis` = {axis} not in range [{-x.ndim}, {x.ndim})")
    place = axis % x.ndim
    count = int(x._value.shape[place])
    if num is not None and num != count:
        raise _invalid("Unpack", f"Dimension must be {num} but is {count}")
    if not count:
        return []
    return list(apply("Unpack", _unstack, (x,), {"axis": place, "count": count}))


def _split(x: Any, *, axis: int, ends: tuple[int, ...]) -> tuple[Any, ...]:
    front = (slice(None),) * axis
    starts = (0, *ends[:-1])
    return tuple([x[(*front, slice(a, b))] for a, b in zip(starts, ends, strict=True)])


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None, name: str | None = "split"
) -> list[Tensor]:
    """Parts along an axis: that many of equal size, or of the sizes given (one may be -1)."""
    x = convert_to_tensor(value)
    place = static.axis(axis, x.ndim, "Split", "split_dim")
    total = int(x._value.shape[place])
    given = num_or_size_splits
    is_count = isinstance(given, int) or (hasattr(given, "ndim") and given.ndim == 0)
    if is_count:
        count = static.integer(given, "num_or_size_splits of tf.split")
        if count <= 0 or total % count:
            raise _invalid(
                "Split",
                f"Number of ways to split should evenly divide the split dimension, but got"
                f" split_dim {place} (size = {total}) and num_split {count}",
            )
        sizes: Sequence[int] = [total // count] * count
    else:
        sizes = _completed(static.integers(given, "num_or_size_splits of tf.split"), total)
    ends = tuple(np.cumsum(sizes).tolist())
    return list(apply("Split", _split, (x,), {"axis": place, "ends": ends}))


def _completed(sizes: tuple[int, ...], total: int) -> Sequence[int]:
    rest = total - sum(s for s in sizes if s != -1)
    found = [rest if s == -1 else s for s in sizes]
    if sum(found) != total or rest < 0:
        raise _invalid(
            "SplitV",
            "Determined shape must either match input shape along split_dim exactly if fully "
            f"specified, or be less than the size of the input along split_dim if not fully"
            f" specified.  Got: {sum(s for s in sizes if s != -1)}",
        )
    return found


# -- repeating, padding, reversing ----------------------------------------------------------------


def _tile(x: Any, *, multiples: tuple[int, ...]) -> Any:
    return np.tile(x, multiples)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Copies side by side: `multiples[k]` of them along axis k."""
    x, counts = convert_to_tensor(input), static.integers(multiples, "multiples of tf.tile")
    if len(counts) != x.ndim:
        raise _invalid(
            "Tile",
            f"Expected multiples argument to be a vector of length {x.ndim} but got length"
            f" {len(counts)}",
        )
    return apply("Tile", _tile, (x,), {"multiples": counts})  # type: ignore[no-any-return]


def _repeat(x: Any, *, repeats: Any, axis: int | None) -> Any:
    return np.repeat(x, repeats, axis)


def repeat(input: Any, repeats: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Each element (or slice along an axis) several times; all elements in a row without axis."""
    x = convert_to_tensor(input)
    counts = static.known(repeats, "repeats of tf.repeat")
    counts = np.asarray(counts)
    chosen = int(counts.reshape(-1)[0]) if counts.size == 1 else counts
    place = None if axis is None else static.axis(axis, x.ndim, "Repeat")
    if counts.size == 1:
        length: Any = 1
    else:
        length = int(x._value.size if place is None else x._value.shape[place])
    if counts.size != length:
        raise ValueError(f"Dimensions {length} and {counts.size} are not compatible")
    return apply("Repeat", _repeat, (x,), {"repeats": chosen, "axis": place})  # type: ignore[no-any-return]


def _pad(x: Any, *, paddings: Any, mode: Any, value: Any) -> Any:
    if mode == "constant":
        return np.pad(x, paddings, mode, constant_values=value)
    return np.pad(x, paddings, mode)


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Tensor:
    """More elements before and after each axis.

    Args:
        tensor: [d0, d1, ...].
        paddings: [rank, 2], how many before and after.
        mode: CONSTANT; REFLECT, mirrored without the edge; SYMMETRIC, mirrored with it.
        constant_values: what CONSTANT pads with.
        name: for TensorFlow's signature.
    """
    x = convert_to_tensor(tensor)
    widths = np.asarray(static.value(paddings, "pad"))
    if widths.shape != (x.ndim, 2):
        raise _invalid(
            "Pad",
            f"The first dimension of paddings must be the rank of inputs[{x.ndim},2] "
            f"{list(widths.shape)}",
        )
    kind = mode.upper()
    names = {"CONSTANT": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}
    if kind not in names:
        raise ValueError(
            "Value of argument `mode` expected to be one of 'CONSTANT', 'REFLECT', or 'SYMMETRIC'."
            f" Received `mode` = {mode}"
        )
    value = static.known(constant_values, "constant_values of tf.pad")
    attrs = {
        "paddings": tuple((int(a), int(b)) for a, b in widths),
        "mode": names[kind],
        "value": x.dtype.numpy.type(value) if x.dtype is not dtypes.string else value,
    }
    return apply("PadV2", _pad, (x,), attrs)  # type: ignore[no-any-return]


def _flip(x: Any, *, axis: tuple[int, ...]) -> Any:
    return np.flip(x, axis)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements in reverse order along axes."""
    x = convert_to_tensor(tensor)
    places = static.integers(axis, "the axis of tf.reverse")
    chosen = tuple(static.axis(k, x.ndim, "ReverseV2") for k in places)
    return apply("ReverseV2", _flip, (x,), {"axis": chosen})  # type: ignore[no-any-return]


def _roll(x: Any, *, shift: Any, axis: Any) -> Any:
    return np.roll(x, shift, axis)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements moved along axes; those that leave at one end come in at the other."""
    x = convert_to_tensor(input)
    steps = static.integers(shift, "the shift of tf.roll")
    places = tuple(
        static.axis(k, x.ndim, "Roll") for k in static.integers(axis, "the axis of tf.roll")
    )
    return apply("Roll", _roll, (x,), {"shift": steps, "axis": places})  # type: ignore[no-any-return]


def _reverse_sequence(x: Any, lengths: Any, *, seq_axis: int, batch_axis: int) -> Any:
    shape = [1] * x.ndim
    shape[seq_axis] = x.shape[seq_axis]
    along = np.reshape(numbers(x.shape[seq_axis]), shape)
    shape = [1] * x.ndim
    shape[batch_axis] = x.shape[batch_axis]
    length = np.reshape(lengths.astype(np.int64), shape)
    source = np.where(along < length, length - 1 - along, along)
    return np.take_along_axis(x, np.broadcast_to(source, x.shape), seq_axis)


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: Any = None,
    batch_axis: Any = None,
    name: str | None = None,
) -> Tensor:
    """The first `seq_lengths[k]` elements along `seq_axis` in reverse order, for each example k."""
    x, lengths = convert_to_tensor(input), convert_to_tensor(seq_lengths)
    attrs = {
        "seq_axis": static.axis(0 if seq_axis is None else seq_axis, x.ndim, "ReverseSequence"),
        "batch_axis": static.axis(
            0 if batch_axis is None else batch_axis, x.ndim, "ReverseSequence"
        ),
    }
    return apply("ReverseSequence", _reverse_sequence, (x, lengths), attrs)  # type: ignore[no-any-return]


OPERATORS["stack"] = stack
