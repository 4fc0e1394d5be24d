"""Summaries as ops of graphs, and graphs as messages."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf


def run(op, **feeds):
    with tf.Session() as session:
        return tf.Summary.FromString(session.run(op, **feeds)).value


def names():
    return [op.name for op in tf.get_default_graph().get_operations()]


def test_ops_and_their_names():
    with tf.get_default_graph().name_scope("train"):
        op = tf.summary.scalar("my loss", tf.constant(2.0))
    assert op.name == "train/my_loss:0"
    assert op.op.type == "ScalarSummary"
    assert names() == ["train/Const", "train/my_loss/tags", "train/my_loss"]
    assert op.dtype == tf.string
    assert op.shape == ()
    (value,) = run(op)
    assert (value.tag, value.simple_value) == ("train/my_loss", 2.0)
    assert tf.get_collection(tf.GraphKeys.SUMMARIES) == [op]


def test_names_are_unique_and_families_come_first():
    tags = [
        run(tf.summary.scalar("x", 1.0))[0].tag,
        run(tf.summary.scalar("x", 1.0))[0].tag,
        run(tf.summary.scalar("x", 1.0, family="f"))[0].tag,
        run(tf.summary.scalar("/a:b", 1))[0].tag,
    ]
    assert tags == ["x", "x_1", "f/f/x", "a_b"]


def test_kinds():
    x = tf.placeholder(tf.float32, [None, 2, 3, 1])
    ops = [
        tf.summary.histogram("h", x),
        tf.summary.image("i", x, max_outputs=1),
        tf.summary.audio("a", x[:, :, 0, 0], 100.0),
        tf.summary.text("t", tf.constant("words")),
        tf.summary.tensor_summary("raw", x, display_name="shown"),
    ]
    assert [op.op.type for op in ops] == [
        "HistogramSummary",
        "ImageSummary",
        "AudioSummaryV2",
        "TensorSummaryV2",
        "TensorSummaryV2",
    ]
    found = run(tf.summary.merge_all(), feed_dict={x: np.zeros((2, 2, 3, 1))})
    assert [v.tag for v in found] == ["h", "i/image", "a/audio/0", "a/audio/1", "t", "raw"]
    assert found[4].tensor.string_val == [b"words"]
    assert found[5].metadata.display_name == "shown"


def test_merging():
    assert tf.summary.merge_all() is None
    a = tf.summary.scalar("a", 1.0)
    b = tf.summary.scalar("b", 2.0, collections=["others"])
    assert tf.summary.merge_all("others").name == "Merge/MergeSummary:0"
    both = tf.summary.merge([a, b], collections=["merged"], name="both")
    assert both.name == "both/both:0"
    assert tf.get_collection("merged") == [both]
    assert [v.tag for v in run(both)] == ["a", "b"]
    with pytest.raises(ValueError, match="length 0 shorter than minimum length 1"):
        tf.summary.merge([])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a"):
        run(tf.summary.merge([a, a]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="parameter 'values' has DataType string"):
        tf.summary.scalar("x", "text")
    with pytest.raises(TypeError, match="parameter 'tensor' has DataType int32"):
        tf.summary.image("x", np.zeros((1, 2, 2, 1), np.int32))
    with pytest.raises(ValueError, match="dtype string"):
        tf.summary.text("x", 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram"):
        run(tf.summary.histogram("x", [np.nan]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[\] != \[2\]"):
        run(tf.summary.scalar("x", [1.0, 2.0]))


def test_summaries_see_the_values_of_their_run():
    v = tf.Variable(1.0)
    merged = tf.summary.merge([tf.summary.scalar("v", v)])
    bump = v.assign_add(1.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in range(3):
            data, _ = session.run([merged, bump])
            assert tf.Summary.FromString(data).value[0].simple_value == step + 1.0


def test_columns_of_weights_as_images(tmp_path):
    weights = tf.Variable(np.arange(40, dtype=np.float32).reshape(4, 10) / 40)
    columns = tf.reshape(tf.transpose(weights), [10, 2, 2, 1])
    shown = tf.summary.image("weights", columns, max_outputs=10)
    shrink = weights.assign(weights * 0.5)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with tf.summary.FileWriter(str(tmp_path), session.graph) as writer:
            for step in (0, 10):
                writer.add_summary(session.run(shown), step)
                session.run(shrink)
    (file,) = tmp_path.iterdir()
    events = [e for e in tf.train.summary_iterator(str(file)) if e.summary.value]
    assert [e.step for e in events] == [0, 10]
    for event in events:
        assert [v.tag for v in event.summary.value] == [f"weights/image/{k}" for k in range(10)]
        for value in event.summary.value:
            assert (value.image.height, value.image.width, value.image.colorspace) == (2, 2, 1)
            assert value.image.encoded_image_string.startswith(b"\x89PNG")


def test_graph_definitions():
    a = tf.constant([1.0, 2.0], name="a")
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with tf.get_default_graph().device("/cpu:0"), tf.control_dependencies([a]):
        y = tf.add(x, a, name="y")
    found = tf.get_default_graph().as_graph_def(add_shapes=True)
    nodes = {n.name: n for n in found.node}
    assert list(nodes) == ["a", "x", "y"]
    assert list(nodes["y"].input) == ["x", "a", "^a"]
    assert nodes["y"].device == y.op.device != ""
    assert np.array_equal(tf.make_ndarray(nodes["a"].attr["value"].tensor), [1.0, 2.0])
    assert [d.size for d in nodes["x"].attr["shape"].shape.dim] == [-1, 2]
    assert [d.size for d in nodes["y"].attr["_output_shapes"].list.shape[0].dim] == [-1, 2]
    assert nodes["y"].attr["T"].type == tf.float32.as_datatype_enum
    assert tf.GraphDef.FromString(found.SerializeToString()) == found
    assert 'name: "a"' in str(found)
    assert y.op.node_def.name == "y"
    later = tf.get_default_graph().as_graph_def(from_version=2)
    assert [n.name for n in later.node] == ["y"]


def test_outputs_other_than_the_first_are_numbered():
    _, second = tf.split(tf.constant([1.0, 2.0]), 2)
    tf.identity(second, name="taken")
    node = tf.get_default_graph().as_graph_def().node[-1]
    assert node.name == "taken"
    assert node.input[0].endswith(":1")


def test_graphs_as_files(tmp_path):
    tf.constant(1.0, name="a")
    path = tf.train.write_graph(tf.get_default_graph(), tmp_path / "sub", "g.pbtxt")
    with open(path) as file:
        assert 'name: "a"' in file.read()
    path = tf.io.write_graph(tf.get_default_graph().as_graph_def(), str(tmp_path), "g.pb", False)
    with open(path, "rb") as file:
        assert tf.GraphDef.FromString(file.read()).node[0].name == "a"
    for refused in (tf.train.import_meta_graph, tf.train.export_meta_graph):
        with pytest.raises(NotImplementedError, match="not supported"):
            refused("graph")


def test_eager_programs_get_bytes_at_once():
    tf.enable_eager_execution()
    data = tf.summary.scalar("x", 2.0).numpy()
    assert tf.Summary.FromString(data).value[0].simple_value == 2.0
    with pytest.raises(RuntimeError, match="eager"):
        tf.summary.merge_all()


def test_programs_with_run_metadata_and_folders(tmp_path):
    folder = str(tmp_path / "log")
    if tf.gfile.Exists(folder):
        tf.gfile.DeleteRecursively(folder)
    tf.gfile.MakeDirs(folder)
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with tf.Session() as session, tf.summary.FileWriter(folder, session.graph) as writer:
        session.run(tf.constant(1.0), options=options, run_metadata=metadata)
        writer.add_run_metadata(metadata, "step001", 1)
    (name,) = tf.gfile.ListDirectory(folder)
    *_, last = tf.train.summary_iterator(f"{folder}/{name}")
    assert (last.step, last.tagged_run_metadata.tag) == (1, "step001")
