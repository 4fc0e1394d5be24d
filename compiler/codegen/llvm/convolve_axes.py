"""The axes of a convolution, as its code walks them.

Layer: compiler/codegen/llvm. Axes that need not be told apart are merged: all positions of a 1 x 1
convolution are one axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...ir.types import Size
from ...kernel.form import Convolution, WindowPart


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the outputs; x, w and y are strides."""

    size: Size
    outputs: Size
    window: int
    start: Size
    step: int
    dilation: int
    x: Size
    w: Size
    y: Size

    @property
    def is_plain(self) -> bool:
        """Whether output k is computed from element k alone."""
        return (self.window, self.start, self.step) == (1, 0, 1) and self.size == self.outputs


_POINT = Axis(1, 1, 1, 0, 1, 1, 0, 0, 0)


def merged_axes(step: Convolution, part: WindowPart) -> list[Axis]:
    """Batch, depth, height and width, with as little before the width as possible."""
    x, w, y = step.x.strides, part.w.strides, part.y.strides
    axes = [Axis(step.batch, step.batch, 1, 0, 1, 1, x[0], 0, y[0])]
    for k, a in enumerate(part.axes):
        geometry = (a.size, a.outputs, a.window, a.start, a.step, a.dilation)
        axes.append(Axis(*geometry, x[1 + k], w[k], y[1 + k]))
    found: list[Axis] = []
    for axis in axes:
        if axis.is_plain and axis.size == 1:
            continue
        before = found[-1] if found else _POINT
        if found and before.is_plain and axis.is_plain and _follow(before, axis):
            size = before.size * axis.size
            found[-1] = replace(axis, size=size, outputs=size)
        else:
            found.append(axis)
    return [_POINT] * (4 - len(found)) + found


def _follow(outer: Axis, inner: Axis) -> bool:
    """Whether the elements of two axes lie as those of one."""
    return (outer.x, outer.y) == (inner.x * inner.size, inner.y * inner.size)


def is_inside(axis: Axis) -> bool:
    """Whether all windows of an axis, which are points, are known to lie in the input."""
    if not (isinstance(axis.start, int) and isinstance(axis.outputs, int)):
        return False
    last = axis.start + (axis.outputs - 1) * axis.step
    return axis.start >= 0 and isinstance(axis.size, int) and last < axis.size


def is_uniform(axes: Sequence[Axis]) -> bool:
    """Whether the outputs lie at equal distances, in their order."""
    stride = axes[-1].y
    for outer, inner in zip(reversed(axes[:-1]), reversed(axes[1:]), strict=True):
        stride = stride * inner.outputs
        if outer.outputs != 1 and outer.y != stride:
            return False
    return True
