"""Makes a graph ready for kernels: puts a copy wherever memory has to be laid out anew.

Layer: compiler/kernel. A copy is a `cast` to the same dtype. After this pass:

- every output is computed by a node of its own, into its own array;
- every operand of `matmul` is a strided matrix that BLAS accepts;
- the operand of a reshape that is no index map lies in row-major order;
- the parts of an assembled array (concatenate, update_slice) are copies with a `Placement`: fusion
  joins them to what computes them, so that a part is computed straight into its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..ir.builder import GraphBuilder
from ..ir.dims import Dim
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Affine, IndexMap, Kind
from ..ir.types import Size
from ..ops import REGISTRY
from .layout import Resolved, Views, contiguous_strides, identity_map

COMPUTED = {Kind.ELEMENTWISE, Kind.REDUCE, Kind.SCAN, Kind.GATHER}


@dataclass(frozen=True, slots=True)
class Placement:
    """A value that is written at `map` (its index -> the whole's index) of the array `whole`.

    It may be written only after the values in `after`.
    """

    whole: Value
    map: IndexMap
    after: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """The graph with copies in place; `shares` maps an updated array to the base it overwrites."""

    graph: Graph
    placements: Mapping[Value, Placement] = field(default_factory=dict)
    shares: Mapping[Value, Value] = field(default_factory=dict)


def prepare(graph: Graph) -> Prepared:
    """Insert the copies; see the module's text."""
    return _Preparation(graph).run()


class _Preparation:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.users = graph.users()
        self.builder = GraphBuilder(graph.name)
        self.new: dict[Value, Value] = {}
        self.producers: dict[Value, Node] = {}
        self.views = Views(self.producers)
        self.placements: dict[Value, Placement] = {}
        self.shares: dict[Value, Value] = {}
        self.parts: dict[Value, list[Value]] = {}

    def run(self) -> Prepared:
        for v in self.graph.inputs:
            self.new[v] = self.builder.input(v.type, v.name)
        for guard in self.graph.guards:
            self.builder.guard(guard)
        for node in self.graph.nodes:
            with self.builder.at(node.loc):
                self._visit(node)
        outputs = self._outputs()
        return Prepared(self.builder.finish(outputs), self.placements, self.shares)

    def _visit(self, node: Node) -> None:
        inputs = [self.new[v] for v in node.inputs]
        if node.op.kind is Kind.ASSEMBLE:
            self._assemble(node, inputs)
            return
        if node.op.kind is Kind.CONTRACT:
            inputs = [v if self._blas_ready(v) else self._copy(v) for v in inputs]
        elif node.op.kind is Kind.GATHER:
            inputs = [self._in_memory(inputs[0]), *inputs[1:]]
        elif node.op.kind is Kind.VIEW and not self._is_map(node):
            inputs = [self._row_major(inputs[0])]
        self._emit(node, inputs)

    def _emit(self, node: Node, inputs: list[Value]) -> Node:
        made = self.builder.emit_node(node.op, inputs, **node.attrs)
        for old, new in zip(node.outputs, made.outputs, strict=True):
            self.new[old] = new
            self.producers[new] = made
        return made

    def _copy(self, value: Value) -> Value:
        node = self.builder.emit_node(REGISTRY["cast"], [value], dtype=value.type.dtype)
        self.producers[node.output] = node
        return node.output

    def _kind(self, value: Value) -> Kind | None:
        node = self.producers.get(value)
        return node.op.kind if node else None

    def _is_map(self, node: Node) -> bool:
        assert node.op.index_map is not None
        source = node.inputs[0].type.shape
        return node.op.index_map(source, node.output.type.shape, node.attrs) is not None

    def _in_memory(self, value: Value) -> Value:
        """`value`, or a copy of it if its root is not stored anywhere (an iota, a number)."""
        root = self.views.resolve(value).root
        node = self.producers.get(root)
        stored = node is None or node.op.kind is not Kind.SOURCE or root.type.rank > 0
        if node is not None and node.op.name == "iota":
            stored = False
        return value if stored else self._copy(value)

    def _row_major(self, value: Value) -> Value:
        resolved = self.views.resolve(value)
        if resolved.is_identity(value.type.shape) and self._in_memory(value) is value:
            return value
        return self._copy(value)

    def _blas_ready(self, value: Value) -> bool:
        if self._in_memory(value) is not value:
            return False
        resolved = self.views.resolve(value)
        row, column = view_strides(resolved, contiguous_strides(resolved.root.type.shape))[-2:]
        rows, columns = value.type.shape[-2:]
        return leading_dimension(row, column, rows, columns) is not None

    # -- assembled arrays ---------------------------------------------------------------------

    def _assemble(self, node: Node, inputs: list[Value]) -> None:
        if node.op.name == "concatenate":
            self._concatenate(node, inputs)
        else:
            self._update_slice(node, inputs)

    def _concatenate(self, node: Node, inputs: list[Value]) -> None:
        axis = node.attrs["axis"]
        copies = [self._copy(v) for v in inputs]
        whole = self._emit(node, copies).output
        offset: Size = 0
        for copy in copies:
            starts = [offset if k == axis else 0 for k in range(copy.type.rank)]
            self.placements[copy] = Placement(whole, _shifted(starts, [1] * copy.type.rank))
            offset = offset + copy.type.shape[axis]
        self.parts[whole] = copies

    def _update_slice(self, node: Node, inputs: list[Value]) -> None:
        base, value = inputs
        old_base = node.inputs[0]
        sole = len(self.users[old_base]) == 1 and old_base not in self.graph.outputs
        in_place = sole and self._kind(base) is Kind.ASSEMBLE and not self._reads(value, base)
        # a base that nothing else reads is overwritten; any other is copied first
        start = base if in_place else self._copy(base)
        part = self._copy(value)
        whole = self._emit(node, [start, part]).output
        if in_place:
            self.shares[whole] = base
            after: tuple[Value, ...] = (base,)
        else:
            self.placements[start] = Placement(whole, identity_map(start.type.rank))
            after = (start,)
        starts, steps = node.attrs["starts"], node.attrs["steps"]
        self.placements[part] = Placement(whole, _shifted(starts, steps), after)

    def _reads(self, value: Value, base: Value) -> bool:
        """Whether computing `value` may read `base`. Sole use by the update rules that out."""
        return self.views.resolve(value).root is base

    # -- outputs ------------------------------------------------------------------------------

    def _outputs(self) -> list[Value]:
        taken: set[Value] = set()
        outputs = []
        for old in self.graph.outputs:
            value = self.new[old]
            owner = storage_owner(value, self.views, self.producers)
            kind = self._kind(owner) if owner is not None else None
            own = kind in COMPUTED or kind in (Kind.CONTRACT, Kind.ASSEMBLE)
            if owner is None or not own or owner in taken or owner in self.placements:
                value = owner = self._copy(value)
            taken.add(owner)
            outputs.append(value)
        return outputs


def storage_owner(value: Value, views: Views, producers: Mapping[Value, Node]) -> Value | None:
    """The value whose memory, in row-major order, is exactly `value`; None if there is none."""
    while True:
        resolved = views.resolve(value)
        if not resolved.is_identity(value.type.shape):
            return None
        value = resolved.root
        if not views.is_alias(value):
            return value
        value = producers[value].inputs[0]


def view_strides(resolved: Resolved, strides: tuple[Size, ...]) -> list[Size]:
    """Strides in memory along the view's axes, given the root's strides."""
    rank = len(resolved.map[0].strides) if resolved.map else 0
    result: list[Size] = [0] * rank
    for affine, stride in zip(resolved.map, strides, strict=True):
        for k, s in enumerate(affine.strides):
            if s != 0:
                result[k] = result[k] + s * stride
    return result


def leading_dimension(
    row: Size, column: Size, rows: Size, columns: Size
) -> tuple[Size, bool] | None:
    """BLAS's (leading dimension, transposed) of a row-major matrix; None if it has none."""
    if (column == 1 or columns == 1) and (rows == 1 or _at_least(row, columns)):
        return (columns if rows == 1 else row), False
    if (row == 1 or rows == 1) and (columns == 1 or _at_least(column, rows)):
        return (rows if columns == 1 else column), True
    return None


def _at_least(stride: Size, extent: Size) -> bool:
    if isinstance(stride, int) and isinstance(extent, int):
        return stride >= max(extent, 1)
    # strides of views of contiguous arrays are extents, or multiples of them
    return stride == extent or (isinstance(stride, Dim) and all(c > 0 for _, c in stride.terms))


def _shifted(starts: list[Size], steps: list[int]) -> IndexMap:
    rank = len(starts)
    return tuple(
        Affine(starts[k], tuple(steps[k] if j == k else 0 for j in range(rank)))
        for k in range(rank)
    )
