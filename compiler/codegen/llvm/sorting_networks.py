"""Sorting of vectors, and merges of runs of vectors, without branches that depend on data.

Layer: compiler/codegen/llvm. What is sorted are *words*: unsigned integers, or pairs of them, where
the second decides if the first are equal. The columns of pairs lie in arrays of their own.

A vector is sorted by a bitonic network: in each stage, lane i meets lane i ^ flip, and the lower
lane keeps the smaller word. To merge two runs, the vector of the run whose next word is smaller is
merged with what is left over; the smaller half is the next vector of the result (Inoue et al.,
"AA-Sort", 2007). Runs are merged in passes between two places, until there is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from .integers import Integers
from .loops import counted_loop, either, when
from .writer import FunctionWriter

Columns = Sequence[str]  # one value, or one pointer, for each column


class Vectors:
    """Vectors of words: `columns` integers `element` (`i64`) in each of `lanes` lanes."""

    def __init__(self, fn: FunctionWriter, element: str, lanes: int, columns: int) -> None:
        self.fn, self.element, self.lanes, self.columns = fn, element, lanes, columns
        self.i = Integers(fn, {})
        self.type, self.mask = f"<{lanes} x {element}>", f"<{lanes} x i1>"
        self.align = int(element[1:]) // 8

    # -- memory -----------------------------------------------------------------------------------

    def load(self, place: Columns, index: str) -> list[str]:
        """The words from one on."""
        return [self._load(self.type, base, index) for base in place]

    def first(self, place: Columns, index: str) -> list[str]:
        """One word."""
        return [self._load(self.element, base, index) for base in place]

    def _load(self, type: str, base: str, index: str) -> str:
        place = self.i.address(self.element, base, index)
        return self.fn.assign(f"load {type}, ptr {place}, align {self.align}")

    def store(self, words: Columns, place: Columns, index: str) -> None:
        """Write a vector from the word at `index` on."""
        for value, base in zip(words, place, strict=True):
            target = self.i.address(self.element, base, index)
            self.fn.line(f"store {self.type} {value}, ptr {target}, align {self.align}")

    # -- networks ---------------------------------------------------------------------------------

    def sorted(self, words: Columns) -> Columns:
        """A vector in order."""
        size = 2
        while size <= self.lanes:
            words = self._stage(words, size - 1)
            words = self._halves(words, size // 4)
            size *= 2
        return words

    def merged(self, x: Columns, y: Columns) -> tuple[Columns, Columns]:
        """The smaller half and the larger half of two vectors in order, both in order."""
        y = [self._shuffled(v, self.lanes - 1) for v in y]
        smaller, larger = self._exchanged(x, y)
        return self._halves(smaller, self.lanes // 2), self._halves(larger, self.lanes // 2)

    def _halves(self, words: Columns, distance: int) -> Columns:
        while distance:
            words = self._stage(words, distance)
            distance //= 2
        return words

    def _stage(self, words: Columns, flip: int) -> Columns:
        others = [self._shuffled(v, flip) for v in words]
        upper = ", ".join(f"i1 {'true' if k ^ flip < k else 'false'}" for k in range(self.lanes))
        if self.columns == 1:
            low, high = self._exchanged(words, others)
            return [self._select(f"<{upper}>", high[0], low[0])]
        keep = self.fn.assign(f"xor {self.mask} {self._less(words, others)}, <{upper}>")
        return [self._select(keep, x, y) for x, y in zip(words, others, strict=True)]

    def _exchanged(self, x: Columns, y: Columns) -> tuple[Columns, Columns]:
        if self.columns == 1:
            return [self._extreme("umin", x[0], y[0])], [self._extreme("umax", x[0], y[0])]
        less = self._less(x, y)
        low = [self._select(less, a, b) for a, b in zip(x, y, strict=True)]
        return low, [self._select(less, b, a) for a, b in zip(x, y, strict=True)]

    def _less(self, x: Columns, y: Columns) -> str:
        return self.less(x, y, self.type, self.mask)

    def less(self, x: Columns, y: Columns, type: str, flag: str) -> str:
        """Whether words come before others; `type` is that of a column, `flag` of the answer."""
        fn = self.fn
        found = fn.assign(f"icmp ult {type} {x[0]}, {y[0]}")
        if self.columns == 1:
            return found
        equal = fn.assign(f"icmp eq {type} {x[0]}, {y[0]}")
        then = fn.assign(f"icmp ult {type} {x[1]}, {y[1]}")
        return fn.assign(f"or {flag} {found}, {fn.assign(f'and {flag} {equal}, {then}')}")

    def _select(self, mask: str, x: str, y: str) -> str:
        return self.fn.assign(f"select {self.mask} {mask}, {self.type} {x}, {self.type} {y}")

    def _extreme(self, name: str, x: str, y: str) -> str:
        full = f"@llvm.{name}.v{self.lanes}{self.element}"
        self.fn.module.declare(full, self.type, [self.type, self.type])
        return self.fn.assign(f"call {self.type} {full}({self.type} {x}, {self.type} {y})")

    def _shuffled(self, value: str, flip: int) -> str:
        order = ", ".join(f"i32 {k ^ flip}" for k in range(self.lanes))
        type = self.type
        return self.fn.assign(
            f"shufflevector {type} {value}, {type} poison, <{self.lanes} x i32> <{order}>"
        )


def merge_runs(vectors: Vectors, place: Columns, other: Columns, size: str) -> Columns:
    """Merge the sorted vectors of `size` words at `place`; gives the place of the result.

    The size is a multiple of the lanes. A vector before each place, and one behind it, may be read.
    """
    fn, i = vectors.fn, vectors.i
    head, body, done = fn.label("passes"), fn.label("pass"), fn.label("done")
    before = fn.block
    fn.jump(head)
    fn.start(head)
    run, pointers = fn.fresh(), [fn.fresh() for _ in (*place, *other)]
    slots = [fn.placeholder() for _ in range(1 + len(pointers))]
    fn.branch(fn.assign(f"icmp slt i64 {run}, {size}"), body, done)
    fn.start(body)
    source, target = pointers[: len(place)], pointers[len(place) :]
    twice = fn.assign(f"shl i64 {run}, 1")

    def pair(number: str, _: list[str]) -> list[str]:
        start = i.multiply(number, twice)
        middle = i.smaller(i.add(start, run), size)
        end = i.smaller(i.add(start, twice), size)

        def merge() -> list[str]:
            _merge(vectors, source, target, (start, middle, end))
            return []

        def copy() -> list[str]:
            _copy(vectors, source, target, (start, end))
            return []

        return either(fn, fn.assign(f"icmp slt i64 {middle}, {end}"), [], merge, copy)

    counted_loop(fn, "0", i.ceiling(size, twice), 1, [], pair)
    latch = fn.block
    fn.jump(head)
    starts = [("i64", run, str(vectors.lanes), twice)]
    given = zip(pointers, (*place, *other), (*target, *source), strict=True)
    starts += [("ptr", name, first, following) for name, first, following in given]
    for slot, (type, name, first, following) in zip(slots, starts, strict=True):
        fn.fill(slot, f"{name} = phi {type} [ {first}, {before} ], [ {following}, {latch} ]")
    fn.start(done)
    return source


def _copy(vectors: Vectors, source: Columns, target: Columns, bounds: tuple[str, str]) -> None:
    def one(at: str, _: list[str]) -> list[str]:
        vectors.store(vectors.load(source, at), target, at)
        return []

    counted_loop(vectors.fn, *bounds, vectors.lanes, [], one)


def _merge(
    vectors: Vectors, source: Columns, target: Columns, bounds: tuple[str, str, str]
) -> None:
    """Merge the runs from start to middle and from middle to end, neither of them empty.

    Its first half is made from the front and the other one from the back, since each vector waits
    for the one before it: two at a time take little longer than one.
    """
    fn, i, lanes = vectors.fn, vectors.i, str(vectors.lanes)
    start, middle, end = bounds
    ends = _Ends(vectors, source, target, bounds)
    last = i.subtract(end, lanes)
    half = i.divide(i.subtract(end, start), str(2 * vectors.lanes))
    limit = i.add(start, i.multiply(half, lanes))

    def carried(left: str, right: str, first: str) -> list[tuple[str, str]]:
        words = [(vectors.type, value) for value in vectors.load(source, first)]
        return [("i64", left), ("i64", right), *words]

    before_middle = i.subtract(middle, lanes)
    front = carried(i.add(start, lanes), middle, start)
    back = carried(i.subtract(before_middle, lanes), last, before_middle)

    def both(at: str, values: list[str]) -> list[str]:
        mirrored = i.subtract(i.add(start, last), at)
        width = len(front)
        return [*ends.from_front(at, values[:width]), *ends.from_back(mirrored, values[width:])]

    found = counted_loop(fn, start, limit, vectors.lanes, [*front, *back], both)
    size = i.multiply(half, str(2 * vectors.lanes))
    is_left = fn.assign(f"icmp ne i64 {size}, {i.subtract(end, start)}")
    when(fn, is_left, [], lambda: ends.from_back(limit, found[len(front) :])[:0])


class _Ends:
    """The next vector of a merge, at its front or at its back."""

    def __init__(
        self, vectors: Vectors, source: Columns, target: Columns, bounds: tuple[str, str, str]
    ) -> None:
        self.vectors, self.source, self.target = vectors, source, target
        self.start, self.middle, self.end = bounds

    def from_front(self, at: str, carried: list[str]) -> list[str]:
        """Write the vector at `at`; what is carried are both runs' next vectors and the rest."""
        left, right, *rest = carried
        vectors = self.vectors
        x, y = (vectors.first(self.source, k) for k in (left, right))
        has = (f"slt i64 {left}, {self.middle}", f"slt i64 {right}, {self.end}")
        from_right = self._is_right(has, vectors.less(y, x, vectors.element, "i1"))
        found = vectors.load(self.source, vectors.i.select(from_right, right, left))
        smaller, larger = vectors.merged(rest, found)
        vectors.store(smaller, self.target, at)
        return [*self._moved(left, right, from_right, vectors.lanes), *larger]

    def from_back(self, at: str, carried: list[str]) -> list[str]:
        """As `from_front`, backwards."""
        left, right, *rest = carried
        vectors, i = self.vectors, self.vectors.i
        last = str(vectors.lanes - 1)
        x, y = (vectors.first(self.source, i.add(k, last)) for k in (left, right))
        has = (f"sge i64 {left}, {self.start}", f"sge i64 {right}, {self.middle}")
        from_right = self._is_right(has, vectors.less(x, y, vectors.element, "i1"))
        found = vectors.load(self.source, i.select(from_right, right, left))
        smaller, larger = vectors.merged(rest, found)
        vectors.store(larger, self.target, at)
        return [*self._moved(left, right, from_right, -vectors.lanes), *smaller]

    def _is_right(self, has: tuple[str, str], is_right: str) -> str:
        """Whether the right run's vector is next, which it is if the left run has ended."""
        fn = self.vectors.fn
        has_left, has_right = (fn.assign(f"icmp {test}") for test in has)
        from_right = fn.assign(f"and i1 {has_right}, {is_right}")
        return fn.assign(f"select i1 {has_left}, i1 {from_right}, i1 true")

    def _moved(self, left: str, right: str, from_right: str, step: int) -> list[str]:
        i, distance = self.vectors.i, str(step)
        return [
            i.add(left, i.select(from_right, "0", distance)),
            i.add(right, i.select(from_right, distance, "0")),
        ]
