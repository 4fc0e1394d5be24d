"""Makes a graph ready for kernels: puts a copy wherever memory has to be laid out anew.

Layer: compiler/kernel. A copy is a `cast` to the same dtype. After this pass:

- every output is computed by a node of its own, into its own array;
- what LAPACK overwrites is a copy that nothing else reads;
- every operand of `matmul` is a strided matrix that BLAS accepts;
- the rows of every operand of a convolution lie in one piece;
- the operand of a reshape that is no index map lies in row-major order;
- the parts of an assembled array (concatenate, interleave, update_slice) are copies with a
  `Placement`: fusion joins them to what computes them, so that a part is computed straight into its
  place;
- an update overwrites its base where nothing reads the base afterwards;
- every operand of a sort, a loop or a branch lies in row-major order;
- a scatter adds to an array that nothing else reads: to its base, or to a copy of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..ir.builder import GraphBuilder
from ..ir.dims import Dim
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Affine, IndexMap, Kind
from ..ir.phases import phases
from ..ir.types import Size
from ..ops import REGISTRY
from ..ops.assemble import CONCATENATE, INTERLEAVE
from .layout import Resolved, Views, contiguous_strides, identity_map

COMPUTED = {Kind.ELEMENTWISE, Kind.REDUCE, Kind.SCAN, Kind.GATHER, Kind.SCATTER}
# The results of these have memory of their own.
OWNING = COMPUTED | {
    Kind.SORT,
    Kind.CONTRACT,
    Kind.CONVOLVE,
    Kind.MATRIX,
    Kind.ASSEMBLE,
    Kind.REGION,
}


@dataclass(frozen=True, slots=True)
class Placement:
    """A value that is written at `map` (its index -> the whole's index) of the array `whole`.

    It may be written only after the values in `after` are computed, in a loop of its own, and not
    before those in `beside`, which may be computed in the same loop: they read, element by element,
    what is overwritten.
    """

    whole: Value
    map: IndexMap
    after: tuple[Value, ...] = ()
    beside: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """The graph with copies in place.

    `shares` maps an updated array to the base it overwrites, `scattered` the result of a scatter to
    the values that must be computed before, in other loops.
    """

    graph: Graph
    placements: Mapping[Value, Placement] = field(default_factory=dict)
    shares: Mapping[Value, Value] = field(default_factory=dict)
    scattered: Mapping[Value, tuple[Value, ...]] = field(default_factory=dict)

    def ordered(self, value: Value) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
        """What must be computed before a value, in other loops; and before it or beside it."""
        placement = self.placements.get(value)
        if placement is not None:
            return placement.after, placement.beside
        return self.scattered.get(value, ()), ()


def prepare(graph: Graph, given: frozenset[int] = frozenset()) -> Prepared:
    """Insert the copies; see the module's text. The inputs in `given` may be overwritten."""
    return _Preparation(graph, given).run()


class _Preparation:
    def __init__(self, graph: Graph, given: frozenset[int]) -> None:
        self.graph = graph
        self.given = given
        self.last_use = _last_uses(graph)
        self.builder = GraphBuilder(graph.name)
        self.new: dict[Value, Value] = {}
        self.producers: dict[Value, Node] = {}
        self.views = Views(self.producers)
        self.placements: dict[Value, Placement] = {}
        self.shares: dict[Value, Value] = {}
        self.scattered: dict[Value, tuple[Value, ...]] = {}
        self.readers: dict[Value, list[tuple[Node, Value]]] = {}  # of a root: (node, operand)

    def run(self) -> Prepared:
        for v in self.graph.inputs:
            self.new[v] = self.builder.input(v.type, v.name)
        self._given_inputs = {self.builder.inputs[k] for k in self.given}
        for guard in self.graph.guards:
            self.builder.guard(guard)
        for position, node in enumerate(self.graph.nodes):
            with self.builder.at(node.loc):
                self._visit(node, position)
        outputs = self._outputs()
        graph = self.builder.finish(outputs)
        return Prepared(graph, self.placements, self.shares, self.scattered)

    def _visit(self, node: Node, position: int) -> None:
        inputs = [self.new[v] for v in node.inputs]
        if node.op.kind is Kind.ASSEMBLE:
            if node.op is CONCATENATE:
                self._concatenate(node, inputs)
            elif node.op is INTERLEAVE:
                self._interleave(node, inputs)
            else:
                dies = self.last_use[node.inputs[0]] == position
                self._update_slice(node, *inputs, dies=dies)
            return
        if node.op.kind is Kind.SCATTER:
            dies = self.last_use[node.inputs[0]] == position
            self._scatter(node, *inputs, dies=dies)
            return
        if node.op.kind is Kind.MATRIX:
            self._matrices(node, inputs)
            return
        if node.op.kind is Kind.CONTRACT:
            inputs = [v if self._blas_ready(v) else self._copy(v) for v in inputs]
        elif node.op.kind is Kind.CONVOLVE:
            is_filter = "window" in node.attrs
            inputs = [
                v if self._has_rows(v, or_columns=k == 1 and not is_filter) else self._copy(v)
                for k, v in enumerate(inputs)
            ]
        elif node.op.kind in (Kind.SORT, Kind.REGION):
            inputs = [v if self._is_whole(v) else self._copy(v) for v in inputs]
        elif node.op.kind is Kind.GATHER:
            inputs = [self._in_memory(inputs[0]), *inputs[1:]]
        elif node.op.kind is Kind.VIEW and not self._is_map(node):
            inputs = [self._row_major(inputs[0])]
        self._emit(node, inputs)

    def _emit(self, node: Node, inputs: list[Value]) -> Node:
        made = self.builder.emit_node(node.op, inputs, **node.attrs)
        for old, new in zip(node.outputs, made.outputs, strict=True):
            self.new[old] = new
        return self._record(made)

    def _copy(self, value: Value) -> Value:
        cast = REGISTRY["cast"]
        return self._record(self.builder.emit_node(cast, [value], dtype=value.type.dtype)).output

    def _record(self, made: Node) -> Node:
        for v in made.outputs:
            self.producers[v] = made
        if made.op.kind is not Kind.VIEW or self.views.is_alias(made.output):
            for v in made.inputs:
                self.readers.setdefault(self.views.resolve(v).root, []).append((made, v))
        return made

    def _kind(self, value: Value) -> Kind | None:
        node = self.producers.get(value)
        return node.op.kind if node else None

    def _is_map(self, node: Node) -> bool:
        assert node.op.index_map is not None
        source = node.inputs[0].type.shape
        return node.op.index_map(source, node.output.type.shape, node.attrs) is not None

    def _in_memory(self, value: Value) -> Value:
        """`value`, or a copy of it if some of it is stored nowhere (an iota, a number, a pad)."""
        resolved = self.views.resolve(value)
        root = resolved.root
        node = self.producers.get(root)
        stored = node is None or node.op.kind is not Kind.SOURCE or root.type.rank > 0
        if resolved.limits or (node is not None and node.op.name == "iota"):
            stored = False
        return value if stored else self._copy(value)

    def _row_major(self, value: Value) -> Value:
        resolved = self.views.resolve(value)
        if resolved.is_identity(value.type.shape) and self._in_memory(value) is value:
            return value
        return self._copy(value)

    def _is_whole(self, value: Value) -> bool:
        """Whether `value` lies in memory, row by row."""
        owner = storage_owner(value, self.views, self.producers)
        if owner is None or owner in self.placements:
            return False
        node = self.producers.get(owner)
        return node is None or node.op.kind in OWNING or node.op.name == "constant"

    def _blas_ready(self, value: Value) -> bool:
        if self._in_memory(value) is not value:
            return False
        resolved = self.views.resolve(value)
        strides = contiguous_strides(resolved.root.type.shape)
        row, column = view_strides(resolved, strides, value.type.rank)[-2:]
        rows, columns = value.type.shape[-2:]
        return leading_dimension(row, column, rows, columns) is not None

    def _has_rows(self, value: Value, or_columns: bool) -> bool:
        """Whether `value` lies in memory, and along its last axis in one piece.

        With `or_columns`, along one of its last two axes.
        """
        if self._in_memory(value) is not value:
            return False
        resolved = self.views.resolve(value)
        strides = contiguous_strides(resolved.root.type.shape)
        column, row = view_strides(resolved, strides, value.type.rank)[-2:]
        return row == 1 or (or_columns and column == 1)

    # -- assembled arrays ---------------------------------------------------------------------

    def _concatenate(self, node: Node, inputs: list[Value]) -> None:
        axis = node.attrs["axis"]
        copies = [self._copy(v) for v in inputs]
        whole = self._emit(node, copies).output
        offset: Size = 0
        for copy in copies:
            starts = [offset if k == axis else 0 for k in range(copy.type.rank)]
            self.placements[copy] = Placement(whole, _shifted(starts, [1] * copy.type.rank))
            offset = offset + copy.type.shape[axis]

    def _interleave(self, node: Node, inputs: list[Value]) -> None:
        steps = node.attrs["steps"]
        copies = [self._copy(v) for v in inputs]
        whole = self._emit(node, copies).output
        for copy, (starts, _) in zip(copies, phases(whole.type.shape, steps), strict=True):
            self.placements[copy] = Placement(whole, _shifted([*starts], steps))

    def _update_slice(self, node: Node, base: Value, value: Value, *, dies: bool) -> None:
        place = _shifted(node.attrs["starts"], node.attrs["steps"])
        if dies and self._overwritable(base):
            if self._touches(value, base, place):
                value = self._copy(value)  # read completely before anything is overwritten
            readers = self.readers.get(base, [])
            after = [r for r, v in readers if not self._reads_in_place(r, v, place)]
            beside = [r for r, _ in readers if r not in after]
            part = self._copy(value)
            whole = self._emit(node, [base, part]).output
            self.shares[whole] = base
            self.placements[part] = Placement(
                whole,
                place,
                after=(base, *(r.outputs[0] for r in after)),
                beside=tuple(r.outputs[0] for r in beside),
            )
            return
        start, part = self._copy(base), self._copy(value)
        whole = self._emit(node, [start, part]).output
        self.placements[start] = Placement(whole, identity_map(start.type.rank))
        self.placements[part] = Placement(whole, place, after=(start,))

    def _scatter(self, node: Node, base: Value, *others: Value, dies: bool) -> None:
        if not (dies and self._overwritable(base)):
            base = self._copy(base)
        # what is read from the base is read completely before anything is added
        reads = [self.views.resolve(v).root is base for v in others]
        others = tuple(self._copy(v) if read else v for v, read in zip(others, reads, strict=True))
        readers = tuple(r.outputs[0] for r, _ in self.readers.get(base, []))
        whole = self._emit(node, [base, *others]).output
        self.shares[whole] = base
        self.scattered[whole] = (base, *readers)

    def _matrices(self, node: Node, inputs: list[Value]) -> None:
        """What LAPACK overwrites is a copy; what it reads lies in row-major order."""
        routine = node.op.routine
        assert routine is not None
        batch = node.inputs[0].type.rank - 2
        for k, v in enumerate(inputs):
            if k in routine.over or not (k in routine.unread or self._core_ready(v, batch)):
                inputs[k] = self._copy(v)
        for k in routine.unread:  # any array of its type will do
            inputs[k] = next(v for v in inputs[k + 1 :] if v.type == inputs[k].type)
        made = self._emit(node, inputs)
        for result, operand in zip(made.outputs, routine.over, strict=True):
            if operand is not None:
                self.shares[result] = inputs[operand]

    def _core_ready(self, value: Value, batch: int) -> bool:
        """Whether `value` lies in memory, and behind the batch axes in row-major order."""
        if self._in_memory(value) is not value:
            return False
        resolved = self.views.resolve(value)
        strides = contiguous_strides(resolved.root.type.shape)
        wanted = contiguous_strides(value.type.shape)
        return tuple(view_strides(resolved, strides, value.type.rank))[batch:] == wanted[batch:]

    def _overwritable(self, base: Value) -> bool:
        """Whether `base` has memory of its own that no other name shares."""
        owns = self._kind(base) in OWNING or base in self._given_inputs
        readers = self.readers.get(base, [])
        return owns and all(r.op.kind is not Kind.VIEW for r, _ in readers)

    def _touches(self, value: Value, base: Value, place: IndexMap) -> bool:
        """Whether `value` is a part of `base` other than the one that is overwritten."""
        resolved = self.views.resolve(value)
        return resolved.root is base and resolved.places() != (place, ())

    def _reads_in_place(self, reader: Node, value: Value, place: IndexMap) -> bool:
        """Whether a node reads, element by element, just the part that is overwritten."""
        places = self.views.resolve(value).places()
        return reader.op.kind is Kind.ELEMENTWISE and places == (place, ())

    # -- outputs ------------------------------------------------------------------------------

    def _outputs(self) -> list[Value]:
        taken: set[Value] = set()
        outputs = []
        for old in self.graph.outputs:
            value = self.new[old]
            owner = storage_owner(value, self.views, self.producers)
            kind = self._kind(owner) if owner is not None else None
            if owner is None or kind not in OWNING or owner in taken or owner in self.placements:
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


def view_strides(resolved: Resolved, strides: tuple[Size, ...], rank: int) -> list[Size]:
    """Strides in memory along the view's `rank` axes, given the root's strides."""
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
    if rows == 0 or columns == 0:  # nothing is read, but BLAS wants the size of a row, or 1
        return (1 if columns == 0 else columns), False
    if (column == 1 or columns == 1) and (rows == 1 or _at_least(row, columns)):
        return (columns if rows == 1 else row), False
    if (row == 1 or rows == 1) and (columns == 1 or _at_least(column, rows)):
        return (rows if columns == 1 else column), True
    return None


def _at_least(stride: Size, extent: Size) -> bool:
    if isinstance(stride, int) and isinstance(extent, int):
        return stride >= extent
    # strides of views of contiguous arrays are extents, or multiples of them
    return stride == extent or (isinstance(stride, Dim) and all(c > 0 for _, c in stride.terms))


def _shifted(starts: list[Size], steps: Sequence[int]) -> IndexMap:
    rank = len(starts)
    return tuple(
        Affine(starts[k], tuple(steps[k] if j == k else 0 for j in range(rank)))
        for k in range(rank)
    )


def _last_uses(graph: Graph) -> dict[Value, int]:
    """The position of the last node that reads each value, through views too; outputs never end."""
    end = len(graph.nodes)
    last = dict.fromkeys(graph.values(), -1)
    last.update(dict.fromkeys(graph.outputs, end))
    for position in reversed(range(end)):
        node = graph.nodes[position]
        is_view = node.op.kind is Kind.VIEW
        until = max(last[v] for v in node.outputs) if is_view else position
        for v in node.inputs[:1] if is_view else node.inputs:  # a barrier reads its first operand
            last[v] = max(last[v], until, position)
    return last
