"""What the runtime needs from a device: the protocol that the real and the simulated one follow.

Layer: runtime. Addresses are ints. Everything but `to_host`, `synchronize` and the reading of
attributes is queued on the library's one stream, and done in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class OutOfMemory(Exception):
    """The device has no piece of memory of the size asked for."""


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


class Driver(Protocol):
    """A device with one stream."""

    name: str
    target: str  # what kernels are compiled for: "sm_90", or "simulator"
    multiprocessors: int
    stream: int  # the library's stream, as other libraries take it

    def allocate(self, nbytes: int) -> int:
        """The address of new memory, aligned to 256 bytes.

        Raises:
            OutOfMemory: there is none.
        """

    def free(self, address: int) -> None:
        """Give memory back, when what is queued is done with it."""

    def memory_info(self) -> tuple[int, int]:
        """Free bytes, and all."""

    def to_device(self, target: int, source: np.ndarray) -> None:
        """Copy a contiguous array; it may be changed when this returns."""

    def to_host(self, target: np.ndarray, source: int) -> None:
        """Fill a contiguous array; waits."""

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy on the device."""

    def fill(self, target: int, byte: int, nbytes: int) -> None:
        """Set bytes."""

    def load(self, image: Image) -> Mapping[str, Any]:
        """The kernels of an image by name, for `launch`."""

    def launch(self, kernel: Any, blocks: int, threads: int, words: np.ndarray) -> None:
        """Queue a kernel; `words` are its parameters as Numba flattens them, i64 each."""

    def synchronize(self) -> None:
        """Wait for all that is queued."""
