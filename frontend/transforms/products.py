"""`vjp` and `jvp`: products of a function's derivative with cotangents and tangents.

Layer: frontend. Names, parameters and meaning are JAX's. In a trace both emit into it; outside of
one they compile themselves and keep what is compiled for as long as the function lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...compiler.errors import GradientError, LeakedTracerError
from ...compiler.ir.graph import Value
from ..context import TraceContext, current, require
from ..eager import Held, kept, run_eagerly
from ..location import user_location
from .matching import Leaves, match, tangent_values, traced_value
from .segment import Inputs, Segment, argument_names, derivative_of, fresh_inputs, split_aux
from .vjp_program import VjpProgram


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """A function's result, and the function that pulls cotangents back to its arguments.

    Args:
        function: of floats in any nesting.
        primals: its arguments.
        has_aux: the function returns (result, other things).

    Returns:
        (result, pullback), or (result, pullback, other things). `pullback(ct)` takes a cotangent
        with the structure and types of the result and returns a tuple: one cotangent for each
        argument. It may be called any number of times. In a cotangent None stands for zeros.

    Raises:
        GradientError: an argument is not of floats, an op has no derivative, or a cotangent does
            not fit the result.
    """
    if current() is None:
        return _vjp_program(function, has_aux)(*primals)
    out, pullback, aux = traced_vjp(require(), function, primals, has_aux)
    return (out, pullback, aux) if has_aux else (out, pullback)


def jvp(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """A function's result, and its derivative along tangents.

    Args:
        function: of floats in any nesting.
        primals: its arguments, in a tuple or list.
        tangents: for each argument a tangent of its structure and types; None stands for zeros.
        has_aux: the function returns (result, other things).

    Returns:
        (result, tangent of the result), or (result, tangent, other things). The tangent has None
        for what is not of floats.

    Raises:
        GradientError: an argument is not of floats, an op has no derivative, or a tangent does not
            fit its argument.
    """
    _check_sequences(primals, tangents)
    primals, tangents = tuple(primals), tuple(tangents)
    if current() is None:
        data = {"primals": primals, "tangents": tangents}
        return run_eagerly(_traced_jvp, {"function": function}, data, has_aux=has_aux)
    return _traced_jvp(function, primals, tangents, has_aux)


# -- reverse mode -------------------------------------------------------------------------------


class Pullback:
    """From a cotangent of the result to a tuple of cotangents of the arguments."""

    def __init__(self, ctx: TraceContext, inputs: Inputs, segment: Segment, out: Leaves) -> None:
        self._ctx = ctx
        self._inputs = inputs
        self._segment = segment
        self.leaves = out
        self._outputs = [t._read() for t in out.floats]  # as they are now

    def __call__(self, ct: Any) -> tuple[Any, ...]:
        """Emit the derivative."""
        if current() is not self._ctx:
            raise LeakedTracerError(
                f"a pullback made in the trace of {self._ctx.function} is used outside of it",
                loc=user_location(),
                hint="call it in the function, or call tw.vjp where the pullback is used",
            )
        pairs = match("vjp", "cotangent", ct, self.leaves.tree, self.leaves.types)
        cts = [traced_value(self._ctx, "vjp", *pair) for pair in pairs]
        return self.of_values(cts)

    def of_values(self, cts: Sequence[Value | None]) -> tuple[Any, ...]:
        """As a call, from one value (None: zeros) per float of the result."""
        found = self._segment.pull_back(self._outputs, cts, self._inputs)
        return tuple(self._inputs.derivatives(self._ctx, found))


def traced_vjp(
    ctx: TraceContext, function: Callable[..., Any], primals: Sequence[Any], has_aux: bool
) -> tuple[Any, Pullback, Any]:
    """(result, pullback, aux) in a trace."""
    inputs = fresh_inputs(ctx, "vjp", primals, argument_names(function, len(primals)))
    segment = Segment(ctx)
    returned = function(*inputs.arguments())
    out, aux = split_aux("vjp", returned) if has_aux else (returned, None)
    pullback = Pullback(ctx, inputs, segment, Leaves.of(out))
    segment.close()
    return out, pullback, aux


def _vjp_program(function: Callable[..., Any], has_aux: bool) -> VjpProgram:
    def make(held: Held) -> VjpProgram:
        return VjpProgram(held["function"], traced_vjp, has_aux)

    return kept(vjp, {"function": function}, {"has_aux": has_aux}, make)


# -- forward mode -------------------------------------------------------------------------------


def _traced_jvp(
    function: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    has_aux: bool,
) -> Any:
    ctx = require()
    inputs = fresh_inputs(ctx, "jvp", primals, argument_names(function, len(primals)))
    given = tangent_values(ctx, "jvp", primals, tangents)
    segment = Segment(ctx)
    returned = function(*inputs.arguments())
    out, aux = split_aux("jvp", returned) if has_aux else (returned, None)
    leaves = Leaves.of(out)
    found = segment.push_forward(inputs, given, [t._read() for t in leaves.floats])
    pairs_out = zip(leaves.floats, found, strict=True)
    tangent_out = leaves.rebuild([derivative_of(ctx, t, value) for t, value in pairs_out])
    return (out, tangent_out, aux) if has_aux else (out, tangent_out)


def _check_sequences(primals: Any, tangents: Any) -> None:
    for name, x in (("primals", primals), ("tangents", tangents)):
        if not isinstance(x, (tuple, list)):
            raise GradientError(
                f"jvp: {name} is a tuple or list with one object per argument",
                got=type(x).__name__,
                loc=user_location(),
            )
    if len(primals) != len(tangents):
        raise GradientError(
            "jvp: primals and tangents differ in number",
            got=f"{len(primals)} primals, {len(tangents)} tangents",
            loc=user_location(),
        )
