"""Matrix products in tiles: what products and convolutions are made of.

Layer: compiler/codegen/cuda. A block makes a square tile of the result, each thread `each` by
`each` elements of it in registers, from tiles of both operands in shared memory. While a thread
multiplies one pair of tiles, the elements of the next pair are on their way; there are two places
for them in turn, so that threads wait for each other once a pair. An operand is a function of two
numbers that gives four neighbouring elements: rows of a matrix, or positions of a window.

Where the result has few tiles, the sums are cut into parts, whose number follows from sizes alone,
and put together in order by another launch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...ir.dims import product
from ...ir.types import DType, Size
from ...kernel.form import Buffer
from .maps import THREAD, THREADS
from .programs import ProgramWriter
from .scalars import literal, type_name
from .source import SourceWriter, size_text

FOUR = range(4)
_BUSY = 128  # tiles that keep a device busy
_MOST_PARTS = 64
_DEEP = 512  # products that each part adds up, at least


@dataclass(frozen=True)
class Operand:
    """`write(out)` returns four neighbours from (`side`, `depth`) on, along the depth if `along`.

    What lies outside is zeros. Its lines may use `batch`, `end` of the depth, the buffer, all
    sizes, `whole`, and `fetch(array, place, count, whole)`, which reads `count` of four elements.
    `aligned` is a condition for vectors beside the buffer's own alignment; None: there are none.
    If it is `single`, it returns one element.
    """

    buffer: Buffer
    along: bool
    write: Callable[[SourceWriter], None]
    aligned: str | None
    single: bool = False


@dataclass(frozen=True)
class Target:
    """`place(out)` writes lines that set `place`, of the element (`row`, `column`)."""

    buffer: Buffer
    place: Callable[[SourceWriter], None]
    aligned: str | None


@dataclass(frozen=True)
class Tiled:
    """`target[b, i, j] = sum(left[b, i, k] * right[b, j, k])`."""

    name: str
    dtype: DType
    batch: Size
    m: Size
    n: Size
    k: Size
    left: Operand
    right: Operand
    target: Target


def emit_tiled(writer: ProgramWriter, tiled: Tiled) -> None:
    """One launch, or two where the sums are cut into parts."""
    name = tiled.name.replace(".", "_")
    each = _each(tiled)
    parts = _part_count(tiled, each)
    target = tiled.target
    if parts > 1:
        size = product((tiled.batch, tiled.m, tiled.n))
        partial = writer.scratch(tiled.dtype, size * parts)
        whole = isinstance(tiled.n, int) and tiled.n % 4 == 0
        target = Target(partial, lambda out: _partial_place(out, tiled), "" if whole else None)
    kernel = _Tiles(writer, tiled, name, each, parts, target)
    kernel.write_functions()
    side = each * 16
    tiles = product((tiled.batch, parts, _count(tiled.m, side), _count(tiled.n, side)))
    buffers = [tiled.left.buffer, tiled.right.buffer, target.buffer]
    writer.function(name, buffers, tiles, kernel.write)
    if parts > 1:
        writer.function(
            f"{name}_whole",
            [target.buffer, tiled.target.buffer],
            writer.blocks(size),
            lambda out: _write_whole(out, tiled, parts, target.buffer),
        )


def _count(size: Size, side: int) -> Size:
    return (size + side - 1) // side


def _each(tiled: Tiled) -> int:
    """Rows and columns of each thread: many read little of shared memory, few make more blocks."""
    if tiled.dtype is not DType.F32:
        return 4
    tiles = product((tiled.batch, _count(tiled.m, 128), _count(tiled.n, 128)))
    narrow = any(isinstance(s, int) and s <= 64 for s in (tiled.m, tiled.n))
    return 4 if narrow or (isinstance(tiles, int) and tiles < _BUSY // 2) else 8


def _part_count(tiled: Tiled, each: int) -> int:
    """How many parts sums have; for sizes that are symbols, none but the whole."""
    tiles = product((tiled.batch, _count(tiled.m, each * 16), _count(tiled.n, each * 16)))
    if not isinstance(tiles, int) or not isinstance(tiled.k, int):
        return 1
    return max(1, min(_MOST_PARTS, _BUSY // max(1, tiles), tiled.k // _DEEP))


def _partial_place(out: SourceWriter, tiled: Tiled) -> None:
    rows = f"((part * {size_text(tiled.batch)} + batch) * {size_text(tiled.m)} + row)"
    out.line(f"place = {rows} * {size_text(tiled.n)} + column")


def _write_whole(out: SourceWriter, tiled: Tiled, parts: int, partial: Buffer) -> None:
    size = size_text(product((tiled.batch, tiled.m, tiled.n)))
    with out.block(f"for point in range({THREAD}, {size}, {THREADS}):"):
        out.line(f"column = point % {size_text(tiled.n)}")
        out.line(f"row = point // {size_text(tiled.n)} % {size_text(tiled.m)}")
        out.line(f"batch = point // {size_text(tiled.n)} // {size_text(tiled.m)}")
        out.line(f"total = {literal(0, tiled.dtype)}")
        with out.block(f"for part in range({parts}):"):
            out.line(f"total = total + {partial}[np.uint64(part * {size} + point)]")
        tiled.target.place(out)
        out.line(f"{tiled.target.buffer}[np.uint64(place)] = total")


def _returning(values: Sequence[str]) -> Callable[[SourceWriter], None]:
    return lambda out: out.line(f"return {', '.join(values)}")


class _Tiles:
    """The text of one kernel and its functions."""

    def __init__(
        self,
        writer: ProgramWriter,
        tiled: Tiled,
        name: str,
        each: int,
        parts: int,
        target: Target,
    ) -> None:
        self.writer = writer
        self.tiled = tiled
        self.name = name
        self.each = each
        self.parts = parts
        self.target = target
        self.threads = writer.geometry.tile  # along a side of the block
        self.side = each * self.threads
        self.depth = 64 // each  # of the tiles of operands
        self.pieces = self.side * self.depth // 4 // self.threads**2
        self.groups = each // 4  # of rows, and of columns, that a thread has next to each other
        self.sizes = [f"n_{size}" for size in writer.size_names]

    # -- functions ------------------------------------------------------------------------------

    def write_functions(self) -> None:
        """Add what the kernel calls to the program."""
        for side, operand in (("left", self.tiled.left), ("right", self.tiled.right)):
            self._write_fetch(side)
            given = [str(operand.buffer), "batch", "side", "depth", "end", *self.sizes, "whole"]
            name = f"{self.name}_{side}"
            if operand.single:
                self._function(f"{name}_1", given, operand.write, side)
                calls = [self._next(f"{name}_1", given, operand.along, k) for k in FOUR]
                self._function(name, given, _returning(calls), side)
            else:
                self._function(name, given, operand.write, side)
        self._write_put()

    def _next(self, name: str, given: Sequence[str], along: bool, k: int) -> str:
        """A call for the k-th neighbour."""
        moved = "depth" if along else "side"
        return f"{name}({', '.join(f'{x} + {k}' if x == moved else x for x in given)})"

    def _function(
        self, name: str, parameters: Sequence[str], body: Callable[[SourceWriter], None], side: str
    ) -> None:
        out = SourceWriter(name, parameters)
        body(out)
        text = out.text().replace("fetch(", f"{self.name}_fetch_{side}(")
        self.writer.functions.append("@inlined\n" + text)

    def _write_fetch(self, side: str) -> None:
        out = SourceWriter(f"{self.name}_fetch_{side}", ["array", "place", "count", "whole"])
        with out.block("if whole & (count >= 4):"):
            out.line("return read4(array, place, True)")
        zero = literal(0, self.tiled.dtype)
        for k in FOUR:
            out.line(f"x{k} = {zero}")
            with out.block(f"if count > {k}:"):
                out.line(f"x{k} = array[np.uint64(place{f' + {k}' if k else ''})]")
        out.line("return x0, x1, x2, x3")
        self.writer.functions.append("@inlined\n" + out.text())

    def _write_put(self) -> None:
        """Four neighbours of a row of the result, as many as there are columns."""
        tiled, buffer = self.tiled, self.target.buffer
        values = [f"x{k}" for k in FOUR]
        parameters = [str(buffer), "batch", "part", "row", "column", *values, *self.sizes, "whole"]
        out = SourceWriter(f"{self.name}_put", parameters)
        out.line(f"count = {size_text(tiled.n)} - column")
        with out.block(f"if (row < {size_text(tiled.m)}) & (count > 0):"):
            self.target.place(out)
            with out.block("if whole & (count >= 4):"):
                out.line(f"write4({buffer}, place, ({', '.join(values)}), True)")
            with out.block("else:"):
                out.line(f"{buffer}[np.uint64(place)] = x0")
                for k in FOUR[1:]:
                    with out.block(f"if count > {k}:"):
                        out.line(f"{buffer}[np.uint64(place + {k})] = x{k}")
        self.writer.functions.append("@inlined\n" + out.text())

    # -- the kernel -----------------------------------------------------------------------------

    def write(self, out: SourceWriter) -> None:
        """All tiles, in strides of the grid."""
        tiled = self.tiled
        m, n, k = (size_text(s) for s in (tiled.m, tiled.n, tiled.k))
        self._share(out)
        self._ask(out)
        side = self.side
        out.line(f"down = ({m} + {side - 1}) // {side}")
        out.line(f"across = ({n} + {side - 1}) // {side}")
        out.line(f"own_row = cuda.threadIdx.x // {self.threads} * 4")
        out.line(f"own_column = cuda.threadIdx.x % {self.threads} * 4")
        out.line(f"tiles = {size_text(tiled.batch)} * {self.parts} * down * across")
        out.line(f"chunk = ({k} + {self.parts * self.depth - 1})")
        out.line(f"chunk = chunk // {self.parts * self.depth} * {self.depth}")
        with out.block("for tile in range(cuda.blockIdx.x, tiles, cuda.gridDim.x):"):
            out.line(f"first_row = tile // across % down * {side}")
            out.line(f"first_column = tile % across * {side}")
            out.line(f"part = tile // across // down % {self.parts}")
            out.line(f"batch = tile // across // down // {self.parts}")
            out.line("begin = part * chunk")
            out.line(f"end = min({k}, begin + chunk)")
            for i in range(self.each):
                row = ", ".join(f"s{i}_{j}" for j in range(self.each))
                zeros = ", ".join([literal(0, tiled.dtype)] * self.each)
                out.line(f"{row} = {zeros}")
            self._load(out, "begin")
            out.line("turn = 0")
            self._put_in_place(out)
            out.line("cuda.syncthreads()")
            with out.block(f"for start in range(begin, end, {self.depth}):"):
                self._load(out, f"start + {self.depth}")
                self._multiply(out)
                out.line("turn = 1 - turn")
                self._put_in_place(out)
                out.line("cuda.syncthreads()")
            self._store(out)

    def _share(self, out: SourceWriter) -> None:
        """Shared memory for two tiles of each operand, rows of which hold one depth."""
        alignment = self.writer.geometry.alignment
        more = "" if alignment is None else f", {alignment}"
        length, element = 2 * self.side * self.depth, type_name(self.tiled.dtype)
        for name in ("left", "right"):
            out.line(f"{name} = cuda.shared.array({length}, {element}{more})")

    def _ask(self, out: SourceWriter) -> None:
        """Which memory may be read and written as vectors."""
        for name, memory in (
            ("left", self.tiled.left),
            ("right", self.tiled.right),
            ("target", self.target),
        ):
            asked = "False"
            if memory.aligned is not None:
                more = f" & ({memory.aligned})" if memory.aligned else ""
                asked = f"aligned({memory.buffer}){more}"
            out.line(f"whole_{name} = {asked}")

    def _numbers(self, operand: Operand, piece: int) -> tuple[str, str]:
        """The numbers (side, depth) of the first of four elements within a tile."""
        own = f"(cuda.threadIdx.x + {piece * self.threads**2})"
        across = (self.depth if operand.along else self.side) // 4
        outer, inner = f"{own} // {across}", f"{own} % {across} * 4"
        return (outer, inner) if operand.along else (inner, outer)

    def _load(self, out: SourceWriter, start: str) -> None:
        """Ask for the thread's elements of both tiles."""
        for name, first, operand in (
            ("left", "first_row", self.tiled.left),
            ("right", "first_column", self.tiled.right),
        ):
            for piece in range(self.pieces):
                side, depth = self._numbers(operand, piece)
                names = ", ".join(f"{name}{piece}_{k}" for k in FOUR)
                numbers = f"batch, {first} + {side}, {start} + {depth}, end"
                given = ", ".join([str(operand.buffer), numbers, *self.sizes, f"whole_{name}"])
                out.line(f"{names} = {self.name}_{name}({given})")

    def _put_in_place(self, out: SourceWriter) -> None:
        """Write them to shared memory."""
        base = f"turn * {self.side * self.depth}"
        for name, operand in (("left", self.tiled.left), ("right", self.tiled.right)):
            for piece in range(self.pieces):
                side, depth = self._numbers(operand, piece)
                values = [f"{name}{piece}_{k}" for k in FOUR]
                place = f"{base} + ({depth}) * {self.side} + {side}"
                if operand.along:
                    for k, value in enumerate(values):
                        out.line(f"{name}[np.uint64({place} + {k * self.side})] = {value}")
                else:
                    out.line(f"write4({name}, {place}, ({', '.join(values)}), True)")

    def _multiply(self, out: SourceWriter) -> None:
        fma = "libdevice.fmaf" if self.tiled.dtype.bits == 32 else "libdevice.fma"
        with out.block(f"for k in range({self.depth}):"):
            out.line(f"at = (turn * {self.depth} + k) * {self.side}")
            for letter, name, own in (("a", "left", "own_row"), ("b", "right", "own_column")):
                for group in range(self.groups):
                    names = ", ".join(f"{letter}{group * 4 + k}" for k in FOUR)
                    place = f"at + {own} + {group * 4 * self.threads}"
                    out.line(f"{names} = read4({name}, {place}, True)")
            for i in range(self.each):
                for j in range(self.each):
                    out.line(f"s{i}_{j} = {fma}(a{i}, b{j}, s{i}_{j})")

    def _store(self, out: SourceWriter) -> None:
        for i in range(self.each):
            row = f"first_row + own_row + {i // 4 * 4 * self.threads + i % 4}"
            for group in range(self.groups):
                column = f"first_column + own_column + {group * 4 * self.threads}"
                values = [f"s{i}_{group * 4 + k}" for k in FOUR]
                given = [str(self.target.buffer), "batch", "part", row, column, *values]
                text = ", ".join([*given, *self.sizes, "whole_target"])
                out.line(f"{self.name}_put({text})")
