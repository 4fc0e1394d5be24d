"""A device on the host's memory: what the runtime does there it does on a GPU, too.

Layer: runtime. Addresses are those of NumPy arrays. A kernel gets views of the addresses among its
parameters, which must lie in memory that is allocated. Work is done when it is queued, or, as a GPU
might, not before someone waits for it; and a kernel can be made to fail.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .calls import CallLog
from .compiling import simulated_kernels
from .protocol import (
    ALIGNMENT,
    ARRAY_WORDS,
    CopyNode,
    Image,
    KernelNode,
    LibraryNode,
    LibraryWork,
    Node,
    OutOfMemory,
    Parameters,
)

_BLOCKS = 2  # at most: results do not depend on it
_GARBAGE = 0xCD  # in new memory, so that nothing relies on zeros

Kernels = Mapping[str, Callable[..., None]]


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A function of blocks, threads, and what `kinds` says."""

    name: str
    function: Callable[..., None]
    kinds: tuple[str | None, ...]


class SimulatedDriver:
    """Follows `Driver`.

    Args:
        limit: how many bytes it has.
        kernels: what makes functions of a source.
        late: whether work waits until someone waits for it.

    Attributes:
        failing: names of kernels that stop the device.
    """

    name = "simulator"
    target = "simulator"
    multiprocessors = _BLOCKS
    stream = 2  # the default stream, for libraries that would wait for it

    def __init__(
        self,
        limit: int = 1 << 40,
        kernels: Callable[[str], Kernels] = simulated_kernels,
        late: bool = False,
    ) -> None:
        self.calls = CallLog(self)
        self.failing: set[str] = set()
        self.limit = limit
        self.used = 0
        self._kernels = kernels
        self._late = late
        self._queue: list[Callable[[], None]] = []
        self._stopped = ""
        self._memory: dict[int, np.ndarray] = {}
        self._starts: list[int] = []  # of `_memory`, ascending
        self._adopted: dict[int, int] = {}  # of other libraries, and how many arrays use it

    # -- memory -------------------------------------------------------------------------------

    def allocate(self, nbytes: int) -> int:
        """As `Driver.allocate`."""
        if self.used + nbytes > self.limit:
            raise OutOfMemory
        raw = np.full(nbytes + ALIGNMENT, _GARBAGE, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        memory = raw[start : start + nbytes]
        self.used += nbytes
        return self._add(memory)

    def free(self, address: int) -> None:
        """As `Driver.free`."""
        assert not self._queue, "memory is given back while work is queued"
        self.used -= self._memory.pop(address).nbytes
        self._starts.remove(address)

    def adopt(self, address: int, nbytes: int) -> None:
        """As `Driver.adopt`."""
        if address not in self._memory:  # several arrays may share it
            raw = (ctypes.c_uint8 * nbytes).from_address(address)
            self._add(np.ctypeslib.as_array(raw))
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

    def pinned(self, nbytes: int) -> np.ndarray:
        """As `Driver.pinned`."""
        return np.zeros(nbytes, np.uint8)

    def _add(self, memory: np.ndarray) -> int:
        address: int = memory.ctypes.data
        self._memory[address] = memory
        self._starts.insert(bisect_right(self._starts, address), address)
        return address

    def _bytes(self, address: int, nbytes: int) -> np.ndarray:
        """Bytes of the memory, which must be allocated."""
        place = bisect_right(self._starts, address) - 1
        start = self._starts[place] if place >= 0 else 0
        memory = self._memory.get(start)
        if memory is None or address + nbytes > start + memory.nbytes:
            raise AssertionError(f"{nbytes} bytes at {address:#x} are not allocated")
        return memory[address - start : address - start + nbytes]

    # -- what is queued -----------------------------------------------------------------------

    def to_device(self, target: int, source: np.ndarray) -> None:
        """As `Driver.to_device`."""
        given = _raw(source).copy() if self._late else _raw(source)
        self._do(lambda: np.copyto(self._bytes(target, given.nbytes), given))

    def to_host(self, target: np.ndarray, source: int) -> None:
        """As `Driver.to_host`."""
        self.synchronize()
        _raw(target)[:] = self._bytes(source, target.nbytes)

    def to_pinned(self, target: np.ndarray, source: int) -> None:
        """As `Driver.to_pinned`."""
        self._do(lambda: np.copyto(_raw(target), self._bytes(source, target.nbytes)))

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """As `Driver.copy`."""
        self._do(lambda: np.copyto(self._bytes(target, nbytes), self._bytes(source, nbytes).copy()))

    def fill(self, target: int, byte: int, nbytes: int) -> None:
        """As `Driver.fill`."""
        self._do(lambda: self._bytes(target, nbytes).fill(byte))

    def load(self, image: Image) -> Mapping[str, _Kernel]:
        """As `Driver.load`."""
        found = self._kernels(image.code.decode())
        return {
            name: _Kernel(name, found[entry], image.parameters[name])
            for name, entry in image.entries.items()
        }

    def launch(self, kernel: _Kernel, blocks: int, threads: int, parameters: Parameters) -> None:
        """As `Driver.launch`."""
        words: list[int] = parameters.words.tolist()
        self._do(lambda: self._run(kernel, blocks, threads, words))

    def run_library(self, work: LibraryWork, addresses: Sequence[int]) -> None:
        """As `Driver.run_library`: what is given as a library works on the host's memory."""
        places = tuple(addresses)
        self._do(lambda: work.queue(places, self.stream))

    def graph(self, nodes: Sequence[Node]) -> SimulatedGraph:
        """As `Driver.graph`."""
        return SimulatedGraph(self, nodes)

    def synchronize(self) -> None:
        """As `Driver.synchronize`."""
        self._check()
        queue, self._queue = self._queue, []
        for work in queue:
            work()
            self._check()
        self.calls.idle()

    def wait_for(self, stream: int) -> None:
        """As `Driver.wait_for`: others, if they simulate anything, have done it."""

    def let_wait(self, stream: int) -> None:
        """As `Driver.let_wait`."""
        self.synchronize()

    def _do(self, work: Callable[[], None]) -> None:
        self._check()
        if self._late:
            self._queue.append(work)
        else:
            work()

    def _check(self) -> None:
        if self._stopped:
            raise self.calls.stopped(self._stopped)

    def _run(self, kernel: _Kernel, blocks: int, threads: int, words: Sequence[int]) -> None:
        if kernel.name in self.failing:
            self._stopped = f"kernel {kernel.name} failed"
            return
        arguments: list[Any] = []
        at = 0
        for kind in kernel.kinds:
            if kind is None:
                arguments.append(np.int64(words[at]))
                at += 1
                continue
            _, _, items, itemsize, address, _, _ = words[at : at + ARRAY_WORDS]
            arguments.append(self._bytes(address, items * itemsize).view(kind))
            at += ARRAY_WORDS
        assert at == len(words), "the parameters of a kernel do not fit its record"
        kernel.function(min(blocks, _BLOCKS), threads, *arguments)


class SimulatedGraph:
    """Follows `Graph`."""

    def __init__(self, device: SimulatedDriver, nodes: Sequence[Node]) -> None:
        self._device = device
        self._nodes = [_kept(node) for node in nodes]

    def launch(self) -> None:
        """As `Graph.launch`."""
        for node in self._nodes:
            if isinstance(node, KernelNode):
                self._device.launch(node.kernel, node.blocks, node.threads, node.parameters)
            elif isinstance(node, LibraryNode):
                self._device.run_library(node.work, node.addresses)
            elif isinstance(node, CopyNode):
                self._device.copy(node.target, node.source, node.nbytes)
            else:
                self._device.fill(node.target, node.byte, node.nbytes)

    def update(self, index: int, node: Node) -> None:
        """As `Graph.update`."""
        assert type(node) is type(self._nodes[index])
        self._nodes[index] = _kept(node)


def _kept(node: Node) -> Node:
    """A node with parameters of its own."""
    if not isinstance(node, KernelNode):
        return node
    words = Parameters(node.parameters.words.copy())
    return KernelNode(node.kernel, node.blocks, node.threads, words)


def _raw(array: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array."""
    return array.reshape(-1).view(np.uint8)
