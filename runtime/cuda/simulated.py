"""A device on the host's memory: what the runtime does there it does on a GPU, too.

Layer: runtime. Addresses are those of NumPy arrays; work is done when it is queued. A kernel gets
views of the addresses among its parameters, which must lie in memory that is allocated.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .compiling import simulated_kernels
from .protocol import Image, OutOfMemory

ARRAY_WORDS = 7  # of a flat array: meminfo, parent, items, bytes of an item, address, shape, stride
_ALIGNMENT = 256
_BLOCKS = 2  # at most: results do not depend on it
_GARBAGE = 0xCD  # in new memory, so that nothing relies on zeros


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A function of blocks, threads, and what `kinds` says."""

    function: Callable[..., None]
    kinds: tuple[str | None, ...]


class SimulatedDriver:
    """Follows `Driver`. `limit` is how many bytes it has."""

    name = "simulator"
    target = "simulator"
    multiprocessors = _BLOCKS
    stream = 2  # the default stream, for libraries that would wait for it

    def __init__(
        self,
        limit: int = 1 << 40,
        kernels: Callable[[str], Mapping[str, Callable[..., None]]] = simulated_kernels,
    ) -> None:
        self.limit = limit
        self.used = 0
        self._kernels = kernels
        self._memory: dict[int, np.ndarray] = {}
        self._starts: list[int] = []  # of `_memory`, ascending
        self._adopted: dict[int, int] = {}  # of other libraries, and how many arrays use it

    def allocate(self, nbytes: int) -> int:
        """As `Driver.allocate`."""
        if self.used + nbytes > self.limit:
            raise OutOfMemory
        raw = np.full(nbytes + _ALIGNMENT, _GARBAGE, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        memory = raw[start : start + nbytes]
        address: int = memory.ctypes.data
        self._memory[address] = memory
        self._starts.insert(bisect_right(self._starts, address), address)
        self.used += nbytes
        return address

    def free(self, address: int) -> None:
        """As `Driver.free`."""
        self.used -= self._memory.pop(address).nbytes
        self._starts.remove(address)

    def adopt(self, address: int, nbytes: int) -> None:
        """As `Driver.adopt`."""
        if address not in self._memory:  # several arrays may share it
            raw: Any = (ctypes.c_uint8 * nbytes).from_address(address)
            self._memory[address] = np.frombuffer(raw, np.uint8)
            self._starts.insert(bisect_right(self._starts, address), address)
            self._adopted[address] = 0
        self._adopted[address] += 1

    def disown(self, address: int) -> None:
        """As `Driver.disown`."""
        self._adopted[address] -= 1
        if not self._adopted[address]:
            del self._memory[address], self._adopted[address]
            self._starts.remove(address)

    def memory_info(self) -> tuple[int, int]:
        """As `Driver.memory_info`."""
        return self.limit - self.used, self.limit

    def to_device(self, target: int, source: np.ndarray) -> None:
        """As `Driver.to_device`."""
        self._bytes(target, source.nbytes)[:] = _raw(source)

    def to_host(self, target: np.ndarray, source: int) -> None:
        """As `Driver.to_host`."""
        _raw(target)[:] = self._bytes(source, target.nbytes)

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """As `Driver.copy`."""
        self._bytes(target, nbytes)[:] = self._bytes(source, nbytes).copy()

    def fill(self, target: int, byte: int, nbytes: int) -> None:
        """As `Driver.fill`."""
        self._bytes(target, nbytes)[:] = byte

    def load(self, image: Image) -> Mapping[str, _Kernel]:
        """As `Driver.load`."""
        found = self._kernels(image.code.decode())
        return {
            name: _Kernel(found[entry], image.parameters[name])
            for name, entry in image.entries.items()
        }

    def launch(self, kernel: _Kernel, blocks: int, threads: int, words: np.ndarray) -> None:
        """As `Driver.launch`."""
        arguments: list[Any] = []
        at = 0
        for kind in kernel.kinds:
            if kind is None:
                arguments.append(np.int64(words[at]))
                at += 1
                continue
            _, _, items, itemsize, address, _, _ = words[at : at + ARRAY_WORDS].tolist()
            arguments.append(self._bytes(address, items * itemsize).view(kind))
            at += ARRAY_WORDS
        assert at == len(words), "the parameters of a kernel do not fit its record"
        kernel.function(min(blocks, _BLOCKS), threads, *arguments)

    def synchronize(self) -> None:
        """As `Driver.synchronize`."""

    def _bytes(self, address: int, nbytes: int) -> np.ndarray:
        """Bytes of the memory, which must be allocated."""
        place = bisect_right(self._starts, address) - 1
        start = self._starts[place] if place >= 0 else 0
        memory = self._memory.get(start)
        if memory is None or address + nbytes > start + memory.nbytes:
            raise AssertionError(f"{nbytes} bytes at {address:#x} are not allocated")
        return memory[address - start : address - start + nbytes]


def _raw(array: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array."""
    return array.reshape(-1).view(np.uint8)
