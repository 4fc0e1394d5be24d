"""Views as affine index maps.

Layer: compiler/kernel. `resolve` follows view ops upwards: a value read through slices,
transposes and broadcasts is its root value, read at an affine function of the index. A reshape that
is no such function ends the chain: its operand's memory is reused under another shape.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.dims import product
from ..ir.graph import Node, Value
from ..ir.opdef import Affine, IndexMap, Kind
from ..ir.types import Shape, Size
from .form import Buffer


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a materialised value lies: element `offset + sum(strides[k] * i_k)` of its buffer."""

    buffer: Buffer
    offset: Size
    strides: tuple[Size, ...]  # one per axis of the value


def contiguous_strides(shape: Shape) -> tuple[Size, ...]:
    """Row-major strides in elements."""
    return tuple(product(shape[k + 1 :]) for k in range(len(shape)))


def identity_map(rank: int) -> IndexMap:
    """Each axis read at its own index."""
    return tuple(Affine(0, tuple(int(i == k) for k in range(rank))) for i in range(rank))


def compose(outer: IndexMap, inner: IndexMap, rank: int) -> IndexMap:
    """The map of a view of a view: `outer` maps to root axes, `inner` to the axes between."""
    result = []
    for affine in outer:
        offset: Size = affine.offset
        strides: list[Size] = [0] * rank
        for coefficient, between in zip(affine.strides, inner, strict=True):
            if coefficient == 0:
                continue
            offset = offset + coefficient * between.offset
            for k, s in enumerate(between.strides):
                if s != 0:
                    strides[k] = strides[k] + coefficient * s
        result.append(Affine(offset, tuple(strides)))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value as a view of `root`: root axis i is read at `map[i]` of the value's index.

    Where an index of `limits` does not lie in [0, size), the value is zero instead.
    """

    root: Value
    map: IndexMap
    limits: tuple[tuple[Affine, Size], ...] = ()

    def is_identity(self, shape: Shape) -> bool:
        """Whether the value is its root, up to axes of size 1."""
        return not self.limits and squeezed_identity(self.map, self.root.type.shape, shape)

    def places(self) -> tuple[object, ...]:
        """Equal for views that read the same elements of the same root."""
        return self.map, self.limits


def squeezed_identity(index_map: IndexMap, root_shape: Shape, shape: Shape) -> bool:
    """Whether `index_map` leaves the order and number of all axes of size > 1 as they are."""
    axes = [k for k, size in enumerate(shape) if size != 1]
    root_axes = [k for k, size in enumerate(root_shape) if size != 1]
    if [shape[k] for k in axes] != [root_shape[k] for k in root_axes]:
        return False
    for i, k in zip(root_axes, axes, strict=True):
        affine = index_map[i]
        if affine.offset != 0 or affine.strides[k] != 1:
            return False
        if any(s != 0 for j, s in enumerate(affine.strides) if j != k and shape[j] != 1):
            return False
    return True


def _limits(node: Node, step: IndexMap) -> tuple[tuple[Affine, Size], ...]:
    """Where the operand of a view has an element, if not everywhere."""
    if not node.op.partial:
        return ()
    source, result = node.inputs[0].type.shape, node.output.type.shape
    return tuple(
        (affine, size)
        for affine, size, wide in zip(step, source, result, strict=True)
        if affine.offset != 0 or size != wide  # the axes correspond
    )


def _composed(
    limits: tuple[tuple[Affine, Size], ...], inner: IndexMap, rank: int
) -> tuple[tuple[Affine, Size], ...]:
    sizes = [size for _, size in limits]
    return tuple(zip(compose(tuple(a for a, _ in limits), inner, rank), sizes, strict=True))


class Views:
    """Resolves values to roots, once each."""

    def __init__(self, producers: dict[Value, Node]) -> None:
        self._producers = producers
        self._resolved: dict[Value, Resolved] = {}

    def producer(self, value: Value) -> Node | None:
        """The node that makes `value`; None for inputs."""
        return self._producers.get(value)

    def is_cast_half(self, value: Value) -> bool:
        """Whether its elements are those of a half, cast to more bits."""
        node = self.producer(self.resolve(value).root)
        return node is not None and node.op.name == "cast" and node.inputs[0].type.dtype.is_half

    def resolve(self, value: Value) -> Resolved:
        """The root of `value` and the map into it."""
        found = self._resolved.get(value)
        if found is None:
            found = self._resolved[value] = self._resolve(value)
        return found

    def _resolve(self, value: Value) -> Resolved:
        node = self._producers.get(value)
        rank = value.type.rank
        if node is None or node.op.kind is not Kind.VIEW:
            return Resolved(value, identity_map(rank))
        source = node.inputs[0]
        assert node.op.index_map is not None
        step = node.op.index_map(source.type.shape, value.type.shape, node.attrs)
        if step is None:
            return Resolved(value, identity_map(rank))
        above = self.resolve(source)
        return Resolved(
            above.root,
            compose(above.map, step, rank),
            (*_composed(above.limits, step, rank), *_limits(node, step)),
        )

    def waits(self, value: Value) -> list[Value]:
        """What has to be computed before `value` is read: the later operands of its views."""
        found: list[Value] = []
        node = self._producers.get(value)
        while node is not None and node.op.kind is Kind.VIEW:
            found += node.inputs[1:]
            node = self._producers.get(node.inputs[0])
        return found

    def is_alias(self, value: Value) -> bool:
        """Whether `value` is a reshape that shares its operand's memory, in row-major order."""
        node = self._producers.get(value)
        return node is not None and node.op.kind is Kind.VIEW and self.resolve(value).root is value
