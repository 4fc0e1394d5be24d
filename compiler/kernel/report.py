"""What a compiled graph takes memory for: above all, what its gradient keeps of the forward pass.

Layer: compiler/kernel. In: the optimised graph and its program. Out: text. A node belongs to the
gradient if its location says so (`Loc.gradient`). Of the values of the forward pass that the
gradient reads, those are *kept* that one kernel writes to memory and another reads; the others are
*fused*: kernels compute them and use them on the spot. What is *computed again* stands behind
barriers (ops/markers.py)::

    memory of loss: 131072 bytes of inputs, 65536 of outputs, 131072 of scratch

    kept for the gradient:
      f64[64, 128]      65536 bytes  tanh    model.py:7 in loss
    computed again for the gradient:
      f64[64, 128]      65536 bytes  matmul  model.py:6 in loss
    used where it is computed:
      f64[64]             512 bytes  subtract  model.py:9 in loss
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.types import Size
from ..ops.markers import BARRIER
from .defer import defer
from .form import KernelProgram
from .fuse import fuse
from .prepare import COMPUTED, OWNING
from .steps import needed_values, prepare_graph

_NOTHING = (Kind.SOURCE, Kind.VIEW)  # computes nothing


def report(graph: Graph, program: KernelProgram) -> str:
    """The report as text; see above."""
    lines = [
        f"memory of {graph.name}: {_bytes(graph.inputs)} bytes of inputs,"
        f" {_bytes(graph.outputs)} of outputs, {_sum(program.arena)} of scratch"
    ]
    kept, fused = _read_by_gradient(graph)
    again = _computed_again(graph)
    for title, values in (
        ("kept for the gradient", kept),
        ("computed again for the gradient", again),
        ("used where it is computed", fused),
    ):
        if values:
            total = _bytes([v for v, _ in values])
            lines += ["", f"{title}: {total} bytes", *_table(values)]
    return "\n".join(lines) + "\n"


Made = tuple[Value, Node]  # a value and what computes it


def _read_by_gradient(graph: Graph) -> tuple[list[Made], list[Made]]:
    """Values of the forward pass that the gradient reads from memory, and that it reads at once."""
    prepared = prepare_graph(graph)
    fused = defer(prepared, fuse(prepared))
    needed = needed_values(prepared, fused)
    producers = prepared.graph.producers()
    kept: dict[Value, Node] = {}
    at_once: dict[Value, Node] = {}
    for node in prepared.graph.nodes:
        if not _is_gradient(node) or node.op.kind in _NOTHING:
            continue
        for v in node.inputs:
            root, made = _stored(v, producers)
            if made is None or _is_gradient(made):
                continue
            apart = fused.unit_of.get(made) is not fused.unit_of.get(node)
            in_memory = root in needed or made.op.kind in OWNING - COMPUTED
            (kept if apart and in_memory else at_once)[root] = made
    return list(kept.items()), [(v, n) for v, n in at_once.items() if v not in kept]


def _stored(value: Value, producers: Mapping[Value, Node]) -> tuple[Value, Node | None]:
    """What a value is a view of, and the node that computes it; None for inputs and numbers."""
    node = producers.get(value)
    while node is not None and node.op.kind is Kind.VIEW:
        value = node.inputs[0]
        node = producers.get(value)
    if node is not None and node.op.kind is Kind.SOURCE:
        node = None
    return value, node


def _is_gradient(node: Node) -> bool:
    return node.loc is not None and node.loc.gradient


def _computed_again(graph: Graph) -> list[Made]:
    """What the gradient computes again: the nodes that would be equal without barriers."""
    same: dict[Value, Value] = {}  # a value -> the one of the forward pass that it equals
    first: dict[Hashable, Node] = {}
    found: list[Made] = []
    for node in graph.nodes:
        inputs = tuple([same.get(v, v) for v in node.inputs])
        if node.op is BARRIER:
            same[node.output] = inputs[0]
            continue
        key = (node.op.name, inputs, tuple([node.attrs[name] for name in node.op.attrs]))
        other = first.setdefault(key, node)
        if other is node:
            continue
        same.update(zip(node.outputs, other.outputs, strict=True))
        if node.op.kind not in _NOTHING:
            found += [(v, node) for v in node.outputs]
    return found


def _table(values: Sequence[Made]) -> list[str]:
    """A line for each: type, bytes, op, line of the user's."""
    rows = [(str(v.type), str(_bytes([v])), n.op.name, _place(n)) for v, n in values]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return [
        f"  {type:{widths[0]}}  {size:>{widths[1]}} bytes  {op:{widths[2]}}  {place}".rstrip()
        for type, size, op, place in rows
    ]


def _place(node: Node) -> str:
    return str(replace(node.loc, gradient=False)) if node.loc is not None else ""


def _bytes(values: Iterable[Value]) -> Size:
    return _sum(v.type.size * v.type.dtype.itemsize for v in values)


def _sum(sizes: Iterable[Size]) -> Size:
    total: Size = 0
    for size in sizes:
        total = total + size
    return total
