"""Array data as an attribute: immutable, hashable, compared bit for bit.

Layer: compiler/ir. A `constant` node holds its array as a `Literal`. Two literals are equal when
dtype, shape and every bit agree, so -0.0 differs from 0.0 and NaNs differ by their payload:
passes may merge equal literals without changing a result.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from ..errors import DTypeError
from .types import DType, TensorType


class Literal:
    """A read-only copy of an array of one of our dtypes."""

    __slots__ = ("_bits", "_hash", "array", "type")

    def __init__(self, value: Any, dtype: DType | None = None) -> None:
        array = np.array(value, dtype=dtype.numpy if dtype else None, order="C")
        found = DType.of(array.dtype)
        if found is None:
            raise DTypeError(
                "constant: no such element type",
                got=str(array.dtype),
                expected=" or ".join(str(d) for d in DType),
            )
        array.setflags(write=False)
        self.array = array
        self.type = TensorType(found, array.shape)
        self._bits = array.reshape(-1).view(np.uint8)
        self._hash: int | None = None  # computed when it is first asked for: arrays may be large

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.type.dtype

    @property
    def scalar(self) -> Any:
        """The element of a literal with one element, as a Python number."""
        return self.array.item()

    @property
    def data(self) -> bytes:
        """The elements in row-major order, native byte order."""
        return self._bits.tobytes()

    @property
    def is_uniform(self) -> bool:
        """Whether there are elements and all have the same bits."""
        rows = self._bits.reshape(self.array.size, -1) if self.array.size else self._bits
        # nearly every array that is not uniform is told by its ends
        return bool(len(rows) and (rows[-1] == rows[0]).all() and (rows == rows[0]).all())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        if self.type != other.type:
            return False
        return self._bits is other._bits or self._bits.data == other._bits.data

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.dtype, self.array.shape, crc32(self._bits.data)))
        return self._hash

    def __repr__(self) -> str:
        return f"Literal({self.array.tolist()!r}, {self.dtype})"
