"""Loops whose derivatives keep no more than a budget: loops over segments.

Layer: frontend. The derivative of a loop reads what the iterations have kept, and walks them
backwards. A loop over segments of iterations, each of them a loop in a `checkpoint`, keeps only the
carries at the borders of segments; on the way back each segment runs once more, and keeps what its
own iterations need, for as long as it is walked. With n iterations in segments of m this is

    n/m * bytes of the carry + m * bytes kept per iteration

at the price of a second run forward (A. Griewank, A. Walther, "Evaluating Derivatives", 2nd
edition, SIAM 2008, chapter 12). It is least for m = sqrt(n * carry / kept).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..compiler.ir.graph import Value
from ..compiler.ir.types import TensorType
from ..compiler.program import LeafKind, LeafSpec
from ..compiler.transforms.loops import kept_per_iteration
from . import lift
from .context import TraceContext
from .loops import Loop, LoopParts, emit_scan, emit_while, one_scan, slices_of
from .region import Region
from .trace import tracer_of
from .tracer import Tracer
from .transforms.checkpoint import checkpoint
from .transforms.marked import copy_into

Tracers = tuple[Tracer, ...]


def scan_in_segments(
    budget: int, ctx: TraceContext, loop: Loop, parts: LoopParts
) -> Sequence[Value]:
    """The final carries and the stacked results of a scan."""
    body, length = parts.body, ctx.static(parts.length)
    carries, arrays = len(parts.init), len(parts.arrays)
    kept = _bytes(ctx, kept_per_iteration(body.graph, carries, arrays))
    if length * kept <= budget:
        return one_scan(ctx, loop, parts)
    size = _segment(length, _bytes(ctx, [v.type for v in parts.init]), kept)
    count, rest = divmod(length, size)

    def run(carry: Tracers, xs: Tracers, steps: int) -> tuple[Tracers, Tracers]:
        taken = LoopParts(body, _read(carry), _read(xs), steps, parts.reverse)
        found = _tracers(ctx, one_scan(ctx, loop, taken))
        return found[:carries], found[carries:]

    def segment(carry: Tracers, xs: Tracers) -> tuple[Tracers, Tracers]:
        result: tuple[Tracers, Tracers] = checkpoint(run)(carry, xs, size)
        return result

    # the rest is what is walked last
    first = rest if parts.reverse else 0
    carry, xs = _tracers(ctx, parts.init), _tracers(ctx, parts.arrays)
    whole = tuple([x[first : first + count * size] for x in xs])
    segments = tuple([x.reshape(count, size, *x.shape[1:]) for x in whole])
    slices, _ = slices_of(ctx, loop.name, segments, count)
    carry, ys = emit_scan(ctx, loop, segment, carry, slices, count, parts.reverse)
    ys = tuple([y.reshape(count * size, *y.shape[2:]) for y in ys])
    if rest:
        last = tuple([x[:rest] if parts.reverse else x[count * size :] for x in xs])
        carry, more = run(carry, last, rest)
        pairs = [(b, a) if parts.reverse else (a, b) for a, b in zip(ys, more, strict=True)]
        ys = tuple([lift.tracer(ctx, _joined(ctx, pair)) for pair in pairs])
    return _read((*carry, *ys))


def while_in_segments(
    budget: int, ctx: TraceContext, loop: Loop, parts: LoopParts, condition: Region
) -> Sequence[Value]:
    """The final carries of a while loop: half of the budget is for the iterations of a segment."""
    kept = _bytes(ctx, kept_per_iteration(parts.body.graph, len(parts.init), 0))
    size = max(1, budget // 2 // max(1, kept))

    def holds(carry: Tracers) -> Tracer:
        return _apply(ctx, condition, carry)[0]

    def segment(carry: Tracers) -> Tracers:
        def goes_on(state: tuple[Any, Tracers]) -> Any:
            return holds(state[1]) & (state[0] < size)

        def step(state: tuple[Any, Tracers]) -> tuple[Any, Tracers]:
            return state[0] + 1, _apply(ctx, parts.body, state[1])

        found: Tracers = emit_while(ctx, loop, goes_on, step, (0, carry))[1]
        return found

    def checked(carry: Tracers) -> Tracers:
        result: Tracers = checkpoint(segment)(carry)
        return result

    last: Tracers = emit_while(ctx, loop, holds, checked, _tracers(ctx, parts.init))
    return _read(last)


def _apply(ctx: TraceContext, region: Region, arguments: Tracers) -> Tracers:
    inputs = [*_read(arguments), *region.captured]
    return _tracers(ctx, copy_into(ctx.builder, region.graph, inputs))


def _segment(length: int, carry: int, kept: int) -> int:
    """The length of segments that takes the least memory."""
    return min(length, max(1, round(math.sqrt(length * carry / max(1, kept)))))


def _bytes(ctx: TraceContext, types: Sequence[TensorType]) -> int:
    return sum(ctx.hint(t.size) * t.dtype.itemsize for t in types)


def _read(tracers: Sequence[Tracer]) -> list[Value]:
    return [t._read() for t in tracers]


def _tracers(ctx: TraceContext, found: Sequence[Value]) -> Tracers:
    return tuple([tracer_of(ctx, LeafSpec(LeafKind.ARRAY, v.type), v) for v in found])


def _joined(ctx: TraceContext, pair: tuple[Tracer, Tracer]) -> Value:
    return ctx.emit("concatenate", *_read(pair), axis=0)
