"""Ops that compute nothing: they tell the transformations how to treat a value.

Layer: compiler/ops. Once the derivatives are generated they have done their work: `without_custom`
removes `custom` nodes when a trace ends, rules of `simplify` remove `stop_gradient`. A `barrier`
stays to the end, it keeps a recomputation where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InternalError
from ..ir.batching import BatchSite, Mapped
from ..ir.derivative import Contribution, Rules, Site, pointwise
from ..ir.graph import Graph, Node, Value, with_regions
from ..ir.opdef import Affine, IndexMap, Kind, op
from ..ir.term import Term
from ..ir.types import Shape, TensorType
from .elementwise import elementwise
from .infer import ALL

Attrs = Mapping[str, Any]
Types = tuple[TensorType, ...]
Terms = Sequence[Term | None]

STOP_GRADIENT = elementwise(
    "stop_gradient",
    1,
    ALL,
    reference=lambda x: x,
    lower=lambda s, x: x,
    derivative=pointwise(None),
    cost=0.0,
    doc="The operand itself, as a constant for derivatives.",
)


# --- barrier -----------------------------------------------------------------------------------


def _barrier_map(source: Shape, result: Shape, attrs: Attrs) -> IndexMap:
    rank = len(result)
    return tuple(Affine(0, tuple(int(i == k) for k in range(rank))) for i in range(rank))


def _barrier_vjp(site: Site, cts: Terms) -> list[Contribution]:
    return [cts[0], *[None] * (len(site.operands) - 1)]


def _barrier_batch(site: BatchSite) -> list[Mapped]:
    first, *others = site.operands
    made = first.term.op("barrier", *(x.term for x in others))
    return [Mapped(made, first.is_mapped)]


BARRIER = op(
    "barrier",
    Kind.VIEW,
    arity=None,
    infer=lambda types, attrs: (types[0],),
    reference=lambda x, *others: x,
    index_map=_barrier_map,
    derivative=Rules(_barrier_vjp, lambda site, tangents: [tangents[0]]),
    batch=_barrier_batch,
    cost=0.0,
    doc="The first operand, to be used only once the others are computed. What is computed from it "
    "is not merged with what is computed from the operand itself.",
)


# --- custom ------------------------------------------------------------------------------------


def _custom_infer(types: Sequence[TensorType], attrs: Attrs) -> Types:
    results = attrs["results"]
    if not 0 <= results <= len(types):
        raise InternalError(f"custom: {results} results of {len(types)} operands")
    return tuple(types[:results])


CUSTOM = op(
    "custom",
    Kind.VIEW,
    arity=None,
    infer=_custom_infer,
    reference=lambda *operands, results, rule: operands[:results],
    derivative=Rules(
        lambda site, cts: site.attrs["rule"].vjp(site, cts),
        lambda site, tangents: site.attrs["rule"].jvp(site, tangents),
    ),
    batch=lambda site: site.attrs["rule"].batch(site),
    attrs=("results", "rule"),
    cost=0.0,
    doc="Its first operands, with the derivative that the object `rule` emits (methods vjp, jvp "
    "and batch, as in the records of ops). Found in traces only.",
)


def without_custom(graph: Graph) -> Graph:
    """The graph with the operands of `custom` nodes in place of their results, in regions too."""
    replaced: dict[Value, Value] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple([replaced.get(v, v) for v in node.inputs])
        if node.op is CUSTOM:
            replaced.update(zip(node.outputs, inputs, strict=False))
            continue
        if inputs != node.inputs:
            node = Node(node.op, inputs, node.attrs, node.outputs, node.loc)
        nodes.append(with_regions(node, without_custom))
    if not replaced and all(new is old for new, old in zip(nodes, graph.nodes, strict=True)):
        return graph
    outputs = tuple([replaced.get(v, v) for v in graph.outputs])
    return Graph(graph.name, graph.inputs, tuple(nodes), outputs, graph.guards)
