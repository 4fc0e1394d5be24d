"""Fusion: which nodes are computed in one loop nest.

Layer: compiler/kernel. A group has a domain (a shape without axes of size 1) and may reduce over
some of its axes. A node takes part at full level (one value per point of the domain) or at row
level (one per point of the axes that are not reduced): `x - max(x, -1)` is a full-level subtraction
that reads a row-level maximum. Groups grow greedily along the edges of the graph, and sideways to
nodes that read the same array over the same domain; a join that would make the order of the units
cyclic is refused.

What is in no group is a unit of its own: matrix products, assembled arrays, loops and branches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ..ir.dims import product
from ..ir.graph import Node, Value
from ..ir.opdef import Kind
from ..ir.types import Shape
from .layout import Resolved, Views
from .prepare import COMPUTED, OWNING, Prepared

# Elements: of a row of accumulators, and of all that is reduced.
SHORTEST_ROW, LONGEST_ROW, FEWEST = 32, 1 << 14, 1 << 15
MAX_NODES = 256  # bounds LLVM's time, which grows faster than the length of a block


class Level(Enum):
    """Whether a node has a value per point of the domain, or per row."""

    FULL = "full"
    ROW = "row"
    COLUMN = "column"  # of results only: one value per point of the inner axes


@dataclass(slots=True, eq=False)
class Unit:
    """A group of computed nodes, or one node of another kind."""

    index: int
    domain: Shape = ()
    reduced: tuple[int, ...] | None = None  # axes of the domain
    nodes: list[Node] = field(default_factory=list)
    level: dict[Node, Level] = field(default_factory=dict)
    is_group: bool = True

    @property
    def kept(self) -> list[int]:
        """The domain's axes that are not reduced."""
        reduced = self.reduced or ()
        return [k for k in range(len(self.domain)) if k not in reduced]

    @property
    def row_shape(self) -> Shape:
        """The shape of row-level values."""
        return tuple(self.domain[k] for k in self.kept)


@dataclass(frozen=True, slots=True)
class Fused:
    """The units in an order in which they can run."""

    units: tuple[Unit, ...]
    views: Views
    unit_of: dict[Node, Unit]


def squeezed_axes(shape: Shape) -> list[int]:
    """The axes whose size is not 1."""
    return [k for k, size in enumerate(shape) if size != 1]


def squeezed(shape: Shape) -> Shape:
    """The shape without its axes of size 1."""
    return tuple(size for size in shape if size != 1)


def domain_shape(node: Node) -> Shape:
    """The index space that a computed node walks (with axes of size 1)."""
    if node.op.kind in (Kind.REDUCE, Kind.SCAN):
        return node.inputs[0].type.shape
    if node.op.kind is Kind.SCATTER:
        return node.inputs[1].type.shape
    return node.output.type.shape


def reduced_axes(node: Node) -> tuple[int, ...] | None:
    """The squeezed axes a reduction or scan runs along; None if the node has none of size > 1."""
    if node.op.kind is Kind.REDUCE:
        axes = node.attrs["axes"]
    elif node.op.kind is Kind.SCAN:
        axes = (node.attrs["axis"],)
    else:
        return None
    position = {k: i for i, k in enumerate(squeezed_axes(node.inputs[0].type.shape))}
    found = tuple(position[k] for k in sorted(axes) if k in position)
    return found or None


def fuse(prepared: Prepared, most: int = MAX_NODES) -> Fused:
    """Group the nodes of a prepared graph, at most so many together."""
    return _Fusion(prepared, most).run()


class _Fusion:
    def __init__(self, prepared: Prepared, most: int) -> None:
        self.prepared = prepared
        self.most = most
        self.graph = prepared.graph
        self.producers = self.graph.producers()
        self.views = Views(self.producers)
        self.units: list[Unit | None] = []
        self.unit_of: dict[Node, Unit] = {}
        self.before: list[int] = []  # bit set of the units that must run earlier
        self.readers: dict[tuple[Value, Shape], Unit] = {}

    def run(self) -> Fused:
        for node in self.graph.nodes:
            if node.op.kind in COMPUTED:
                self._place(node)
            elif node.op.kind in OWNING:
                self._alone(node)
        units = [u for u in self.units if u is not None]
        return Fused(tuple(self._order(units)), self.views, self.unit_of)

    # -- dependencies -------------------------------------------------------------------------

    def _unit_of_value(self, value: Value) -> Unit | None:
        """The unit that has written the memory behind `value`; None for inputs and numbers."""
        root = self.views.resolve(value).root
        node = self.producers.get(root)
        if node is None:
            return None
        if node.op.kind is Kind.VIEW:
            return self._unit_of_value(node.inputs[0])
        return self.unit_of.get(node)

    def _dependencies(self, node: Node) -> tuple[set[int], set[int]]:
        """The units of the operands, and the units that must have finished (no fusion)."""
        read = [*node.inputs, *(w for v in node.inputs for w in self.views.waits(v))]
        operands = {u.index for v in read if (u := self._unit_of_value(v))}
        after, beside = self.prepared.ordered(node.outputs[0])
        hard = {u.index for v in after if (u := self._unit_of_value(v))}
        soft = {u.index for v in beside if (u := self._unit_of_value(v))}
        return operands | hard | soft, hard

    def _new_unit(self, is_group: bool) -> Unit:
        unit = Unit(len(self.units), is_group=is_group)
        self.units.append(unit)
        self.before.append(0)
        return unit

    def _depend(self, unit: Unit, others: set[int]) -> None:
        gained = 0
        for other in others - {unit.index}:
            gained |= self.before[other] | 1 << other
        self._gain(unit.index, gained)

    def _gain(self, index: int, gained: int) -> None:
        if gained & ~self.before[index] == 0:
            return
        self.before[index] |= gained
        bit = 1 << index
        for other, before in enumerate(self.before):
            if before & bit:
                self.before[other] = before | gained

    # -- placing a node -----------------------------------------------------------------------

    def _alone(self, node: Node) -> None:
        unit = self._new_unit(is_group=False)
        unit.nodes.append(node)
        self.unit_of[node] = unit
        self._depend(unit, self._dependencies(node)[0])

    def _place(self, node: Node) -> None:
        depends, hard = self._dependencies(node)
        chosen: Unit | None = None
        for candidate in self._candidates(node):
            if self.units[candidate.index] is not candidate:
                continue  # merged away meanwhile
            if candidate.index in hard or len(candidate.nodes) >= self.most:
                continue
            if chosen is None:
                level = self._level(node, candidate)
                if level is not None and self._acyclic(candidate, depends):
                    self._join(node, candidate, level, depends)
                    chosen = candidate
            elif self._mergeable(chosen, candidate):
                chosen = self._merge(chosen, candidate)
        if chosen is None:
            chosen = self._new_unit(is_group=True)
            chosen.domain = squeezed(domain_shape(node))
            self._join(node, chosen, Level.FULL, depends)
        self._remember_reads(node, chosen)

    def _candidates(self, node: Node) -> list[Unit]:
        """Groups that compute an operand, latest first; then groups that read the same arrays."""
        found: dict[int, Unit] = {}
        for v in node.inputs:
            unit = self._unit_of_value(v)
            if unit is not None and unit.is_group:
                found[unit.index] = unit
        near = [found[k] for k in sorted(found, reverse=True)]
        domain = squeezed(domain_shape(node))
        for v in node.inputs:
            sibling = self.readers.get((self.views.resolve(v).root, domain))
            if sibling is not None and sibling.index not in found:
                found[sibling.index] = sibling
                near.append(sibling)
        return near

    def _remember_reads(self, node: Node, unit: Unit) -> None:
        if unit.level[node] is Level.ROW:
            return
        for v in node.inputs:
            root = self.views.resolve(v).root
            if root.type.rank > 0:
                self.readers[root, unit.domain] = unit

    def _acyclic(self, unit: Unit, depends: set[int]) -> bool:
        bit = 1 << unit.index
        return not any(self.before[d] & bit for d in depends if d != unit.index)

    def _join(self, node: Node, unit: Unit, level: Level, depends: set[int]) -> None:
        unit.nodes.append(node)
        unit.level[node] = level
        self.unit_of[node] = unit
        if unit.reduced is None and level is Level.FULL:
            unit.reduced = self._inner_axes(node, unit.domain)
        self._depend(unit, depends)

    def _inner_axes(self, node: Node, domain: Shape) -> tuple[int, ...] | None:
        """The axes to walk inside of a group that `node` is the first to reduce."""
        reduced = reduced_axes(node)
        if reduced is None or not prefers_columns(node, domain, reduced):
            return reduced
        return tuple(range(len(reduced), len(domain)))

    # -- levels -------------------------------------------------------------------------------

    def _level(self, node: Node, unit: Unit) -> Level | None:
        """At which level `node` could join `unit`; None if it cannot."""
        domain = squeezed(domain_shape(node))
        reduced = reduced_axes(node)
        if self._overwrites(node) and unit.reduced is not None:
            return None
        if reduced is not None and any(self._overwrites(n) for n in unit.nodes):
            return None
        if domain == unit.domain:
            fits = reduced is None or unit.reduced is None or reduced == unit.reduced
            if (fits or reduces_columns(node, unit)) and self._edges_fit(node, unit, Level.FULL):
                return Level.FULL
        elif unit.reduced is not None and reduced is None and domain == unit.row_shape:
            from_unit = any(self._unit_of_value(v) is unit for v in node.inputs)
            if from_unit and self._edges_fit(node, unit, Level.ROW):
                return Level.ROW
        return None

    def _overwrites(self, node: Node) -> bool:
        """Whether a node writes what its own loop reads: that loop must walk only once."""
        _, beside = self.prepared.ordered(node.outputs[0])
        return node.op.kind is Kind.SCATTER or bool(beside)

    def _edges_fit(self, node: Node, unit: Unit, level: Level) -> bool:
        for position, v in enumerate(node.inputs):
            if self._unit_of_value(v) is unit and not self._edge_fits(node, position, unit, level):
                return False
        return True

    def _edge_fits(self, node: Node, position: int, unit: Unit, level: Level) -> bool:
        value = node.inputs[position]
        resolved = self.views.resolve(value)
        producer = self.producers.get(resolved.root)
        if producer is None or self.unit_of.get(producer) is not unit:
            return False  # its memory is read under another shape
        if producer.op.kind is Kind.SCATTER:
            return False  # complete only when the loop has ended
        if node.op.kind in (Kind.GATHER, Kind.SCATTER) and (
            position == 0 or value.type.shape != domain_shape(node)
        ):
            return False
        if value in self.prepared.placements or resolved.root in self.prepared.placements:
            return False
        source = value_level(producer, unit)
        if level is source:
            return resolved.is_identity(value.type.shape)
        if level is Level.FULL and source is Level.ROW:
            return is_row_broadcast(resolved, value.type.shape, unit)
        return False

    # -- merging groups -----------------------------------------------------------------------

    def _mergeable(self, a: Unit, b: Unit) -> bool:
        if a is b or a.domain != b.domain or len(a.nodes) + len(b.nodes) > self.most:
            return False
        if a.reduced is not None and b.reduced is not None and a.reduced != b.reduced:
            return False
        reduces = a.reduced is not None or b.reduced is not None
        if reduces and any(self._overwrites(n) for n in (*a.nodes, *b.nodes)):
            return False
        if self._path_between(a.index, b.index) or self._path_between(b.index, a.index):
            return False
        return self._cross_edges_fit(a, b) and self._cross_edges_fit(b, a)

    def _path_between(self, first: int, last: int) -> bool:
        """Whether some third unit must run after `first` and before `last`."""
        bit = 1 << first
        between = self.before[last] & ~bit
        return any(
            between >> k & 1 and self.before[k] & bit for k in range(len(self.before)) if k != last
        )

    def _cross_edges_fit(self, source: Unit, target: Unit) -> bool:
        for node in target.nodes:
            after, _ = self.prepared.ordered(node.outputs[0])
            if any(self._unit_of_value(v) is source for v in after):
                return False
            for position, v in enumerate(node.inputs):
                if self._unit_of_value(v) is source and not self._edge_fits(
                    node, position, source, target.level[node]
                ):
                    return False
        return True

    def _merge(self, a: Unit, b: Unit) -> Unit:
        """Everything of `b` into `a`."""
        a.nodes.extend(b.nodes)
        a.level.update(b.level)
        a.reduced = a.reduced if a.reduced is not None else b.reduced
        for node in b.nodes:
            self.unit_of[node] = a
        for key, unit in self.readers.items():
            if unit is b:
                self.readers[key] = a
        bit_a, bit_b = 1 << a.index, 1 << b.index
        gained = (self.before[a.index] | self.before[b.index]) & ~(bit_a | bit_b)
        self.units[b.index] = None
        self.before[b.index] = 0
        self.before[a.index] = gained
        for k, before in enumerate(self.before):
            if before & (bit_a | bit_b):
                self.before[k] = (before & ~bit_b) | bit_a | gained
        return a

    def _order(self, units: list[Unit]) -> list[Unit]:
        position = {node: k for k, node in enumerate(self.graph.nodes)}
        for unit in units:
            unit.nodes.sort(key=position.__getitem__)
        # a unit runs once all that must run before it has run; `before` is transitively closed
        return sorted(units, key=lambda u: (bin(self.before[u.index]).count("1"), u.index))


def value_level(node: Node, unit: Unit) -> Level:
    """The level of a node's result: a reduction's is the row's, or the column's."""
    if node.op.kind is Kind.REDUCE and reduced_axes(node) is not None:
        return Level.COLUMN if reduces_columns(node, unit) else Level.ROW
    return unit.level[node]


def reduces_columns(node: Node, unit: Unit) -> bool:
    """Whether a node of the group's domain reduces over all of the axes that are not walked inside.

    Rows then are added to a row of accumulators, one after the other.
    """
    if unit.reduced is None or reduced_axes(node) != tuple(unit.kept):
        return False
    trailing = unit.reduced == tuple(range(len(unit.kept), len(unit.domain)))
    row = product(tuple(unit.domain[k] for k in unit.reduced))
    short = isinstance(row, int) and row < SHORTEST_ROW
    return trailing and not short and _can_be_column(node)


def prefers_columns(node: Node, domain: Shape, reduced: tuple[int, ...]) -> bool:
    """Whether a reduction over leading axes should go row by row instead of column by column.

    Rows lie in one piece, and other work on them can be done in the same walk. But a row of
    accumulators has to stay in the cache, and pays only for arrays that do not.
    """
    leading = reduced == tuple(range(len(reduced))) and len(reduced) < len(domain)
    if not leading or not _can_be_column(node):
        return False
    row, everything = product(domain[len(reduced) :]), product(domain)
    if not isinstance(row, int) or not isinstance(everything, int):
        return False
    return SHORTEST_ROW <= row <= LONGEST_ROW and everything >= FEWEST


def _can_be_column(node: Node) -> bool:
    reduction = node.op.reduction
    if node.op.kind is not Kind.REDUCE or reduction is None or reduction.needs_index:
        return False
    return not node.output.type.dtype.is_half


def is_row_broadcast(resolved: Resolved, shape: Shape, unit: Unit) -> bool:
    """Whether a row value is read, at each point of the domain, at that point's row."""
    if resolved.limits:
        return False
    domain_axes = squeezed_axes(shape)
    kept_axes = [domain_axes[k] for k in unit.kept]
    root_shape = resolved.root.type.shape
    root_axes = squeezed_axes(root_shape)
    if len(root_axes) != len(kept_axes):
        return False
    for i, k in zip(root_axes, kept_axes, strict=True):
        affine = resolved.map[i]
        if affine.offset != 0 or affine.strides[k] != 1:
            return False
        if any(s != 0 for j, s in enumerate(affine.strides) if j != k and shape[j] != 1):
            return False
    return True


__all__ = ["Fused", "Level", "Unit", "fuse", "reduced_axes", "value_level"]
