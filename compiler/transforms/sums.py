"""The cotangent of a value: the sum of what its users contribute.

Layer: compiler/transforms. Most contributions are arrays of the value's type. A slice or an element
picked by an index contributes to a region alone: such parts are put together without an array of
zeros for each of them.

- Parts that lie side by side and cover everything are joined.
- Parts of much of the array (those of a stencil) are padded and added, in one loop over everything.
- Parts of every n-th element (those of pooling) are added up apart for each first element, and the
  sums are interleaved.
- Others are added in place, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..errors import InternalError
from ..ir.boxes import BoxMask, region_mask, union
from ..ir.builder import GraphBuilder
from ..ir.derivative import Part, Scattered
from ..ir.dims import Dim
from ..ir.phases import phases
from ..ir.term import Mask, Masks, Term, concatenate, full
from ..ir.types import DType, Shape, Size, TensorType

# A part of at least this share of the array is padded: adding in place moves three times its size.
PADDED_SHARE = 4
MOST_PHASES = 64  # parts that are interleaved
SMALL = 1 << 14  # so many elements, those of all padded parts together, are walked at no cost


class Sum:
    """The cotangent of one value while its contributions come in."""

    def __init__(self, builder: GraphBuilder, type: TensorType) -> None:
        self._builder = builder
        self._type = type
        self._dense: Term | None = None
        self._parts: list[Part] = []
        self._scattered: list[Scattered] = []

    def add(self, contribution: Term | Part | Scattered) -> None:
        """One more contribution."""
        if isinstance(contribution, Part):
            self._parts.append(contribution)
        elif isinstance(contribution, Scattered):
            self._scattered.append(contribution)
        elif contribution.type != self._type:
            raise InternalError(f"a cotangent of {self._type} is {contribution.type}")
        else:
            self._dense = added(self._dense, contribution)

    def total(self) -> Term:
        """The sum, as an array."""
        parts, scattered = self._parts, self._scattered
        self._parts, self._scattered = [], []
        tiling = tiles(parts, self._type.shape) if self._dense is None else None
        if tiling is not None:
            axis, parts = tiling
            self._dense = concatenate([p.term for p in parts], axis)
        elif _are_phases(parts, self._type.size):
            self._dense = added(self._dense, self._interleaved(parts))
        else:
            self._add_parts(parts)
        for place in scattered:
            self._dense = _scattered(self._dense or self._zeros(), place)
        assert self._dense is not None
        return self._dense

    def _zeros(self) -> Term:
        zeros = full(self._builder, self._type.shape, 0, self._type.dtype)
        return zeros.with_masks((Mask(lambda: zeros.full(False, DType.BOOL)),))

    def _interleaved(self, parts: Sequence[Part]) -> Term:
        """The sum of parts that all take every n-th element."""
        shape, steps = self._type.shape, parts[0].steps
        ones = (1,) * len(steps)
        sums: dict[tuple[Any, ...], Sum] = {}
        pieces = phases(shape, steps)
        for starts, size in pieces:
            sums[starts] = Sum(self._builder, self._type.with_shape(size))
        for part in parts:
            first = tuple(a % s if s > 1 else 0 for a, s in zip(part.starts, steps, strict=True))
            place = tuple(a // s for a, s in zip(part.starts, steps, strict=True))
            one = sums[first]
            one.add(_padded(Part(part.term, place, ones), one._type.shape))
        found = [sums[starts]._dense or sums[starts]._zeros() for starts, _ in pieces]

        def interleaved(terms: Sequence[Term]) -> Term:
            return terms[0].op("interleave", *terms[1:], shape=shape, steps=steps)

        whole = interleaved(found)
        box = None if any(p.term.masks for p in parts) else _covered(parts, whole)
        if box is not None:
            return whole.with_masks(box)
        if not any(term.masks for term in found):
            return whole

        def mask() -> Term:
            return interleaved(
                [all_of(t.masks) if t.masks else t.full(True, DType.BOOL) for t in found]
            )

        return whole.with_masks((Mask(mask),))

    def _add_parts(self, parts: Sequence[Part]) -> None:
        shape = self._type.shape
        wide = [p for p in parts if _is_wide(p, self._type.size, len(parts))]
        for part in wide:
            self._dense = added(self._dense, _padded(part, shape))
        written: list[Part] = []  # to zeros
        fresh = self._dense is None
        for part in parts:
            if part in wide:
                continue
            whole = self._dense or self._zeros()
            overlaps = not fresh or any(may_overlap(part, other) for other in written)
            self._dense = _updated(whole, part, adds=overlaps)
            written.append(part)


def added(a: Term | None, b: Term) -> Term:
    """The sum of two arrays; None stands for zeros."""
    return b if a is None else (a + b).with_masks(either(a.masks, b.masks))


def _padded(part: Part, shape: Shape) -> Term:
    """A part whose steps are 1 or -1 among zeros."""
    term, starts = part.term, list(part.starts)
    for axis, step in enumerate(part.steps):
        if step == -1:
            term, starts[axis] = term.flip(axis), starts[axis] - (term.shape[axis] - 1)
    wide = term.pad(starts, shape)
    if term.masks:
        return wide
    ones = [1] * term.rank
    return wide.with_masks((region_mask(wide, starts, ones, term.shape),))


def _updated(whole: Term, part: Part, adds: bool) -> Term:
    """The whole with a part added, or (where the whole is zero) written."""
    term, starts, steps = part.term, part.starts, part.steps

    def mask_at(mask: Term) -> Term:
        return whole.full(False, DType.BOOL).update(mask, starts, steps)

    inside = region_mask(whole, starts, steps, term.shape)
    placed = term.masked_as(term, mask_at).masks or (inside,)
    if adds:
        term = whole.slice(starts, steps, term.shape) + term
    return whole.update(term, starts, steps).with_masks(either(whole.masks, placed))


def _scattered(whole: Term, place: Scattered) -> Term:
    """The whole with values added at indices."""
    term = place.term

    def mask_at(mask: Term) -> Term:
        return whole.full(False, DType.BOOL).op("scatter_add", mask, *place.indices)

    inside = Mask(lambda: mask_at(term.full(True, DType.BOOL)))
    placed = term.masked_as(term, mask_at).masks or (inside,)
    total = whole.op("scatter_add", term, *place.indices)
    return total.with_masks(either(whole.masks, placed))


# -- masks --------------------------------------------------------------------------------------


def all_of(masks: Sequence[Mask]) -> Term:
    """Where all masks are True."""
    condition = masks[0].term()
    for mask in masks[1:]:
        condition = condition & mask.term()
    return condition


def masked(term: Term, masks: Masks) -> Term:
    """The term with the masks, selected by those that it does not carry yet."""
    missing = [m for m in masks if m not in term.masks]
    if not missing:
        return term
    chosen = all_of(missing).select(term, 0)
    return chosen.with_masks((*term.masks, *missing))


def either(a: Masks, b: Masks) -> Masks:
    """What masks a sum, given what masks its terms."""
    if not a or not b:
        return ()
    common = tuple(m for m in a if m in b)
    rest_a = [m for m in a if m not in common]
    rest_b = [m for m in b if m not in common]
    if not rest_a or not rest_b:
        return common
    found = union(rest_a[0], rest_b[0]) if len(rest_a) == len(rest_b) == 1 else None
    if found is None:
        found = (Mask(lambda: all_of(rest_a) | all_of(rest_b)),)
    return (*common, *found)


# -- regions ------------------------------------------------------------------------------------


def _is_wide(part: Part, size: Size, parts: int) -> bool:
    """Whether a part is so large that a walk over all of the array costs less than an update.

    Of symbolic sizes, a part counts as large if it grows as the array does.
    """
    if any(abs(step) != 1 for step in part.steps):
        return False
    own = part.term.size
    if isinstance(size, int):
        return isinstance(own, int) and (size * parts <= SMALL or own * PADDED_SHARE >= size)
    return isinstance(own, Dim) and own.terms[0] == size.terms[0]


def _are_phases(parts: Sequence[Part], size: Size) -> bool:
    """Whether all parts take every n-th element, and are much of the array together."""
    steps = parts[0].steps if parts else ()
    if len(parts) < 2 or not 1 < prod(steps) <= MOST_PHASES or min(steps) < 1:
        return False
    if any(p.steps != steps for p in parts):
        return False
    strided = [k for k, step in enumerate(steps) if step > 1]
    if not all(isinstance(p.starts[k], int) for p in parts for k in strided):
        return False
    own = sum((p.term.size for p in parts), start=0)
    if isinstance(own, int) and isinstance(size, int):
        return own * PADDED_SHARE >= size
    return True


def _covered(parts: Sequence[Part], like: Term) -> Masks | None:
    """Where the parts are, if that is a box (no mask: everywhere); None if it is not."""
    starts, stops = [], []
    spans = [{(p.starts[k], p.term.shape[k]) for p in parts} for k in range(len(parts[0].steps))]
    if prod(map(len, spans)) != len(parts):
        return None
    for axis, step in enumerate(parts[0].steps):
        if len(spans[axis]) == 1 and step == 1:
            ((start, size),) = spans[axis]
            starts.append(start)
            stops.append(start + size)
            continue
        found: set[int] = set()
        for start, size in spans[axis]:
            if not isinstance(start, int) or not isinstance(size, int):
                return None
            found.update(range(start, start + step * size, step))
        if not found or max(found) - min(found) + 1 != len(found):
            return None
        starts.append(min(found))
        stops.append(max(found) + 1)
    is_whole = all(a == 0 for a in starts) and tuple(stops) == like.shape
    return () if is_whole else (BoxMask(like, starts, stops, outside=False),)


def tiles(parts: Sequence[Part], shape: Sequence[Size]) -> tuple[int, list[Part]] | None:
    """The axis along which parts lie side by side and cover everything, and the parts in order."""
    if len(parts) < 2 or any(step != 1 for p in parts for step in p.steps):
        return None
    cut = [k for k in range(len(shape)) if any(p.term.shape[k] != shape[k] for p in parts)]
    if len(cut) != 1:
        return None
    (axis,) = cut
    starting = {p.starts[axis]: p for p in parts}
    place: Size = 0
    order = []
    for _ in parts:
        part = starting.get(place)
        if part is None:
            return None
        order.append(part)
        place = place + part.term.shape[axis]
    return (axis, order) if place == shape[axis] else None


def may_overlap(a: Part, b: Part) -> bool:
    """Whether two regions may share an element."""
    for axis in range(a.term.rank):
        first, second = _span(a, axis), _span(b, axis)
        if first is None or second is None:
            continue
        (low, high, step), (low2, high2, step2) = first, second
        if high < low2 or high2 < low:
            return False
        if abs(step) == abs(step2) and (low - low2) % abs(step):
            return False
    return True


def _span(part: Part, axis: int) -> tuple[int, int, int] | None:
    """The first and the last index of a region along an axis and its step; None if symbolic."""
    start, step, size = part.starts[axis], part.steps[axis], part.term.shape[axis]
    if not isinstance(start, int) or not isinstance(size, int):
        return None
    last = start + step * (size - 1)
    return min(start, last), max(start, last), step
