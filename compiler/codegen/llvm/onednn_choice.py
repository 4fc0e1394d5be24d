"""Which convolutions oneDNN computes, if it is there: those that it was measured to compute quicker.

Layer: compiler/codegen/llvm. In: a step of kernel/form.py. Out: what a program asks the library
for, or None. `python -m benchmarks.onednn` measures the table again.
"""

from __future__ import annotations

from ...ir.types import DType, Size
from ...kernel.form import Access, Convolution, Load, WindowPart
from ...target import Target
from .onednn import BY_INPUT, FORWARD, Asked

# The library's time divided by ours, for each class: geometric means over the layers of the
# benchmark, on two threads of a Sapphire Rapids server CPU.
MEASURED = {
    "forward, 1x1": 1.0,
    "forward, 1x1, strided": 1.0,
    "forward, wider": 0.8,
    "forward, wider, strided": 0.8,
    "forward, depthwise": 1.0,
    "by input, wider": 0.8,
    "by input, depthwise": 1.0,
}
WORTH = 0.9  # the library is asked where its time is this part of ours, or less
VECTOR_BYTES = 64  # other CPUs have not been measured
LEAST_PRODUCTS = 1 << 22  # below, calls and the reordering of filters count
CALLS = 8  # that a batch is cut into, if it can be: threads share them


def shape_class(asked: Asked) -> str:
    """The class of a convolution."""
    parts = ["by input" if asked.kind == BY_INPUT else "forward"]
    if asked.groups > 1:
        return ", ".join([*parts, "depthwise"])
    parts.append("1x1" if asked.window == (1, 1) else "wider")
    if asked.steps != (1, 1):
        parts.append("strided")
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
    """A unit of a step's work as the library sees it; None if it is not of its kind."""
    if step.dtype is not DType.F32 or step.of_filter or len(step.parts) != 1:
        return None
    (part,) = step.parts
    numbers = _numbers(step, part)
    if numbers is None or len(part.axes) != 2:
        return None
    groups, channels, features = numbers
    if groups != 1 and not step.is_depthwise:
        return None
    height, width = part.axes
    source, result = (height.size, width.size), (height.outputs, width.outputs)
    window = (height.window, width.window)
    if not (_is_plain(step.x, source, channels) and _is_plain(part.y, result, features)):
        return None
    strides = part.w.strides
    turned = [strides[k] < 0 for k in range(2) if window[k] > 1]
    ...
