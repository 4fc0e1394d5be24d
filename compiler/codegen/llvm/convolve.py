"""Convolutions: their parts one after the other, each a function that is shared out among threads.

Layer: compiler/codegen/llvm. In: a step of kernel/form.py. How a part is computed is in
convolve_outputs.py and convolve_filter.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from ...ir.dims import product
from ...kernel.form import Convolution, WindowPart
from ...target import Target
from .convolve_epilogue import epilogue_names
from .convolve_filter import FilterWriter
from .convolve_outputs import OutputsWriter
from .integers import Integers
from .loops import counted_loop
from .parallel import launch, outline
from .window_pack import Copies
from .writer import FunctionWriter

PRODUCTS_PER_NS = 4  # of vectors


def emit_convolution(
    fn: FunctionWriter,
    step: Convolution,
    target: Target,
    names: Mapping[str, str],
    buffers: Sequence[str],
    status: str,
) -> None:
    """Write the calls of a convolution's parts into `fn`, and the parts as functions.

    `buffers` are pointers to the buffers of the step, in their order.
    """
    inside = _buffer_names(step)
    given = dict(zip(inside, buffers, strict=True))
    sizes = [("i64", f"%n.{name}") for name in names]
    params = [*(("ptr", name) for name in inside), *sizes, ("ptr", "%status")]
    operands = [*buffers, *names.values(), status]
    arguments = [(type, value) for (type, _), value in zip(params, operands, strict=True)]
    if step.of_filter and not _is_covered(step):
        _clear_filter(fn, step, names, given["%w"])
    for number, part in enumerate(step.parts):
        name = f"@{step.name}.part{number}"
        code = outline(fn.module, name, params)
        code.plain_counters = True
        _writer(code, step, part, target, {name: f"%n.{name}" for name in names}).write()
        units = _writer(fn, step, part, target, names).units()
        launch(
            fn, name, arguments, units, _part_nanoseconds(step, part, target, Integers(fn, names))
        )
    if step.sums:
        _add_pieces(fn, step, target, names, given)


def _buffer_names(step: Convolution) -> list[str]:
    """The names that a step's buffers have in its parts: the same for parts that are alike."""
    names = ["%x", "%w", *(["%y"] if step.keeps else []), *(["%sums"] if step.sums else [])]
    return [*names, *epilogue_names(step).values()]


def nanoseconds(step: Convolution, target: Target, i: Integers) -> str:
    """About how long one thread takes."""
    total = "0"
    for part in step.parts:
        total = i.add(total, _part_nanoseconds(step, part, target, i))
    return total


def _part_nanoseconds(step: Convolution, part: WindowPart, target: Target, i: Integers) -> str:
    lanes = target.vector_bytes // step.dtype.itemsize
    vectors = i.multiply(i.ceiling(i.size(step.features), str(lanes)), i.size(step.groups))
    terms = product((step.channels, *(axis.window for axis in part.axes)))
    positions = product((step.batch, *(axis.outputs for axis in part.axes)))
    products = i.multiply(i.multiply(i.size(terms), vectors), i.size(positions))
    return i.divide(products, str(PRODUCTS_PER_NS))


def _writer(
    fn: FunctionWriter,
    step: Convolution,
    part: WindowPart,
    target: Target,
    names: Mapping[str, str],
) -> OutputsWriter | FilterWriter:
    kind: type[OutputsWriter] | type[FilterWriter]
    kind = FilterWriter if step.of_filter else OutputsWriter
    return kind(fn, step, part, target, names)


def _is_covered(step: Convolution) -> bool:
    """Whether the parts together have all positions of the window."""
    covered = sum(prod(axis.window for axis in part.axes) for part in step.parts)
    return covered == prod(step.window)


def _clear_filter(fn: FunctionWriter, step: Convolution, names: Mapping[str, str], w: str) -> None:
    i = Integers(fn, names)
    bytes = i.multiply(i.size(step.filter_size), str(step.dtype.itemsize))
    clear = fn.module.declare("@llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1"])
    fn.line(f"call void {clear}(ptr {w}, i8 0, i64 {bytes}, i1 false)")


def _add_pieces(
    fn: FunctionWriter,
    step: Convolution,
    target: Target,
    names: Mapping[str, str],
    buffers: Mapping[str, str],
) -> None:
    """Write the sums of the pieces' sums, in order."""
    i = Integers(fn, names)
    copies = Copies(i, step.dtype, target.vector_bytes // step.dtype.itemsize)
    size = i.size(step.filter_size)

    def add(at: str, lanes: int) -> list[str]:
        type = f"<{lanes} x {copies.element}>"
        load = f"load {type}, ptr %s, align {copies.align}"
        place = i.address(copies.element, buffers["%sums"], at)
        total = fn.assign(load.replace("%s", place))

        def one(piece: str, values: list[str]) -> list[str]:
            further = i.address(copies.element, place, i.multiply(piece, size))
            more = fn.assign(load.replace("%s", further))
            return [fn.assign(f"fadd {type} {values[0]}, {more}")]

        (total,) = counted_loop(fn, "1", str(step.pieces), 1, [(type, total)], one)
        out = i.address(copies.element, buffers["%w"], at)
        fn.line(f"store {type} {total}, ptr {out}, align {copies.align}")
        return []

    full = i.multiply(i.divide(size, str(copies.lanes)), str(copies.lanes))
    counted_loop(fn, "0", full, copies.lanes, [], lambda at, _: add(at, copies.lanes))
    counted_loop(fn, full, size, 1, [], lambda at, _: add(at, 1))
