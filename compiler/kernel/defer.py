"""Moves cheap work from the loop that could do it first to the one loop that needs it.

Layer: compiler/kernel. Fusion joins a node to what computes its operands. Where these are kept in
memory anyway, or are few elements that are repeated, and one other loop alone reads the result,
that loop can compute it as well: an array less is written and read. So the way back through a step
of a stencil stores its cotangent once.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from .fuse import MAX_NODES, Fused, Level, Unit, squeezed
from .layout import Views
from .prepare import Prepared

CHEAP = 4.0  # scalar instructions that cost less than writing and reading an element
FEWER = 8  # elements for each one that is stored in their place


def defer(prepared: Prepared, fused: Fused, most: int = MAX_NODES) -> Fused:
    """The same units, with nodes moved to later ones that have fewer than `most`."""
    return _Deferral(prepared, fused, most).run()


class _Deferral:
    def __init__(self, prepared: Prepared, fused: Fused, most: int) -> None:
        self.most = most
        self.graph = prepared.graph
        self.fused = fused
        self.unit_of = fused.unit_of
        self.producers = self.graph.producers()
        self.readers = _readers(self.graph, fused.views, self.producers)
        self.outputs = {self._owner(v) for v in self.graph.outputs}
        # what is overwritten later must be read where it was read when that was decided
        self.pinned: set[Value] = {*prepared.placements, *prepared.scattered, *prepared.shares}
        for value in (*prepared.placements, *prepared.scattered):
            for group in prepared.ordered(value):
                self.pinned.update(group)

    def run(self) -> Fused:
        for node in reversed(self.graph.nodes):
            source = self.unit_of.get(node)
            target = self._only_reader(node) if source and source.is_group else None
            if source is not None and target is not None and self._fits(node, source, target):
                source.nodes.remove(node)
                del source.level[node]
                target.nodes.append(node)
                target.level[node] = Level.FULL
                self.unit_of[node] = target
        position = {node: k for k, node in enumerate(self.graph.nodes)}
        units = tuple(u for u in self.fused.units if u.nodes)
        for unit in units:
            unit.nodes.sort(key=position.__getitem__)
        return replace(self.fused, units=units)

    def _only_reader(self, node: Node) -> Unit | None:
        """The unit other than its own that alone reads what a cheap elementwise node computes."""
        if node.op.kind is not Kind.ELEMENTWISE or node.op.cost > CHEAP:
            return None
        value = node.output
        if value in self.pinned or value in self.outputs:
            return None
        units = {self.unit_of.get(reader) for reader, _ in self.readers.get(value, [])}
        unit = units.pop() if len(units) == 1 else None
        return unit if unit is not None and unit is not self.unit_of[node] else None

    def _fits(self, node: Node, source: Unit, target: Unit) -> bool:
        domain = squeezed(node.output.type.shape)
        same = target.is_group and domain == target.domain == source.domain
        if not same or source.level[node] is not Level.FULL or len(target.nodes) >= self.most:
            return False
        in_place = all(
            operand is node.output
            and reader.op.kind in (Kind.ELEMENTWISE, Kind.REDUCE)
            and target.level[reader] is Level.FULL
            for reader, operand in self.readers[node.output]
        )
        return in_place and all(self._is_stored(v, node, node.op.cost) for v in node.inputs)

    def _is_stored(self, value: Value, reader: Node, cost: float) -> bool:
        """Whether an operand is in memory, or a number, whatever becomes of this reader of it.

        Or whether it will move with the reader; `cost` is that of all that moves.
        """
        if self.fused.views.waits(value):
            return False
        owner = self._owner(value)
        node = self.producers.get(owner)
        if node is None or node.op.kind is Kind.SOURCE or owner in self.outputs:
            return True
        if owner in self.pinned:
            return False
        unit = self.unit_of[node]
        others = {self.unit_of.get(r) for r, _ in self.readers[owner] if r is not reader}
        if not unit.is_group or others - {unit} or _is_few(owner, reader.output):
            return True
        if self._replaces_several(owner, reader):
            return True
        return value is owner and self._follows(node, reader, cost + node.op.cost)

    def _replaces_several(self, owner: Value, reader: Node) -> bool:
        """Whether storing a value takes less memory than storing what is computed from it."""
        target, saved = self._only_reader(reader), 0
        for other, value in self.readers[owner]:
            if (
                value is not owner
                or len(other.inputs) > 2
                or self._only_reader(other) is not target
            ):
                return False
            if any(v is not owner and not self._is_number(v) for v in other.inputs):
                return False
            saved += other.output.type.dtype.itemsize
        return target is not None and saved > owner.type.dtype.itemsize

    def _is_number(self, value: Value) -> bool:
        node = self.producers.get(self._owner(value))
        return node is not None and node.op.kind is Kind.SOURCE

    def _follows(self, node: Node, reader: Node, cost: float) -> bool:
        """Whether a node moves once its only reader has moved."""
        if node.op.kind is not Kind.ELEMENTWISE or cost > CHEAP:
            return False
        unit, value = self.unit_of[node], node.output
        alone = all(r is reader and v is value for r, v in self.readers[value])
        same = unit is self.unit_of[reader] and value.type.shape == reader.output.type.shape
        full = same and unit.level[node] is Level.FULL
        return alone and full and all(self._is_stored(v, node, cost) for v in node.inputs)

    def _owner(self, value: Value) -> Value:
        return _owner(value, self.fused.views, self.producers)


def _is_few(repeated: Value, whole: Value) -> bool:
    """Whether a value is so much smaller than what is computed from it that it may be stored."""
    few, many = repeated.type.size, whole.type.size
    return isinstance(few, int) and isinstance(many, int) and few * FEWER <= many


def _readers(
    graph: Graph, views: Views, producers: dict[Value, Node]
) -> dict[Value, list[tuple[Node, Value]]]:
    """For each computed value the nodes that read it, directly or through views, and as what."""
    found: dict[Value, list[tuple[Node, Value]]] = {}
    for node in graph.nodes:
        if node.op.kind is not Kind.VIEW:
            for v in node.inputs:
                found.setdefault(_owner(v, views, producers), []).append((node, v))
    return found


def _owner(value: Value, views: Views, producers: dict[Value, Node]) -> Value:
    """The value whose memory is read where this one is."""
    while True:
        value = views.resolve(value).root
        node = producers.get(value)
        if node is None or node.op.kind is not Kind.VIEW:
            return value
        value = node.inputs[0]
