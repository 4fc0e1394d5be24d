"""What a run has to do: the ops that its fetches need, in order, in native and host segments.

Layer: frontend. Ops that change variables come after all that do not and could run before them: so
reads see the values from before the run's updates, unless control inputs say otherwise. Ops that
need concrete values (strings, Python functions) run on the host; the rest between them is
compiled.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from .bodies import Nothing
from .graph import Operation
from .infer import is_shape_op
from .symbolic import GraphTensor


@dataclass
class Segment:
    """Ops that run together, as one native program or one after the other on the host."""

    ops: list[Operation]
    is_host: bool
    inputs: list[GraphTensor]  # computed before, or fed
    outputs: list[GraphTensor]  # fetched, or read later


def needed_ops(
    targets: Iterable[Operation | GraphTensor], fed: Iterable[GraphTensor]
) -> dict[Operation, None]:
    """All operations that the targets depend on; what is fed depends on nothing."""
    given = set(fed)
    found: dict[Operation, None] = {}
    waiting = [x for x in targets if not (isinstance(x, GraphTensor) and x in given)]
    while waiting:
        x = waiting.pop()
        op = x.op if isinstance(x, GraphTensor) else x
        if op in found:
            continue
        found[op] = None
        waiting.extend(t for t in op.needed if t not in given)
        waiting.extend(op.control_inputs)
    return found


def segments(
    targets: Sequence[Operation | GraphTensor],
    fed: Iterable[GraphTensor],
    on_host: set[Operation],
    done: Set[Operation] = frozenset(),
) -> list[Segment]:
    """The segments of a run.

    Args:
        targets: what is fetched.
        fed: tensors whose values are given.
        on_host: ops that turned out to need concrete values, beside those that say so.
        done: ops that have run already.
    """
    given = set(fed)
    ops = needed_ops(targets, given)
    runs: list[tuple[bool, list[Operation]]] = []
    for op in ordered(ops, given, on_host):
        if isinstance(op._body, Nothing) or op in done:
            continue  # it has only been waited for
        is_host = op._body.is_host or op in on_host
        if not runs or runs[-1][0] != is_host:
            runs.append((is_host, []))
        runs[-1][1].append(op)
    wanted = {t for t in targets if isinstance(t, GraphTensor)}
    found: list[Segment] = []
    for is_host, run in reversed(runs):
        repeated = [] if is_host else _sizes_of(run, given, on_host)
        segment = _segment([*repeated, *run], is_host, wanted)
        found.append(segment)
        wanted.update(segment.inputs)
    return found[::-1]


def _sizes_of(
    run: Sequence[Operation], given: Set[GraphTensor], on_host: set[Operation]
) -> list[Operation]:
    """The ops on sizes and axes that a native segment needs from earlier ones.

    They are computed once more: the segment has to know them, not just their values.
    """
    made = {t for op in run for t in op.outputs} | given
    found: dict[Operation, None] = {}
    waiting = [t for op in run for t in op.needed]
    while waiting:
        t = waiting.pop()
        if t not in made and t.op not in found and t.op not in on_host and is_shape_op(t):
            found[t.op] = None
            waiting.extend(t.op.needed)
    return sorted(found, key=lambda op: op.number)


def ordered(
    ops: dict[Operation, None], given: set[GraphTensor], on_host: set[Operation]
) -> list[Operation]:
    """An order that respects all dependencies, with as few changes between hosts as it finds."""
    waits: dict[Operation, int] = {}
    readers: dict[Operation, list[Operation]] = {}
    for op in ops:
        before = {t.op for t in op.needed if t not in given and t.op in ops}
        before.update(c for c in op.control_inputs if c in ops)
        waits[op] = len(before)
        for x in before:
            readers.setdefault(x, []).append(op)
    ready: dict[bool, list[tuple[bool, int, Operation]]] = {False: [], True: []}

    def add(op: Operation) -> None:
        is_host = op._body.is_host or op in on_host
        heapq.heappush(ready[is_host], (op._body.writes, op.number, op))

    for op, count in waits.items():
        if not count:
            add(op)
    order: list[Operation] = []
    side = False
    while ready[False] or ready[True]:
        if not ready[side]:
            side = not side
        op = heapq.heappop(ready[side])[2]
        order.append(op)
        for reader in readers.get(op, ()):
            waits[reader] -= 1
            if not waits[reader]:
                add(reader)
    return order


def _segment(ops: list[Operation], is_host: bool, wanted: set[GraphTensor]) -> Segment:
    made = {t for op in ops for t in op.outputs}
    inputs = dict.fromkeys(t for op in ops for t in op.needed if t not in made)
    outputs = [t for op in ops for t in op.outputs if t in wanted]
    return Segment(ops, is_host, list(inputs), outputs)
