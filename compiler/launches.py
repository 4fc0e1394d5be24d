"""What the compiler hands to the runtime of a GPU: data only.

Layer: compiler. A `GpuProgram` is the source of Numba CUDA kernels and the list of their launches,
for one graph. The runtime compiles the source for the device that it finds, gives every memory a
place there, and launches the kernels in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .ir.types import DType, Size
from .ops.scalar import STATUS_EMPTY, STATUS_INDEX, STATUS_NEGATIVE_POWER, STATUS_PYTHON_INT
from .program import Signature

BLOCK = 256  # threads of a block, at most: what blocks put together in shared memory is as long

# What each bit of the status raises; the first that is set, as on the CPU.
FAULTS: tuple[tuple[int, type[Exception], str], ...] = (
    (STATUS_NEGATIVE_POWER, ValueError, "Integers to negative integer powers are not allowed."),
    (
        STATUS_EMPTY,
        ValueError,
        "zero-size array to reduction operation which has no identity",
    ),
    (STATUS_INDEX, IndexError, "index is out of bounds"),
    (STATUS_PYTHON_INT, OverflowError, "Python integer out of bounds"),
)


class Memory(Enum):
    """Where an operand of a kernel lies."""

    IN = "in"
    OUT = "out"
    SLOT = "slot"  # scratch memory of the program
    CONST = "const"


@dataclass(frozen=True, slots=True)
class Operand:
    """All of the `index`-th memory of its sort, as a flat array of `dtype`."""

    memory: Memory
    index: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel with its operands; its further parameters are all sizes and the status.

    It is written for any number of blocks. `blocks` is how many have something to do, with
    `threads` threads each, a power of two.
    """

    kernel: str
    operands: tuple[Operand, ...]
    blocks: Size
    threads: int = BLOCK


@dataclass(frozen=True, slots=True)
class GpuProgram:
    """Kernels and launches. `slots` are the bytes of each piece of scratch memory.

    The source uses the names `np`, `cuda`, `libdevice` and `TILE`, the number of threads along a
    side of a block that is taken for a square, and defines the kernels as functions
    of flat arrays, the sizes `signature.size_names` as i64, and an array `status` of one i64.
    """

    name: str
    signature: Signature
    source: str
    launches: tuple[Launch, ...]
    slots: tuple[Size, ...]
    constants: tuple[np.ndarray, ...]
