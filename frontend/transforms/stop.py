"""`stop_gradient`: values that are constants for derivatives.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

from ..context import TraceContext, current
from ..lift import in_order_of
from ..tracer import Tracer
from ..tree import flatten, unflatten


def stop_gradient(x: Any) -> Any:
    """`x` itself, any structure, with derivatives that are zero.

    Outside of compiled functions it returns its argument.
    """
    ctx = current()
    if ctx is None:
        return x
    leaves, tree = flatten(x)
    return unflatten(tree, [_stopped(ctx, leaf) for leaf in leaves])


def _stopped(ctx: TraceContext, leaf: Any) -> Any:
    if type(leaf) is not Tracer or leaf._is_known or not leaf._type.dtype.is_float:
        return leaf
    value = ctx.emit("stop_gradient", leaf._read())
    # outside of a trace it is the argument itself: what is assigned to it would show there
    frozen = "" if leaf._scalar else "assigning to a result of tw.stop_gradient"
    made = Tracer(ctx, leaf._type, value, scalar=leaf._scalar, weak=leaf._weak, frozen=frozen)
    return in_order_of(made, (leaf,))
