"""Derivatives of branches (op `switch`), in both modes.

Layer: compiler/transforms. The derivative is a switch on the same index, which computes the branch
again, with its derivative behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.derivative import Contribution, Site
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import REGISTRY
from ..ir.term import Term
from .joint import Joint, chosen_of, forward_joint, reverse_joint, with_zeros
from .residuals import subgraph

Terms = Sequence[Term | None]

# -- switch -------------------------------------------------------------------------------------


def switch_vjp(site: Site, cts: Terms) -> list[Contribution]:
    """Reverse mode of `switch`: the branch is computed again, with its derivative."""
    seeded = [ct is not None for ct in cts]
    active = list(site.wanted[1:])

    def derive(branch: Graph) -> Joint:
        return reverse_joint(branch, seeded, active)

    given = [ct.value for ct in cts if ct is not None]
    node = _derived_switch(site, derive, given, chosen_of(site.operands[1:], active))
    outputs = iter(node.outputs)
    builder = site.operands[0].builder
    return [None, *(Term(builder, next(outputs)) if a else None for a in active)]


def switch_jvp(site: Site, tangents: Terms) -> list[Term | None]:
    """Forward mode of `switch`."""
    active = [t is not None for t in tangents[1:]]
    wanted = [r.dtype.is_float for r in site.results]

    def derive(branch: Graph) -> Joint:
        return forward_joint(branch, active, wanted)

    given = [t.value for t in tangents[1:] if t is not None]
    node = _derived_switch(site, derive, given, chosen_of(site.results, wanted))
    outputs = iter(node.outputs)
    builder = site.operands[0].builder
    return [Term(builder, next(outputs)) if w else None for w in wanted]


def _derived_switch(
    site: Site, derive: Callable[[Graph], Joint], given: Sequence[Value], like: Sequence[Term]
) -> Node:
    builder = site.operands[0].builder
    branches = []
    for branch in site.node.attrs["branches"]:
        joint = with_zeros(derive(branch), [t.value for t in like], len(like))
        inputs = [*branch.inputs, *joint.seeds]
        results = [v for v in joint.results if v is not None]
        nodes = [*joint.forward, *joint.backward]
        branches.append(subgraph(f"{branch.name}_ct", inputs, nodes, results))
    operands = [*site.node.inputs, *given]
    return builder.emit_node(REGISTRY["switch"], operands, branches=tuple(branches))
