"""From a convolution of the graph to a step: parts in which nothing is spread.

Layer: compiler/kernel. With zeros between the elements of the input, an output meets elements only
at some positions of the window, and outputs that are `spread` apart at the same ones. Along an axis
with stride s, spread p, dilation d and padding `low`, output o meets at window position w the
element `(o*s + w*d - low) / p` if that is a whole number. So the outputs `r + t*P`, with
`P = p / gcd(s, p)`, meet elements at the window positions `f + j*Q`, with `Q = p / gcd(d, p)`::

    (r*s + f*d - low) / p  +  t * (P*s / p)  +  j * (Q*d / p)

which is what a `WindowAxis` says. The parts of a convolution are the combinations over its axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product as combinations
from math import gcd
from typing import Any

from ..errors import InternalError
from ..ir.dims import product, quotient
from ..ir.graph import Node, Value
from ..ir.types import Shape, Size
from .form import Access, Convolution, Spread, WindowAxis, WindowPart
from .layout import Views
from .prepare import view_strides
from .storage import StorageMap

# Sums over positions: how many units of work there should be, and terms and features of one.
UNITS, BLOCK, DEPTHWISE_BLOCK = 12, 256, 128
PIECE = 256  # positions of a piece, at least


@dataclass(frozen=True, slots=True)
class _Residue:
    """The outputs `first + t*step` of one axis, and their window positions `start + j*jump`."""

    axis: WindowAxis
    first: Size
    step: int
    start: int
    jump: int


def lower_convolution(node: Node, views: Views, storage: StorageMap, name: str) -> Convolution:
    """The step of a `convolve` or `convolve_filter`."""
    x, other = node.inputs
    of_filter = "window" in node.attrs
    w, y = (node.output, other) if of_filter else (other, node.output)
    below = [_access(v, views, storage) for v in (x, w, y)]
    groups = node.attrs["groups"]
    channels = w.type.shape[-2]
    features = _share(w.type.shape[-1], groups)
    window = tuple(n for n in w.type.shape[:-2] if isinstance(n, int))
    axes = [
        _residues(size, outputs, extent, _along(node.attrs, k))
        for k, (size, outputs, extent) in enumerate(
            zip(x.type.shape[1:-1], y.type.shape[1:-1], window, strict=True)
        )
    ]
    parts = tuple(_part(chosen, below[1], below[2]) for chosen in combinations(*axes))
    step = Convolution(
        name,
        x.type.dtype,
        x.type.shape[0],
        groups,
        channels,
        features,
        below[0],
        window,
        parts,
        _spread(node.attrs, x.type.shape, y.type.shape, window, below),
        of_filter,
        of_halves=all(map(views.is_cast_half, node.inputs)),
    )
    return in_pieces(step, storage)


def in_pieces(step: Convolution, storage: StorageMap) -> Convolution:
    """The step, with the positions of sums over them cut into pieces if that makes more units."""
    pieces = _pieces(step) if step.of_filter else 1
    if pieces == 1:
        return step
    sums = storage.scratch_row(step.dtype, (pieces, step.filter_size))
    return replace(step, pieces=pieces, sums=sums)


def _pieces(step: Convolution) -> int:
    terms, features = product(step.window) * step.channels, step.features
    groups, block = step.groups, BLOCK
    if step.is_depthwise:  # its units are some channels
        groups, features, block = 1, step.groups, DEPTHWISE_BLOCK
    if len(step.parts) > 1 or not isinstance(terms, int) or not isinstance(features, int):
        return 1
    units = -(-terms // BLOCK) * -(-features // block)
    wanted = UNITS // max(1, units * (groups if isinstance(groups, int) else 1))
    positions = product((step.batch, *(axis.outputs for axis in step.parts[0].axes)))
    if isinstance(positions, int):
        wanted = min(wanted, -(-positions // PIECE))
    return max(1, wanted)


def _access(value: Value, views: Views, storage: StorageMap) -> Access:
    resolved = views.resolve(value)
    below = storage.of(resolved.root)
    offset: Size = below.offset
    for affine, stride in zip(resolved.map, below.strides, strict=True):
        offset = offset + affine.offset * stride
    return Access(
        below.buffer, offset, tuple(view_strides(resolved, below.strides, value.type.rank))
    )


def _share(size: Size, groups: Size) -> Size:
    found = quotient(size, groups)
    if found is None:
        raise InternalError(f"{size} features cannot be divided among {groups} groups")
    return found


def _spread(
    attrs: Mapping[str, Any], x: Shape, y: Shape, window: tuple[int, ...], below: list[Access]
) -> Spread | None:
    """What parts are of, if they are several; `below` is where x, the filters and y lie."""
    if all(step == 1 for step in attrs["spread"]):
        return None
    axes = []
    for k, extent in enumerate(window):
        stride, _, dilation, low = _along(attrs, k)
        axes.append(WindowAxis(x[1 + k], y[1 + k], extent, 0 - low, stride, dilation))
    return Spread(attrs["spread"], WindowPart(tuple(axes), *below[1:]))


def _along(attrs: Mapping[str, Any], k: int) -> tuple[int, int, int, Size]:
    """Stride, spread, dilation and padding before the first element, of one axis."""
    low = attrs["padding"][k][0]
    return attrs["strides"][k], attrs["spread"][k], attrs["dilation"][k], low


def _residues(
    size: Size, outputs: Size, window: int, geometry: tuple[int, int, int, Size]
) -> list[_Residue]:
    stride, spread, dilation, low = geometry
    if spread == 1:
        axis = WindowAxis(size, outputs, window, 0 - low, stride, dilation)
        return [_Residue(axis, 0, 1, 0, 1)]
    apart, jump = spread // gcd(stride, spread), spread // gcd(dilation, spread)
    if not isinstance(low, int) and (apart < spread or jump < spread):
        raise InternalError("a convolution whose padding is not known has common factors")
    found = []
    for r in range(apart):
        first, start = _matching(r, geometry, apart, jump)
        count = (outputs - first + apart - 1) // apart
        meets = 0 if start is None else max(0, -((start - window) // jump))
        origin: Size = 0 if start is None else first * stride + start * dilation - low
        steps = (apart * stride // spread, jump * dilation // spread)
        axis = WindowAxis(size, count, meets, origin // spread, *steps)
        found.append(_Residue(axis, first, apart, start or 0, jump))
    return found


def _matching(
    r: int, geometry: tuple[int, int, int, Size], apart: int, jump: int
) -> tuple[Size, int | None]:
    """The first output of a residue, and the first window position that it meets elements at."""
    stride, spread, dilation, low = geometry
    if isinstance(low, int):
        fitting = (w for w in range(jump) if (r * stride + w * dilation - low) % spread == 0)
        return r, next(fitting, None)
    # each window position meets elements at one residue, which follows from the padding
    inverse = pow(stride, -1, spread)
    wanted = (low - r * dilation) * inverse
    return wanted - wanted // spread * spread, r


def _part(chosen: tuple[_Residue, ...], w: Access, y: Access) -> WindowPart:
    w_offset, y_offset = w.offset, y.offset
    w_strides, y_strides = list(w.strides), list(y.strides)
    for k, residue in enumerate(chosen):
        w_offset = w_offset + w.strides[k] * residue.start
        w_strides[k] = w.strides[k] * residue.jump
        y_offset = y_offset + y.strides[1 + k] * residue.first
        y_strides[1 + k] = y.strides[1 + k] * residue.step
    return WindowPart(
        tuple(residue.axis for residue in chosen),
        Access(w.buffer, w_offset, tuple(w_strides)),
        Access(y.buffer, y_offset, tuple(y_strides)),
    )
