"""`tf.train.Saver`: files, names, errors; and that TensorFlow's own files are read."""

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

train = tf.train


@pytest.fixture
def model():
    """Variables a, b and s/c, and a session in which they are initialised."""
    a = tf.Variable([1.0, 2.0], name="a")
    b = tf.Variable(3, name="b")
    with tf.variable_scope("s"):
        c = tf.Variable(np.ones((2, 2)), name="c")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield session, a, b, c


def test_values_come_back(model, tmp_path):
    session, a, b, c = model
    saver = train.Saver()
    path = saver.save(session, f"{tmp_path}/model.ckpt", global_step=b)
    assert path == f"{tmp_path}/model.ckpt-3" == train.latest_checkpoint(tmp_path)
    session.run([a.assign([9.0, 9.0]), b.assign(7)])
    assert saver.restore(session, path) is None
    got = session.run([a, b, c])
    assert got[0].tolist() == [1.0, 2.0] and got[1] == 3 and got[1].dtype == np.int32
    with tf.Session() as other:  # without initialising
        saver.restore(other, path)
        assert other.run(c).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["checkpoint", "model.ckpt-3.data-00000-of-00001", "model.ckpt-3.index"]


def test_looking_into_a_checkpoint(model, tmp_path):
    session, *_ = model
    path = train.Saver().save(session, str(tmp_path / "m"))
    assert train.list_variables(tmp_path) == [("a", [2]), ("b", []), ("s/c", [2, 2])]
    assert train.load_variable(path, "a").tolist() == [1.0, 2.0]
    reader = train.NewCheckpointReader(path)
    assert reader.get_variable_to_shape_map() == {"a": [2], "b": [], "s/c": [2, 2]}
    assert reader.get_variable_to_dtype_map()["s/c"] == tf.float64
    assert reader.has_tensor("a") and not reader.has_tensor("q")
    assert reader.debug_string() == b"a (DT_FLOAT) [2]\nb (DT_INT32) []\ns/c (DT_DOUBLE) [2,2]\n"
    assert train.load_checkpoint(tmp_path).get_tensor("b") == 3
    assert train.checkpoint_exists(path) and not train.checkpoint_exists(f"{path}x")
    with pytest.raises(tf.errors.NotFoundError, match="Key q not found in checkpoint"):
        reader.get_tensor("q")
    with pytest.raises(tf.errors.NotFoundError, match="Failed to find any matching files for"):
        train.NewCheckpointReader(f"{path}x")


def test_the_newest_are_kept(model, tmp_path):
    session, *_ = model
    saver = train.Saver(max_to_keep=2)
    prefix = str(tmp_path / "m")
    for k in range(4):
        saver.save(session, prefix, global_step=k)
    kept = [f"{prefix}-2", f"{prefix}-3"]
    assert saver.last_checkpoints == kept
    assert sorted(p.name for p in tmp_path.glob("*.index")) == ["m-2.index", "m-3.index"]
    state = train.get_checkpoint_state(tmp_path)
    assert state.model_checkpoint_path == kept[1] and state.all_model_checkpoint_paths == kept
    assert (tmp_path / "checkpoint").read_text() == (
        'model_checkpoint_path: "m-3"\nall_model_checkpoint_paths: "m-2"\n'
        'all_model_checkpoint_paths: "m-3"\n'
    )
    again = train.Saver(max_to_keep=2)
    again.recover_last_checkpoints(state.all_model_checkpoint_paths)
    again.save(session, prefix, global_step=10)
    assert (
        train.Saver(max_to_keep=0, pad_step_number=True)
        .save(session, prefix, global_step=5)
        .endswith("m-00000005")
    )
    assert sorted(p.name for p in tmp_path.glob("m-*.index"))[1:] == ["m-10.index", "m-3.index"]
    train.update_checkpoint_state(tmp_path, kept[1])
    assert train.latest_checkpoint(tmp_path) == kept[1]
    train.remove_checkpoint(kept[1])
    assert train.latest_checkpoint(tmp_path) is None
    assert train.latest_checkpoint(tmp_path / "nowhere") is None
    assert train.get_checkpoint_state(tmp_path / "nowhere") is None


def test_other_names_and_parts(model, tmp_path):
    session, a, b, _ = model
    path = train.Saver({"other": a, "b": b}).save(session, str(tmp_path / "m"))
    assert train.list_variables(path) == [("b", []), ("other", [2])]
    session.run(a.assign([0.0, 0.0]))
    train.Saver([b]).restore(session, path)
    assert session.run(a).tolist() == [0.0, 0.0]
    train.Saver({"other": a}).restore(session, path)
    assert session.run(a).tolist() == [1.0, 2.0]


def test_averages_are_restored_in_place_of_variables(model, tmp_path):
    session, a, *_ = model
    averages = train.ExponentialMovingAverage(0.5)
    averages.apply([a])
    session.run(averages.average(a).initializer)
    session.run(averages.average(a).assign([5.0, 6.0]))
    path = train.Saver().save(session, str(tmp_path / "m"))
    train.Saver(averages.variables_to_restore([a])).restore(session, path)
    assert session.run(a).tolist() == [5.0, 6.0]


def test_variables_begin_with_values_of_a_checkpoint(model, tmp_path):
    session, *_ = model
    path = train.Saver().save(session, str(tmp_path / "m"))
    with tf.Graph().as_default(), tf.Session() as other:
        d, e = tf.Variable(np.zeros((2, 2)), name="t/c"), tf.Variable([0.0, 0.0], name="e")
        train.init_from_checkpoint(tmp_path, {"s/": "t/", "a": e})
        other.run(tf.global_variables_initializer())
        assert other.run(d).tolist() == [[1.0, 1.0], [1.0, 1.0]]
        assert other.run(e).tolist() == [1.0, 2.0]
        for given, text in (
            ({"s/": "/"}, "Tensor s/t/c is not found in"),
            ({"a": "t/c"}, r"Shape of variable t/c:0 \(\(2, 2\)\) doesn't match"),
            ({"a": "q"}, "scope only name q should map to scope only a"),
        ):
            with pytest.raises(ValueError, match=text):
                train.init_from_checkpoint(path, given)


def test_what_does_not_fit(model, tmp_path):
    session, a, _, _ = model
    path = train.Saver([a]).save(session, str(tmp_path / "m"))
    errors = tf.errors
    for made, kind, texts in (
        (
            lambda: tf.Variable(0.0, name="q"),
            errors.NotFoundError,
            ["Restoring from checkpoint failed", "Key q not found in checkpoint"],
        ),
        (
            lambda: tf.Variable([1.0, 2.0, 3.0], name="a"),
            errors.InvalidArgumentError,
            ["Assign requires shapes of both tensors to match. lhs shape= [3] rhs shape= [2]"],
        ),
        (
            lambda: tf.Variable([1, 2], name="a"),
            errors.InvalidArgumentError,
            ["tensor_name = a; expected dtype int32 does not equal original dtype float"],
        ),
    ):
        with tf.Graph().as_default(), tf.Session() as other:
            saver = train.Saver([made()])
            with pytest.raises(kind) as info:
                saver.restore(other, path)
            assert all(text in str(info.value) for text in texts)
    with tf.Graph().as_default(), tf.Session() as other:
        column = tf.Variable([[0.0], [0.0]], name="a")
        train.Saver(reshape=True).restore(other, path)
        assert other.run(column).tolist() == [[1.0], [2.0]]


def test_errors(model, tmp_path):
    session, a, _, _ = model
    saver, prefix = train.Saver(), str(tmp_path / "m")
    tensor = tf.constant(1)
    for call, kind, text in (
        (lambda: saver.restore(session, prefix), ValueError, "not a valid checkpoint: "),
        (lambda: saver.restore(session, None), ValueError, "Can't load save_path when it is None"),
        (lambda: saver.save(session, 3), TypeError, "Expected binary or unicode string, got 3"),
        (lambda: saver.save(None, prefix), TypeError, "'sess' must be a Session; None"),
        (
            lambda: saver.save(session, prefix, latest_filename="m/q"),
            ValueError,
            "'latest_filename' must not contain path components",
        ),
        (
            lambda: saver.save(session, str(tmp_path / "checkpoint")),
            ValueError,
            "'latest_filename' collides with 'save_path'",
        ),
        (lambda: train.Saver([a, a]), ValueError, "At least two variables have the same name: a"),
        (lambda: train.Saver([tensor]), TypeError, "Variable to save is not a Variable: Tensor"),
        (lambda: train.Saver([]), ValueError, "No variables to save"),
        (
            lambda: train.Saver(defer_build=True).save(session, prefix),
            RuntimeError,
            "should be called before save if defer_build==True",
        ),
        (lambda: saver.export_meta_graph(), NotImplementedError, "write_graph"),
        (lambda: saver.as_saver_def(), NotImplementedError, "make the Saver again"),
        (lambda: train.import_meta_graph("m.meta"), NotImplementedError, "restore values"),
    ):
        with pytest.raises(kind, match=text):
            call()
    with tf.Session() as fresh, pytest.raises(tf.errors.FailedPreconditionError, match="value a"):
        saver.save(fresh, prefix)
    with tf.Graph().as_default(), tf.Session() as other:
        assert train.Saver(allow_empty=True).save(other, prefix) is None
        with pytest.raises(ValueError, match="not an element of this graph"):
            saver.save(other, prefix)


# What TensorFlow 2.21's Saver has written for w = [[1, 2], [3, 4]] and s/b = int64 7: .index, .data
WRITTEN = (
    (
        "c-muNVB=tvV&Y(AVCF8?PvYPdV$k3)-"
        "F<z&AOoXlIR~Q<hY%A769_ACXb714Xv`>K00Kr3;rYdI3Y>G`)4~l5j7${_)^MRq0<|#?9KL)EM1b($4c#iG?z"
        "aJ38WTn"
    ),
    "c-muUfPn^kAmIQ+K-}N}01-0+M*",
)


def unpacked(text):
    return zlib.decompress(base64.b85decode(text))


def put(folder, index, data):
    (folder / "tf.index").write_bytes(index)
    (folder / "tf.data-00000-of-00001").write_bytes(data)
    return str(folder / "tf")


def test_files_of_tensorflow_are_read(tmp_path):
    path = put(tmp_path, *map(unpacked, WRITTEN))
    assert train.list_variables(path) == [("s/b", []), ("w", [2, 2])]
    w, b = tf.Variable(tf.zeros([2, 2]), name="w"), tf.Variable(np.int64(0), name="s/b")
    with tf.Session() as session:
        train.Saver().restore(session, path)
        assert session.run(w).tolist() == [[1.0, 2.0], [3.0, 4.0]] and session.run(b) == 7
        again = train.Saver().save(session, str(tmp_path / "own"))
    assert Path(f"{again}.data-00000-of-00001").read_bytes() == unpacked(WRITTEN[1])


def test_damaged_files_are_noticed(tmp_path):
    index, data = map(unpacked, WRITTEN)
    path = put(tmp_path, index, b"\1" + data[1:])
    with pytest.raises(tf.errors.DataLossError, match="Checksum does not match"):
        train.load_variable(path, "s/b")
    put(tmp_path, b"\1" + index[1:], data)
    with pytest.raises(tf.errors.DataLossError, match="block checksum mismatch"):
        train.load_variable(path, "w")
    put(tmp_path, index[:-1] + b"\0", data)
    with pytest.raises(tf.errors.DataLossError, match="bad magic number"):
        train.load_variable(path, "w")
    (tmp_path / "old.ckpt").write_bytes(data)
    w = tf.Variable(0.0, name="w")
    with (
        tf.Session() as session,
        pytest.raises(
            tf.errors.NotFoundError, match="oldest format, of one file, is not supported"
        ),
    ):
        train.Saver([w]).restore(session, tmp_path / "old.ckpt")


def test_many_variables(tmp_path):
    expected = {f"layer{k % 7}/w{k:04d}": np.full(k % 5, k, np.float32) for k in range(900)}
    for name, value in expected.items():
        tf.Variable(value, name=name)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = train.Saver().save(session, str(tmp_path / "m"))
    reader = train.NewCheckpointReader(path)
    assert reader.get_variable_to_shape_map().keys() == expected.keys()
    assert all(np.array_equal(reader.get_tensor(n), x) for n, x in expected.items())


def test_savers_in_eager_programs(tmp_path):
    from tensorwright.frontend.tf.graph.state import MODE

    MODE.is_eager = True
    v = tf.Variable([1.0, 2.0], name="v")
    with pytest.raises(RuntimeError, match="must specify a list or dict of variables"):
        train.Saver()
    path = train.Saver([v]).save(None, str(tmp_path / "m"), global_step=4)
    v.assign([0.0, 0.0])
    train.Saver([v]).restore(None, path)
    assert v.numpy().tolist() == [1.0, 2.0] and path.endswith("m-4")
