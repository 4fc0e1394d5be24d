"""Convolutions: their parts one after the other, each shared out among threads.

Layer: compiler/codegen/llvm. In: a step of kernel/form.py. How a part is cut up is in
convolve_plan.py, how it is computed in convolve_outputs.py and convolve_filter.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Convolution, WindowPart
from ...target import Target
from .convolve_band import HEAD
from .convolve_epilogue import emit_epilogue, epilogue_names
from .convolve_filter import filter_part
from .convolve_onednn import Context, OneDnnCall
from .convolve_outputs import outputs_part
from .convolve_plan import Plan
from .copies import Copies
from .integers import Integers
from .loops import counted_loop
from .onednn_choice import asked_for, whole
from .parallel import launch
from .tiles import micro_kernel
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
    """Write the calls of a convolution's parts into `fn`, and the functions that they need.

    `buffers` are pointers to the buffers of the step, in their order.
    """
    further = list(epilogue_names(step).values())
    own = ["%x", "%w", *(["%y"] if step.keeps else []), *(["%sums"] if step.sums else [])]
    given = dict(zip([*own, *further], buffers, strict=True))
    if step.of_filter and not step.is_covered:
        _clear_filter(fn, step, names, given["%w"])
    rest = [("ptr", name) for name in further] + [("i64", f"%n.{name}") for name in names]
    rest.append(("ptr", "%status"))
    values = [*(given[name] for name in further), *names.values(), status]
    context = [(type, name, value) for (type, name), value in zip(rest, values, strict=True)]
    i = Integers(fn, names)

    def by_kernels() -> None:
        _emit_parts(fn, step, target, names, given, context)

    asked = asked_for(step, target)
    if asked is None:
        by_kernels()
        return
    call = OneDnnCall(i, step, asked, target, context)
    operands = _operands(i, step, whole(step), given)
    call.write(operands, nanoseconds(step, target, i), by_kernels)


def _emit_parts(
    fn: FunctionWriter,
    step: Convolution,
    target: Target,
    names: Mapping[str, str],
    given: Mapping[str, str],
    further: Context,
) -> None:
    """The step by our kernels; `further` is what the epilogue uses."""
    rest = [(type, name) for type, name, _ in further]
    values = [value for *_, value in further]
    for number, part in enumerate(step.parts):
        i = Integers(fn, names)
        plan = Plan(i, step, part, target)
        epilogue = "null"
        if step.epilogue is not None:
            sizes = {name: f"%n.{name}" for name in names}
            epilogue = emit_epilogue(fn.module, step, plan.tile, [*HEAD, *rest], sizes)
        x, w, y = _operands(i, step, part, given)
        head = [
            *(x, given["%sums"] if step.sums else w, y),
            plan.table(f"@{step.name}.part{number}"),
            micro_kernel(fn.module, plan.tile),
            epilogue,
        ]
        context = zip([*HEAD, *(rest if step.epilogue else [])], [*head, *values], strict=False)
        arguments = [(type, value) for (type, _), value in context]
        part_of = filter_part if step.of_filter else outputs_part
        code = part_of(fn.module, step.dtype, plan.tile.lanes)
        launch(fn, code, arguments, plan.units(), _part_nanoseconds(step, part, target, i))
    if step.sums:
        _add_pieces(fn, step, target, names, given)


def _operands(
    i: Integers, step: Convolution, part: WindowPart, given: Mapping[str, str]
) -> list[str]:
    """Where x, w and y begin."""

    def at(name: str, offset: Size) -> str:
        return copies.at(given[name], i.size(offset)) if name in given else "null"

    copies = Copies(i, step.dtype, 1)
    return [at("%x", step.x.offset), at("%w", part.w.offset), at("%y", part.y.offset)]


def nanoseconds(step: Convolution, target: Target, i: Integers) -> str:
    """About how long one thread takes."""
    total = "0"
    for part in step.parts:
        total = i.add(total, _part_nanoseconds(step, part, target, i))
    return total


def _part_nanoseconds(step: Convolution, part: WindowPart, target: Target, i: Integers) -> str:
    lanes = target.vector_bytes // step.dtype.itemsize
    vectors = i.multiply(i.ceiling(i.size(step.features), str(lanes)), i.size(step.groups))
    if step.is_depthwise:
        vectors = i.ceiling(i.size(step.groups), str(lanes))
    terms = product((step.channels, *(axis.window for axis in part.axes)))
    positions = product((step.batch, *(axis.outputs for axis in part.axes)))
    products = i.multiply(i.multiply(i.size(terms), vectors), i.size(positions))
    return i.divide(products, str(PRODUCTS_PER_NS))


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
