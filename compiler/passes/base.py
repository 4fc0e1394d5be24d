"""What a pass is, and what passes share.

Layer: compiler/passes. A pass takes a well-formed graph and gives a well-formed graph that computes
the same; between the two it may do as it likes. Nodes and values are never changed, so a pass
keeps every node that it has nothing to say about, and a graph that it leaves alone it returns
itself: `after is before` says "unchanged".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value, with_regions
from ..ir.literal import Literal


@dataclass(frozen=True, slots=True)
class Pass:
    """A rewrite by name; `doc` is one sentence on what it does.

    A pass goes as far as it can: run on its own result, it changes nothing.
    """

    name: str
    doc: str
    run: Callable[[Graph], Graph]


def with_operands(node: Node, replaced: Mapping[Value, Value]) -> Node:
    """The node with operands replaced by values of the same types; itself if none is."""
    for v in node.inputs:
        if v in replaced:
            inputs = tuple(replaced.get(v, v) for v in node.inputs)
            return Node(node.op, inputs, node.attrs, node.outputs, node.loc)
    return node


class Walk:
    """Makes a graph anew, node by node; subclasses say what becomes of each.

    Attributes:
        graph: what is made anew.
        builder: has what is made so far; new nodes get the place of the node that is visited.
        replaced: values that others stand for.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = GraphBuilder.like(graph)
        self.replaced: dict[Value, Value] = {}

    def run(self) -> Graph:
        """The graph anew; itself if nothing was replaced."""
        for node in self.graph.nodes:
            self.builder.loc = node.loc
            self.visit(node)
        if not self.replaced:
            return self.graph
        return self.builder.finish([self.current(v) for v in self.graph.outputs])

    def visit(self, old: Node) -> None:
        """Keep a node of the graph, or make what stands for its results."""
        raise NotImplementedError

    def current(self, value: Value) -> Value:
        """What stands for a value."""
        return self.replaced.get(value, value)


def rebuild(graph: Graph, nodes: Sequence[Node], replaced: Mapping[Value, Value]) -> Graph:
    """The graph with other nodes and replaced outputs; itself if nothing is different."""
    if not replaced and len(nodes) == len(graph.nodes):
        return graph
    outputs = tuple(replaced.get(v, v) for v in graph.outputs)
    return Graph(graph.name, graph.inputs, tuple(nodes), outputs, graph.guards)


def everywhere(run: Callable[[Graph], Graph], graph: Graph) -> Graph:
    """What `run` makes of the graph, once it has been applied to the regions in it."""
    nodes = [with_regions(node, lambda region: everywhere(run, region)) for node in graph.nodes]
    if any(new is not old for new, old in zip(nodes, graph.nodes, strict=True)):
        graph = Graph(graph.name, graph.inputs, tuple(nodes), graph.outputs, graph.guards)
    return run(graph)


def substituted(graph: Graph, replaced: Mapping[Value, Value]) -> Graph:
    """The graph with values replaced wherever they are read."""
    nodes = tuple(with_operands(node, replaced) for node in graph.nodes)
    outputs = tuple(replaced.get(v, v) for v in graph.outputs)
    return Graph(graph.name, graph.inputs, nodes, outputs, graph.guards)


def literal_of(node: Node | None) -> Literal | None:
    """The array that a `constant` node holds, None for other nodes."""
    return node.attrs["value"] if node is not None and node.op.name == "constant" else None
