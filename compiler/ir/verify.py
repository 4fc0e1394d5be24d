"""Checks that a graph obeys the rules of the IR.

Layer: compiler/ir. Shares nothing with the builder: every fact is checked anew, so that a pass that
makes nodes by hand, or a bug in the builder, is found. Runs after each pass in tests and when
`Options.verify` is set. A failure is an `InternalError` that shows the place::

    after pass 'cse': %3 is used before it is defined
        %1: f32[4] = multiply(%0, %x)
    >>> %2: f32[4] = add(%1, %3)  # model.py:7 in loss
        %3: f32[4] = negative(%1)
      at: model.py:7 in loss
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NoReturn

from ..errors import InternalError, Loc, UserError
from .dims import Dim
from .graph import Graph, Node, Value, regions_of
from .literal import Literal
from .opdef import REGISTRY, Kind
from .printer import IDENTIFIER, RESERVED, node_text, return_text, value_names
from .types import DType, TensorType

_CONTEXT = 5  # lines shown before and after the bad one


def verify(graph: Graph, after: str = "") -> None:
    """Raise InternalError if the graph is malformed; `after` names the pass that made it."""
    _Verifier(graph, after).run()


class _Verifier:
    """Checks one graph; a region knows the symbols of the graph around it, given as `symbols`."""

    def __init__(self, graph: Graph, after: str, symbols: set[str] | None = None) -> None:
        self.graph = graph
        self.after = after
        self.is_region = symbols is not None
        self.symbols = set(graph.size_names()) if symbols is None else symbols
        self.defined: set[Value] = set()
        self.place = -1  # index of the node under check; -1: inputs; len(nodes): outputs

    def run(self) -> None:
        for v in self.graph.inputs:
            self._define(v)
        for name in sorted(self.symbols):
            if not IDENTIFIER.fullmatch(name) or name in RESERVED:
                self._fail(f"{name!r} cannot be the name of a size")
        if self.is_region and self.graph.guards:
            self._fail("a region has no guards")
        for guard in self.graph.guards:
            self._check_sizes(guard.size)
            if guard.relation not in ("==", "!=", ">="):
                self._fail(f"{guard} is not a guard")
        for place, node in enumerate(self.graph.nodes):
            self.place = place
            self._check_node(node)
        self.place = len(self.graph.nodes)
        for v in self.graph.outputs:
            self._use(v)

    # --- parts

    def _check_node(self, node: Node) -> None:
        op = node.op
        if REGISTRY.get(op.name) is not op:
            self._fail(f"{op.name} is not a registered op")
        for v in node.inputs:
            self._use(v)
        if op.arity is not None and len(node.inputs) != op.arity:
            self._fail(f"{op.name} takes {op.arity} operands, has {len(node.inputs)}")
        if set(node.attrs) != set(op.attrs):
            self._fail(f"{op.name} has the attributes {op.attrs}, here {tuple(node.attrs)}")
        for name, value in node.attrs.items():
            if not _is_attribute(value):
                self._fail(f"attribute {name} is a {type(value).__name__}")
            self._check_sizes(value)
        if op.kind is Kind.REGION:
            for region in regions_of(node):
                _Verifier(region, self.after, self.symbols).run()
        types = self._infer(node)
        if types != tuple(v.type for v in node.outputs):
            self._fail(f"{op.name} gives {', '.join(map(str, types))}")
        for v in node.outputs:
            self._define(v)

    def _infer(self, node: Node) -> tuple[TensorType, ...]:
        try:
            return tuple(node.op.infer([v.type for v in node.inputs], node.attrs))
        except UserError as error:
            self._fail(str(error))

    def _define(self, value: Value) -> None:
        if value in self.defined:
            self._fail(f"{self._name(value)} is defined twice")
        self.defined.add(value)
        for size in value.type.shape:
            self._check_sizes(size)

    def _use(self, value: Value) -> None:
        if value in self.defined:
            return
        later = any(value in node.outputs for node in self.graph.nodes)
        how = "used before it is defined" if later else "not defined"
        self._fail(f"{self._name(value)} is {how}")

    def _check_sizes(self, value: Any) -> None:
        if isinstance(value, tuple):
            for item in value:
                self._check_sizes(item)
        elif isinstance(value, Dim):
            unknown = value.names() - self.symbols
            if unknown:
                self._fail(f"no input has the size {min(unknown)}, used in {value}")

    # --- messages

    def _name(self, value: Value) -> str:
        return value_names(self.graph).get(value, "%?")

    def _fail(self, what: str) -> NoReturn:
        graph, place = self.graph, self.place
        names = value_names(graph)
        lines = [node_text(node, names) for node in graph.nodes] + [return_text(graph, names)]
        shown = range(max(0, place - _CONTEXT), min(len(lines), place + _CONTEXT + 1))
        text = [f"after pass '{self.after}': {what}" if self.after else what]
        text += [f"{'>>>' if k == place else '   '} {lines[k]}" for k in shown]
        if 0 <= place < len(graph.nodes) and graph.nodes[place].loc is not None:
            text += _place_in_source(graph.nodes[place].loc)
        raise InternalError("\n".join(text))


def _place_in_source(loc: Loc | None) -> list[str]:
    if loc is None:
        return []
    return [f"  at: {loc}"] + ([f"      {loc.source}"] if loc.source else [])


def _is_attribute(value: Any) -> bool:
    """Hashable plain data that has a text form."""
    if isinstance(value, tuple):
        return all(map(_is_attribute, value))
    if value is None or isinstance(value, (Literal, Dim, DType, Graph)):
        return True
    # a NumPy scalar is a subclass of float, but prints otherwise
    return type(value) in (bool, int, float, str) and isinstance(value, Hashable)
