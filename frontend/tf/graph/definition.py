"""Graphs as messages: `graph.as_graph_def()`, `op.node_def`, files of graphs.

Layer: frontend. A message says what TensorFlow's says: names, types, inputs, devices, dtypes and
shapes. How an op is computed is not in it; importing.py knows the ops of trained networks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..dtypes import DType
from ..proto.arrays import shape_proto, tensor_proto
from ..proto.graphs import AttrValue, GraphDef, NodeDef
from ..shapes import TensorShape
from ..tensors import Tensor

if TYPE_CHECKING:
    from .graph import Graph, Operation

_PRODUCER = 134  # the version of graphs that TensorFlow 1.15 writes


def graph_def(graph: Graph, from_version: int | None = None, add_shapes: bool = False) -> GraphDef:
    """The message for a graph.

    Args:
        graph: the graph.
        from_version: leave out so many operations, those that were made first.
        add_shapes: add the shapes of outputs as the attribute `_output_shapes`.
    """
    found = GraphDef(versions={"producer": _PRODUCER})
    for op in graph.get_operations()[from_version or 0 :]:
        _describe(found.node.add(), op, add_shapes)
    return found


def node_def(op: Operation) -> NodeDef:
    """The message for an operation."""
    found = NodeDef()
    _describe(found, op, False)
    return found


def _describe(node: NodeDef, op: Operation, add_shapes: bool) -> None:
    node.name, node.op, node.device = op.name, op.type, op.device or ""
    for tensor in op.inputs:
        index = tensor.value_index
        node.input.append(f"{tensor.op.name}:{index}" if index else tensor.op.name)
    node.input.extend(f"^{before.name}" for before in op.control_inputs)
    if op.inputs and "dtype" not in op.attributes:
        _set(node.attr["T"], op.inputs[0].dtype.base_dtype)
    for name, value in op.attributes.items():
        if _has_form(value):
            _set(node.attr[name], value)
    if add_shapes and op.outputs:
        shapes = node.attr["_output_shapes"].list.shape
        shapes.extend(_shape(t.shape) for t in op.outputs)


def _has_form(value: Any) -> bool:
    kinds = (bool, int, float, str, bytes, np.generic, DType, TensorShape, Tensor)
    if isinstance(value, (list, tuple)):
        return all(_has_form(x) for x in value)
    return isinstance(value, kinds)


def _set(attr: AttrValue, value: Any) -> None:
    """Give an attribute a value."""
    if isinstance(value, (list, tuple)):
        attr.list.SetInParent()
        for x in value:
            _append(attr.list, x)
        return
    name, stored = _form(value)
    if name in ("shape", "tensor"):
        getattr(attr, name).CopyFrom(stored)
    else:
        setattr(attr, name, stored)


def _append(values: AttrValue.ListValue, value: Any) -> None:
    name, stored = _form(value)
    getattr(values, name).append(stored)


def _form(value: Any) -> tuple[str, Any]:
    """The field of a message for a value, and what it takes."""
    if isinstance(value, DType):
        return "type", value.base_dtype.as_datatype_enum
    if isinstance(value, TensorShape):
        return "shape", _shape(value)
    if isinstance(value, Tensor):
        return "tensor", tensor_proto(value._value)
    if isinstance(value, (bool, np.bool_)):
        return "b", bool(value)
    if isinstance(value, (int, np.integer)):
        return "i", int(value)
    if isinstance(value, (float, np.floating)):
        return "f", float(value)
    return "s", value


def _shape(shape: Any) -> Any:
    return shape_proto(None if shape.rank is None else shape.as_list())


# -- files ----------------------------------------------------------------------------------------


def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> str:
    """Write the message for a graph to a file, as text or as bytes; gives the path."""
    is_message = isinstance(graph_or_graph_def, GraphDef)
    found = graph_or_graph_def if is_message else graph_def(graph_or_graph_def)
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(os.fsdecode(logdir), name)
    with open(path, "wb") as file:
        file.write(str(found).encode() if as_text else found.SerializeToString())
    return path


def import_meta_graph(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused: a message does not say how all ops are computed.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "tf.train.import_meta_graph is not supported: call the functions that built the graph, and"
        " restore values with tf.train.Saver().restore(session, path)"
    )


def export_meta_graph(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused: there is nothing that could read it.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        "tf.train.export_meta_graph is not supported; tf.train.write_graph writes a graph for other"
        " programs to look at, tf.train.Saver saves values"
    )
