"""Convolutions: products of matrices that are read through windows.

Layer: compiler/codegen/cuda. Rows are positions, columns are features, and sums run over window and
channels; for the filter's gradient they run over positions. tiles.py has the kernel. What the CPU
does to the rows of a result while they are in its cache is a kernel of its own here.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.dims import product
from ...ir.types import DType, Size
from ...kernel.form import Access, Convolution, MatmulCall, WindowAxis, WindowPart
from .library_calls import library_call
from .maps import THREAD, THREADS, emit_map
from .products import aligned, emit_product
from .programs import ProgramWriter
from .scalars import literal
from .source import SourceWriter, affine_text, size_text
from .tiles import Operand, Target, Tiled, emit_tiled

_NARROW = 1 << 31  # numbers below it are divided as 32 bits


def emit_convolution(writer: ProgramWriter, step: Convolution) -> None:
    """The launches of all parts, and of what follows for each output."""
    if not step.keeps:
        writer.adopt(step.parts[0].y.buffer)
    call = _as_product(step)
    if call is not None:
        emit_product(writer, call)
    else:
        _emit_parts(writer, step)
    if step.epilogue is not None:
        emit_map(writer, step.epilogue)


def _emit_parts(writer: ProgramWriter, step: Convolution) -> None:
    part = step.parts[0]
    buffers = list(dict.fromkeys((step.x.buffer, part.w.buffer, part.y.buffer)))
    with writer.replaceable(library_call(step, buffers, writer.fast_math), buffers):
        if step.of_filter and not step.is_covered:
            _clear_filter(writer, step)
        for number, part in enumerate(step.parts):
            emit_tiled(writer, _Part(step, part).tiled(f"{step.name}_part{number}"))


def _as_product(step: Convolution) -> MatmulCall | None:
    """The matrix product that it is, with a window of one position; None if it is none."""
    part = step.parts[0]
    alone = WindowAxis(1, 1, 1, 0, 1, 1)
    if step.groups != 1 or len(step.parts) > 1 or any(axis != alone for axis in part.axes):
        return None
    x, w, y = step.x, part.w, part.y
    outputs = Access(y.buffer, y.offset, (y.strides[0], y.strides[-1]))
    matrix = Access(w.buffer, w.offset, w.strides[-2:])
    if step.of_filter:
        columns = Access(x.buffer, x.offset, (x.strides[-1], x.strides[0]))
        sizes = (step.channels, step.features, step.batch)
        return MatmulCall(
            step.name, step.dtype, (), *sizes, columns, outputs, matrix, step.of_halves
        )
    rows = Access(x.buffer, x.offset, (x.strides[0], x.strides[-1]))
    sizes = (step.batch, step.features, step.channels)
    return MatmulCall(step.name, step.dtype, (), *sizes, rows, matrix, outputs, step.of_halves)


def _clear_filter(writer: ProgramWriter, step: Convolution) -> None:
    target = step.parts[0].w.buffer
    size = step.filter_size

    def body(out: SourceWriter) -> None:
        with out.block(f"for i in range({THREAD}, {size_text(size)}, {THREADS}):"):
            out.line(f"{target}[i] = {literal(0, step.dtype)}")

    writer.function(f"{step.name}_clear", [target], writer.blocks(size), body)


class _Part:
    """Outputs that read anything at the same positions of the window."""

    def __init__(self, step: Convolution, part: WindowPart) -> None:
        self.step = step
        self.part = part
        axes = range(len(part.axes))
        self.points = [("n", step.batch), *((f"o{k}", part.axes[k].outputs) for k in axes)]
        self.taps = [*((f"w{k}", part.axes[k].window) for k in axes), ("c", step.channels)]

    def tiled(self, name: str) -> Tiled:
        """The product of matrices; groups are its batch."""
        step, features = self.step, self.step.features
        outer, summed = (self.taps, self.points) if step.of_filter else (self.points, self.taps)
        other, target = (self.part.y, self.part.w) if step.of_filter else (self.part.w, self.part.y)

        def place(out: SourceWriter) -> None:
            _split(out, "row", outer)
            out.line(f"place = {self._features(target, outer, 'column')}")

        m, k = (product(tuple(size for _, size in names)) for names in (outer, summed))
        return Tiled(
            name,
            step.dtype,
            step.groups,
            m,
            features,
            k,
            self._window(outer, summed, m),
            self._features_of(other, summed),
            Target(target.buffer, place, self._aligned(target)),
        )

    def _features(self, access: Access, names: Sequence[tuple[str, Size]], feature: str) -> str:
        own = f"(batch * {size_text(self.step.features)} + {feature})"
        index = [name for name, _ in names]
        return affine_text(access.offset, access.strides, [*index, own])

    def _features_of(self, access: Access, summed: Sequence[tuple[str, Size]]) -> Operand:
        """What the windows are multiplied by, as columns of features."""
        features, channels = size_text(self.step.features), self.step.channels
        by_feature = access.strides[-1] == 1
        by_channel = not by_feature and access.strides[-2] == 1 and summed == self.taps
        vectors = by_feature or (by_channel and isinstance(channels, int) and channels % 4 == 0)

        def write(out: SourceWriter) -> None:
            _split(out, "depth", summed)
            place = self._features(access, summed, "side")
            inside = f"(side < {features}) & (depth < end)"
            if vectors:
                count = f"{features} - side if depth < end else 0"
                out.line(f"count = {count if by_feature else f'4 if {inside} else 0'}")
                out.line(f"return fetch({access.buffer}, {place}, count, whole)")
            else:
                _return_if(out, inside, f"{access.buffer}[np.uint64({place})]", self.step.dtype)

        condition = self._aligned(access) if by_feature else None
        if by_channel and vectors:
            condition = aligned(access, len(access.strides) - 2)
        return Operand(access.buffer, by_channel, write, condition, single=not vectors)

    def _aligned(self, access: Access) -> str | None:
        """For vectors along the features, which are those of a group."""
        groups, features = self.step.groups, self.step.features
        together = groups == 1 or (isinstance(features, int) and features % 4 == 0)
        return aligned(access, len(access.strides) - 1) if together else None

    def _window(
        self, outer: Sequence[tuple[str, Size]], summed: Sequence[tuple[str, Size]], rows: Size
    ) -> Operand:
        """The input as rows that windows cover."""
        x, channels = self.step.x, self.step.channels
        vectors = isinstance(channels, int) and channels % 4 == 0
        condition = aligned(x, len(x.strides) - 1) if vectors else None

        def write(out: SourceWriter) -> None:
            _split(out, "side", outer)
            _split(out, "depth", summed)
            conditions = [f"(side < {size_text(rows)})", "(depth < end)"]
            places = []
            for k, axis in enumerate(self.part.axes):
                place = affine_text(axis.start, (axis.step, axis.dilation), (f"o{k}", f"w{k}"))
                places.append(out.assign(place))
                conditions.append(f"(0 <= {places[-1]}) & ({places[-1]} < {size_text(axis.size)})")
            out.line(f"inside = {' & '.join(conditions)}")
            channel = f"(batch * {size_text(channels)} + c)"
            place = affine_text(x.offset, x.strides, ["n", *places, channel])
            if vectors:
                out.line(f"return fetch({x.buffer}, {place}, 4 if inside else 0, whole)")
            else:
                _return_if(out, "inside", f"{x.buffer}[np.uint64({place})]", self.step.dtype)

        along = not self.step.of_filter
        return Operand(x.buffer, along, write, condition, single=not vectors)


def _return_if(out: SourceWriter, condition: str, element: str, dtype: DType) -> None:
    """Return an element; 0 where the condition does not hold."""
    out.line(f"value = {literal(0, dtype)}")
    with out.block(f"if {condition}:"):
        out.line(f"value = {element}")
    out.line("return value")


def _split(out: SourceWriter, number: str, names: Sequence[tuple[str, Size]]) -> None:
    """Set the indices that a number stands for, row by row."""
    total = product(tuple(size for _, size in names))
    word = "np.uint32" if isinstance(total, int) and total < _NARROW else "np.uint64"
    rest = out.assign(f"{word}({number})")
    for name, size in reversed(names[1:]):
        divisor = f"{word}({size_text(size)})"
        out.line(f"{name} = np.int64({rest} % {divisor})")
        rest = out.assign(f"{word}({rest} // {divisor})")
    out.line(f"{names[0][0]} = np.int64({rest})")
