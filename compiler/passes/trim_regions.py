"""Removes what loops and branches carry, read and give for nobody.

Layer: compiler/passes. A carry whose last value nobody reads, and which only feeds itself, goes
with the work behind it; so do stacked results and records that are not read, and operands that a
region does not read. A carry that the body hands on unchanged becomes a captured value; what is
captured, walked, stacked or recorded twice is so once::

    %0, %1, %2 = scan(%a, %b, %xs) {...,         %0, %1 = scan(%a, %xs, %b) {...,
      body=graph @body(%a, %b, %x) {       =>      body=graph @body(%a, %x, %b) {
        %0 = multiply(%x, %b)                        %0 = multiply(%x, %b)
        %1 = add(%a, %0)                             %1 = add(%a, %0)
        return %1, %b, %0                            return %1
      }}                                           }}
    return %0, %1                                return %0, %b

Needs nothing; gives regions without dead nodes. Regions inside of regions are trimmed, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..ir.graph import Graph, Node, Value, with_regions
from ..ops.control import REPLAY, SCAN, SWITCH
from .base import Pass, substituted
from .loops import Carried, Fed, LoopParts, Made, is_loop, parts_of


def trim_regions(graph: Graph) -> Graph:
    """The graph with loops and branches trimmed, to a fixed point."""
    while True:
        after = _trim(graph)
        if after is graph:
            return graph
        graph = after


def _trim(graph: Graph) -> Graph:
    """One round: each node once, from the last to the first."""
    live = set(graph.outputs)
    replaced: dict[Value, Value] = {}
    nodes = []
    for old in reversed(graph.nodes):
        node = old
        if live.isdisjoint(old.outputs):
            if is_loop(old) or old.op is SWITCH:
                continue
        elif is_loop(old):
            node = _trim_loop(old, live, replaced)
        elif old.op is SWITCH:
            node = _trim_switch(old, live, replaced)
        node = with_regions(node, trim_regions)
        live.update(node.inputs)
        # a result that is another value now keeps that alive
        live.update(replaced[v] for v in old.outputs if v in replaced)
        nodes.append(node)
    nodes.reverse()
    if len(nodes) == len(graph.nodes) and all(map(_is, nodes, graph.nodes)):
        return graph
    trimmed = Graph(graph.name, graph.inputs, tuple(nodes), graph.outputs, graph.guards)
    return substituted(trimmed, _resolved(replaced)) if replaced else trimmed


def _is(a: Node, b: Node) -> bool:
    return a is b


def _resolved(replaced: dict[Value, Value]) -> dict[Value, Value]:
    """The ends of chains of replacements."""

    def end(value: Value) -> Value:
        while value in replaced:
            value = replaced[value]
        return value

    return {v: end(v) for v in replaced}


# -- loops --------------------------------------------------------------------------------------


def _trim_loop(node: Node, live: set[Value], replaced: dict[Value, Value]) -> Node:
    parts = parts_of(node)
    changed = _capture_constant_carries(parts, replaced)
    changed |= _merge_twins(parts)
    changed |= _make_once(parts, live, replaced)
    changed |= _drop_unread(parts, live)
    return parts.node() if changed else node


def _capture_constant_carries(parts: LoopParts, replaced: dict[Value, Value]) -> bool:
    same = [c for c in parts.carries if c.output is c.inputs[0]]
    for carry in same:
        parts.carries.remove(carry)
        parts.captured.append(Fed(carry.init, carry.inputs))
        replaced[carry.result] = carry.init
    return bool(same)


def _merge_twins(parts: LoopParts) -> bool:
    """Feed each operand once."""
    twins: dict[Value, Value] = {}
    for fed in (parts.walked, parts.captured):
        kept: dict[Value, Fed] = {}
        for part in fed:
            first = kept.setdefault(part.operand, part)
            if first is not part:
                twins.update(zip(part.inputs, first.inputs, strict=True))
        fed[:] = kept.values()
    if twins:
        _substitute(parts, twins)
    return bool(twins)


def _make_once(parts: LoopParts, live: set[Value], replaced: dict[Value, Value]) -> bool:
    """Stack, or record, each value once, and no slices of an array that is there already."""
    there: dict[Value, Value] = {}
    if parts.op is SCAN:
        there = {f.inputs[0]: f.operand for f in parts.walked}
    kept = []
    for made in parts.made:
        same = there.setdefault(made.output, made.result)
        if same is made.result:
            kept.append(made)
        else:
            replaced[made.result] = same
            if made.result in live:
                live.add(same)
    changed = len(kept) < len(parts.made)
    parts.made = kept
    return changed


def _substitute(parts: LoopParts, replaced: dict[Value, Value]) -> None:
    """Replace values in the regions and in what the parts know of them."""
    parts.body = substituted(parts.body, replaced)
    if parts.condition is not None:
        parts.condition = substituted(parts.condition, replaced)
    for part in parts.written:
        part.output = replaced.get(part.output, part.output)


def _drop_unread(parts: LoopParts, live: set[Value]) -> bool:
    made = _wanted(parts, live)
    carries, read = _needed(parts, made, live)
    before = _extent(parts)
    parts.carries, parts.made = carries, made
    parts.walked = [f for f in parts.walked if f.inputs[0] in read]
    parts.captured = [f for f in parts.captured if any(v in read for v in f.inputs)]
    body = _trimmed(parts.body, [part.output for part in parts.written])
    for part, output in zip(parts.written, body.outputs, strict=True):
        part.output = output
    parts.body = body
    if parts.condition is not None:
        parts.condition = _trimmed(parts.condition, parts.condition.outputs)
    return before != _extent(parts)


def _wanted(parts: LoopParts, live: set[Value]) -> list[Made]:
    """The results beside the carries that have to be made."""
    made = [m for m in parts.made if m.result in live]
    if not made and parts.count in live:
        made = parts.made[:1]  # the number of iterations comes with a record only
    return made


def _extent(parts: LoopParts) -> tuple[int, ...]:
    """The numbers of parts and nodes: trimming makes one of them smaller, or changes nothing."""
    fed = len(parts.walked), len(parts.captured)
    return (len(parts.carries), len(parts.made), *fed, *(len(g.nodes) for g in parts.regions))


def _trimmed(region: Graph, outputs: Sequence[Value]) -> Graph:
    """A region with these outputs only, without dead nodes, and with inner regions trimmed."""
    read = _behind(region, outputs)
    nodes = tuple(n for n in region.nodes if not read.isdisjoint(n.outputs))
    return _trim(Graph(region.name, region.inputs, nodes, tuple(outputs)))


def _needed(
    parts: LoopParts, made: Iterable[Made], live: set[Value]
) -> tuple[list[Carried], set[Value]]:
    """The carries that matter, and all values of the regions that do."""
    read: set[Value] = set()
    if parts.condition is not None:
        read |= _behind(parts.condition, parts.condition.outputs)
    wanted = [m.output for m in made]
    kept: set[Carried] = set()
    while True:
        read |= _behind(parts.body, [*wanted, *(c.output for c in kept)])
        more = {
            c
            for c in parts.carries
            if c not in kept and (c.result in live or any(v in read for v in c.inputs))
        }
        if not more:
            return [c for c in parts.carries if c in kept], read
        kept |= more


def _behind(graph: Graph, outputs: Iterable[Value]) -> set[Value]:
    """The outputs and all that they are computed from."""
    found = set(outputs)
    for node in reversed(graph.nodes):
        if not found.isdisjoint(node.outputs):
            found |= _reads(node, found)
    return found


def _reads(node: Node, live: set[Value]) -> set[Value]:
    """The operands that the live results of a node are computed from."""
    if is_loop(node):
        parts = parts_of(node)
        carries, read = _needed(parts, _wanted(parts, live), live)
        fed = [f for f in (*parts.walked, *parts.captured) if any(v in read for v in f.inputs)]
        counted = {parts.count} if node.op is REPLAY and parts.count else set()
        return {c.init for c in carries} | {f.operand for f in fed} | counted
    if node.op is SWITCH:
        index, *operands = node.inputs
        results = [k for k, v in enumerate(node.outputs) if v in live]
        found = {index}
        for g in node.attrs["branches"]:
            read = _behind(g, [g.outputs[k] for k in results])
            found |= {v for v, inner in zip(operands, g.inputs, strict=True) if inner in read}
        return found
    return set(node.inputs)


# -- branches -----------------------------------------------------------------------------------


def _trim_switch(node: Node, live: set[Value], replaced: dict[Value, Value]) -> Node:
    branches: tuple[Graph, ...] = node.attrs["branches"]
    operands = node.inputs[1:]
    results = [k for k, v in enumerate(node.outputs) if v in live]
    for k in list(results):
        handed = {_position(g.inputs, g.outputs[k]) for g in branches}
        position = handed.pop()
        if position is not None and not handed:
            replaced[node.outputs[k]] = operands[position]
            results.remove(k)
    wanted = [[g.outputs[k] for k in results] for g in branches]
    read = [_behind(g, outputs) for g, outputs in zip(branches, wanted, strict=True)]
    kept, twins = _kept_operands(operands, branches, read)
    if len(results) == len(node.outputs) and len(kept) == len(operands):
        return node
    trimmed = []
    for g, outputs, same in zip(branches, wanted, twins, strict=True):
        branch = substituted(_trimmed(g, outputs), same)
        inputs = tuple(g.inputs[k] for k in kept)
        trimmed.append(Graph(g.name, inputs, branch.nodes, branch.outputs))
    return Node(
        node.op,
        (node.inputs[0], *(operands[k] for k in kept)),
        {"branches": tuple(trimmed)},
        tuple(node.outputs[k] for k in results),
        node.loc,
    )


def _position(inputs: tuple[Value, ...], value: Value) -> int | None:
    return inputs.index(value) if value in inputs else None


def _kept_operands(
    operands: tuple[Value, ...], branches: tuple[Graph, ...], read: list[set[Value]]
) -> tuple[list[int], list[dict[Value, Value]]]:
    """The positions of operands to keep, and which inputs of each branch stand for others."""
    first: dict[Value, int] = {}
    twins: list[dict[Value, Value]] = [{} for _ in branches]
    for k, operand in enumerate(operands):
        if not any(g.inputs[k] in values for g, values in zip(branches, read, strict=True)):
            continue
        at = first.setdefault(operand, k)
        if at != k:
            for g, same in zip(branches, twins, strict=True):
                same[g.inputs[k]] = g.inputs[at]
    return sorted(first.values()), twins


TRIM_REGIONS = Pass(
    "trim-regions", "Remove what loops and branches carry, read and give for nobody.", trim_regions
)
