"""Writes out convolutions as elementwise work where groups are narrow.

Layer: compiler/kernel, before `prepare`. Where a group has one channel or one output, the tiles of
a kernel for convolutions would be a single column (unless it has both: then channels are columns).
Each position of the window is an elementwise
product instead, and their sum is one loop over the result, which reads x through slices and pads::

    %0: f32[n, 6, 8] = convolve(%x, %w)   =>   x[:, 0:6] * w[0] + x[:, 1:7] * w[1] + ...

In the derivative with respect to the filters, each position of the window is a sum of products.

Where there are many channels and few outputs, a matrix product finds for each element of x what it
adds to each place whose window it is in, and what belongs to one place is added up: an output for
each position of the window fills a tile's columns better than one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from ..ir.builder import GraphBuilder
from ..ir.dims import product as product_of
from ..ir.dims import smallest
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.term import Term, concatenate, full
from ..ir.types import Shape, Size
from ..ops.convolve import per_group
from ..passes.base import everywhere

# Of a sum that is one loop: as many as a kernel may have instructions, and a product takes two.
_MOST_TERMS = 100


# Vectors that tiles are made of, mostly; a product of one is the unit of what follows. To read a
# number far from its neighbours and add it costs as much as some; how much better it has to be.
_VECTOR_BYTES, _ADDING, _CLEARLY = 64, 3, 1.5
# Of a depthwise window, to be worth a padded copy of the input: so often an element is read.
_LEAST_READS = 4


def has_kernel(node: Node) -> bool:
    """Whether a convolution is computed as it is: unless groups are narrow, the window small."""
    if _has_few_outputs(node):
        return False
    return not _is_narrow(node) or _is_read_often(node)


def write_out_convolutions(graph: Graph) -> Graph:
    """The graph without convolutions that have no kernel; itself if it has none."""
    return _without(graph, lambda node: not has_kernel(node))


def write_out_narrow_convolutions(graph: Graph) -> Graph:
    """The graph, and the regions in it, without convolutions of narrow groups at all."""
    return everywhere(lambda g: _without(g, _is_narrow), graph)


def _without(graph: Graph, is_written_out: Callable[[Node], bool]) -> Graph:
    wanted = {n for n in graph.nodes if n.op.kind is Kind.CONVOLVE and is_written_out(n)}
    if not wanted:
        return graph
    builder = GraphBuilder.like(graph)
    new: dict[Value, Value] = {v: v for v in graph.inputs}
    for node in graph.nodes:
        inputs = [new[v] for v in node.inputs]
        if node not in wanted:
            new.update(zip(node.outputs, builder.copy(node, inputs).outputs, strict=True))
            continue
        with builder.at(node.loc):
            x, y = (Term(builder, v) for v in inputs)
            new[node.output] = _written_out(node, x, y).value
    return builder.finish([new[v] for v in graph.outputs])


def _of_groups(node: Node) -> tuple[Size | None, Size | None]:
    """The channels and outputs of a group."""
    channels, outputs = node.inputs[0].type.shape[-1], node.output.type.shape[-1]
    groups = node.attrs["groups"]
    return per_group(channels, groups), per_group(outputs, groups)


def _window(node: Node) -> Sequence[Any]:
    return node.attrs.get("window", node.inputs[1].type.shape[:-2])


def _is_narrow(node: Node) -> bool:
    """Whether a matrix product of a group would have one row or column, of few terms."""
    channels, outputs = _of_groups(node)
    if node.attrs["groups"] == 1 or 1 not in (channels, outputs) or not isinstance(channels, int):
        return False
    return prod(_window(node)) * channels <= _MOST_TERMS


def _has_few_outputs(node: Node) -> bool:
    """Whether it is quicker to compute what each element adds to the windows that it is in."""
    channels, outputs = _of_groups(node)
    steps = (*node.attrs["strides"], *node.attrs["spread"])
    if node.attrs["groups"] != 1 or "window" in node.attrs or any(step != 1 for step in steps):
        return False
    window = prod(_window(node))
    if not isinstance(channels, int) or not isinstance(outputs, int) or 2 * window > _MOST_TERMS:
        return False
    lanes = _VECTOR_BYTES // node.output.type.dtype.itemsize
    as_it_is = window * channels * -(-outputs // lanes)
    apart = channels * -(-window * outputs // lanes) + _ADDING * window * outputs
    return as_it_is > _CLEARLY * apart


def _is_read_often(node: Node) -> bool:
    """Whether channels can be columns, and elements of them are read often enough."""
    between = 1 if "window" in node.attrs else prod(node.attrs["strides"])
    return _of_groups(node) == (1, 1) and prod(_window(node)) >= _LEAST_READS * between


def _written_out(node: Node, x: Term, y: Term) -> Term:
    is_filter = "window" in node.attrs
    window: Sequence[Any] = node.attrs["window"] if is_filter else y.shape[:-2]
    result = node.output.type.shape
    if _has_few_outputs(node):
        return _added_up(x, y, node.attrs, result)
    seen = _Windows(x, window, y.shape[1:-1] if is_filter else result[1:-1], node.attrs)
    each = per_group(y.shape[-1], seen.groups)
    assert each is not None
    if is_filter:
        return _sums_of_products(seen, y, each)
    return _sum_of_products(seen, y, each).reshape(result)


class _Windows:
    """What a window sees of x at its places."""

    def __init__(
        self, x: Term, window: Sequence[int], places: Shape, attrs: Mapping[str, Any]
    ) -> None:
        self.window = tuple(window)
        self.places = places
        self.strides, self.dilation = attrs["strides"], attrs["dilation"]
        self.groups: Size = attrs["groups"]
        channels = per_group(x.shape[-1], self.groups)
        assert channels is not None
        self.channels: Size = channels
        self.batch = x.shape[0]
        self.x = self._padded(_spread(x, attrs["spread"]), attrs["padding"])

    def _padded(self, x: Term, padding: Sequence[tuple[Size, Size]]) -> Term:
        """X with zeros around it, at least as many behind it as are read."""
        starts: list[Size] = [0] * x.rank
        first: list[Size] = [0] * x.rank
        shape = [*x.shape]
        for axis, (low, high) in enumerate(padding, start=1):
            before, cut = (0, -low) if isinstance(low, int) and low < 0 else (low, 0)
            starts[axis], first[axis] = before, cut
            shape[axis] = x.shape[axis] + before + (high - min(smallest(high) or 0, 0))
        wide = x.pad(starts, shape)
        if not any(first):
            return wide
        kept = tuple(size - cut for size, cut in zip(shape, first, strict=True))
        return wide.slice(first, [1] * x.rank, kept)

    def positions(self) -> list[tuple[int, ...]]:
        """Every position in the window, row by row."""
        return list(product(*map(range, self.window)))

    def at(self, position: Sequence[int]) -> Term:
        """What one position sees: [batch, *places, groups, channels]."""
        starts = [p * d for p, d in zip(position, self.dilation, strict=True)]
        shape = (self.batch, *self.places, self.x.shape[-1])
        part = self.x.slice([0, *starts, 0], [1, *self.strides, 1], shape)
        return part.reshape((*shape[:-1], self.groups, self.channels))


def _spread(x: Term, spread: Sequence[int]) -> Term:
    """With zeros between neighbours."""
    if all(step == 1 for step in spread):
        return x
    sizes = [(n - 1) * step + 1 for n, step in zip(x.shape[1:-1], spread, strict=True)]
    zeros = full(x.builder, (x.shape[0], *sizes, x.shape[-1]), 0, x.dtype)
    return zeros.update(x, [0] * x.rank, [1, *spread, 1])


# -- sums of products ----------------------------------------------------------------------


def _sum_of_products(seen: _Windows, w: Term, each: Size) -> Term:
    """[batch, *places, groups, each]."""
    spatial, channels = len(seen.window), seen.channels
    assert isinstance(channels, int)
    shape = (seen.batch, *seen.places, seen.groups, each)
    filters = w.reshape((len(seen.positions()), channels, seen.groups, each))
    total: Term | None = None
    for k, position in enumerate(seen.positions()):
        part = seen.at(position)
        for c in range(channels):
            left = part.along(spatial + 2, c, 1).broadcast(shape, range(spatial + 3))
            one = filters.slice([k, c, 0, 0], [1] * 4, (1, 1, seen.groups, each))
            right = one.reshape((seen.groups, each)).broadcast(shape, [spatial + 1, spatial + 2])
            total = left * right if total is None else total + left * right
    assert total is not None
    return total


def _added_up(x: Term, w: Term, attrs: Mapping[str, Any], result: Shape) -> Term:
    """The sum, for each position of the window, of what elements of x are multiplied with there."""
    spatial, window = w.rank - 2, w.shape[:-2]
    channels, outputs = w.shape[-2:]
    count = product_of(window)
    filters = w.transpose([spatial, *range(spatial), spatial + 1])
    rows = x.reshape((product_of(x.shape[:-1]), channels))
    products = rows.op("matmul", filters.reshape((channels, count * outputs)))
    parts = products.reshape((*x.shape[:-1], count * outputs))
    seen = _Windows(parts, window, result[1:-1], attrs)  # type: ignore[arg-type]
    total: Term | None = None
    for k, position in enumerate(seen.positions()):
        wide = seen.at(position)
        starts: list[Size] = [*[0] * (wide.rank - 1), k * outputs]
        part = wide.slice(starts, [1] * wide.rank, (*wide.shape[:-1], outputs)).reshape(result)
        total = part if total is None else total + part
    assert total is not None
    return total


def _sums_of_products(seen: _Windows, ct: Term, each: Size) -> Term:
    """[*window, channels, groups*each]."""
    return concatenate(list(_filters(seen, ct, each)), 0).reshape(
        (*seen.window, seen.channels, seen.groups * each)
    )


def _filters(seen: _Windows, ct: Term, each: Size) -> Iterator[Term]:
    """For each position of the window: [1, channels, groups, each]."""
    spatial = len(seen.window)
    shape = (seen.batch, *seen.places, seen.groups, seen.channels, each)
    rest = [*range(spatial + 1)]
    cts = ct.reshape((*shape[: spatial + 2], each))
    right = cts.broadcast(shape, [*rest, spatial + 1, spatial + 3])
    for position in seen.positions():
        left = seen.at(position).broadcast(shape, range(spatial + 3))
        found = (left * right).sum(rest).transpose([1, 0, 2])
        yield found.reshape((1, *found.shape))
