"""Derivatives of Python functions: grad, value_and_grad, vjp, jvp, stop_gradient.

Layer: frontend. A transform runs the user's function on the trace that is going on, with *fresh*
values (copies by name) in place of the arguments that are differentiated. Everything the function
emits from then on is a segment of the graph; the drivers of compiler/transforms walk it and emit
the derivative behind it. So transforms nest in any order: an outer one walks what inner ones have
emitted, and the fresh values keep their derivatives apart.

Called outside of a trace, a transform compiles itself, as `jit` does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler.errors import GradientError
from ..compiler.ir.graph import Value
from ..compiler.transforms.forward import push_forward
from ..compiler.transforms.reverse import pull_back
from . import lift, values
from .context import TraceContext, require
from .jit import Jitted
from .location import user_location
from .tracer import Tracer
from .tree import TreeDef, flatten, unflatten

Argnums = int | Sequence[int]


# -- public -------------------------------------------------------------------------------------


def grad(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Jitted:
    """The gradient of a function with one number as its result.

    Args:
        function: of arrays and numbers, in any nesting; its result is a float of shape ().
        argnums: which positional arguments to differentiate: one, or several.
        has_aux: the function returns (number, other things); the gradient then returns
            (gradient, other things).

    Returns:
        A compiled function of the same arguments. It returns the gradient with respect to the
        chosen argument, in its structure, or a tuple of them if `argnums` is a sequence.

    Raises:
        GradientError: (when called) the result is not one float, an argument is not of floats, or
            an op has no derivative.
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = _value_and_gradient("grad", function, args, kwargs, argnums, has_aux)
        return (found, value[1]) if has_aux else found

    return _compiled(gradient, function, "grad")


def value_and_grad(
    function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Jitted:
    """As `grad`, but returns (value, gradient); with `has_aux` ((value, aux), gradient)."""

    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        return _value_and_gradient("value_and_grad", function, args, kwargs, argnums, has_aux)

    return _compiled(with_gradient, function, "value_and_grad")


def _compiled(wrapper: Callable[..., Any], function: Callable[..., Any], what: str) -> Jitted:
    """The wrapper as a jitted function with the name, parameters and options of `function`."""
    if not callable(function):
        raise TypeError(f"{what}: needs a function, got {type(function).__name__}")
    functools.update_wrapper(wrapper, function)
    return Jitted.like(wrapper, function)


# -- how ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """The leaves of some arguments, as fresh values that a derivative is taken with respect to."""

    outer: tuple[Tracer, ...]  # what the caller has given
    inner: tuple[Tracer, ...]  # what the function gets
    trees: tuple[TreeDef, ...]  # one per argument

    @property
    def values(self) -> list[Value]:
        """The fresh values."""
        return [t._read() for t in self.inner]

    def arguments(self) -> list[Any]:
        """The arguments for the function."""
        return self.rebuild(self.inner)

    def rebuild(self, leaves: Sequence[Any]) -> list[Any]:
        """One object per argument from one leaf per fresh value."""
        rest, made = list(leaves), []
        for tree in self.trees:
            count = sum(1 for _ in tree.paths())
            made.append(unflatten(tree, rest[:count]))
            rest = rest[count:]
        return made

    def derivatives(self, ctx: TraceContext, found: Sequence[Value | None]) -> list[Any]:
        """One object per argument from the derivative for each fresh value, zero where None."""
        leaves = []
        for outer, value in zip(self.outer, found, strict=True):
            type = outer._type
            if value is None:
                value = values.full(ctx, type.shape, 0, type.dtype)
            leaves.append(Tracer(ctx, type, value, scalar=outer._scalar, weak=outer._weak))
        return self.rebuild(leaves)


def fresh_inputs(
    ctx: TraceContext, what: str, arguments: Sequence[Any], names: Sequence[str]
) -> Inputs:
    """Fresh values for all leaves of the arguments; GradientError if one is not of floats."""
    outer: list[Tracer] = []
    inner: list[Tracer] = []
    trees = []
    for argument, name in zip(arguments, names, strict=True):
        leaves, tree = flatten(argument)
        trees.append(tree)
        for leaf, path in zip(leaves, tree.paths(name), strict=True):
            given = _differentiable(what, leaf, path)
            outer.append(given)
            # a node of its own, so that uses of the argument from elsewhere stay apart
            value = ctx.emit("positive", given._read())
            inner.append(
                Tracer(
                    ctx,
                    given._type,
                    value,
                    scalar=given._scalar,
                    weak=given._weak,
                    frozen="" if given._scalar else "assigning to a differentiated argument",
                    name=path,
                )
            )
    return Inputs(tuple(outer), tuple(inner), tuple(trees))


def _differentiable(what: str, leaf: Any, path: str) -> Tracer:
    try:
        given = lift.lift(leaf)
    except Exception as error:
        raise GradientError(
            f"{what}: {path} is not an array or a number",
            got=type(leaf).__name__,
            loc=user_location(),
        ) from error
    if not given._type.dtype.is_float:
        raise GradientError(
            f"{what}: {path} cannot be differentiated, it does not hold floats",
            got=lift.type_text(given),
            expected="float32 or float64",
            loc=user_location(),
            hint="convert it, or choose other arguments with argnums",
        )
    return given


def _value_and_gradient(
    what: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    argnums: Argnums,
    has_aux: bool,
) -> tuple[Any, Any]:
    ctx = require()
    inputs, full_args = substituted(ctx, what, function, args, argnums)
    segment = Segment(ctx)
    returned = function(*full_args, **kwargs)
    value, aux = _split_aux(what, returned) if has_aux else (returned, None)
    output = _one_number(what, value)
    one = values.full(ctx, (), 1, output._type.dtype)
    found = segment.pull_back([output._read()], [one], inputs)
    parts = inputs.derivatives(ctx, found)
    gradient = parts[0] if isinstance(argnums, int) else tuple(parts)
    return ((value, aux) if has_aux else value), gradient


def substituted(
    ctx: TraceContext, what: str, function: Callable[..., Any], args: Sequence[Any], argnums: Any
) -> tuple[Inputs, list[Any]]:
    """Fresh inputs for the chosen arguments, and all arguments with them in place."""
    chosen = [argnums] if isinstance(argnums, int) else list(argnums)
    positions = []
    for number in chosen:
        position = number + len(args) if number < 0 else number
        if not 0 <= position < len(args):
            raise GradientError(
                f"{what}: argnums={argnums}, but the call has {len(args)} positional arguments",
                loc=user_location(),
            )
        positions.append(position)
    names = argument_names(function, len(args))
    inputs = fresh_inputs(ctx, what, [args[p] for p in positions], [names[p] for p in positions])
    full_args = list(args)
    for p, made in zip(positions, inputs.arguments(), strict=True):
        full_args[p] = made
    return inputs, full_args


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What to call positional arguments in messages."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    known = list(code.co_varnames[: code.co_argcount]) if code else []
    return [*known[:count], *(f"args[{k}]" for k in range(len(known), count))]


class Segment:
    """What a trace emits from now on."""

    def __init__(self, ctx: TraceContext) -> None:
        self._ctx = ctx
        self._start = len(ctx.builder.nodes)
        self._builder = ctx.builder
        self._stop: int | None = None

    def close(self) -> None:
        """What is emitted later does not belong to it."""
        self._stop = len(self._builder.nodes)

    def pull_back(
        self, outputs: Sequence[Value], cts: Sequence[Value | None], inputs: Inputs
    ) -> list[Value | None]:
        """The cotangents of the inputs."""
        nodes = self._builder.nodes[self._start : self._stop]
        return pull_back(self._ctx.builder, nodes, outputs, cts, inputs.values)

    def push_forward(
        self, inputs: Inputs, tangents: Sequence[Value | None], outputs: Sequence[Value]
    ) -> list[Value | None]:
        """The tangents of the outputs."""
        nodes = self._builder.nodes[self._start : self._stop]
        return push_forward(self._ctx.builder, nodes, inputs.values, tangents, outputs)


def _split_aux(what: str, returned: Any) -> tuple[Any, Any]:
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise GradientError(
            f"{what}: with has_aux=True the function returns (number, other things)",
            got=type(returned).__name__,
            loc=user_location(),
        )
    return returned


def _one_number(what: str, value: Any) -> Tracer:
    leaves, tree = flatten(value)
    if not tree.is_leaf:
        raise GradientError(
            f"{what}: the function has to return one number",
            got=f"a {type(value).__name__} of {len(leaves)}",
            loc=user_location(),
            hint="return the number alone, or use has_aux=True for what comes with it",
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
