"""vmap: a function of one example, applied to a stack of them at once.

Layer: frontend. The function is traced into a region (region.py) with one example's types in place
of the arguments that are mapped; `compiler/transforms/batch.py` then emits that graph for all
examples into the graph that is under construction. So vmap nests with itself and with every other
transform: what it leaves behind are ordinary nodes.

Which axis of an argument counts the examples is said by a *prefix* of its nested structure: an axis
or None in place of a container stands for all that is in it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler.errors import ShapeError, TraceError
from ..compiler.ir.graph import Value
from ..compiler.ir.types import Size, TensorType
from ..compiler.program import LeafSpec
from ..compiler.transforms.batch import batch
from . import lift, values
from .arguments import is_static
from .context import RegionKind, TraceContext, require
from .eager import remembers
from .jit import Jitted
from .location import user_location
from .region import Region, name_of, trace_region
from .symint import SymInt
from .trace import tracer_of
from .tracer import Tracer
from .transforms.segment import argument_names
from .tree import LEAF_CLASSES, TreeDef, flatten, unflatten

Axis = int | None

_KIND = RegionKind(
    "the function of tw.vmap", "return it as a result", "return it as a result of the function"
)
_FROZEN = "assigning to an example would not change the array that it is taken from"
_AXES = LEAF_CLASSES | {type(None)}


@remembers
def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Jitted:
    """Apply a function to many examples at once, as if it were called for each in a loop.

    As `np.stack([function(x[k], y[k]) for k in range(len(x))])`, but each operation of the
    function becomes one operation on all examples. Inside of the function the axis of the examples
    is not there: `x.shape` is that of one example.

    Args:
        function: of arrays and numbers, in any nesting.
        in_axes: which axis of the arguments counts the examples: an int for all positional
            arguments; or a tuple with one entry for each, an int, None (the same for all examples),
            or for a nested argument a structure of these. Negative axes count from the last.
            Keyword arguments are mapped over axis 0, as in JAX.
        out_axes: where the axis of the examples goes in the results, in the same way. None: the
            result is the same for all examples and gets no axis.

    Returns:
        A compiled function of the same arguments.

    Raises:
        ShapeError: (when called) the arguments have different numbers of examples, or an argument
            does not have the axis to map.
        TraceError: (when called) nothing is mapped, or `in_axes` or `out_axes` does not fit.
    """
    if not callable(function):
        raise TypeError(f"vmap: needs a function, got {type(function).__name__}")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _map(require(), function, args, kwargs, in_axes, out_axes)

    functools.update_wrapper(mapped, function)
    return Jitted.like(mapped, function)


# -- arguments ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Leaf:
    """An array of an argument; one that is not mapped, or is none at all, has no axis (-1)."""

    path: str
    given: Any
    axis: int = -1

    @property
    def is_mapped(self) -> bool:
        """Whether it differs from example to example."""
        return self.axis >= 0

    @property
    def size(self) -> Size:
        """The number of examples."""
        shape: tuple[Size, ...] = self.given._type.shape
        return shape[self.axis]

    @property
    def example(self) -> LeafSpec:
        """The type of one example."""
        type, axis = self.given._type, self.axis
        shape = (*type.shape[:axis], *type.shape[axis + 1 :])
        return LeafSpec.of(TensorType(type.dtype, shape))

    def in_front(self, ctx: TraceContext) -> Value:
        """The array with the axis of the examples as its first."""
        return _moved(ctx, self.given._read(), self.axis, 0)

    def __str__(self) -> str:
        return f"{self.path}: {self.given._type}, axis {self.axis}"


def _moved(ctx: TraceContext, x: Value, source: int, target: int) -> Value:
    order = [k for k in range(x.type.rank) if k != source]
    order.insert(target, source)
    return values.transpose(ctx, x, tuple(order))


def _arguments(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], in_axes: Any
) -> tuple[list[_Leaf], TreeDef]:
    """The leaves of (args, kwargs), and their nesting."""
    leaves, tree = flatten((tuple(args), dict(kwargs)))
    names = [*argument_names(function, len(args))[: len(args)], *kwargs]
    entries = [*_entries(in_axes, args), *[0] * len(kwargs)]
    children = [child for part in tree.children for child in part.children]
    if isinstance(function, Jitted):
        keys = [*range(len(args)), *kwargs]
        pairs = zip(keys, entries, strict=True)
        entries = [None if function.takes_static(key) else entry for key, entry in pairs]
    axes: list[Axis] = []
    paths: list[str] = []
    for name, child, entry in zip(names, children, entries, strict=True):
        axes += _prefix("in_axes", entry, child, f"the argument {name}")
        paths += child.paths(name)
    triples = zip(paths, leaves, axes, strict=True)
    return [_leaf(path, x, axis) for path, x, axis in triples], tree


def _entries(in_axes: Any, args: Sequence[Any]) -> Sequence[Any]:
    """What `in_axes` says on each positional argument."""
    if not isinstance(in_axes, (list, tuple)):
        return [in_axes] * len(args)
    if len(in_axes) != len(args):
        raise TraceError(
            "vmap: in_axes needs one entry for each positional argument of the call",
            got=str(len(in_axes)),
            expected=str(len(args)),
            loc=user_location(),
        )
    return in_axes


def _leaf(path: str, x: Any, axis: Axis) -> _Leaf:
    if axis is None or (is_static(x) and not isinstance(x, SymInt)):
        return _Leaf(path, x)
    given = lift.lift(x)
    rank = given._type.rank
    if rank == 0:
        raise ShapeError(
            f"vmap: the argument {path} has no axis to map",
            got=lift.type_text(given),
            loc=user_location(),
            hint="in_axes=None for what is the same for all examples",
        )
    if not -rank <= axis < rank:
        raise ShapeError(
            f"vmap: the argument {path} has no axis {axis}",
            got=str(given._type),
            loc=user_location(),
        )
    return _Leaf(path, given, axis % rank)


def _count(ctx: TraceContext, leaves: Sequence[_Leaf]) -> Size:
    """The number of examples, on which all mapped arguments have to agree."""
    if not leaves:
        raise TraceError(
            "vmap: nothing is mapped: in_axes is None for all arguments", loc=user_location()
        )
    first = leaves[0]
    for other in leaves[1:]:
        if not ctx.equal(first.size, other.size):
            raise ShapeError(
                "vmap: the arguments have different numbers of examples",
                got=f"{first} has {first.size}; {other} has {other.size}",
                loc=user_location(),
            )
    return first.size


# -- axes for nested structures -----------------------------------------------------------------


def _prefix(what: str, axes: Any, tree: TreeDef, of: str) -> list[Axis]:
    """An axis for each leaf of the tree `of` something, from a prefix of its structure."""
    leaves, prefix = flatten(axes, _AXES)
    for x in leaves:
        if x is not None and not _is_int(x):
            raise TraceError(
                f"vmap: {what} consists of ints and None, in tuples, lists and dicts",
                got=repr(x),
                loc=user_location(),
            )
    try:
        return _spread(prefix, iter(leaves), tree)
    except _MismatchError as error:
        got, expected = (_text(t) for t in error.args)
        raise TraceError(
            f"vmap: {what} is nested otherwise than {of}",
            got=got,
            expected=expected,
            loc=user_location(),
        ) from None


def _is_int(x: Any) -> bool:
    return hasattr(x, "__index__") and not isinstance(x, bool)


class _MismatchError(Exception):
    """Two trees that differ."""


def _spread(prefix: TreeDef, axes: Iterator[Any], tree: TreeDef) -> list[Axis]:
    if prefix.is_leaf:
        axis = next(axes)
        return [axis if axis is None else operator.index(axis)] * sum(1 for _ in tree.paths())
    both_flat = prefix.kind in (tuple, list) and tree.kind in (tuple, list)
    same = (prefix.kind is tree.kind or both_flat) and set(prefix.keys) == set(tree.keys)
    if not same or len(prefix.children) != len(tree.children):
        raise _MismatchError(prefix, tree)
    # dicts with the same keys may hold them in another order
    places = [tree.keys.index(key) for key in prefix.keys] or range(len(prefix.children))
    parts = {
        place: _spread(child, axes, tree.children[place])
        for child, place in zip(prefix.children, places, strict=True)
    }
    return [axis for place in sorted(parts) for axis in parts[place]]


def _text(tree: TreeDef) -> str:
    if tree.kind is None:
        return "an array or a number"
    if tree.keys:
        return f"{tree.kind.__name__} of {', '.join(map(repr, tree.keys))}"
    return f"{tree.kind.__name__} of {len(tree.children)}"


# -- how ----------------------------------------------------------------------------------------


def _map(
    ctx: TraceContext,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    in_axes: Any,
    out_axes: Any,
) -> Any:
    leaves, tree = _arguments(function, args, kwargs, in_axes)
    mapped = [x for x in leaves if x.is_mapped]
    size = _count(ctx, mapped)
    region = _trace(ctx, function, leaves, tree)
    captured = list(region.captured)
    stacks = [x.in_front(ctx) for x in mapped]
    flags = [True] * len(stacks) + [False] * len(captured)
    outputs, varies = batch(ctx.builder, region.graph, [*stacks, *captured], flags, size)
    return _results(ctx, region, outputs, varies, out_axes, size)


def _trace(
    ctx: TraceContext, function: Callable[..., Any], leaves: Sequence[_Leaf], tree: TreeDef
) -> Region:
    """The function's graph for one example; what is not mapped it reads from outside."""

    def of_examples(*examples: Tracer) -> Any:
        rest = iter(examples)
        args, kwargs = unflatten(tree, [next(rest) if x.is_mapped else x.given for x in leaves])
        return function(*args, **kwargs)

    of_examples.__name__ = name_of(function)
    mapped = [x for x in leaves if x.is_mapped]
    specs, names = [x.example for x in mapped], [x.path for x in mapped]
    return trace_region(ctx, of_examples, specs, _KIND, names=names, frozen=_FROZEN)


def _results(
    ctx: TraceContext,
    region: Region,
    outputs: Sequence[Value],
    varies: Sequence[bool],
    out_axes: Any,
    size: Size,
) -> Any:
    template = region.returned
    every = _prefix("out_axes", out_axes, template.tree, "the result")
    is_data = [isinstance(x, LeafSpec) for x in template.leaves]
    axes = [axis for axis, data in zip(every, is_data, strict=True) if data]
    found: list[Tracer] = []
    items = zip(outputs, varies, axes, template.specs, template.paths("result"), strict=True)
    for value, is_mapped, axis, spec, path in items:
        if axis is not None:
            found.append(_stacked(ctx, value, is_mapped, axis, size, path))
        elif is_mapped:
            raise TraceError(
                f"vmap: out_axes is None for {path}, which differs from example to example",
                loc=user_location(),
            )
        else:
            found.append(tracer_of(ctx, spec, value))
    return template.rebuild(found)


def _stacked(
    ctx: TraceContext, value: Value, is_mapped: bool, axis: int, size: Size, path: str
) -> Tracer:
    """A result with the axis of the examples in its place."""
    rank = value.type.rank + (not is_mapped)
    if not -rank <= axis < rank:
        raise ShapeError(
            f"vmap: out_axes is {axis} for {path}, which has {rank} axes with that of the examples",
            loc=user_location(),
        )
    if not is_mapped:
        shape = (size, *value.type.shape)
        value = ctx.emit("broadcast", value, shape=shape, dims=tuple(range(1, rank)))
    return lift.array(ctx, _moved(ctx, value, 0, axis % rank))
