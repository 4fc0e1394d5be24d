"""Values, nodes and graphs: an immutable SSA form of an array program.

Layer: compiler/ir. A `Graph` is a list of nodes in topological order. Each node applies one op to
values and gives new values; nothing is ever changed in place, a pass builds a new graph::

    graph @axpy(%a: f32[], %x: f32[n], %y: f32[n]) {
      %0: f32[n] = broadcast(%a) {dims=[], shape=[n]}
      %1: f32[n] = multiply(%0, %x)  # axpy.py:4
      %2: f32[n] = add(%1, %y)  # axpy.py:4
      return %2
    }

Values and nodes compare by identity; `same_graph` compares graphs up to the naming of values.

A node of Kind.REGION, a loop or a branch, holds graphs as attributes: its *regions*. A region reads
its own inputs only; the symbolic sizes in it are those of the graph around it, and it has no
guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Loc
from .opdef import Kind, OpDef
from .types import TensorType

Attrs = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One array of the program. `name` is a hint for printing; identity is the object."""

    type: TensorType
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """`outputs = op(inputs) {attrs}`; attribute values are hashable data, never arrays."""

    op: OpDef
    inputs: tuple[Value, ...]
    attrs: Attrs
    outputs: tuple[Value, ...]
    loc: Loc | None = None

    @property
    def output(self) -> Value:
        """The only output (most ops have one)."""
        (value,) = self.outputs
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A function from `inputs` to `outputs`.

    `guards` are facts about symbolic sizes that the graph relies on (each polynomial is >= 0, or
    == 0): a caller must check them before it runs the graph with concrete sizes.
    """

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    guards: tuple[Guard, ...] = ()

    def nested(self) -> Iterator[Graph]:
        """The graphs that are attributes of nodes, and those inside of them."""
        for node in self.nodes:
            for region in regions_of(node):
                yield region
                yield from region.nested()

    def producers(self) -> dict[Value, Node]:
        """The node that defines each value (inputs have none)."""
        return {v: node for node in self.nodes for v in node.outputs}

    def users(self) -> dict[Value, list[Node]]:
        """The nodes that read each value, in order, once per operand position."""
        users: dict[Value, list[Node]] = {v: [] for v in self.values()}
        for node in self.nodes:
            for v in node.inputs:
                users[v].append(node)
        return users

    def values(self) -> Iterator[Value]:
        """Every value: the inputs, then what the nodes define, in order."""
        yield from self.inputs
        for node in self.nodes:
            yield from node.outputs

    def size_names(self) -> list[str]:
        """The symbolic sizes that the inputs' types mention, in order of appearance."""
        names: dict[str, None] = {}
        for v in self.inputs:
            for size in v.type.shape:
                if not isinstance(size, int):
                    names.update(dict.fromkeys(sorted(size.names())))
        return list(names)


@dataclass(frozen=True, slots=True)
class Guard:
    """`size REL 0` with REL one of '==', '!=', '>='; checked natively at every call."""

    size: Any  # Dim
    relation: str

    def __str__(self) -> str:
        return f"{self.size} {self.relation} 0"


def regions_of(node: Node) -> tuple[Graph, ...]:
    """The graphs that are attributes of a node, in the order of its op's attributes."""
    found: list[Graph] = []
    if node.op.kind is Kind.REGION:
        for name in node.op.attrs:
            value = node.attrs[name]
            found += [
                g for g in (value if isinstance(value, tuple) else (value,)) if isinstance(g, Graph)
            ]
    return tuple(found)


def with_regions(node: Node, rewrite: Callable[[Graph], Graph]) -> Node:
    """The node with its regions rewritten to others of the same types; itself if none changes."""
    new = {region: rewrite(region) for region in regions_of(node)}
    if all(after is before for before, after in new.items()):
        return node

    def replaced(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(replaced, value))
        return new[value] if isinstance(value, Graph) else value

    attrs = {name: replaced(value) for name, value in node.attrs.items()}
    return Node(node.op, node.inputs, attrs, node.outputs, node.loc)


def same_graph(a: Graph, b: Graph) -> bool:
    """Whether two graphs are equal but for the names of values and source locations."""
    if len(a.inputs) != len(b.inputs) or len(a.nodes) != len(b.nodes):
        return False
    match: dict[Value, Value] = dict(zip(a.inputs, b.inputs, strict=True))
    if any(v.type != w.type for v, w in match.items()) or set(a.guards) != set(b.guards):
        return False
    for m, n in zip(a.nodes, b.nodes, strict=True):
        if m.op is not n.op or m.attrs.keys() != n.attrs.keys():
            return False
        if not all(_same_attribute(m.attrs[name], n.attrs[name]) for name in m.attrs):
            return False
        if [match.get(v) for v in m.inputs] != list(n.inputs):
            return False
        if [v.type for v in m.outputs] != [v.type for v in n.outputs]:
            return False
        match.update(zip(m.outputs, n.outputs, strict=True))
    return [match.get(v) for v in a.outputs] == list(b.outputs)


def _same_attribute(a: Any, b: Any) -> bool:
    if isinstance(a, Graph) and isinstance(b, Graph):
        return same_graph(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same_attribute, a, b))
    return bool(a == b)
