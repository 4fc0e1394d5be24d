"""TensorFlow's dtypes: `tf.float32` and the like.

Layer: frontend. One object per dtype; it equals its NumPy dtype and its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.ir.types import DType as ElementType


class DType:
    """An element type. `name` is TensorFlow's, `as_numpy_dtype` the scalar class of NumPy."""

    __slots__ = (
        "_base", "as_datatype_enum", "as_numpy_dtype", "kernel_name", "name", "numpy", "size",
    )  # fmt: skip

    def __init__(
        self, name: str, numpy: Any, enum: int, kernel_name: str = "", base: DType | None = None
    ) -> None:
        self._base = base
        self.name = name
        self.numpy = np.dtype(numpy)
        self.as_numpy_dtype = self.numpy.type if numpy is not object else object
        self.as_datatype_enum = enum
        self.kernel_name = kernel_name or name  # as messages of kernels write it
        self.size = self.numpy.itemsize

    @property
    def kind(self) -> str:
        """NumPy's letter for its kind: "f" for floats."""
        return self.numpy.kind

    @property
    def finfo(self) -> Any:
        """The limits of a float, as `np.finfo` gives them."""
        return np.finfo(self.numpy)

    @property
    def is_floating(self) -> bool:
        """Whether it is a float of any size."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer, signed or not."""
        return self.kind in "iu"

    @property
    def is_unsigned(self) -> bool:
        """Whether it is an unsigned integer."""
        return self.kind == "u"

    @property
    def is_bool(self) -> bool:
        """Whether it is bool."""
        return self.kind == "b"

    @property
    def is_complex(self) -> bool:
        """Whether it is complex; ops on complex numbers are NumPy's, and are not compiled."""
        return self.kind == "c"

    @property
    def is_numeric(self) -> bool:
        """Whether arithmetic is defined on it."""
        return self.kind in "iufc"

    @property
    def base_dtype(self) -> DType:
        """The dtype itself; of a reference, as variables of graphs have, that of the values."""
        return self._base or self

    real_dtype = base_dtype

    @property
    def min(self) -> Any:
        """The smallest value."""
        return self.finfo.min if self.is_floating else np.iinfo(self.numpy).min

    @property
    def max(self) -> Any:
        """The largest value."""
        return self.finfo.max if self.is_floating else np.iinfo(self.numpy).max

    @property
    def limits(self) -> tuple[Any, Any]:
        """(0, 1) for floats, the range of integers."""
        return (0, 1) if self.is_floating else (self.min, self.max)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether the two are the same."""
        return self == other

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


class _BFloat16(DType):
    """Whose NumPy dtype comes with the first use: few programs need its package, ml_dtypes."""

    __slots__ = ()
    kind = "f"  # of which NumPy knows nothing
    numpy = property(lambda self: ElementType.BF16.numpy)
    as_numpy_dtype = property(lambda self: ElementType.BF16.numpy.type)
    finfo = property(lambda self: ElementType.BF16.finfo)

    def __init__(self) -> None:
        self._base = None
        self.name = self.kernel_name = "bfloat16"
        self.as_datatype_enum, self.size = 14, 2


bfloat16 = _BFloat16()
float16 = half = DType("float16", np.float16, 19, "half")
float32 = DType("float32", np.float32, 1, "float")
float64 = double = DType("float64", np.float64, 2, "double")
int8 = DType("int8", np.int8, 6)
int16 = DType("int16", np.int16, 5)
int32 = DType("int32", np.int32, 3)
int64 = DType("int64", np.int64, 9)
uint8 = DType("uint8", np.uint8, 4)
uint16 = DType("uint16", np.uint16, 17)
uint32 = DType("uint32", np.uint32, 22)
uint64 = DType("uint64", np.uint64, 23)
bool_ = DType("bool", np.bool_, 10)
complex64 = DType("complex64", np.complex64, 8)
complex128 = DType("complex128", np.complex128, 18)
string = DType("string", object, 7)

ALL = (
    bfloat16, float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    bool_, string,
)  # fmt: skip
COMPLEX = (complex64, complex128)
_BY_NUMPY = {d.numpy: d for d in (*ALL, *COMPLEX) if d is not bfloat16}
_BY_NAME = {d.name: d for d in (*ALL, *COMPLEX)} | {
    "half": float16, "double": float64, "float": float32,
}  # fmt: skip
_BY_CLASS: dict[Any, DType] = {
    float: float32, int: int64, bool: bool_, str: string, bytes: string, object: string,
    complex: complex128,
}  # fmt: skip


def as_dtype(x: Any) -> DType:
    """The DType for a DType, a name, a NumPy dtype or a Python class.

    Raises:
        TypeError: there is none.
    """
    if isinstance(x, DType):
        return x
    if isinstance(x, str) and x in _BY_NAME:
        return _BY_NAME[x]
    if isinstance(x, type) and x in _BY_CLASS:
        return _BY_CLASS[x]
    try:
        numpy = np.dtype(x)
    except TypeError:
        raise TypeError(f"Cannot convert value {x!r} to a TensorFlow DType.") from None
    found = _BY_NUMPY.get(numpy) or _BY_NUMPY.get(numpy.newbyteorder("="))
    if found is None and numpy.name == "bfloat16":
        return _BY_NUMPY.setdefault(numpy, bfloat16)
    if found is None and numpy.kind in "SU":
        return string
    if found is None:
        raise TypeError(f"Cannot convert value {x!r} to a TensorFlow DType.")
    return found


def of_numpy(dtype: np.dtype) -> DType:
    """The DType of an array's dtype; TypeError if there is none."""
    found = _BY_NUMPY.get(dtype)
    return found if found is not None else as_dtype(dtype)


_REFERENCES: dict[DType, DType] = {}


def reference(dtype: DType) -> DType:
    """The dtype of a variable's own tensor in a graph, `float32_ref`."""
    found = _REFERENCES.get(dtype)
    if found is None:
        enum = dtype.as_datatype_enum + 100
        found = DType(f"{dtype.name}_ref", dtype.numpy, enum, f"{dtype.kernel_name}_ref", dtype)
        _REFERENCES[dtype] = found
    return found
