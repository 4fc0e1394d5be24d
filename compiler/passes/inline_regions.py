"""Puts regions that run once in their place.

Layer: compiler/passes. A branch that is chosen by a constant, and a loop over one slice, need no
region::

    %0: i64[] = constant() {value=1}
    %1: f64[] = switch(%0, %x) {branches=[          =>     %0: f64[] = negative(%x)
      graph @a(%x: f64[]) { return %x },
      graph @b(%x: f64[]) { %0: f64[] = negative(%x) return %0 }]}

Needs constants evaluated (`fold`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ops.control import SCAN, SWITCH
from ..ops.shape import RESHAPE
from .base import Pass, Walk, literal_of, with_operands


def inline_regions(graph: Graph) -> Graph:
    """The graph with regions that run once in the place of their nodes."""
    if not any(node.op.kind is Kind.REGION for node in graph.nodes):
        return graph
    return _Inliner(graph).run()


class _Inliner(Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.producers = graph.producers()

    def visit(self, old: Node) -> None:
        node = with_operands(old, self.replaced)
        results = self._inlined(node)
        if results is None:
            self.builder.keep(node)
        else:
            self.replaced.update(zip(node.outputs, results, strict=True))

    def _inlined(self, node: Node) -> list[Value] | None:
        """What stands for the results of a node with a region that runs once; or None."""
        if node.op is SWITCH:
            branches = node.attrs["branches"]
            index = literal_of(self.producers.get(node.inputs[0]))
            if index is None and len(branches) > 1:
                return None
            chosen = 0 if index is None else int(index.array)
            return self._copy(branches[min(max(chosen, 0), len(branches) - 1)], node.inputs[1:])
        if node.op is SCAN and node.attrs["length"] == 1:
            return self._scan(node)
        return None

    def _copy(self, region: Graph, operands: Sequence[Value]) -> list[Value]:
        """The outputs of a region for these operands; a region's nodes stand once only."""
        renamed = dict(zip(region.inputs, operands, strict=True))
        for old in region.nodes:
            node = with_operands(old, renamed)
            results = self._inlined(node)
            if results is None:
                made = self.builder.copy(node, node.inputs)
                self.producers.update(dict.fromkeys(made.outputs, made))
                results = list(made.outputs)
            renamed.update(zip(old.outputs, results, strict=True))
        return [renamed[v] for v in region.outputs]

    def _scan(self, node: Node) -> list[Value]:
        carries, scanned = node.attrs["carries"], node.attrs["scanned"]
        operands = list(node.inputs)
        with self.builder.at(node.loc):
            for k in range(carries, carries + scanned):
                shape = operands[k].type.shape[1:]
                operands[k] = self.builder.emit(RESHAPE, operands[k], shape=shape)
            results = self._copy(node.attrs["body"], operands)
            for k in range(carries, len(results)):
                shape = (1, *results[k].type.shape)
                results[k] = self.builder.emit(RESHAPE, results[k], shape=shape)
        return results


INLINE_REGIONS = Pass("inline-regions", "Put regions that run once in their place.", inline_regions)
