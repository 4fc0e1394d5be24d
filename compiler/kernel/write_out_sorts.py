"""Writes out sorts as counts: for GPUs, which have no other kernels for them.

Layer: compiler/kernel, before `prepare`. An element's place is the number of elements that come
before it, one reduction over a row for each::

    %0: i64[n] = argsort(%x)   =>   place[i] = sum over j of (x[j] comes before x[i])
                                    %0[place[i]] = i

The work grows as the square of the rows' length, which many threads share. Places differ, so the
order in which they are written makes no difference.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Value
from ..ir.opdef import Kind
from ..ir.term import Term, full
from ..ir.types import DType
from ..ops import REGISTRY
from ..ops.sort import ARGSORT
from ..passes.base import everywhere


def write_out_sorts(graph: Graph) -> Graph:
    """The graph, and the regions in it, without sorts; itself if there are none."""
    return everywhere(_without, graph)


def _without(graph: Graph) -> Graph:
    if not any(node.op.kind is Kind.SORT for node in graph.nodes):
        return graph
    builder = GraphBuilder.like(graph)
    new: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        inputs = [new[v] for v in node.inputs]
        if node.op.kind is not Kind.SORT:
            new.update(zip(node.outputs, builder.copy(node, inputs).outputs, strict=True))
            continue
        with builder.at(node.loc):
            x = Term(builder, inputs[0])
            found = _positions(x)
            if node.op is not ARGSORT:
                found = x.op("gather", *_places(x, found))
            new[node.output] = found.value
    return builder.finish([new[v] for v in graph.outputs])


def _positions(x: Term) -> Term:
    """As `argsort`."""
    before = _comes_before(x.cast(DType.U8) if x.dtype.is_bool else x)
    places = before.cast(DType.I64).sum([x.rank])
    numbers = _numbers(x, x.rank - 1)
    return full(x.builder, x.shape, 0, DType.I64).op("scatter_add", numbers, *_places(x, places))


def _comes_before(x: Term) -> Term:
    """[..., i, j]: whether x[..., j] comes before x[..., i]."""
    shape = (*x.shape, x.shape[-1])
    front = [*range(x.rank - 1)]
    mine, other = (x.broadcast(shape, [*front, axis]) for axis in (x.rank - 1, x.rank))
    before, same = other < mine, other.eq(mine)
    if x.dtype.is_float:
        is_nan = x.op("isnan")
        mine_is, other_is = (is_nan.broadcast(shape, [*front, a]) for a in (x.rank - 1, x.rank))
        before = before | (mine_is & ~other_is)
        same = same | (mine_is & other_is)
    i, j = (_numbers(mine, axis) for axis in (x.rank - 1, x.rank))
    return before | (same & (j < i))


def _places(x: Term, last: Term) -> list[Term]:
    """Index arrays for the elements of rows that `last` names."""
    return [*(_numbers(x, axis) for axis in range(x.rank - 1)), last]


def _numbers(x: Term, axis: int) -> Term:
    """An array of the shape of `x` that holds positions along an axis."""
    numbers = x.builder.emit_once(REGISTRY["iota"], size=x.shape[axis], dtype=DType.I64)
    return Term(x.builder, numbers).broadcast(x.shape, [axis])
