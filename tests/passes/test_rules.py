"""Every rule, on graphs made from its own pattern: it fires, and it keeps what it promises.

Rules on views need attributes that fit together; the golden files hold examples of those.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.golden import read_cases
from support.graphs import random_array, random_inputs
from support.same import assert_same_outcome
from tensorwright.compiler.errors import InternalError, UserError
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.graph import Graph, Node, Value
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.literal import Literal
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.printer import to_text
from tensorwright.compiler.ir.types import DType, Shape, TensorType
from tensorwright.compiler.ir.verify import verify
from tensorwright.compiler.passes.pattern import Apply, Const, Pattern, Rule, Var, node
from tensorwright.compiler.passes.rules import RULES
from tensorwright.compiler.passes.simplify import RuleTable, simplify

# Divisors, factors and masks: powers of two, others, all bits set.
CONSTANTS = (2, 0.5, 3, -1, 1, 255, 2**32 - 1, 0.25, 10, 1e-3)
SHAPES: tuple[Shape, ...] = ((Dim.symbol("n"),), (), (0,))
EXAMPLES = read_cases(Path(__file__).parent / "shape_rules.ir")


class Unfit(Exception):
    """The pattern has no such instance."""


class Instance:
    """Builds one graph that a pattern describes; choices are made by `rng`."""

    def __init__(self, rng: random.Random, dtype: DType, shape: Shape) -> None:
        self.rng = rng
        self.dtype = dtype
        self.shape = shape
        self.builder = GraphBuilder("instance")
        self.variables: dict[str, Value] = {}

    def graph(self, pattern: Apply) -> Graph:
        return self.builder.finish([self.value(pattern, None)])

    def value(self, pattern: Pattern, beside: DType | None) -> Value:
        if isinstance(pattern, Apply):
            return self.apply(pattern)
        if isinstance(pattern, Var):
            if pattern.name not in self.variables:
                self.variables[pattern.name] = self.input()
            return self.variables[pattern.name]
        if isinstance(pattern, Const):
            if pattern.name not in self.variables:
                constant = self.constant(self.rng.choice(CONSTANTS), beside)
                self.variables[pattern.name] = constant
            return self.variables[pattern.name]
        return self.constant(pattern, beside)

    def input(self) -> Value:
        # bools stand beside other dtypes in `select`
        dtype = self.dtype if self.rng.random() < 0.7 else DType.BOOL
        return self.builder.input(TensorType(dtype, self.shape))

    def constant(self, number: Any, beside: DType | None) -> Value:
        dtype = beside or self.rng.choice([self.dtype, DType.BOOL])
        with np.errstate(all="ignore"):
            element = np.asarray(number).astype(dtype.numpy)
            if element != number:
                raise Unfit
        scalar = self.emit(REGISTRY["constant"], value=Literal(element))
        return self.emit(REGISTRY["broadcast"], scalar, shape=self.shape, dims=())

    def apply(self, pattern: Apply) -> Value:
        built = [
            self.value(p, None) if isinstance(p, (Var, Apply)) else None for p in pattern.operands
        ]
        beside = next((v.type.dtype for v in reversed(built) if v is not None), None)
        inputs = [
            self.value(p, beside) if v is None else v
            for p, v in zip(pattern.operands, built, strict=True)
        ]
        choices = {"dtype": list(DType), "exponent": [3, 4]}
        attrs = {name: self.rng.choice(choices[name]) for name in pattern.op.attrs}
        return self.emit(pattern.op, *inputs, **attrs)

    def emit(self, op: Any, *inputs: Value, **attrs: Any) -> Value:
        try:
            return self.builder.emit(op, *inputs, **attrs)
        except (UserError, InternalError) as error:
            raise Unfit from error


def instances(rule: Rule, count: int) -> Iterator[Graph]:
    """Graphs made from the rule's pattern, over dtypes and shapes; not all must match."""
    rng = random.Random(rule.name)
    for dtype, _ in itertools.product(DType, range(count)):
        try:
            yield Instance(rng, dtype, rng.choice(SHAPES)).graph(rule.pattern)
        except Unfit:
            continue


def rewritten(rule: Rule, graph: Graph) -> Graph | None:
    """The graph after this rule alone, None if it does not apply."""
    fired: list[Rule] = []
    found = simplify(graph, RuleTable([rule]), lambda rule, node: fired.append(rule))
    return found if fired else None


def inputs_for(rule: Rule, graph: Graph, rng: random.Random) -> list[np.ndarray]:
    """Inputs with all special values, or, for inexact rules, numbers that nothing can happen to."""
    if rule.exact:
        size = {"n": 40}
        return [
            random_array(rng, v.type.dtype, tuple(size.get(str(s), s) for s in v.type.shape))
            for v in graph.inputs
        ]
    draw = np.random.default_rng(rng.getrandbits(32))
    return [
        np.asarray(draw.uniform(0.5, 2, [5 if isinstance(s, Dim) else s for s in v.type.shape]))
        .astype(v.type.dtype.numpy)
        for v in graph.inputs
    ]  # fmt: skip


NEED_EXAMPLES = ("transpose", "reshape", "broadcast", "slice", "update_slice", "concatenate")
ON_NUMBERS = [rule for rule in RULES if rule.pattern.op.name not in NEED_EXAMPLES]


@pytest.mark.parametrize("rule", ON_NUMBERS, ids=lambda rule: rule.name)
def test_rule(rule: Rule):
    rng = random.Random(rule.name)
    fired = 0
    for graph in instances(rule, 12):
        found = rewritten(rule, graph)
        if found is None:
            continue
        fired += 1
        verify(found, rule.name)
        inputs = inputs_for(rule, graph, rng)
        if rule.exact:
            assert_same_outcome(found, graph, inputs)
        else:
            tolerance = 8 * found.outputs[0].type.dtype.finfo.eps
            before, after = interpret(graph, inputs), interpret(found, inputs)
            np.testing.assert_allclose(after[0], before[0], rtol=tolerance, atol=tolerance)
    assert fired, f"{rule.name} never fires"


def test_every_rule_on_views_has_an_example():
    fired: set[str] = set()
    for case in EXAMPLES:
        simplify(parse(case.text), RuleTable(RULES), lambda rule, node: fired.add(rule.name))
    assert {rule.name for rule in RULES if rule not in ON_NUMBERS} <= fired


def test_names_are_unique_and_reasons_given():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.why for rule in RULES)


def cost(graph: Graph) -> float:
    """Instructions per element of all nodes that the outputs need, and a little for each node."""
    return sum(n.op.cost + 0.01 for n in needed(graph))


def needed(graph: Graph) -> list[Node]:
    live = set(graph.outputs)
    found = []
    for n in reversed(graph.nodes):
        if not live.isdisjoint(n.outputs):
            live.update(n.inputs)
            found.append(n)
    return found


@pytest.mark.parametrize("rule", ON_NUMBERS, ids=lambda rule: rule.name)
def test_right_side_never_costs_more(rule: Rule):
    for graph in instances(rule, 2):
        found = rewritten(rule, graph)
        if found is not None:
            # constants that a rule makes are free: they do not depend on the data
            assert cost(found) <= cost(graph) + 0.05, to_text(found)


def test_rules_that_never_end_are_reported():
    x, y = Var("x"), Var("y")
    subtract, negative = node("subtract"), node("negative")
    flip = Rule("flip", subtract(x, y), negative(subtract(y, x)), why="a mistake")
    graph = parse("graph @f(%x: f32[], %y: f32[]) { %0 = subtract(%x, %y) return %0 }")
    with pytest.raises(InternalError, match=r"rules do not come to an end: flip"):
        simplify(graph, RuleTable([flip]))


def test_a_variable_that_repeats_is_found_in_any_order():
    text = """graph @f(%a: f64[], %x: f64[], %y: f64[]) {
      %0 = multiply(PAIR1) %1 = multiply(PAIR2) %2 = add(%0, %1) return %2 }"""
    rule = next(rule for rule in RULES if rule.name == "distribute")
    for one, two in itertools.product(("%a, %x", "%x, %a"), ("%a, %y", "%y, %a")):
        graph = parse(text.replace("PAIR1", one).replace("PAIR2", two))
        assert rewritten(rule, graph) is not None, (one, two)


def test_random_inputs_fit_the_examples():
    for case in EXAMPLES:
        graph = parse(case.text)
        interpret(graph, random_inputs(random.Random(0), graph))
