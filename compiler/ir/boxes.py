"""Masks that are True in a box of an array, or outside of one: where a derivative is zero because
nothing has been read, or because something else has been written over it.

Layer: compiler/ir. Boxes are kept as numbers, so that those that cover an array together leave no
mask behind: a time step that writes the inside of a grid and keeps its rim costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from .term import Mask, Masks, Term, full
from .types import DType, Shape, Size


class BoxMask(Mask):
    """True from `starts` up to `stops`, or, with `outside`, everywhere else."""

    __slots__ = ("like", "outside", "starts", "stops")

    def __init__(
        self, like: Term, starts: Sequence[Size], stops: Sequence[Size], outside: bool
    ) -> None:
        super().__init__(self._array)
        self.like = like  # of the same shape
        self.starts = tuple(starts)
        self.stops = tuple(stops)
        self.outside = outside

    def _array(self) -> Term:
        shape = tuple(b - a for a, b in zip(self.starts, self.stops, strict=True))
        ones = full(self.like.builder, shape, True, DType.BOOL)
        inside = ones.pad(self.starts, self.like.shape)  # costs no array, unlike an update
        return ~inside if self.outside else inside


def region_mask(
    like: Term, starts: Sequence[Size], steps: Sequence[int], shape: Shape, outside: bool = False
) -> Mask:
    """True for the elements start + i*step of each axis of an array like `like`, or the others."""
    if all(abs(step) == 1 for step in steps):
        sides = zip(starts, steps, shape, strict=True)
        first = [start if step == 1 else start - (size - 1) for start, step, size in sides]
        stops = [start + size for start, size in zip(first, shape, strict=True)]
        return BoxMask(like, first, stops, outside)

    def make() -> Term:
        inner = full(like.builder, shape, not outside, DType.BOOL)
        return like.full(outside, DType.BOOL).update(inner, starts, steps)

    return Mask(make)


class UnionMask(Mask):
    """True where one of several boxes is; no two of them make one box together."""

    __slots__ = ("boxes",)

    def __init__(self, boxes: Sequence[BoxMask]) -> None:
        super().__init__(self._array)
        self.boxes = tuple(boxes)

    def _array(self) -> Term:
        found = self.boxes[0].term()
        for box in self.boxes[1:]:
            found = found | box.term()
        return found


def union(a: Mask, b: Mask) -> Masks | None:
    """The mask that is True where one of two is, none if that is everywhere; None: no boxes."""
    boxes: list[BoxMask] = []
    for mask in (a, b):
        if isinstance(mask, BoxMask):
            boxes.append(mask)
        elif isinstance(mask, UnionMask):
            boxes += mask.boxes
        else:
            return None
    while (pair := _joinable(boxes)) is not None:
        first, second, both = pair
        if not both:
            return ()
        boxes = [box for box in boxes if box is not first and box is not second]
        boxes += [box for box in both if isinstance(box, BoxMask)]
    return (boxes[0],) if len(boxes) == 1 else (UnionMask(boxes),)


def _joinable(boxes: Sequence[BoxMask]) -> tuple[BoxMask, BoxMask, Masks] | None:
    """Two of the boxes that make one, or everything."""
    for first, second in combinations(boxes, 2):
        both = joined(first, second)
        if both is not None:
            return first, second, both
    return None


def joined(a: Mask, b: Mask) -> Masks | None:
    """As `union`, where that is one box; None where it is not."""
    if not isinstance(a, BoxMask) or not isinstance(b, BoxMask) or (a.outside and b.outside):
        return None
    if a.outside or b.outside:
        hole, filled = (a, b) if a.outside else (b, a)
        return () if _contains(filled, hole) else None
    if _contains(a, b) or _contains(b, a):
        return _unless_whole(a if _contains(a, b) else b)
    apart = [
        k for k in range(len(a.starts)) if (a.starts[k], a.stops[k]) != (b.starts[k], b.stops[k])
    ]
    if len(apart) != 1:
        return None
    (axis,) = apart
    for first, second in ((a, b), (b, a)):
        touch = first.stops[axis] == second.starts[axis]
        ends = [(first.starts, second.starts), (second.starts, first.stops)]
        ends.append((first.stops, second.stops))
        if touch or all(_at_most(x[axis], y[axis]) for x, y in ends):
            stops = [*first.stops]
            stops[axis] = second.stops[axis]
            return _unless_whole(BoxMask(a.like, first.starts, stops, outside=False))
    return None


def _unless_whole(mask: BoxMask) -> Masks:
    whole = all(start == 0 for start in mask.starts) and mask.stops == mask.like.shape
    return () if whole else (mask,)


def _contains(a: BoxMask, b: BoxMask) -> bool:
    """Whether all of b's box lies in that of a, for certain."""
    starts, stops = zip(a.starts, b.starts, strict=True), zip(b.stops, a.stops, strict=True)
    return all(_at_most(x, y) for x, y in (*starts, *stops))


def _at_most(x: Size, y: Size) -> bool:
    distance = y - x
    return isinstance(distance, int) and distance >= 0
