"""The carries of a derivative loop, and what its results say about the loop's operands.

Layer: compiler/transforms, part of loops.py. The sum over all iterations of a captured value's
cotangents is carried along. Where these are products of thin matrices (outer products, in a
recurrent network), a scan stacks their factors instead, and one product behind the loop does all::

    sum_t A_t B_t  =  [A_1 ... A_n] [B_1; ...; B_n]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..ir.builder import GraphBuilder
from ..ir.derivative import Contribution, Site
from ..ir.graph import Node, Value
from ..ir.opdef import Kind
from ..ir.term import Term, matmul
from .joint import Joint, chosen_of, extended, zeros_of

Terms = Sequence[Term | None]


@dataclass(frozen=True)
class _Sum:
    """Carried along: `held` and then `total`."""

    held: Value
    total: Value


@dataclass(frozen=True)
class _Product:
    """The factors [m, p] and [p, n] of each iteration, stacked."""

    left: Value
    right: Value

    def total(self, left: Value, right: Value, builder: GraphBuilder) -> Term:
        """The sum of all products from the stacked factors."""
        a, b = Term(builder, left), Term(builder, right)
        count, m, p = a.shape
        n = b.shape[2]
        return matmul(a.transpose([1, 0, 2]).reshape((m, count * p)), b.reshape((count * p, n)))


class Backward:
    """The carries of a derivative loop: cotangents of carries, then sums for captured values.

    `active` says which inputs of the body are active: carries, arrays walked, captured values.
    """

    def __init__(
        self,
        joint: Joint,
        active: Sequence[bool],
        carries: int,
        scanned: int,
        *,
        stacks: bool = False,
    ) -> None:
        self.active = active
        self.carries, self.scanned = carries, scanned
        body = joint.body
        self.count = sum(active[:carries])
        builder = GraphBuilder(body.name)
        first, last = self.count, self.count + sum(active[carries : carries + scanned])
        results = list(joint.results)
        for k, v in enumerate(chosen_of(body.inputs, active)[: self.count]):
            if results[k] is None:
                results[k] = zeros_of(builder, v)
        self.x_results = results[first:last]
        producers = {v: node for node in joint.backward for v in node.outputs}
        # for each active captured value; None: it has no cotangent
        self.captured: list[_Sum | _Product | None] = []
        for v in results[last:]:
            thin = _thin_product(producers.get(v)) if stacks and v is not None else None
            if v is None or thin is not None:
                self.captured.append(thin)
                continue
            held = Value(v.type, "sum")
            total = Term(builder, held) + Term(builder, v)
            self.captured.append(_Sum(held, total.value))
        sums = [c for c in self.captured if isinstance(c, _Sum)]
        self.held = [c.held for c in sums]
        ordered = [
            *results[:first],
            *(c.total for c in sums),
            *(v for v in self.x_results if v is not None),
            *(v for c in self.captured if isinstance(c, _Product) for v in (c.left, c.right)),
        ]
        whole = extended(joint, builder, ordered)
        self.joint = replace(whole, seeds=(*joint.seeds, *self.held))
        self.carry_inputs = [*joint.seeds[: self.count], *self.held]

    def initial(self, builder: GraphBuilder, cts: Terms) -> list[Value]:
        """Cotangents of the final carries, and zeros for the sums."""
        seeds = self.joint.seeds[: self.count]
        given = chosen_of(cts[: self.carries], self.active[: self.carries])
        found = [
            zeros_of(builder, seed) if ct is None else ct.value
            for ct, seed in zip(given, seeds, strict=True)
        ]
        return [*found, *(zeros_of(builder, held) for held in self.held)]

    def contributions(self, builder: GraphBuilder, site: Site, node: Node) -> list[Contribution]:
        """What the outputs of the derivative loop say about the operands of the loop."""
        outputs = iter(node.outputs)
        found: list[Contribution] = []
        carries, arrays = self.carries, self.carries + self.scanned
        found += [Term(builder, next(outputs)) if a else None for a in self.active[:carries]]
        sums = [Term(builder, next(outputs)) for _ in self.held]
        x_found = iter(self.x_results)
        for a in self.active[carries:arrays]:
            some = a and next(x_found) is not None
            found.append(Term(builder, next(outputs)) if some else None)
        totals = iter(sums)
        captured: list[Term | None] = []
        for c in self.captured:
            if isinstance(c, _Product):
                captured.append(c.total(next(outputs), next(outputs), builder))
            else:
                captured.append(next(totals) if c else None)
        rest = iter(captured)
        found += [next(rest) if a else None for a in self.active[arrays:]]
        return found


def _thin_product(node: Node | None) -> _Product | None:
    """The factors, if a value is a product of matrices that are small together beside it."""
    if node is None or node.op.kind is not Kind.CONTRACT or node.output.type.rank != 2:
        return None
    left, right = node.inputs
    inner = left.type.shape[1]
    room = node.output.type.size - inner * (left.type.shape[0] + right.type.shape[1])
    if inner == 1 or (isinstance(room, int) and room >= 0):
        return _Product(left, right)
    return None
