"""Batched graphs beside their meaning: the graph run once per example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tensorwright.compiler import ops as _loaded  # noqa: F401  (fills the registry)
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import bind_sizes, concrete, interpret
from tensorwright.compiler.ir.types import Size
from tensorwright.compiler.ir.verify import verify
from tensorwright.compiler.transforms.batch import batch


def batched(graph: Graph, mapped: Sequence[bool], size: Size) -> Graph:
    """The graph for a stack of examples; results that are the same for all stay without axis."""
    builder = GraphBuilder("batched")
    inputs = [
        builder.input(v.type.with_shape((size, *v.type.shape)) if m else v.type, v.name)
        for v, m in zip(graph.inputs, mapped, strict=True)
    ]
    for guard in graph.guards:
        builder.guard(guard)
    outputs, _ = batch(builder, graph, inputs, mapped, size)
    made = builder.finish(outputs)
    verify(made)
    return made


def loop(
    graph: Graph, mapped: Sequence[bool], size: int, arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """What batching means: one run per example, results stacked."""
    runs = [
        interpret(graph, [a[k] if m else a for a, m in zip(arrays, mapped, strict=True)])
        for k in range(size)
    ]
    if runs:
        return [np.stack(results) for results in zip(*runs, strict=True)]
    one = [a.shape[1:] if m else a.shape for a, m in zip(arrays, mapped, strict=True)]
    sizes = bind_sizes(graph, one)
    return [
        np.empty((0, *concrete(v.type.shape, sizes)), v.type.dtype.numpy) for v in graph.outputs
    ]


def stacked(found: Sequence[np.ndarray], like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results with the example axis that those without it lack."""
    return [
        np.broadcast_to(f, e.shape) if f.ndim < e.ndim else f
        for f, e in zip(found, like, strict=True)
    ]
