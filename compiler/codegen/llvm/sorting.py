"""Sorting of rows: elements become words whose order as integers is theirs, and words are sorted.

Layer: compiler/codegen/llvm. An element's *key* is an unsigned integer of its width that is smaller
exactly if the element comes earlier: equal elements (zeros of both signs, all NaNs) have one key.
Words are keys; for positions, keys with the position below them in 64 bits, or beside them if that
is too narrow. So words with positions all differ, and their order is stable.

Sorted elements are made from keys. Those do not tell zeros or NaNs apart: rows with -0.0 or NaN get
them from the original row, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...ir.types import DType
from ...kernel.form import PACKED, Sort
from ...kernel.sorting import ROOM
from ...target import Target
from .copies import Copies
from .integers import Integers
from .loops import counted_loop, when
from .memory import lane_numbers, masked_load, masked_store, memory_type, splat
from .parallel import BEGIN, END, PART, launch, load_context
from .sorting_networks import Columns, Vectors, merge_runs
from .writer import FunctionWriter, ModuleWriter

_HEAD = [("ptr", "%x"), ("ptr", "%y"), ("ptr", "%scratch")]
_HEAD += [("i64", "%rows"), ("i64", "%size"), ("i64", "%pieces"), ("i64", "%apart")]
_NS_PER_BYTE = 2

# (index, mask of a part of a vector, what is carried along) -> the next that is
_Body = Callable[[str, str | None, str], str]


def emit_sort(
    fn: FunctionWriter,
    step: Sort,
    target: Target,
    names: Mapping[str, str],
    buffers: Sequence[str],
) -> None:
    """Write the call of a sort into `fn`; `buffers` are pointers to x, y and the scratch memory."""
    i = Integers(fn, names)
    x, y, scratch = buffers
    type = memory_type(step.dtype)
    arguments = [
        ("ptr", i.address(type, x, i.size(step.x.offset))),
        ("ptr", i.address("i64" if step.positions else type, y, i.size(step.y.offset))),
        ("ptr", scratch),
        ("i64", i.size(step.rows)),
        ("i64", i.size(step.size)),
        ("i64", str(step.pieces)),
        ("i64", i.size(step.row_scratch)),
    ]
    part = _part(fn, step, target, i.size(step.size))
    launch(fn, part, arguments, str(step.pieces), nanoseconds(step, i))


def _part(fn: FunctionWriter, step: Sort, target: Target, size: str) -> str:
    lanes = target.vector_bytes // 8
    if not step.positions:
        return sort_part(fn.module, step.dtype, target.vector_bytes // step.dtype.itemsize)
    if not step.pairs:
        return argsort_part(fn.module, step.dtype, lanes)
    pairs = argsort_pairs_part(fn.module, step.dtype, lanes)
    if step.dtype.bits > 32:
        return pairs
    fits = fn.assign(f"icmp ult i64 {size}, {PACKED}")
    packed = argsort_part(fn.module, step.dtype, lanes)
    return fn.assign(f"select i1 {fits}, ptr {packed}, ptr {pairs}")


def nanoseconds(step: Sort, i: Integers) -> str:
    """About how long one thread takes."""
    each = _NS_PER_BYTE * (16 if step.positions else step.dtype.itemsize)
    return i.multiply(i.multiply(i.size(step.rows), i.size(step.size)), str(each))


def sort_part(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """The name of a library function that sorts some pieces."""
    name = f"@tw.lib.sort.{dtype}.{lanes}"
    return module.shared(name, PART, lambda fn: _write_part(fn, _Values(fn, dtype, lanes)))


def argsort_part(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """As `sort_part`, for positions below `PACKED`."""
    name = f"@tw.lib.argsort.{dtype}.{lanes}"
    return module.shared(name, PART, lambda fn: _write_part(fn, _Packed(fn, dtype, lanes)))


def argsort_pairs_part(module: ModuleWriter, dtype: DType, lanes: int) -> str:
    """As `sort_part`, for positions."""
    name = f"@tw.lib.argsort_pairs.{dtype}.{lanes}"
    return module.shared(name, PART, lambda fn: _write_part(fn, _Pairs(fn, dtype, lanes)))


def _write_part(fn: FunctionWriter, row: _Row) -> None:
    """The pieces from %begin to %end, row by row."""
    i = row.i
    load_context(fn, _HEAD)
    padded = i.multiply(i.ceiling("%size", str(row.lanes)), str(row.lanes))
    apart = i.add(i.multiply(padded, str(row.vectors.align)), str(2 * ROOM))

    def piece(number: str, _: list[str]) -> list[str]:
        first, last = (
            i.divide(i.multiply(k, "%rows"), "%pieces") for k in (number, i.add(number, "1"))
        )
        scratch = i.address("i8", "%scratch", i.multiply(number, "%apart"))
        places = [
            i.address("i8", scratch, i.add(i.multiply(apart, str(k)), str(ROOM)))
            for k in range(2 * row.vectors.columns)
        ]

        def one(at: str, _: list[str]) -> list[str]:
            start = i.multiply(at, "%size")
            x = i.address(row.key, "%x", start)
            row.write(x, i.address(row.result, "%y", start), places, padded)
            return []

        counted_loop(fn, first, last, 1, [], one)
        return []

    counted_loop(fn, BEGIN, END, 1, [], piece)
    fn.line("ret void")


class _Row:
    """One row of %size elements; below, words are of another width than keys."""

    result: str  # the LLVM type of what is written

    def __init__(self, fn: FunctionWriter, dtype: DType, vectors: Vectors) -> None:
        self.fn, self.dtype, self.vectors = fn, dtype, vectors
        self.i = Integers(fn, {})
        self.lanes, self.bits = vectors.lanes, dtype.bits
        self.key, self.keys = f"i{dtype.bits}", f"<{self.lanes} x i{dtype.bits}>"
        self.mask = vectors.mask
        self.copies = Copies(self.i, dtype, self.lanes)
        self.sign = -(1 << (dtype.bits - 1))

    def write(self, x: str, y: str, places: Columns, padded: str) -> None:
        """Sort the row at `x`, `padded` words with those that fill the last vector."""
        half = len(places) // 2
        special = self._words(x, places[:half])
        found = merge_runs(self.vectors, places[:half], places[half:], padded)
        self._results(x, y, found, special)

    def _by_vector(self, carried: str, body: _Body) -> str:
        """`body(at, mask, carried)` for all full vectors, and with a mask for the rest."""
        fn, i = self.fn, self.i
        full = i.multiply(i.divide("%size", str(self.lanes)), str(self.lanes))
        type = self.mask

        def each(at: str, values: list[str]) -> list[str]:
            return [body(at, None, values[0])]

        (found,) = counted_loop(fn, "0", full, self.lanes, [(type, carried)], each)
        is_left = fn.assign(f"icmp ne i64 {full}, %size")

        def rest() -> list[str]:
            return [body(full, self.copies.below(i.subtract("%size", full)), found)]

        return when(fn, is_left, [(type, found)], rest)[0]

    def _words(self, x: str, place: Columns) -> str:
        """Write sorted vectors of words; in which lanes there are -0.0 or NaN."""

        def each(at: str, mask: str | None, special: str) -> str:
            raw = self._load(x, at, mask)
            key, unusual = self._key_of(raw)
            words = self._words_of(key, at)
            if mask is not None:
                type = self.vectors.type
                last = f"{type} splat ({self.vectors.element} -1)"
                words = [
                    self.fn.assign(f"select {self.mask} {mask}, {type} {w}, {last}") for w in words
                ]
            self.vectors.store(self.vectors.sorted(words), place, at)
            return self.fn.assign(f"or {self.mask} {special}, {unusual}") if unusual else special

        return self._by_vector("zeroinitializer", each)

    def _words_of(self, key: str, at: str) -> Columns:
        raise NotImplementedError

    def _results(self, x: str, y: str, words: Columns, special: str) -> None:
        raise NotImplementedError

    def _load(self, x: str, at: str, mask: str | None) -> str:
        place, align = self.i.address(self.key, x, at), self.bits // 8
        if mask is not None:
            return masked_load(self.fn, self.key, self.lanes, place, align, mask)
        return self.fn.assign(f"load {self.keys}, ptr {place}, align {align}")

    def _store(self, value: str, y: str, at: str, mask: str | None) -> None:
        place, align = self.i.address(self.result, y, at), int(self.result[1:]) // 8
        if mask is not None:
            masked_store(self.fn, self.result, self.lanes, value, place, align, mask)
            return
        type = f"<{self.lanes} x {self.result}>"
        self.fn.line(f"store {type} {value}, ptr {place}, align {align}")

    # -- keys -------------------------------------------------------------------------------------

    def _all(self, number: int) -> str:
        return f"splat ({self.key} {number})"

    def _key_of(self, raw: str) -> tuple[str, str]:
        """The keys of elements (as bits), and which are -0.0 or NaN."""
        fn, keys = self.fn, self.keys
        if self.dtype.is_signed:
            return fn.assign(f"xor {keys} {raw}, {self._all(self.sign)}"), ""
        if not self.dtype.is_float:
            return raw, ""
        size = fn.assign(f"and {keys} {raw}, {self._all(-1 - self.sign)}")
        is_zero = fn.assign(f"icmp eq {keys} {size}, zeroinitializer")
        is_nan = fn.assign(f"icmp ugt {keys} {size}, {self._all(self._infinity())}")
        negative = fn.assign(f"ashr {keys} {raw}, {self._all(self.bits - 1)}")
        flip = fn.assign(f"or {keys} {negative}, {self._all(self.sign)}")
        key = fn.assign(f"xor {keys} {raw}, {flip}")
        for test, number in ((is_zero, self.sign), (is_nan, -1)):
            key = fn.assign(f"select {self.mask} {test}, {keys} {self._all(number)}, {keys} {key}")
        is_negative_zero = fn.assign(f"icmp eq {keys} {raw}, {self._all(self.sign)}")
        return key, fn.assign(f"or {self.mask} {is_nan}, {is_negative_zero}")

    def _infinity(self) -> int:
        exponent = {DType.F16: 5, DType.F64: 11}.get(self.dtype, 8)
        return int(((1 << exponent) - 1) << (self.bits - 1 - exponent))


class _Values(_Row):
    """Words are keys, results elements."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        super().__init__(fn, dtype, Vectors(fn, f"i{dtype.bits}", lanes, 1))
        self.result = self.key

    def _words_of(self, key: str, at: str) -> Columns:
        return [key]

    def _results(self, x: str, y: str, words: Columns, special: str) -> None:
        def each(at: str, mask: str | None, carried: str) -> str:
            (key,) = self.vectors.load(words, at)
            self._store(self._value_of(key), y, at, mask)
            return carried

        self._by_vector("zeroinitializer", each)
        if self.dtype.is_float:
            reduce = f"@llvm.vector.reduce.or.v{self.lanes}i1"
            self.fn.module.declare(reduce, "i1", [self.mask])
            some = self.fn.assign(f"call i1 {reduce}({self.mask} {special})")
            when(self.fn, some, [], lambda: self._put_back(x, y, words[0]))

    def _value_of(self, key: str) -> str:
        fn, keys = self.fn, self.keys
        if self.dtype.is_signed:
            return fn.assign(f"xor {keys} {key}, {self._all(self.sign)}")
        if not self.dtype.is_float:
            return key
        positive = fn.assign(f"ashr {keys} {key}, {self._all(self.bits - 1)}")
        negative = fn.assign(f"xor {keys} {positive}, {self._all(-1)}")
        flip = fn.assign(f"or {keys} {negative}, {self._all(self.sign)}")
        return fn.assign(f"xor {keys} {key}, {flip}")

    # -- zeros and NaNs, one element at a time ----------------------------------------------------

    def _put_back(self, x: str, y: str, keys: str) -> list[str]:
        """Write the zeros and NaNs of a row once more, as they are there."""
        fn, i = self.fn, self.i

        def count(at: str, carried: list[str]) -> list[str]:
            key = self._one(keys, at)
            less = [fn.assign(f"icmp ult {self.key} {key}, {n}") for n in (self.sign, -1)]
            more = [fn.assign(f"zext i1 {test} to i64") for test in less]
            return [i.add(a, b) for a, b in zip(carried, more, strict=True)]

        def put(at: str, carried: list[str]) -> list[str]:
            raw = self._one(x, at)
            size = fn.assign(f"and {self.key} {raw}, {-1 - self.sign}")
            tests = (f"eq {self.key} {size}, 0", f"ugt {self.key} {size}, {self._infinity()}")
            following = []
            for place, test in zip(carried, tests, strict=True):

                def write(place: str = place) -> list[str]:
                    target = i.address(self.key, y, place)
                    fn.line(f"store {self.key} {raw}, ptr {target}, align {self.bits // 8}")
                    return [i.add(place, "1")]

                wanted = fn.assign(f"icmp {test}")
                following += when(fn, wanted, [("i64", place)], write)
            return following

        zeros = [("i64", "0"), ("i64", "0")]
        starts = counted_loop(fn, "0", "%size", 1, zeros, count)
        counted_loop(fn, "0", "%size", 1, [("i64", place) for place in starts], put)
        return []

    def _one(self, base: str, at: str) -> str:
        place = self.i.address(self.key, base, at)
        return self.fn.assign(f"load {self.key}, ptr {place}, align {self.bits // 8}")


class _Positions(_Row):
    """Results are positions."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int, columns: int) -> None:
        super().__init__(fn, dtype, Vectors(fn, "i64", lanes, columns))
        self.result, self.wide = "i64", self.vectors.type

    def _key_and_position(self, key: str, at: str) -> tuple[str, str]:
        fn = self.fn
        if self.bits < 64:
            key = fn.assign(f"zext {self.keys} {key} to {self.wide}")
        start = splat(fn, "i64", at, self.lanes)
        return key, fn.assign(f"add {self.wide} {start}, {lane_numbers(self.lanes)}")

    def _results(self, x: str, y: str, words: Columns, special: str) -> None:
        def each(at: str, mask: str | None, carried: str) -> str:
            self._store(self._position_of(self.vectors.load(words, at)), y, at, mask)
            return carried

        self._by_vector("zeroinitializer", each)

    def _position_of(self, words: Columns) -> str:
        raise NotImplementedError


class _Packed(_Positions):
    """Words have the key above and the position in the lower 32 bits."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        super().__init__(fn, dtype, lanes, 1)

    def _words_of(self, key: str, at: str) -> Columns:
        key, position = self._key_and_position(key, at)
        above = self.fn.assign(f"shl {self.wide} {key}, splat (i64 32)")
        return [self.fn.assign(f"or {self.wide} {above}, {position}")]

    def _position_of(self, words: Columns) -> str:
        return self.fn.assign(f"and {self.wide} {words[0]}, splat (i64 {(1 << 32) - 1})")


class _Pairs(_Positions):
    """Words are pairs of key and position."""

    def __init__(self, fn: FunctionWriter, dtype: DType, lanes: int) -> None:
        super().__init__(fn, dtype, lanes, 2)

    def _words_of(self, key: str, at: str) -> Columns:
        return list(self._key_and_position(key, at))

    def _position_of(self, words: Columns) -> str:
        return words[1]
