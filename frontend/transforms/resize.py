"""Graphs with symbolic sizes, applied to values whose sizes are others.

Layer: frontend. A graph that was traced for `x: f32[n, 2]` may be copied to where x is f32[3, 2] or
f32[2*m, 2]: its attributes (shapes, slices, the graphs of loops) name n, and have to name 3 or 2*m.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...compiler.ir.builder import GraphBuilder
from ...compiler.ir.dims import Dim
from ...compiler.ir.graph import Graph, Guard, Value
from ...compiler.ir.types import Size
from ..context import SMALLEST_SYMBOLIC

Sizes = Mapping[str, Size]


def bound_sizes(graph: Graph, inputs: Sequence[Value]) -> Sizes:
    """What the symbols of a graph's inputs stand for here; only those that are other than there."""
    found: dict[str, Size] = {}
    for mine, given in zip(graph.inputs, inputs, strict=True):
        for wanted, size in zip(mine.type.shape, given.type.shape, strict=False):
            if isinstance(wanted, Dim) and wanted != size and wanted == Dim.symbol(str(wanted)):
                found[str(wanted)] = size
    if not found:
        return found
    names = set(graph.size_names()) - found.keys()
    return found | {name: Dim.symbol(name) for name in names}


def fits(graph: Graph, shapes: Sequence[Sequence[Any]]) -> bool:
    """Whether a graph holds for inputs of these sizes, of which the first ones are given.

    Symbols stand for 2 and more, as the native entry takes them; sizes that are not ints (those of
    another trace) are taken to fit.
    """
    env: dict[str, int] = {}
    for v, shape in zip(graph.inputs, shapes, strict=False):
        if len(shape) != len(v.type.shape):
            return False
        for size, wanted in zip(shape, v.type.shape, strict=True):
            if not isinstance(size, int):
                continue
            if isinstance(wanted, Dim):
                if size < SMALLEST_SYMBOLIC or env.setdefault(str(wanted), size) != size:
                    return False
            elif size != wanted:
                return False
    return all(_holds(g, env) for g in graph.guards if g.size.names() <= env.keys())


def _holds(guard: Guard, env: Mapping[str, int]) -> bool:
    value = guard.size.evaluate(env)
    if guard.relation == "==":
        return bool(value == 0)
    return bool(value != 0 if guard.relation == "!=" else value >= 0)


def resized(attribute: Any, sizes: Sizes) -> Any:
    """An attribute in which the symbols are replaced."""
    if isinstance(attribute, Dim):
        return attribute.evaluate(sizes)  # type: ignore[arg-type]  # arithmetic, on sizes too
    if isinstance(attribute, tuple):
        return tuple(resized(x, sizes) for x in attribute)
    if isinstance(attribute, Graph):
        return _resized_graph(attribute, sizes)
    return attribute


def _resized_graph(graph: Graph, sizes: Sizes) -> Graph:
    builder = GraphBuilder(graph.name)
    inputs = [
        builder.input(v.type.with_shape(resized(v.type.shape, sizes)), v.name) for v in graph.inputs
    ]
    return builder.finish(builder.inline(graph, inputs, partial(resized, sizes=sizes)))
