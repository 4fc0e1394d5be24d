"""Does elementwise work on the parts of an interleaved array, before they are put together.

Layer: compiler/passes. What comes back from pooling is interleaved of parts, one for each position
in a window, and mostly goes on to the derivative of an activation::

    %0: f32[n, 8, 16] = interleave(%a, %b) {shape=[n, 8, 16], steps=[1, 2, 1]}
    %1: f32[n, 8, 16] = multiply(%0, %x)

becomes

    %0: f32[n, 4, 16] = slice(%x) {shape=[n, 4, 16], starts=[0, 0, 0], steps=[1, 2, 1]}
    %1: f32[n, 4, 16] = multiply(%a, %0)
    %2: f32[n, 4, 16] = slice(%x) {shape=[n, 4, 16], starts=[0, 1, 0], steps=[1, 2, 1]}
    %3: f32[n, 4, 16] = multiply(%b, %2)
    %4: f32[n, 8, 16] = interleave(%1, %3) {shape=[n, 8, 16], steps=[1, 2, 1]}

so that one loop computes the parts and what follows, and an array less is written and read. Limits:
only where nothing else reads the interleaved array, and where rows stay in one piece.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.phases import phases
from ..ops.assemble import INTERLEAVE
from ..ops.shape import BROADCAST, SLICE
from .base import Pass, Walk, with_operands

MOST_PARTS = 9
LEAST_ROW = 8  # elements: rows that are shorter are not worth a loop


def sink_interleaves(graph: Graph) -> Graph:
    """The graph with elementwise work before interleaves."""
    if not any(node.op is INTERLEAVE for node in graph.nodes):
        return graph
    return _Sinker(graph).run()


class _Sinker(Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.producers = graph.producers()
        self.parts: dict[Value, list[Value]] = {}  # of values that are taken apart
        self.steps: dict[Value, tuple[int, ...]] = {}
        self.users: dict[Value, list[Node]] = {}
        for node in graph.nodes:
            for v in node.inputs:
                self.users.setdefault(v, []).append(node)
        self.outputs = set(graph.outputs)

    def visit(self, old: Node) -> None:
        if self._sinks(old):
            self._take_apart(old)
        elif self._is_taken_apart(old):
            self.steps[old.output] = old.attrs["steps"]
            self.parts[old.output] = [self.current(v) for v in old.inputs]
        else:
            self.builder.keep(with_operands(old, self.replaced))

    def _is_taken_apart(self, node: Node) -> bool:
        """Whether an interleaved array is only read by elementwise work."""
        if node.op is not INTERLEAVE or node.output in self.outputs:
            return False
        steps, row = node.attrs["steps"], node.output.type.shape[-1]
        users = self.users.get(node.output, [])
        return (
            steps[-1] == 1
            and len(node.inputs) <= MOST_PARTS
            and isinstance(row, int)
            and row >= LEAST_ROW
            and bool(users)
            and all(_is_plain(user) for user in users)
        )

    def _sinks(self, node: Node) -> bool:
        return _is_plain(node) and any(v in self.parts for v in node.inputs)

    def _take_apart(self, node: Node) -> None:
        steps = next(self.steps[v] for v in node.inputs if v in self.parts)
        shape = node.output.type.shape
        made = []
        for k, (starts, part) in enumerate(phases(shape, steps)):
            operands = [self._part(v, steps, k, starts, part) for v in node.inputs]
            made.append(self.builder.emit(node.op, *operands, **node.attrs))
        self.parts[node.output], self.steps[node.output] = made, steps
        users = self.users.get(node.output, [])
        if node.output in self.outputs or not all(_is_plain(user) for user in users):
            whole = self.builder.emit(INTERLEAVE, *made, shape=shape, steps=steps)
            self.replaced[node.output] = whole

    def _part(
        self,
        value: Value,
        steps: tuple[int, ...],
        k: int,
        starts: tuple[int, ...],
        shape: tuple[object, ...],
    ) -> Value:
        """The k-th part of an operand."""
        if self.steps.get(value) == steps:
            return self.parts[value][k]
        node = self.producers.get(value)
        if node is not None and node.op is BROADCAST and not node.inputs[0].type.shape:
            return self.builder.emit_once(BROADCAST, node.inputs[0], shape=shape, dims=())
        value = self._whole(value)
        return self.builder.emit_once(SLICE, value, starts=starts, steps=steps, shape=shape)

    def _whole(self, value: Value) -> Value:
        """A value that is taken apart otherwise, put together."""
        if value in self.parts and value not in self.replaced:
            shape, steps = value.type.shape, self.steps[value]
            whole = self.builder.emit(INTERLEAVE, *self.parts[value], shape=shape, steps=steps)
            self.replaced[value] = whole
        return self.current(value)


def _is_plain(node: Node) -> bool:
    """Whether a node is elementwise and cannot fail."""
    return node.op.kind is Kind.ELEMENTWISE and node.op.harmless is None


SINK_INTERLEAVES = Pass(
    "sink-interleaves", "Do elementwise work before parts are interleaved.", sink_interleaves
)
