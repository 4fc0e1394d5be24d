"""Element types and tensor types.

Layer: compiler/ir. A `DType` is one of the closed set below; a `TensorType` is a dtype and a
shape of `Size`s. The text forms are `f32`, `f64[4, n]`, `i64[]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from .dims import Dim, product

Size = int | Dim
Shape = tuple[Size, ...]


class DType(Enum):
    """An element type: (text name, NumPy name, bits). Order within a kind is by size."""

    BOOL = ("bool", "bool", 8)
    I8 = ("i8", "int8", 8)
    I16 = ("i16", "int16", 16)
    I32 = ("i32", "int32", 32)
    I64 = ("i64", "int64", 64)
    U8 = ("u8", "uint8", 8)
    U16 = ("u16", "uint16", 16)
    U32 = ("u32", "uint32", 32)
    U64 = ("u64", "uint64", 64)
    F16 = ("f16", "float16", 16)
    BF16 = ("bf16", "bfloat16", 16)
    F32 = ("f32", "float32", 32)
    F64 = ("f64", "float64", 64)

    def __init__(self, text: str, numpy_name: str, bits: int) -> None:
        self.text = text
        self.numpy_name = numpy_name
        self.bits = bits
        self.itemsize = bits // 8
        self.is_bool = text == "bool"
        self.is_signed = text[0] == "i"
        self.is_unsigned = text[0] == "u"
        self.is_integer = self.is_signed or self.is_unsigned
        self.is_float = not (self.is_bool or self.is_integer)
        self.is_half = self.is_float and bits == 16  # kept in memory, computed in f32
        self.kind = "f" if self.is_float else text[0]  # 'b' bool, 'i' signed, 'u' unsigned

    @cached_property
    def numpy(self) -> np.dtype:
        """The NumPy dtype; that of BF16 comes from ml_dtypes."""
        if self is DType.BF16:
            # for few programs, and a twentieth of the time that this package takes to import
            import ml_dtypes

            return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(self.numpy_name)

    @property
    def finfo(self) -> Any:
        """The limits of a float, as `np.finfo` gives them."""
        if self is DType.BF16:
            import ml_dtypes  # see `numpy`

            return ml_dtypes.finfo(self.numpy)
        return np.finfo(self.numpy)

    @property
    def wide(self) -> DType:
        """What kernels compute with: F32 for floats of 16 bits."""
        return DType.F32 if self.is_half else self

    @staticmethod
    def of(dtype: np.dtype) -> DType | None:
        """The DType of a native-order NumPy dtype, or None if it has none."""
        found = _BY_NUMPY.get(dtype)
        if found is None and dtype.name == "bfloat16" and dtype.isnative:
            return DType.BF16
        return found

    @staticmethod
    def parse(text: str) -> DType | None:
        """The DType with this text name (`f32`), or None."""
        return _BY_TEXT.get(text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


_BY_TEXT = {d.text: d for d in DType}
_BY_NUMPY = {d.numpy: d for d in DType if d is not DType.BF16}


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type and shape of a value."""

    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Size:
        """Number of elements."""
        return product(self.shape)

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape with other elements."""
        return TensorType(dtype, self.shape)

    def with_shape(self, shape: Shape) -> TensorType:
        """The same elements in another shape."""
        return TensorType(self.dtype, tuple(shape))

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    __repr__ = __str__
