"""Rewrites by rules, to a fixed point.

Layer: compiler/passes. The rules are in rules/; this module applies them. Nodes are visited once,
in order; a new node is simplified before it is placed, so that when the walk ends no rule applies
anywhere. Elementwise ops on constants with equal elements are evaluated on the way, as rules join
constants. What a rule leaves unused stays for `prune`::

    %0: f32[] = constant() {value=1.0}
    %1: f32[4] = broadcast(%0) {dims=[], shape=[4]}
    %2: f32[4] = multiply(%x, %1)                         =>     return %x
    return %2

Equal expressions should have been merged before (`cse`), for rules that mention a variable twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import InternalError
from ..ir.graph import Graph, Node, Value
from ..ir.literal import Literal
from ..ir.opdef import Kind, OpDef
from ..ir.types import TensorType
from ..ops.shape import BROADCAST
from ..ops.source import CONSTANT
from .base import Pass, Walk, literal_of, with_operands
from .pattern import CompiledRule, OperandClass, Rule, compile_rule
from .rules import RULES

OnRule = Callable[[Rule, Node], None]

# How many rules may be at work inside of each other, each simplifying what the one before made.
# Only here can rules go on for ever; a few suffice for rules that make progress.
_DEEPEST = 50


class RuleTable:
    """Rules by what stands at the root: its op, and what defines its operands."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_op: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_op.setdefault(rule.pattern.op.name, []).append(rule)
        # Memos: rules are compiled for the ops that graphs have, and graphs ask for the same few
        # combinations of ops again and again.
        self._compiled: dict[str, list[CompiledRule]] = {}
        self._candidates: dict[tuple[OperandClass, ...], tuple[CompiledRule, ...]] = {}

    def candidates(self, key: tuple[OperandClass, ...]) -> tuple[CompiledRule, ...]:
        """The rules that may match a root `key[0]` whose operands are of the classes `key[1:]`."""
        found = self._candidates.get(key)
        if found is None:
            found = tuple(rule for rule in self._rules_of(key[0]) if rule.may_match(key[1:]))
            self._candidates[key] = found
        return found

    def _rules_of(self, op: str) -> list[CompiledRule]:
        if op not in self._compiled:
            rules = self._by_op.get(op, ())
            self._compiled[op] = [compiled for rule in rules for compiled in compile_rule(rule)]
        return self._compiled[op]


def simplify(graph: Graph, table: RuleTable, on_rule: OnRule | None = None) -> Graph:
    """The graph with the rules applied; `on_rule(rule, root)` is told of each application."""
    return _Simplifier(graph, table, on_rule).run()


class _Simplifier(Walk):
    """A `Rewriter` (see pattern.py) that walks a graph."""

    def __init__(self, graph: Graph, table: RuleTable, on_rule: OnRule | None) -> None:
        super().__init__(graph)
        self.table = table
        self.on_rule = on_rule
        self.producers: dict[Value, Node] = {}
        self.classes: dict[Value, OperandClass] = dict.fromkeys(graph.inputs, "")
        self.splats: dict[Value, Literal] = {}
        self.numbers: dict[tuple[Literal, TensorType], Value] = {}
        self.active: list[str] = []  # the rules at work

    def visit(self, old: Node) -> None:
        node = with_operands(old, self.replaced)
        value = self._rewrite(node)
        if value is None:
            self._place(node)
        else:
            self.replaced[node.output] = value

    def _rewrite(self, node: Node) -> Value | None:
        """What stands for the node's result: a constant, or what a rule makes of it; or None."""
        if node.op.kind is Kind.ELEMENTWISE and all(map(self.splats.__contains__, node.inputs)):
            value = self._evaluate(node)
            if value is not None:
                return value
        key = (node.op.name, *[self.classes[v] for v in node.inputs])
        for compiled in self.table.candidates(key):
            self._enter(compiled.rule)
            value = compiled.apply(node, self)
            self.active.pop()
            if value is not None:
                if self.on_rule is not None:
                    self.on_rule(compiled.rule, node)
                return value
        return None

    def _enter(self, rule: Rule) -> None:
        self.active.append(rule.name)
        if len(self.active) > _DEEPEST:
            recent = ", ".join(self.active[-6:])
            raise InternalError(f"simplify: rules do not come to an end: {recent}")

    def _evaluate(self, node: Node) -> Value | None:
        """The constant that an op gives for constants with equal elements."""
        elements = [self.splats[v].array.reshape(()) for v in node.inputs]
        try:
            with np.errstate(all="ignore"):
                element = node.op.reference(*elements, **node.attrs)
        except (ArithmeticError, ValueError):
            return None  # raises the same error when the program runs
        return self.number(element, node.output.type)

    def _place(self, node: Node) -> None:
        self.builder.keep(node)
        literal = self._element(node)
        name = node.op.name if literal is None else f"{node.op.name}="
        for v in node.outputs:
            self.producers[v] = node
            self.classes[v] = name
            if literal is not None:
                self.splats[v] = literal

    def _element(self, node: Node) -> Literal | None:
        """The one element of a constant, or of a broadcast one."""
        if node.op is BROADCAST:
            return self.splats.get(node.inputs[0])
        literal = literal_of(node)
        return literal if literal is not None and literal.array.size == 1 else None

    # --- what rules ask for

    def producer(self, value: Value) -> Node | None:
        return self.producers.get(value)

    def splat(self, value: Value) -> Literal | None:
        return self.splats.get(value)

    def emit(self, op: OpDef, *inputs: Value, **attrs: Any) -> Value:
        node = self.builder.make(op, inputs, **attrs)
        value = self._rewrite(node)
        if value is not None:
            return value
        self._place(node)
        return node.output

    def number(self, value: Any, type: TensorType) -> Value:
        literal = Literal(value, type.dtype)
        found = self.numbers.get((literal, type))
        if found is None:
            found = self.emit(CONSTANT, value=literal)
            if type.rank:
                found = self.emit(BROADCAST, found, shape=type.shape, dims=())
            self.numbers[literal, type] = found
        return found


_EXACT = RuleTable(rule for rule in RULES if rule.exact)
_ALL = RuleTable(RULES)

SIMPLIFY = Pass(
    "simplify",
    "Apply the rules that keep every bit of the results.",
    lambda graph: simplify(graph, _EXACT),
)
SIMPLIFY_FAST = Pass(
    "simplify-fast",
    "Apply all rules: rounding, NaN and signed zeros may change.",
    lambda graph: simplify(graph, _ALL),
)
