"""Evaluates what depends on constants only.

Layer: compiler/passes. A node whose operands are constants runs its `reference`; a size that is
known becomes a constant::

    %0: f64[] = constant() {value=4.0}
    %1: f64[] = sqrt(%0)                      =>     %1: f64[] = constant() {value=2.0}
    %2: i64[] = dim() {size=7}                       %2: i64[] = constant() {value=7}

An array of equal elements becomes a broadcast scalar, which costs no memory and which rules
see through. Limits: results that are large and larger than the operands are left to run time, and
so are nodes that raise an error, loops, and `iota`, which a kernel counts faster than it loads. The
replaced nodes' operands stay behind, for `prune`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.dims import Dim
from ..ir.graph import Graph, Node, Value
from ..ir.interpret import run_node
from ..ir.literal import Literal
from ..ir.opdef import Kind
from ..ir.types import Size
from ..ops.shape import BROADCAST
from ..ops.source import CONSTANT, DIM
from .base import Pass, Walk, literal_of, with_operands

LARGEST_RESULT = 4096  # elements


def fold(graph: Graph) -> Graph:
    """The graph with constant expressions evaluated."""
    return _Folder(graph).run()


class _Folder(Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.known: dict[Value, np.ndarray] = {}  # constants, and broadcasts of them as views

    def run(self) -> Graph:
        with np.errstate(all="ignore"):
            return super().run()

    def visit(self, old: Node) -> None:
        node = with_operands(old, self.replaced)
        literal = literal_of(node)
        if literal is not None:
            self._visit_constant(node, literal)
            return
        results = self._evaluate(node)
        if results is None or (node.op is BROADCAST and _stored_size(results[0]) == 1):
            self.builder.keep(node)
            self.known.update(zip(node.outputs, results or (), strict=False))
            return
        for v, result in zip(node.outputs, results, strict=True):
            self.replaced[v] = self._constant(Literal(result))

    def _visit_constant(self, node: Node, literal: Literal) -> None:
        if literal.array.size > 1 and literal.is_uniform:
            self.replaced[node.output] = self._constant(literal)
        else:
            self.builder.keep(node)
            self.known[node.output] = literal.array

    def _evaluate(self, node: Node) -> list[np.ndarray] | None:
        """The results of a node whose operands are known, unless they are too large."""
        if node.op.kind is Kind.REGION or (not node.inputs and node.op is not DIM):
            return None
        operands = [self.known[v] for v in node.inputs if v in self.known]
        if len(operands) != len(node.inputs) or not all(map(_is_known, node.attrs.values())):
            return None
        largest = max((_stored_size(array) for array in operands), default=1)
        limit = max(LARGEST_RESULT, largest)
        # a broadcast scalar is never stored, however large
        free = node.op is BROADCAST and largest == 1
        if not free and not all(_is_within(v.type.size, limit) for v in node.outputs):
            return None
        try:
            return run_node(node, operands, {})
        except (ArithmeticError, ValueError, IndexError):
            return None  # raises the same error when the program runs

    def _constant(self, literal: Literal) -> Value:
        if literal.array.size == 1 or not literal.is_uniform:
            value = self.builder.emit(CONSTANT, value=literal)
        else:
            element = Literal(literal.array.flat[0], literal.dtype)
            scalar = self.builder.emit(CONSTANT, value=element)
            self.known[scalar] = element.array
            value = self.builder.emit(BROADCAST, scalar, shape=literal.type.shape, dims=())
        self.known[value] = literal.array
        return value


def _stored_size(array: np.ndarray) -> int:
    """The number of elements in memory: axes that a broadcast added do not count."""
    pairs = zip(array.shape, array.strides, strict=True)
    return math.prod(size if stride else min(size, 1) for size, stride in pairs)


def _is_within(size: Size, limit: int) -> bool:
    return isinstance(size, int) and size <= limit


def _is_known(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_known, value))
    return not isinstance(value, Dim)


FOLD = Pass("fold", "Evaluate what depends on constants only.", fold)
