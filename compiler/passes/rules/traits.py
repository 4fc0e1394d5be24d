"""Rules that follow from the traits of ops, one set per op that states the trait.

Layer: compiler/passes/rules. To give a new op these rules, set its `Traits`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...ir.opdef import OpDef
from ...ops import REGISTRY
from ..pattern import Apply, Const, Match, Rule, Var

x, y, c = Var("x"), Var("y"), Const("c")
negative = REGISTRY["negative"]


def _is_varying(m: Match) -> bool:
    return m.rewriter.splat(m[y]) is None


def _rules(op: OpDef) -> Iterator[Rule]:
    traits = op.traits
    if traits.commutative:
        yield Rule(
            f"{op.name}_constant_second",
            Apply(op, (c, y)),
            Apply(op, (y, c)),
            when=_is_varying,
            why="other rules look for constants on the right only",
        )
    if traits.right_unit is not None:
        unit = traits.right_unit
        yield Rule(f"{op.name}_unit", Apply(op, (x, unit)), x, why=f"{unit} is its right unit")
    if traits.left_unit is not None and not traits.commutative:
        unit = traits.left_unit
        yield Rule(f"{op.name}_left_unit", Apply(op, (unit, x)), x, why=f"{unit} is its left unit")
    if traits.involution:
        twice = Apply(op, (Apply(op, (x,)),))
        yield Rule(f"{op.name}_twice", twice, x, why="it undoes itself")
    of_negated = Apply(op, (Apply(negative, (x,)),))
    if traits.odd:
        after = Apply(negative, (Apply(op, (x,)),))
        yield Rule(f"{op.name}_negated", of_negated, after, why="it is odd")
    if traits.even:
        yield Rule(f"{op.name}_negated", of_negated, Apply(op, (x,)), why="it is even")
    if traits.idempotent and op.arity == 1:
        once = Apply(op, (x,))
        yield Rule(f"{op.name}_again", Apply(op, (once,)), once, why="the second changes nothing")
    if traits.idempotent and op.arity == 2:
        yield Rule(f"{op.name}_of_equals", Apply(op, (x, x)), x, why="of two equals, one")


RULES = tuple(rule for op in REGISTRY for rule in _rules(op))
