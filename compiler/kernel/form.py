"""The kernel form: loops over an iteration space, independent of the backend.

Layer: compiler/kernel. A kernel iterates over `axes`; the first `outer` of them are parallel, the
rest are walked, once per stage, inside of each parallel point (reductions and scans run along
them). Instructions are scalar and in SSA order::

    kernel @softmax (n) outer [4096] inner [1024]
      %0 = load f32 in0[0 + 1024*i0 + 1*i1]
      %1 = reduce_max %0                                  after stage 0
      %2 = subtract %0, %1                                stage 1
      %3 = exp %2
      %4 = reduce_sum %3                                  after stage 1
      %5 = divide %3, %4                                  stage 2
      store out0[0 + 1024*i0 + 1*i1] = %5

A loop or a branch is a step whose regions are programs of their own.

The stage of an instruction is the number of reductions it waits for, one after another. A value of
an earlier stage is computed again in a later one unless it is expensive: then it is spilled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import prod
from typing import Any

from ..errors import InternalError
from ..ir.dims import product
from ..ir.opdef import OpDef, Reduction, Routine
from ..ir.types import DType, Shape, Size


class Space(Enum):
    """Where a buffer lives."""

    IN = "in"
    OUT = "out"
    TEMP = "tmp"  # in the call's arena
    CONST = "const"


@dataclass(frozen=True, slots=True)
class Buffer:
    """`size` elements of `dtype`, the `index`-th of its space."""

    space: Space
    index: int
    dtype: DType
    size: Size

    def __str__(self) -> str:
        return f"{self.space.value}{self.index}"


@dataclass(frozen=True, slots=True)
class Access:
    """The element `offset + sum(strides[k] * i_k)` of a buffer, `i_k` the kernel's indices."""

    buffer: Buffer
    offset: Size
    strides: tuple[Size, ...]

    def __str__(self) -> str:
        return f"{self.buffer}[{affine_text(self.offset, self.strides)}]"


def affine_text(offset: Size, strides: tuple[Size, ...]) -> str:
    """`offset + s0*i0 + s1*i1` without the zero terms."""
    terms = [str(offset)] if offset != 0 else []
    for k, s in enumerate(strides):
        if s != 0:
            terms.append(
                f"i{k}" if s == 1 else f"{s}*i{k}" if isinstance(s, int) else f"({s})*i{k}"
            )
    return " + ".join(terms) or "0"


@dataclass(slots=True, eq=False)
class Instr:
    """One scalar instruction. `depth` counts the leading axes it varies over (set by `lower`)."""

    dtype: DType
    args: tuple[Instr, ...] = ()
    depth: int = 0
    stage: int = 0
    axes_used: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Load(Instr):
    """Reads one element; where its argument is false, if it has one, it is 0 instead."""

    access: Access | None = None


@dataclass(slots=True, eq=False)
class Indexed(Instr):
    """Reads the element at `access + sum(strides[k] * args[k])`; args wrap when negative."""

    access: Access | None = None
    strides: tuple[Size, ...] = ()
    bounds: tuple[Size, ...] = ()


@dataclass(slots=True, eq=False)
class Const(Instr):
    """A number."""

    value: Any = 0


@dataclass(slots=True, eq=False)
class SizeOf(Instr):
    """A size as an i64."""

    size: Size = 0


@dataclass(slots=True, eq=False)
class Position(Instr):
    """The i64 `offset + sum(strides[k] * i_k)`: an iota."""

    offset: Size = 0
    strides: tuple[Size, ...] = ()


@dataclass(slots=True, eq=False)
class Inside(Instr):
    """Whether `offset + sum(strides[k] * i_k)` lies in [0, size): a bool."""

    offset: Size = 0
    strides: tuple[Size, ...] = ()
    size: Size = 0


@dataclass(slots=True, eq=False)
class Apply(Instr):
    """An elementwise op on scalars."""

    op: OpDef | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Reduce(Instr):
    """The combination of the argument over all inner axes; `dtype` is that of the result."""

    op: OpDef | None = None


@dataclass(slots=True, eq=False)
class Scan(Instr):
    """The running combination of the arguments along the one inner axis."""

    op: OpDef | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The element `sum(strides[k] * args[k])` further on; args wrap when negative."""

    args: tuple[Instr, ...]
    strides: tuple[Size, ...]
    bounds: tuple[Size, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """Writes one element; with a `place`, adds to the element there, in the order of the loops."""

    access: Access
    value: Instr
    place: Place | None = None

    @property
    def reads(self) -> tuple[Instr, ...]:
        """The instructions whose values it needs."""
        return (self.value, *(self.place.args if self.place else ()))

    @property
    def stage(self) -> int:
        """The stage in which it happens."""
        return max(i.stage for i in self.reads)

    @property
    def depth(self) -> int:
        """The number of leading axes that have to be walked to write everything."""
        if self.place is not None:
            return len(self.access.strides)  # elements may be met again at any point
        varying = [k + 1 for k, s in enumerate(self.access.strides) if s != 0]
        return max([self.value.depth, *varying])


@dataclass(frozen=True, slots=True, eq=False)
class Spill:
    """A value of an earlier stage, kept in a scratch buffer for the later ones."""

    value: Instr
    access: Access


@dataclass(frozen=True, slots=True, eq=False)
class ColumnReduce:
    """The combination of a value over all outer axes, for each point of the inner ones.

    The accumulators lie in scratch rows, `parts` for each component of the reduction: threads may
    take in a part of the outer points each. They are set before the first outer point; their
    combination goes to `access` after the last one.
    """

    op: OpDef
    value: Instr
    dtype: DType  # of the result
    components: tuple[Access, ...]
    access: Access
    parts: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """One loop nest; see the module's text."""

    name: str
    axes: Shape
    outer: int
    instrs: tuple[Instr, ...]
    stores: tuple[Store, ...]
    spills: tuple[Spill, ...] = ()
    columns: tuple[ColumnReduce, ...] = ()

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.axes)

    def stages(self) -> int:
        """How often the inner axes are walked."""
        walked = [i.args[0].stage for i in self.instrs if isinstance(i, Reduce)]
        walked += [s.stage for s in self.stores if s.depth > self.outer]
        walked += [c.value.stage for c in self.columns]
        return max(walked, default=0) + 1

    def inner_strides(self) -> list[Size]:
        """Per axis, what one step along it adds to the position along the flattened inner axes."""
        strides: list[Size] = [0] * self.rank
        step: Size = 1
        for axis in range(self.rank - 1, self.outer - 1, -1):
            strides[axis] = step
            step = step * self.axes[axis]
        return strides

    def buffers(self) -> list[Buffer]:
        """Every buffer that is read or written, in order of appearance."""
        found: dict[Buffer, None] = {}
        for instr in self.instrs:
            if isinstance(instr, (Load, Indexed)) and instr.access is not None:
                found[instr.access.buffer] = None
        for spill in self.spills:
            found[spill.access.buffer] = None
        for access in self.written():
            found[access.buffer] = None
        return list(found)

    def written(self) -> list[Access]:
        """Where stores and column reductions write, scratch rows included."""
        places = [s.access for s in self.stores]
        for column in self.columns:
            places += [*column.components, column.access]
        return places


def reduction_of(instr: Instr | ColumnReduce) -> Reduction:
    """The reduction of a Reduce, Scan or ColumnReduce."""
    op = instr.op if isinstance(instr, (Reduce, Scan, ColumnReduce)) else None
    if op is None or op.reduction is None:
        raise InternalError("not a reduction")
    return op.reduction


@dataclass(frozen=True, slots=True, eq=False)
class MatmulCall:
    """`c = a @ b` through BLAS, for each point of `batch`. Operands are strided matrices.

    `a_strides` are (row, column) strides of a [m, k] view, `b_strides` of a [k, n] view; c is
    contiguous [*batch, m, n]. In each operand one of the two strides is 1.
    """

    name: str
    dtype: DType
    batch: Shape
    m: Size
    n: Size
    k: Size
    a: Access  # strides over the batch axes, then (row, column)
    b: Access
    c: Access
    of_halves: bool = False  # whether both operands are halves, cast to more bits


PACKED = (1 << 32) - 1  # positions below it fit into 64 bits with keys of 32 bits


@dataclass(frozen=True, slots=True, eq=False)
class Sort:
    """The elements of `rows` rows of `size` in order, or with `positions` where they were (i64).

    The rows are cut into `pieces` that are independent; `scratch` has `row_scratch` bytes for each.
    With `pairs`, keys and positions may not fit into 64 bits together.
    """

    name: str
    dtype: DType
    rows: Size
    size: Size
    x: Access  # both in row-major order
    y: Access
    positions: bool
    pairs: bool
    pieces: int
    row_scratch: Size
    scratch: Buffer


@dataclass(frozen=True, slots=True, eq=False)
class MatrixCall:
    """A routine of LAPACK for each matrix of a stack.

    Operands have strides over the batch axes, and lie in row-major order behind these. Results that
    take the memory of an operand are that operand's access. What is not read is left out.
    """

    name: str
    routine: Routine
    dtype: DType
    batch: Shape
    operands: tuple[Access, ...]
    results: tuple[Access, ...]
    rows: Size  # of the last operand that is read
    size: Size  # rows and columns of the square matrix
    attrs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WindowAxis:
    """One spatial axis of a convolution.

    Output `o` has at window position `w` the element `start + o*step + w*dilation` of the input,
    or a zero if that is not below `size` or is negative.
    """

    size: Size
    outputs: Size
    window: int
    start: Size
    step: int
    dilation: int


@dataclass(frozen=True, slots=True, eq=False)
class WindowPart:
    """Some outputs of a convolution, and the window positions that they read anything at.

    Where elements of the input are spread (strided convolutions, backwards), outputs differ in the
    window positions that meet elements; within a part they do not.
    """

    axes: tuple[WindowAxis, ...]
    w: Access  # strides over the window, channels, features
    y: Access  # strides over the batch, the spatial axes, features


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What the parts of a convolution are of: an input whose elements lie `steps` apart.

    Along its axes, `start`, `step` and `dilation` count positions of the spread input.
    """

    steps: tuple[int, ...]
    whole: WindowPart


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Sums of products over windows: `y[n, o, f] = sum(x[n, o*step + w*dilation, c] * w[w, c, f])`.

    With `of_filter` the sums run over positions instead, and `w` is what is written:
    `w[w, c, f] = sum(x[n, o*step + w*dilation, c] * y[n, o, f])`. `channels` and `features` are
    those of one group. The last axes of `x`, `w` and `y` have stride 1.
    """

    name: str
    dtype: DType
    batch: Size
    groups: Size
    channels: Size
    features: Size
    x: Access  # strides over the batch, the spatial axes, channels
    window: tuple[int, ...]
    parts: tuple[WindowPart, ...]
    spread: Spread | None = None  # None: there is one part
    of_filter: bool = False
    pieces: int = 1  # that the positions are cut into, for sums over them
    sums: Buffer | None = None  # of each piece, if there are several
    epilogue: Kernel | None = None  # over (outputs, features), done where the sums are complete
    keeps: bool = True  # whether `y` itself is written
    of_halves: bool = False  # whether both operands are halves, cast to more bits

    @property
    def filter_size(self) -> Size:
        """The elements of `w`."""
        return product((*self.window, self.channels, self.features, self.groups))

    @property
    def is_covered(self) -> bool:
        """Whether the parts together have all positions of the window."""
        covered = sum(prod(axis.window for axis in part.axes) for part in self.parts)
        return covered == prod(self.window)

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel has a filter of its own, and one output."""
        return self.channels == 1 == self.features and self.groups != 1

    def buffers(self) -> list[Buffer]:
        """Those of x, w, y if it is kept, the scratch memory, and what else the epilogue uses."""
        part = self.parts[0]
        found = [self.x.buffer, part.w.buffer, *([part.y.buffer] if self.keeps else [])]
        if self.sums is not None:
            found.append(self.sums)
        return [*found, *self.epilogue_buffers()]

    def epilogue_buffers(self) -> list[Buffer]:
        """What the epilogue reads and writes beside y."""
        if self.epilogue is None:
            return []
        return [b for b in self.epilogue.buffers() if b != self.parts[0].y.buffer]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The steps of a loop's or branch's graph.

    They find input k in the k-th buffer of Space.IN, and leave output k in the k-th of Space.OUT.
    `constants` says where the region's own start among those of the program around it. `scratch`
    (None: it needs none) holds its temporaries. What `while` loops in it have recorded is freed
    after each run if `frees_tapes`; else it lives on, because a tape is among the outputs.
    """

    program: KernelProgram
    constants: int
    scratch: Buffer | None
    frees_tapes: bool


@dataclass(frozen=True, slots=True)
class Carry:
    """A value that goes from iteration to iteration, `size` bytes each.

    It alternates between `final` and `spare`, and ends in `final`. Without a `spare` the body
    writes each next value over the last one.
    """

    init: Access
    final: Access
    spare: Buffer | None
    size: Size


@dataclass(frozen=True, slots=True)
class Slices:
    """An array of slices of `size` bytes; of a tape, the place of its token."""

    array: Access
    size: Size


@dataclass(frozen=True, slots=True, eq=False)
class ScanLoop:
    """`length` runs of the body on (carries, a slice of each of `xs`, captured) for (carries, ys).

    With `reverse`, from the last slice to the first.
    """

    name: str
    length: Size
    reverse: bool
    carries: tuple[Carry, ...]
    xs: tuple[Slices, ...]
    ys: tuple[Slices, ...]
    captured: tuple[Access, ...]
    body: Region


@dataclass(frozen=True, slots=True, eq=False)
class WhileLoop:
    """Runs of the body on (carries, captured) for (carries, recorded) while the condition is true.

    The condition, a region on the same inputs, writes a bool to `flag`. `count` is where the number
    of iterations goes, if anything is recorded.
    """

    name: str
    carries: tuple[Carry, ...]
    captured: tuple[Access, ...]
    condition: Region
    flag: Buffer
    body: Region
    records: tuple[Slices, ...]
    count: Access | None


@dataclass(frozen=True, slots=True, eq=False)
class ReplayLoop:
    """Runs of the body on (carries, recorded, captured) for carries, from iteration `count` - 1 to
    iteration 0 of the loop that made the tapes.
    """

    name: str
    count: Access
    carries: tuple[Carry, ...]
    tapes: tuple[Slices, ...]
    captured: tuple[Access, ...]
    body: Region


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """One run of the branch that `index` names, on the operands, for the results."""

    name: str
    index: Access
    operands: tuple[Access, ...]
    results: tuple[Access, ...]
    branches: tuple[Region, ...]


Loop = ScanLoop | WhileLoop | ReplayLoop
Step = Kernel | Sort | MatmulCall | MatrixCall | Convolution | Loop | Switch


@dataclass(frozen=True, slots=True, eq=False)
class KernelProgram:
    """The steps of a whole graph in order, and the buffers they use.

    A run ends in front of step `checked`, if there is one, where a check of data has failed.
    """

    steps: tuple[Step, ...]
    temps: tuple[Buffer, ...]
    constants: tuple[Any, ...]  # read-only ndarrays
    arena: tuple[Size, ...] = ()  # bytes of each arena slot
    slots: Mapping[Buffer, int] = field(default_factory=dict)  # which slot a temp lives in
    checked: int | None = None
