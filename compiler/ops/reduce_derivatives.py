"""Derivatives of reductions and scans (ops/reduce.py).

Layer: compiler/ops. A product's derivative is the product of the other elements, never the whole
divided by the element: zeros in the data are no exception.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.derivative import Contribution, Site
from ..ir.dims import product
from ..ir.term import Term, concatenate, full

# --- reductions --------------------------------------------------------------------------------


def sum_transpose(site: Site, ct: Term) -> list[Contribution]:
    """Each element has the cotangent of its sum."""
    return [ct.spread(site.operand.shape, site.attrs["axes"])]


def _best(site: Site) -> tuple[Term, Term]:
    """Which elements are the smallest or largest, and how many there are of them."""
    x, axes = site.operand, site.attrs["axes"]
    best = x.eq(site.result.spread(x.shape, axes))
    return best, best.cast(x.dtype).sum(axes)


def extreme_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    """Equal elements share the cotangent equally."""
    (ct,) = cts
    assert ct is not None
    best, count = _best(site)
    share = (ct / count).with_masks(ct.masks)
    return [share.spread(site.operand.shape, site.attrs["axes"]).where(best)]


def extreme_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    """The mean of the tangents of the smallest or largest elements."""
    (tangent,) = tangents
    assert tangent is not None
    best, count = _best(site)
    return [best.select(tangent, 0).sum(site.attrs["axes"]) / count]


def _others(site: Site) -> Term:
    """For each element the product of the others: exact, however many of them are zero."""
    x, axes = site.operand, site.attrs["axes"]
    kept = [k for k in range(x.rank) if k not in axes]
    order = [*kept, *axes]
    moved = x.transpose(order)
    last = len(kept)
    rows = moved.reshape((*moved.shape[:last], product(moved.shape[last:])))
    product_before, product_after = _before(rows, last), _before(rows.flip(last), last).flip(last)
    others = (product_before * product_after).reshape(moved.shape)
    return others.transpose([order.index(k) for k in range(x.rank)])


def _before(x: Term, axis: int) -> Term:
    """For each element the product of those before it."""
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    one = full(x.builder, shape, 1, x.dtype)
    return concatenate([one, x], axis).along(axis, 0, x.shape[axis]).op("cumprod", axis=axis)


def prod_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    """Each element has the cotangent of the product, times the other elements."""
    (ct,) = cts
    assert ct is not None
    wide = ct.spread(site.operand.shape, site.attrs["axes"])
    return [wide * _others(site)]


def prod_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    """The sum of the tangents, each times the other elements."""
    (tangent,) = tangents
    assert tangent is not None
    return [(tangent * _others(site)).sum(site.attrs["axes"])]


# --- scans -------------------------------------------------------------------------------------


def _backwards(axis: int, name: str, *operands: Term) -> Term:
    """A scan from the end to the start."""
    first, *others = (x.flip(axis) for x in operands)
    return first.op(name, *others, axis=axis).flip(axis)


def cumsum_transpose(site: Site, ct: Term) -> list[Contribution]:
    """Each element has the cotangents of all sums from its own on."""
    return [_backwards(site.attrs["axis"], "cumsum", ct)]


def cumprod_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    """An element multiplies what is before it into everything from it on: no division by it."""
    (ct,), axis = cts, site.attrs["axis"]
    assert ct is not None
    x = site.operand
    after = _backwards(axis, "linear_recurrence", x.shift(axis, -1), ct)
    return [_before(x, axis) * after]


def cumprod_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    """A recurrence: (y[i-1]*x[i])' = x[i]*y'[i-1] + y[i-1]*x'[i]."""
    (tangent,), axis = tangents, site.attrs["axis"]
    assert tangent is not None
    x = site.operand
    return [x.op("linear_recurrence", _before(x, axis) * tangent, axis=axis)]


def recurrence_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    """The same recurrence backwards, with each factor one place earlier."""
    (ct,), axis = cts, site.attrs["axis"]
    assert ct is not None
    a, wants_a = site.operands[0], site.wanted[0]
    total = _backwards(axis, "linear_recurrence", a.shift(axis, -1), ct)
    return [total * site.result.shift(axis, 1) if wants_a else None, total]


def recurrence_jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    """The same recurrence with the change of each step as its term."""
    (a_dot, b_dot), axis = tangents, site.attrs["axis"]
    parts = [a_dot and a_dot * site.result.shift(axis, 1), b_dot]
    first, *more = [p for p in parts if p is not None]
    change = first + more[0] if more else first
    return [site.operands[0].op("linear_recurrence", change, axis=axis)]
