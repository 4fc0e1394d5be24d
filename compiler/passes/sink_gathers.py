"""Picks elements before elementwise work, not after.

Layer: compiler/passes. Elements chosen from the result of an elementwise op are computed from the
chosen elements of its operands; what was broadcast is picked from its source::

    %0: f64[m, n] = broadcast(%a) {dims=[0], shape=[m, n]}
    %1: f64[m, n] = subtract(%x, %0)
    %2: f64[b] = gather(%1, %i, %j)

becomes

    %0: f64[b] = gather(%x, %i, %j)
    %1: f64[b] = gather(%a, %i)
    %2: f64[b] = subtract(%0, %1)

so that `%1` need not be kept in memory. Limits: only when there is an index for every axis, because
then each index stands for one element.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ops.gather import GATHER
from ..ops.shape import BROADCAST
from .base import Pass, with_operands


def sink_gathers(graph: Graph) -> Graph:
    """The graph with gathers moved before elementwise ops."""
    if not any(node.op is GATHER for node in graph.nodes):
        return graph
    return _Sinker(graph).run()


class _Sinker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = GraphBuilder.like(graph)
        self.producers: dict[Value, Node] = {}
        self.replaced: dict[Value, Value] = {}
        self.picked: dict[tuple[Value, ...], Value] = {}

    def run(self) -> Graph:
        for old in self.graph.nodes:
            node = with_operands(old, self.replaced)
            self.builder.loc = node.loc
            if node.op is GATHER and self._sinks(node.inputs[0], len(node.inputs) - 1):
                self.replaced[node.output] = self._pick(node.inputs[0], node.inputs[1:])
            else:
                self.builder.keep(node)
                self.producers.update(dict.fromkeys(node.outputs, node))
        if not self.replaced:
            return self.graph
        return self.builder.finish([self.replaced.get(v, v) for v in self.graph.outputs])

    def _sinks(self, source: Value, indices: int) -> bool:
        node = self.producers.get(source)
        if node is None or indices != source.type.rank:
            return False
        return node.op.kind is Kind.ELEMENTWISE or node.op is BROADCAST

    def _pick(self, source: Value, indices: tuple[Value, ...]) -> Value:
        """The elements of `source` at the indices, one for each axis."""
        key = (source, *indices)
        if key not in self.picked:
            self.picked[key] = self._new_pick(source, indices)
        return self.picked[key]

    def _new_pick(self, source: Value, indices: tuple[Value, ...]) -> Value:
        node = self.producers.get(source)
        if node is not None and self._sinks(source, len(indices)):
            if node.op is BROADCAST:
                return self._pick_before_broadcast(node, indices)
            operands = [self._pick(v, indices) for v in node.inputs]
            return self.builder.emit(node.op, *operands, **node.attrs)
        return self.builder.emit(GATHER, source, *indices)

    def _pick_before_broadcast(self, node: Node, indices: tuple[Value, ...]) -> Value:
        (source,) = node.inputs
        kept = [
            (size, indices[axis])
            for size, axis in zip(source.type.shape, node.attrs["dims"], strict=True)
        ]
        shape = indices[0].type.shape
        if not kept:
            return self.builder.emit(BROADCAST, source, shape=shape, dims=())
        if any(size == 1 != node.output.type.shape[axis] for (size, _), axis in zip(
            kept, node.attrs["dims"], strict=True
        )):
            return self.builder.emit(GATHER, node.output, *indices)  # an axis that was repeated
        return self._pick(source, tuple(index for _, index in kept))


SINK_GATHERS = Pass("sink-gathers", "Pick elements before elementwise work.", sink_gathers)
