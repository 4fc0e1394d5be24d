"""Arrays on the device.

Layer: runtime. In: NumPy arrays, results of programs. Out: `DeviceArray`s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import memory
from .memory import Block


@dataclass(frozen=True, slots=True, eq=False)
class DeviceArray:
    """An array in the order of C at the start of a block."""

    block: Block
    dtype: np.dtype
    shape: tuple[int, ...]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """A copy on the host; waits for the kernels."""
        host = np.empty(self.shape, self.dtype)
        self.block.read(host)
        return host if dtype is None else host.astype(dtype, copy=False)


def device_put(array: np.ndarray) -> DeviceArray:
    """A copy on the device."""
    array = np.asarray(array, order="C")
    block = memory.allocate(array.nbytes)
    block.write(array)
    return DeviceArray(block, array.dtype, array.shape)
