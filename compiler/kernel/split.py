"""Takes reductions of whole arrays apart where rows of the array are reduced, too.

Layer: compiler/kernel, before prepare.py. A sum over everything cannot be part of a kernel that
reduces rows: it walks other axes. Taken apart, its first half can::

    %3 = reduce_sum(%2) {axes=[0, 1]}    =>    %3 = reduce_sum(%2) {axes=[1]}
                                               %4 = reduce_sum(%3) {axes=[0]}

where %2 depends on a reduction over axis 1 of an array of its shape, as the terms of a loss after a
softmax do. Then %2 need not be written to memory.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.types import Shape

Rows = tuple[Shape, tuple[int, ...]]  # the shape of an array, the axes of it that are reduced


def split_reductions(graph: Graph) -> Graph:
    """The graph with such reductions taken apart; itself if there are none."""
    rows: dict[Value, Rows] = {}
    split: dict[Node, tuple[int, ...]] = {}
    for node in graph.nodes:
        if node.op.kind is Kind.REDUCE:
            shape, axes = node.inputs[0].type.shape, node.attrs["axes"]
            found = rows.get(node.inputs[0])
            if 0 < len(axes) < len(shape):
                rows[node.output] = shape, axes
            elif found is not None and found[0] == shape and _divisible(node):
                split[node] = found[1]
        elif node.op.kind in (Kind.ELEMENTWISE, Kind.VIEW):
            for v in node.inputs:
                if v in rows:
                    rows[node.output] = rows[v]
    return _rebuilt(graph, split) if split else graph


def _divisible(node: Node) -> bool:
    """Whether the reduction of reductions is the reduction of all, as good as bit for bit.

    Not so for positions; and sums of halves, which rounds each of the partial sums.
    """
    reduction = node.op.reduction
    if reduction is None or reduction.needs_index:
        return False
    return not node.output.type.dtype.is_half


def _rebuilt(graph: Graph, split: dict[Node, tuple[int, ...]]) -> Graph:
    builder = GraphBuilder.like(graph)
    new: dict[Value, Value] = {}
    for node in graph.nodes:
        inputs = [new.get(v, v) for v in node.inputs]
        with builder.at(node.loc):
            if node in split:
                axes = split[node]
                part = builder.emit(node.op, *inputs, axes=axes)
                rest = tuple(range(part.type.rank))
                new[node.output] = builder.emit(node.op, part, axes=rest)
                continue
            made = builder.emit_node(node.op, inputs, **node.attrs)
        new.update(zip(node.outputs, made.outputs, strict=True))
    return builder.finish([new.get(v, v) for v in graph.outputs])
