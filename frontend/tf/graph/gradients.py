"""`tf.gradients`: ops that compute derivatives, under the names of TensorFlow 1.

Layer: frontend. Operations between xs and ys are walked backwards; each adds ops in a scope of its
own, `gradients/mul_grad/...`. Sums, differences and products of arrays have rules in ops of the
graph, as in TensorFlow; for all others one op differentiates the body itself (vjp.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...tree import unflatten
from .. import arrays, dtypes, elementwise, indexing, reductions, shaping
from ..abstract import TensorType
from ..apply import apply
from ..convert import convert_to_tensor
from ..nn import lookup
from ..shapes import TensorShape
from ..slices import IndexedSlices, scatter_rows
from ..static import integers
from ..tensors import Tensor
from ..v1 import names, nn
from .bodies import DATA, Call, Read
from .build import Maker, convert, make_constant
from .graph import Graph, Operation, get_default_graph
from .ops import group, identity_after
from .plan import needed_ops
from .state import is_building
from .symbolic import GraphTensor
from .variables import GraphVariable
from .vjp import derivative

Gradient = Any  # a GraphTensor, an IndexedSlices or None

_shape = Maker(arrays.shape, "Shape", "Shape")
_fill = Maker(arrays.fill, "Fill", "Fill")
_multiply = Maker(elementwise.multiply, "mul", "Mul")
_negative = Maker(elementwise.negative, "Neg", "Neg")
_sum = Maker(reductions.reduce_sum, "Sum", "Sum")
_reshape = Maker(shaping.reshape, "Reshape", "Reshape")
_add_n = Maker(elementwise.add_n, "AddN", "AddN")
_concat = Maker(shaping.concat, "concat", "ConcatV2")


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = "none",
) -> list[Gradient]:
    """The derivatives of the sum of all ys with respect to each x, as ops of the graph.

    Args:
        ys: a tensor or a list.
        xs: a tensor, a variable, or a list of these.
        grad_ys: for each y what its derivative is multiplied by; ones by default.
        name: of the scope of the new ops.
        colocate_gradients_with_ops: for TensorFlow's signature.
        gate_gradients: whether gradients of one op are available only together.
        aggregation_method: for TensorFlow's signature.
        stop_gradients: tensors that count as constants.
        unconnected_gradients: "zero" for zeros instead of None.

    Returns:
        A list: for each x a tensor, an `IndexedSlices` where rows were gathered, or None if no y
        depends on x.

    Raises:
        RuntimeError: in an eager program.
        ValueError: `grad_ys` does not fit.
    """
    if not is_building():
        raise RuntimeError(
            "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape"
            " instead."
        )
    targets, sources = _listed(ys), _listed(xs)
    graph = get_default_graph()
    with graph.name_scope(name):
        tensors = [convert(y, None, "y", graph) for y in targets]
        walk = _Walk(graph, tensors, sources, _listed(stop_gradients), gate_gradients)
        weights = _listed(grad_ys) if grad_ys is not None else [None] * len(tensors)
        if len(weights) != len(tensors):
            raise ValueError(f"Passed {len(weights)} grad_ys for {len(tensors)} ys")
        for y, weight in zip(tensors, weights, strict=True):
            walk.add(y, _seed(graph, y, weight))
        walk.run()
        found = [walk.total(x) for x in sources]
        if getattr(unconnected_gradients, "value", unconnected_gradients) == "zero":
            zeros = Maker(arrays.zeros_like)
            found = [
                zeros((x,), {}) if g is None else g for g, x in zip(found, sources, strict=True)
            ]
    return found


def _listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [] if x is None else [x]


def _seed(graph: Graph, y: GraphTensor, weight: Any) -> Any:
    """Ones in the shape of y, or what is given."""
    if weight is not None:
        if isinstance(weight, IndexedSlices):
            return weight
        return convert(weight, y.dtype.base_dtype, "grad_ys", graph)
    if y.shape.is_fully_defined():
        sizes = np.array(y.shape._dims, np.int32)
        shape = make_constant(graph, Tensor(sizes), "Shape")
    else:
        shape = _shape((y,), {})
    one = make_constant(graph, Tensor(y.dtype.numpy.type(1), y.dtype.base_dtype))
    return _fill((shape, one), {})


class _Walk:
    """From ys back to xs: the contributions to the gradient of each tensor on the way."""

    def __init__(
        self,
        graph: Graph,
        ys: Sequence[GraphTensor],
        xs: Sequence[Any],
        stops: Sequence[Any],
        is_gated: bool,
    ) -> None:
        self._graph = graph
        self._is_gated = is_gated
        self._parts: dict[GraphTensor, list[Gradient]] = {}
        stopped = {t for x in stops for t in _tensors_of(x, graph)}
        ops = needed_ops(ys, stopped)
        # variables as sources stand for all that reads them
        self._sources: list[list[GraphTensor]] = [_read_tensors(x, ops, graph) for x in xs]
        self._reached = {t for source in self._sources for t in source}
        self._between: list[Operation] = []
        for op in sorted(ops, key=lambda op: op.number):
            if any(t in self._reached and _carries(t) for t in op.needed):
                self._between.append(op)
                self._reached.update(t for t in op.outputs if t not in stopped)
        self._xs = {id(x): k for k, x in enumerate(xs)}

    def add(self, tensor: GraphTensor, gradient: Gradient) -> None:
        """One more contribution."""
        if gradient is not None:
            self._parts.setdefault(tensor, []).append(gradient)

    def run(self) -> None:
        """Walk back through all operations between xs and ys."""
        for op in reversed(self._between):
            cotangents = [self._sum_of(t) for t in op.outputs]
            if all(g is None for g in cotangents):
                continue
            wanted = [t in self._reached and _carries(t) for t in op.needed]
            with self._graph.name_scope(f"{op.name}_grad"), self._graph.device(op.device):
                found = _gradients_of(op, cotangents, wanted)
                if self._is_gated:
                    found = _gated(found)
            for t, g, is_wanted in zip(op.needed, found, wanted, strict=True):
                if is_wanted:
                    self.add(t, g)

    def _sum_of(self, tensor: GraphTensor) -> Gradient:
        parts = self._parts.get(tensor)
        if not parts:
            return None
        if len(parts) > 1:
            parts[:] = [_total(parts)]
        return parts[0]

    def total(self, x: Any) -> Gradient:
        """The gradient with respect to a source; None if there is none."""
        tensors = self._sources[self._xs[id(x)]]
        parts = [g for t in tensors if (g := self._sum_of(t)) is not None]
        return None if not parts else parts[0] if len(parts) == 1 else _total(parts)


def _tensors_of(x: Any, graph: Graph) -> list[GraphTensor]:
    return [x._snapshot] if isinstance(x, GraphVariable) else [convert(x, None, "x", graph)]


def _read_tensors(x: Any, ops: dict[Operation, None], graph: Graph) -> list[GraphTensor]:
    """The tensors that a source stands for."""
    if isinstance(x, IndexedSlices):
        return [x.values]  # type: ignore[list-item]
    if not isinstance(x, GraphVariable):
        return [convert(x, None, "x", graph)]
    reads = [
        op.outputs[0]
        for op in sorted(ops, key=lambda op: op.number)
        if isinstance(op._body, Read) and op._body.storage is x._storage
    ]
    return reads or [x._snapshot]


def _carries(tensor: GraphTensor) -> bool:
    """Whether derivatives pass: through floats, and, as in TensorFlow 1, through integers."""
    return tensor.dtype.is_floating or tensor.dtype.is_integer


# -- sums -----------------------------------------------------------------------------------------


def _total(parts: Sequence[Gradient]) -> Gradient:
    if all(isinstance(g, IndexedSlices) for g in parts):
        values = _concat(([g.values for g in parts], 0), {})
        indices = _concat(([g.indices for g in parts], 0), {})
        return IndexedSlices(values, indices, parts[0].dense_shape)
    return _add_n(([dense(g) for g in parts],), {})


def _scattered(values: Any, indices: Any, sizes: Any) -> Tensor:
    shape = integers(sizes, "the shape of a gradient")
    found: Tensor = apply("UnsortedSegmentSum", scatter_rows, (values, indices), {"shape": shape})
    return found


_dense = Maker(_scattered, "UnsortedSegmentSum", "UnsortedSegmentSum")


def dense(gradient: Gradient) -> Gradient:
    """A gradient as a tensor."""
    if not isinstance(gradient, IndexedSlices):
        return gradient
    return _dense((gradient.values, gradient.indices, gradient.dense_shape), {})


def _gated(found: Sequence[Gradient]) -> list[Gradient]:
    """The gradients, each available when all are."""
    present = [g for g in found if g is not None]
    if len(present) < 2 or any(isinstance(g, IndexedSlices) for g in present):
        return list(found)
    graph = get_default_graph()
    with graph.name_scope("tuple"):
        gate = group(*present)
        with graph.control_dependencies([gate]):
            return [None if g is None else identity_after(g) for g in found]


_GATHERS = frozenset([indexing.gather, names.gather, lookup.embedding_lookup, nn.embedding_lookup])


# -- rules ----------------------------------------------------------------------------------------


def _gradients_of(
    op: Operation, cotangents: Sequence[Gradient], wanted: Sequence[bool]
) -> list[Gradient]:
    """The gradient with respect to each input that is read."""
    body = op._body
    if isinstance(body, Call) and body.function in _GATHERS:
        found = _gradient_of_rows(op, cotangents[0])
        if found is not None:
            return found
    given = [dense(g) for g in cotangents]
    rule = _RULES.get(op.type)
    if rule is not None and len(op.needed) == 2:
        return rule(op, given[0])
    if op.type == "Identity" and len(op.needed) == 1:
        return [given[0]]
    return derivative(op, given, wanted)


def _gradient_of_rows(op: Operation, cotangent: Gradient) -> list[Gradient] | None:
    """Of rows of a table: only these rows; None where the op takes something else."""
    places = _places(op) if op.type == "GatherV2" else None
    if places is None:
        return None
    table, *others = op.needed
    sizes = table.shape._dims
    if sizes is None or None in sizes[1:]:
        return None
    tail = sizes[1:]
    values = _reshape((dense(cotangent), [-1, *tail]), {})
    indices = _reshape((places, [-1]), {})
    return [IndexedSlices(values, indices, _static_or_shape(table)), *(None for _ in others)]


def _places(op: Operation) -> GraphTensor | None:
    """Which rows a gather takes; None if it is not along the first axis of one table."""
    body: Any = op._body
    args, kwargs = unflatten(body.tree, body.statics)
    given = inspect.signature(body.function).bind(*args, **kwargs).arguments
    if given.get("axis") not in (None, 0) or given.get("batch_dims", 0) != 0:
        return None
    table, places = list(given.values())[:2]
    if table is not DATA:
        return None
    if places is DATA:
        return op.needed[1]
    if len(op.needed) != 1:
        return None
    return make_constant(op.graph, convert_to_tensor(places), "indices")


def _static_or_shape(x: GraphTensor) -> GraphTensor:
    if x.shape.is_fully_defined():
        sizes = np.array(x.shape._dims, np.int32)
        return make_constant(x.graph, Tensor(sizes), "Shape")
    return _shape.typed((x,), [TensorType(dtypes.int32, TensorShape([x.shape.rank]))])


def _reduced_axes(sx: Any, sy: Any) -> tuple[Any, Any]:
    """The axes that broadcasting x and y repeats, of each; see BroadcastGradientArgs."""
    x, y = integers(sx, "a shape"), integers(sy, "a shape")
    rank = max(len(x), len(y))
    long = [(1,) * (rank - len(s)) + tuple(s) for s in (x, y)]
    axes = []
    for own, other, sizes in ((long[0], long[1], x), (long[1], long[0], y)):
        new = rank - len(sizes)
        axes.append(
            [k for k in range(rank) if k < new or (_is_one(own[k]) and not _is_one(other[k]))]
        )
    return tuple(Tensor(np.array(a, np.int32)) for a in axes)  # type: ignore[return-value]


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


_broadcast_args = Maker(_reduced_axes, "BroadcastGradientArgs", "BroadcastGradientArgs")


def _of_broadcast(
    left: Callable[..., Any], right: Callable[..., Any]
) -> Callable[[Operation, Gradient], list[Gradient]]:
    """The rule of an op of two operands; the parts give the gradients before reducing them."""

    def rule(op: Operation, g: Gradient) -> list[Gradient]:
        x, y = op.needed
        sx, sy = _static_or_shape(x), _static_or_shape(y)
        axes = TensorType(dtypes.int32, TensorShape([None]))
        rx = _broadcast_args.typed((sx, sy), [axes, axes])
        reduced = rx.op.outputs
        found = []
        for part, operand, axis, sizes in zip(
            (left, right), (x, y), reduced, (sx, sy), strict=True
        ):
            unknown = TensorType(g.dtype, TensorShape(None))
            total = _sum.typed((part(x, y, g), axis), [unknown])
            found.append(_reshape.typed((total, sizes), [TensorType(g.dtype, operand.shape)]))
        return found

    return rule


def _negated(g: GraphTensor) -> GraphTensor:
    return _negative.typed((g,), [TensorType(g.dtype, g.shape)])


def _product(x: GraphTensor, y: GraphTensor, g: GraphTensor) -> GraphTensor:
    return _multiply.typed((x, y), [TensorType(g.dtype, g.shape)])


_RULES: dict[str, Callable[[Operation, Gradient], list[Gradient]]] = {
    "Add": _of_broadcast(lambda x, y, g: g, lambda x, y, g: g),
    "Sub": _of_broadcast(
        lambda x, y, g: g, lambda x, y, g: _negative.typed((g,), [TensorType(g.dtype, g.shape)])
    ),
    "Mul": _of_broadcast(lambda x, y, g: _product(g, y, g), lambda x, y, g: _product(x, g, g)),
}


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
) -> list[GraphTensor]:
    """The second derivatives of the sum of ys, for each x: [*x, *x].

    Raises:
        ValueError: the shape of an x is not known.
    """
    graph = get_default_graph()
    with graph.name_scope(name):
        return [_hessian(ys, x) for x in _listed(xs)]


def _hessian(ys: Any, x: Any) -> GraphTensor:
    shape = TensorShape(x.shape)
    if not shape.is_fully_defined():
        raise ValueError(f"tf.hessians needs the shape of {x} to be known")
    sizes = shape.as_list()
    (first,) = gradients(ys, x)
    flat = _reshape((first, [-1]), {})
    # one row for each element: the derivative of one number
    count = shape.num_elements() or 0
    rows = [gradients(flat[k], x, unconnected_gradients="zero")[0] for k in range(count)]
    found: GraphTensor = _reshape((rows, [*sizes, *sizes]), {})
    return found
