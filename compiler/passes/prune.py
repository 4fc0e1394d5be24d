"""Removes nodes whose results nobody reads.

Layer: compiler/passes. The inputs of the graph stay, used or not::

    graph @f(%x: f32[4], %y: f32[4]) {          graph @f(%x: f32[4], %y: f32[4]) {
      %0: f32[4] = add(%x, %y)             =>
      %1: f32[4] = negative(%x)                   %0: f32[4] = negative(%x)
      return %1                                   return %0
    }                                           }

Limits: an error that an unread node would have raised (an index out of bounds) goes with it.
"""

from __future__ import annotations

from ..ir.graph import Graph
from .base import Pass, rebuild


def prune(graph: Graph) -> Graph:
    """The graph without dead nodes."""
    live = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.outputs):
            live.update(node.inputs)
            kept.append(node)
    kept.reverse()
    return rebuild(graph, kept, {})


PRUNE = Pass("prune", "Remove nodes whose results nobody reads.", prune)
