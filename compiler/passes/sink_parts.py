"""Takes and places parts of arrays before elementwise work; replaces most of an array by choosing.

Layer: compiler/passes. A slice of an elementwise op becomes the op on slices of its operands. A
pad of one becomes the op on pads of its operands, with zeros selected around it. An update of most
of an array becomes a choice between the padded value and the base. Kernels read through slices and
pads, so one loop remains::

    %0: f64[n] = multiply(%x, %y)
    %1: f64[n + 2] = pad(%0) {shape=[n + 2], starts=[1]}

becomes

    %0: f64[n + 2] = pad(%x) {shape=[n + 2], starts=[1]}
    %1: f64[n + 2] = pad(%y) {shape=[n + 2], starts=[1]}
    %2: f64[n + 2] = multiply(%0, %1)
    %3: f64[n + 2] = select(%inside, %2, %zeros)

where `%inside` is a pad of True. Limits: what is needed elsewhere, too, is read from memory; work
is not repeated for many parts of one value unless it is cheap, and never through pads of pads, so
two steps of a stencil stay two loops; one computed array is not traded for several. Small parts
are updated in place (kernel/prepare.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..ir.builder import GraphBuilder
from ..ir.dims import Dim
from ..ir.graph import Graph, Node, Value
from ..ir.literal import Literal
from ..ir.opdef import Kind
from ..ir.types import DType, Shape
from ..ops import REGISTRY
from ..ops.assemble import UPDATE_SLICE
from ..ops.shape import BROADCAST, PAD, RESHAPE, SLICE
from .base import Pass, Walk, everywhere, with_operands
from .prune import prune

MOST = 2  # an update of at least this share of the array costs as much as a walk over all of it
REPEATED = 16.0  # scalar instructions per element that may be spent on the parts of one value
MOST_ROUNDS = 32  # far more than any graph has needed
MOST_PARTS = 16  # of one value: each is code of its own
COMPUTED = (Kind.ELEMENTWISE, Kind.REDUCE, Kind.SCAN, Kind.GATHER, Kind.SCATTER)
# These read their operands from memory.
READING = (
    Kind.SORT,
    Kind.CONTRACT,
    Kind.CONVOLVE,
    Kind.MATRIX,
    Kind.REGION,
    Kind.ASSEMBLE,
    Kind.GATHER,
    Kind.SCATTER,
)


def sink_parts(graph: Graph) -> Graph:
    """The graph with slices and pads before elementwise ops, and no updates of most of an array."""
    return everywhere(_sink, graph)


def _sink(graph: Graph) -> Graph:
    """One round after the other: slices that have moved no longer stand before pads."""
    for _ in range(MOST_ROUNDS):
        if not any(node.op in (PAD, SLICE) or is_wide_update(node) for node in graph.nodes):
            break
        after = _Sinker(graph).run()
        if after is graph:
            break
        graph = prune(after)
    return graph


def is_wide_update(node: Node) -> bool:
    """Whether a node replaces most of an array, without gaps."""
    if node.op is not UPDATE_SLICE or any(step != 1 for step in node.attrs["steps"]):
        return False
    base, value = (v.type.size for v in node.inputs)
    if isinstance(base, int):
        return isinstance(value, int) and value * MOST >= base
    # of symbolic sizes, a part counts as most if it grows as the array does
    return isinstance(value, Dim) and value.terms[0] == base.terms[0]


def squeezes(node: Node) -> bool:
    """Whether a node is a reshape that only adds or drops axes of size 1."""
    if node.op is not RESHAPE:
        return False
    before, after = (
        [size for size in v.type.shape if size != 1] for v in (node.inputs[0], node.output)
    )
    return before == after


# -- what sinks ---------------------------------------------------------------------------------


class _Candidates:
    """The values of which only parts are needed, or that are parts of larger arrays: elementwise
    ones, also behind broadcasts and behind reshapes that add or drop axes of size 1.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.producers = graph.producers()
        self.users = graph.users()
        self.outputs = set(graph.outputs)
        self.refused: set[Value] = set()

    def find(self) -> set[Value]:
        """The values to sink."""
        while True:
            found = self._wanted()
            refused = self._costly(found)
            if not refused:
                return found
            self.refused |= refused

    def _wanted(self) -> set[Value]:
        found: dict[Value, tuple[float, int]] = {}  # how often all of it is needed, by how many
        for node in reversed(self.graph.nodes):
            if not self._may_sink(node):
                continue
            needs = [self._need(user, node.output, found) for user in self.users[node.output]]
            if not needs or None in needs:
                continue
            share = sum(n[0] for n in needs if n)
            count = sum(n[1] for n in needs if n)
            cheap = share <= 1 or node.op.cost * share <= REPEATED
            if cheap and count <= (1 if self._reads_pads(node) else MOST_PARTS):
                found[node.output] = share, count
        return set(found)

    def _may_sink(self, node: Node) -> bool:
        if node.op.kind is not Kind.ELEMENTWISE and node.op is not BROADCAST and not squeezes(node):
            return False
        if node.op.harmless is not None or not node.inputs:
            return False
        return node.output not in self.outputs and node.output not in self.refused

    def _reads_pads(self, node: Node) -> bool:
        made = [self.producers.get(v) for v in node.inputs]
        return any(m and (m.op is PAD or is_wide_update(m)) for m in made)

    def _need(
        self, user: Node, value: Value, found: dict[Value, tuple[float, int]]
    ) -> tuple[float, int] | None:
        if user.op is PAD or (is_wide_update(user) and user.inputs[0] is not value):
            return 1, 1
        if user.op is SLICE:
            return _share(user.output.type.shape, value.type.shape), 1
        needed = found.get(user.outputs[0])
        if needed is not None and user.op is BROADCAST:
            return needed[1], needed[1]  # any part may need all that is repeated
        return needed

    def _costly(self, found: set[Value]) -> set[Value]:
        """Values whose sinking would put several arrays in memory in place of one."""
        leaves: dict[Value, set[Value]] = {}
        refused = set()
        for node in self.graph.nodes:
            value = node.outputs[0]
            if value not in found:
                continue
            leaves[value] = set()
            for v in node.inputs:
                leaves[value] |= leaves[v] if v in found else self._stored(v)
            parts = any(user.outputs[0] not in found for user in self.users[value])
            if parts and len(leaves[value]) > 1:
                refused.add(value)
        return refused

    def _stored(self, value: Value) -> set[Value]:
        """The value, if it would have to be stored just for this."""
        node = self.producers.get(value)
        while node is not None and node.op.kind is Kind.VIEW and node.op is not BROADCAST:
            value = node.inputs[0]
            node = self.producers.get(value)
        if node is None or node.op.kind not in COMPUTED or value in self.outputs:
            return set()
        read = any(user.op.kind in READING for user in self.users[value])
        return set() if read else {value}


def _share(part: Shape, whole: Shape) -> float:
    """How much of an array a part is, as far as the sizes are known."""
    sizes = zip(part, whole, strict=True)
    return prod(a / b for a, b in sizes if isinstance(a, int) and isinstance(b, int) and b != 0)


# -- rewriting ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A slice; or, if it `pads`, the place of an array in a larger one."""

    pads: bool
    starts: Shape
    steps: tuple[int, ...]
    shape: Shape  # of the result

    @staticmethod
    def of(node: Node) -> _Part:
        """What a slice, a pad, or an update (for its value) does."""
        starts = node.attrs["starts"]
        steps = node.attrs.get("steps", (1,) * len(starts))
        return _Part(node.op is not SLICE, starts, steps, node.output.type.shape)

    def along(self, axes: Sequence[int], repeated: Sequence[bool]) -> _Part:
        """The same for a value with some of the axes, of size 1 where it is repeated."""
        pairs = list(zip(axes, repeated, strict=True))
        return _Part(
            self.pads,
            tuple(0 if r else self.starts[k] for k, r in pairs),
            tuple(1 if r else self.steps[k] for k, r in pairs),
            tuple(1 if r else self.shape[k] for k, r in pairs),
        )

    def keeps(self, shape: Shape) -> bool:
        """Whether it is all of a value of this shape."""
        return self.shape == shape and all(step == 1 for step in self.steps)

    def apply(self, builder: GraphBuilder, value: Value) -> Value:
        """The part of this value."""
        if self.pads:
            return builder.emit_once(PAD, value, starts=self.starts, shape=self.shape)
        return builder.emit_once(
            SLICE, value, starts=self.starts, steps=self.steps, shape=self.shape
        )


def _through_broadcast(node: Node, part: _Part) -> _Part:
    """The part of the broadcast's operand."""
    dims, shape = node.attrs["dims"], node.output.type.shape
    sizes = zip(node.inputs[0].type.shape, dims, strict=True)
    return part.along(dims, [size == 1 and shape[d] != 1 for size, d in sizes])


def _through_reshape(node: Node, part: _Part) -> tuple[list[int], _Part]:
    """The axes that are not of size 1, and the part of the reshape's operand."""
    wide = [k for k, size in enumerate(node.output.type.shape) if size != 1]
    axes, own = iter(wide), [size == 1 for size in node.inputs[0].type.shape]
    return wide, part.along([0 if one else next(axes) for one in own], own)


class _Sinker(Walk):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.producers = graph.producers()
        self.sinks = _Candidates(graph).find()

    def visit(self, old: Node) -> None:
        if is_wide_update(old):
            base, value = old.inputs
            self.replaced[old.output] = self._choose(value, self.current(base), _Part.of(old))
        elif old.op is PAD and self._sinks(old):
            zeros = self._full(0, old.output.type.dtype, old.output.type.shape)
            self.replaced[old.output] = self._choose(old.inputs[0], zeros, _Part.of(old))
        elif old.op is SLICE and self._sinks(old):
            self.replaced[old.output] = self._part(old.inputs[0], _Part.of(old))
        else:
            self.builder.keep(with_operands(old, self.replaced))

    def _sinks(self, node: Node) -> bool:
        """Whether a slice or a pad comes before something that is computed."""
        value, part = node.inputs[0], _Part.of(node)
        while value in self.sinks and not part.keeps(value.type.shape):
            made = self.producers[value]
            if made.op is RESHAPE:
                _, part = _through_reshape(made, part)
            elif made.op is BROADCAST:
                part = _through_broadcast(made, part)
            else:
                return True
            value = made.inputs[0]
        return False

    def _choose(self, value: Value, around: Value, place: _Part) -> Value:
        """The value in its place, and what is around it."""
        true = self._full(True, DType.BOOL, value.type.shape)
        inside = true if place.keeps(value.type.shape) else place.apply(self.builder, true)
        return self.builder.emit(REGISTRY["select"], inside, self._part(value, place), around)

    def _part(self, value: Value, part: _Part) -> Value:
        """A part of a value, or an array that holds it in its place and anything around it."""
        if part.keeps(value.type.shape):
            return self.current(value)
        node = self.producers.get(value)
        if node is not None and node.op is BROADCAST:
            few = self._part(node.inputs[0], _through_broadcast(node, part))
            return self._spread(few, part.shape, node.attrs["dims"])
        if node is None or value not in self.sinks:
            return part.apply(self.builder, self.current(value))
        if node.op is RESHAPE:
            return self._reshaped(node, part)
        operands = [self._part(v, part) for v in node.inputs]
        return self.builder.emit_once(node.op, *operands, **node.attrs)

    def _reshaped(self, node: Node, part: _Part) -> Value:
        """An axis of size 1 that is placed in a larger one may be repeated: what is around the part
        does not matter.
        """
        wide, inner = _through_reshape(node, part)
        few = self._part(node.inputs[0], inner)
        shape = tuple(part.shape[k] for k in wide)
        few = self.builder.emit_once(RESHAPE, few, shape=shape)
        return self._spread(few, part.shape, tuple(wide))

    def _spread(self, few: Value, shape: Shape, dims: tuple[int, ...]) -> Value:
        if few.type.shape == shape:
            return few
        return self.builder.emit_once(BROADCAST, few, shape=shape, dims=dims)

    def _full(self, number: float | bool, dtype: DType, shape: Shape) -> Value:
        one = self.builder.emit_once(REGISTRY["constant"], value=Literal(number, dtype))
        return self._spread(one, shape, ())


SINK_PARTS = Pass("sink-parts", "Take and place parts before elementwise work.", sink_parts)
