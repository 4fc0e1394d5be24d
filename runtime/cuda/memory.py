"""Memory of the device, kept for later use when it is given back.

Layer: runtime. A `Block` is given back when nothing refers to it. Since all work is done in the
order in which it is queued, a block may be used again at once. Sizes are rounded up to classes, of
which there are eight between two powers of two; small blocks are cut from chunks.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import Lock

import numpy as np

from ...compiler.errors import layout
from . import driver
from .calls import Pending
from .protocol import ALIGNMENT, Driver, OutOfMemory

_SMALL = 1 << 20  # bytes: up to here blocks are cut from chunks
_CHUNK = 16 << 20
_PAGE = 2 << 20  # what a device's memory is divided into
_LOOSER = 2  # classes further up that may serve a large block


@dataclass(frozen=True, slots=True)
class Statistics:
    """Bytes, in classes of sizes: in blocks, kept for later, and the most there were in blocks."""

    in_use: int
    cached: int
    peak: int


class Block:
    """A piece of the device's memory.

    `pending` is what may have gone wrong with its content. `lent` says that another library has
    been given it, whose work is queued elsewhere.
    """

    __slots__ = ("__weakref__", "_pool", "_size", "address", "lent", "nbytes", "pending")

    def __init__(self, pool: Pool, address: int, nbytes: int, size: int) -> None:
        self._pool: Pool | None = pool
        self._size = size
        self.address = address
        self.nbytes = nbytes
        self.pending: Pending | None = None
        self.lent = False

    def write(self, array: np.ndarray) -> None:
        """Copy a contiguous array to the start of the block; it may be changed afterwards."""
        if array.nbytes:
            self._alive().driver.to_device(self.address, array)

    def read(self, array: np.ndarray, offset: int = 0) -> None:
        """Fill a contiguous array from `offset` on; waits for what is queued.

        Raises:
            IndexError, ValueError, OverflowError: the call that should have filled the block
                found faults in its data.
        """
        device = self._alive().driver
        if array.nbytes:
            device.to_host(array, self.address + offset)
        elif self.pending is not None:
            device.synchronize()
        self.check()

    def check(self) -> None:
        """Raise what is known to have gone wrong with the content."""
        if self.pending is not None and self.pending.check():
            self.pending = None

    def lend(self) -> None:
        """Another library is given it."""
        self.lent = True

    def release(self) -> None:
        """Give the memory back now."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.give_back(self.address, self._size, self.lent)

    def _alive(self) -> Pool:
        if self._pool is None:
            raise ValueError("the memory has been released")
        return self._pool

    def __del__(self) -> None:
        self.release()


class Pool:
    """The memory of one device."""

    def __init__(self, device: Driver) -> None:
        self.driver = device
        self._lock = Lock()
        # Addresses by class, as heaps: in a loop, each call then gets the same ones again.
        self._free: defaultdict[int, list[int]] = defaultdict(list)
        # Blocks are collected at any moment, perhaps while the lock is held: no lock is taken.
        self._returned: deque[tuple[int, int, bool]] = deque()
        self._chunk, self._left = 0, 0
        self._in_use = self._cached = self._peak = 0

    def allocate(self, nbytes: int) -> Block:
        """As the function `allocate`."""
        return self.take(nbytes, size_class(nbytes))

    def take(self, nbytes: int, size: int) -> Block:
        """A block of the class that `size_class` gives for so many bytes."""
        return self.take_all([(nbytes, size)])[0]

    def take_all(self, wanted: Sequence[tuple[int, int]]) -> list[Block]:
        """Blocks of so many bytes and of their classes."""
        blocks = []
        with self._lock:
            if self._returned:
                self._take_back()
            for nbytes, size in wanted:
                free = self._free.get(size)
                if free:
                    address = heappop(free)
                    self._cached -= size
                else:
                    address, size = self._new(size)
                self._in_use += size
                blocks.append(Block(self, address, nbytes, size))
            if self._in_use > self._peak:
                self._peak = self._in_use
        return blocks

    def give_back(self, address: int, size: int, lent: bool) -> None:
        """A block is no longer used."""
        self._returned.append((address, size, lent))

    def statistics(self) -> Statistics:
        """What there is."""
        with self._lock:
            self._take_back()
            return Statistics(self._in_use, self._cached, self._peak)

    def trim(self) -> None:
        """Give large blocks that are kept back to the device."""
        with self._lock:
            self._take_back()
            self._trim()

    def _take_back(self) -> None:
        waited = False
        while self._returned:
            address, size, lent = self._returned.popleft()
            if lent and not waited:  # for what others do with it
                self.driver.synchronize()
                waited = True
            heappush(self._free[size], address)
            self._in_use -= size
            self._cached += size

    def _new(self, wanted: int) -> tuple[int, int]:
        """A piece of memory and its class, where that wanted has none."""
        if wanted <= _SMALL:
            return self._cut(wanted), wanted
        size = wanted
        for _ in range(_LOOSER):
            size = size_class(size + 1)
            if self._free[size]:
                self._cached -= size
                return heappop(self._free[size]), size
        return self._obtain(wanted), wanted

    def _cut(self, size: int) -> int:
        if self._left < size:
            self._chunk, self._left = self._obtain(_CHUNK), _CHUNK
        address = self._chunk
        self._chunk += size
        self._left -= size
        return address

    def _obtain(self, size: int) -> int:
        try:
            return self.driver.allocate(size)
        except OutOfMemory:
            self._trim()
        try:
            return self.driver.allocate(size)
        except OutOfMemory:
            raise MemoryError(self._told(size)) from None

    def _told(self, size: int) -> str:
        free, total = self.driver.memory_info()
        use, cached = self._in_use, self._cached
        return layout(
            "the GPU has not enough memory",
            got=f"{_text(size)} asked for; {_text(use)} in use, {_text(cached)} kept for reuse, "
            f"{_text(free)} of {_text(total)} free",
        )

    def _trim(self) -> None:
        large = [size for size, addresses in self._free.items() if size > _SMALL and addresses]
        if large:
            self.driver.synchronize()
        for size in large:
            addresses = self._free.pop(size)
            self._cached -= size * len(addresses)
            for address in addresses:
                self.driver.free(address)


def size_class(nbytes: int) -> int:
    """The size that is allocated for so many bytes."""
    nbytes = max(nbytes, 1)
    step = max(ALIGNMENT, 1 << max(0, nbytes.bit_length() - 4))
    if nbytes > _SMALL:
        step = max(step, _PAGE)
    return -(-nbytes // step) * step


def _text(nbytes: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.1f} {unit}"
    return f"{nbytes} B"


_pool: Pool | None = None
_lock = Lock()


def pool() -> Pool:
    """The pool of the process's device.

    Raises:
        DeviceError: there is no device.
    """
    global _pool
    device = driver.current()
    with _lock:
        if _pool is None or _pool.driver is not device:
            _pool = Pool(device)
        return _pool


def allocate(nbytes: int) -> Block:
    """New memory of at least `nbytes`, aligned to 256 bytes.

    Raises:
        MemoryError: the device has not enough.
    """
    return pool().allocate(nbytes)
