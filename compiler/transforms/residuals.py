"""What the derivative of a loop's body keeps from the forward pass, and what it computes again.

Layer: compiler/transforms. The *joint* graph holds a body and, behind it, its derivative. It is
split in two: the forward part gives the body's results and the *kept* values (residuals); the
derivative reads those, whatever the loop has anyway (slices of its arrays, captured values), and
computes cheap elementwise work again. Keeping a value costs a write and a read per iteration,
about as much as a few elementwise operations; so what is kept is what matrix products, reductions
and inner loops give, and expensive elementary functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind

# Elementwise work from this cost on is kept: half an exponential.
EXPENSIVE = 15.0


@dataclass(frozen=True, slots=True)
class Split:
    """`kept` values are computed by the nodes `forward`, the derivative needs `again`, too."""

    kept: tuple[Value, ...]
    again: frozenset[Node]


def split(
    forward: Sequence[Node],
    results: Iterable[Value],
    backward: Sequence[Node],
    given: Sequence[Value],
    constant: Sequence[Value],
    everything_again: bool = False,
) -> Split:
    """Choose what to keep.

    Args:
        forward: the nodes of the body.
        results: the values that the derivative has to give.
        backward: the nodes of the derivative.
        given: values that the derivative gets in any case.
        constant: those of `given` that are the same in all iterations: what depends on them alone
            is computed again, and then moved out of the loop.
        everything_again: keep nothing but the body's own inputs.
    """
    producer = {v: node for node in forward for v in node.outputs}
    free = set(given)
    fixed = _constant_values(forward, constant)
    kept: dict[Value, None] = {}
    again: set[Node] = set()
    todo = list(_reads(backward, results))
    seen = set(todo)
    while todo:
        v = todo.pop()
        if v in free:
            continue
        node = producer.get(v)
        if node is None:
            kept[v] = None  # a carry
        elif everything_again or v in fixed or _is_cheap(node):
            again.add(node)
            new = [w for w in node.inputs if w not in seen]
            seen.update(new)
            todo += new
        else:
            kept[v] = None
    return Split(tuple(kept), frozenset(again))


def _reads(backward: Sequence[Node], results: Iterable[Value]) -> list[Value]:
    """What the live nodes of the derivative read that none of them makes."""
    live = live_nodes(backward, results)
    made = {v for node in live for v in node.outputs}
    found = dict.fromkeys(v for node in live for v in node.inputs if v not in made)
    found.update(dict.fromkeys(v for v in results if v not in made))
    return list(found)


def live_nodes(nodes: Sequence[Node], results: Iterable[Value]) -> list[Node]:
    """The nodes that the results need, in order."""
    needed = set(results)
    live = []
    for node in reversed(nodes):
        if any(v in needed for v in node.outputs):
            needed.update(node.inputs)
            live.append(node)
    return live[::-1]


def _constant_values(nodes: Sequence[Node], constant: Sequence[Value]) -> set[Value]:
    """What is the same in all iterations."""
    fixed = set(constant)
    for node in nodes:
        if all(v in fixed for v in node.inputs):
            fixed.update(node.outputs)
    return fixed


def _is_cheap(node: Node) -> bool:
    if node.op.kind in (Kind.SOURCE, Kind.VIEW):
        return True
    return node.op.kind is Kind.ELEMENTWISE and node.op.cost < EXPENSIVE


def subgraph(
    name: str, inputs: Sequence[Value], nodes: Sequence[Node], outputs: Sequence[Value]
) -> Graph:
    """A closed graph of its own: copies of the nodes that the outputs need."""
    builder = GraphBuilder(name)
    live = Graph(name, tuple(inputs), tuple(live_nodes(nodes, outputs)), tuple(outputs))
    return builder.finish(builder.inline(live, [builder.input(v.type, v.name) for v in inputs]))
