"""Messages that describe graphs: `GraphDef`, `NodeDef`, `AttrValue`, tensors and shapes.

Layer: frontend. Source: graph.proto, node_def.proto, attr_value.proto, tensor.proto and
tensor_shape.proto of TensorFlow's format. Fields that are not here (functions of a graph, types of
experimental ops) are kept as bytes when they are read.
"""

from __future__ import annotations

from .dtypes import DATA_TYPE
from .fields import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    MAP,
    RAW,
    STRING,
    UINT32,
    UINT64,
    Field,
    many,
    one,
    table,
)
from .message import Message


class TensorShapeProto(Message):
    """The sizes of the axes, -1 for unknown ones; or not even their number."""

    class Dim(Message):
        """One axis."""

        FIELDS = table(one("size", 1, INT64), one("name", 2, STRING))

    FIELDS = table(many("dim", 2, Dim), one("unknown_rank", 3, BOOL))


class TensorProto(Message):
    """An array: dtype, shape, and its elements as bytes or in a field of their kind."""

    FIELDS = table(
        one("dtype", 1, DATA_TYPE),
        one("tensor_shape", 2, TensorShapeProto),
        one("version_number", 3, INT32),
        one("tensor_content", 4, RAW),
        many("half_val", 13, INT32),
        many("float_val", 5, FLOAT),
        many("double_val", 6, DOUBLE),
        many("int_val", 7, INT32),
        many("string_val", 8, RAW),
        many("int64_val", 10, INT64),
        many("bool_val", 11, BOOL),
        many("uint32_val", 16, UINT32),
        many("uint64_val", 17, UINT64),
    )


class NameAttrList(Message):
    """The name of a function and its attributes."""


class AttrValue(Message):
    """The value of an attribute: one of several kinds."""

    class ListValue(Message):
        """Several values of one kind."""

        FIELDS = table(
            many("s", 2, RAW),
            many("i", 3, INT64),
            many("f", 4, FLOAT),
            many("b", 5, BOOL),
            many("type", 6, DATA_TYPE),
            many("shape", 7, TensorShapeProto),
            many("tensor", 8, TensorProto),
            many("func", 9, NameAttrList),
        )

    FIELDS = table(
        one("s", 2, RAW, "value"),
        one("i", 3, INT64, "value"),
        one("f", 4, FLOAT, "value"),
        one("b", 5, BOOL, "value"),
        one("type", 6, DATA_TYPE, "value"),
        one("shape", 7, TensorShapeProto, "value"),
        one("tensor", 8, TensorProto, "value"),
        one("list", 1, ListValue, "value"),
        one("func", 10, NameAttrList, "value"),
        one("placeholder", 9, STRING, "value"),
    )


# The two refer to each other.
NameAttrList.FIELDS = table(one("name", 1, STRING), Field("attr", 2, AttrValue, MAP))


class NodeDef(Message):
    """One operation: name, kind, names of its inputs ("a", "b:1", "^after"), attributes."""

    FIELDS = table(
        one("name", 1, STRING),
        one("op", 2, STRING),
        many("input", 3, STRING),
        one("device", 4, STRING),
        Field("attr", 5, AttrValue, MAP),
    )


class VersionDef(Message):
    """Versions of the writer of a graph, and of those that can read it."""

    FIELDS = table(
        one("producer", 1, INT32), one("min_consumer", 2, INT32), many("bad_consumers", 3, INT32)
    )


class GraphDef(Message):
    """A graph: its operations."""

    FIELDS = table(
        many("node", 1, NodeDef), one("version", 3, INT32), one("versions", 4, VersionDef)
    )
