"""Does elementwise work before elements are repeated, not after.

Layer: compiler/passes. An elementwise op on values that were all broadcast in the same way is
applied to what was broadcast; scalars join any of them::

    %0: f64[4, n] = broadcast(%a) {dims=[1], shape=[4, n]}
    %1: f64[4, n] = broadcast(%s) {dims=[], shape=[4, n]}
    %2: f64[4, n] = multiply(%0, %1)

becomes

    %0: f64[n] = broadcast(%s) {dims=[], shape=[n]}
    %1: f64[n] = multiply(%a, %0)
    %2: f64[4, n] = broadcast(%1) {dims=[1], shape=[4, n]}

Needs chains of broadcasts merged (`simplify`); gives graphs where a broadcast is read by ops that
really mix it with other elements. Limits: operands broadcast along different axes stay.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.types import Shape
from ..ops.shape import BROADCAST
from .base import Pass, Walk, with_operands


def sink_broadcasts(graph: Graph) -> Graph:
    """The graph with broadcasts moved past elementwise ops."""
    return _Sinker(graph).run()


class _Sinker(Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.broadcasts: dict[Value, Node] = {}

    def visit(self, old: Node) -> None:
        node = with_operands(old, self.replaced)
        origin = self._common_origin(node)
        if origin is None:
            self._keep(node)
        else:
            self.replaced[node.output] = self._sink(node, origin)

    def _keep(self, node: Node) -> None:
        self.builder.keep(node)
        if node.op is BROADCAST:
            self.broadcasts[node.output] = node

    def _common_origin(self, node: Node) -> Node | None:
        """A broadcast with which all operands agree, if the node can be moved before it."""
        if node.op.kind is not Kind.ELEMENTWISE or not node.inputs:
            return None
        found = [self.broadcasts[v] for v in node.inputs if v in self.broadcasts]
        if len(found) != len(node.inputs):
            return None
        origin = max(found, key=_source_rank)
        if _source_rank(origin) == node.output.type.rank and not _repeats(origin):
            return None
        agreed = all(_source_rank(b) == 0 or _how(b) == _how(origin) for b in found)
        return origin if agreed else None

    def _sink(self, node: Node, origin: Node) -> Value:
        shape = origin.inputs[0].type.shape
        operands = [self._before(self.broadcasts[v], shape) for v in node.inputs]
        few = self.builder.emit(node.op, *operands, **node.attrs)
        return self._broadcast(few, node.output.type.shape, origin.attrs["dims"])

    def _before(self, broadcast: Node, shape: Shape) -> Value:
        source = broadcast.inputs[0]
        return source if source.type.shape == shape else self._broadcast(source, shape, ())

    def _broadcast(self, value: Value, shape: Shape, dims: tuple[int, ...]) -> Value:
        node = self.builder.emit_node(BROADCAST, [value], shape=shape, dims=dims)
        self.broadcasts[node.output] = node
        return node.output


def _source_rank(broadcast: Node) -> int:
    return broadcast.inputs[0].type.rank


def _how(broadcast: Node) -> tuple[Shape, tuple[int, ...]]:
    """What decides where each element goes (the result's shape is that of the reader)."""
    return broadcast.inputs[0].type.shape, broadcast.attrs["dims"]


def _repeats(broadcast: Node) -> bool:
    return broadcast.inputs[0].type.shape != broadcast.output.type.shape


SINK_BROADCASTS = Pass(
    "sink-broadcasts", "Do elementwise work before elements are repeated.", sink_broadcasts
)
