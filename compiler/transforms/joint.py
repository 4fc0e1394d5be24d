"""A body and its derivative in one graph, before they are taken apart.

Layer: compiler/transforms, shared by loops.py and branches.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.term import Term
from .forward import push_forward
from .residuals import Split, split, subgraph
from .reverse import active_values, pull_back


@dataclass(frozen=True)
class Joint:
    """A body with its derivative behind it: `results` from `seeds` and values of the body.

    `forward` are the body's nodes; inner loops among them may have been widened meanwhile.
    """

    body: Graph
    seeds: tuple[Value, ...]
    forward: Sequence[Node]
    backward: Sequence[Node]
    results: tuple[Value | None, ...]

    def split(self, carries: int, scanned: int) -> Split:
        """What to keep; the arrays that are walked and what is captured is there anyway."""
        given = [*self.body.inputs[carries:], *self.seeds]
        constant = self.body.inputs[carries + scanned :]
        results = [v for v in self.results if v is not None]
        return split(self.forward, results, self.backward, given, constant)

    def widened(self, kept: Sequence[Value]) -> Graph:
        """The body, which gives the kept values, too."""
        outputs = [*self.body.outputs, *kept]
        return subgraph(self.body.name, self.body.inputs, self.forward, outputs)

    def derivative(self, name: str, inputs: Sequence[Value], chosen: Split) -> Graph:
        """The derivative alone."""
        nodes = [*(n for n in self.forward if n in chosen.again), *self.backward]
        return subgraph(name, inputs, nodes, [v for v in self.results if v is not None])


def reverse_joint(body: Graph, seeded: Sequence[bool], wanted: Sequence[bool]) -> Joint:
    """Seeds: cotangents of the chosen outputs. Results: those of the wanted inputs."""
    outputs, inputs = chosen_of(body.outputs, seeded), chosen_of(body.inputs, wanted)
    return _joint(body, pull_back, outputs, "ct", inputs)


def forward_joint(body: Graph, seeded: Sequence[bool], wanted: Sequence[bool]) -> Joint:
    """Seeds: tangents of the chosen inputs. Results: those of the wanted outputs."""
    inputs, outputs = chosen_of(body.inputs, seeded), chosen_of(body.outputs, wanted)
    return _joint(body, push_forward, inputs, "dot", outputs)


def _joint(
    body: Graph,
    derive: Callable[..., list[Value | None]],
    seeded: Sequence[Value],
    name: str,
    wanted: Sequence[Value],
) -> Joint:
    builder = GraphBuilder.like(body)
    for node in body.nodes:
        builder.keep(node)
    seeds = [builder.input(v.type, name) for v in seeded]
    found = derive(builder, body.nodes, seeded, seeds, wanted)
    nodes, size = builder.nodes, len(body.nodes)
    return Joint(body, tuple(seeds), nodes[:size], nodes[size:], tuple(found))


def with_zeros(joint: Joint, types: Sequence[Value], count: int) -> Joint:
    """The joint graph whose first `count` results are arrays of zeros where they were None."""
    builder = GraphBuilder(joint.body.name)
    results = list(joint.results)
    for k in range(count):
        if results[k] is None:
            results[k] = zeros_of(builder, types[k])
    return extended(joint, builder, results)


def extended(joint: Joint, builder: GraphBuilder, results: Sequence[Value | None]) -> Joint:
    """The joint graph with the builder's nodes behind it, and other results."""
    backward = [*joint.backward, *builder.nodes]
    return replace(joint, backward=backward, results=tuple(results))


def zeros_of(builder: GraphBuilder, like: Value) -> Value:
    """An array of zeros of a value's type."""
    return Term(builder, like).full(0).value


# -- activity -----------------------------------------------------------------------------------


def active_carries(body: Graph, carries: int, active: list[bool]) -> list[bool]:
    """Which inputs of a loop's body are active in some iteration, if `active` are at first."""
    active = list(active)
    while True:
        found = active_values(body.nodes, chosen_of(body.inputs, active))
        grown = [a or (k < carries and body.outputs[k] in found) for k, a in enumerate(active)]
        grown = [a and v.type.dtype.is_float for a, v in zip(grown, body.inputs, strict=True)]
        if grown == active:
            return active
        active = grown


def chosen_of(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """Those of the values whose flags are set."""
    return [v for v, flag in zip(values, flags, strict=True) if flag]
