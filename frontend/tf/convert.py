"""Anything as a tensor: Python numbers, nested lists, arrays, variables.

Layer: frontend. Python floats become float32, ints int32 (int64 if they do not fit), or they take
the dtype of the tensor that they meet; arrays keep their dtype. There are no other conversions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..placement import is_on_gpu
from ..tracer import Tracer
from ..values import kind_of
from . import dtypes
from .dtypes import DType
from .tensors import OPERATORS, Tensor

_INT32 = range(-(2**31), 2**31)
_PYTHON = (bool, int, float)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Tensor:
    """A tensor with the value.

    Args:
        value: a tensor, variable, array, Python number, string, or nested lists of these.
        dtype: what the result must have; a tensor of another dtype is an error.
        dtype_hint: used where `value` says nothing of its own and can be converted to it.
        name: for TensorFlow's signature.

    Raises:
        ValueError: a tensor has another dtype; lists are ragged.
        TypeError: the value cannot be represented in the dtype.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor):
        return _checked(value, wanted)
    reader = getattr(value, "_read_tensor", None)
    if reader is not None:
        return _checked(reader(), wanted)
    cls = type(value)
    if cls is Tracer:
        return _checked(Tensor(value), wanted)
    if cls is np.ndarray or isinstance(value, (np.ndarray, np.generic)):
        return _from_array(np.asarray(value), wanted)
    if is_on_gpu(value):
        return _checked(Tensor(value), wanted)
    hint = None if dtype_hint is None else dtypes.as_dtype(dtype_hint)
    if wanted is None and hint is not None and accepts(hint, value):
        wanted = hint
    if isinstance(value, (list, tuple)) and has_tensor(value):
        parts = value if wanted is None else [convert_to_tensor(x, wanted) for x in value]
        return OPERATORS["stack"](parts)
    if hasattr(value, "__array__") and not isinstance(value, _PYTHON):
        return _from_array(np.asarray(value), wanted)
    return _from_python(value, wanted)


def _checked(tensor: Tensor, wanted: DType | None) -> Tensor:
    if wanted is not None and tensor.dtype is not wanted:
        raise ValueError(
            f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype "
            f"{tensor.dtype.name}: {tensor!r}"
        )
    return tensor


def _from_array(array: np.ndarray, wanted: DType | None) -> Tensor:
    found = dtypes.as_dtype(array.dtype)
    target = wanted or found
    if target is dtypes.string:
        return Tensor(_bytes(array), dtypes.string)
    # a copy: the caller may change the array, a tensor never changes
    return Tensor(_plain(np.array(array, target.numpy, order="C")), target)


def _from_python(value: Any, wanted: DType | None) -> Tensor:
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError("Can't convert non-rectangular Python sequence to Tensor.") from None
    kind = kind_of(array.dtype)
    if kind in "SU" or (kind == "O" and _is_text(array)):
        if wanted not in (None, dtypes.string):
            raise _cannot(value, wanted)
        # as objects: NumPy's own strings drop zero bytes at their end
        return Tensor(_bytes(np.array(value, object)), dtypes.string)
    if kind not in "biufc":
        if kind == "O" and array.ndim and any(isinstance(x, (list, tuple)) for x in array.flat):
            raise ValueError("Can't convert non-rectangular Python sequence to Tensor.")
        raise ValueError(
            f"Attempt to convert a value ({value!r}) with an unsupported type ({type(value)}) to a"
            " Tensor."
        )
    if wanted is None:
        return _default(array)
    if not _fits(array, wanted):
        raise _cannot(value, wanted)
    return Tensor(_plain(array.astype(wanted.numpy)), wanted)


def _default(array: np.ndarray) -> Tensor:
    kind = kind_of(array.dtype)
    if kind == "f":
        target = dtypes.float32
    elif kind == "c":
        target = dtypes.complex128
    elif kind == "b":
        target = dtypes.bool_
    else:
        small = array.size == 0 or (int(array.min()) in _INT32 and int(array.max()) in _INT32)
        target = dtypes.int32 if small else dtypes.int64
    if array.size == 0:
        target = dtypes.float32
    return Tensor(_plain(array.astype(target.numpy)), target)


def _plain(array: np.ndarray) -> Any:
    return array if array.ndim else array[()]


def _fits(array: np.ndarray, wanted: DType) -> bool:
    kind = kind_of(array.dtype)
    if array.size == 0:
        return wanted is not dtypes.string
    if wanted.is_complex:
        return kind in "iufc"
    if wanted.is_floating:
        return kind in "iuf"
    if wanted.is_integer:
        info = np.iinfo(wanted.numpy)
        return kind in "iu" and info.min <= array.min() and array.max() <= info.max
    return wanted.is_bool and kind == "b"


def accepts(dtype: DType, value: Any) -> bool:
    """Whether a Python value, or nested lists of them, can be of this dtype."""
    if isinstance(value, bool):
        return dtype.is_bool
    if isinstance(value, int):
        return dtype.is_numeric
    if isinstance(value, float):
        return dtype.is_floating
    if isinstance(value, (list, tuple)):
        return all(accepts(dtype, x) for x in value)
    return isinstance(value, (str, bytes)) and dtype is dtypes.string


def _cannot(value: Any, wanted: DType | None) -> TypeError:
    name = wanted.name if wanted else ""
    return TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {name}")


def has_tensor(value: Any) -> bool:
    """Whether tensors or variables are in nested lists."""
    if isinstance(value, (list, tuple)):
        return any(has_tensor(x) for x in value)
    return isinstance(value, (Tensor, Tracer)) or hasattr(value, "_read_tensor")


def _is_text(array: np.ndarray) -> bool:
    return all(isinstance(x, (str, bytes)) for x in array.flat)


def boxed(x: Any) -> np.ndarray:
    """An object as an array without axes. (One of dtype S would lose zeros at the end of bytes.)"""
    found = np.empty((), object)
    found[()] = x
    return found


def _bytes(array: np.ndarray) -> Any:
    """Strings as bytes, in an array of objects."""
    made = np.empty(array.shape, object)
    for index in np.ndindex(array.shape):
        x = array[index]
        if not isinstance(x, (str, bytes)):
            raise ValueError(
                "Failed to convert a NumPy array to a Tensor (Unsupported object type"
                f" {type(x).__name__})."
            )
        made[index] = x.encode() if isinstance(x, str) else bytes(x)
    return made
