"""Reverse mode: from cotangents of results to cotangents of inputs.

Layer: compiler/transforms. `pull_back` walks nodes that a builder has emitted from the last to the
first and emits the derivative behind them, into the same builder: forward and backward are one
graph, and the derivative can be differentiated again.

The cotangent of a value is the sum of what its users contribute (sums.py); zeros are never written
down (None stands for them).

A cotangent carries masks (see ir/term.py). Where one of them is False it is exactly 0, and what it
contributes must be 0 too, whatever the local derivative is: inf * 0 and NaN * 0 are NaN. So the
product of a rule is selected by the masks again::

    np.where(x > 0, np.log(x), 0)   =>   x_ct = select(x > 0, select(x > 0, ct, 0) / x, 0)

The masks, not the zeros, decide: a cotangent that happens to be 0 still has derivatives of its
own, and a product selected by `ct == 0` would lose them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from ..errors import GradientError, InternalError, Loc
from ..ir.builder import GraphBuilder
from ..ir.derivative import Contribution, Linear, NoDerivative, Pointwise, Rules, Site
from ..ir.graph import Node, Value
from ..ir.term import Mask, Term
from .sums import Sum, masked


def pull_back(
    builder: GraphBuilder,
    nodes: Sequence[Node],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    inputs: Sequence[Value],
) -> list[Value | None]:
    """Emit the derivative of `outputs` with respect to `inputs`.

    Args:
        builder: where `nodes` have been emitted, and where the derivative goes.
        nodes: the nodes between inputs and outputs, in order; others may be among them.
        outputs: values that are differentiated.
        cotangents: for each output an array of its type, or None for zeros.
        inputs: float values with respect to which to differentiate; intermediate ones, too.

    Returns:
        For each input its cotangent, of the input's type; None where it is zero for certain.

    Raises:
        GradientError: an op on the way has no derivative.
    """
    given = [None if ct is None else Term(builder, ct) for ct in cotangents]
    found = pull_back_terms(builder, nodes, outputs, given, inputs)
    return [None if term is None else term.value for term in found]


def pull_back_terms(
    builder: GraphBuilder,
    nodes: Sequence[Node],
    outputs: Sequence[Value],
    cotangents: Sequence[Term | None],
    inputs: Sequence[Value],
) -> list[Term | None]:
    """As `pull_back`, for rules: cotangents may carry masks, here and in the result."""
    active = active_values(nodes, inputs)
    sums: dict[Value, Sum] = {}
    totals: dict[Value, Term] = {}
    for v, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and v in active:
            sums.setdefault(v, Sum(builder, v.type)).add(ct)
    for node in reversed(nodes):
        found = [sums.pop(v, None) for v in node.outputs]
        if not any(found):
            continue
        with builder.at(gradient_loc(node.loc)):
            cts = [s.total() if s else None for s in found]
            totals.update((v, ct) for v, ct in zip(node.outputs, cts, strict=True) if ct)
            for v, contribution in _contributions(builder, node, cts, active):
                if contribution is not None:
                    sums.setdefault(v, Sum(builder, v.type)).add(contribution)
    totals.update((v, sums[v].total()) for v in inputs if v in sums)
    return [totals.get(v) for v in inputs]


def active_values(nodes: Sequence[Node], inputs: Sequence[Value]) -> set[Value]:
    """The values whose derivative with respect to an input may differ from zero."""
    active = {v for v in inputs if v.type.dtype.is_float}
    for node in nodes:
        if any(v in active for v in differentiable(node)):
            active.update(v for v in node.outputs if v.type.dtype.is_float)
    return active


def differentiable(node: Node) -> Sequence[Value]:
    """The operands through which a derivative may flow."""
    rule = node.op.derivative
    if isinstance(rule, Pointwise):
        return [v for v, pull in zip(node.inputs, rule.pulls, strict=True) if pull]
    return node.inputs


def gradient_loc(loc: Loc | None) -> Loc | None:
    """The place of a derivative: that of what is differentiated, marked."""
    return loc if loc is None or loc.gradient else replace(loc, gradient=True)


def site_of(builder: GraphBuilder, node: Node, active: Container[Value]) -> Site:
    """A node as its rules see it."""
    return Site(
        tuple(Term(builder, v) for v in node.inputs),
        tuple(Term(builder, v) for v in node.outputs),
        node.attrs,
        tuple(v in active for v in node.inputs),
        node,
    )


def no_rule(node: Node) -> GradientError:
    """The error for an op that cannot be differentiated."""
    rule = node.op.derivative
    return GradientError(
        f"{node.op.name} has no derivative",
        got=", ".join(str(v.type) for v in node.inputs),
        loc=node.loc and replace(node.loc, gradient=False),
        hint=rule.reason if isinstance(rule, NoDerivative) else "",
    )


def _contributions(
    builder: GraphBuilder, node: Node, cts: Sequence[Term | None], active: set[Value]
) -> list[tuple[Value, Contribution]]:
    rule = node.op.derivative
    site = site_of(builder, node, active)
    found: Sequence[Contribution]
    if isinstance(rule, Pointwise):
        found = _pointwise(rule, site, _only(cts))
    elif isinstance(rule, Linear):
        found = _linear(rule, site, _only(cts))
    elif isinstance(rule, Rules):
        found = rule.vjp(site, cts)
    else:
        raise no_rule(node)
    if len(found) != len(node.inputs):
        raise InternalError(f"{node.op.name}: its rule gives {len(found)} cotangents")
    return [(v, c) for v, c in zip(node.inputs, found, strict=True) if v in active]


def _only(cts: Sequence[Term | None]) -> Term:
    (ct,) = cts
    assert ct is not None
    return ct


def _pointwise(rule: Pointwise, site: Site, ct: Term) -> list[Contribution]:
    found: list[Contribution] = []
    for pull, wanted in zip(rule.pulls, site.wanted, strict=True):
        if pull is None or not wanted:
            found.append(None)
            continue
        found.append(masked(pull(ct, site.result, *site.operands, **site.attrs), ct.masks))
    return found


def _linear(rule: Linear, site: Site, ct: Term) -> Sequence[Contribution]:
    found = rule.transpose(site, ct)
    if not ct.masks or not rule.on_masks:
        return found
    return [
        c.with_masks(tuple(_transposed(rule, site, m, k) for m in ct.masks))
        if isinstance(c, Term)
        else c
        for k, c in enumerate(found)
    ]


def _transposed(rule: Linear, site: Site, mask: Mask, operand: int) -> Mask:
    """Where the operand's cotangent may differ from zero, if the result's is masked."""

    def make() -> Term:
        made = rule.transpose(site, mask.term())[operand]
        assert isinstance(made, Term)
        return made

    return Mask(make)
