"""Walks of a thread over the points of some axes, in groups of neighbours.

Layer: compiler/codegen/cuda. A group is read at once, then each of its elements is taken in by an
accumulator of its own, then what is stored is written at once. Where the last axis is no multiple
of the width, its last elements are walked one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from ...ir.dims import product
from ...ir.types import Size
from ...kernel.form import Access, Instr, Load, reduction_of
from ...ops.scalar import Scalar
from .nest import Nest, Values
from .points import Acc, Carried, Point
from .source import size_text
from .vectors import Plan, Vectors

Names = dict[Instr, str]


class Group:
    """Neighbouring points that a thread has in hand: their indices, and per lane the names of the
    values that it has of them; `known` is what is known of their row, if it is not that of others.
    """

    def __init__(self, index: list[str], width: int, known: Values | None = None) -> None:
        self.index = index
        self.known = known
        self.lanes: list[Names] = [{} for _ in range(width)]


class Walk:
    """One stage of a kernel over `axes`; the other axes have indices already.

    Where there is a `guard`, nothing is written unless it holds.
    """

    def __init__(
        self,
        nest: Nest,
        point: Point,
        axes: Sequence[int],
        plan: Plan,
        guard: str | None = None,
    ) -> None:
        self.nest = nest
        self.point = point
        self.axes = list(axes)
        self.plan = plan
        self.guard = guard
        self.last = self.axes[-1]
        self.vectors = Vectors(nest, self.last, plan.width)
        self.single = Vectors(nest, self.last, 1)

    def start(self, lanes: int) -> list[Carried]:
        """Accumulators for each lane."""
        return [self.point.accumulators() for _ in range(lanes)]

    # -- loops ----------------------------------------------------------------------------------

    def run(self, first: str, step: str, values: Values, carried: list[Carried]) -> None:
        """All groups from number `first` on, by `step`; what is left of the axis after them."""
        out, copies, width = self.nest.out, self.plan.copies, self.plan.width
        groups = size_text(self._count(self._size() // width))
        at = out.assign(first)
        if copies > 1:
            with out.block(f"while {_further(at, copies - 1, step)} < {groups}:"):
                made = [self.group(_further(at, k, step), f"_{k}") for k in range(copies)]
                self.at(made, values, carried)
                out.line(f"{at} += {copies} * {step}")
        with out.block(f"while {at} < {groups}:"):
            self.at([self.group(at, "_0")], values, carried)
            out.line(f"{at} += {step}")
        rest = self._size() - self._size() // width * width
        if rest != 0:
            with out.block(f"for rest in range({first}, {size_text(self._count(rest))}, {step}):"):
                done = size_text(self._size() // width * width)
                group = self._located("rest", "_r", rest, 1, f" + {done}")
                self.at([group], values, carried[:1])

    def _size(self) -> Size:
        return self.nest.kernel.axes[self.last]

    def _count(self, of_last: Size) -> Size:
        return product((*(self.nest.kernel.axes[k] for k in self.axes[:-1]), of_last))

    def group(self, number: str, suffix: str) -> Group:
        """The group of this number."""
        width = self.plan.width
        scale = f" * {width}" if width > 1 else ""
        return self._located(number, suffix, self._size() // width, width, scale)

    def _located(self, number: str, suffix: str, size: Size, width: int, last: str) -> Group:
        index = list(self.nest.index)
        for k in self.axes:
            index[k] = f"i{k}{suffix}"
        self.nest.locate(number, self.axes, index, size)
        if last:
            self.nest.out.line(f"{index[self.last]} = {index[self.last]}{last}")
        return Group(index, width)

    # -- groups ---------------------------------------------------------------------------------

    def at(self, groups: Sequence[Group], values: Values, carried: list[Carried]) -> None:
        """All that is done at some groups of one width: read them, take them in, write."""
        before = self.nest.index
        self._read(groups)
        for group in groups:
            for lane, names in enumerate(group.lanes):
                known = values if group.known is None else group.known
                self._take_in(group, lane, names, known, carried[lane])
        if self.point.stores:
            with self.nest.out.block(f"if {self.guard}:") if self.guard else nullcontext():
                for group in groups:
                    self.nest.index = group.index
                    self._write(group, values)
        self.nest.index = before

    def _vectors(self, group: Group) -> Vectors:
        return self.vectors if len(group.lanes) == self.plan.width else self.single

    def _read(self, groups: Sequence[Group]) -> None:
        out = self.nest.out
        todo = [(g, i) for g in groups for i in self.point.loads if i not in g.lanes[0]]
        wide = [(g, i) for g, i in todo if self._is_wide(g, i)]
        for group, instr in todo:
            varies = self.last in instr.axes_used
            fresh = [out.fresh() for _ in (group.lanes if varies else [0])]
            for lane, names in enumerate(group.lanes):
                names[instr] = fresh[lane if varies else 0]
        for group, instr in wide:
            self._read_vector(group, instr)
        for group, instr in todo:
            if not self._is_wide(group, instr):
                self._read_elements(group, instr)

    def _is_wide(self, group: Group, instr: Load) -> bool:
        assert instr.access is not None
        varies = self.last in instr.axes_used
        return varies and self._vectors(group).is_wide(instr.access)

    def _read_vector(self, group: Group, instr: Load) -> None:
        assert instr.access is not None
        self.nest.index = group.index
        names = ", ".join(lane[instr] for lane in group.lanes)
        place = f"{instr.access.buffer}, {self.vectors.place(instr.access)}"
        self.nest.out.line(f"{names} = read{self.plan.width}({place}, {self.vectors.whole})")

    def _read_elements(self, group: Group, instr: Load) -> None:
        assert instr.access is not None
        self.nest.index = group.index
        done: set[str] = set()
        for lane, names in enumerate(group.lanes):
            if names[instr] not in done:
                done.add(names[instr])
                text = self.vectors.element(instr.access, lane)
                self.nest.out.line(f"{names[instr]} = {text}")

    def _take_in(
        self, group: Group, lane: int, names: Names, values: Values, carried: Carried
    ) -> None:
        if self.point.has_function:
            index = list(group.index)
            if lane:
                index[self.last] = f"{index[self.last]} + {lane}"
            names |= self.point.call(values, names, index, carried)

    def _write(self, group: Group, values: Values) -> None:
        out, vectors = self.nest.out, self._vectors(group)
        wide = [s for s in self.point.stores if vectors.is_wide(s.access)]
        texts = {
            s: [n[s.value] if s.value in n else values[s.value].handle for n in group.lanes]
            for s in self.point.stores
        }
        for store in wide:
            place, row = vectors.place(store.access), ", ".join(texts[store])
            target = store.access.buffer
            out.line(f"write{vectors.width}({target}, {place}, ({row}), {vectors.whole})")
        for store in self.point.stores:
            if store not in wide:
                self._write_elements(store.access, texts[store])

    def _write_elements(self, access: Access, texts: list[str]) -> None:
        for lane, text in enumerate(texts):
            self.nest.out.line(f"{self.vectors.element(access, lane)} = {text}")

    # -- accumulators ---------------------------------------------------------------------------

    def joined(self, lanes: list[Carried]) -> Carried:
        """The accumulators of all lanes put together, neighbours first."""
        while len(lanes) > 1:
            for left, right in zip(lanes[::2], lanes[1::2], strict=True):
                for reduce in self.point.reduces:
                    merge(self.nest, reduce, left[reduce], right[reduce])
            lanes = lanes[::2]
        return lanes[0]

    def finish(self, carried: Carried, values: Values) -> None:
        """The results of the reductions."""
        for reduce in self.point.reduces:
            done = reduction_of(reduce).finish(self.nest.s, carried[reduce], reduce.dtype)
            values[reduce] = self.nest.s.plain(done.handle, done.dtype)


def _further(number: str, times: int, step: str) -> str:
    """The number of a group that comes so many steps later."""
    return number if times == 0 else f"{number} + {step if times == 1 else f'{times} * {step}'}"


def merge(nest: Nest, reduce: Instr, acc: Acc, more: tuple[Scalar, ...]) -> None:
    """Take an accumulator into another one."""
    nest.s.move(acc, reduction_of(reduce).merge(nest.s, acc, more))
