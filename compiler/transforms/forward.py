"""Forward mode: from tangents of inputs to tangents of results.

Layer: compiler/transforms. `push_forward` walks nodes that a builder has emitted, in order, and
emits the directional derivative behind them, into the same builder. None stands for a tangent that
is zero for certain. Tangents carry masks as cotangents do (see reverse.py): a zero that a choice
has made is not multiplied with an infinite slope.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.builder import GraphBuilder
from ..ir.derivative import Linear, Pointwise, Rules, Site
from ..ir.graph import Node, Value
from ..ir.opdef import Kind, OpDef
from ..ir.term import Term
from .reverse import differentiable, gradient_loc, no_rule, site_of
from .sums import added, masked


def push_forward(
    builder: GraphBuilder,
    nodes: Sequence[Node],
    inputs: Sequence[Value],
    tangents: Sequence[Value | None],
    outputs: Sequence[Value],
) -> list[Value | None]:
    """Emit the derivative of `outputs` along `tangents` of `inputs`.

    Args:
        builder: where `nodes` have been emitted, and where the derivative goes.
        nodes: the nodes between inputs and outputs, in order; others may be among them.
        inputs: float values that no node defines.
        tangents: for each input an array of its type, or None for zeros.
        outputs: values that are differentiated.

    Returns:
        For each output its tangent, of the output's type; None where it is zero for certain.

    Raises:
        GradientError: an op on the way has no derivative.
    """
    given = [None if t is None else Term(builder, t) for t in tangents]
    found = push_forward_terms(builder, nodes, inputs, given, outputs)
    return [None if term is None else term.value for term in found]


def push_forward_terms(
    builder: GraphBuilder,
    nodes: Sequence[Node],
    inputs: Sequence[Value],
    tangents: Sequence[Term | None],
    outputs: Sequence[Value],
) -> list[Term | None]:
    """As `push_forward`, but tangents may carry masks, here and in the result."""
    found = {v: t for v, t in zip(inputs, tangents, strict=True) if t is not None}
    for node in _needed_nodes(nodes, outputs):
        given = [found.get(v) for v in node.inputs]
        if not any(given):
            continue
        with builder.at(gradient_loc(node.loc)):
            site = site_of(builder, node, found.keys())
            for v, tangent in zip(node.outputs, _tangents(node, site, given), strict=True):
                if tangent is not None:
                    found[v] = tangent
    return [found.get(v) for v in outputs]


def _needed_nodes(nodes: Sequence[Node], outputs: Sequence[Value]) -> list[Node]:
    """The nodes through which a tangent of an output may come, in order."""
    needed = set(outputs)
    found = []
    for node in reversed(nodes):
        if any(v in needed and v.type.dtype.is_float for v in node.outputs):
            found.append(node)
            needed.update(differentiable(node))
    return found[::-1]


def _tangents(node: Node, site: Site, given: Sequence[Term | None]) -> Sequence[Term | None]:
    rule = node.op.derivative
    if isinstance(rule, Pointwise):
        return [_pointwise(rule, site, given)]
    if isinstance(rule, Linear):
        return [_linear(node.op, site, given)]
    if isinstance(rule, Rules):
        return rule.jvp(site, given)
    raise no_rule(node)


def _pointwise(rule: Pointwise, site: Site, given: Sequence[Term | None]) -> Term | None:
    total: Term | None = None
    for pull, tangent in zip(rule.pulls, given, strict=True):
        if pull is None or tangent is None:
            continue
        term = pull(tangent, site.result, *site.operands, **site.attrs)
        total = added(total, masked(term, tangent.masks))
    return total


def _linear(op: OpDef, site: Site, given: Sequence[Term | None]) -> Term:
    """The op itself; operands that are no floats (indices) stay, others have zero tangents."""
    operands = [
        tangent or (x.full(0) if x.dtype.is_float else x)
        for x, tangent in zip(site.operands, given, strict=True)
    ]
    made = operands[0].op(op.name, *operands[1:], **site.attrs)
    if op.kind is not Kind.VIEW:
        return made
    return made.masked_as(operands[0], lambda mask: mask.op(op.name, **site.attrs))
