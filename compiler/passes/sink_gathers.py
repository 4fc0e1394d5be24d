"""Picks elements before elementwise work, not after.

Layer: compiler/passes. Elements chosen from the result of an elementwise op are computed from the
chosen elements of its operands::

    %0: f64[m, n] = broadcast(%a) {dims=[0], shape=[m, n]}
    %1: f64[m, n] = subtract(%x, %0)
    %2: f64[b] = gather(%1, %i, %j)

becomes

    %0: f64[m, n] = broadcast(%a) {dims=[0], shape=[m, n]}
    %1: f64[b] = gather(%x, %i, %j)
    %2: f64[b] = gather(%0, %i, %j)
    %3: f64[b] = subtract(%1, %2)

so that nothing of the first shape has to be kept in memory (a gather reads a broadcast where it
comes from). Limits: only with an index for every axis, because then each index stands for one
element.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ops.gather import GATHER
from .base import Pass, Walk, with_operands


def sink_gathers(graph: Graph) -> Graph:
    """The graph with gathers moved before elementwise ops."""
    if not any(node.op is GATHER for node in graph.nodes):
        return graph
    return _Sinker(graph).run()


class _Sinker(Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.producers: dict[Value, Node] = {}
        self.picked: dict[tuple[Value, ...], Value] = {}

    def visit(self, old: Node) -> None:
        node = with_operands(old, self.replaced)
        if node.op is GATHER and self._sinks(*node.inputs):
            self.replaced[node.output] = self._pick(*node.inputs)
        else:
            self.builder.keep(node)
            self.producers.update(dict.fromkeys(node.outputs, node))

    def _sinks(self, source: Value, *indices: Value) -> bool:
        node = self.producers.get(source)
        return (
            node is not None
            and node.op.kind is Kind.ELEMENTWISE
            and len(indices) == source.type.rank
        )

    def _pick(self, source: Value, *indices: Value) -> Value:
        """The elements of `source` at the indices, one for each axis."""
        key = (source, *indices)
        found = self.picked.get(key)
        if found is None:
            if self._sinks(*key):
                node = self.producers[source]
                operands = [self._pick(v, *indices) for v in node.inputs]
                found = self.builder.emit(node.op, *operands, **node.attrs)
            else:
                found = self.builder.emit(GATHER, *key)
            self.picked[key] = found
        return found


SINK_GATHERS = Pass("sink-gathers", "Pick elements before elementwise work.", sink_gathers)
