"""Writers of event files; the files are read by TensorBoard's own reader, where it is installed."""

import os
import threading
import time

import numpy as np
import pytest

import tensorwright as tf
from tensorwright.compat import v1
from tensorwright.frontend.tf.proto.events import Event, SessionLog, Summary
from tensorwright.frontend.tf.summaries import values
from tensorwright.frontend.tf.summaries.event_file import read_events


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def events(folder):
    return [e for e in read_events(only_file(folder)) if e.WhichOneof("what") != "file_version"]


def test_a_file_begins_with_its_version(tmp_path):
    writer = v1.summary.FileWriter(tmp_path / "deep" / "runs", filename_suffix=".mine")
    assert writer.get_logdir() == str(tmp_path / "deep" / "runs")
    path = only_file(tmp_path / "deep" / "runs")
    assert path.name.startswith("events.out.tfevents.") and path.name.endswith(".mine")
    (first,) = read_events(path)
    assert first.file_version == "brain.Event:2" and abs(first.wall_time - time.time()) < 60


def test_summaries_and_steps(tmp_path):
    with v1.summary.FileWriter(tmp_path) as writer:
        writer.add_summary(values.scalar("a", 1.0), 7)
        writer.add_summary(v1.Summary(value=[{"tag": "b", "simple_value": 2.0}]), np.int64(8))
        writer.add_summary(v1.Summary(value=[v1.Summary.Value(tag="c", simple_value=3.0)]))
        writer.add_session_log(SessionLog(status=SessionLog.START), 9)
        writer.add_event(Event(step=10, wall_time=5.0, file_version="mine"))
    found = list(read_events(only_file(tmp_path)))[1:]
    assert [e.step for e in found] == [7, 8, 0, 9, 10]
    assert [v.simple_value for e in found for v in e.summary.value] == [1.0, 2.0, 3.0]
    assert found[3].session_log.status == SessionLog.START and found[4].wall_time == 5.0


def test_metadata_of_a_tag_are_written_once(tmp_path):
    with v1.summary.FileWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_summary(values.text("t", np.array(b"x", object)), step)
    found = [e.summary.value[0] for e in events(tmp_path)]
    assert [v.HasField("metadata") for v in found] == [True, False, False]
    assert [v.tensor.string_val for v in found] == [[b"x"]] * 3


def test_bytes_that_are_no_summary_are_refused(tmp_path):
    with v1.summary.FileWriter(tmp_path) as writer, pytest.raises(ValueError, match="ends within"):
        writer.add_summary(b"\xff\xff")


def test_events_are_held_back_until_there_are_enough(tmp_path):
    writer = v1.summary.FileWriter(tmp_path, max_queue=3)
    for step in range(2):
        writer.add_summary(values.scalar("a", 1.0), step)
    assert events(tmp_path) == []
    writer.add_summary(values.scalar("a", 1.0), 2)
    assert len(events(tmp_path)) == 3
    writer.add_summary(values.scalar("a", 1.0), 3)
    writer.flush()
    assert len(events(tmp_path)) == 4


def test_events_are_not_lost_when_a_writer_is_forgotten(tmp_path):
    writer = v1.summary.FileWriter(tmp_path)
    writer.add_summary(values.scalar("a", 1.0), 1)
    del writer
    assert len(events(tmp_path)) == 1


def test_closed_writers_warn_and_can_be_reopened(tmp_path):
    writer = v1.summary.FileWriter(tmp_path)
    writer.close()
    writer.close()
    with pytest.warns(UserWarning, match="closed FileWriter"):
        writer.add_summary(values.scalar("a", 1.0), 1)
    writer.reopen()
    writer.add_summary(values.scalar("a", 1.0), 2)
    writer.close()
    # both files may be of the same second
    assert [len(list(read_events(p))) for p in sorted(tmp_path.iterdir())] == [1, 2]


def test_threads_may_share_a_writer(tmp_path):
    with v1.summary.FileWriter(tmp_path) as writer:

        def work():
            for step in range(50):
                writer.add_summary(values.scalar("a", 1.0), step)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert sorted(e.step for e in events(tmp_path)) == sorted(4 * list(range(50)))


def test_one_writer_per_folder(tmp_path):
    cache = v1.summary.FileWriterCache
    assert cache.get(tmp_path) is cache.get(str(tmp_path))
    cache.get(tmp_path).add_summary(values.scalar("a", 1.0), 1)
    cache.clear()
    assert len(events(tmp_path)) == 1


def test_graphs_are_checked(tmp_path):
    with v1.summary.FileWriter(tmp_path) as writer:
        writer.add_graph(v1.GraphDef(node=[{"name": "n", "op": "NoOp"}]))
        with pytest.raises(TypeError, match="instance of `Graph`"):
            writer.add_graph("graph")
        with pytest.raises(ValueError, match="not both"):
            writer.add_graph(v1.GraphDef(), graph_def=v1.GraphDef())
    (event,) = events(tmp_path)
    assert v1.GraphDef.FromString(event.graph_def).node[0].name == "n"


# -- TensorFlow 2 ---------------------------------------------------------------------------------


def test_functions_write_to_the_default_writer(tmp_path):
    assert not tf.summary.scalar("lost", 1.0, step=1)
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        assert tf.summary.should_record_summaries()
        assert tf.summary.scalar("loss", tf.constant(0.5, tf.float64), step=3)
        with tf.name_scope("outer"), tf.name_scope("inner"):
            tf.summary.scalar("named", 1, step=tf.constant(4, tf.int64))
        with tf.summary.record_if(lambda: False):
            assert not tf.summary.scalar("no", 1.0, step=5)
    assert not tf.summary.should_record_summaries()
    writer.close()
    first, second = events(tmp_path)
    assert (first.step, first.summary.value[0].tag) == (3, "loss")
    assert first.summary.value[0].tensor.float_val == [0.5]
    assert first.summary.value[0].metadata.plugin_data.plugin_name == "scalars"
    assert (second.step, second.summary.value[0].tag) == (4, "outer/inner/named")
    assert only_file(tmp_path).name.endswith(".v2")


def test_steps(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        with pytest.raises(ValueError, match="No step set"):
            tf.summary.scalar("x", 1.0)
        with writer.as_default(step=8):
            tf.summary.scalar("x", 1.0)
        assert tf.summary.experimental.get_step() is None
        step = tf.Variable(2, dtype=tf.int64)
        tf.summary.experimental.set_step(step)
        tf.summary.scalar("x", 1.0)
        step.assign_add(1)
        tf.summary.scalar("x", 1.0)
        tf.summary.experimental.set_step(None)
    assert [e.step for e in events(tmp_path)] == [8, 2, 3]


def test_closed_writers(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    writer.close()
    with pytest.raises(RuntimeError, match="is already closed"), writer.as_default():
        pass
    nothing = tf.summary.create_noop_writer()
    with nothing.as_default():
        assert tf.summary.scalar("x", 1.0, step=1)
        tf.summary.flush()


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: tf.summary.scalar("x", [1.0, 2.0], step=1), ValueError, "saw shape"),
        (lambda: tf.summary.image("x", np.zeros((2, 2, 1)), step=1), ValueError, "rank 4"),
        (lambda: tf.summary.text("x", 1, step=1), TypeError, "tf.string; got"),
        (lambda: tf.summary.audio("x", np.zeros((2, 2)), 8, step=1), ValueError, "rank 3"),
        (lambda: tf.summary.graph("x"), TypeError, "tf.Graph"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, act, error, text):
    with tf.summary.create_file_writer(str(tmp_path)).as_default(), pytest.raises(error) as found:
        act()
    assert text in str(found.value)


def test_traced_functions_have_no_values_to_write(tmp_path):
    @tf.function
    def step(x):
        tf.summary.scalar("x", x, step=1)
        return x

    with (
        tf.summary.create_file_writer(str(tmp_path)).as_default(),
        pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="where it is called"),
    ):
        step(tf.constant(1.0))


def test_other_forms(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default(step=1):
        tf.summary.write("raw", lambda: tf.constant([1.0, 2.0]))
        tf.summary.experimental.write_raw_pb(values.scalar("older", 3.0))
        tf.summary.graph(v1.GraphDef())
        with tf.summary.experimental.summary_scope("mine") as (tag, _):
            assert tag == "mine"
    writer.close()
    raw, older, graph = events(tmp_path)
    assert raw.summary.value[0].tensor.dtype == 1
    assert older.summary.value[0].simple_value == 3.0
    assert graph.WhichOneof("what") == "graph_def"
    with pytest.warns(UserWarning, match="not recorded"):
        tf.summary.trace_on()
    tf.summary.trace_off()


# -- TensorBoard's reader -------------------------------------------------------------------------


def accumulated(folder):
    module = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="needs the package tensorboard",
    )
    found = module.EventAccumulator(os.fspath(folder))
    found.Reload()
    return found


def test_tensorboard_reads_older_summaries(tmp_path):
    sound, picture = np.zeros((1, 9), np.float32), np.zeros((1, 4, 5, 3), np.uint8)
    with v1.summary.FileWriter(tmp_path, v1.GraphDef(node=[{"name": "n"}])) as writer:
        for step in range(3):
            parts = [
                values.scalar("s", step * 0.5),
                values.histogram("h", np.arange(step + 1.0)),
                values.image("i", picture),
                values.audio("a", sound, 8000.0),
                values.text("t", np.array(b"text", object)),
            ]
            writer.add_summary(values.merged(parts), step)
    found = accumulated(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("s")] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert found.Histograms("h")[-1].histogram_value.num == 3
    assert (found.Images("i/image/0")[0].height, found.Images("i/image/0")[0].width) == (4, 5)
    assert found.Audio("a/audio/0")[0].length_frames == 9
    assert found.Tensors("t")[0].tensor_proto.string_val == [b"text"]
    assert [node.name for node in found.Graph().node] == ["n"]


def test_tensorboard_reads_newer_summaries(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        for step in range(2):
            tf.summary.scalar("s", step, step=step)
            tf.summary.histogram("h", tf.range(10), step=step)
            tf.summary.image("i", np.zeros((2, 4, 5, 1), np.float32), step=step)
            tf.summary.text("t", ["a", "b"], step=step)
            tf.summary.audio("a", np.zeros((1, 9, 1), np.float32), 8000, step=step)
    found = accumulated(tmp_path)
    assert found.Tags()["tensors"] == ["s", "h", "i", "t", "a"]
    plugins = [found.SummaryMetadata(tag).plugin_data.plugin_name for tag in "shita"]
    assert plugins == ["scalars", "histograms", "images", "text", "audio"]
    assert [e.step for e in found.Tensors("s")] == [0, 1]
    assert Summary.FromString(b"") == Summary()


# -- training and record files --------------------------------------------------------------------


def test_training_writes_its_logs(tmp_path):
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
    board = tf.keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq=2)
    model.fit(x, y, batch_size=2, epochs=2, verbose=0, validation_data=(x, y), callbacks=[board])
    train = [(e.summary.value[0].tag, e.step) for e in events(tmp_path / "train")]
    assert train[:3] == [("batch_loss", 1), ("batch_loss", 3), ("epoch_loss", 0)]
    assert ("epoch_learning_rate", 1) in train
    assert sum(tag.endswith("histogram") for tag, _ in train) == 4
    validation = [(e.summary.value[0].tag, e.step) for e in events(tmp_path / "validation")]
    assert validation == [("epoch_loss", 0), ("epoch_loss", 1)]
    with pytest.raises(NotImplementedError, match="profile_batch"):
        tf.keras.callbacks.TensorBoard(profile_batch=2)


def test_record_files_as_data(tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    for path in paths:
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(b"one\0")
            writer.write(b"two")
    data = tf.data.TFRecordDataset(paths)
    assert [x.numpy() for x in data] == [b"one\0", b"two"] * 2
    assert data.element_spec == tf.TensorSpec([], tf.string)
    assert len(list(tf.data.TFRecordDataset(tmp_path / "a").batch(2))) == 1
    assert list(v1.python_io.tf_record_iterator(paths[0])) == [b"one\0", b"two"]
