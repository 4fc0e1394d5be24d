"""Writes out the products of many small matrices: a call of BLAS for each would take longer.

Layer: compiler/kernel, before `prepare`. A product in a stack becomes a sum of a few elementwise
products, or a reduction, which fuses with what is around it and is vectorised along the stack::

    %0: f64[n, 3, 3] = matmul(%a, %b)

becomes `a[:, :, 0:1] * b[:, 0:1, :] + a[:, :, 1:2] * b[:, 1:2, :] + ...`. Which products are small
enough is measured: one of 3 by 3 takes 6 ns instead of 28, one of 8 by 8 takes as long either way.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.term import Term
from ..ir.types import Size

# Terms of the sum, at most: for matrices, and where one side is a vector.
_MATRIX_TERMS, _VECTOR_TERMS = 4, 8


def write_out_small_products(graph: Graph) -> Graph:
    """The graph without stacks of small products; itself if it has none."""
    if not any(_is_small(node) for node in graph.nodes):
        return graph
    builder = GraphBuilder.like(graph)
    new: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        inputs = [new[v] for v in node.inputs]
        if not _is_small(node):
            new.update(zip(node.outputs, builder.copy(node, inputs).outputs, strict=True))
            continue
        with builder.at(node.loc):
            a, b = (Term(builder, v) for v in inputs)
            new[node.output] = _written_out(a, b).value
    return builder.finish([new[v] for v in graph.outputs])


def _is_small(node: Node) -> bool:
    if node.op.kind is not Kind.CONTRACT:
        return False
    a, b = (v.type for v in node.inputs)
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    if a.rank == 2 or k == 0:
        return False
    if m == n == 1:
        return True
    most = _VECTOR_TERMS if 1 in (m, n) else _MATRIX_TERMS
    return isinstance(k, int) and k <= most


def _written_out(a: Term, b: Term) -> Term:
    shape = (*a.shape[:-1], b.shape[-1])
    rank, terms = a.rank, a.shape[-1]
    if shape[-2:] == (1, 1):
        columns = b.reshape((*b.shape[:-2], 1, terms))
        return (a * columns).sum([rank - 1]).reshape(shape)
    assert isinstance(terms, int)

    def spread(x: Term, axis: int, k: Size) -> Term:
        return x.along(axis, k, 1).broadcast(shape, range(rank))

    total = spread(a, rank - 1, 0) * spread(b, rank - 2, 0)
    for k in range(1, terms):
        total = total + spread(a, rank - 1, k) * spread(b, rank - 2, k)
    return total
