"""Other readings of the same elements: bitcast, unravel_index, space_to_batch.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes, static
from .apply import apply
from .convert import convert_to_tensor
from .errors import InvalidArgumentError
from .tensors import Tensor


def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """The bits of a tensor read as another dtype; eagerly only.

    The last axis holds the parts of a wider element, in either direction.
    """
    array, wanted = static.value(input, "bitcast"), dtypes.as_dtype(type).numpy
    if array.dtype.itemsize == wanted.itemsize:
        return convert_to_tensor(array.view(wanted))
    if array.dtype.itemsize > wanted.itemsize:
        parts = array.dtype.itemsize // wanted.itemsize
        return convert_to_tensor(array[..., None].view(wanted).reshape(*array.shape, parts))
    parts = wanted.itemsize // array.dtype.itemsize
    if not array.ndim or array.shape[-1] != parts:
        raise InvalidArgumentError(
            f"Cannot bitcast from {array.dtype} of shape {list(array.shape)} to {wanted}: the last"
            f" axis must have size {parts} [Op:Bitcast] name: "
        )
    return convert_to_tensor(np.ascontiguousarray(array).view(wanted)[..., 0])


def _unravel(indices: Any, *, dims: tuple[int, ...]) -> Any:
    parts = []
    rest = indices
    for size in reversed(dims):
        parts.append(rest % np.array(size, indices.dtype))
        rest = rest // np.array(size, indices.dtype)
    return np.stack(parts[::-1])


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """The position along each axis of an array of shape `dims`, of numbers in row-major order."""
    x, shape = convert_to_tensor(indices), static.integers(dims, "dims of tf.unravel_index")
    if static.is_known(x):
        found = np.asarray(x._concrete("unravel_index"))
        if found.size and (found.min() < 0 or found.max() >= np.prod(shape)):
            raise InvalidArgumentError(
                f"index is out of bound as with dims {list(shape)} [Op:UnravelIndex] name: "
            )
    return apply("UnravelIndex", _unravel, (x,), {"dims": shape})  # type: ignore[no-any-return]


def _space_to_batch(x: Any, *, block: tuple[int, ...], pads: Any) -> Any:
    rest = x.ndim - 1 - len(block)
    x = np.pad(x, ((0, 0), *pads, *((0, 0),) * rest))
    shape = [x.shape[0]]
    for size, b in zip(x.shape[1:], block, strict=False):
        shape += [size // b, b]
    shape += x.shape[1 + len(block) :]
    count = len(block)
    order = [2 * k + 2 for k in range(count)] + [0] + [2 * k + 1 for k in range(count)]
    order += range(2 * count + 1, len(shape))
    moved = np.transpose(np.reshape(x, shape), order)
    return np.reshape(moved, (-1, *moved.shape[count + 1 :]))


def _batch_to_space(x: Any, *, block: tuple[int, ...], crops: Any) -> Any:
    count = len(block)
    batch = x.shape[0] // int(np.prod(block))
    moved = np.reshape(x, (*block, batch, *x.shape[1:]))
    order = [count]
    for k in range(count):
        order += [count + 1 + k, k]
    order += range(2 * count + 1, moved.ndim)
    moved = np.transpose(moved, order)
    sizes = [x.shape[1 + k] * block[k] for k in range(count)]
    whole = np.reshape(moved, (batch, *sizes, *x.shape[1 + count :]))
    inside = [slice(a, s - b) for s, (a, b) in zip(sizes, crops, strict=True)]
    return whole[(slice(None), *inside)]


def _pairs(x: Any, op: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, b in static.value(x, op))


def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Tensor:
    """Blocks of the axes after the first moved to the batch."""
    x, block = convert_to_tensor(input), static.integers(block_shape, "block_shape")
    pads = _pairs(paddings, "space_to_batch")
    for size, b, (before, after) in zip(x.shape[1:], block, pads, strict=False):
        if size is not None and (size + before + after) % b:
            raise InvalidArgumentError(
                f"padded_shape[0]={size + before + after} is not divisible by block_shape[0]={b}"
                " [Op:SpaceToBatchND] name: "
            )
    attrs = {"block": block, "pads": pads}
    return apply("SpaceToBatchND", _space_to_batch, (x,), attrs)  # type: ignore[no-any-return]


def batch_to_space(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """What `space_to_batch` does, undone."""
    x, block = convert_to_tensor(input), static.integers(block_shape, "block_shape")
    attrs = {"block": block, "crops": _pairs(crops, "batch_to_space")}
    return apply("BatchToSpaceND", _batch_to_space, (x,), attrs)  # type: ignore[no-any-return]
