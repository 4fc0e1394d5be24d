"""Patterns over graphs, and rules made of them.

Layer: compiler/passes. A rule is data: a pattern, what replaces it, when, and why that is right::

    add, subtract, negative = node("add"), node("subtract"), node("negative")
    Rule("add_negated", add(x, negative(y)), subtract(x, y), why="-y is exact, zeros too")

In a pattern a `Var` stands for any value, the same at each occurrence; a `Const` for any constant
whose elements are all equal, seen through broadcasts; a Python number for that constant, to the
bit (`-0.0` is not `0`). Attributes match whatever they are. In a replacement a number is a constant
of the type of the operand beside it, or of the result.

A replacement of another type than the root's is not made: `Rule("cast_to_same", cast(x), x)` says
it all. What templates cannot say is a function from `Match` to a value, or to None for "no".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Protocol

import numpy as np

from ..errors import InternalError
from ..ir.graph import Node, Value
from ..ir.literal import Literal
from ..ir.opdef import OpDef
from ..ir.types import DType, TensorType
from ..ops import REGISTRY

Number = float | int | bool


@dataclass(frozen=True, slots=True)
class Var:
    """Any value."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A constant with equal elements."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An op applied to patterns."""

    op: OpDef
    operands: tuple[Pattern, ...]


Pattern = Var | Const | Apply | Number


def node(name: str) -> Callable[..., Apply]:
    """The maker of patterns with this op: `add = node("add")`, then `add(x, 1)`."""
    op = REGISTRY[name]

    def make(*operands: Pattern) -> Apply:
        if op.arity is not None and len(operands) != op.arity:
            raise InternalError(f"pattern: {name} takes {op.arity} operands")
        return Apply(op, operands)

    return make


class Rewriter(Protocol):
    """What a rule sees of the graph under construction."""

    def producer(self, value: Value) -> Node | None:
        """The node that defines a value, None for inputs."""

    def splat(self, value: Value) -> Literal | None:
        """The one element that all elements of a constant have."""

    def emit(self, op: OpDef, *inputs: Value, **attrs: Any) -> Value:
        """A new node, simplified."""

    def number(self, value: Any, type: TensorType) -> Value:
        """A constant with equal elements."""


class Match:
    """Where a rule's pattern has been found: the root and what the variables stand for."""

    __slots__ = ("bound", "rewriter", "root")

    def __init__(self, root: Node, rewriter: Rewriter) -> None:
        self.root = root
        self.rewriter = rewriter
        self.bound: dict[str, Value] = {}

    def __getitem__(self, variable: Var | Const) -> Value:
        return self.bound[variable.name]

    @property
    def type(self) -> TensorType:
        """The type of the result."""
        return self.root.output.type

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The root's attributes."""
        return self.root.attrs

    @property
    def inner(self) -> Node:
        """The node under the root's first operand, which the pattern has found to be one."""
        found = self.rewriter.producer(self.root.inputs[0])
        assert found is not None
        return found

    def element(self, constant: Const) -> np.ndarray:
        """The element of a constant, as a 0-d array."""
        literal = self.rewriter.splat(self[constant])
        assert literal is not None
        return literal.array.reshape(())

    def emit(self, name: str, *inputs: Value, **attrs: Any) -> Value:
        """A new node, simplified."""
        return self.rewriter.emit(REGISTRY[name], *inputs, **attrs)

    def number(self, value: Any, type: TensorType | None = None) -> Value:
        """A constant with equal elements, of the root's type unless another is given."""
        return self.rewriter.number(value, type or self.type)


Template = Pattern | Callable[[Match], Value | None]
Matcher = Callable[[Value, Match], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` may become `replacement`; if not `exact`, only where fast math is asked for."""

    name: str
    pattern: Apply
    replacement: Template
    when: Callable[[Match], bool] | None = field(default=None, kw_only=True)
    exact: bool = field(default=True, kw_only=True)
    why: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule for one order of operands; patterns are walked once, not at each match."""

    rule: Rule
    pattern: Apply
    match: Callable[[Node, Match], bool]
    build: Callable[[Match], Value | None]

    def may_match(self, operands: Sequence[OperandClass]) -> bool:
        """Whether a root with such operands could match: sorts out nearly all rules, cheaply."""
        patterns = self.pattern.operands
        return len(patterns) == len(operands) and all(map(_fits, patterns, operands))

    def apply(self, root: Node, rewriter: Rewriter) -> Value | None:
        """What replaces the only result of `root`, or None."""
        match = Match(root, rewriter)
        if not self.match(root, match):
            return None
        when = self.rule.when
        if when is not None and not when(match):
            return None
        value = self.build(match)
        return value if value is not None and value.type == root.output.type else None


def compile_rule(rule: Rule) -> list[CompiledRule]:
    """The rule, ready to run: once for each order of the operands of commutative ops."""
    template = rule.replacement
    names = _variables(rule.pattern)
    repeated = frozenset(name for name in names if names.count(name) > 1)
    build = template if callable(template) else _template(template)
    return [
        CompiledRule(rule, pattern, _operands_matcher(pattern), build)
        for pattern in _orders(rule.pattern, repeated)
    ]


def _orders(pattern: Apply, repeated: frozenset[str]) -> list[Apply]:
    """The pattern with the operands of commutative ops in every order that may matter."""
    choices = [_orders(p, repeated) if isinstance(p, Apply) else [p] for p in pattern.operands]
    found = [Apply(pattern.op, operands) for operands in product(*choices)]
    if pattern.op.traits.commutative and _order_matters(pattern.operands, repeated):
        found += [Apply(p.op, p.operands[::-1]) for p in found]
    return found


def _order_matters(operands: Sequence[Pattern], repeated: frozenset[str]) -> bool:
    if not all(isinstance(p, (Apply, Var)) for p in operands):
        return False  # constants stand second already
    names = {p.name for p in operands if isinstance(p, Var)}
    if all(isinstance(p, Var) for p in operands):
        # two variables match in either order, unless something else is said of one of them
        return len(names) > 1 and not repeated.isdisjoint(names)
    return True


def _variables(pattern: Pattern) -> list[str]:
    """The names of variables, as often as they occur."""
    if isinstance(pattern, Apply):
        return [name for p in pattern.operands for name in _variables(p)]
    return [pattern.name] if isinstance(pattern, (Var, Const)) else []


# --- matching ----------------------------------------------------------------------------------

# What can be said of an operand at once, as text: the name of the op that defines it ("" for an
# input of the graph), with a "=" behind it for a constant with equal elements.
OperandClass = str


def _fits(pattern: Pattern, operand: OperandClass) -> bool:
    if isinstance(pattern, Apply):
        return pattern.op.name == operand.removesuffix("=")
    return isinstance(pattern, Var) or operand.endswith("=")


def _matcher(pattern: Pattern) -> Matcher:
    if isinstance(pattern, Var):
        return _var_matcher(pattern.name)
    if isinstance(pattern, Const):
        return _const_matcher(pattern.name)
    if isinstance(pattern, Apply):
        return _apply_matcher(pattern)
    return _number_matcher(pattern)


def _var_matcher(name: str) -> Matcher:
    def match(value: Value, m: Match) -> bool:
        return m.bound.setdefault(name, value) is value

    return match


def _const_matcher(name: str) -> Matcher:
    def match(value: Value, m: Match) -> bool:
        return m.rewriter.splat(value) is not None and m.bound.setdefault(name, value) is value

    return match


def _number_matcher(number: Number) -> Matcher:
    bits: dict[DType, bytes | None] = {}  # a memo, for the dtypes that are met

    def match(value: Value, m: Match) -> bool:
        literal = m.rewriter.splat(value)
        if literal is None:
            return False
        if literal.dtype not in bits:
            bits[literal.dtype] = _number_bits(number, literal.dtype)
        return literal.data == bits[literal.dtype]

    return match


def _apply_matcher(pattern: Apply) -> Matcher:
    op, operands = pattern.op, _operands_matcher(pattern)

    def match(value: Value, m: Match) -> bool:
        found = m.rewriter.producer(value)
        return found is not None and found.op is op and operands(found, m)

    return match


def _operands_matcher(pattern: Apply) -> Callable[[Node, Match], bool]:
    matchers = [_matcher(p) for p in pattern.operands]
    if len(matchers) == 1:
        (only,) = matchers
        return lambda found, m: len(found.inputs) == 1 and only(found.inputs[0], m)

    def match(found: Node, m: Match) -> bool:
        if len(found.inputs) != len(matchers):
            return False
        return all(matcher(v, m) for matcher, v in zip(matchers, found.inputs, strict=True))

    return match


def _number_bits(number: Number, dtype: DType) -> bytes | None:
    """The bits of a number in a dtype, None if the dtype does not hold it exactly."""
    try:
        element = np.asarray(number).astype(dtype.numpy)
    except (OverflowError, ValueError):
        return None
    return element.tobytes() if element == number else None


# --- building ----------------------------------------------------------------------------------


def _template(template: Pattern) -> Callable[[Match], Value]:
    if isinstance(template, (Var, Const)):
        name = template.name
        return lambda m: m.bound[name]
    if isinstance(template, Apply):
        return _apply_template(template)
    return lambda m: m.number(template)


def _apply_template(template: Apply) -> Callable[[Match], Value]:
    op = template.op
    parts = [_template(p) if isinstance(p, (Var, Const, Apply)) else p for p in template.operands]

    def build(m: Match) -> Value:
        built = [part(m) if callable(part) else None for part in parts]
        beside = next((v.type for v in built if v is not None), m.type)
        inputs = [
            m.number(part, beside) if v is None else v for part, v in zip(parts, built, strict=True)
        ]
        return m.rewriter.emit(op, *inputs)

    return build
