"""Runs a graph with NumPy, node by node: the meaning of the IR.

Layer: compiler/ir. Arrays in, arrays out, through each op's `reference`. Slow and simple on
purpose: tests compare every other way of running a graph with this one. Graphs that are attributes
reach the `reference` as `Callee`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, ne
from typing import Any

import numpy as np

from ..errors import InternalError, ShapeError
from .dims import Dim, evaluate
from .graph import Graph, Node, Value
from .types import TensorType

_RELATIONS: dict[str, Callable[[int, int], bool]] = {"==": eq, "!=": ne, ">=": ge}


def interpret(graph: Graph, arrays: Sequence[Any]) -> list[np.ndarray]:
    """The outputs of the graph for these inputs.

    Raises ShapeError if the inputs do not fit the types or the guards, and InternalError if a
    reference gives another type than `infer` promised.
    """
    inputs = [np.asarray(a) for a in arrays]
    sizes = bind_sizes(graph, [a.shape for a in inputs])
    for v, array in zip(graph.inputs, inputs, strict=True):
        if array.dtype != v.type.dtype.numpy:
            raise ShapeError(f"interpret: expected {v.type}, got {array.dtype}")
    with np.errstate(all="ignore"):
        return _run(graph, inputs, sizes, {})


@dataclass(frozen=True, slots=True)
class Callee:
    """A region as a function from arrays to arrays.

    `tapes` are the records that loops have made in this run, by the token that stands for each.
    """

    graph: Graph
    sizes: Mapping[str, int]
    tapes: dict[int, list[np.ndarray]]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """The outputs of the graph for these arrays."""
        return _run(self.graph, arrays, self.sizes, self.tapes)


def _run(
    graph: Graph,
    arrays: Sequence[np.ndarray],
    sizes: Mapping[str, int],
    tapes: dict[int, list[np.ndarray]],
) -> list[np.ndarray]:
    env: dict[Value, np.ndarray] = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        results = run_node(node, [env[v] for v in node.inputs], sizes, tapes)
        env.update(zip(node.outputs, results, strict=True))
    return [env[v] for v in graph.outputs]


def run_node(
    node: Node,
    operands: Sequence[np.ndarray],
    sizes: Mapping[str, int],
    tapes: dict[int, list[np.ndarray]] | None = None,
) -> list[np.ndarray]:
    """The results of one node, of the types that its outputs promise."""
    tapes = {} if tapes is None else tapes
    attrs = {name: _argument(value, sizes, tapes) for name, value in node.attrs.items()}
    found = node.op.reference(*operands, **attrs)
    results = [np.asarray(r) for r in (found if isinstance(found, tuple) else (found,))]
    for v, array in zip(node.outputs, results, strict=True):
        _check(node, v.type, array, sizes)
    return results


def _argument(value: Any, sizes: Mapping[str, int], tapes: dict[int, list[np.ndarray]]) -> Any:
    """An attribute as `reference` takes it."""
    if isinstance(value, tuple):
        return tuple(_argument(item, sizes, tapes) for item in value)
    return Callee(value, sizes, tapes) if isinstance(value, Graph) else concrete(value, sizes)


def concrete(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with every size expression replaced by its number."""
    if isinstance(value, tuple):
        return tuple(concrete(item, sizes) for item in value)
    return value.evaluate(sizes) if isinstance(value, Dim) else value


def bind_sizes(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """The number behind every symbolic size, from the shapes of the inputs; checks the guards."""
    if len(shapes) != len(graph.inputs):
        raise ShapeError(f"interpret: expected {len(graph.inputs)} arrays, got {len(shapes)}")
    sizes: dict[str, int] = {}
    pairs = list(zip(graph.inputs, shapes, strict=True))
    for v, shape in pairs:
        for size, number in zip(v.type.shape, shape, strict=False):
            if isinstance(size, Dim) and size.names() == {str(size)}:
                sizes.setdefault(str(size), number)
    unbound = set(graph.size_names()) - set(sizes)
    if unbound:
        raise ShapeError(f"interpret: no input has just {min(unbound)} as a size")
    for v, shape in pairs:
        if concrete(v.type.shape, sizes) != shape:
            raise ShapeError(f"interpret: expected {v.type}, got shape {list(shape)}")
    for guard in graph.guards:
        if not _RELATIONS[guard.relation](evaluate(guard.size, sizes), 0):
            raise ShapeError(f"interpret: {guard} does not hold", got=str(sizes))
    return sizes


def _check(node: Node, type: TensorType, array: np.ndarray, sizes: Mapping[str, int]) -> None:
    shape = concrete(type.shape, sizes)
    if array.dtype != type.dtype.numpy or array.shape != shape:
        raise InternalError(
            f"{node.op.name}: the reference gives {array.dtype}{list(array.shape)}, infer {type}"
        )
