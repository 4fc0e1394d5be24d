"""Random graphs with loops and branches: a random graph becomes the body of one, repeatedly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.graph import Graph, Node, Value
from tensorwright.compiler.ir.literal import Literal
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.types import DType, Size, TensorType

_LONGEST = 4  # iterations


def random_control(rng: random.Random, body: Graph, depth: int) -> Graph:
    """A graph with `depth` loops or branches around `body`."""
    for _ in range(depth):
        wrap = rng.choice([_Wrapper.scan, _Wrapper.scan, _Wrapper.loop, _Wrapper.switch])
        body = wrap(_Wrapper(rng, body))
    return body


class _Wrapper:
    def __init__(self, rng: random.Random, body: Graph) -> None:
        self.rng = rng
        self.body = body
        self.builder = GraphBuilder("wrapped")
        for guard in body.guards:
            self.builder.guard(guard)
        self.carried = self._match()  # input -> output that is its next value
        self.others = [v for v in body.inputs if v not in self.carried]
        self.made = list(body.outputs)
        for output in self.carried.values():
            self.made.remove(output)
        if rng.random() < 0.3:
            self.made += self.carried

    def _match(self) -> dict[Value, Value]:
        found: dict[Value, Value] = {}
        for output in self.body.outputs:
            fitting = [v for v in self.body.inputs if v.type == output.type and v not in found]
            if fitting and self.rng.random() < 0.8:
                found[self.rng.choice(fitting)] = output
        return found

    def _region(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
        return Graph("region", tuple(inputs), self.body.nodes, tuple(outputs))

    def _inputs(self, values: Sequence[Value], first: tuple[Size, ...] = ()) -> list[Value]:
        return [
            self.builder.input(TensorType(v.type.dtype, (*first, *v.type.shape))) for v in values
        ]

    def _number(self, value: int) -> Value:
        return self.builder.emit(REGISTRY["constant"], value=Literal(value, DType.I64))

    def scan(self) -> Graph:
        names = self.body.size_names()
        length: Size = self.rng.randint(0, _LONGEST)
        if names and self.rng.random() < 0.4:
            length = Dim.symbol(self.rng.choice(names))
        walked = [v for v in self.others if self.rng.random() < 0.5]
        captured = [v for v in self.others if v not in walked]
        operands = self._inputs([*self.carried])
        operands += self._inputs(walked, (length,))
        operands += self._inputs(captured)
        node = self.builder.emit_node(
            REGISTRY["scan"],
            operands,
            body=self._region(
                [*self.carried, *walked, *captured], [*self.carried.values(), *self.made]
            ),
            carries=len(self.carried),
            scanned=len(walked),
            length=length,
            reverse=self.rng.random() < 0.5,
        )
        return self._finish(node.outputs)

    def loop(self) -> Graph:
        """A while that counts, and perhaps a replay of what it records."""
        counter, condition = _counting(self.rng.randint(0, _LONGEST))
        inputs = [counter.inputs[0], *self.carried, *self.others]
        body = Graph(
            "region",
            tuple(inputs),
            (*counter.nodes, *self.body.nodes),
            (counter.outputs[0], *self.carried.values(), *self.made),
        )
        operands = [self._number(0), *self._inputs([*self.carried, *self.others])]
        node = self.builder.emit_node(
            REGISTRY["while"],
            operands,
            body=body,
            condition=condition([v.type for v in inputs]),
            carries=1 + len(self.carried),
            records=len(self.made),
        )
        carries = 1 + len(self.carried)
        numbers = node.outputs[: carries + 1]  # tapes are nobody's business outside
        if not self.made or not self.carried:
            return self._finish(numbers)
        return self._finish([*numbers, *self._replay(node, carries)])

    def _replay(self, node: Node, carries: int) -> Sequence[Value]:
        count, *tapes = node.outputs[carries:]
        region = GraphBuilder("replay")
        inits = node.outputs[1:carries]
        values = [region.input(v.type) for v in inits]
        recorded = [region.input(v.type) for v in self.made]
        for r in recorded:
            for k, v in enumerate(values):
                if v.type == r.type:
                    values[k] = region.emit(REGISTRY["maximum"], v, r)
        return self.builder.emit_node(
            REGISTRY["replay"],
            [count, *inits, *tapes],
            body=region.finish(values),
            carries=len(inits),
            tapes=len(tapes),
        ).outputs

    def switch(self) -> Graph:
        index = self.builder.input(TensorType(DType.I64, ()))
        operands = self._inputs(self.body.inputs)
        same = {output: given for given, output in self.carried.items()}
        outputs = self.body.outputs
        branches = [
            self._region(self.body.inputs, outputs),
            self._region(self.body.inputs, [same.get(v, v) for v in outputs]),
        ]
        self.rng.shuffle(branches)
        if self.rng.random() < 0.3:
            index = self._number(self.rng.randint(-1, 2))
        node = self.builder.emit_node(
            REGISTRY["switch"], [index, *operands], branches=tuple(branches)
        )
        return self._finish(node.outputs)

    def _finish(self, results: Sequence[Value]) -> Graph:
        kept = [v for v in results if self.rng.random() < 0.7] or list(results[:1])
        return self.builder.finish(kept)


def _counting(limit: int) -> tuple[Graph, Any]:
    """A region that adds one, and what makes a condition for given types: the first is small."""
    counter = GraphBuilder("count")
    i = counter.input(TensorType(DType.I64, ()))
    one = counter.emit(REGISTRY["constant"], value=Literal(1, DType.I64))
    following = counter.emit(REGISTRY["add"], i, one)

    def condition(types: Sequence[TensorType]) -> Graph:
        region = GraphBuilder("condition")
        first, *_ = [region.input(t) for t in types]
        end = region.emit(REGISTRY["constant"], value=Literal(limit, DType.I64))
        return region.finish([region.emit(REGISTRY["less"], first, end)])

    return counter.finish([following]), condition
