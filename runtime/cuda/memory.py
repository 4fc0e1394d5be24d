"""Memory of the device.

Layer: runtime. A `Block` is given back when nothing refers to it any more.
"""

from __future__ import annotations

import numpy as np

from . import driver
from .protocol import Driver


class Block:
    """A piece of the device's memory."""

    __slots__ = ("_driver", "address", "nbytes")

    def __init__(self, device: Driver, address: int, nbytes: int) -> None:
        self._driver: Driver | None = device
        self.address = address
        self.nbytes = nbytes

    def write(self, array: np.ndarray) -> None:
        """Copy a contiguous array to the start of the block; it may be changed afterwards."""
        if array.nbytes:
            self._device().to_device(self.address, array)

    def read(self, array: np.ndarray) -> None:
        """Fill a contiguous array from the start of the block; waits for what is queued."""
        if array.nbytes:
            self._device().to_host(array, self.address)

    def release(self) -> None:
        """Give the memory back now."""
        if self._driver is not None:
            self._driver.free(self.address)
            self._driver = None

    def _device(self) -> Driver:
        if self._driver is None:
            raise ValueError("the memory has been released")
        return self._driver

    def __del__(self) -> None:
        self.release()


def allocate(nbytes: int) -> Block:
    """New memory of at least `nbytes`, aligned to 256 bytes."""
    device = driver.current()
    return Block(device, device.allocate(max(nbytes, 1)), nbytes)
