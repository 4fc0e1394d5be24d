"""Does work of a loop's body that is the same in all iterations once, before the loop.

Layer: compiler/passes. What depends on captured values only is moved out, if it is worth the memory
that keeps it::

    %0 = scan(%c, %xs, %w) {...,                %0 = exp(%w)
      body=graph @body(%c, %x, %w) {      =>    %1 = scan(%c, %xs, %0) {...,
        %0 = exp(%w)                              body=graph @body(%c, %x, %e) {
        %1 = multiply(%x, %0)                       %0 = multiply(%x, %e)
        ...                                         ...

A captured matrix that a product reads turned is turned before the loop, not in each iteration.

Needs constants made in regions (`sink-sources`). Limits: cheap elementwise work stays, because it
costs less than to read its result; so does what may raise an error, which a loop without iterations
would not raise, and every loop that may go on for ever. The body's dead nodes stay for `prune`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.graph import Graph, Node, Value, regions_of
from ..ir.opdef import Kind
from ..ops.contract import MATMUL
from ..ops.control import REPLAY, WHILE
from ..ops.shape import TRANSPOSE
from .base import Pass, substituted
from .loops import Fed, is_loop, parts_of

_WORTH = 8.0  # scalar instructions per element

_HEAVY = {
    Kind.REDUCE,
    Kind.SCAN,
    Kind.SORT,
    Kind.CONTRACT,
    Kind.CONVOLVE,
    Kind.MATRIX,
    Kind.ASSEMBLE,
    Kind.REGION,
}


def hoist(graph: Graph) -> Graph:
    """The graph with invariant work moved before loops."""
    if not any(map(is_loop, graph.nodes)):
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += _hoisted(node) if is_loop(node) else [node]
    if len(nodes) == len(graph.nodes):
        return graph
    return Graph(graph.name, graph.inputs, tuple(nodes), graph.outputs, graph.guards)


def _hoisted(node: Node) -> list[Node]:
    """The loop, and before it what is done once."""
    parts = parts_of(node)
    invariant = _Invariant(parts.body, {f.inputs[0]: f.operand for f in parts.captured})
    values = invariant.worthwhile()
    if not values:
        return [node]
    before, made = invariant.copies(values)
    renamed: dict[Value, Value] = {}
    for value in values:
        inputs = tuple(Value(value.type) for _ in parts.regions)
        parts.captured.append(Fed(made[value], inputs))
        renamed[value] = inputs[0]
    parts.body = substituted(parts.body, renamed)
    for part in parts.written:
        part.output = renamed.get(part.output, part.output)
    return [*before, parts.node()]


class _Invariant:
    """The values of a body that depend on captured values (`outside`: their operands) only."""

    def __init__(self, body: Graph, outside: dict[Value, Value]) -> None:
        self.body = body
        self.outside = outside
        self.producers: dict[Value, Node] = {}
        for node in body.nodes:
            if _is_total(node) and all(map(self._is_invariant, node.inputs)):
                self.producers.update(dict.fromkeys(node.outputs, node))

    def _is_invariant(self, value: Value) -> bool:
        return value in self.producers or value in self.outside

    def worthwhile(self) -> list[Value]:
        """What to make before the loop: invariant values that others read."""
        found: dict[Value, None] = {}
        read: list[Value] = list(self.body.outputs)
        for node in self.body.nodes:
            if not any(v in self.producers for v in node.outputs):
                read += node.inputs
        for value in read:
            source = self._below_views(value)
            if source in self.producers and self._is_worth(source):
                found[source] = None
        for node in self.body.nodes:
            if node.op is MATMUL and node.outputs[0] not in self.producers:
                found.update(dict.fromkeys(filter(self._is_turned, node.inputs[1:])))
        return list(found)

    def _is_turned(self, value: Value) -> bool:
        """Whether this is a matrix with its axes exchanged, which a product would have to turn."""
        node = self.producers.get(value)
        if node is None or node.op is not TRANSPOSE:
            return False
        return bool(tuple(node.attrs["permutation"]) == (1, 0))

    def _below_views(self, value: Value) -> Value:
        """What a chain of views shows: views stay in the loop, where they cost nothing."""
        while (node := self.producers.get(value)) is not None and node.op.kind is Kind.VIEW:
            value = node.inputs[0]
        return value

    def _is_worth(self, value: Value) -> bool:
        cost = 0.0
        seen: set[Value] = set()
        todo = [value]
        while todo:
            node = self.producers.get(todo.pop())
            if node is None or node.outputs[0] in seen:
                continue
            seen.update(node.outputs)
            if node.op.kind in _HEAVY:
                return True
            cost += node.op.cost if node.op.kind is Kind.ELEMENTWISE else 0.0
            todo += node.inputs
        return cost >= _WORTH

    def copies(self, values: Sequence[Value]) -> tuple[list[Node], dict[Value, Value]]:
        """The nodes that make the values outside of the body, and what stands for each there."""
        needed = set(values)
        for node in reversed(self.body.nodes):
            if not needed.isdisjoint(node.outputs):
                needed.update(node.inputs)
        made = dict(self.outside)
        nodes = []
        for node in self.body.nodes:
            if needed.isdisjoint(node.outputs) or node.outputs[0] not in self.producers:
                continue
            outputs = tuple(Value(v.type) for v in node.outputs)
            inputs = tuple(made[v] for v in node.inputs)
            nodes.append(Node(node.op, inputs, node.attrs, outputs, node.loc))
            made.update(zip(node.outputs, outputs, strict=True))
        return nodes, made


def _is_total(node: Node) -> bool:
    """Whether the node ends, without an error, whatever its operands are."""
    if node.op is WHILE or node.op is REPLAY or node.op.harmless is not None:
        return False
    return all(_is_total(n) for region in regions_of(node) for n in region.nodes)


HOIST = Pass("hoist", "Do what is the same in all iterations before the loop.", hoist)
