"""Messages as bytes and as text; the same as Protocol Buffers' own, where TensorBoard has them."""

import copy
import pickle
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorwright.frontend.tf.proto import wire
from tensorwright.frontend.tf.proto.arrays import make_tensor_proto, tensor_array, tensor_proto
from tensorwright.frontend.tf.proto.events import Event, HistogramProto, Summary
from tensorwright.frontend.tf.proto.graphs import AttrValue, GraphDef, NodeDef, TensorShapeProto
from tensorwright.frontend.tf.proto.wire import DecodeError


def event():
    summary = Summary(value=[Summary.Value(tag='a"\né', simple_value=0.1), {"tag": "zero"}])
    summary.value[1].simple_value = 0.0
    summary.value.add(tag="h").histo.bucket.extend([1, 2.5, 1.1e-12])
    summary.value.add(tag="t").tensor.string_val.append("abc")
    summary.value[-1].tensor.tensor_shape.SetInParent()
    summary.value[-1].tensor.int_val.extend([-5, 300])
    image = Summary.Image(height=3, encoded_image_string=b"\0\xff'\"\\x")
    summary.value.add(tag="i", image=image).metadata.plugin_data.plugin_name = "images"
    return Event(step=-3, wall_time=1.5, summary=summary)


def graph():
    found = GraphDef(versions={"producer": 134})
    node = found.node.add(name="x", op="Const")
    node.input.extend(["a", "b:1", "^c"])
    node.attr["dtype"].type = "DT_FLOAT"
    node.attr["shape"].shape.dim.add(size=-1)
    node.attr["scalar"].shape.SetInParent()
    node.attr["flag"].b = False
    node.attr["f"].func.name = "f"
    node.attr["f"].func.attr["n"].i = 7
    node.attr["shapes"].list.shape.add(unknown_rank=True)
    return found


@pytest.mark.parametrize("message", [event(), graph(), Event(), GraphDef()])
def test_bytes_are_read_back(message):
    again = type(message).FromString(message.SerializeToString())
    assert again == message and str(again) == str(message)
    assert pickle.loads(pickle.dumps(message)) == copy.deepcopy(message) == message
    assert message.ByteSize() == len(message.SerializeToString())


def theirs(message):
    protos = {"Event": "event_pb2", "GraphDef": "graph_pb2"}
    name = type(message).__name__
    module = pytest.importorskip(
        f"tensorboard.compat.proto.{protos[name]}", reason="needs the package tensorboard"
    )
    return getattr(module, name)


@pytest.mark.parametrize("message", [event(), graph()])
def test_bytes_and_text_are_those_of_protocol_buffers(message):
    data = message.SerializeToString()
    other = theirs(message).FromString(data)
    assert other.ByteSize() == len(data)
    # theirs writes maps in another order
    assert type(message).FromString(other.SerializeToString()) == message
    assert sorted(str(other).splitlines()) == sorted(str(message).splitlines())


def test_text():
    node = NodeDef(name="n", op="Const")
    node.attr["value"].tensor.CopyFrom(tensor_proto(np.float32([1, 2])))
    node.attr["b"].b = True
    assert str(node) == (
        'name: "n"\nop: "Const"\n'
        'attr {\n  key: "b"\n  value {\n    b: true\n  }\n}\n'
        'attr {\n  key: "value"\n  value {\n    tensor {\n      dtype: DT_FLOAT\n'
        "      tensor_shape {\n        dim {\n          size: 2\n        }\n      }\n"
        '      tensor_content: "\\000\\000\\200?\\000\\000\\000@"\n    }\n  }\n}\n'
    )
    numbers = Summary(value=[{"simple_value": x} for x in (1, 0.1, 1e20, -0.0, float("nan"))])
    lines = [line.split()[1] for line in str(numbers).splitlines() if ":" in line]
    assert lines == ["1", "0.1", "1e+20", "-0", "nan"]


def test_fields_read_as_their_defaults_until_they_are_set():
    value = Summary.Value()
    assert (value.tag, value.simple_value, value.image.height) == ("", 0.0, 0)
    assert not value.HasField("image") and value.WhichOneof("value") is None
    assert value.SerializeToString() == b""
    value.image.height = 0
    value.image.width = 5
    assert value.HasField("image") and value.WhichOneof("value") == "image"
    value.simple_value = 2.0  # of several alternatives one is set
    assert value.WhichOneof("value") == "simple_value" and value.image.width == 0
    value.ClearField("simple_value")
    assert value.WhichOneof("value") is None


def test_what_is_set_on_purpose_is_written_though_empty():
    attr = AttrValue()
    attr.shape.CopyFrom(TensorShapeProto())
    assert attr.WhichOneof("value") == "shape"
    assert AttrValue.FromString(attr.SerializeToString()).HasField("shape")
    attr.b = False
    assert attr.SerializeToString() == b"\x28\x00"


def test_fields_that_no_table_has_are_kept():
    data = event().SerializeToString()
    extra = wire.key(99, wire.VARINT) + b"\x07" + wire.key(98, wire.FIXED32) + b"abcd"
    again = Event.FromString(data + extra)
    assert again.SerializeToString() == data + extra


def test_repeated_numbers_are_read_packed_or_not():
    single = b"".join(wire.key(3, wire.VARINT) + wire.varint(n) for n in (1, 300))
    assert GraphDef.FromString(b"").versions.bad_consumers == []
    node = GraphDef.FromString(wire.key(4, wire.BYTES) + wire.with_length(single))
    assert node.versions.bad_consumers == [1, 300]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: HistogramProto(foo=1), ValueError, 'has no "foo" field'),
        (lambda: HistogramProto().foo, AttributeError, "foo"),
        (lambda: setattr(HistogramProto(), "foo", 1), AttributeError, "no .foo. field"),
        (lambda: setattr(HistogramProto(), "min", "x"), TypeError, "must be real number"),
        (lambda: setattr(HistogramProto(), "bucket", [1]), AttributeError, "not allowed"),
        (lambda: Summary.Value(tag=1), TypeError, "string"),
        (lambda: Event(step=1 << 63), ValueError, "out of range"),
        (lambda: Event(step=1.5), TypeError, "integer"),
        (lambda: Event(summary=HistogramProto()), TypeError, "expected Summary"),
        (lambda: HistogramProto().HasField("min"), ValueError, "presence"),
        (lambda: Summary.Value().WhichOneof("x"), ValueError, "no oneof"),
        (lambda: NodeDef().attr.__setitem__("a", AttrValue()), ValueError, "CopyFrom"),
        (lambda: AttrValue(type="DT_NOTHING"), ValueError, "unknown label"),
        (lambda: Summary.FromString(b"\xff"), DecodeError, "ends within a number"),
        (lambda: Summary.FromString(b"\x0a\x05ab"), DecodeError, "ends within field 1"),
        (lambda: Summary.FromString(b"\x0f"), DecodeError, "wire type"),
        (lambda: Summary.FromString(b"\x00\x00"), DecodeError, "number 0"),
        (lambda: NodeDef.FromString(b"\x0a\x01\xff"), DecodeError, "UTF-8"),
    ],
)
def test_mistakes_are_named(act, error, text):
    with pytest.raises(error, match=text):
        act()


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_numbers_of_any_size(value):
    read, end = wire.read_varint(wire.varint(value), 0)
    assert wire.signed(read) == value and end == len(wire.varint(value))
    assert Event.FromString(Event(step=value).SerializeToString()).step == value


@given(st.binary(max_size=60))
def test_bytes_that_are_no_message_never_do_harm(data):
    for message in (Event, GraphDef):
        with suppress(DecodeError):
            message.FromString(data)


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    ],
)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 2)])
def test_arrays(dtype, shape):
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 + 1).astype(dtype)
    found = tensor_array(
        type(tensor_proto(array)).FromString(tensor_proto(array).SerializeToString())
    )
    assert found.dtype == array.dtype and found.shape == array.shape
    assert np.array_equal(found, array)


def test_arrays_of_strings_and_single_values_for_many():
    strings = np.array([b"a", b"b\0"], object)
    assert tensor_array(tensor_proto(strings)).tolist() == [b"a", b"b\0"]
    proto = tensor_proto(np.float32(2.5))
    proto.tensor_shape.dim.add(size=3)
    assert tensor_array(proto).tolist() == [2.5, 2.5, 2.5]
    assert tensor_array(make_tensor_proto([[1, 2]], shape=[2])).tolist() == [1, 2]
    assert tensor_array(make_tensor_proto(7.0, shape=[2], allow_broadcast=True)).tolist() == [7, 7]
    proto.float_val.extend([1, 2, 3, 4])
    with pytest.raises(ValueError, match="3 elements, not 5"):
        tensor_array(proto)
