"""What a transform differentiates: fresh inputs, and the segment of the graph behind them.

Layer: frontend. A transform puts fresh values (copies by name) in place of the arguments that are
differentiated and runs the user's function. Everything the function emits from then on is a segment
of the graph; the drivers of compiler/transforms walk it and emit the derivative behind it. So
transforms nest in any order: an outer one walks what inner ones have emitted, and the fresh values
keep their derivatives apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.errors import GradientError
from ...compiler.ir.graph import Node, Value
from ...compiler.transforms.forward import push_forward
from ...compiler.transforms.reverse import pull_back
from .. import lift, values
from ..arguments import is_static
from ..context import TraceContext
from ..location import user_location
from ..tracer import Tracer
from ..tree import TreeDef, flatten, unflatten
from .matching import shown

Argnums = int | Sequence[int]
FROZEN = "assigning to a differentiated argument"


@dataclass(frozen=True)
class Inputs:
    """The leaves of some arguments, as fresh values that a derivative is taken with respect to."""

    outer: tuple[Tracer, ...]  # what the caller has given
    inner: tuple[Tracer, ...]  # what the function gets
    trees: tuple[TreeDef, ...]  # one per argument
    paths: tuple[str, ...]  # what messages call the leaves

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
        pairs = zip(self.outer, found, strict=True)
        return self.rebuild([derivative_of(ctx, outer, value) for outer, value in pairs])


def derivative_of(ctx: TraceContext, x: Tracer, value: Value | None) -> Tracer:
    """A derivative of the same class as `x`: an array, a scalar or a Python float; None: zero."""
    if value is None:
        value = values.full(ctx, x._type.shape, 0, x._type.dtype)
    return Tracer(ctx, x._type, value, scalar=x._scalar, weak=x._weak)


def fresh_inputs(
    ctx: TraceContext,
    what: str,
    arguments: Sequence[Any],
    names: Sequence[str],
    hint: str = "convert it to floats",
) -> Inputs:
    """Fresh values for all leaves of the arguments; GradientError if one is not of floats.

    There may be more names than arguments.
    """
    outer: list[Tracer] = []
    inner: list[Tracer] = []
    paths: list[str] = []
    trees = []
    for argument, name in zip(arguments, names, strict=False):
        leaves, tree = flatten(argument)
        trees.append(tree)
        for leaf, path in zip(leaves, tree.paths(name), strict=True):
            given = _differentiable(what, leaf, path, hint)
            outer.append(given)
            paths.append(path)
            # a node of its own, so that uses of the argument from elsewhere stay apart
            value = ctx.emit("positive", given._read())
            inner.append(
                Tracer(
                    ctx,
                    given._type,
                    value,
                    scalar=given._scalar,
                    weak=given._weak,
                    frozen="" if given._scalar else FROZEN,
                    name=path,
                )
            )
    return Inputs(tuple(outer), tuple(inner), tuple(trees), tuple(paths))


def _differentiable(what: str, leaf: Any, path: str, hint: str) -> Tracer:
    if is_static(leaf):
        raise GradientError(
            f"{what}: {path} is neither an array nor a number",
            got=type(leaf).__name__,
            expected="floats",
            loc=user_location(),
        )
    given = lift.lift(leaf)
    if not given._type.dtype.is_float:
        raise GradientError(
            f"{what}: {path} cannot be differentiated, it does not hold floats",
            got=lift.type_text(given),
            expected="floats",
            loc=user_location(),
            hint=hint,
        )
    return given


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

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes."""
        return self._builder.nodes[self._start : self._stop]

    def pull_back(
        self, outputs: Sequence[Value], cts: Sequence[Value | None], inputs: Inputs
    ) -> list[Value | None]:
        """The cotangents of the inputs."""
        return pull_back(self._ctx.builder, self.nodes, outputs, cts, inputs.values)

    def push_forward(
        self, inputs: Inputs, tangents: Sequence[Value | None], outputs: Sequence[Value]
    ) -> list[Value | None]:
        """The tangents of the outputs."""
        return push_forward(self._ctx.builder, self.nodes, inputs.values, tangents, outputs)


# -- arguments ----------------------------------------------------------------------------------


def substituted(
    ctx: TraceContext,
    what: str,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    argnums: Argnums,
) -> tuple[Inputs, list[Any], dict[str, Any]]:
    """Fresh inputs for the chosen arguments, and all arguments with them in place."""
    names = argument_names(function, len(args))
    places = _places(what, names, args, kwargs, argnums)
    inputs = fresh_inputs(
        ctx,
        what,
        [kwargs[p] if isinstance(p, str) else args[p] for p in places],
        [p if isinstance(p, str) else names[p] for p in places],
        "convert it to floats, or choose other arguments with argnums",
    )
    new_args, new_kwargs = list(args), dict(kwargs)
    for place, made in zip(places, inputs.arguments(), strict=True):
        if isinstance(place, str):
            new_kwargs[place] = made
        else:
            new_args[place] = made
    return inputs, new_args, new_kwargs


def _places(
    what: str,
    names: Sequence[str],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    argnums: Argnums,
) -> list[int | str]:
    """Where the chosen arguments stand in the call: positions, and names of keywords."""
    places: list[int | str] = []
    for number in [argnums] if isinstance(argnums, int) else argnums:
        position = number + len(args) if number < 0 else number
        if 0 <= position < len(args):
            places.append(position)
        elif position >= len(args) and position < len(names) and names[position] in kwargs:
            places.append(names[position])
        else:
            raise GradientError(
                f"{what}: argnums chooses an argument that the call does not have",
                got=f"argnums={argnums!r}, {len(args)} positional arguments",
                loc=user_location(),
            )
    if len(set(places)) < len(places):
        raise GradientError(
            f"{what}: argnums chooses an argument twice",
            got=f"argnums={argnums!r}",
            loc=user_location(),
        )
    return places


def check_argnums(what: str, argnums: Any) -> Argnums:
    """An int, or a tuple of ints; TypeError otherwise."""
    if isinstance(argnums, int) and not isinstance(argnums, bool):
        return argnums
    if isinstance(argnums, (tuple, list)) and argnums and all(type(k) is int for k in argnums):
        return tuple(argnums)
    raise TypeError(f"{what}: argnums is an int or a tuple of ints, got {argnums!r}")


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What messages call the arguments: those that can be positional, and at least `count`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [p.name for p in parameters if p.kind in named]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "args")
    return [*known, *(f"{rest}[{k - len(known)}]" for k in range(len(known), count))]


def split_aux(what: str, returned: Any) -> tuple[Any, Any]:
    """The pair that a function with other results returns."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise GradientError(
            f"{what}: with has_aux=True the function returns (result, other things)",
            got=shown(returned),
            loc=user_location(),
        )
    return returned
