"""Computes equal expressions once.

Layer: compiler/passes. Two nodes are equal when op, operands and attributes are; the operands of
commutative ops are compared in any order. Literals are compared bit for bit::

    %0: f32[4] = multiply(%x, %y)
    %1: f32[4] = multiply(%y, %x)        =>     %0: f32[4] = multiply(%x, %y)
    %2: f32[4] = add(%0, %1)                    %1: f32[4] = add(%0, %0)

Needs nothing; gives a graph where equal pure expressions are one value. Ops have no effects but
errors, and an error raised once is as good as one raised twice.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..ir.graph import Graph, Node, Value
from .base import Pass, rebuild, with_operands


def cse(graph: Graph) -> Graph:
    """The graph with equal nodes merged into the first of them."""
    seen: dict[Hashable, Node] = {}
    replaced: dict[Value, Value] = {}
    nodes = []
    for old in graph.nodes:
        node = with_operands(old, replaced)
        first = seen.setdefault(_key(node), node)
        if first is node:
            nodes.append(node)
        else:
            replaced.update(zip(node.outputs, first.outputs, strict=True))
    return rebuild(graph, nodes, replaced)


def _key(node: Node) -> Hashable:
    inputs = node.inputs
    if node.op.traits.commutative and id(inputs[0]) > id(inputs[1]):
        inputs = (inputs[1], inputs[0])  # any fixed order will do
    # an attribute that is a float counts by its bits: 0.0 == -0.0
    values = [node.attrs[name] for name in node.op.attrs]
    return node.op.name, inputs, tuple([v.hex() if type(v) is float else v for v in values])


CSE = Pass("cse", "Compute equal expressions once.", cse)
