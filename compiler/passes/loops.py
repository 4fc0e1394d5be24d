"""Loops as lists of parts, for passes that add or remove some.

Layer: compiler/passes. The operands, results and region inputs and outputs of a loop belong
together by position; `LoopParts` keeps them together by name, and `node` puts them in order again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InternalError
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import OpDef
from ..ops.control import REPLAY, SCAN, WHILE


@dataclass(eq=False)
class Carried:
    """One carry: operand, region inputs (body first), the body's output, result."""

    init: Value
    inputs: tuple[Value, ...]
    output: Value
    result: Value


@dataclass(eq=False)
class Fed:
    """An operand and the region inputs (body first) that read it, whole or by slices."""

    operand: Value
    inputs: tuple[Value, ...]


@dataclass(eq=False)
class Made:
    """An output of the body and the stacked result, or the tape, of it."""

    output: Value
    result: Value


@dataclass(eq=False)
class LoopParts:
    """A scan, while or replay. `walked` are arrays or tapes; `count` is the number of iterations,
    an operand of a replay or a result of a while that records.
    """

    op: OpDef
    body: Graph
    condition: Graph | None
    carries: list[Carried]
    walked: list[Fed]
    captured: list[Fed]
    made: list[Made]
    attrs: dict[str, Any]  # those that are no regions and no numbers of parts
    loc: Any
    count: Value | None = None

    @property
    def written(self) -> list[Carried | Made]:
        """The parts that the body has outputs for, in their order."""
        return [*self.carries, *self.made]

    @property
    def regions(self) -> list[Graph]:
        """The body, and the condition of a while."""
        return [self.body] if self.condition is None else [self.body, self.condition]

    def node(self) -> Node:
        """The loop as a node with these very results."""
        inputs = [c.init for c in self.carries] + [
            f.operand for f in (*self.walked, *self.captured)
        ]
        results = [c.result for c in self.carries]
        attrs = {**self.attrs, "carries": len(self.carries), "body": self._region(self.body, 0)}
        if self.op is SCAN:
            attrs["scanned"] = len(self.walked)
        elif self.op is WHILE:
            assert self.condition is not None
            attrs |= {"records": len(self.made), "condition": self._region(self.condition, 1)}
            results += [self.count] if self.made and self.count is not None else []
        else:
            assert self.count is not None
            attrs["tapes"] = len(self.walked)
            inputs = [self.count, *inputs]
        results += [m.result for m in self.made]
        node = Node(self.op, tuple(inputs), attrs, tuple(results), self.loc)
        types = tuple(self.op.infer([v.type for v in inputs], attrs))
        if types != tuple(v.type for v in results):
            raise InternalError(f"{self.op.name}: its parts do not fit together")
        return node

    def _region(self, graph: Graph, which: int) -> Graph:
        """A region with the inputs and outputs that the parts have; `which`: 0 is the body."""
        parts: Sequence[Carried | Fed] = [*self.carries, *self.walked, *self.captured]
        inputs = tuple(p.inputs[which] for p in parts)
        outputs = graph.outputs
        if which == 0:
            outputs = tuple(p.output for p in self.written)
        return Graph(graph.name, inputs, graph.nodes, outputs)


def is_loop(node: Node) -> bool:
    """Whether `parts_of` takes the node."""
    return node.op is SCAN or node.op is WHILE or node.op is REPLAY


def parts_of(node: Node) -> LoopParts:
    """The parts of a loop."""
    attrs = node.attrs
    body, condition = attrs["body"], attrs.get("condition")
    regions = [body] if condition is None else [body, condition]
    operands = node.inputs[1:] if node.op is REPLAY else node.inputs
    inputs = list(zip(*(g.inputs for g in regions), strict=True))
    carries = attrs["carries"]
    walked = carries + attrs.get("scanned", attrs.get("tapes", 0))
    results = list(node.outputs[carries:])
    count = node.inputs[0] if node.op is REPLAY else None
    if node.op is WHILE and results:
        count = results.pop(0)
    return LoopParts(
        node.op,
        body,
        condition,
        [Carried(operands[k], inputs[k], body.outputs[k], node.outputs[k]) for k in range(carries)],
        [Fed(operands[k], inputs[k]) for k in range(carries, walked)],
        [Fed(operands[k], inputs[k]) for k in range(walked, len(operands))],
        [Made(v, r) for v, r in zip(body.outputs[carries:], results, strict=True)],
        {name: attrs[name] for name in ("length", "reverse") if name in attrs},
        node.loc,
        count,
    )
