"""Rules on views and assembled arrays: they move elements, so all are exact.

Layer: compiler/passes/rules. Chains of views of one kind become one view; broadcasts move to the
end of a chain, so that the work before them is done on fewer elements. Sizes may be symbolic:
they are compared, never computed.
"""

from __future__ import annotations

from ...ir.graph import Node, Value
from ...ir.types import Shape
from ..pattern import Match, Rule, Var, node

x, y, z = Var("x"), Var("y"), Var("z")

broadcast, transpose, reshape = node("broadcast"), node("transpose"), node("reshape")
slice_, update_slice, concatenate = node("slice"), node("update_slice"), node("concatenate")


def _is_whole(node: Node, source: Shape, region: Shape) -> bool:
    """Whether starts, steps and the region's shape select everything, in order."""
    starts, steps = node.attrs["starts"], node.attrs["steps"]
    return region == source and all(s == 0 for s in starts) and all(s == 1 for s in steps)


# --- chains ------------------------------------------------------------------------------------


def _is_identity(m: Match) -> bool:
    return list(m.attrs["permutation"]) == list(range(m.type.rank))


def _transpose_of_transpose(m: Match) -> Value:
    inner = m.inner.attrs["permutation"]
    return m.emit("transpose", m[x], permutation=tuple(inner[p] for p in m.attrs["permutation"]))


def _broadcast_of_broadcast(m: Match) -> Value:
    outer = m.attrs["dims"]
    dims = tuple(outer[d] for d in m.inner.attrs["dims"])
    return m.emit("broadcast", m[x], shape=m.type.shape, dims=dims)


def _slice_of_slice(m: Match) -> Value:
    inner, outer = m.inner.attrs, m.attrs
    parts = zip(inner["starts"], inner["steps"], outer["starts"], outer["steps"], strict=True)
    places = [(start + step * then, step * stride) for start, step, then, stride in parts]
    return m.emit(
        "slice",
        m[x],
        starts=tuple(start for start, _ in places),
        steps=tuple(step for _, step in places),
        shape=m.type.shape,
    )


_CHAINS = (
    Rule("transpose_identity", transpose(x), x, when=_is_identity, why="axes stay in order"),
    Rule("reshape_identity", reshape(x), x, why="the shape is the same"),
    Rule("broadcast_identity", broadcast(x), x, why="the shape is the same"),
    Rule(
        "slice_whole",
        slice_(x),
        x,
        when=lambda m: _is_whole(m.root, m[x].type.shape, m.type.shape),
        why="everything is selected, in order",
    ),
    Rule(
        "transpose_of_transpose",
        transpose(transpose(x)),
        _transpose_of_transpose,
        why="permutations compose",
    ),
    Rule(
        "reshape_of_reshape",
        reshape(reshape(x)),
        lambda m: m.emit("reshape", m[x], shape=m.type.shape),
        why="the order of elements never changes",
    ),
    Rule(
        "broadcast_of_broadcast",
        broadcast(broadcast(x)),
        _broadcast_of_broadcast,
        why="axes are placed twice, and repeated once",
    ),
    Rule("slice_of_slice", slice_(slice_(x)), _slice_of_slice, why="affine maps compose"),
)

# --- broadcasts --------------------------------------------------------------------------------


def _transpose_of_broadcast(m: Match) -> Value:
    """Axis i of x ends at `places[i]`: put x's own axes in that order, then broadcast."""
    permutation = list(m.attrs["permutation"])
    places = [permutation.index(d) for d in m.inner.attrs["dims"]]
    order = tuple(sorted(range(len(places)), key=places.__getitem__))
    source = m.emit("transpose", m[x], permutation=order)
    return m.emit("broadcast", source, shape=m.type.shape, dims=tuple(sorted(places)))


def _broadcast_of_reshape(m: Match) -> Value | None:
    """Each axis of x is found again among the axes of the reshape; those between have size 1."""
    axes = _places_among_ones(m[x].type.shape, m.inner.output.type.shape)
    if axes is None:
        return None
    dims = tuple(m.attrs["dims"][k] for k in axes)
    return m.emit("broadcast", m[x], shape=m.type.shape, dims=dims)


def _places_among_ones(shape: Shape, longer: Shape) -> list[int] | None:
    """Where the axes of `shape` stand in `longer`, if that only has axes of size 1 besides."""
    places: list[int] = []
    for k, size in enumerate(longer):
        if len(places) < len(shape) and shape[len(places)] == size:
            places.append(k)
        elif size != 1:
            return None
    return places if len(places) == len(shape) else None


def _reshape_of_broadcast(m: Match) -> Value | None:
    """Of a broadcast scalar, whatever the shape is."""
    return m.emit("broadcast", m[x], shape=m.type.shape, dims=()) if m[x].type.rank == 0 else None


def _slice_of_broadcast(m: Match) -> Value:
    """Slice x along its own axes; along repeated ones only the size changes."""
    source, dims = m[x].type.shape, m.inner.attrs["dims"]
    wide = m.inner.output.type.shape
    repeated = [size != wide[d] for size, d in zip(source, dims, strict=True)]
    pairs = list(zip(dims, repeated, strict=True))
    sliced = m.emit(
        "slice",
        m[x],
        starts=tuple(0 if r else m.attrs["starts"][d] for d, r in pairs),
        steps=tuple(1 if r else m.attrs["steps"][d] for d, r in pairs),
        shape=tuple(1 if r else m.attrs["shape"][d] for d, r in pairs),
    )
    return m.emit("broadcast", sliced, shape=m.type.shape, dims=dims)


_BROADCASTS = (
    Rule(
        "transpose_of_broadcast",
        transpose(broadcast(x)),
        _transpose_of_broadcast,
        why="permute the few elements, not the many",
    ),
    Rule(
        "broadcast_of_reshape",
        broadcast(reshape(x)),
        _broadcast_of_reshape,
        why="a broadcast adds axes by itself",
    ),
    Rule(
        "reshape_of_broadcast",
        reshape(broadcast(x)),
        _reshape_of_broadcast,
        why="equal elements have no order",
    ),
    Rule(
        "slice_of_broadcast",
        slice_(broadcast(x)),
        _slice_of_broadcast,
        why="select among the few elements, not the many",
    ),
)

# --- assembled arrays --------------------------------------------------------------------------


def _without_empty_parts(m: Match) -> Value | None:
    axis = m.attrs["axis"]
    parts = [v for v in m.root.inputs if v.type.shape[axis] != 0]
    if not 0 < len(parts) < len(m.root.inputs):
        return None
    return m.emit("concatenate", *parts, axis=axis)


def _same_region(m: Match, update: Node) -> bool:
    """Whether the root and `update` (of the same base type) speak of the same elements."""
    return all(m.attrs[k] == update.attrs[k] for k in ("starts", "steps"))


def _slice_reads_update(m: Match) -> bool:
    return m[y].type == m.type and _same_region(m, m.inner)


def _update_hides_update(m: Match) -> bool:
    return m[y].type == m[z].type and _same_region(m, m.inner)


_ASSEMBLED = (
    Rule("concatenate_one", concatenate(x), x, why="there is nothing to join"),
    Rule(
        "update_whole",
        update_slice(x, y),
        y,
        when=lambda m: _is_whole(m.root, m.type.shape, m[y].type.shape),
        why="every element is replaced",
    ),
    Rule(
        "slice_of_update",
        slice_(update_slice(x, y)),
        y,
        when=_slice_reads_update,
        why="reads just what was written",
    ),
    Rule(
        "update_of_update",
        update_slice(update_slice(x, y), z),
        lambda m: m.emit("update_slice", m[x], m[z], **m.attrs),
        when=_update_hides_update,
        why="the second update hides the first",
    ),
    *(
        Rule(
            f"concatenate_empty_of_{count}",
            concatenate(*(Var(f"x{k}") for k in range(count))),
            _without_empty_parts,
            why="empty parts add nothing",
        )
        for count in (2, 3, 4)
    ),
)

RULES = (*_CHAINS, *_BROADCASTS, *_ASSEMBLED)
