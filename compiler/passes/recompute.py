"""Computes cheap values again where they are used late, instead of keeping them.

Layer: compiler/passes. Between an elementwise value and a use of it may lie matrix products or
loops; then it has to be written to memory and read again. If it takes a few operations on one array
that is in memory anyway, it is computed where it is used. A `barrier` that waits for the other
operand keeps it there::

    %0: f64[n, n] = matmul(%x, %w)          %0: f64[n, n] = matmul(%x, %w)
    %1: f64[n, n] = square(%0)              %1: f64[n, n] = matmul(%0, %v)
    %2: f64[n, n] = matmul(%0, %v)     =>   %2: f64[n, n] = barrier(%0, %1)
    %3: f64[n, n] = multiply(%2, %1)        %3: f64[n, n] = square(%2)
                                            %4: f64[n, n] = multiply(%1, %3)

Gradients have many such values, the derivatives of the forward pass's functions. Needs equal
expressions merged (`cse`); what is not read any more is for `prune`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ops.markers import BARRIER
from ..ops.shape import BROADCAST
from .base import Pass, everywhere

# Scalar instructions: what a write and a read of an element are worth, at most.
CHEAP = 8.0
# Nothing is computed in one loop with what depends on these.
APART = (Kind.SORT, Kind.CONTRACT, Kind.CONVOLVE, Kind.MATRIX, Kind.REGION)
# These read their operands from memory.
READING = (*APART, Kind.ASSEMBLE, Kind.SCATTER)
WRITING = (*READING, Kind.REDUCE)  # and these write their results to it


def recompute(graph: Graph) -> Graph:
    """The graph with cheap values computed late."""
    return everywhere(lambda region: _Recomputation(region).run(), graph)


@dataclass(frozen=True, slots=True)
class _Cone:
    """What a value is computed from, and how."""

    nodes: tuple[Node, ...]  # in order
    leaves: tuple[Value, ...]  # arrays in memory


class _Recomputation:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = GraphBuilder.like(graph)
        self.producers = graph.producers()
        self.in_memory = _in_memory(graph)
        self.stages = _stages(graph)
        self.made: dict[tuple[Value, Value], Value] = {}

    def run(self) -> Graph:
        changed = False
        for node in self.graph.nodes:
            inputs = self._late(node)
            changed = changed or inputs != node.inputs
            if inputs != node.inputs:
                node = Node(node.op, inputs, node.attrs, node.outputs, node.loc)
            self.builder.keep(node)
        return self.builder.finish(self.graph.outputs) if changed else self.graph

    def _late(self, node: Node) -> tuple[Value, ...]:
        """The operands of a node, early ones computed again where that pays."""
        if node.op.kind is not Kind.ELEMENTWISE or len(node.inputs) < 2:
            return node.inputs
        latest = max(node.inputs, key=lambda v: self.stages[v])
        return tuple([self._again(v, latest) for v in node.inputs])

    def _again(self, value: Value, latest: Value) -> Value:
        node = self.producers.get(value)
        if node is None or node.op.kind is not Kind.ELEMENTWISE or value in self.in_memory:
            return value
        if self.stages[value] >= self.stages[latest]:
            return value
        cone = self._cone(value)
        if cone is None or _width(cone.leaves, value) > value.type.dtype.itemsize:
            return value
        found = self.made.get((value, latest))
        if found is None:
            found = self.made[value, latest] = self._copied(cone, value, latest)
        return found

    def _cone(self, value: Value) -> _Cone | None:
        """How to compute a value from arrays in memory; None if that is not cheap."""
        nodes: list[Node] = []
        leaves: dict[Value, None] = {}
        if self._collect(value, nodes, leaves, CHEAP) < 0 or not leaves:
            return None
        return _Cone(tuple(nodes), tuple(leaves))

    def _collect(
        self, value: Value, nodes: list[Node], leaves: dict[Value, None], budget: float
    ) -> float:
        """Add what a value needs; what is left of the budget, negative if it is too little."""
        node = self.producers.get(value)
        if node in nodes:
            return budget
        if node is not None and node.op.kind is Kind.SOURCE:
            return budget  # a number
        inside = node is not None and (node.op.kind is Kind.ELEMENTWISE or node.op is BROADCAST)
        if node is None or not inside or value in self.in_memory:
            leaves[value] = None
            return budget if self._is_stored(value) else -1.0
        budget -= node.op.cost
        for v in node.inputs:
            if budget >= 0:
                budget = self._collect(v, nodes, leaves, budget)
        nodes.append(node)
        return budget

    def _is_stored(self, value: Value) -> bool:
        """Whether a value is in memory, or a view of what is."""
        node = self.producers.get(value)
        while node is not None and value not in self.in_memory and node.op.kind is Kind.VIEW:
            value = node.inputs[0]
            node = self.producers.get(value)
        return value in self.in_memory

    def _copied(self, cone: _Cone, value: Value, latest: Value) -> Value:
        new: dict[Value, Value] = {}
        for leaf in cone.leaves:
            with self.builder.at(cone.nodes[-1].loc):
                new[leaf] = self.builder.emit(BARRIER, leaf, latest)
        for node in cone.nodes:
            made = self.builder.copy(node, [new.get(v, v) for v in node.inputs])
            new[node.output] = made.output
        return new[value]


def _width(leaves: Sequence[Value], value: Value) -> int:
    """The bytes that are read per element of a value; arrays that are repeated in it are free."""
    return sum(v.type.dtype.itemsize for v in leaves if v.type.size == value.type.size)


def _in_memory(graph: Graph) -> set[Value]:
    """The values that are in memory whatever this pass does."""
    found = {*graph.inputs, *graph.outputs}
    for node in graph.nodes:
        if node.op.kind in READING:
            found.update(node.inputs)
        elif node.op.kind is Kind.GATHER:
            found.add(node.inputs[0])
        if node.op.kind in WRITING:
            found.update(node.outputs)
    return found


def _stages(graph: Graph) -> dict[Value, int]:
    """How many nodes that are loops of their own stand before each value, one behind the other."""
    stages = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        stage = max((stages[v] for v in node.inputs), default=0)
        stages.update(dict.fromkeys(node.outputs, stage + (node.op.kind in APART)))
    return stages


RECOMPUTE = Pass("recompute", "Compute cheap values where they are used late.", recompute)
