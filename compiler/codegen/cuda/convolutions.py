"""Convolutions without a library: a thread for each element that is written.

Layer: compiler/codegen/cuda. Each thread adds its products in one order. Convolutions that are
matrix products, with a window of one position, are done in tiles (products.py). What the CPU does
to the rows of a result while they are in its cache is a kernel of its own here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, Convolution, MatmulCall, WindowAxis, WindowPart
from .maps import THREAD, THREADS, emit_map
from .products import emit_product
from .programs import ProgramWriter
from .scalars import literal
from .source import SourceWriter, affine_text, size_text


def emit_convolution(writer: ProgramWriter, step: Convolution) -> None:
    """The launches of all parts, and of what follows for each output."""
    if not step.keeps:
        writer.adopt(step.parts[0].y.buffer)
    call = _as_product(step)
    if call is not None:
        emit_product(writer, call)
    else:
        if step.of_filter and not _is_covered(step):
            _clear_filter(writer, step)
        for number, part in enumerate(step.parts):
            _Part(writer, step, part).emit(f"{step.name}_part{number}")
    if step.epilogue is not None:
        emit_map(writer, step.epilogue)


def _as_product(step: Convolution) -> MatmulCall | None:
    """The matrix product that it is; None if it is none."""
    part = step.parts[0]
    alone = WindowAxis(1, 1, 1, 0, 1, 1)
    if step.groups != 1 or len(step.parts) > 1 or any(axis != alone for axis in part.axes):
        return None
    x, w, y = step.x, part.w, part.y
    rows = Access(x.buffer, x.offset, (x.strides[0], x.strides[-1]))
    outputs = Access(y.buffer, y.offset, (y.strides[0], y.strides[-1]))
    matrix = Access(w.buffer, w.offset, w.strides[-2:])
    if step.of_filter:
        columns = Access(x.buffer, x.offset, (x.strides[-1], x.strides[0]))
        sizes = (step.channels, step.features, step.batch)
        return MatmulCall(step.name, step.dtype, (), *sizes, columns, outputs, matrix)
    sizes = (step.batch, step.features, step.channels)
    return MatmulCall(step.name, step.dtype, (), *sizes, rows, matrix, outputs)


def _is_covered(step: Convolution) -> bool:
    """Whether the parts together have all positions of the window."""
    covered = sum(prod(axis.window for axis in part.axes) for part in step.parts)
    return covered == prod(step.window)


def _clear_filter(writer: ProgramWriter, step: Convolution) -> None:
    target = step.parts[0].w.buffer
    size = step.filter_size

    def body(out: SourceWriter) -> None:
        with out.block(f"for i in range({THREAD}, {size_text(size)}, {THREADS}):"):
            out.line(f"{target}[i] = {literal(0, step.dtype)}")

    writer.function(f"{step.name}_clear", [target], writer.blocks(size), body)


class _Part:
    """The kernel of one part: outputs that read anything at the same positions of the window."""

    def __init__(self, writer: ProgramWriter, step: Convolution, part: WindowPart) -> None:
        self.writer = writer
        self.step = step
        self.part = part
        self.features = step.features * step.groups
        axes = range(len(part.axes))
        self.window = [f"w{k}" for k in axes]
        self.outputs = [f"o{k}" for k in axes]

    def emit(self, name: str) -> None:
        """One launch."""
        step, part = self.step, self.part
        windows = [(w, a.window) for w, a in zip(self.window, part.axes, strict=True)]
        outputs = [(o, a.outputs) for o, a in zip(self.outputs, part.axes, strict=True)]
        if step.of_filter:
            own = [*windows, ("c", step.channels), ("f", self.features)]
            walked = [("n", step.batch), *outputs]
        else:
            own = [("n", step.batch), *outputs, ("f", self.features)]
            walked = [*windows, ("c", step.channels)]
        count = product(tuple(size for _, size in own))
        buffers = [step.x.buffer, part.w.buffer, part.y.buffer]
        self.writer.function(
            name,
            buffers,
            self.writer.blocks(count),
            lambda out: self._write(out, own, walked, count),
        )

    def _write(
        self,
        out: SourceWriter,
        own: Sequence[tuple[str, Size]],
        walked: Sequence[tuple[str, Size]],
        count: Size,
    ) -> None:
        with out.block(f"for point in range({THREAD}, {size_text(count)}, {THREADS}):"):
            out.line("rest = point")
            for name, size in reversed(own):
                out.line(f"{name} = rest % {size_text(size)}")
                out.line(f"rest = rest // {size_text(size)}")
            out.line(f"channel = f // {size_text(self.step.features)} * {self._channels()}")
            out.line(f"total = {literal(0, self.step.dtype)}")
            self._sum(out, list(walked))
            target = self._w() if self.step.of_filter else self._y()
            out.line(f"{target} = total")

    def _channels(self) -> str:
        return size_text(self.step.channels)

    def _sum(self, out: SourceWriter, walked: list[tuple[str, Size]]) -> None:
        """Loops over what is left to walk, and inside of them one product."""
        if walked:
            name, size = walked[0]
            with out.block(f"for {name} in range({size_text(size)}):"):
                self._sum(out, walked[1:])
            return
        conditions = []
        for k, axis in enumerate(self.part.axes):
            place = affine_text(axis.start, (axis.step, axis.dilation), (f"o{k}", f"w{k}"))
            out.line(f"p{k} = {place}")
            conditions.append(f"(0 <= p{k}) & (p{k} < {size_text(axis.size)})")
        with out.block(f"if {' & '.join(conditions) or 'True'}:"):
            fma = "libdevice.fmaf" if self.step.dtype.bits == 32 else "libdevice.fma"
            other = self._y() if self.step.of_filter else self._w()
            out.line(f"total = {fma}({self._x()}, {other}, total)")

    def _x(self) -> str:
        places = [f"p{k}" for k in range(len(self.part.axes))]
        return _element(self.step.x, ["n", *places, "(channel + c)"])

    def _w(self) -> str:
        return _element(self.part.w, [*self.window, "c", "f"])

    def _y(self) -> str:
        return _element(self.part.y, ["n", *self.outputs, "f"])


def _element(access: Access, index: Sequence[str]) -> str:
    return f"{access.buffer}[{affine_text(access.offset, access.strides, index)}]"
