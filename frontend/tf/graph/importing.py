"""`tf.import_graph_def`: ops of a graph from a message, as frozen models are kept in.

Layer: frontend. A message says what an op is called and what its attributes are; the functions that
compute the ops of trained networks are in a table here. What is not in it is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from .. import arrays, dtypes, elementwise, indexing, linalg, reductions, shaping
from ..nn import activations, normalise
from ..proto.arrays import tensor_array
from ..proto.graphs import GraphDef, NodeDef
from ..shapes import TensorShape
from ..v1 import nn
from .build import constant, graph_op
from .graph import Graph, Operation, get_default_graph
from .ops import no_op, placeholder
from .symbolic import GraphTensor

Make = Callable[..., Any]


@cache
def _op(function: Make, type: str) -> Make:
    """The function, as a maker of ops of this type."""
    return graph_op(function, type=type)


def _plain(function: Make) -> Make:
    """An op without attributes that matter."""
    return lambda inputs, node, name: _op(function, node.op)(*inputs, name=name)


def _with(function: Make, **attributes: tuple[str, str]) -> Make:
    """An op some of whose arguments are attributes: argument=(attribute, field)."""

    def make(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
        given = {k: _attribute(node, *place) for k, place in attributes.items()}
        known = {k: v for k, v in given.items() if v is not None}
        return _op(function, node.op)(*inputs, name=name, **known)

    return make


def _attribute(node: NodeDef, name: str, field: str) -> Any:
    if name not in node.attr:
        return None
    attr = node.attr[name]
    if field == "ints":
        return list(attr.list.i) or None
    value = getattr(attr, field)
    return value.decode() if isinstance(value, bytes) else value


def _constant(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
    return constant(tensor_array(node.attr["value"].tensor), name=name)


def _placeholder(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
    proto = node.attr["shape"].shape if "shape" in node.attr else None
    is_known = proto is not None and not proto.unknown_rank and bool(proto.dim)
    sizes = [None if d.size < 0 else d.size for d in proto.dim] if is_known and proto else None
    return placeholder(_dtype(node, "dtype"), TensorShape(sizes), name=name)


def _dtype(node: NodeDef, name: str) -> Any:
    enum = node.attr[name].type
    every = (*dtypes.ALL, *dtypes.COMPLEX)
    return next(d for d in every if d.as_datatype_enum == enum)


def _cast(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
    return _op(elementwise.cast, node.op)(inputs[0], _dtype(node, "DstT"), name=name)


def _concat(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
    return _op(shaping.concat, node.op)(list(inputs[:-1]), inputs[-1], name=name)


def _pack(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
    return _op(shaping.stack, node.op)(list(inputs), _attribute(node, "axis", "i") or 0, name=name)


def _gather(inputs: Sequence[GraphTensor], node: NodeDef, name: str) -> Any:
    return _op(indexing.gather, node.op)(inputs[0], inputs[1], axis=inputs[2], name=name)


_REDUCTION = {"keepdims": ("keep_dims", "b")}
_WINDOWS = {"strides": ("strides", "ints"), "padding": ("padding", "s")}
_POOL = {"ksize": ("ksize", "ints"), **_WINDOWS}
OPS: Mapping[str, Make] = {
    "Const": _constant,
    "Placeholder": _placeholder,
    "NoOp": lambda inputs, node, name: no_op(name),
    "Cast": _cast,
    "ConcatV2": _concat,
    "Pack": _pack,
    "Identity": _plain(elementwise.identity),
    "Add": _plain(elementwise.add),
    "AddV2": _plain(elementwise.add),
    "Sub": _plain(elementwise.subtract),
    "Mul": _plain(elementwise.multiply),
    "RealDiv": _plain(elementwise.truediv),
    "Pow": _plain(elementwise.pow),
    "Maximum": _plain(elementwise.maximum),
    "Minimum": _plain(elementwise.minimum),
    "SquaredDifference": _plain(elementwise.squared_difference),
    "Equal": _plain(elementwise.equal),
    "Greater": _plain(elementwise.greater),
    "Less": _plain(elementwise.less),
    "Neg": _plain(elementwise.negative),
    "Abs": _plain(elementwise.abs),
    "Exp": _plain(elementwise.exp),
    "Log": _plain(elementwise.log),
    "Sqrt": _plain(elementwise.sqrt),
    "Rsqrt": _plain(elementwise.rsqrt),
    "Square": _plain(elementwise.square),
    "Tanh": _plain(elementwise.tanh),
    "Sigmoid": _plain(elementwise.sigmoid),
    "Relu": _plain(activations.relu),
    "Relu6": _plain(activations.relu6),
    "Elu": _plain(activations.elu),
    "Softplus": _plain(activations.softplus),
    "Softmax": _plain(activations.softmax),
    "LogSoftmax": _plain(activations.log_softmax),
    "BiasAdd": _plain(normalise.bias_add),
    "MatMul": _with(
        linalg.matmul, transpose_a=("transpose_a", "b"), transpose_b=("transpose_b", "b")
    ),
    "Sum": _with(reductions.reduce_sum, **_REDUCTION),
    "Mean": _with(reductions.reduce_mean, **_REDUCTION),
    "Max": _with(reductions.reduce_max, **_REDUCTION),
    "Min": _with(reductions.reduce_min, **_REDUCTION),
    "ArgMax": _plain(reductions.argmax),
    "Reshape": _plain(shaping.reshape),
    "Transpose": _plain(shaping.transpose),
    "ExpandDims": _plain(shaping.expand_dims),
    "Squeeze": _with(shaping.squeeze, axis=("squeeze_dims", "ints")),
    "Shape": _plain(arrays.shape),
    "GatherV2": _gather,
    "Conv2D": _with(nn.conv2d, **_WINDOWS),
    "MaxPool": _with(nn.max_pool, **_POOL),
    "AvgPool": _with(nn.avg_pool, **_POOL),
}
# What TensorFlow writes always: (attributes, number of inputs). Messages of our own graphs, where
# a call with its numbers is one op, may lack it.
_COMPLETE: Mapping[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(["Sum", "Mean", "Max", "Min"], (("keep_dims",), 2)),
    **dict.fromkeys(["ArgMax", "Reshape", "Transpose", "ExpandDims"], ((), 2)),
    **dict.fromkeys(["MaxPool", "AvgPool"], (("ksize", "strides", "padding"), 1)),
    "Cast": (("DstT",), 1),
    "ConcatV2": (("N",), 2),
    "Conv2D": (("strides", "padding"), 2),
    "GatherV2": ((), 3),
    "MatMul": (("transpose_a", "transpose_b"), 2),
    "Pack": (("axis",), 1),
    "Squeeze": (("squeeze_dims",), 1),
}


def _check_complete(node: NodeDef) -> None:
    attributes, count = _COMPLETE.get(node.op, ((), 0))
    lacking = [a for a in attributes if a not in node.attr]
    given = sum(not x.startswith("^") for x in node.input)
    if lacking or given < count:
        what = f"the attributes {', '.join(lacking)}" if lacking else f"{count} inputs"
        raise ValueError(
            f"graph_def does not say how to compute node {node.name!r} (type {node.op}): it lacks"
            f" {what}, which TensorFlow writes"
        )


def import_graph_def(
    graph_def: GraphDef,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Add the ops of a message to the default graph.

    Args:
        graph_def: the message, read from a file with `ParseFromString`, for example.
        input_map: tensors to use in place of those of these names in the message.
        return_elements: names of ops and tensors of the message.
        name: the scope of the new ops; "import" by default, "" for none.
        op_dict: for TensorFlow's signature.
        producer_op_list: see there.

    Returns:
        The elements that were named, or None if none were.

    Raises:
        TypeError: this is no message for a graph.
        ValueError: an op or tensor that is named is not in it.
        NotImplementedError: it has an op of a type that is not known here.
    """
    if not isinstance(graph_def, GraphDef):
        raise TypeError(f"graph_def must be a GraphDef proto, got {type(graph_def).__name__}")
    unknown = sorted({node.op for node in graph_def.node} - {*OPS})
    if unknown:
        raise NotImplementedError(
            f"tf.import_graph_def does not know ops of type {', '.join(unknown)}; it reads frozen"
            " networks. Run the code that built the graph, and restore values with tf.train.Saver"
        )
    graph = get_default_graph()
    mapped = {_tensor_name(k): v for k, v in (input_map or {}).items()}
    with graph.name_scope("import" if name is None else name or None):
        made = _Importer(graph, graph_def, mapped)
        for node in graph_def.node:
            made.operation(node.name)
    if return_elements is None:
        return None
    return [made.element(x) for x in return_elements]


def _tensor_name(name: str) -> str:
    return name if ":" in name else f"{name}:0"


class _Importer:
    """The ops made so far, by their names in the message."""

    def __init__(self, graph: Graph, graph_def: GraphDef, mapped: Mapping[str, Any]) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph_def.node}
        self._mapped = mapped
        self._made: dict[str, Operation] = {}

    def operation(self, name: str) -> Operation:
        """The op of this name; what it reads is made first."""
        found = self._made.get(name)
        if found is not None:
            return found
        if name not in self._nodes:
            raise ValueError(f"graph_def is invalid: there is no node {name!r}")
        node = self._nodes[name]
        _check_complete(node)
        inputs = [self.tensor(x) for x in node.input if not x.startswith("^")]
        before = [self.operation(x[1:]) for x in node.input if x.startswith("^")]
        with self._graph.control_dependencies(before):
            made = OPS[node.op](inputs, node, name)
        self._made[name] = made if isinstance(made, Operation) else made.op
        return self._made[name]

    def tensor(self, name: str) -> Any:
        """A tensor of the message, or what stands in its place."""
        full = _tensor_name(name)
        if full in self._mapped:
            return self._mapped[full]
        owner, _, place = full.rpartition(":")
        return self.operation(owner).outputs[int(place)]

    def element(self, name: str) -> Any:
        """A tensor (with a colon in its name) or an op."""
        owner = name.partition(":")[0]
        if owner not in self._nodes:
            raise ValueError(f"Requested return_element {name!r} not found in graph_def.")
        return self.tensor(name) if ":" in name else self.operation(name)
