"""DLPack: memory handed from one library to another without a copy.

Layer: runtime; imports errors and types of ours. Out: capsules that hold a tensor's
description and keep its memory alive until the consumer is done. In: the capsules of other
libraries. Both forms of the protocol are spoken: the one with a version (from 1.0 on) and the one
before it. A capsule is renamed by whoever takes its tensor, and from then on that one calls the
tensor's deleter.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compiler.errors import DeviceError
from ...compiler.ir.types import DType

CPU, CUDA, CUDA_HOST, CUDA_MANAGED = 1, 2, 3, 13  # DLDeviceType
READ_ONLY = 1 << 0  # DLPACK_FLAG_BITMASK_READ_ONLY
VERSION = (1, 0)

_TENSOR, _USED_TENSOR = b"dltensor", b"used_dltensor"
_VERSIONED, _USED_VERSIONED = b"dltensor_versioned", b"used_dltensor_versioned"
# DLDataTypeCode by the kind of a NumPy dtype
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_KINDS = {code: kind for kind, code in _CODES.items()}
_BFLOAT = 4


class _Device(ctypes.Structure):
    """DLDevice."""

    _fields_ = (("type", ctypes.c_int32), ("number", ctypes.c_int32))


class _DType(ctypes.Structure):
    """DLDataType."""

    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("rank", ctypes.c_int32),
        ("dtype", _DType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    )


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    """DLManagedTensor, of the protocol without a version."""

    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", _Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


# With `c_void_p`, not `py_object`, where a capsule may be on its way out: no reference is taken.
_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)(("PyCapsule_New", _api))  # fmt: skip
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", _api)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", _api)
)
_set_name = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_SetName", _api)
)

# What consumers hold: by the address of the tensor's description, it and the memory's owner.
_lent: dict[int, tuple[Any, ...]] = {}


@_Deleter
def _give_back(address: int, lent: dict[int, tuple[Any, ...]] = _lent) -> None:
    """The deleter of what we export."""
    lent.pop(address, None)


@ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
def _drop(capsule: int, valid: Any = _is_valid, pointer: Any = _pointer) -> None:
    """The destructor of our capsules: a tensor that nobody has taken is given back."""
    for name in (_TENSOR, _VERSIONED):
        if valid(capsule, name):
            _lent.pop(pointer(capsule, name), None)


# Consumers may call them when this module is gone.
for _function in (_give_back, _drop):
    _api.Py_IncRef(ctypes.py_object(_function))


def lent_count() -> int:
    """How many exported tensors have not been given back."""
    return len(_lent)


@dataclass(frozen=True, slots=True)
class Memory:
    """An array in memory, row-major; `owner` keeps the memory alive."""

    owner: Any
    address: int
    dtype: np.dtype
    shape: tuple[int, ...]
    device: tuple[int, int]  # DLDevice: type and number


def export(memory: Memory, max_version: tuple[int, int] | None, *, read_only: bool) -> Any:
    """A capsule for one consumer.

    Args:
        memory: what it describes.
        max_version: the newest version that the consumer knows; None for the protocol without.
        read_only: tell the consumer not to write. The protocol without a version cannot say it.
    """
    versioned = max_version is not None and max_version[0] >= 1
    managed: Any = _Versioned() if versioned else _Managed()
    rank = len(memory.shape)
    sizes = (ctypes.c_int64 * max(1, rank))(*memory.shape)
    strides = (ctypes.c_int64 * max(1, rank))(*_row_major(memory.shape))
    code = _BFLOAT if memory.dtype.name == "bfloat16" else _CODES[memory.dtype.kind]
    managed.tensor = _Tensor(
        memory.address,
        _Device(*memory.device),
        rank,
        _DType(code, memory.dtype.itemsize * 8, 1),
        ctypes.cast(sizes, ctypes.POINTER(ctypes.c_int64)),
        ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64)),
        0,
    )
    managed.deleter = _give_back
    if versioned:
        managed.major, managed.minor = VERSION
        managed.flags = READ_ONLY if read_only else 0
    address = ctypes.addressof(managed)
    _lent[address] = (managed, sizes, strides, memory.owner)
    return _new(address, _VERSIONED if versioned else _TENSOR, ctypes.cast(_drop, ctypes.c_void_p))


def _row_major(shape: Sequence[int]) -> list[int]:
    """The strides of an array, in elements."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return strides[::-1]


class _Owner:
    """Holds what another library has lent, and gives it back when it is collected."""

    def __init__(self, managed: Any) -> None:
        if managed.deleter:
            address = ctypes.addressof(managed)
            weakref.finalize(self, managed.deleter, address).atexit = False


def take(source: Any, stream: int | None) -> Memory:
    """The memory of another library's array, which has to be row-major.

    Args:
        source: has `__dlpack__`.
        stream: where the memory is going to be used; None on the host.

    Raises:
        DeviceError: its elements do not lie side by side, or its dtype is none of NumPy's.
    """
    options: dict[str, Any] = {} if stream is None else {"stream": stream}
    try:
        capsule = source.__dlpack__(max_version=VERSION, **options)
    except TypeError:  # knows no versions
        capsule = source.__dlpack__(**options)
    managed = _taken(capsule)
    owner, tensor = _Owner(managed), managed.tensor
    shape = tuple(tensor.shape[: tensor.rank])
    if tensor.strides:
        _check_row_major(shape, tensor.strides[: tensor.rank])
    address = (tensor.data or 0) + tensor.offset
    device = tensor.device.type, tensor.device.number
    return Memory(owner, address, _dtype_of(tensor.dtype), shape, device)


def _taken(capsule: Any) -> Any:
    """The description in a capsule, which is ours from now on."""
    address = id(capsule)
    for name, used, structure in (
        (_VERSIONED, _USED_VERSIONED, _Versioned),
        (_TENSOR, _USED_TENSOR, _Managed),
    ):
        if _is_valid(address, name):
            managed: Any = structure.from_address(_pointer(address, name))
            if structure is _Versioned and managed.major > VERSION[0]:
                raise DeviceError(
                    "the other library speaks a newer version of DLPack",
                    got=f"{managed.major}.{managed.minor}",
                    expected=f"{VERSION[0]}.x",
                )
            _set_name(capsule, used)
            return managed
    raise DeviceError("this is no capsule of DLPack, or another library has taken its tensor")


def of_interface(interface: Mapping[str, Any], owner: Any) -> Memory:
    """The memory that `__cuda_array_interface__` describes, of the array `owner`.

    What is queued on the stream that it names has to be done first: the caller sees to that.

    Raises:
        DeviceError: its elements do not lie side by side.
    """
    dtype, shape = np.dtype(interface["typestr"]), tuple(interface["shape"])
    strides = interface.get("strides")
    if strides is not None:
        _check_row_major(shape, [step // dtype.itemsize for step in strides])
    address, _ = interface["data"]
    return Memory(owner, address or 0, dtype, shape, (CUDA, 0))


def _check_row_major(shape: Sequence[int], strides: Sequence[int]) -> None:
    """Strides of axes with one element or less say nothing, and neither do those of no elements."""
    pairs = zip(shape, strides, _row_major(shape), strict=True)
    if 0 in shape or all(size == 1 or given == wanted for size, given, wanted in pairs):
        return
    raise DeviceError(
        "only arrays whose elements lie side by side in row-major order can be shared",
        got=f"shape {tuple(shape)}, strides {tuple(strides)} in elements",
        hint="copy it first: x.contiguous() in PyTorch, cupy.ascontiguousarray(x) in CuPy",
    )


def _dtype_of(found: Any) -> np.dtype:
    if (found.code, found.bits, found.lanes) == (_BFLOAT, 16, 1):
        return DType.BF16.numpy
    kind = _KINDS.get(found.code)
    if kind is None or found.lanes != 1 or found.bits % 8 or found.bits > 128:
        raise DeviceError(
            "NumPy has no such dtype",
            got=f"DLPack's type code {found.code}, {found.bits} bits, {found.lanes} lanes",
            hint="floats of 8 bits and the like: convert to float32 first",
        )
    order = "<" if sys.byteorder == "little" else ">"
    return np.dtype(f"{order}{kind}{found.bits // 8}" if kind != "b" else np.bool_)
