"""The one door through which nodes are made.

Layer: compiler/ir. `GraphBuilder.emit` runs the op's `infer`, so an ill-typed node cannot exist.
Array data is passed as values, everything else as attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import InternalError, Loc
from .graph import Attrs, Graph, Guard, Node, Value
from .opdef import OpDef
from .types import TensorType


class GraphBuilder:
    """Collects inputs and nodes; `finish` gives the graph."""

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.guards: dict[Guard, None] = {}
        self._inputs: list[Value] = []
        self._nodes: list[Node] = []
        self._once: dict[Any, Value] = {}  # what `emit_once` has made
        self._latest: dict[Node, Node] = {}  # what `widen` has put in place of nodes
        self.loc: Loc | None = None  # of the nodes emitted next

    @staticmethod
    def like(graph: Graph) -> GraphBuilder:
        """A builder with the name, the inputs (the same values) and the guards of `graph`."""
        builder = GraphBuilder(graph.name)
        builder._inputs.extend(graph.inputs)
        builder.guards.update(dict.fromkeys(graph.guards))
        return builder

    @property
    def inputs(self) -> Sequence[Value]:
        """The inputs so far."""
        return self._inputs

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes so far."""
        return self._nodes

    def input(self, type: TensorType, name: str = "") -> Value:
        """A new input at the end of the list."""
        value = Value(type, name)
        self._inputs.append(value)
        return value

    @contextmanager
    def at(self, loc: Loc | None) -> Iterator[None]:
        """Nodes emitted inside take this location."""
        before, self.loc = self.loc, loc
        try:
            yield
        finally:
            self.loc = before

    def emit_node(self, op: OpDef, inputs: Sequence[Value], **attrs: Any) -> Node:
        """Append `op(inputs) {attrs}`; its output types come from `op.infer`."""
        node = self.make(op, inputs, **attrs)
        self._nodes.append(node)
        return node

    def make(self, op: OpDef, inputs: Sequence[Value], **attrs: Any) -> Node:
        """As `emit_node`, but the node is not part of the graph before `keep`."""
        if op.arity is not None and len(inputs) != op.arity:
            raise InternalError(f"{op.name} takes {op.arity} operands, got {len(inputs)}")
        if set(attrs) != set(op.attrs):
            raise InternalError(f"{op.name} has attributes {op.attrs}, got {tuple(attrs)}")
        types = op.infer([v.type for v in inputs], attrs)
        outputs = tuple(Value(t) for t in types)
        return Node(op, tuple(inputs), attrs, outputs, self.loc)

    def keep(self, node: Node) -> None:
        """Append a node as it is; its operands must be defined here."""
        self._nodes.append(node)

    def emit(self, op: OpDef, *inputs: Value, **attrs: Any) -> Value:
        """As `emit_node`, for ops with one output: returns it."""
        return self.emit_node(op, inputs, **attrs).output

    def emit_once(self, op: OpDef, *inputs: Value, **attrs: Any) -> Value:
        """As `emit`, but an equal earlier node serves again: for constants."""
        key = (op.name, inputs, tuple(attrs.items()))
        value = self._once.get(key)
        if value is None:
            value = self._once[key] = self.emit(op, *inputs, **attrs)
        return value

    def copy(self, node: Node, inputs: Sequence[Value]) -> Node:
        """Append the same application to other operands, at the node's own location."""
        with self.at(node.loc):
            return self.emit_node(node.op, inputs, **node.attrs)

    def inline(
        self,
        graph: Graph,
        inputs: Sequence[Value],
        attribute: Callable[[Any], Any] | None = None,
        place: Callable[[Loc | None], Loc | None] | None = None,
    ) -> list[Value]:
        """Append a closed graph's nodes on other inputs; returns what its outputs are here.

        `attribute` and `place`, where given, change the attributes and locations of the copies.
        """
        new = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            attrs = node.attrs
            if attribute is not None:
                attrs = {name: attribute(x) for name, x in attrs.items()}
            with self.at(place(node.loc) if place else node.loc):
                made = self.emit_node(node.op, [new[v] for v in node.inputs], **attrs)
            new.update(zip(node.outputs, made.outputs, strict=True))
        return [new[v] for v in graph.outputs]

    def widen(self, node: Node, attrs: Attrs) -> Node:
        """Let a node give further outputs, behind those that it has, under other attributes.

        Its place and its outputs stay. A node of another builder (that of a graph around this one)
        is applied again here instead.
        """
        node = self.latest(node)
        with self.at(node.loc):
            made = self.make(node.op, node.inputs, **attrs)
        if node not in self._nodes:
            self._nodes.append(made)
            return made
        outputs = (*node.outputs, *made.outputs[len(node.outputs) :])
        wide = Node(node.op, node.inputs, attrs, outputs, node.loc)
        self._nodes[self._nodes.index(node)] = wide
        self._latest[node] = wide
        return wide

    def latest(self, node: Node) -> Node:
        """The node as `widen` has left it."""
        while node in self._latest:
            node = self._latest[node]
        return node

    def withdraw(self, start: int, seed: Value) -> list[Node]:
        """Take back the nodes from position `start` on that depend on `seed`, in order."""
        reached = {seed}
        taken: list[Node] = []
        for node in self._nodes[start:]:
            if not reached.isdisjoint(node.inputs):
                reached.update(node.outputs)
                taken.append(node)
        gone = set(taken)
        self._nodes[start:] = [node for node in self._nodes[start:] if node not in gone]
        return taken

    def guard(self, guard: Guard) -> None:
        """Record a fact about symbolic sizes that the graph relies on."""
        self.guards[guard] = None

    def finish(self, outputs: Sequence[Value]) -> Graph:
        """The graph; the builder may go on being used."""
        return Graph(
            self.name,
            tuple(self._inputs),
            tuple(self._nodes),
            tuple(outputs),
            tuple(self.guards),
        )
