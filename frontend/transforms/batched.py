"""Rules of `custom` nodes for a stack of examples: the derivative of what `tw.vmap` has batched.

Layer: frontend. The rule for one example is emitted into a graph of its own, which is batched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.ir.batching import BatchSite, Mapped
from ...compiler.ir.builder import GraphBuilder
from ...compiler.ir.derivative import Contribution, Site
from ...compiler.ir.graph import Node, Value
from ...compiler.ir.term import Term
from ...compiler.ir.types import Size
from ...compiler.ops.markers import CUSTOM
from ...compiler.transforms.batch import batch_terms

Terms = Sequence[Term | None]


def batch_rule(rule: Any, results: int, site: BatchSite) -> list[Mapped]:
    """A `custom` node for a stack of examples; its results are all mapped."""
    wholes = [Mapped(x.whole(site.size), True) for x in site.operands[:results]]
    operands = [*wholes, *site.operands[results:]]
    mapped = tuple([x.is_mapped for x in operands])
    batched = BatchedRule(rule, mapped, site.size)
    values = [x.term.value for x in operands]
    node = site.builder.emit_node(CUSTOM, values, results=results, rule=batched)
    return [Mapped(Term(site.builder, v), True) for v in node.outputs]


@dataclass(frozen=True, eq=False)
class BatchedRule:
    """A rule for `size` examples; `mapped` says which operands have an axis for them."""

    rule: Any
    mapped: tuple[bool, ...]
    size: Size

    def vjp(self, site: Site, cts: Terms) -> list[Contribution]:
        """The cotangents of all examples; those of operands that they share are added up."""
        found = self._batched(site, [None] * len(site.operands), cts, self._example_vjp)
        return [
            None if x is None else x.whole(self.size) if mapped else self._sum(x)
            for x, mapped in zip(found, self.mapped, strict=True)
        ]

    def _sum(self, x: Mapped) -> Term:
        return x.whole(self.size).sum([0])

    def jvp(self, site: Site, tangents: Terms) -> Terms:
        """The tangents of all examples."""
        found = self._batched(site, tangents, [None] * len(site.results), self._example_jvp)
        return [None if x is None else x.whole(self.size) for x in found]

    def batch(self, site: BatchSite) -> Sequence[Mapped]:
        """The rule for a stack of stacks."""
        return batch_rule(self, site.attrs["results"], site)

    def _example_vjp(self, site: Site, tangents: Terms, cts: Terms) -> Terms:
        return [c if isinstance(c, Term) else None for c in self.rule.vjp(site, cts)]

    def _example_jvp(self, site: Site, tangents: Terms, cts: Terms) -> Terms:
        found: Terms = self.rule.jvp(site, tangents)
        return found

    def _batched(
        self, site: Site, tangents: Terms, cts: Terms, emit: Callable[[Site, Terms, Terms], Terms]
    ) -> list[Mapped | None]:
        """What `emit` gives for one example, for all of them."""
        one = GraphBuilder("example")
        given: list[Mapped] = []

        def example(term: Term | None, mapped: bool) -> Term | None:
            if term is None:
                return None
            given.append(Mapped(term, mapped))
            return Term(one, one.input(given[-1].example))

        def all_of(terms: Terms, mapped: Sequence[bool]) -> list[Any]:
            return [example(t, m) for t, m in zip(terms, mapped, strict=True)]

        every = [True] * len(site.results)
        operands = all_of(site.operands, self.mapped)
        results = all_of(site.results, every)
        node = _example_node(site, operands, results)
        inside = Site(tuple(operands), tuple(results), site.attrs, site.wanted, node)
        found = emit(inside, all_of(tangents, self.mapped), all_of(cts, every))
        graph = one.finish([t.value for t in found if t is not None])
        builder = site.operands[0].builder
        made = iter(batch_terms(builder, graph, given, self.size))
        return [None if t is None else next(made) for t in found]


def _example_node(site: Site, operands: Sequence[Term], results: Sequence[Term]) -> Node:
    inputs: tuple[Value, ...] = tuple([t.value for t in operands])
    outputs = tuple([t.value for t in results])
    return Node(site.node.op, inputs, site.attrs, outputs, site.node.loc)
