"""Stores at computed places, which several points may share.

Layer: compiler/codegen/cuda. Sums of integers are the same in any order: each point adds its own by
an atomic instruction. Floats are added in the order of the loops, as on the CPU, unless fast math
lets the order be any: a place has one thread that adds to it. Axes along which places differ for
sure are shared out among threads; the others are walked by every thread, which adds what falls to
its places, those whose number leaves the thread's own remainder.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.dims import product
from ...ir.types import DType, Size
from ...kernel.form import Instr, Kernel, Place, Store
from ...ops.gather import added
from .maps import THREAD, THREADS
from .nest import Nest, Values, kernel_buffers
from .programs import ProgramWriter
from .source import SourceWriter, size_text

_OWNERS = 1 << 10  # threads among which the places of one walk are shared out
_ATOMIC = frozenset({DType.I32, DType.U32, DType.I64, DType.U64})  # that devices add atomically
_ATOMIC_FLOATS = frozenset({DType.F32, DType.F64})


def emit_scatter(writer: ProgramWriter, kernel: Kernel, store: Store, number: int) -> None:
    """One launch for one scatter of a kernel without reductions."""
    assert store.place is not None
    place, dtype = store.place, store.value.dtype
    name = f"{kernel.name}_scatter{number}"
    if dtype in _ATOMIC or (writer.fast_math and dtype in _ATOMIC_FLOATS):
        _emit_atomic(writer, kernel, store, place, name)
    else:
        _emit_owned(writer, kernel, store, place, name)


def _emit_atomic(
    writer: ProgramWriter, kernel: Kernel, store: Store, place: Place, name: str
) -> None:
    """A thread for each point."""

    def body(out: SourceWriter) -> None:
        nest = Nest(out, kernel, writer)
        with nest.points(range(kernel.rank), THREAD, THREADS):
            values = Values()
            _emit(nest, place.args, values)
            offset, inside = nest.located([values[a] for a in place.args], place)
            with out.block(f"if {inside.handle}:"):
                _emit(nest, [store.value], values)
                at = f"{nest.affine(store.access)} + {offset.handle}"
                value = values[store.value].handle
                out.line(f"cuda.atomic.add({store.access.buffer}, {at}, {value})")

    writer.function(name, kernel_buffers(kernel), writer.blocks(product(kernel.axes)), body)


def _emit_owned(
    writer: ProgramWriter, kernel: Kernel, store: Store, place: Place, name: str
) -> None:
    """A thread for each place, or for several."""
    apart = _axes_apart(kernel, store, place)
    points = product(tuple(kernel.axes[k] for k in apart))
    owners = _owners(points)
    threads = points * owners

    def body(out: SourceWriter) -> None:
        nest = Nest(out, kernel, writer)
        with out.block(f"for point in range({THREAD}, {size_text(threads)}, {THREADS}):"):
            out.line(f"owner = point // {size_text(points)}")
            nest.locate(out.assign(f"point % {size_text(points)}"), apart)
            rest = [k for k in range(kernel.rank) if k not in apart]
            with nest.points(rest, "0", "1"):
                _add(nest, store, place, owners)

    writer.function(name, kernel_buffers(kernel), writer.blocks(threads), body)


def _axes_apart(kernel: Kernel, store: Store, place: Place) -> list[int]:
    """Axes along which the store moves and that no computed index depends on."""
    used = frozenset[int]().union(*(arg.axes_used for arg in place.args))
    moves = [k for k, stride in enumerate(store.access.strides) if stride != 0]
    return [k for k in moves if k not in used]


def _owners(points: Size) -> int:
    if not isinstance(points, int):
        return 1
    return max(1, _OWNERS // max(1, points))


def _add(nest: Nest, store: Store, place: Place, owners: int) -> None:
    """Add one element, if its place is the thread's."""
    out, values = nest.out, Values()
    _emit(nest, place.args, values)
    offset, inside = nest.located([values[a] for a in place.args], place)
    mine = (
        inside.handle if owners == 1 else f"{inside.handle} and {offset.handle} % {owners} == owner"
    )
    with out.block(f"if {mine}:"):
        _emit(nest, [store.value], values)
        before = nest.load(store.value.dtype, store.access, offset.handle)
        nest.store(store.access, added(before, values[store.value]), offset.handle)


def _emit(nest: Nest, roots: Sequence[Instr], values: Values) -> None:
    """Write what `roots` are made of, as far as it is not known."""
    needed: set[Instr] = set()
    todo = list(roots)
    while todo:
        instr = todo.pop()
        if instr not in needed and instr not in values:
            needed.add(instr)
            todo.extend(instr.args)
    for instr in nest.kernel.instrs:
        if instr in needed:
            nest.emit(instr, values)
