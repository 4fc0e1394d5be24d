"""Reverse mode: from cotangents of results to cotangents of inputs.

Layer: compiler/transforms. `pull_back` walks nodes that a builder has emitted from the last to the
first and emits the derivative behind them, into the same builder: forward and backward are one
graph, and the derivative can be differentiated again.

The cotangent of a value is the sum of what its users contribute; zeros are never written down (None
stands for them). Contributions to regions of an array (`Part`, from slices) are added in place.

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
from ..ir.derivative import Contribution, Linear, NoDerivative, Part, Pointwise, Rules, Site
from ..ir.graph import Node, Value
from ..ir.term import Mask, Masks, Term, full


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
        inputs: float values with respect to which to differentiate. No node defines one of them.

    Returns:
        For each input its cotangent, of the input's type; None where it is zero for certain.

    Raises:
        GradientError: an op on the way has no derivative.
    """
    active = active_values(nodes, inputs)
    sums: dict[Value, _Sum] = {}
    for v, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and v in active:
            sums.setdefault(v, _Sum(builder, v)).add(Term(builder, ct))
    for node in reversed(nodes):
        found = [sums.pop(v, None) for v in node.outputs]
        if not any(found):
            continue
        with builder.at(gradient_loc(node.loc)):
            cts = [s.total() if s else None for s in found]
            for v, contribution in _contributions(builder, node, cts, active):
                if contribution is not None:
                    sums.setdefault(v, _Sum(builder, v)).add(contribution)
    return [sums[v].total().value if v in sums else None for v in inputs]


def active_values(nodes: Sequence[Node], inputs: Sequence[Value]) -> set[Value]:
    """The values whose derivative with respect to an input may differ from zero."""
    active = {v for v in inputs if v.type.dtype.is_float}
    for node in nodes:
        if any(v in active for v in _differentiable(node)):
            active.update(v for v in node.outputs if v.type.dtype.is_float)
    return active


def _differentiable(node: Node) -> Sequence[Value]:
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
        found.append(_masked(pull(ct, site.result, *site.operands, **site.attrs), ct.masks))
    return found


def _masked(term: Term, masks: Masks) -> Term:
    """The term with the masks, selected by those that it does not carry yet."""
    missing = [m for m in masks if m not in term.masks]
    if not missing:
        return term
    chosen = _all(missing).select(term, 0)
    return chosen.with_masks((*term.masks, *missing))


def _all(masks: Sequence[Mask]) -> Term:
    condition = masks[0].term()
    for mask in masks[1:]:
        condition = condition & mask.term()
    return condition


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


# -- sums ---------------------------------------------------------------------------------------


class _Sum:
    """The cotangent of one value while its contributions come in."""

    def __init__(self, builder: GraphBuilder, value: Value) -> None:
        self._builder = builder
        self._type = value.type
        self._dense: Term | None = None
        self._parts: list[Part] = []

    def add(self, contribution: Term | Part) -> None:
        """One more contribution."""
        if isinstance(contribution, Part):
            self._parts.append(contribution)
            return
        if contribution.type != self._type:
            raise InternalError(f"a cotangent of {self._type} is {contribution.type}")
        if self._dense is None:
            self._dense = contribution
        else:
            masks = _either(self._dense.masks, contribution.masks)
            self._dense = (self._dense + contribution).with_masks(masks)

    def total(self) -> Term:
        """The sum, as an array."""
        if not self._parts:
            assert self._dense is not None
            return self._dense
        base = self._dense
        fresh = base is None  # zeros where no part lies yet
        whole = base or full(self._builder, self._type.shape, 0, self._type.dtype)
        for k, part in enumerate(self._parts):
            term = part.term
            if not fresh or any(_may_overlap(part, other) for other in self._parts[:k]):
                term = whole.slice(part.starts, part.steps, term.shape) + term
            whole = whole.update(term, part.starts, part.steps)
        self._dense, self._parts = whole.with_masks(()), []
        return self._dense


def _either(a: Masks, b: Masks) -> Masks:
    """What masks a sum, given what masks its terms."""
    if not a or not b:
        return ()
    common = tuple(m for m in a if m in b)
    rest_a = [m for m in a if m not in common]
    rest_b = [m for m in b if m not in common]
    if not rest_a or not rest_b:
        return common
    return (*common, Mask(lambda: _all(rest_a) | _all(rest_b)))


def _may_overlap(a: Part, b: Part) -> bool:
    """Whether two regions may share an element."""
    for axis in range(a.term.rank):
        first, second = _span(a, axis), _span(b, axis)
        if first is None or second is None:
            continue
        (low, high, step), (low2, high2, step2) = first, second
        if high < low2 or high2 < low:
            return False
        if abs(step) == abs(step2) and (low - low2) % abs(step):
            return False
    return True


def _span(part: Part, axis: int) -> tuple[int, int, int] | None:
    """The first and the last index of a region along an axis and its step; None if symbolic."""
    start, step, size = part.starts[axis], part.steps[axis], part.term.shape[axis]
    if not isinstance(start, int) or not isinstance(size, int):
        return None
    last = start + step * (size - 1)
    return min(start, last), max(start, last), step
