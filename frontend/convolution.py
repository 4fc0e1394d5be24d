"""Convolution of arrays: `tw.conv`, and what the TensorFlow dialect needs beside it.

Layer: frontend. NumPy has no function for it, so that these work on arrays of both kinds: traced
ones become an op of the graph; others are handed to a compiled program of their own.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiler.errors import DTypeError, ShapeError
from ..compiler.ir.graph import Value
from ..compiler.ir.term import Term
from ..compiler.ir.types import DType, Size
from ..compiler.ops.convolve import input_gradient
from . import lift, values
from .context import TraceContext, require
from .eager import run_eagerly
from .location import user_location
from .symint import size_of
from .tracer import Tracer

Ints = tuple[int, ...]
Padding = str | tuple[tuple[Any, Any], ...]
Pads = tuple[tuple[Size, Size], ...]


# -- for users ------------------------------------------------------------------------------------


def conv(
    x: Any, w: Any, strides: Any = 1, padding: Any = "VALID", dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over one, two or three axes, as neural networks use it.

    For two axes, one group and no padding, as this loop:

        for b, i, j, n in np.ndindex(result.shape):
            seen = x[b, i * s : i * s + w.shape[0], j * s : j * s + w.shape[1]]
            result[b, i, j, n] = np.sum(seen * w[..., n])

    Args:
        x: floats, [batch, *spatial, channels].
        w: floats, [*window, channels // groups, outputs].
        strides: from one place of the window to the next; one int, or one for each spatial axis.
        padding: zeros around x. "VALID" for none; "SAME" for so many that the result has
            ceil(size / stride) places, the odd one at the end; or for each spatial axis a pair of
            ints, before and after. One int stands for all sides.
        dilation: from one element of the window to the next, as `strides`.
        groups: so many parts of the channels are convolved apart, each with its part of the
            outputs. As many groups as channels is a depthwise convolution.

    Returns:
        [batch, *places, outputs].

    Raises:
        ShapeError: the shapes do not fit together.
        DTypeError: x or w are no floats.
    """
    rank = np.ndim(w) - 2
    return convolution(
        x,
        w,
        strides=_per_axis("strides", strides, rank),
        padding=_read_padding(padding, rank),
        dilation=_per_axis("dilation", dilation, rank),
        groups=operator.index(groups),
    )


def _per_axis(name: str, x: Any, rank: int) -> Ints:
    found = tuple(map(operator.index, x)) if np.ndim(x) else (operator.index(x),) * max(rank, 0)
    if len(found) != rank or any(n < 1 for n in found):
        raise ShapeError(
            f"tw.conv: {name} must be a positive int, or one for each spatial axis",
            got=str(x),
            loc=user_location(),
        )
    return found


def _read_padding(x: Any, rank: int) -> Padding:
    if isinstance(x, str) and x.upper() in ("SAME", "VALID"):
        return x.upper()
    if isinstance(x, int):
        return ((x, x),) * rank
    if not isinstance(x, str) and np.shape(x) == (rank, 2):
        return tuple((operator.index(low), operator.index(high)) for low, high in x)
    raise ShapeError(
        'tw.conv: padding must be "VALID", "SAME", an int, or a pair of ints for each spatial axis',
        got=repr(x),
        loc=user_location(),
    )


# -- for the dialects -----------------------------------------------------------------------------


def convolution(
    x: Any, w: Any, *, strides: Ints, padding: Padding, dilation: Ints, groups: int
) -> Any:
    """As `conv`, with a number for each spatial axis."""
    options: dict[str, Any] = {
        "strides": strides,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    if not isinstance(x, Tracer) and not isinstance(w, Tracer):
        return run_eagerly(_convolution, {}, {"x": np.asarray(x), "w": np.asarray(w)}, **options)
    return _convolution(x, w, **options)


def transposed_convolution(
    y: Any,
    w: Any,
    *,
    sizes: tuple[Any, ...],
    strides: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int = 1,
) -> Any:
    """What `convolution` to y gives back to an x of these spatial sizes: its transpose.

    y is [batch, *places, outputs], w [*window, channels // groups, outputs].
    """
    options: dict[str, Any] = {
        "sizes": sizes,
        "strides": strides,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    if not isinstance(y, Tracer) and not isinstance(w, Tracer):
        return run_eagerly(_transposed, {}, {"y": np.asarray(y), "w": np.asarray(w)}, **options)
    return _transposed(y, w, **options)


def _convolution(
    x: Any, w: Any, *, strides: Ints, padding: Padding, dilation: Ints, groups: int
) -> Tracer:
    ctx, (a, b), dtype = _operands(x, w)
    rank, extents = len(strides), _extents(b, dilation)
    if rank not in (1, 2, 3) or a.type.rank != rank + 2 or b.type.rank != rank + 2:
        raise _misfit("x needs a batch, one to three spatial axes and channels, as w has", a, b)
    channels, outputs = b.type.shape[-2:]
    if groups < 1 or (groups > 1 and ctx.static(outputs) % groups):
        raise _misfit(f"the outputs cannot be divided among {groups} groups", a, b)
    if not ctx.equal(a.type.shape[-1], channels * groups):
        raise _misfit(
            "the channels of x are not those of w times the groups",
            a,
            b,
            expected=f"{channels * groups} channels",
        )
    a = _with_size(ctx, a, channels * groups)
    pads = resolve_padding(ctx, padding, a.type.shape[1:-1], extents, strides)
    for size, (low, high), extent in zip(a.type.shape[1:-1], pads, extents, strict=True):
        if not ctx.at_least(size + low + high, extent):
            raise _misfit(
                f"a window of {extent} does not fit into {ctx.hint(size + low + high)}", a, b
            )
    found = ctx.emit(
        "convolve", a, b,
        strides=strides, padding=pads, dilation=dilation, spread=(1,) * rank, groups=groups,
    )  # fmt: skip
    return lift.array(ctx, values.cast(ctx, found, dtype))


def _transposed(
    y: Any,
    w: Any,
    *,
    sizes: tuple[Any, ...],
    strides: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int,
) -> Tracer:
    ctx, (ct, b), dtype = _operands(y, w)
    extents, wanted = _extents(b, dilation), [size_of(n) for n in sizes]
    pads = resolve_padding(ctx, padding, wanted, extents, strides)
    attrs = {
        "strides": strides,
        "padding": pads,
        "dilation": dilation,
        "spread": (1,) * len(strides),
        "groups": groups,
    }
    for size, (low, high), extent, stride, count in zip(
        wanted, pads, extents, strides, ct.type.shape[1:-1], strict=True
    ):
        if not ctx.equal((size + low + high - extent) // stride + 1, count):
            raise _misfit(f"no convolution of {size} elements has {count} places", ct, b)
    ctx.builder.loc = user_location()
    found = input_gradient(Term(ctx.builder, ct), Term(ctx.builder, b), wanted, attrs)
    return lift.array(ctx, values.cast(ctx, found.value, dtype))


def _operands(x: Any, w: Any) -> tuple[TraceContext, tuple[Value, Value], DType]:
    """Both operands in a dtype that the op takes, the window's sizes known; the result's dtype."""
    ctx = require()
    a, b = lift.lift(x), lift.lift(w)
    dtype = DType.of(np.result_type(a.dtype, b.dtype))
    if dtype is None or not dtype.is_float:
        raise DTypeError(
            "tw.conv: needs floats",
            got=f"{a._type} and {b._type}",
            loc=user_location(),
            hint="convert with x.astype(np.float32)",
        )
    first, second = (values.cast(ctx, t._read(), dtype.wide) for t in (a, b))
    for size in second.type.shape[:-2]:
        ctx.static(size)
    return ctx, (first, second), dtype


def _with_size(ctx: TraceContext, x: Value, channels: Size) -> Value:
    """`x` with its last size written as that of the filters."""
    return values.reshape(ctx, x, (*x.type.shape[:-1], channels))


def _extents(w: Value, dilation: Ints) -> list[int]:
    """How many neighbours the window spans along each spatial axis."""
    window = w.type.shape[:-2]
    if len(window) != len(dilation):
        return []
    return [(int(n) - 1) * d + 1 for n, d in zip(window, dilation, strict=True)]  # type: ignore[arg-type]


def resolve_padding(
    ctx: TraceContext,
    padding: Padding,
    sizes: Sequence[Size],
    extents: Sequence[int],
    strides: Sequence[int],
) -> Pads:
    """Zeros before and after each spatial axis."""
    if not isinstance(padding, str):
        return tuple((size_of(low), size_of(high)) for low, high in padding)
    if padding == "VALID":
        return ((0, 0),) * len(sizes)
    return tuple(same_padding(ctx, *each) for each in zip(sizes, extents, strides, strict=True))


def same_padding(ctx: TraceContext, size: Size, extent: int, stride: int) -> tuple[Size, Size]:
    """So much that a window has ceil(size / stride) places."""
    total: Size = extent - 1
    if stride > 1:
        count = (size + (stride - 1)) // stride
        total = (count - 1) * stride + extent - size
        if extent < stride and not ctx.at_least(total, 0):
            total = 0
    before = total // 2
    return before, total - before


def _misfit(what: str, x: Value, w: Value, expected: str = "") -> ShapeError:
    got = f"{x.type} and {w.type}"
    return ShapeError(f"tw.conv: {what}", got=got, expected=expected, loc=user_location())
