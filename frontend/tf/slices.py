"""IndexedSlices: a tensor that is zero but for some rows, as gradients of gathers are.

Layer: frontend. Where a dense tensor is needed it becomes one: rows that occur twice are added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .apply import apply
from .dtypes import DType
from .shapes import TensorShape
from .tensors import Tensor


class IndexedSlices:
    """Rows `values[k]` at `indices[k]` of a tensor of `dense_shape`."""

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Any = None) -> None:
        self.values, self.indices = values, indices
        self.dense_shape = dense_shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.values.dtype

    @property
    def shape(self) -> TensorShape:
        """The shape of the dense tensor."""
        return TensorShape(self.dense_shape)

    @property
    def name(self) -> str:
        """As of the values."""
        return self.values.name

    @property
    def device(self) -> str:
        """As of the values."""
        return self.values.device

    def _read_tensor(self) -> Tensor:
        shape = tuple(int(d) for d in self.shape.as_list())  # type: ignore[arg-type]
        dense: Tensor = apply(
            "UnsortedSegmentSum", scatter_rows, (self.values, self.indices), {"shape": shape}
        )
        return dense

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self.values, self.indices, self.dense_shape)  # type: ignore[operator]

    def __repr__(self) -> str:
        return (
            f"IndexedSlices(indices={self.indices!r}, values={self.values!r}, "
            f"dense_shape={self.dense_shape!r})"
        )


def scatter_rows(values: Any, indices: Any, *, shape: tuple[int, ...]) -> Any:
    """An array of zeros to which the rows are added."""
    dense = np.zeros_like(values, shape=shape)  # traced, if the rows are
    np.add.at(dense, indices, values)
    return dense


def join_rows(*parts: Any, tail: tuple[int, ...]) -> Any:
    """The rows of several gathers, one after the other."""
    return np.concatenate([np.reshape(p, (-1, *tail)) for p in parts])
