"""What the compiler hands to the runtime of a GPU: data only.

Layer: compiler. A `GpuProgram` is the source of Numba CUDA kernels and the list of their launches,
for one graph. The runtime compiles the source for the device that it finds, gives every memory a
place there, and launches the kernels in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .ir.types import DType, Size
from .ops.matrices import FAILURES
from .ops.scalar import STATUS_EMPTY, STATUS_INDEX, STATUS_NEGATIVE_POWER, STATUS_PYTHON_INT
from .program import Signature

BLOCK = 256  # threads of a block, at most


@dataclass(frozen=True, slots=True)
class Geometry:
    """What threads come in; kernels are written for one geometry. All are powers of two."""

    block: int  # threads of a block, at most
    warp: int  # threads that exchange values without shared memory
    tile: int  # threads along a side of a block that is taken for a square
    alignment: int | None  # bytes, of shared memory; None: as its elements


DEVICE = Geometry(BLOCK, 32, 16, 16)
SIMULATED = Geometry(4, 2, 2, None)  # a thread of the simulator is one of Python's


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
    *((bit, np.linalg.LinAlgError, text) for bit, text in FAILURES.values()),
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
class Matrix:
    """Rows of a library step's operand that lie `leading` elements apart; columns, if `transposed`.

    Neighbours of a row (column) lie side by side. Matrices of a batch lie `step` elements apart.
    """

    operand: int
    offset: Size
    leading: Size
    transposed: bool
    step: Size


@dataclass(frozen=True, slots=True)
class ProductCall:
    """`c = alpha * a @ b + beta * c` for [m, k] and [k, n] matrices, `batch` times.

    With `of_halves` the elements of a and b have so few bits that products of fewer are exact.
    """

    dtype: DType
    batch: Size
    m: Size
    n: Size
    k: Size
    a: Matrix
    b: Matrix
    c: Matrix
    alpha: float = 1.0
    beta: float = 0.0
    of_halves: bool = False


@dataclass(frozen=True, slots=True)
class Tensor:
    """Elements of a library step's operand from `offset` on.

    The axes are the batch, channels, and those of space; of filters outputs, channels, the window.
    """

    operand: int
    offset: Size
    shape: tuple[Size, ...]
    strides: tuple[Size, ...]


class Wanted(Enum):
    """Which array of a convolution is computed from the two others."""

    OUTPUTS = "outputs"
    INPUTS = "inputs"  # a derivative
    FILTERS = "filters"  # a derivative


@dataclass(frozen=True, slots=True)
class ConvolutionCall:
    """A convolution or one of its derivatives, in terms of the convolution

    `y[n, f, o] = sum(x[n, c, o*stride + w*dilation - padding] * w[f, c, w])`. Where x has more
    channels than w, both are in groups. `padding` is that before the first element; that behind the
    last one follows from sizes. `fast` allows algorithms that round more than sums of products do;
    `of_halves` is as in `ProductCall`.
    """

    wanted: Wanted
    dtype: DType
    x: Tensor
    w: Tensor
    y: Tensor
    padding: tuple[Size, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    fast: bool
    of_halves: bool = False


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
class LibraryStep:
    """What a library does with `operands`, or the launches in its place where it does not."""

    call: ProductCall | ConvolutionCall
    operands: tuple[Operand, ...]
    launches: tuple[Launch, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """The steps inside of a loop or branch; their inputs and outputs are what it binds to them.

    What `while` loops in it have recorded is forgotten after each run if `frees_tapes`.
    """

    steps: tuple[GpuStep, ...]
    frees_tapes: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The elements of an operand from `offset` on."""

    operand: Operand
    offset: Size


@dataclass(frozen=True, slots=True)
class Carried:
    """A value that alternates between two places and ends in `final`; without a `spare` it is
    written over.
    """

    init: Place
    final: Place
    spare: Operand | None
    count: Size  # elements


@dataclass(frozen=True, slots=True)
class Sliced:
    """An array of slices of `count` elements."""

    array: Place
    count: Size


@dataclass(frozen=True, slots=True)
class Tape:
    """A record of `nbytes` for each iteration; `token` is where the number lies that names it."""

    token: Place
    nbytes: Size


@dataclass(frozen=True, slots=True)
class ScanSteps:
    """As `ScanLoop` of the kernel form."""

    length: Size
    reverse: bool
    carries: tuple[Carried, ...]
    xs: tuple[Sliced, ...]
    ys: tuple[Sliced, ...]
    captured: tuple[Place, ...]
    body: Region


@dataclass(frozen=True, slots=True)
class WhileSteps:
    """As `WhileLoop` of the kernel form."""

    carries: tuple[Carried, ...]
    captured: tuple[Place, ...]
    condition: Region
    flag: Operand
    body: Region
    records: tuple[Tape, ...] = ()
    count: Place | None = None


@dataclass(frozen=True, slots=True)
class ReplaySteps:
    """As `ReplayLoop` of the kernel form."""

    count: Place
    carries: tuple[Carried, ...]
    tapes: tuple[Tape, ...]
    captured: tuple[Place, ...]
    body: Region


@dataclass(frozen=True, slots=True)
class SwitchSteps:
    """As `Switch` of the kernel form: an index that is too large chooses the last branch."""

    index: Place
    operands: tuple[Place, ...]
    results: tuple[Place, ...]
    branches: tuple[Region, ...]


GpuStep = Launch | LibraryStep | ScanSteps | WhileSteps | ReplaySteps | SwitchSteps


@dataclass(frozen=True, slots=True)
class GpuProgram:
    """Kernels and launches. `slots` are the bytes of each piece of scratch memory.

    The source uses the names `np`, `cuda`, `libdevice` and those of runtime/cuda/intrinsics.py. It
    defines the kernels as functions of flat arrays, the sizes `signature.size_names` as i64, and an
    array `status` of one i64, and before them functions that they call.
    """

    name: str
    signature: Signature
    source: str
    steps: tuple[GpuStep, ...]
    slots: tuple[Size, ...]
    constants: tuple[np.ndarray, ...]

    def launches(self) -> Iterator[Launch]:
        """Every launch, those inside of loops and branches, or in place of libraries, included."""
        return _launches(self.steps)

    def calls(self) -> Iterator[ProductCall | ConvolutionCall]:
        """What libraries may do."""
        return (step.call for step in flat(self.steps) if isinstance(step, LibraryStep))

    @property
    def can_fail(self) -> bool:
        """Whether a kernel may set the status."""
        lines = self.source.splitlines()
        return any("status" in line for line in lines if not line.startswith("def "))


def is_straight(steps: Sequence[GpuStep]) -> bool:
    """Whether the host need not read anything to know what is launched."""
    return all(
        isinstance(step, Launch | LibraryStep)
        or (isinstance(step, ScanSteps) and is_straight(step.body.steps))
        for step in steps
    )


def flat(steps: Sequence[GpuStep]) -> Iterator[Launch | LibraryStep]:
    """The steps, those inside of loops and branches in place of these."""
    for step in steps:
        if isinstance(step, Launch | LibraryStep):
            yield step
        elif isinstance(step, SwitchSteps):
            for branch in step.branches:
                yield from flat(branch.steps)
        else:
            if isinstance(step, WhileSteps):
                yield from flat(step.condition.steps)
            yield from flat(step.body.steps)


def _launches(steps: Sequence[GpuStep]) -> Iterator[Launch]:
    for step in flat(steps):
        yield from step.launches if isinstance(step, LibraryStep) else (step,)
