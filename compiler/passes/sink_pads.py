"""Places parts into arrays before elementwise work, and replaces most of an array by choosing.

Layer: compiler/passes. A pad of an elementwise op becomes the op on pads of its operands, with
zeros selected around it. An update of most of an array becomes a choice between the padded value
and the base. Kernels read through pads, so one loop over the whole array remains::

    %0: f64[n] = multiply(%x, %y)
    %1: f64[n + 2] = pad(%0) {shape=[n + 2], starts=[1]}

becomes

    %0: f64[n + 2] = pad(%x) {shape=[n + 2], starts=[1]}
    %1: f64[n + 2] = pad(%y) {shape=[n + 2], starts=[1]}
    %2: f64[n + 2] = multiply(%0, %1)
    %3: f64[n + 2] = select(%inside, %2, %zeros)

where `%inside` is a pad of True. Limits: what is needed elsewhere in memory anyway is read there;
work is not repeated for many pads of one value unless it is cheap, and never through pads of pads:
two steps of a stencil stay two loops. Small parts are updated in place (kernel/prepare.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.builder import GraphBuilder
from ..ir.dims import Dim
from ..ir.graph import Graph, Node, Value
from ..ir.literal import Literal
from ..ir.opdef import Kind
from ..ir.types import DType, Shape, Size
from ..ops import REGISTRY
from ..ops.assemble import UPDATE_SLICE
from ..ops.shape import BROADCAST, PAD
from .base import Pass, everywhere, with_operands

MOST = 2  # an update of at least this share of the array costs as much as a walk over all of it
REPEATED = 16.0  # scalar instructions per element that may be spent on the pads of one value


def sink_pads(graph: Graph) -> Graph:
    """The graph with pads before elementwise ops, and without updates of most of an array."""
    return everywhere(_sink, graph)


def _sink(graph: Graph) -> Graph:
    if not any(node.op is PAD or is_wide_update(node) for node in graph.nodes):
        return graph
    return _Sinker(graph).run()


def is_wide_update(node: Node) -> bool:
    """Whether a node replaces most of an array, without gaps."""
    if node.op is not UPDATE_SLICE or any(step != 1 for step in node.attrs["steps"]):
        return False
    base, value = (v.type.size for v in node.inputs)
    if isinstance(base, int):
        return isinstance(value, int) and value * MOST >= base
    # of symbolic sizes, a part counts as most if it grows as the array does
    return isinstance(value, Dim) and value.terms[0] == base.terms[0]


class _Sinker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = GraphBuilder.like(graph)
        self.producers = graph.producers()
        self.replaced: dict[Value, Value] = {}
        self.sinks = self._sinking()

    # -- what sinks ---------------------------------------------------------------------------

    def _sinking(self) -> set[Value]:
        """The elementwise values that are only needed inside of larger arrays."""
        users, outputs = self.graph.users(), set(self.graph.outputs)
        found: set[Value] = set()
        places: dict[Value, int] = {}  # in how many larger arrays a value is needed
        for node in reversed(self.graph.nodes):
            if not self._may_sink(node) or node.output in outputs:
                continue
            value, count = node.output, 0
            for user in users[value]:
                if self._pads(user, value):
                    count += 1
                elif user.outputs[0] in found:
                    count += places[user.outputs[0]]
                else:
                    break
            else:
                if count == 1 or node.op.cost * count <= REPEATED:
                    places[value] = count
                    found.add(value)
        return found

    def _may_sink(self, node: Node) -> bool:
        if node.op.kind is not Kind.ELEMENTWISE or node.op.harmless is not None:
            return False
        made = [self.producers.get(v) for v in node.inputs]
        return bool(made) and not any(m and (m.op is PAD or is_wide_update(m)) for m in made)

    def _pads(self, user: Node, value: Value) -> bool:
        if user.op is PAD:
            return True
        return is_wide_update(user) and user.inputs[0] is not value

    # -- rewriting ----------------------------------------------------------------------------

    def run(self) -> Graph:
        for old in self.graph.nodes:
            self.builder.loc = old.loc
            if old.op is PAD and old.inputs[0] in self.sinks:
                starts, shape = old.attrs["starts"], old.output.type.shape
                zeros = self._full(0, old.output.type.dtype, shape)
                self.replaced[old.output] = self._choose(old.inputs[0], zeros, starts, shape)
            elif is_wide_update(old):
                base, value = old.inputs
                starts, shape = old.attrs["starts"], base.type.shape
                chosen = self._choose(value, self._current(base), starts, shape)
                self.replaced[old.output] = chosen
            else:
                self.builder.keep(with_operands(old, self.replaced))
        if not self.replaced:
            return self.graph
        return self.builder.finish([self._current(v) for v in self.graph.outputs])

    def _current(self, value: Value) -> Value:
        return self.replaced.get(value, value)

    def _choose(self, value: Value, around: Value, starts: Shape, shape: Shape) -> Value:
        """The value from `starts` on, and what is around it."""
        true = self._full(True, DType.BOOL, value.type.shape)
        inside = self.builder.emit_once(PAD, true, starts=starts, shape=shape)
        extended = self._extended(value, starts, shape)
        return self.builder.emit(REGISTRY["select"], inside, extended, around)

    def _extended(self, value: Value, starts: Shape, shape: Shape) -> Value:
        """An array of `shape` that holds the value from `starts` on, and anything elsewhere."""
        if value.type.shape == tuple(shape):
            return self._current(value)
        node = self.producers.get(value)
        if node is not None and node.op is BROADCAST:
            return self._broadcast(node, starts, shape)
        if node is None or value not in self.sinks:
            return self.builder.emit_once(PAD, self._current(value), starts=starts, shape=shape)
        operands = [self._extended(v, starts, shape) for v in node.inputs]
        return self.builder.emit_once(node.op, *operands, **node.attrs)

    def _broadcast(self, node: Node, starts: Shape, shape: Shape) -> Value:
        """Elements are repeated in the larger array as they were in the smaller one."""
        source, dims = node.inputs[0], node.attrs["dims"]
        sizes = source.type.shape
        wide_before = node.output.type.shape
        repeats = [size == 1 != wide_before[d] for size, d in zip(sizes, dims, strict=True)]
        own = _chosen(repeats, sizes, [shape[d] for d in dims])
        first = _chosen(repeats, [0] * len(dims), [starts[d] for d in dims])
        wide = self._current(source)
        if own != sizes:
            wide = self.builder.emit_once(PAD, wide, starts=first, shape=own)
        return self.builder.emit_once(BROADCAST, wide, shape=shape, dims=dims)

    def _full(self, number: float | bool, dtype: DType, shape: Shape) -> Value:
        one = self.builder.emit_once(REGISTRY["constant"], value=Literal(number, dtype))
        if not shape:
            return one
        return self.builder.emit_once(BROADCAST, one, shape=tuple(shape), dims=())


def _chosen(flags: Sequence[bool], yes: Sequence[Size], no: Sequence[Size]) -> Shape:
    return tuple(a if flag else b for flag, a, b in zip(flags, yes, no, strict=True))


SINK_PADS = Pass("sink-pads", "Place parts before elementwise work.", sink_pads)
