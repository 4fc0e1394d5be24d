"""What a library may do in place of the kernels of a convolution.

Layer: compiler/codegen/cuda. The kernel form has two sums, over windows and over positions. The
derivative by the input is the first of them, with filters that are read from their other end (and
spread cotangents, if there are strides): libraries know it as a third one, and are given filters
and strides as those of the convolution that it is a derivative of.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ir.types import Size
from ...kernel.form import Access, Buffer, Convolution, WindowPart
from ...launches import ConvolutionCall, Tensor, Wanted


def library_call(
    step: Convolution, buffers: Sequence[Buffer], fast: bool
) -> ConvolutionCall | None:
    """The convolution for a library that is given `buffers`; None if it is none that they know."""
    part = step.parts[0] if step.spread is None else step.spread.whole
    is_reversed = _reversed(part)
    if is_reversed is None:
        return None
    if is_reversed:
        return _by_input(step, part, buffers, fast)
    if step.spread is not None:
        return None
    return ConvolutionCall(
        Wanted.FILTERS if step.of_filter else Wanted.OUTPUTS,
        step.dtype,
        _images(step, part, buffers),
        _filters(part.w, (step.groups * step.features, step.channels), (-1, -2), part, buffers),
        _results(step, part, buffers),
        tuple(0 - axis.start for axis in part.axes),
        tuple(axis.step for axis in part.axes),
        tuple(axis.dilation for axis in part.axes),
        fast,
        step.of_halves,
    )


def _reversed(part: WindowPart) -> bool | None:
    """Whether filters are read from their other end; None if along some axes alone, or unknown."""
    strides = [s for s, axis in zip(part.w.strides, part.axes, strict=False) if axis.window > 1]
    signs = {stride < 0 if isinstance(stride, int) else None for stride in strides}
    return signs.pop() if len(signs) == 1 else False if not signs else None


def _by_input(
    step: Convolution, part: WindowPart, buffers: Sequence[Buffer], fast: bool
) -> ConvolutionCall | None:
    """The derivative by the input of a convolution with one group and nothing spread."""
    if step.of_filter or step.groups != 1 or any(axis.step != 1 for axis in part.axes):
        return None
    offset, strides = part.w.offset, list(part.w.strides)
    for k, axis in enumerate(part.axes):
        offset, strides[k] = offset + strides[k] * (axis.window - 1), 0 - strides[k]
    w = Access(part.w.buffer, offset, tuple(strides))
    return ConvolutionCall(
        Wanted.INPUTS,
        step.dtype,
        _results(step, part, buffers),
        _filters(w, (step.channels, step.features), (-2, -1), part, buffers),
        _images(step, part, buffers),
        tuple((axis.window - 1) * axis.dilation + axis.start for axis in part.axes),
        (1,) * len(part.axes) if step.spread is None else step.spread.steps,
        tuple(axis.dilation for axis in part.axes),
        fast,
        step.of_halves,
    )


def _images(step: Convolution, part: WindowPart, buffers: Sequence[Buffer]) -> Tensor:
    sizes = tuple(axis.size for axis in part.axes)
    return _tensor(step.x, step.batch, step.groups * step.channels, sizes, buffers)


def _results(step: Convolution, part: WindowPart, buffers: Sequence[Buffer]) -> Tensor:
    sizes = tuple(axis.outputs for axis in part.axes)
    return _tensor(part.y, step.batch, step.groups * step.features, sizes, buffers)


def _tensor(
    access: Access,
    batch: Size,
    channels: Size,
    sizes: tuple[Size, ...],
    buffers: Sequence[Buffer],
) -> Tensor:
    first, *middle, last = access.strides
    place = buffers.index(access.buffer)
    return Tensor(place, access.offset, (batch, channels, *sizes), (first, last, *middle))


def _filters(
    access: Access,
    sizes: tuple[Size, Size],
    axes: tuple[int, int],
    part: WindowPart,
    buffers: Sequence[Buffer],
) -> Tensor:
    """`axes` are those of the outputs and channels, which have `sizes`."""
    window = tuple(axis.window for axis in part.axes)
    strides = (*(access.strides[k] for k in axes), *access.strides[:-2])
    return Tensor(buffers.index(access.buffer), access.offset, (*sizes, *window), strides)
