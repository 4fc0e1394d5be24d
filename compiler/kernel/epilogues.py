"""Does the elementwise work on the result of a convolution where its tiles are written.

Layer: compiler/kernel, on steps. A bias, a ReLU or a sum with another array after a convolution is
a kernel that walks the convolution's outputs and features. It becomes the convolution's `epilogue`:
its instructions run on each row of a tile, which is in the cache, and the convolution's own result
is not written unless something else reads it::

    convolve @k0 ... y tmp0       convolve @k0 ... then
    kernel @k1 for [n, f]    =>     %0 = load tmp0[...]
      %0 = load tmp0[...]           ...
      ...

The kernel moves to where the convolution stands. So all it reads has to be there by then, and no
step between the two may touch what it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.dims import product
from ..ir.types import Shape
from .form import (
    Access,
    Apply,
    Buffer,
    Const,
    Convolution,
    Instr,
    Kernel,
    Load,
    SizeOf,
    Space,
    Step,
    Store,
)
from .lower import annotate
from .storage import step_buffers

MOST_INSTRUCTIONS = 32  # they are repeated for each vector of a row


def attach_epilogues(steps: Sequence[Step]) -> list[Step]:
    """The steps, with kernels put into the convolutions before them."""
    found = list(steps)
    for k, step in enumerate(found):
        if not isinstance(step, Convolution) or not _takes_epilogue(step):
            continue
        for later, other in enumerate(found[k + 1 :], start=k + 1):
            kernel = _rows_and_features(step, other) if isinstance(other, Kernel) else None
            if kernel is not None and _may_move(kernel, found[k:later]):
                del found[later]
                y = step.parts[0].y.buffer
                read = any(y in step_buffers(s) for s in found[k + 1 :])
                keeps = read or y.space is Space.OUT
                found[k] = replace(step, epilogue=kernel, keeps=keeps)
                break
    return found


def _takes_epilogue(step: Convolution) -> bool:
    """Whether the outputs are walked in their order, into an array of their own."""
    if step.of_filter or len(step.parts) != 1:
        return False
    (part,) = step.parts
    walked = (step.batch, *(axis.outputs for axis in part.axes), step.features * step.groups)
    strides = [product(walked[k + 1 :]) for k in range(len(walked))]
    in_order = part.y.offset == 0 and list(part.y.strides) == strides
    return in_order and part.y.buffer.space in (Space.TEMP, Space.OUT)


def _rows_and_features(step: Convolution, kernel: Kernel) -> Kernel | None:
    """The kernel with the axes (outputs, features); None if it is none of the kind."""
    features = step.features * step.groups
    outputs = product((step.batch, *(axis.outputs for axis in step.parts[0].axes)))
    axes: Shape = (outputs, features)
    if not _is_elementwise(kernel) or 1 in axes or 0 in axes:
        return None
    if kernel.axes == (outputs * features,):
        kernel = _split(kernel, axes)
    elif kernel.axes != axes:
        return None
    y = step.parts[0].y.buffer
    reads = [i.access for i in kernel.instrs if isinstance(i, Load) and i.access is not None]
    own = [access for access in reads if access.buffer is y]
    if not own or any(access != Access(y, 0, (features, 1)) for access in own):
        return None
    if any(a.strides[1] not in (0, 1) for a in (*reads, *kernel.written())):
        return None  # columns are cut into vectors
    return kernel


def _is_elementwise(kernel: Kernel) -> bool:
    plain = all(
        isinstance(i, (Apply, Const, SizeOf)) or (isinstance(i, Load) and not i.args)
        for i in kernel.instrs
    )
    rest = kernel.spills or kernel.columns or any(s.place is not None for s in kernel.stores)
    short = len(kernel.instrs) <= MOST_INSTRUCTIONS
    return plain and short and not rest and kernel.rank == kernel.outer


def _split(kernel: Kernel, axes: Shape) -> Kernel:
    """A kernel over one axis as one over two that together are it."""

    def divided(access: Access) -> Access:
        (stride,) = access.strides
        return replace(access, strides=(stride * axes[1], stride))

    new: dict[Instr, Instr] = {}
    for instr in kernel.instrs:
        args = tuple(new[a] for a in instr.args)
        if isinstance(instr, Load):
            assert instr.access is not None
            new[instr] = replace(instr, args=args, access=divided(instr.access))
        else:
            new[instr] = replace(instr, args=args)
    stores = tuple(Store(divided(s.access), new[s.value]) for s in kernel.stores)
    found = Kernel(kernel.name, axes, 2, tuple(new.values()), stores)
    annotate(found)
    return found


def _may_move(kernel: Kernel, before: Sequence[Step]) -> bool:
    """Whether a kernel may run as part of the first of the steps that now run before it."""
    first, *between = before
    assert isinstance(first, Convolution)
    y = first.parts[0].y.buffer
    others = [step_buffers(step) for step in between]
    touched = {buffer for buffers in others for buffer in buffers}
    written = {access.buffer for access in kernel.written()}
    if written & {*touched, *first.buffers()}:
        return False
    reads = {i.access.buffer for i in kernel.instrs if isinstance(i, Load) and i.access}
    return reads.isdisjoint(buffer for step in between for buffer in _written(step) if buffer != y)


def _written(step: Step) -> list[Buffer]:
    """What a step may write."""
    if isinstance(step, Kernel):
        return [access.buffer for access in step.written()]
    return step_buffers(step)
