"""What the runtime needs from a device: the protocol that the real and the simulated one follow.

Layer: runtime. Addresses are ints. Work is queued on the library's one stream and done in order;
`to_host`, `synchronize`, and what reads or makes something on the host are done at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .calls import CallLog

ALIGNMENT = 256  # bytes, of every piece of memory
ARRAY_WORDS = 7  # of a flat array: meminfo, parent, items, bytes of an item, address, shape, stride


class OutOfMemory(Exception):
    """The device has no piece of memory of the size asked for."""


class NotRecorded(Exception):
    """Work that cannot be part of a graph, or not of this one."""


@dataclass(frozen=True, slots=True)
class Image:
    """Compiled kernels of a program.

    `code` is what the device loads: machine code, or Python source for the simulator. `entries` is
    the name in it of each kernel, `parameters` the dtype of each array that the kernel takes, and
    None for each size.
    """

    code: bytes
    entries: Mapping[str, str]
    parameters: Mapping[str, tuple[str | None, ...]]


class Parameters:
    """The parameters of kernels, i64 words as Numba flattens them, and a table of their addresses.

    `table` is the address of the table, which is what a launch takes.
    """

    __slots__ = ("_pointers", "table", "words")

    def __init__(self, words: np.ndarray, pointers: np.ndarray | None = None) -> None:
        self.words = words
        if pointers is None:
            first = address_of(words)
            pointers = np.arange(len(words), dtype=np.int64) * words.itemsize + first
        self._pointers = pointers
        self.table = address_of(pointers)

    def part(self, start: int, stop: int) -> Parameters:
        """Some of the words, in place."""
        return Parameters(self.words[start:stop], self._pointers[start:stop])


def address_of(array: np.ndarray) -> int:
    """Where the elements of an array on the host are."""
    address: int = array.__array_interface__["data"][0]
    return address


@dataclass(frozen=True, slots=True)
class KernelNode:
    """A launch that is part of a graph."""

    kernel: Any
    blocks: int
    threads: int
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class CopyNode:
    """A copy on the device that is part of a graph."""

    target: int
    source: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class FillNode:
    """Bytes that a graph sets."""

    target: int
    byte: int
    nbytes: int


class LibraryWork(Protocol):
    """Something that a library does."""

    def queue(self, addresses: Sequence[int], stream: int | None = None) -> None:
        """Queue it for memory at these addresses, perhaps on another stream than the library's.

        Raises:
            DeviceError: the library refuses.
        """


@dataclass(frozen=True, slots=True)
class LibraryNode:
    """A library's work that is part of a graph."""

    work: LibraryWork
    addresses: tuple[int, ...]


Node = KernelNode | CopyNode | FillNode | LibraryNode


class Graph(Protocol):
    """Work that is queued as one; given back when nothing refers to it."""

    def launch(self) -> None:
        """Queue it."""

    def update(self, index: int, node: Node) -> None:
        """Give the `index`-th node other addresses from the next launch on.

        Raises:
            NotRecorded: with these, a library would do other work; the graph is of no use.
        """


class Driver(Protocol):
    """A device with one stream."""

    name: str
    target: str  # what kernels are compiled for: "sm_90", or "simulator"
    multiprocessors: int
    stream: int  # the library's stream, as other libraries take it
    calls: CallLog

    def __hash__(self) -> int: ...

    def allocate(self, nbytes: int) -> int:
        """The address of new memory.

        Raises:
            OutOfMemory: there is none.
        """

    def free(self, address: int) -> None:
        """Give memory back; nothing that is queued may use it."""

    def adopt(self, address: int, nbytes: int) -> None:
        """Memory of another library is going to be used like ours."""

    def disown(self, address: int) -> None:
        """It is not any more."""

    def memory_info(self) -> tuple[int, int]:
        """Free bytes, and all."""

    def pinned(self, nbytes: int) -> np.ndarray:
        """Bytes of the host that the device can write while the host goes on; never given back."""

    def to_device(self, target: int, source: np.ndarray) -> None:
        """Copy a contiguous array; it may be changed when this returns."""

    def to_host(self, target: np.ndarray, source: int) -> None:
        """Fill a contiguous array; waits."""

    def to_pinned(self, target: np.ndarray, source: int) -> None:
        """Fill a part of pinned memory, later."""

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy on the device."""

    def fill(self, target: int, byte: int, nbytes: int) -> None:
        """Set bytes."""

    def load(self, image: Image) -> Mapping[str, Any]:
        """The kernels of an image by name, for `launch`; unloaded when nothing refers to them."""

    def launch(self, kernel: Any, blocks: int, threads: int, parameters: Parameters) -> None:
        """Queue a kernel; the parameters may be changed when this returns."""

    def run_library(self, work: LibraryWork, addresses: Sequence[int]) -> None:
        """Queue what a library does."""

    def graph(self, nodes: Sequence[Node]) -> Graph:
        """The nodes as one piece of work, done in order.

        Raises:
            NotRecorded: what a library does for one of them cannot be part of a graph.
        """

    def synchronize(self) -> None:
        """Wait for all that is queued, on the streams of others, too."""

    def wait_for(self, stream: int) -> None:
        """Let what is queued from now on wait for what another stream has queued."""

    def let_wait(self, stream: int) -> None:
        """Let another stream wait for what is queued."""
