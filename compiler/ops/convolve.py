"""Sums of products over windows: convolution, and its derivative with respect to the filters.

Layer: compiler/ops. Channels come last: x is [batch, *spatial, channels], the filters are
[*window, channels/groups, outputs]. With X as x with `spread - 1` zeros between neighbours and then
`padding` zeros before and after (a negative number cuts off)::

    convolve(x, w)[b, o, n]          = sum over k, c of X[b, o*stride + k*dilation, c] * w[k, c, n]
    convolve_filter(x, ct)[k, c, n]  = sum over b, o of X[b, o*stride + k*dilation, c] * ct[b, o, n]

The derivative with respect to x is a convolution again: of `ct`, spread by the strides, with the
filters reversed (`input_gradient`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.batching import BatchSite
from ..ir.derivative import Contribution, Rules, Site
from ..ir.dims import quotient
from ..ir.opdef import Kind, op
from ..ir.term import Term
from ..ir.types import DType, Shape, Size, TensorType
from .infer import shown

Attrs = Mapping[str, Any]

GEOMETRY = ("strides", "padding", "dilation", "spread", "groups")


# --- types -------------------------------------------------------------------------------------


def _check_operands(name: str, types: Sequence[TensorType], attrs: Attrs) -> int:
    """Raise unless dtypes, numbers of axes and attributes fit together; the spatial axes' count."""
    x, y = types
    spatial, got = len(attrs["strides"]), shown(types)
    if x.dtype is not y.dtype or x.dtype not in (DType.F32, DType.F64):
        raise DTypeError(f"{name}: needs two arrays of f32 or of f64", got=got)
    if spatial not in (1, 2, 3):
        raise ShapeError(f"{name}: needs one to three spatial axes", got=f"{spatial} strides")
    if x.rank != spatial + 2 or y.rank != spatial + 2:
        raise ShapeError(
            f"{name}: needs a batch, {spatial} spatial axes and channels",
            got=got,
            expected=f"{spatial + 2} axes",
        )
    for key in ("strides", "dilation", "spread"):
        if len(attrs[key]) != spatial or any(not isinstance(n, int) or n < 1 for n in attrs[key]):
            raise ShapeError(
                f"{name}: {key} must be an int of at least 1 for each spatial axis",
                got=str(list(attrs[key])),
            )
    if len(attrs["padding"]) != spatial or any(len(pair) != 2 for pair in attrs["padding"]):
        raise ShapeError(
            f"{name}: padding must be two sizes for each spatial axis", got=str(attrs["padding"])
        )
    return spatial


def places(sizes: Sequence[Size], window: Sequence[Size], attrs: Attrs) -> Shape:
    """How many places a window has along each spatial axis; below 0 where it does not fit."""
    found: list[Size] = []
    for k, (size, extent) in enumerate(zip(sizes, window, strict=True)):
        low, high = attrs["padding"][k]
        room = (size - 1) * attrs["spread"][k] + low + high - (extent - 1) * attrs["dilation"][k]
        found.append(room // attrs["strides"][k] + 1)
    return tuple(found)


def per_group(outputs: Size, groups: Size) -> Size | None:
    """`outputs / groups`; None if it is no whole number."""
    return None if groups == 0 else quotient(outputs, groups)


def _result_shape(
    name: str, x: TensorType, window: Sequence[Size], outputs: Size, attrs: Attrs, got: str
) -> Shape:
    """[batch, *places, outputs]."""
    if any(not isinstance(n, int) or n < 1 for n in window):
        raise ShapeError(f"{name}: the sizes of the window must be ints of at least 1", got=got)
    found = places(x.shape[1:-1], window, attrs)
    if any(isinstance(n, int) and n < 0 for n in found):
        raise ShapeError(f"{name}: the window does not fit into the padded array", got=got)
    if per_group(outputs, attrs["groups"]) is None:
        raise ShapeError(
            f"{name}: the outputs cannot be divided among {attrs['groups']} groups", got=got
        )
    return (x.shape[0], *found, outputs)


def _convolve_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    name = "convolve"
    _check_operands(name, types, attrs)
    x, w = types
    if x.shape[-1] != w.shape[-2] * attrs["groups"]:
        raise ShapeError(
            f"{name}: the channels of x are not those of the filters times the groups",
            got=f"{shown(types)} with {attrs['groups']} groups",
            expected=f"{w.shape[-2] * attrs['groups']} channels",
        )
    shape = _result_shape(name, x, w.shape[:-2], w.shape[-1], attrs, shown(types))
    return (x.with_shape(shape),)


def _filter_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    name = "convolve_filter"
    spatial = _check_operands(name, types, attrs)
    (x, ct), window, got = types, attrs["window"], shown(types)
    if len(window) != spatial:
        raise ShapeError(f"{name}: window must be a size for each spatial axis", got=str(window))
    channels = per_group(x.shape[-1], attrs["groups"])
    if channels is None:
        raise ShapeError(
            f"{name}: the channels cannot be divided among {attrs['groups']} groups", got=got
        )
    shape = _result_shape(name, x, window, ct.shape[-1], attrs, got)
    if ct.shape != shape:
        raise ShapeError(
            f"{name}: the second operand has not the shape of the convolution's result",
            got=got,
            expected=str(x.with_shape(shape)),
        )
    return (x.with_shape((*window, channels, ct.shape[-1])),)


# --- references --------------------------------------------------------------------------------


def _spread_and_padded(x: Any, attrs: Attrs) -> Any:
    """X of the module's text."""
    for k, (step, pair) in enumerate(zip(attrs["spread"], attrs["padding"], strict=True), start=1):
        if x.shape[k] > 1 and step > 1:
            wide = np.zeros((*x.shape[:k], (x.shape[k] - 1) * step + 1, *x.shape[k + 1 :]), x.dtype)
            wide[(slice(None),) * k + (slice(None, None, step),)] = x
            x = wide
        widths = [(0, 0)] * x.ndim
        widths[k] = (max(pair[0], 0), max(pair[1], 0))
        x = np.pad(x, widths)
        stop = x.shape[k] + min(pair[1], 0)
        x = x[(slice(None),) * k + (slice(max(-pair[0], 0), max(stop, 0)),)]
    return x


def _parts(x: Any, window: Sequence[int], shape: Sequence[int], attrs: Attrs) -> Any:
    """For each position of the window: its index, and what it sees, [*shape, groups, c]."""
    wide, groups = _spread_and_padded(x.astype(np.float64), attrs), attrs["groups"]
    steps = list(zip(attrs["strides"], attrs["dilation"], shape, strict=True))
    for index in product(*map(range, window)):
        seen = tuple(
            slice(i * dilation, i * dilation + (count - 1) * stride + 1, stride)
            for i, (stride, dilation, count) in zip(index, steps, strict=True)
        )
        part = wide[(slice(None), *seen)]
        yield index, part.reshape((*part.shape[:-1], groups, x.shape[-1] // groups))


def _convolve_reference(x: Any, w: Any, **attrs: Any) -> Any:
    window, (channels, outputs), groups = w.shape[:-2], w.shape[-2:], attrs["groups"]
    shape = places(x.shape[1:-1], window, attrs)
    total = np.zeros((x.shape[0], *shape, groups, outputs // groups))
    if x.size and total.size:
        filters = w.astype(np.float64).reshape((*window, channels, groups, outputs // groups))
        for index, part in _parts(x, window, shape, attrs):  # type: ignore[arg-type]
            total += np.einsum("...gc,cgn->...gn", part, filters[index])
    return total.reshape((x.shape[0], *shape, outputs)).astype(x.dtype)


def _filter_reference(x: Any, ct: Any, *, window: tuple[int, ...], **attrs: Any) -> Any:
    groups, shape, outputs = attrs["groups"], ct.shape[1:-1], ct.shape[-1]
    channels = x.shape[-1] // groups
    found = np.zeros((*window, channels, groups, outputs // groups))
    if x.size and ct.size:
        rows = ct.astype(np.float64).reshape((-1, groups, outputs // groups))
        for index, part in _parts(x, window, shape, attrs):
            found[index] = np.einsum("rgc,rgn->cgn", part.reshape((-1, groups, channels)), rows)
    return found.reshape((*window, channels, outputs)).astype(x.dtype)


# --- derivatives -------------------------------------------------------------------------------


def convolve(x: Term, w: Term, attrs: Attrs) -> Term:
    """The op `convolve`, given attributes among which are those of GEOMETRY."""
    return x.op("convolve", w, **{key: attrs[key] for key in GEOMETRY})


def convolve_filter(x: Term, ct: Term, window: Sequence[Size], attrs: Attrs) -> Term:
    """The op `convolve_filter`, likewise."""
    kept = {key: attrs[key] for key in GEOMETRY}
    return x.op("convolve_filter", ct, window=tuple(window), **kept)


def input_gradient(ct: Term, w: Term, sizes: Sequence[Size], attrs: Attrs) -> Term:
    """What `convolve(x, w)` gives back to x, whose spatial sizes are `sizes`.

    Position p of x meets k of the window at the place o with `o*stride = p*spread + low -
    k*dilation`. With k counted from the other end that is a convolution of `ct`, spread by the
    strides, with steps of `spread`.
    """
    window, padding = w.shape[:-2], []
    for k, (size, extent) in enumerate(zip(sizes, window, strict=True)):
        low = attrs["padding"][k][0]
        reach = (size - 1) * attrs["spread"][k] - (ct.shape[k + 1] - 1) * attrs["strides"][k]
        padding.append(((extent - 1) * attrs["dilation"][k] - low, reach + low))
    reverse = {
        "strides": attrs["spread"],
        "padding": tuple(padding),
        "dilation": attrs["dilation"],
        "spread": attrs["strides"],
        "groups": attrs["groups"],
    }
    return convolve(ct, _reversed(w, attrs["groups"]), reverse)


def _reversed(w: Term, groups: Size) -> Term:
    """[*window, c, groups*n], the window from its other end, as [*window, n, groups*c]."""
    spatial, (channels, outputs) = w.rank - 2, w.shape[-2:]
    for axis in range(spatial):
        w = w.flip(axis)
    front = (*range(spatial),)
    if groups == 1:
        return w.transpose([*front, spatial + 1, spatial])
    each = per_group(outputs, groups)
    assert each is not None
    split = w.reshape((*w.shape[:spatial], channels, groups, each))
    swapped = split.transpose([*front, spatial + 2, spatial + 1, spatial])
    return swapped.reshape((*w.shape[:spatial], each, groups * channels))


def _convolve_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (ct,), (x, w), (wants_x, wants_w) = cts, site.operands, site.wanted
    assert ct is not None
    return [
        input_gradient(ct, w, x.shape[1:-1], site.attrs) if wants_x else None,
        convolve_filter(x, ct, w.shape[:-2], site.attrs) if wants_w else None,
    ]


def _filter_vjp(site: Site, cts: Sequence[Term | None]) -> list[Contribution]:
    (w,), (x, ct), (wants_x, wants_ct) = cts, site.operands, site.wanted
    assert w is not None
    return [
        input_gradient(ct, w, x.shape[1:-1], site.attrs) if wants_x else None,
        convolve(x, w, site.attrs) if wants_ct else None,
    ]


def _jvp(site: Site, tangents: Sequence[Term | None]) -> list[Term | None]:
    (x, y), (x_dot, y_dot), name = site.operands, tangents, site.node.op.name
    parts = [
        x_dot and x_dot.op(name, y, **site.attrs),
        y_dot and x.op(name, y_dot, **site.attrs),
    ]
    first, *more = [p for p in parts if p is not None]
    return [first + more[0] if more else first]


# --- batching ----------------------------------------------------------------------------------


def _examples_in_channels(stack: Term, size: Size, groups: Size) -> Term:
    """[size, ..., groups*c] as [..., groups*size*c]."""
    rank = stack.rank - 1
    each = per_group(stack.shape[-1], groups)
    assert each is not None
    split = stack.reshape((*stack.shape[:-1], groups, each))
    moved = split.transpose([*range(1, rank), rank, 0, rank + 1])
    return moved.reshape((*moved.shape[: rank - 1], stack.shape[-1] * size))


def _examples_from_channels(wide: Term, size: Size, groups: Size) -> Term:
    """[..., groups*size*n] as [size, ..., groups*n]."""
    rank = wide.rank
    each = per_group(wide.shape[-1], groups * size)
    assert each is not None
    split = wide.reshape((*wide.shape[:-1], groups, size, each))
    moved = split.transpose([rank, *range(rank), rank + 1])
    return moved.reshape((size, *wide.shape[:-1], groups * each))


def _convolve_batch(site: BatchSite) -> Term:
    """Examples share filters: a larger batch. They share x: more outputs. Else: more groups."""
    (x, w), size, groups = site.operands, site.size, site.attrs["groups"]
    if not w.is_mapped:
        batch = x.term.shape[1]
        rows = x.term.reshape((size * batch, *x.term.shape[2:]))
        found = convolve(rows, w.term, site.attrs)
        return found.reshape((size, batch, *found.shape[1:]))
    if not x.is_mapped:
        wide = convolve(x.term, _examples_in_channels(w.term, size, groups), site.attrs)
        return _examples_from_channels(wide, size, groups)
    apart = {**site.attrs, "groups": size * groups}
    rows = _examples_in_channels(x.term, size, 1)
    wide = convolve(rows, _examples_in_channels(w.term, size, 1), apart)
    return _examples_from_channels(wide, size, 1)


def _filter_batch(site: BatchSite) -> Term:
    """As that of `convolve`: the channels of what is mapped are those of all examples."""
    (x, ct), size, groups = site.operands, site.size, site.attrs["groups"]
    window, attrs = site.attrs["window"], site.attrs
    if x.is_mapped and ct.is_mapped:
        rows = _examples_in_channels(x.term, size, 1)
        cts = _examples_in_channels(ct.term, size, 1)
        wide = convolve_filter(rows, cts, window, {**attrs, "groups": size * groups})
        return _examples_from_channels(wide, size, 1)
    if ct.is_mapped:
        cts = _examples_in_channels(ct.term, size, groups)
        wide = convolve_filter(x.term, cts, window, attrs)
        return _examples_from_channels(wide, size, groups)
    rows = _examples_in_channels(x.term, size, groups)
    wide = convolve_filter(rows, ct.term, window, attrs)  # [*window, size*c, outputs]
    spatial, (channels, outputs) = len(window), x.term.shape[-1:] + ct.term.shape[-1:]
    each = per_group(channels, groups)
    assert each is not None
    split = wide.reshape((*window, size, each, outputs))
    return split.transpose([spatial, *range(spatial), spatial + 1, spatial + 2])


# --- ops ---------------------------------------------------------------------------------------

CONVOLVE = op(
    "convolve",
    Kind.CONVOLVE,
    arity=2,
    infer=_convolve_infer,
    reference=_convolve_reference,
    batch=_convolve_batch,
    derivative=Rules(vjp=_convolve_vjp, jvp=_jvp),
    attrs=GEOMETRY,
    cost=100.0,
    doc="Cross-correlation of [batch, *spatial, channels] and [*window, channels/groups, outputs].",
)
CONVOLVE_FILTER = op(
    "convolve_filter",
    Kind.CONVOLVE,
    arity=2,
    infer=_filter_infer,
    reference=_filter_reference,
    batch=_filter_batch,
    derivative=Rules(vjp=_filter_vjp, jvp=_jvp),
    attrs=(*GEOMETRY, "window"),
    cost=100.0,
    doc="The derivative of `convolve` with respect to its filters: of its x and a cotangent.",
)
