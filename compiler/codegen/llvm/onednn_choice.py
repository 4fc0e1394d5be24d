"""Which convolutions oneDNN computes, if it is there: those it was measured to compute quicker.

Layer: compiler/codegen/llvm. In: a step of kernel/form.py. Out: what a program asks the library
for, or None. `python -m benchmarks.onednn` measures the table again.
"""

from __future__ import annotations

from ...ir.types import DType, Size
from ...kernel.form import Convolution, Load
from ...target import Target
from .onednn import BY_INPUT, FORWARD, Asked

# The library's time divided by ours, for each class: geometric means over the layers of the
# benchmark, alone and with a bias and a ReLU behind them. Measured on a Sapphire Rapids server CPU.
MEASURED = {
    "forward, 1x1": 0.94,
    "forward, 1x1, deep": 0.80,
    "forward, 1x1, strided": 0.82,
    "forward, wider": 0.84,
    "forward, wider, strided": 0.85,
    "by input, wider": 0.89,
}
WORTH = 0.9  # the library is asked where its time is this part of ours, or less
VECTOR_BYTES = 64  # other CPUs have not been measured
LEAST_PRODUCTS = 1 << 22  # below, calls and the reordering of filters count
DEEP = 1024  # channels that a window of one element sums over
CALLS = 8  # that a batch is cut into, if it can be: threads share them


def shape_class(asked: Asked) -> str:
    """The class of a convolution; the derivative by the input of a 1x1 one is one like it."""
    parts = ["by input" if asked.kind == BY_INPUT else "forward"]
    parts.append("1x1" if asked.window == (1, 1) else "wider")
    if asked.steps != (1, 1):
        parts.append("strided")
    elif asked.window == (1, 1) and asked.channels >= DEEP:
        parts.append("deep")
    return ", ".join(parts)


def is_worth_it(asked: Asked) -> bool:
    """Whether the library was measured to be quicker at convolutions like this one."""
    return MEASURED.get(shape_class(asked), 1.0) <= WORTH


def asked_for(step: Convolution, target: Target) -> Asked | None:
    """What the library is asked for in place of our kernels."""
    if not target.has_onednn or target.vector_bytes != VECTOR_BYTES:
        return None
    asked = describe(step)
    if asked is None or not is_worth_it(asked) or not may_be_repeated(step):
        return None
    return asked


def may_be_repeated(step: Convolution) -> bool:
    """Whether the step may be done again by our kernels where the library has failed in it."""
    kernel = step.epilogue
    if kernel is None:
        return True
    read = {i.access.buffer for i in kernel.instrs if isinstance(i, Load) and i.access}
    read |= {step.x.buffer, step.parts[0].w.buffer}
    return read.isdisjoint(access.buffer for access in kernel.written())


def describe(step: Convolution) -> Asked | None:
    """What one call of the library does of a step; None if the step is not of its kind."""
    part = step.parts[0]
    is_one = step.dtype is DType.F32 and not step.of_filter and len(step.parts) == 1
    if not is_one or len(part.axes) != 2 or step.groups != 1:
        return None
    numbers = _ints(
        *(step.channels, step.features, *part.w.strides),
        *(n for axis in part.axes for n in (axis.size, axis.outputs, axis.start)),
    )
    if numbers is None:
        return None
    channels, features, *rest = numbers
    strides, (height, places, top, width, columns, left) = rest[:4], rest[4:]
    axes = part.axes
    window, steps = (axes[0].window, axes[1].window), (axes[0].step, axes[1].step)
    dilation, padding = (axes[0].dilation, axes[1].dilation), (-top, -left)
    turned = {strides[k] < 0 for k in range(2) if window[k] > 1}
    kind = BY_INPUT if turned == {True} else FORWARD
    if kind == BY_INPUT:
        strides[2:] = strides[:1:-1]
        reach = [(window[k] - 1) * dilation[k] for k in range(2)]
        padding = (reach[0] - padding[0], reach[1] - padding[1])
    asked = Asked(
        kind,
        _images(step.batch),
        channels,
        features,
        (height, width),
        (places, columns),
        window,
        steps,
        dilation,
        padding,
        (abs(strides[0]), abs(strides[1]), strides[2], strides[3]),
    )
    is_known = len(turned) < 2 and min(padding) >= 0 and (kind == FORWARD or steps == (1, 1))
    return asked if is_known and _lies_plainly(step, asked) and _is_large(step, asked) else None


def _images(batch: Size) -> int:
    """The images of a call: as many in each."""
    if not isinstance(batch, int):
        return 1
    most = max(1, batch // CALLS)
    return next(n for n in range(most, 0, -1) if batch % n == 0)


def _lies_plainly(step: Convolution, asked: Asked) -> bool:
    """Whether input and result are images whose elements lie one behind the other."""
    y = step.parts[0].y
    arrays = ((step.x, asked.source, asked.channels), (y, asked.result, asked.features))
    return all(
        access.strides[1:] == (sides[1] * channels, channels, 1)
        for access, sides, channels in arrays
    )


def _is_large(step: Convolution, asked: Asked) -> bool:
    images = step.batch if isinstance(step.batch, int) else CALLS
    places = images * asked.result[0] * asked.result[1]
    terms = asked.window[0] * asked.window[1] * asked.channels
    return places * terms * asked.features >= LEAST_PRODUCTS


def _ints(*sizes: Size) -> list[int] | None:
    found = [size for size in sizes if isinstance(size, int)]
    return found if len(found) == len(sizes) else None
