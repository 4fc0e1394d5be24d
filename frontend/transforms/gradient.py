"""`grad` and `value_and_grad`: derivatives of functions with one number as their result.

Layer: frontend. Both give jitted functions; called with traced arguments, they run in the trace
that is going on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...compiler.errors import GradientError
from ...compiler.ir.term import full
from .. import lift
from ..arguments import is_static
from ..context import require
from ..eager import remembers
from ..jit import Jitted
from ..location import user_location
from ..tracer import Tracer
from ..tree import flatten
from .matching import shown
from .segment import Argnums, Segment, check_argnums, split_aux, substituted


@remembers
def grad(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Jitted:
    """The gradient of a function with one number as its result.

    Args:
        function: of arrays and numbers, in any nesting; its result is a float of shape ().
        argnums: which positional arguments to differentiate: one, or several. Negative numbers
            count from the last argument of the call.
        has_aux: the function returns (number, other things); the gradient then returns
            (gradient, other things).

    Returns:
        A compiled function of the same arguments. It returns the gradient with respect to the
        chosen argument, in its structure, or a tuple of them if `argnums` is a sequence.

    Raises:
        GradientError: (when called) the result is not one float, an argument is not of floats, or
            an op has no derivative.
    """
    argnums = check_argnums("grad", argnums)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = _value_and_gradient("grad", function, args, kwargs, argnums, has_aux)
        return (found, value[1]) if has_aux else found

    return _compiled(gradient, function, "grad")


@remembers
def value_and_grad(
    function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Jitted:
    """As `grad`, but returns (value, gradient); with `has_aux` ((value, aux), gradient)."""
    argnums = check_argnums("value_and_grad", argnums)

    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        return _value_and_gradient("value_and_grad", function, args, kwargs, argnums, has_aux)

    return _compiled(with_gradient, function, "value_and_grad")


def _compiled(wrapper: Callable[..., Any], function: Callable[..., Any], what: str) -> Jitted:
    """The wrapper as a jitted function with the name, parameters and options of `function`."""
    if not callable(function):
        raise TypeError(f"{what}: needs a function, got {type(function).__name__}")
    functools.update_wrapper(wrapper, function)
    return Jitted.like(wrapper, function)


def _value_and_gradient(
    what: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    argnums: Argnums,
    has_aux: bool,
) -> tuple[Any, Any]:
    ctx = require()
    inputs, new_args, new_kwargs = substituted(ctx, what, function, args, kwargs, argnums)
    segment = Segment(ctx)
    returned = function(*new_args, **new_kwargs)
    value, aux = split_aux(what, returned) if has_aux else (returned, None)
    output = _one_number(what, value)
    result = output._read()
    with ctx.builder.at(None):  # no line of the user's says 1
        one = full(ctx.builder, (), 1, output._type.dtype).value
    found = segment.pull_back([result], [one], inputs)
    parts = inputs.derivatives(ctx, found)
    gradient = parts[0] if isinstance(argnums, int) else tuple(parts)
    return ((value, aux) if has_aux else value), gradient


def _one_number(what: str, value: Any) -> Tracer:
    """The result as a float of shape (), or a GradientError."""
    leaves, tree = flatten(value)
    if not tree.is_leaf or is_static(value):
        raise GradientError(
            f"{what}: the function has to return one number",
            got=shown(value),
            expected="a float of shape ()",
            loc=user_location(),
            hint="return the number alone, or use has_aux=True for what comes with it"
            if leaves and not tree.is_leaf
            else "",
        )
    output = lift.lift(value)
    shape = output._type.shape
    if shape or not output._type.dtype.is_float:
        raise GradientError(
            f"{what}: the function has to return one number",
            got=lift.type_text(output),
            expected="a float of shape ()",
            loc=user_location(),
            hint="sum it up, or use tw.jacobian for all of its derivatives" if shape else "",
        )
    return output
