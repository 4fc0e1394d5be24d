"""Does elementwise work before neighbouring axes are merged, not after.

Layer: compiler/passes. Work on blocks of an array ends with a reshape that takes them together,
as in the gradient of the largest elements of blocks, or where elements are repeated::

    %0: f32[n, 2, 64] = multiply(%a, %b)
    %1: f32[2*n, 64] = reshape(%0) {shape=[2*n, 64]}
    %2: f32[2*n, 64] = add(%1, %x)
    %3: f32[64] = reduce_sum(%2) {axes=[0]}

becomes

    %0: f32[n, 2, 64] = multiply(%a, %b)
    %1: f32[n, 2, 64] = reshape(%x) {shape=[n, 2, 64]}
    %2: f32[n, 2, 64] = add(%0, %1)
    %3: f32[64] = reduce_sum(%2) {axes=[0, 1]}

A kernel walks one domain, so what is computed before such a reshape and after it are two kernels
with an array between them; now they are one. Limits: only where all operands are in memory in any
case, so that to reshape them costs nothing, and where rows stay long enough for vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.types import Shape, Size
from ..ops.shape import BROADCAST, RESHAPE
from ..ops.source import CONSTANT
from .base import Pass, Walk, with_operands

LEAST_ROW = 16  # elements: a vector

Groups = tuple[tuple[int, ...], ...]  # for each merged axis the axes that it is made of


def sink_merges(graph: Graph) -> Graph:
    """The graph with elementwise work and reductions before merges of axes."""
    if not any(node.op is RESHAPE and _merges(node) for node in graph.nodes):
        return graph
    return _Sinker(graph).run()


@dataclass(frozen=True, slots=True)
class _Merge:
    """A merge that a node is to be moved before: the shape before it, and the axes."""

    shape: Shape
    groups: Groups
    products: int  # a bit for each that the merged values depend on


class _Sinker(Walk):
    """`split` has merged values of the graph before their merge, `before` those made here."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.producers = graph.producers()
        self.users = graph.users()
        self.outputs = set(graph.outputs)
        self.split: dict[Value, Value] = {}
        self.before: dict[Value, Value] = {}
        self.needed, self.followed = _products(graph)

    def visit(self, old: Node) -> None:
        if old.op is RESHAPE and self._is_worth_it(old):
            source = old.inputs[0]
            self.split[old.output] = self.split.get(source, self.current(source))
        elif any(v in self.split for v in old.inputs) and self._sink(old):
            return
        self.builder.keep(with_operands(old, self.replaced))

    def _is_worth_it(self, reshape: Node) -> bool:
        """Whether axes are merged of a value that need not be in memory."""
        source = reshape.inputs[0]
        node = self.producers.get(source)
        computed = node is not None and (_is_plain(node) or node.op is BROADCAST)
        return computed and _merges(reshape)

    def _sink(self, node: Node) -> bool:
        """Do the node's work before the merge, if it can be done there."""
        merged = [v for v in node.inputs if v in self.split]
        shape = self.split[merged[0]].type.shape
        groups = merged_axes(shape, merged[0].type.shape)
        if groups is None:
            return False
        products = 0
        for v in merged:
            products |= self.needed.get(v, 0)
        merge = _Merge(shape, groups, products)
        if node.op is BROADCAST:
            found = self._repeated(node, merge)
            self.split[node.output] = found
        elif _is_plain(node) and all(self._can_split(v, merge) for v in node.inputs):
            operands = [self._split(v, merge) for v in node.inputs]
            found = self.builder.emit(node.op, *operands, **node.attrs)
            self.split[node.output] = found
        elif (axes := _reduced_axes(node, groups)) is not None:
            attrs = {**node.attrs, "axes": axes}
            found = self.builder.emit(node.op, self.split[merged[0]], **attrs)
        else:
            return False
        self.replaced[node.output] = self._merged(found, node.output.type.shape)
        return True

    def _repeated(self, broadcast: Node, merge: _Merge) -> Value:
        """A merged value that is repeated: repeated before it is merged."""
        (merged,), dims = broadcast.inputs, broadcast.attrs["dims"]
        sizes: list[Size] = []
        places: list[int] = []
        for axis, size in enumerate(broadcast.output.type.shape):
            if axis not in dims:
                sizes.append(size)
                continue
            group = merge.groups[dims.index(axis)]
            places += range(len(sizes), len(sizes) + len(group))
            if merged.type.shape[dims.index(axis)] == size:
                sizes += [merge.shape[k] for k in group]
            else:
                sizes += [size, *(1 for _ in group[1:])]
        shape, dims = tuple(sizes), tuple(places)
        return self.builder.emit(BROADCAST, self.split[merged], shape=shape, dims=dims)

    def _merged(self, found: Value, shape: Shape) -> Value:
        if found.type.shape == shape:
            return found
        merged = self.builder.emit(RESHAPE, found, shape=shape)
        self.before[merged] = found
        return merged

    # -- operands ---------------------------------------------------------------------------------

    def _can_split(self, value: Value, merge: _Merge) -> bool:
        """Whether an operand has the shape before the merge, or can be given it without a copy."""
        if value in self.split:
            return self.split[value].type.shape == merge.shape
        node = self.producers.get(value)
        if node is None or node.op in (RESHAPE, CONSTANT):
            return True
        if node.op is BROADCAST:
            return self._can_split_source(node, merge.groups)
        if not _is_plain(node):
            return False
        if self._is_stored(node, merge):
            return True
        alone = len(self.users[value]) == 1 and value not in self.outputs
        return alone and all(self._can_split(v, merge) for v in node.inputs)

    def _split(self, value: Value, merge: _Merge) -> Value:
        if value in self.split:
            return self.split[value]
        node = self.producers.get(value)
        if node is None or self._is_stored(node, merge):
            return self._reshaped(self.current(value), merge.shape)
        if node.op is RESHAPE:
            return self._reshaped(self.current(node.inputs[0]), merge.shape)
        if node.op is BROADCAST:
            source, dims = self._split_source(node, merge)
            return self.builder.emit_once(BROADCAST, source, shape=merge.shape, dims=dims)
        if node.op is CONSTANT:
            return self._reshaped(self.current(value), merge.shape)
        return self.builder.emit(
            node.op, *(self._split(v, merge) for v in node.inputs), **node.attrs
        )

    def _can_split_source(self, broadcast: Node, groups: Groups) -> bool:
        """Whether the axes of what is broadcast need not be split, or it is in memory."""
        source, dims = broadcast.inputs[0], broadcast.attrs["dims"]
        sizes = zip(source.type.shape, dims, strict=True)
        if all(size == 1 or len(groups[d]) == 1 for size, d in sizes):
            return True
        return source not in self.producers or self.current(source) in self.before

    def _split_source(self, broadcast: Node, merge: _Merge) -> tuple[Value, tuple[int, ...]]:
        """What is broadcast, with axes split as theirs are, and where these stand."""
        source, dims = broadcast.inputs[0], broadcast.attrs["dims"]
        sizes: list[Size] = []
        places: list[int] = []
        for size, d in zip(source.type.shape, dims, strict=True):
            group = merge.groups[d][:1] if size == 1 else merge.groups[d]
            places += group
            sizes += [1 if size == 1 else merge.shape[k] for k in group]
        return self._reshaped(self.current(source), tuple(sizes)), tuple(places)

    def _reshaped(self, value: Value, shape: Shape) -> Value:
        value = self.before.get(value, value)
        if value.type.shape == shape:
            return value
        return self.builder.emit_once(RESHAPE, value, shape=shape)

    def _is_stored(self, node: Node, merge: _Merge) -> bool:
        """Whether a value is written with the result of a product that the merged ones depend on.

        What follows a product is done where its tiles are written, long before it is read here.
        """
        return bool(self.followed.get(node.output, 0) & merge.products)


def _products(graph: Graph) -> tuple[dict[Value, int], dict[Value, int]]:
    """For each value, as bits, the products and convolutions that it depends on, and those whose
    results it is computed from element by element.
    """
    needed: dict[Value, int] = {}
    followed: dict[Value, int] = {}
    count = 0
    for node in graph.nodes:
        bits = own = 0
        for v in node.inputs:
            bits |= needed.get(v, 0)
            own |= followed.get(v, 0)
        if node.op.kind in (Kind.CONTRACT, Kind.CONVOLVE):
            own = 1 << count
            count += 1
        elif not _is_plain(node):
            own = 0
        for v in node.outputs:
            needed[v], followed[v] = bits | own, own
    return needed, followed


def merged_axes(shape: Shape, merged: Shape) -> Groups | None:
    """Which neighbouring axes of `shape` make each axis of `merged`; None if that is not how.

    An axis of size 1 may be made of none.
    """
    groups: list[tuple[int, ...]] = []
    k = 0
    for size in merged:
        first = k
        found: Size = 1
        while found != size or (k == first and shape[k : k + 1] == (1,)):
            if k == len(shape):
                return None
            found = found * shape[k]
            k += 1
        groups.append(tuple(range(first, k)))
    return tuple(groups) if k == len(shape) else None


def _merges(reshape: Node) -> bool:
    """Whether axes are merged of an array whose rows are long, or are left as they are."""
    before, after = reshape.inputs[0].type.shape, reshape.output.type.shape
    groups = merged_axes(before, after)
    if not after or groups is None or all(len(group) <= 1 for group in groups):
        return False
    row = before[-1]
    return row == after[-1] or (isinstance(row, int) and row >= LEAST_ROW)


def _reduced_axes(node: Node, groups: Groups) -> tuple[int, ...] | None:
    """The axes that a reduction of a merged value combines, before the merge; None if none are."""
    if node.op.kind is not Kind.REDUCE or len(node.inputs) != 1 or len(node.outputs) != 1:
        return None
    return tuple(k for axis in node.attrs["axes"] for k in groups[axis]) or None


def _is_plain(node: Node) -> bool:
    """Whether a node is elementwise and cannot fail."""
    return node.op.kind is Kind.ELEMENTWISE and node.op.harmless is None


SINK_MERGES = Pass("sink-merges", "Do elementwise work before axes are merged.", sink_merges)
