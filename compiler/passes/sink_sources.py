"""Makes numbers, and repetitions of values, inside of the regions that read them.

Layer: compiler/passes. A captured constant is made in the region, where rules see its value; a
captured broadcast is made there of what it repeats, which takes less memory. An array of equal
slices need not be walked::

    %0: f64[n, 3] = broadcast(%v) {dims=[1], shape=[n, 3]}
    %1 = scan(%c, %0) {carries=1, scanned=1, length=n, reverse=false,
      body=graph @body(%c: f64[3], %x: f64[3]) { ... %x ... }}

becomes

    %1 = scan(%c, %v) {carries=1, scanned=0, length=n, reverse=false,
      body=graph @body(%c: f64[3], %x: f64[3]) { ... %x ... }}

What is left without a reader stays for `prune`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ops.control import SCAN, SWITCH
from ..ops.shape import BROADCAST
from .base import Pass
from .loops import Fed, is_loop, parts_of


def sink_sources(graph: Graph) -> Graph:
    """The graph with sources and broadcasts moved into regions."""
    if not any(node.op.kind is Kind.REGION for node in graph.nodes):
        return graph
    producers = graph.producers()
    nodes = [_sunk(node, producers) for node in graph.nodes]
    if all(new is old for new, old in zip(nodes, graph.nodes, strict=True)):
        return graph
    return Graph(graph.name, graph.inputs, tuple(nodes), graph.outputs, graph.guards)


def _sunk(node: Node, producers: dict[Value, Node]) -> Node:
    if is_loop(node):
        return _sunk_into_loop(node, producers)
    return _sunk_into_switch(node, producers) if node.op is SWITCH else node


def _is_cheap(node: Node | None) -> bool:
    return node is not None and (node.op.kind is Kind.SOURCE or node.op is BROADCAST)


class _Mover:
    """Makes values of the outer graph anew in the regions of one node."""

    def __init__(self, regions: Sequence[Graph], producers: dict[Value, Node]) -> None:
        self.producers = producers
        self.builders = [GraphBuilder(g.name) for g in regions]
        self.fed: dict[Value, Fed] = {}  # what has to be captured for it

    def make(self, value: Value) -> tuple[Value, ...]:
        """The value in each region."""
        node = self.producers.get(value)
        if node is None or not _is_cheap(node):
            return self.capture(value)
        return self.repeat(node, [self.make(v) for v in node.inputs])

    def repeat(self, node: Node, operands: Sequence[tuple[Value, ...]]) -> tuple[Value, ...]:
        """A node's result in each region."""
        return tuple(
            builder.copy(node, [v[k] for v in operands]).output
            for k, builder in enumerate(self.builders)
        )

    def capture(self, value: Value) -> tuple[Value, ...]:
        """A value that the regions read from outside."""
        if value not in self.fed:
            inputs = tuple(Value(value.type, value.name) for _ in self.builders)
            self.fed[value] = Fed(value, inputs)
        return self.fed[value].inputs

    def finish(self, which: int, region: Graph, renamed: dict[Value, Value]) -> Graph:
        """A region with the new nodes in front, and inputs replaced by them."""
        builder = self.builders[which]
        for node in region.nodes:
            inputs = tuple(renamed.get(v, v) for v in node.inputs)
            builder.keep(Node(node.op, inputs, node.attrs, node.outputs, node.loc))
        nodes = builder.finish(()).nodes
        outputs = tuple(renamed.get(v, v) for v in region.outputs)
        return Graph(region.name, region.inputs, nodes, outputs)


def _sunk_into_loop(node: Node, producers: dict[Value, Node]) -> Node:
    parts = parts_of(node)
    mover = _Mover(parts.regions, producers)
    renamed: list[dict[Value, Value]] = [{} for _ in parts.regions]

    def rename(inputs: tuple[Value, ...], made: tuple[Value, ...]) -> None:
        for names, old, new in zip(renamed, inputs, made, strict=True):
            names[old] = new

    captured = []
    for fed in parts.captured:
        if _is_cheap(producers.get(fed.operand)):
            rename(fed.inputs, mover.make(fed.operand))
        else:
            captured.append(fed)
    walked = []
    for fed in parts.walked:
        made = _slice(mover, producers.get(fed.operand)) if node.op is SCAN else None
        if made is None:
            walked.append(fed)
        else:
            rename(fed.inputs, made)
    if len(captured) == len(parts.captured) and len(walked) == len(parts.walked):
        return node
    parts.captured, parts.walked = [*captured, *mover.fed.values()], walked
    parts.body = mover.finish(0, parts.body, renamed[0])
    if parts.condition is not None:
        parts.condition = mover.finish(1, parts.condition, renamed[1])
    for part in parts.written:
        part.output = renamed[0].get(part.output, part.output)
    return parts.node()


def _slice(mover: _Mover, node: Node | None) -> tuple[Value, ...] | None:
    """Any slice of a broadcast whose slices are all the same."""
    if node is None or node.op is not BROADCAST or 0 in node.attrs["dims"]:
        return None
    source = mover.make(node.inputs[0])
    shape = node.output.type.shape[1:]
    if source[0].type.shape == shape:
        return source
    dims = tuple(d - 1 for d in node.attrs["dims"])
    return tuple(
        builder.emit(BROADCAST, v, dims=dims, shape=shape)
        for builder, v in zip(mover.builders, source, strict=True)
    )


def _sunk_into_switch(node: Node, producers: dict[Value, Node]) -> Node:
    branches: tuple[Graph, ...] = node.attrs["branches"]
    index, *operands = node.inputs
    if not any(_is_cheap(producers.get(v)) for v in operands):
        return node
    mover = _Mover(branches, producers)
    renamed: list[dict[Value, Value]] = [{} for _ in branches]
    for k, operand in enumerate(operands):
        for names, region, new in zip(renamed, branches, mover.make(operand), strict=True):
            names[region.inputs[k]] = new
    regions = []
    for k, region in enumerate(branches):
        moved = mover.finish(k, region, renamed[k])
        inputs = tuple(fed.inputs[k] for fed in mover.fed.values())
        regions.append(Graph(region.name, inputs, moved.nodes, moved.outputs))
    inputs = (index, *mover.fed)
    return Node(node.op, inputs, {"branches": tuple(regions)}, node.outputs, node.loc)


SINK_SOURCES = Pass(
    "sink-sources", "Make numbers and repetitions inside of regions that read them.", sink_sources
)
