"""Counted loops with carried values, as SSA text.

Layer: compiler/codegen/llvm. Loops are rotated: the test stands at the end, and a guard before
them where the trip count is not known to be positive.

LLVM's code generator rewrites addresses in loops as pointers that advance. It takes a third of its
time for that in functions that are nests of many short loops, and gains nothing there. With
`FunctionWriter.plain_counters` it leaves loops alone: it does not see through a `freeze` in the
cycle of a counter, which costs no instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .writer import FunctionWriter

Carried = Sequence[tuple[str, str]]  # (LLVM type, value)
Body = Callable[[str, list[str]], list[str]]  # index, carried values -> next carried values


def counted_loop(
    fn: FunctionWriter, start: str, stop: str, step: int, carried: Carried, body: Body
) -> list[str]:
    """`for i in range(start, stop, step)` with i64 operands; returns the last carried values."""
    static = _trips(start, stop, step)
    if static == 0:
        return [value for _, value in carried]
    if static == 1:
        return body(start, [value for _, value in carried])
    loop, done = fn.label("loop"), fn.label("done")
    before = fn.block
    if static is None:
        fn.branch(fn.assign(f"icmp slt i64 {start}, {stop}"), loop, done)
    else:
        fn.jump(loop)
    fn.start(loop)
    index, following = fn.fresh(), fn.fresh()
    phis = [fn.fresh() for _ in carried]
    slots = [fn.placeholder() for _ in range(len(carried) + 1)]
    results = body(index, phis)
    if fn.plain_counters:
        more = fn.assign(f"add i64 {index}, {step}")
        fn.line(f"{following} = freeze i64 {more}")
    else:
        fn.line(f"{following} = add i64 {index}, {step}")
    latch = fn.block
    fn.branch(fn.assign(f"icmp slt i64 {following}, {stop}"), loop, done)
    fn.fill(slots[0], f"{index} = phi i64 [ {start}, {before} ], [ {following}, {latch} ]")
    for slot, phi, (type, value), result in zip(slots[1:], phis, carried, results, strict=True):
        fn.fill(slot, f"{phi} = phi {type} [ {value}, {before} ], [ {result}, {latch} ]")
    fn.start(done)
    if static is not None:
        return results
    return [
        fn.assign(f"phi {type} [ {value}, {before} ], [ {result}, {latch} ]")
        for (type, value), result in zip(carried, results, strict=True)
    ]


def when(
    fn: FunctionWriter, condition: str, carried: Carried, body: Callable[[], list[str]]
) -> list[str]:
    """`if condition: carried = body()`."""
    yes, done = fn.label("then"), fn.label("join")
    before = fn.block
    fn.branch(condition, yes, done)
    fn.start(yes)
    results = body()
    after = fn.block
    fn.jump(done)
    fn.start(done)
    return [
        fn.assign(f"phi {type} [ {value}, {before} ], [ {result}, {after} ]")
        for (type, value), result in zip(carried, results, strict=True)
    ]


def either(
    fn: FunctionWriter,
    condition: str,
    types: Sequence[str],
    yes: Callable[[], list[str]],
    no: Callable[[], list[str]],
) -> list[str]:
    """`yes() if condition else no()`, for values of these types."""
    first, second, done = fn.label("then"), fn.label("else"), fn.label("join")
    fn.branch(condition, first, second)
    ends = []
    for label, body in ((first, yes), (second, no)):
        fn.start(label)
        results = body()
        ends.append((results, fn.block))
        fn.jump(done)
    fn.start(done)
    (a, after_yes), (b, after_no) = ends
    return [
        fn.assign(f"phi {type} [ {x}, {after_yes} ], [ {y}, {after_no} ]")
        for type, x, y in zip(types, a, b, strict=True)
    ]


def _trips(start: str, stop: str, step: int) -> int | None:
    """The number of rounds if both ends are constants."""
    if start.startswith("%") or stop.startswith("%"):
        return None
    return max(0, -(-(int(stop) - int(start)) // step))
