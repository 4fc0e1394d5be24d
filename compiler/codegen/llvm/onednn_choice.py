"""Which convolutions oneDNN computes, if it is there: those it was measured to compute quicker.

Layer: compiler/codegen/llvm. In: a step of kernel/form.py. Out: what a program asks the library
for, or None. `python -m benchmarks.onednn` measures the table again.
"""

from __future__ import annotations

from dataclasses import replace

from ...ir.types import DType, Size
from ...kernel.form import Convolution, Load, WindowPart
from ...target import Target
from .onednn import BY_FILTER, BY_INPUT, FORWARD, Asked

# The library's time divided by ours, for each class: on two threads, and in the processor time of
# one. Geometric means over the layers of the benchmark, alone and with a bias and a ReLU behind
# them, on a Sapphire Rapids server CPU.
MEASURED = {
    "forward, 1x1": (0.98, 0.94),
    "forward, 1x1, deep": (0.86, 0.78),
    "forward, 1x1, strided": (0.81, 0.82),
    "forward, wider": (0.83, 0.86),
    "forward, wider, strided": (0.85, 0.87),
    "forward, depthwise": (0.82, 0.90),
    "forward, depthwise, other": (0.84, 1.15),
    "by input, 1x1, strided": (0.96, 0.78),
    "by input, wider": (0.79, 0.84),
    "by input, wider, strided": (1.01, 0.94),
    "by input, depthwise": (1.08, 0.82),
    "by input, depthwise, other": (1.48, 1.05),
    "by filter, 1x1": (0.85, 0.79),
    "by filter, 1x1, large": (0.99, 1.12),
    "by filter, 1x1, strided": (0.90, 0.80),
    "by filter, 1x1, strided, large": (1.30, 1.09),
    "by filter, wider": (0.70, 0.75),
    "by filter, wider, large": (1.19, 1.17),
    "by filter, wider, strided": (0.87, 0.71),
    "by filter, wider, strided, large": (1.32, 1.27),
    "by filter, depthwise": (0.71, 0.56),
    "by filter, depthwise, other": (26.37, 19.22),
}
WORTH = 0.9  # the library is asked where both times are below this part of ours
VECTOR_BYTES = 64  # other CPUs have not been measured
LEAST_PRODUCTS = 1 << 22  # below, calls and the reordering of filters count
LARGE_FILTER = 1 << 17  # elements
NARROW = 9  # elements of a window
DEEP = 1024  # channels that a window of one element sums over
CALLS, FEWEST_CALLS = 8, 4  # that a batch is cut into, if it can be: threads share them


def shape_class(asked: Asked) -> str:
    """The class of a convolution; the derivative by the input of a 1x1 one is one like it."""
    is_one, is_strided = asked.window == (1, 1), asked.steps != (1, 1)
    parts = [asked.kind.replace("_", " ")]
    if asked.groups > 1:
        is_usual = asked.window[0] * asked.window[1] <= NARROW and not is_strided
        return ", ".join([*parts, "depthwise", *([] if is_usual else ["other"])])
    parts.append("1x1" if is_one else "wider")
    if is_strided:
        parts.append("strided")
    filter_size = asked.window[0] * asked.window[1] * asked.channels * asked.features
    if asked.kind == BY_FILTER and filter_size > LARGE_FILTER:
        parts.append("large")
    if asked.kind == FORWARD and is_one and not is_strided and asked.channels >= DEEP:
        parts.append("deep")
    return ", ".join(parts)


def is_worth_it(asked: Asked) -> bool:
    """Whether the library was measured to be quicker at convolutions like this one."""
    return max(MEASURED[shape_class(asked)]) < WORTH


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


def whole(step: Convolution) -> WindowPart:
    """All outputs of a step: its parts together, if its input is spread."""
    return step.spread.whole if step.spread else step.parts[0]


def describe(step: Convolution) -> Asked | None:
    """What one call of the library does of a step; None if the step is not of its kind."""
    part = whole(step)
    axes = part.axes
    if (
        step.dtype is not DType.F32
        or len(axes) != 2
        or (step.groups != 1 and not step.is_depthwise)
    ):
        return None
    numbers = _ints(
        *(step.groups, step.channels, step.features, *part.w.strides),
        *(n for axis in axes for n in (axis.size, axis.outputs, axis.start)),
    )
    images = _images(step)
    if numbers is None or images is None:
        return None
    groups, channels, features, *rest = numbers
    strides, (height, places, top, width, columns, left) = rest[:4], rest[4:]
    forward = Asked(
        BY_FILTER if step.of_filter else FORWARD,
        images,
        groups,
        channels * groups,
        features * groups,
        (height, width),
        (places, columns),
        (axes[0].window, axes[1].window),
        (axes[0].step, axes[1].step),
        (axes[0].dilation, axes[1].dilation),
        (-top, -left),
        (strides[0], strides[1], strides[2], strides[3]),
    )
    asked = _by_input(step, forward)
    if asked is None or min(asked.padding) < 0:
        return None
    return asked if _lies_plainly(step, asked) and _is_large(step, asked) else None


def _by_input(step: Convolution, asked: Asked) -> Asked | None:
    """The same as a derivative by the input, if it is one: then the filter is turned round.

    What is spread is no convolution for the library, nor is what turns one axis of a filter.
    """
    window, strides = asked.window, asked.filter
    turned = {strides[k] < 0 for k in range(2) if window[k] > 1}
    lies = (abs(strides[0]), abs(strides[1]))
    if step.spread is None and True not in turned:
        return replace(asked, filter=(*lies, *strides[2:]))
    padding = [(window[k] - 1) * asked.dilation[k] - asked.padding[k] for k in range(2)]
    is_one = False not in turned and not step.of_filter and asked.steps == (1, 1)
    if not is_one:
        return None
    steps = step.spread.steps if step.spread else asked.steps
    last = strides[2:] if asked.groups > 1 else (strides[3], strides[2])
    return replace(
        asked,
        kind=BY_INPUT,
        steps=(steps[0], steps[1]),
        padding=(padding[0], padding[1]),
        filter=(*lies, *last),
    )


def _images(step: Convolution) -> int | None:
    """The images of a call: as many in each; None if they cannot be dealt out well.

    By filter, each call has a filter of its own, so that there may not be many.
    """
    batch = step.batch
    if not step.of_filter:
        if not isinstance(batch, int):
            return 1
        return next(n for n in range(max(1, batch // CALLS), 0, -1) if batch % n == 0)
    if not isinstance(batch, int):
        return None
    return next((batch // n for n in range(CALLS, FEWEST_CALLS - 1, -1) if batch % n == 0), None)


def _lies_plainly(step: Convolution, asked: Asked) -> bool:
    """Whether input and result are images whose elements lie one behind the other."""
    y = whole(step).y
    arrays = ((step.x, asked.source, asked.channels), (y, asked.result, asked.features))
    return all(
        access.strides[1:] == (sides[1] * channels, channels, 1)
        for access, sides, channels in arrays
    )


def _is_large(step: Convolution, asked: Asked) -> bool:
    images = step.batch if isinstance(step.batch, int) else CALLS
    places = images * asked.result[0] * asked.result[1]
    terms = asked.window[0] * asked.window[1] * asked.channels // asked.groups
    return places * terms * asked.features >= LEAST_PRODUCTS


def _ints(*sizes: Size) -> list[int] | None:
    found = [size for size in sizes if isinstance(size, int)]
    return found if len(found) == len(sizes) else None
