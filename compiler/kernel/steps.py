"""A whole graph as a list of steps: kernels, matrix products, loops, with their buffers.

Layer: compiler/kernel. In: a graph that the graph passes are done with. Out: a `KernelProgram`.
The graphs of loops and branches go the same way, each to a program of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..errors import InternalError
from ..ir.graph import Graph, Node, Value
from ..ir.opdef import Kind
from ..ir.types import DType, Size
from .checks import check_first
from .defer import defer
from .epilogues import attach_epilogues
from .form import Access, KernelProgram, MatmulCall, MatrixCall, Step
from .fuse import MAX_NODES, Fused, Unit, fuse
from .inplace import can_overwrite, overwritten, updated
from .layout import Views
from .lower import UnitLowering
from .prepare import COMPUTED, Prepared, leading_dimension, prepare, storage_owner, view_strides
from .products import in_tiles
from .regions import RegionLowering
from .small_products import write_out_small_products
from .sorting import lower_sort
from .split import split_reductions
from .storage import StorageMap, plan_arena
from .windows import in_pieces, lower_convolution
from .write_out_convolutions import write_out_convolutions


def lower_graph(graph: Graph) -> KernelProgram:
    """Prepare, fuse and lower."""
    return lower_in_place(graph, {})[0]


def lower_in_place(
    graph: Graph, pairs: Mapping[int, int], prefix: str = "", most: int = MAX_NODES
) -> tuple[KernelProgram, dict[int, int]]:
    """Prepare, fuse and lower; outputs are computed over inputs where that is safe.

    Args:
        graph: what to lower.
        pairs: inputs that may be overwritten, each with the output that may take its place.
        prefix: what the names of the steps begin with.
        most: how many nodes a loop may compute.

    Returns:
        The program, and those of the pairs that have one place.
    """
    graph = _divided(graph)
    given = updated(graph, pairs)
    while True:
        prepared = prepare(graph, frozenset(given))
        kept = overwritten(prepared, given)
        if kept == given:
            break
        given = kept
    program = _lower(prepared, prefix, most)
    free = {k: n for k, n in pairs.items() if k not in given and can_overwrite(program, k, n)}
    return program, given | free


def lower_given(graph: Graph, pairs: Mapping[int, int]) -> tuple[KernelProgram, dict[int, int]]:
    """As `lower_in_place`, for arrays that a caller gives away: it finds them as they were if the
    program raises an error.
    """
    program, given = lower_in_place(graph, pairs)
    checked = check_first(program, given) if given else program
    return lower_in_place(graph, {}) if checked is None else (checked, given)


def prepare_graph(graph: Graph) -> Prepared:
    """The graph as it is fused."""
    return prepare(_divided(graph))


def _divided(graph: Graph) -> Graph:
    """The graph with nodes taken apart where their parts make better kernels."""
    return split_reductions(write_out_small_products(write_out_convolutions(graph)))


def _lower(prepared: Prepared, prefix: str, most: int) -> KernelProgram:
    """Fuse and lower; the names of the steps begin with `prefix`."""
    fused = defer(prepared, fuse(prepared, most), most)
    storage = StorageMap(prepared, fused.views)
    needed = needed_values(prepared, fused)
    steps: list[Step] = []
    for unit in fused.units:
        name = f"{prefix}k{len(steps)}"
        if unit.is_group:
            values = [v for node in unit.nodes for v in node.outputs if v in needed]
            if values:
                steps.append(UnitLowering(unit, fused.views, storage, values, name).lower())
        elif unit.nodes[0].op.kind is Kind.SORT:
            steps.append(lower_sort(unit.nodes[0], fused.views, storage, name))
        elif unit.nodes[0].op.kind is Kind.CONTRACT:
            steps.append(_product(_matmul(unit, fused.views, storage, name), storage))
        elif unit.nodes[0].op.kind is Kind.MATRIX:
            steps.append(_matrix_call(unit.nodes[0], fused.views, storage, name))
        elif unit.nodes[0].op.kind is Kind.CONVOLVE:
            steps.append(lower_convolution(unit.nodes[0], fused.views, storage, name))
        elif unit.nodes[0].op.kind is Kind.REGION:
            (node,) = unit.nodes
            lower = partial(lower_region, most=most)
            steps.append(RegionLowering(node, fused.views, storage, name, lower).step())
    steps = attach_epilogues(steps)
    arena, slots = plan_arena(steps)
    return KernelProgram(tuple(steps), tuple(storage.temps), tuple(storage.constants), arena, slots)


def lower_region(
    graph: Graph, name: str, carries: int, most: int = MAX_NODES
) -> tuple[KernelProgram, frozenset[int]]:
    """The program of a region, and which of its carries have one place for input and output."""
    program, in_place = lower_in_place(graph, {k: k for k in range(carries)}, f"{name}.", most)
    return program, frozenset(in_place)


def needed_values(prepared: Prepared, fused: Fused) -> set[Value]:
    """Computed values that have to be in memory: read by another unit, or by the caller."""
    graph = prepared.graph
    producers = graph.producers()
    needed = {*prepared.placements, *prepared.scattered}
    for v in graph.outputs:
        owner = storage_owner(v, fused.views, producers)
        if owner is not None:
            needed.add(owner)
    for node in graph.nodes:
        if node.op.kind is Kind.SOURCE:
            continue
        if node.op.kind is Kind.VIEW and not fused.views.is_alias(node.output):
            continue
        unit = fused.unit_of.get(node)
        for v in node.inputs:
            root = fused.views.resolve(v).root
            producer = producers.get(root)
            if producer is None or producer.op.kind not in COMPUTED:
                continue
            if unit is None or fused.unit_of[producer] is not unit:
                needed.add(root)
    return needed


def _product(call: MatmulCall, storage: StorageMap) -> Step:
    """A call of BLAS, or tiles."""
    tiles = in_tiles(call)
    return call if tiles is None else in_pieces(tiles, storage)


def _matmul(unit: Unit, views: Views, storage: StorageMap, name: str) -> MatmulCall:
    (node,) = unit.nodes
    a, b = node.inputs
    if a.type.dtype not in (DType.F32, DType.F64):
        raise InternalError(f"matmul on {a.type.dtype} has to be made of sums by the frontend")
    (m, k), n = a.type.shape[-2:], b.type.shape[-1]
    return MatmulCall(
        name,
        a.type.dtype,
        tuple(a.type.shape[:-2]),
        m,
        n,
        k,
        _matrix(a, node, views, storage),
        _matrix(b, node, views, storage),
        storage.access(node.output),
        all(map(views.is_cast_half, node.inputs)),
    )


def _matrix(value: Value, node: Node, views: Views, storage: StorageMap) -> Access:
    found = _seen(value, views, storage)
    if leading_dimension(*found.strides[-2:], *value.type.shape[-2:]) is None:
        raise InternalError(f"{node.op.name}: an operand is no matrix that BLAS accepts")
    return found


def _seen(value: Value, views: Views, storage: StorageMap) -> Access:
    """A value in memory, or a view of one."""
    resolved = views.resolve(value)
    below = storage.of(resolved.root)
    strides = view_strides(resolved, below.strides, value.type.rank)
    offset: Size = below.offset
    for affine, stride in zip(resolved.map, below.strides, strict=True):
        offset = offset + affine.offset * stride
    return Access(below.buffer, offset, tuple(strides))


def _matrix_call(node: Node, views: Views, storage: StorageMap, name: str) -> MatrixCall:
    routine, first = node.op.routine, node.inputs[0].type
    assert routine is not None
    read = [v for k, v in enumerate(node.inputs) if k not in routine.unread]
    return MatrixCall(
        name,
        routine,
        first.dtype,
        first.shape[:-2],
        tuple(_seen(v, views, storage) for v in read),
        tuple(map(storage.access, node.outputs)),
        read[-1].type.shape[-2] if read[-1].type.rank == first.rank else 1,
        first.shape[-1],
        node.attrs,
    )
