"""Arrays on the device, and their ways to NumPy and to other libraries.

Layer: runtime. In: NumPy arrays, arrays of other libraries, blocks that programs have filled. Out:
`DeviceArray`s. The frontend adds NumPy's operators and functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Protocol, Self

import numpy as np

from ...compiler.errors import DeviceError
from . import dlpack, driver, memory
from .calls import Pending

_DEFAULT_STREAM = 1  # as DLPack and the CUDA array interface number it


class Memory(Protocol):
    """A piece of the device's memory, which is given back when nothing refers to it any more."""

    address: int
    nbytes: int

    @property
    def pending(self) -> Pending | None:
        """A call that may have failed to fill it."""

    def read(self, array: np.ndarray, offset: int = 0) -> None:
        """Fill a contiguous array from `offset` on; waits for what is queued, and checks."""

    def check(self) -> None:
        """Raise what is known to have gone wrong with the content."""

    def lend(self) -> None:
        """Another library is given it. What that has queued is waited for before further use."""


class DeviceArray:
    """An array in row-major order, which fills its block. It never changes."""

    __slots__ = ("__weakref__", "block", "dtype", "shape")

    def __init__(self, block: Memory, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.block = block
        self.dtype = dtype
        self.shape = shape

    @classmethod
    def from_host(cls, array: np.ndarray) -> Self:
        """A copy of an array on the device."""
        array = np.asarray(array, order="C")
        block = memory.allocate(array.nbytes)
        block.write(array)
        return cls(block, array.dtype, array.shape)

    @classmethod
    def from_other(cls, source: Any) -> Self:
        """An array of another library on the same memory; a copy of one that lies on the host.

        Raises:
            DeviceError: its elements do not lie side by side, or it lies on another device.
        """
        if hasattr(source, "__dlpack__"):
            device = source.__dlpack_device__()
            if device[0] in (dlpack.CPU, dlpack.CUDA_HOST) and not is_own_device(device):
                return cls.from_host(np.from_dlpack(source))
            _check_device(device)
            found = dlpack.take(source, _consumer_stream())
        else:
            interface = source.__cuda_array_interface__
            found = dlpack.of_interface(interface, source)
            _wait_for(interface)
        return cls(_Foreign(found), found.dtype, found.shape)

    def copied(self) -> Self:
        """The same elements in a block of their own."""
        block = memory.allocate(self.block.nbytes)
        if self.block.nbytes:
            driver.current().copy(block.address, self.block.address, self.block.nbytes)
        block.pending = self.block.pending
        return type(self)(block, self.dtype, self.shape)

    def part(self, start: int, shape: tuple[int, ...]) -> Self:
        """The elements from number `start` on, on the same memory."""
        itemsize = self.dtype.itemsize
        block = _Part(self.block, start * itemsize, prod(shape) * itemsize)
        return type(self)(block, self.dtype, shape)

    def block_until_ready(self) -> Self:
        """Wait until its elements are computed; raises what went wrong with them."""
        driver.current().synchronize()
        self.block.check()
        return self

    # -- to NumPy and other libraries ---------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """A copy on the host; waits for what computes the elements."""
        if copy is False:
            raise ValueError("an array on the GPU cannot be a NumPy array without a copy")
        host = np.empty(self.shape, self.dtype)
        self.block.read(host)
        return host if dtype is None else host.astype(dtype, copy=False)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """For CuPy, Numba and others, on the same memory; they must not write to it."""
        self.block_until_ready().block.lend()
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.block.address if self.block.nbytes else 0, False),
            "strides": None,
            "version": 3,
            "stream": driver.current().stream,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's type and number of the device."""
        return _device()

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule on the same memory, or on a copy if that is asked for."""
        own = _device()
        if dl_device is not None and tuple(dl_device) != own:
            if dl_device[0] != dlpack.CPU or copy is False:
                raise BufferError(f"the array lies on device {own}, not on {tuple(dl_device)}")
            return np.asarray(self).__dlpack__(max_version=max_version)
        given = self.copied() if copy else self
        block = given.block
        if stream != -1 and block.pending is not None:
            given.block_until_ready()  # raises what went wrong
        elif stream != -1:
            driver.current().let_wait(_DEFAULT_STREAM if stream is None else stream)
        block.lend()
        lent = dlpack.Memory(block, block.address, self.dtype, self.shape, own)
        return dlpack.export(lent, max_version, read_only=not copy)


class _Part:
    """Bytes of another block, which is kept."""

    __slots__ = ("_offset", "_whole", "address", "nbytes")

    def __init__(self, whole: Memory, offset: int, nbytes: int) -> None:
        self._whole = whole
        self._offset = offset
        self.address = whole.address + offset
        self.nbytes = nbytes

    @property
    def pending(self) -> Pending | None:
        """As `Memory.pending`."""
        return self._whole.pending

    def read(self, array: np.ndarray, offset: int = 0) -> None:
        """As `Memory.read`."""
        self._whole.read(array, self._offset + offset)

    def check(self) -> None:
        """As `Memory.check`."""
        self._whole.check()

    def lend(self) -> None:
        """As `Memory.lend`."""
        self._whole.lend()


class _Foreign:
    """Memory of another library. It is given back when what we have queued is done with it."""

    __slots__ = ("_device", "_owner", "address", "nbytes", "pending")

    def __init__(self, found: dlpack.Memory) -> None:
        self._device = driver.current()
        self._owner = found.owner
        self.pending: Pending | None = None
        self.address = found.address
        self.nbytes = prod(found.shape) * found.dtype.itemsize
        self._device.adopt(self.address, self.nbytes)

    def read(self, array: np.ndarray, offset: int = 0) -> None:
        """As `Memory.read`."""
        if array.nbytes:
            self._device.to_host(array, self.address + offset)

    def check(self) -> None:
        """As `Memory.check`: nothing is known."""

    def lend(self) -> None:
        """As `Memory.lend`: it is not ours to use again."""

    def __del__(self) -> None:
        self._device.synchronize()
        self._device.disown(self.address)


# -- devices ------------------------------------------------------------------------------------


def _device() -> tuple[int, int]:
    """Ours, as DLPack names it. The simulator's memory is the host's."""
    return (dlpack.CPU if driver.current().target == "simulator" else dlpack.CUDA), 0


def is_own_device(device: tuple[int, int]) -> bool:
    """Whether DLPack's device is ours; managed memory is everywhere."""
    return tuple(map(int, device)) == _device() or int(device[0]) == dlpack.CUDA_MANAGED


def _check_device(device: tuple[int, int]) -> None:
    if not is_own_device(device):
        raise DeviceError(
            "the array of the other library lies on another device",
            got=f"DLPack's device type {int(device[0])}, number {device[1]}",
            expected="device type {}, number {}".format(*_device()),
        )


def _wait_for(interface: Mapping[str, Any]) -> None:
    """Let what we queue wait for what fills another library's array."""
    device = driver.current()
    if "stream" not in interface:  # before version 3 nothing was said of it
        device.synchronize()
    elif interface["stream"] is not None:
        device.wait_for(int(interface["stream"]))


def _consumer_stream() -> int | None:
    """The stream that another library makes wait for what it has queued."""
    device = driver.current()
    return None if device.target == "simulator" else device.stream


def device_put(array: np.ndarray) -> DeviceArray:
    """A copy on the device."""
    return DeviceArray.from_host(array)
