"""Loops over one axis of a kernel: element by element, or cut into vectors.

Layer: compiler/codegen/llvm. The schedule says how; loops.py has the plain loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...kernel.schedule import CACHE_LINE
from ...ops.scalar import Scalar
from . import memory
from .instrs import InstrWriter, Scope
from .loops import counted_loop, either, when
from .reductions import builder_of
from .scalars import LlvmScalars

Body = Callable[[Scope, list[Scalar]], list[Scalar]]  # carried values -> next carried values


class Loops:
    """One axis at a time: element by element, or cut into vectors."""

    def __init__(self, code: InstrWriter) -> None:
        self.code = code
        self.fn = code.fn
        self.schedule = code.schedule

    def axis(self, axis: int, scope: Scope, carried: list[Scalar], body: Body) -> list[Scalar]:
        """Walk one axis; the body gets its own scope and gives the next carried values."""
        start, stop = self.code.range(axis)
        if axis == self.schedule.vector_axis:
            return self._vectors(axis, scope, carried, body)

        def step(index: str, values: list[str]) -> list[str]:
            inner = scope.copy()
            inner.index[axis] = index
            return handles(body(inner, rebuilt(carried, values)))

        results = counted_loop(self.fn, start, stop, 1, typed(carried), step)
        return rebuilt(carried, results)

    def _vectors(self, axis: int, scope: Scope, carried: list[Scalar], body: Body) -> list[Scalar]:
        """Full vectors first, then one masked vector; or masked ones only, for long bodies."""
        fn, lanes = self.fn, self.schedule.lanes
        start, stop = self.code.range(axis)
        size = self.code.size(self.code.kernel.axes[axis])
        step = partial(self._vector, axis, scope, carried, body)

        def masked_step(index: str, values: list[str]) -> list[str]:
            return step(index, values, mask=self._mask(index, stop))

        def full_vectors(full: str) -> list[str]:
            first = start
            if self.schedule.stream_from is not None:
                first = self._stream(start, stop, size, partial(step, streaming=True))
            return counted_loop(fn, first, full, lanes, typed(carried), step)

        if not size.startswith("%") and int(size) % lanes == 0:
            results = full_vectors(stop)
        elif self.schedule.masked_loop:
            results = counted_loop(fn, start, stop, lanes, typed(carried), masked_step)
        elif not stop.startswith("%"):
            full = str(int(stop) // lanes * lanes)
            results = full_vectors(full)
            results = masked_step(full, results)
        else:
            full = fn.assign(f"and i64 {stop}, {-lanes}")
            results = full_vectors(full)
            rest = fn.assign(f"icmp slt i64 {full}, {stop}")
            before = [(t, r) for (t, _), r in zip(typed(carried), results, strict=True)]
            results = when(fn, rest, before, lambda: masked_step(full, results))
        return rebuilt(carried, results)

    def _vector(
        self,
        axis: int,
        scope: Scope,
        carried: list[Scalar],
        body: Body,
        index: str,
        values: list[str],
        *,
        mask: str | None = None,
        streaming: bool = False,
    ) -> list[str]:
        """The body for one vector along the axis; with a mask for the lanes that it has."""
        inner = scope.copy()
        inner.index[axis] = index
        inner.streaming = streaming
        width = self.schedule.stream_lanes if streaming else self.schedule.lanes
        inner.vector = self.code.builder(width, mask)
        inner.vectors = {}

        def run(whole: bool) -> list[str]:
            own = inner.copy()
            own.vectors, own.whole = {}, whole
            return handles(body(own, rebuilt(carried, values, inner.vector)))

        if mask is not None or not self.schedule.branches:
            return run(whole=False)
        whole = self.code.all_inside(inner, width)
        types = [type for type, _ in typed(carried)]
        return either(self.fn, whole, types, partial(run, True), partial(run, False))

    def _stream(
        self, start: str, stop: str, size: str, step: Callable[[str, list[str]], list[str]]
    ) -> str:
        """The first elements of a long loop, written past the caches; returns the next one."""
        fn, width = self.fn, self.schedule.stream_lanes

        def loop() -> list[str]:
            full = fn.assign(f"and i64 {stop}, {-width}")
            counted_loop(fn, start, full, width, [], step)
            fn.line("fence seq_cst")  # such stores are not ordered with others
            return [full]

        (done,) = when(fn, self._may_stream(size), [("i64", start)], loop)
        return done

    def _may_stream(self, size: str) -> str:
        """An i1: whether the loop is long, and every array written starts at a cache line."""
        fn = self.fn
        condition = fn.assign(f"icmp sge i64 {size}, {self.schedule.stream_from}")
        for store in self.code.kernel.stores:
            place = fn.assign(f"ptrtoint ptr {self.code.start_of(store.access)} to i64")
            rest = fn.assign(f"and i64 {place}, {CACHE_LINE - 1}")
            aligned = fn.assign(f"icmp eq i64 {rest}, 0")
            condition = fn.assign(f"and i1 {condition}, {aligned}")
        return condition

    def _mask(self, index: str, stop: str) -> str:
        """The lanes whose index + lane is below `stop`."""
        lanes = self.schedule.lanes
        if not index.startswith("%") and not stop.startswith("%"):
            left = int(stop) - int(index)
            bits = ", ".join("i1 true" if k < left else "i1 false" for k in range(lanes))
            return f"<{bits}>"
        left_over = self.fn.assign(f"sub i64 {stop}, {index}")
        # limited to the number of lanes, counts fit in 32 bits
        few = self.fn.assign(f"icmp slt i64 {left_over}, {lanes}")
        limited = self.fn.assign(f"select i1 {few}, i64 {left_over}, i64 {lanes}")
        short = self.fn.assign(f"trunc i64 {limited} to i32")
        many = memory.splat(self.fn, "i32", short, lanes)
        numbers = ", ".join(f"i32 {k}" for k in range(lanes))
        return self.fn.assign(f"icmp slt <{lanes} x i32> <{numbers}>, {many}")


def typed(values: Sequence[Scalar]) -> list[tuple[str, str]]:
    """(LLVM type, operand) of each."""
    return [(builder_of(v).type_of(v.dtype), v.handle) for v in values]


def handles(values: Sequence[Scalar]) -> list[str]:
    """The operand of each."""
    return [v.handle for v in values]


def rebuilt(
    like: Sequence[Scalar], handles: Sequence[str], vector: LlvmScalars | None = None
) -> list[Scalar]:
    """The same scalars with other handles; vectors belong to the builder of the open loop."""
    result = []
    for value, handle in zip(like, handles, strict=True):
        own = builder_of(value)
        if vector is not None and own.lanes == vector.lanes:
            own = vector
        result.append(Scalar(own, value.dtype, handle))
    return result
