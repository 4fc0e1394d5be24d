"""How a kernel is walked: which axis is cut into vectors, and how wide they are.

Layer: compiler/kernel. In: a kernel and a target. Out: a `Schedule`, decided here and nowhere
else. Vectors may be wider than the machine's registers: cheap bodies and reductions take several
registers at a time, which hides latencies and spreads a reduction over independent accumulators.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.types import Size
from ..target import Target
from .form import Apply, Const, Indexed, Inside, Instr, Kernel, Load, Reduce, Scan, SizeOf
from .groups import group_lanes, only_counts_groups

SMALL_INNER = 8  # inner axes up to this many elements: vectors run across rows instead
CHEAP, MODERATE = 8.0, 24.0  # scalar instructions per element
EXPENSIVE = 4 * MODERATE  # from here on arithmetic takes longer than memory
WINDOW = 60.0  # scalar instructions: more than that is not computed ahead
CACHE_LINE = 64  # bytes
AHEAD, AHEAD_OF_REDUCTIONS = 4096, 8192  # bytes
STREAM_BYTES = 1 << 25  # a loop that moves more than caches hold writes past them


@dataclass(frozen=True, slots=True)
class Schedule:
    """`vector_axis` None: everything one element at a time. `cost` is per element, in
    instructions; `masked_loop`: one loop whose last round is masked, instead of a loop and a tail.
    From `stream_from` elements on (None: never), vectors of `stream_lanes` are written past the
    caches: memory that is only written need not be read first. They are wide where the body is
    cheap, because long runs from one array after the other suit the memory. Such loops, and flat
    reductions, fetch what they will read `ahead` bytes later: the processor's own prefetching
    leaves a third of the bandwidth.
    `branches`: vectors that lie inside of everything that is padded have code without masks.
    """

    vector_axis: int | None
    lanes: int
    cost: float
    masked_loop: bool
    stream_from: int | None = None
    stream_lanes: int = 0
    ahead: int = 0
    branches: bool = False

    @property
    def ns(self) -> float:
        """What a point takes, very roughly: two instructions a cycle at 3 GHz."""
        return 0.1 + self.cost / 6.0 / self.lanes

    def __str__(self) -> str:
        if self.vector_axis is None:
            return "scalar"
        return f"vector i{self.vector_axis} x {self.lanes}"


def schedule(kernel: Kernel, target: Target) -> Schedule:
    """Choose the vector axis and its lanes."""
    axis = _vector_axis(kernel)
    cost = body_cost(kernel)
    if axis is None:
        return Schedule(None, 1, cost, False)
    varying = [
        i for i in kernel.instrs if axis in i.axes_used and not only_counts_groups(i, kernel, axis)
    ]
    widest = max((_width(i) for i in varying), default=0)
    if widest == 0:
        widest = max((s.access.buffer.dtype.itemsize for s in kernel.stores), default=8)
    lanes = max(2, target.vector_bytes // widest)
    has_reduce = any(isinstance(i, Reduce) for i in kernel.instrs)
    if cost <= CHEAP:
        lanes *= 4 if has_reduce else 2
    elif cost <= MODERATE and has_reduce:
        lanes *= 2
    elif cost > WINDOW:
        lanes *= _interleaved(kernel, cost)
    lanes = max(lanes, group_lanes(kernel, axis, target.vector_bytes))
    lanes = min(lanes, 64, _power_of_two_above(kernel.axes[axis]))
    masked_loop = target.vector_bytes == 64 and cost > EXPENSIVE
    stream_from = None if masked_loop else _stream_from(kernel, lanes, cost)
    stream_lanes = lanes * _stream_factor(kernel, cost)
    if stream_from is not None:
        ahead = AHEAD
    else:
        ahead = AHEAD_OF_REDUCTIONS if _reads_long(kernel, cost) else 0
    branches = not masked_loop and target.vector_bytes < 64 and _has_edges(kernel, axis)
    return Schedule(axis, lanes, cost, masked_loop, stream_from, stream_lanes, ahead, branches)


def _has_edges(kernel: Kernel, axis: int) -> bool:
    """Whether lanes may lie outside of what is padded, which is known when their loop is entered.

    Processors without mask registers read masked vectors slowly, or lane by lane.
    """
    edges = [i for i in kernel.instrs if isinstance(i, Inside)]
    varying = any(axis in i.axes_used for i in edges)
    return varying and all(i.depth <= axis + 1 for i in edges)


def _interleaved(kernel: Kernel, cost: float) -> int:
    """How many registers to compute side by side, for bodies that the processor cannot overlap.

    A body of more instructions than the processor looks ahead runs alone; one long chain of
    dependent instructions then takes their latencies, unless others stand beside it.
    """
    longest: dict[Instr, float] = {}
    for instr in kernel.instrs:
        own = instr.op.cost if isinstance(instr, Apply) and instr.op else 1.0
        longest[instr] = own + max((longest[a] for a in instr.args), default=0.0)
    parallel = cost / max(longest.values(), default=1.0)
    return 4 if parallel < 1.5 else 2 if parallel < 3 else 1


def _reads_long(kernel: Kernel, cost: float) -> bool:
    """Whether this is a cheap reduction over one axis that may exceed the caches."""
    if kernel.rank != 1 or kernel.outer != 0 or cost > MODERATE:
        return False
    (size,) = kernel.axes
    read = sum(b.dtype.itemsize for b in kernel.buffers())
    return not isinstance(size, int) or size * read >= STREAM_BYTES


def _stream_factor(kernel: Kernel, cost: float) -> int:
    """How much wider streamed vectors are; the registers must hold one of each array.

    Longer bodies gain nothing from it and would take LLVM as many times longer.
    """
    if cost > MODERATE:
        return 1
    loads = sum(isinstance(i, Load) for i in kernel.instrs)
    return 4 if loads <= 3 else 2


def _stream_from(kernel: Kernel, lanes: int, cost: float) -> int | None:
    """Only flat loops that are bound by memory. Their code stands there twice: that of longer
    bodies only where the size is known to be worth it.
    """
    if kernel.rank != 1 or kernel.outer != 1 or cost > EXPENSIVE:
        return None
    for store in kernel.stores:
        line = lanes * store.access.buffer.dtype.itemsize
        if store.place or store.access.strides != (1,) or line % CACHE_LINE != 0:
            return None
    moved = sum(a.dtype.itemsize for a in kernel.buffers())
    fewest = STREAM_BYTES // max(1, moved)
    (size,) = kernel.axes
    worth_it = size >= fewest if isinstance(size, int) else cost <= MODERATE
    return fewest if worth_it else None


def _vector_axis(kernel: Kernel) -> int | None:
    if kernel.rank == 0:
        return None
    last_outer = kernel.outer - 1 if kernel.outer else None
    last_inner = kernel.rank - 1 if kernel.rank > kernel.outer else None
    if last_inner is None or last_outer is None:
        axis = last_outer if last_inner is None else last_inner
    elif kernel.columns:
        axis = last_inner  # lanes that share an accumulator would have to wait for each other
    elif _unit_strides(kernel, last_inner) < _unit_strides(kernel, last_outer) or _is_small(kernel):
        axis = last_outer
    else:
        axis = last_inner
    scans = any(isinstance(i, Scan) for i in kernel.instrs)
    if axis == last_inner and scans:
        return None  # each element waits for the one before
    length = kernel.axes[axis] if axis is not None else 0
    return None if isinstance(length, int) and length <= 1 else axis


def lanes_are_rows(kernel: Kernel) -> bool:
    """Whether vectors run across the parallel points: each lane walks inner axes of its own."""
    axis = _vector_axis(kernel)
    return axis is not None and axis < kernel.outer < kernel.rank


def _is_small(kernel: Kernel) -> bool:
    """Whether rows are too short to be worth a horizontal combination each."""
    count = 1
    for size in kernel.axes[kernel.outer :]:
        if not isinstance(size, int):
            return False
        count *= size
    last = kernel.axes[kernel.outer - 1]
    return count <= SMALL_INNER and (not isinstance(last, int) or last > count)


def _unit_strides(kernel: Kernel, axis: int) -> int:
    accesses = [i.access for i in kernel.instrs if isinstance(i, (Load, Indexed)) and i.access]
    accesses += kernel.written()
    return sum(a.strides[axis] == 1 for a in accesses)


def _width(instr: Instr) -> int:
    """Bytes per element that the instruction occupies in a register; bools are mask bits."""
    return 0 if instr.dtype.is_bool else instr.dtype.itemsize


def body_cost(kernel: Kernel) -> float:
    """Scalar instructions per point of the whole iteration space."""
    total = 0.0
    for instr in kernel.instrs:
        if isinstance(instr, (Const, SizeOf)):
            continue
        innermost = instr.depth == kernel.rank
        if not innermost and not isinstance(instr, Reduce):
            continue
        total += instr.op.cost if isinstance(instr, (Apply, Reduce)) and instr.op else 1.0
    total += sum(c.op.cost + 2 * len(c.components) for c in kernel.columns)
    return total + len(kernel.stores)


def _power_of_two_above(size: Size) -> int:
    if not isinstance(size, int):
        return 64
    return 1 << max(1, (size - 1).bit_length())
