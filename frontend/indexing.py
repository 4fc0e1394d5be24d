"""x[index]: what an index means, views, and gathered elements.

Layer: frontend. An index is read into a list of items. Integers, slices, None and Ellipsis give a
view; integer arrays gather elements. Slices, and concrete integers, are resolved while tracing;
traced integers are checked when the compiled function runs.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..compiler.errors import TracedIndexError, UnsupportedError
from ..compiler.ir.dims import Dim
from ..compiler.ir.graph import Value
from ..compiler.ir.types import DType, Shape, Size
from . import lift, values
from .concrete import no_value
from .context import TraceContext, require
from .location import user_location
from .symint import SymInt, size_of
from .table import FUNCTIONS, implements
from .tracer import Tracer
from .views import Permuted, Picked, Region, Reshaped

_VALID = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean"
    " arrays are valid indices"
)


@dataclass(frozen=True, slots=True)
class Array:
    """Integers that choose along one axis: concrete, or a traced value.

    `mask_size` is the size that the axis must have, for positions that a concrete mask gave.
    """

    concrete: np.ndarray | None
    traced: Tracer | None = None
    mask_size: int | None = None

    @property
    def shape(self) -> Shape:
        """The shape of the index array."""
        if self.concrete is not None:
            return self.concrete.shape
        assert self.traced is not None
        return self.traced._type.shape


@dataclass(frozen=True, slots=True)
class Mask:
    """Booleans that choose along `axes` axes, known only when the function runs."""

    traced: Tracer

    @property
    def axes(self) -> int:
        """How many axes the mask covers."""
        return self.traced.ndim


# One item of an index: an integer, a slice, None, or elements chosen by arrays.
Item: TypeAlias = int | Dim | slice | Array | Mask | None


@implements(operator.getitem)
def get_item(x: Tracer, index: Any) -> Any:
    """x[index]: a scalar, a view, or a new array."""
    items = read_index(x, index)
    if any(isinstance(i, Mask) for i in items):
        return _select(x, items)
    arrays = [i for i in items if isinstance(i, Array)]
    if arrays:
        scalars = all(a.traced is not None and a.traced._scalar for a in arrays)
        if scalars and not x._is_known and not _is_element(index, items):
            return _picked(x, items)
        return _gather(x, items)
    view = basic_view(x, items)
    if _is_element(index, items):
        return lift.tracer(require(), view._read())
    return view


def _select(x: Tracer, items: list[Item]) -> Any:
    """x[mask], where the mask is all but for slices and integers after it."""
    mask, *others = items
    if not isinstance(mask, Mask) or any(isinstance(i, (Array, Mask)) for i in others):
        raise UnsupportedError(
            "x[..., mask]: a mask must come first, and without other index arrays",
            got=x._describe(),
            loc=user_location(),
            hint="move its axis to the front with np.moveaxis, or combine masks with &",
        )
    view = basic_view(x, items)
    check_mask(mask, view._type.shape[: mask.axes])
    return FUNCTIONS["select_by_mask"](view, mask.traced)


def check_mask(mask: Mask, covered: Shape) -> None:
    """Raise unless the mask has the sizes of the axes that it covers."""
    ctx, shape = require(), mask.traced._type.shape
    if not all(ctx.equal(a, b) for a, b in zip(covered, shape, strict=True)):
        raise TracedIndexError(
            f"boolean index did not match indexed array; sizes are {values.shape_text(covered)}"
            f" but the mask has shape {values.shape_text(shape)}",
            loc=user_location(),
        )


def _is_element(index: Any, items: list[Item]) -> bool:
    """Whether NumPy gives a scalar: all axes have an integer, and there is no Ellipsis."""
    if any(isinstance(i, slice) or i is None for i in items):
        return False
    return not any(i is Ellipsis for i in (index if isinstance(index, tuple) else (index,)))


# --- reading an index --------------------------------------------------------------------------


def read_index(x: Tracer, index: Any) -> list[Item]:
    """The items of an index; axes that it does not mention have full slices."""
    parts = index if isinstance(index, tuple) else (index,)
    items: list[Item] = []
    ellipsis = None
    for part in parts:
        if part is Ellipsis:
            if ellipsis is not None:
                raise TracedIndexError(
                    "an index can only have a single ellipsis ('...')", loc=user_location()
                )
            ellipsis = len(items)
        else:
            items.extend(_read_part(part))
    used = sum(_axes_of(i) for i in items)
    if used > x.ndim:
        raise TracedIndexError(
            f"too many indices for array: array is {x.ndim}-dimensional, but {used} were indexed",
            loc=user_location(),
        )
    at = len(items) if ellipsis is None else ellipsis
    items[at:at] = [slice(None)] * (x.ndim - used)
    _check_concrete_masks(x, items)
    return items


def _check_concrete_masks(x: Tracer, items: list[Item]) -> None:
    ctx, axis = require(), 0
    for item in items:
        wanted = item.mask_size if isinstance(item, Array) else None
        if wanted is not None and not ctx.equal(x._type.shape[axis], wanted):
            raise TracedIndexError(
                f"boolean index did not match indexed array along axis {axis}; size of axis is"
                f" {ctx.hint(x._type.shape[axis])} but size of corresponding boolean axis is"
                f" {wanted}",
                loc=user_location(),
            )
        axis += _axes_of(item)


def _axes_of(item: Item) -> int:
    if isinstance(item, Mask):
        return item.axes
    return 0 if item is None else 1


def _read_part(part: Any) -> list[Item]:
    if part is None or isinstance(part, slice):
        return [part]
    if isinstance(part, (int, np.integer)) and not isinstance(part, bool):
        return [int(part)]
    if isinstance(part, SymInt):
        return [part._size]
    if isinstance(part, Tracer):
        return _read_array(part._known if part._is_known else part)
    if isinstance(part, (list, tuple)) and not is_concrete(part):
        return _read_array(lift.lift(part))
    if isinstance(part, (bool, np.bool, list, tuple, np.ndarray)):
        concrete = np.asarray(part)
        if isinstance(part, (list, tuple)) and not concrete.size:
            concrete = concrete.astype(np.int64)  # a list without elements has no dtype to go by
        return _read_array(concrete)
    raise TracedIndexError(_VALID, got=type(part).__name__, loc=user_location())


def is_concrete(part: Any) -> bool:
    """Whether nothing of a nested list is traced."""
    if isinstance(part, (list, tuple)):
        return all(is_concrete(p) for p in part)
    return not isinstance(part, (Tracer, SymInt))


def _read_array(part: Any) -> list[Item]:
    kind = part.dtype.kind
    if kind == "b":
        if part.ndim == 0:
            raise UnsupportedError("x[True]: a boolean scalar as index", loc=user_location())
        if isinstance(part, Tracer):
            return [Mask(part)]
        return [
            Array(one, mask_size=size) for one, size in zip(part.nonzero(), part.shape, strict=True)
        ]
    if kind not in "iu":
        raise TracedIndexError(
            "arrays used as indices must be of integer (or boolean) type",
            got=lift.type_text(part),
            loc=user_location(),
        )
    if isinstance(part, Tracer):
        return [Array(None, part)]
    return [int(part)] if part.ndim == 0 else [Array(part.astype(np.int64))]


# --- views -------------------------------------------------------------------------------------


def basic_view(x: Tracer, items: list[Item]) -> Tracer:
    """The view that integers, slices and None select; arrays and masks count as full slices."""
    ctx = require()
    starts: list[Size] = []
    steps: list[int] = []
    cut: list[Size] = []  # the sizes after slicing, with 1 where an integer stood
    shape: list[Size] = []
    axes = iter(x._type.shape)
    for item in items:
        if item is None:
            shape.append(1)
            continue
        for _ in range(_axes_of(item)):
            size = next(axes)
            if isinstance(item, slice):
                start, step, count = slice_bounds(ctx, item, size)
            elif isinstance(item, (Array, Mask)):
                start, step, count = 0, 1, size
            else:
                start, step, count = _in_bounds(ctx, item, size, len(starts)), 1, 1
            starts.append(start)
            steps.append(step)
            cut.append(count)
            if not is_integer(item):
                shape.append(count)
    region = Region(tuple(starts), tuple(steps), tuple(cut))
    type = x._type.with_shape(region.shape)
    view = x._new_view(type, region)
    if shape == cut:
        return view
    return view._new_view(type.with_shape(tuple(shape)), Reshaped(region.shape, tuple(shape)))


def is_integer(item: Item) -> bool:
    """Whether the item is one position, known while tracing: its axis goes."""
    return item is not None and not isinstance(item, (slice, Array, Mask))


def _in_bounds(ctx: TraceContext, index: Size, size: Size, axis: int) -> Size:
    """The index counted from the start; IndexError with NumPy's text if it is outside."""
    if ctx.at_least(index, 0):
        inside, position = ctx.at_least(size, index + 1), index
    else:
        position = index + size
        inside = ctx.at_least(position, 0)
    if not inside:
        raise TracedIndexError(
            f"index {ctx.hint(index)} is out of bounds for axis {axis} with size {ctx.hint(size)}",
            loc=user_location(),
        )
    return position


def slice_bounds(ctx: TraceContext, part: slice, size: Size) -> tuple[Size, int, Size]:
    """(start, step, count) of a slice along an axis, as `slice.indices` and `len` of it."""
    if part == slice(None):
        return 0, 1, size
    step = 1 if part.step is None else operator.index(part.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step > 0:
        start = _clipped(ctx, part.start, 0, 0, size, size)
        stop = _clipped(ctx, part.stop, size, 0, size, size)
        length = stop - start
    else:
        start = _clipped(ctx, part.start, size - 1, -1, size - 1, size)
        stop = _clipped(ctx, part.stop, -1, -1, size - 1, size)
        length = start - stop
    if not ctx.at_least(length, 1):
        return 0, 1, 0
    return start, step, (length + (abs(step) - 1)) // abs(step)


def _clipped(
    ctx: TraceContext, bound: Any, default: Size, low: Size, high: Size, size: Size
) -> Size:
    """A bound of a slice counted from the start and limited to [low, high]."""
    if bound is None:
        return default
    if isinstance(bound, Tracer) and not bound._is_known:
        raise no_value(bound, "index")
    position = size_of(bound)
    if not ctx.at_least(position, 0):
        position = position + size
        return position if ctx.at_least(position, low) else low
    return position if ctx.at_least(high, position) else high


# --- gathering ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Front:
    """A view of x with the axes that arrays index moved to the front.

    `arrays` are the index values, of one shape `shape`; `back` is the permutation that undoes the
    move for an array with `shape` in place of the front axes.
    """

    view: Tracer
    permutation: tuple[int, ...]
    arrays: list[Array]
    shape: Shape
    place: int  # the axis of the result where the axes of `shape` begin

    @property
    def value(self) -> Value:
        """The elements with the indexed axes in front."""
        return values.transpose(require(), self.view._read(), self.permutation)


def to_front(x: Tracer, items: list[Item]) -> Front:
    """Apply slices and None, and bring the axes with index arrays to the front."""
    # An integer beside an index array counts as one: x[0, :, idx] puts its axes first.
    items = [Array(np.asarray(i)) if is_integer(i) and isinstance(i, int) else i for i in items]
    view = basic_view(x, items)
    arrays = [i for i in items if isinstance(i, Array)]
    positions = [k for k, i in enumerate(items) if isinstance(i, Array)]
    axes = [k for k, i in enumerate(i for i in items if not is_integer(i)) if isinstance(i, Array)]
    rest = [k for k in range(view.ndim) if k not in axes]
    adjacent = positions == list(range(positions[0], positions[0] + len(positions)))
    shape = values.broadcast_shapes(require(), [a.shape for a in arrays], "index arrays")
    return Front(view, (*axes, *rest), arrays, shape, axes[0] if adjacent else 0)


def _picked(x: Tracer, items: list[Item]) -> Tracer:
    """x[i, ...] with traced integers: a view, as with any other integers."""
    ctx, front = require(), to_front(x, items)
    count = len(front.arrays)
    shape = tuple(front.view._type.shape[k] for k in front.permutation)
    moved = front.view._new_view(x._type.with_shape(shape), Permuted(front.permutation))
    index = [index_value(ctx, a, (), shape[k], k) for k, a in enumerate(front.arrays)]
    return moved._new_view(x._type.with_shape(shape[count:]), Picked(tuple(index)))


def _gather(x: Tracer, items: list[Item]) -> Tracer:
    ctx = require()
    front = to_front(x, items)
    simple = _as_region(ctx, front)
    if simple is None:
        source = front.value
        index = [
            index_value(ctx, array, front.shape, source.type.shape[k], k)
            for k, array in enumerate(front.arrays)
        ]
        simple = ctx.emit("gather", source, *index)
    result = _from_front(ctx, simple, len(front.shape), front.place)
    return lift.tracer(ctx, result)


def _as_region(ctx: TraceContext, front: Front) -> Value | None:
    """Equally spaced concrete positions along one axis are a slice."""
    if len(front.arrays) != 1 or front.arrays[0].concrete is None:
        return None
    positions, source = front.arrays[0].concrete, front.value
    size = source.type.shape[0]
    if positions.ndim != 1 or positions.size < 2 or not isinstance(size, int):
        return None
    positions = wrapped(positions, size, 0)
    step = int(positions[1] - positions[0])
    if step == 0 or not (np.diff(positions) == step).all():
        return None
    rest = source.type.shape[1:]
    starts = (int(positions[0]), *(0 for _ in rest))
    steps = (step, *(1 for _ in rest))
    return values.take_region(ctx, source, starts, steps, (positions.size, *rest))


def _from_front(ctx: TraceContext, x: Value, moved: int, place: int) -> Value:
    """Move the first `moved` axes to begin at axis `place`."""
    rest = list(range(moved, x.type.rank))
    order = (*rest[:place], *range(moved), *rest[place:])
    return values.transpose(ctx, x, order)


def wrapped(positions: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Concrete positions counted from the start; IndexError with NumPy's text if outside."""
    outside = (positions >= size) | (positions < -size)
    if outside.any():
        raise TracedIndexError(
            f"index {positions[outside].flat[0]} is out of bounds for axis {axis} with size {size}",
            loc=user_location(),
        )
    return np.where(positions < 0, positions + size, positions)


def index_value(ctx: TraceContext, array: Array, shape: Shape, size: Size, axis: int) -> Value:
    """An index array as i64, broadcast to the common shape."""
    if array.concrete is not None:
        positions = array.concrete
        if isinstance(size, int):
            positions = wrapped(positions, size, axis)
        value = values.constant(ctx, positions, DType.I64)
    else:
        assert array.traced is not None
        value = values.cast(ctx, array.traced._read(), DType.I64)
    return values.broadcast(ctx, value, shape)
