"""Ops that move elements without computing: views.

Layer: compiler/ops. Each output element of a view is one input element; `index_map` says which,
as an affine function of the output index, so a kernel reads through a view instead of copying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.batching import BatchSite
from ..ir.derivative import Contribution, Linear, Part, Scattered, Site
from ..ir.opdef import REGISTRY, Affine, IndexMap, Kind, op
from ..ir.term import Term, full
from ..ir.types import DType, Shape, Size, TensorType

Attrs = Mapping[str, Any]
Types = tuple[TensorType, ...]

FEW = 16  # terms that may be written out


def _axis_map(rank: int, axis: int, offset: Size = 0, stride: Size = 1) -> Affine:
    """`offset + stride * out_index[axis]` for an output of this rank."""
    return Affine(offset, tuple(stride if k == axis else 0 for k in range(rank)))


def _fixed(rank: int, offset: Size = 0) -> Affine:
    """Always `offset`: a size-1 axis, or a broadcast one."""
    return Affine(offset, (0,) * rank)


# --- broadcast ---------------------------------------------------------------------------------


def _broadcast_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,), shape, dims = types, attrs["shape"], attrs["dims"]
    increasing = all(a < b for a, b in pairwise(dims))
    if len(dims) != x.rank or not increasing or any(not 0 <= d < len(shape) for d in dims):
        raise ShapeError(
            "broadcast: dims must name one output axis per operand axis, in increasing order",
            got=f"{x} with dims {list(dims)} to {len(shape)} axes",
        )
    for size, d in zip(x.shape, dims, strict=True):
        if size not in (1, shape[d]):
            raise ShapeError(
                "broadcast: an axis of the operand has neither size 1 nor the size of the result",
                got=f"{x} with dims {list(dims)} to shape {list(shape)}",
            )
    return (x.with_shape(shape),)


def _broadcast_reference(x: Any, *, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    spread = [1] * len(shape)
    for size, d in zip(x.shape, dims, strict=True):
        spread[d] = size
    return np.broadcast_to(x.reshape(spread), shape)


def _broadcast_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    rank = len(result)
    return tuple(
        # an axis of size 1 that stays 1 is read at 0 too: one way to write the same map
        _fixed(rank) if size == 1 else _axis_map(rank, d)
        for size, d in zip(source, attrs["dims"], strict=True)
    )


def _broadcast_transpose(site: Site, ct: Term) -> list[Contribution]:
    shape, dims = site.operand.shape, site.attrs["dims"]
    kept = [d for size, d in zip(shape, dims, strict=True) if size != 1 or ct.shape[d] == 1]
    return [ct.sum([k for k in range(ct.rank) if k not in kept]).reshape(shape)]


def _broadcast_batch(site: BatchSite) -> Term:
    dims = (0, *(d + 1 for d in site.attrs["dims"]))
    return site.stack.broadcast((site.size, *site.attrs["shape"]), dims)


BROADCAST = op(
    "broadcast",
    Kind.VIEW,
    arity=1,
    infer=_broadcast_infer,
    reference=_broadcast_reference,
    batch=_broadcast_batch,
    index_map=_broadcast_map,
    derivative=Linear(_broadcast_transpose),
    attrs=("shape", "dims"),
    cost=0.0,
    doc="Repeat along new axes and axes of size 1: operand axis i becomes result axis dims[i].",
)


# --- transpose ---------------------------------------------------------------------------------


def _transpose_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,), permutation = types, attrs["permutation"]
    if sorted(permutation) != list(range(x.rank)):
        raise ShapeError(
            "transpose: permutation must name every axis once",
            got=f"{x} with permutation {list(permutation)}",
        )
    return (x.with_shape(tuple(x.shape[p] for p in permutation)),)


def _transpose_reference(x: Any, *, permutation: tuple[int, ...]) -> Any:
    return np.transpose(x, permutation)


def _transpose_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    permutation = attrs["permutation"]
    return tuple(_axis_map(len(result), permutation.index(i)) for i in range(len(source)))


def _transpose_transpose(site: Site, ct: Term) -> list[Contribution]:
    permutation = site.attrs["permutation"]
    return [ct.transpose([permutation.index(k) for k in range(ct.rank)])]


def _transpose_batch(site: BatchSite) -> Term:
    return site.stack.transpose((0, *(p + 1 for p in site.attrs["permutation"])))


TRANSPOSE = op(
    "transpose",
    Kind.VIEW,
    arity=1,
    infer=_transpose_infer,
    reference=_transpose_reference,
    batch=_transpose_batch,
    index_map=_transpose_map,
    derivative=Linear(_transpose_transpose),
    attrs=("permutation",),
    cost=0.0,
    doc="Reorder axes: result axis k is operand axis permutation[k].",
)


# --- slice -------------------------------------------------------------------------------------


def check_region(
    name: str, source: TensorType, starts: Shape, steps: tuple[int, ...], shape: Shape
) -> None:
    """Raise unless the region (starts, steps, shape) lies inside of `source`.

    Only what is wrong for certain is refused: symbolic bounds are the tracer's to guard.
    """
    got = f"{source}, starts {list(starts)}, steps {list(steps)}, shape {list(shape)}"
    if not len(starts) == len(steps) == len(shape) == source.rank:
        raise ShapeError(f"{name}: needs a start, a step and a size for each axis", got=got)
    for size, start, step, count in zip(source.shape, starts, steps, shape, strict=True):
        if not isinstance(step, int) or step == 0:
            raise ShapeError(f"{name}: a step must be a non-zero int", got=got)
        if isinstance(count, int) and count <= 0:
            if count < 0:
                raise ShapeError(f"{name}: a size is negative", got=got)
            continue  # nothing is read
        last = start + step * (count - 1)
        for bound in (start, last, size - 1 - start, size - 1 - last):
            # a symbolic count may be 0, then `last` says nothing
            if isinstance(bound, int) and bound < 0 and isinstance(count, int):
                raise ShapeError(f"{name}: the region lies outside of the operand", got=got)


def region(starts: Sequence[int], steps: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """The NumPy index that selects the elements start + i*step, 0 <= i < size, of each axis."""
    index = []
    for start, step, count in zip(starts, steps, shape, strict=True):
        stop = start + step * count
        # a negative stop would count from the end: None means "beyond the first element"
        index.append(slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0))
    return tuple(index)


def _slice_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,) = types
    check_region("slice", x, attrs["starts"], attrs["steps"], attrs["shape"])
    return (x.with_shape(attrs["shape"]),)


def _slice_reference(
    x: Any, *, starts: tuple[int, ...], steps: tuple[int, ...], shape: tuple[int, ...]
) -> Any:
    return x[region(starts, steps, shape)]


def _slice_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    rank = len(result)
    return tuple(
        _fixed(rank, start) if size == 1 else _axis_map(rank, k, start, step)
        for k, (start, step, size) in enumerate(
            zip(attrs["starts"], attrs["steps"], result, strict=True)
        )
    )


def _slice_transpose(site: Site, ct: Term) -> list[Contribution]:
    return [Part(ct, site.attrs["starts"], site.attrs["steps"])]


def _slice_batch(site: BatchSite) -> Term:
    starts, steps, shape = site.attrs["starts"], site.attrs["steps"], site.attrs["shape"]
    return site.stack.slice((0, *starts), (1, *steps), (site.size, *shape))


SLICE = op(
    "slice",
    Kind.VIEW,
    arity=1,
    infer=_slice_infer,
    reference=_slice_reference,
    batch=_slice_batch,
    index_map=_slice_map,
    derivative=Linear(_slice_transpose),
    attrs=("starts", "steps", "shape"),
    cost=0.0,
    doc="A regular part: result index i of an axis reads start + i*step; the step may be negative.",
)


# --- pad ---------------------------------------------------------------------------------------


def _pad_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,) = types
    result = x.with_shape(attrs["shape"])
    check_region("pad", result, attrs["starts"], (1,) * x.rank, x.shape)
    return (result,)


def _pad_reference(x: Any, *, starts: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    result = np.zeros(shape, x.dtype)
    result[region(starts, (1,) * x.ndim, x.shape)] = x
    return result


def _pad_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    rank = len(result)
    return tuple(
        _fixed(rank) if size == wide == 1 else _axis_map(rank, k, -start)
        for k, (start, size, wide) in enumerate(zip(attrs["starts"], source, result, strict=True))
    )


def _pad_transpose(site: Site, ct: Term) -> list[Contribution]:
    shape = site.operand.shape
    return [ct.slice(site.attrs["starts"], (1,) * len(shape), shape)]


def _pad_batch(site: BatchSite) -> Term:
    return site.stack.pad((0, *site.attrs["starts"]), (site.size, *site.attrs["shape"]))


PAD = op(
    "pad",
    Kind.VIEW,
    arity=1,
    infer=_pad_infer,
    reference=_pad_reference,
    batch=_pad_batch,
    index_map=_pad_map,
    partial=True,
    derivative=Linear(_pad_transpose),
    attrs=("starts", "shape"),
    cost=0.0,
    doc="Zeros of a shape with the operand in it, from `starts` on: the transpose of a slice.",
)


# --- reshape -----------------------------------------------------------------------------------


def _reshape_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,) = types
    result = x.with_shape(attrs["shape"])
    # sizes that differ symbolically may still be equal: the tracer has recorded a guard
    difference = x.size - result.size
    if isinstance(difference, int) and difference != 0:
        raise ShapeError(
            "reshape: the number of elements changes",
            got=f"{x} to shape {list(result.shape)}",
            expected=f"{x.size} elements",
        )
    return (result,)


def _reshape_reference(x: Any, *, shape: tuple[int, ...]) -> Any:
    return np.reshape(x, shape)


def _reshape_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap | None:
    real = [k for k, size in enumerate(source) if size != 1]
    target = [k for k, size in enumerate(result) if size != 1]
    if len(real) != len(target):
        return None
    # The products are equal, so where all pairs but one agree, the last one does too: f32[n] to
    # f32[m] under the guard n == m keeps every element at its place.
    if sum(source[i] != result[k] for i, k in zip(real, target, strict=True)) > 1:
        return None
    place = dict(zip(real, target, strict=True))
    rank = len(result)
    return tuple(
        _axis_map(rank, place[i]) if i in place else _fixed(rank) for i in range(len(source))
    )


def _reshape_transpose(site: Site, ct: Term) -> list[Contribution]:
    return [ct.reshape(site.operand.shape)]


def _reshape_batch(site: BatchSite) -> Term:
    return site.stack.reshape((site.size, *site.attrs["shape"]))


RESHAPE = op(
    "reshape",
    Kind.VIEW,
    arity=1,
    infer=_reshape_infer,
    reference=_reshape_reference,
    batch=_reshape_batch,
    index_map=_reshape_map,
    derivative=Linear(_reshape_transpose),
    attrs=("shape",),
    cost=0.0,
    doc="The same elements in row-major order with another shape.",
)


# --- windows -----------------------------------------------------------------------------------


def _windows_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,), axis, size = types, attrs["axis"], attrs["size"]
    if not 0 <= axis < x.rank or not isinstance(size, int) or size < 1:
        raise ShapeError(
            "windows: needs an axis of the operand and a size of at least 1",
            got=f"{x} with axis {axis} and size {size}",
        )
    count = x.shape[axis] - size + 1
    if isinstance(count, int) and count < 1:
        raise ShapeError("windows: the window is larger than the axis", got=f"{x}, size {size}")
    return (x.with_shape((*x.shape[:axis], count, *x.shape[axis + 1 :], size)),)


def _windows_reference(x: Any, *, axis: int, size: int) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, size, axis)


def _windows_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    rank = len(result)
    # an axis of size 1 is always read at 0: one way to write the same map
    steps = tuple(int(k in (attrs["axis"], rank - 1) and result[k] != 1) for k in range(rank))
    return tuple(
        Affine(0, steps)
        if k == attrs["axis"]
        else _axis_map(rank, k)
        if size != 1
        else _fixed(rank)
        for k, size in enumerate(source)
    )


def _windows_transpose(site: Site, ct: Term) -> list[Contribution]:
    """Position p of x is element j of window p - j: the sum over j of ct[.., p - j, .., j]."""
    axis, size = site.attrs["axis"], site.attrs["size"]
    last = ct.rank - 1
    starts: list[Size] = [0] * last
    if size <= FEW:
        shape, total = site.operand.shape, None
        for j in range(size):
            starts[axis] = j
            term = ct.along(last, j, 1).reshape(ct.shape[:last]).pad(starts, shape)
            total = term if total is None else total + term
        return [total]
    # Between enough zeros, with j reversed, these are the diagonals of windows again.
    starts = [0] * ct.rank
    starts[axis] = size - 1
    wide = (*ct.shape[:axis], ct.shape[axis] + 2 * (size - 1), *ct.shape[axis + 1 :])
    padded = ct.flip(last).pad(starts, wide)
    pairs = padded.op("windows", axis=axis, size=size)
    diagonal = pairs.op("diagonal", axes=(last, last + 1), starts=(0, 0), size=size)
    return [diagonal.sum([last])]


def _windows_batch(site: BatchSite) -> Term:
    return site.stack.op("windows", axis=site.attrs["axis"] + 1, size=site.attrs["size"])


WINDOWS = op(
    "windows",
    Kind.VIEW,
    arity=1,
    infer=_windows_infer,
    reference=_windows_reference,
    batch=_windows_batch,
    index_map=_windows_map,
    derivative=Linear(_windows_transpose),
    attrs=("axis", "size"),
    cost=0.0,
    doc="All windows of `size` neighbours along an axis: result[.., i, .., j] is x[.., i + j, ..].",
)


# --- diagonal ----------------------------------------------------------------------------------


def _diagonal_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    (x,), axes, starts, size = types, attrs["axes"], attrs["starts"], attrs["size"]
    got = f"{x} with axes {list(axes)}, starts {list(starts)} and size {size}"
    if len(set(axes)) != len(axes) or any(not 0 <= a < x.rank for a in axes):
        raise ShapeError("diagonal: needs different axes of the operand", got=got)
    for axis, start in zip(axes, starts, strict=True):
        room = x.shape[axis] - start - size
        if (isinstance(room, int) and room < 0) or (isinstance(start, int) and start < 0):
            raise ShapeError("diagonal: reaches outside of the operand", got=got)
    rest = tuple(s for k, s in enumerate(x.shape) if k not in axes)
    return (x.with_shape((*rest, size)),)


def _diagonal_reference(
    x: Any, *, axes: tuple[int, ...], starts: tuple[int, ...], size: int
) -> Any:
    front = np.moveaxis(x, axes, range(len(axes)))
    chosen = front[tuple(start + np.arange(size) for start in starts)]
    return np.moveaxis(chosen, 0, -1)


def _diagonal_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    rank, axes = len(result), attrs["axes"]
    start = dict(zip(axes, attrs["starts"], strict=True))
    rest = [k for k in range(len(source)) if k not in axes]
    return tuple(
        # an axis of size 1 is always read at 0: one way to write the same map
        (_axis_map(rank, rank - 1, start[k]) if result[-1] != 1 else _fixed(rank, start[k]))
        if k in start
        else (_axis_map(rank, rest.index(k)) if size != 1 else _fixed(rank))
        for k, size in enumerate(source)
    )


def _diagonal_transpose(site: Site, ct: Term) -> list[Contribution]:
    """Add the elements to their places, after their axes have been moved to the front."""
    shape, axes, starts = site.operand.shape, site.attrs["axes"], site.attrs["starts"]
    last = ct.rank - 1
    steps = ct.builder.emit_once(REGISTRY["iota"], size=ct.shape[last], dtype=DType.I64)
    places = tuple(_counted(Term(ct.builder, steps), start) for start in starts)
    front = ct.transpose([last, *range(last)])
    order = [*axes, *(k for k in range(len(shape)) if k not in axes)]
    if order == list(range(len(shape))):
        return [Scattered(front, places)]
    zeros = full(ct.builder, tuple(shape[k] for k in order), 0, ct.dtype)
    whole = zeros.op("scatter_add", front, *places)
    return [whole.transpose([order.index(k) for k in range(len(shape))])]


def _counted(steps: Term, start: Size) -> Term:
    """The numbers from `start` on."""
    if isinstance(start, int):
        return steps + start if start else steps
    first = Term(steps.builder, steps.builder.emit_once(REGISTRY["dim"], size=start))
    return steps + first.broadcast(steps.shape, ())


def _diagonal_batch(site: BatchSite) -> Term:
    axes = tuple(a + 1 for a in site.attrs["axes"])
    return site.stack.op("diagonal", **{**site.attrs, "axes": axes})


DIAGONAL = op(
    "diagonal",
    Kind.VIEW,
    arity=1,
    infer=_diagonal_infer,
    reference=_diagonal_reference,
    batch=_diagonal_batch,
    index_map=_diagonal_map,
    derivative=Linear(_diagonal_transpose),
    attrs=("axes", "starts", "size"),
    cost=0.0,
    doc="Elements with equal steps along several axes: the last axis of the result counts i, which"
    " reads starts[k] + i of axes[k]; the other axes keep their order.",
)
