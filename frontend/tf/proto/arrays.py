"""Arrays as `TensorProto` and back.

Layer: frontend. Arrays of several numbers are kept as bytes, single numbers and strings in the
field of their dtype, as TensorFlow does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..convert import convert_to_tensor
from .dtypes import DATA_TYPE
from .graphs import TensorProto, TensorShapeProto

_FIELDS = {
    "float16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "bool": "bool_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "string": "string_val",
}
_SMALL = "int_val"  # of the other integers


def shape_proto(sizes: Any) -> TensorShapeProto:
    """The message for a shape: sizes, None where they are unknown; None for an unknown rank."""
    found = TensorShapeProto()
    found.SetInParent()
    if sizes is None:
        found.unknown_rank = True
    else:
        for size in sizes:
            found.dim.add(size=-1 if size is None else int(size))
    return found


def tensor_proto(array: Any) -> TensorProto:
    """The message for an array; strings are arrays of bytes objects."""
    array = np.asarray(array)
    if array.dtype.kind in "SU":
        array = _strings(array)
    dtype = dtypes.of_numpy(array.dtype)
    found = TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=shape_proto(array.shape))
    if dtype is not dtypes.string and array.size > 1:
        found.tensor_content = array.astype(array.dtype.newbyteorder("<")).tobytes()
        return found
    stored = array.view(np.uint16) if dtype is dtypes.float16 else array
    getattr(found, _FIELDS.get(dtype.name, _SMALL)).extend(stored.ravel().tolist())
    return found


def make_tensor_proto(
    values: Any,
    dtype: Any = None,
    shape: Any = None,
    verify_shape: bool = False,
    allow_broadcast: bool = False,
) -> TensorProto:
    """The message for numbers or strings, nested lists of them, or an array.

    Args:
        values: what the message holds.
        dtype: what it is converted to.
        shape: what it is arranged to.
        verify_shape: whether another shape of `values` is an error.
        allow_broadcast: whether a single value may fill the shape.

    Raises:
        ValueError: `values` do not fit the shape.
    """
    array = np.asarray(convert_to_tensor(values, dtype)._concrete("make_tensor_proto"))
    if shape is not None:
        sizes = tuple(shape)
        if verify_shape and array.shape != sizes:
            raise TypeError(f"Expected Tensor's shape: {sizes}, but got {array.shape}.")
        array = (
            np.broadcast_to(array, sizes)
            if allow_broadcast and array.size == 1
            else array.reshape(sizes)
        )
    return tensor_proto(array)


def _strings(array: np.ndarray) -> np.ndarray:
    found = np.empty(array.shape, object)
    for index in np.ndindex(array.shape):
        text = array[index]
        found[index] = text.encode() if isinstance(text, str) else bytes(text)
    return found


def _dtype(number: int) -> dtypes.DType:
    for dtype in dtypes.ALL:
        if dtype.as_datatype_enum == number:
            return dtype
    raise TypeError(f"there are no arrays of the dtype {DATA_TYPE.text(number)}")


def tensor_array(proto: TensorProto) -> np.ndarray:
    """The array that a message stands for (`tf.make_ndarray`).

    Raises:
        TypeError: the dtype has no arrays here.
        ValueError: there are too many elements, or none for a shape that has some.
    """
    dtype = _dtype(proto.dtype)
    shape = tuple(d.size for d in proto.tensor_shape.dim)
    if proto.tensor_content:
        stored = np.frombuffer(proto.tensor_content, dtype.numpy.newbyteorder("<"))
        return stored.astype(dtype.numpy).reshape(shape)
    values = list(getattr(proto, _FIELDS.get(dtype.name, _SMALL)))
    count = int(np.prod(shape, dtype=np.int64))
    if len(values) > count or (count and not values and dtype is dtypes.string):
        raise ValueError(f"a tensor of shape {list(shape)} has {count} elements, not {len(values)}")
    # The last value stands for all that follow.
    values += (values[-1:] or [0]) * (count - len(values))
    if dtype is dtypes.float16:
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    found = np.empty(count, dtype.numpy)
    found[:] = values
    return found.reshape(shape)
