"""Checkpoints, modules, and saved models that run in another process."""

import json
import subprocess
import sys

import numpy as np
import pytest

import tensorwright as tf


class Affine(tf.Module):
    def __init__(self):
        super().__init__(name="affine")
        self.w = tf.Variable([[1.0], [2.0]])
        self.parts = {"b": [tf.Variable(0.5)]}
        self.calls = tf.Variable(0, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def __call__(self, x):
        self.calls.assign_add(1)
        return {"y": tf.matmul(x, self.w) + self.parts["b"][0], "n": self.calls.value()}

    @tf.function
    def scale(self, x, factor=2.0):
        return x * factor


def test_a_module_finds_its_variables():
    m = Affine()
    assert [v.shape.as_list() for v in m.trainable_variables] == [[], [2, 1]]
    assert len(m.variables) == 3 and m.name == "affine"
    outer = tf.Module()
    outer.inner = [m]
    assert outer.submodules == (m,) and len(outer.variables) == 3
    with pytest.raises(ValueError, match="not a valid module name"):
        tf.Module(name="1a")


def test_a_saved_model_runs_without_its_class(tmp_path):
    m = Affine()
    m.scale(tf.constant([1.0, 2.0]), 3.0)
    tf.saved_model.save(m, tmp_path)
    m.parts["b"][0].assign(100.0)
    again = tf.saved_model.load(tmp_path)
    for rows in (3, 1, 0, 5):
        found = again(tf.ones([rows, 2]))
        assert found["y"].numpy().tolist() == [[3.5]] * rows
    assert again.calls.numpy() == 4 and found["n"].numpy() == 4
    again.parts["b"][0].assign(1.0)
    assert again(x=tf.ones([1, 2]))["y"].numpy() == 4.0
    assert again.scale(tf.constant([1.0, 2.0]), 3.0).numpy().tolist() == [3.0, 6.0]
    with pytest.raises(ValueError, match="Could not find matching concrete function"):
        again.scale(tf.constant([1.0]), 3.0)
    code = (
        f"import tensorwright as tf; m = tf.saved_model.load({str(tmp_path)!r});"
        "print(m(tf.constant([[1., 1.]]))['y'].numpy().tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[[3.5]]"


def test_gradients_pass_through_a_loaded_function(tmp_path):
    tf.saved_model.save(Affine(), tmp_path)
    again = tf.saved_model.load(tmp_path)
    x = tf.ones([3, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = again(x)["y"]
    assert tape.gradient(y, [x, again.w])[0].numpy().tolist() == [[1.0, 2.0]] * 3


def test_signatures_and_random_state(tmp_path):
    class Noise(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([2])])
        def draw(self, x):
            return x + tf.random.normal([2])

    m = Noise()
    tf.saved_model.save(m, tmp_path, signatures=m.draw)
    again = tf.saved_model.load(tmp_path)
    drawn = [
        again.signatures["serving_default"](tf.zeros([2]))["output_0"].numpy() for _ in range(2)
    ]
    assert not np.array_equal(*drawn)


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="Expected an object of type `Trackable`"):
        tf.saved_model.save(object(), tmp_path)
    with pytest.raises(OSError, match="SavedModel file does not exist"):
        tf.saved_model.load(tmp_path / "nothing")
    elsewhere = tf.Variable(1.0)

    class Leaky(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([])])
        def f(self, x):
            return x * elsewhere

    with pytest.raises(AssertionError, match="untracked"):
        tf.saved_model.save(Leaky(), tmp_path)


def test_files_hold_no_code(tmp_path):
    tf.saved_model.save(Affine(), tmp_path)
    assert {p.suffix for p in tmp_path.rglob("*") if p.is_file()} == {".json", ".npz"}
    with np.load(tmp_path / "variables" / "variables.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    content = json.loads((tmp_path / "saved_model.json").read_text())
    assert content["methods"]["__call__"]["programs"][0]["text"].startswith("graph @")
    assert tf.saved_model.contains_saved_model(tmp_path)


def test_a_checkpoint_restores_by_names(tmp_path):
    m = Affine()
    path = tf.train.Checkpoint(model=m).save(tmp_path / "ck")
    assert path == str(tmp_path / "ck-1") == tf.train.latest_checkpoint(tmp_path)
    m.w.assign([[0.0], [0.0]])
    other = Affine()
    other.w.assign([[7.0], [7.0]])
    status = tf.train.Checkpoint(model=other).restore(path)
    status.assert_consumed()
    assert other.w.numpy().tolist() == [[1.0], [2.0]]
    names = [name for name, _ in tf.train.list_variables(tmp_path)]
    assert "model/w/.ATTRIBUTES/VARIABLE_VALUE" in names
    assert tf.train.load_variable(path, names[0]).shape == ()


def test_shared_and_late_variables(tmp_path):
    v = tf.Variable(3.0)
    path = tf.train.Checkpoint(a=v, b=[v]).write(tmp_path / "shared")
    target = tf.Variable(0.0)
    tf.train.Checkpoint(b=[target]).read(path).assert_existing_objects_matched()
    assert target.numpy() == 3.0
    late = tf.train.Checkpoint()
    late.restore(path)
    late.a = tf.Variable(0.0)
    assert late.a.numpy() == 3.0


def test_what_does_not_match(tmp_path):
    path = tf.train.Checkpoint(x=tf.Variable(1.0), y=tf.Variable(2.0)).save(tmp_path / "ck")
    partial = tf.train.Checkpoint(x=tf.Variable(0.0)).restore(path)
    partial.assert_existing_objects_matched().expect_partial()
    with pytest.raises(AssertionError, match=r"Unresolved object in checkpoint: .*y/"):
        partial.assert_consumed()
    with pytest.raises(AssertionError, match="Found 1 Python objects that were not bound"):
        tf.train.Checkpoint(z=tf.Variable(0.0)).restore(path).assert_existing_objects_matched()
    with pytest.raises(ValueError, match="incompatible tensor with shape"):
        tf.train.Checkpoint(x=tf.Variable([1.0, 2.0])).restore(path)
    with pytest.raises(tf.errors.NotFoundError, match="Please double-check that the path"):
        tf.train.Checkpoint().restore(tmp_path / "nothing")
    with pytest.raises(ValueError, match="expecting a trackable object"):
        tf.train.Checkpoint(x=3)


def test_the_manager_keeps_the_newest(tmp_path):
    v = tf.Variable(0.0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), tmp_path, max_to_keep=2)
    assert manager.restore_or_initialize() is None
    for k in range(3):
        v.assign(float(k))
        manager.save()
    assert [p.rpartition("-")[2] for p in manager.checkpoints] == ["2", "3"]
    assert sorted(p.name for p in tmp_path.glob("*.npz")) == ["ckpt-2.npz", "ckpt-3.npz"]
    again = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), tmp_path, max_to_keep=2)
    v.assign(9.0)
    assert again.restore_or_initialize() == str(tmp_path / "ckpt-3")
    assert v.numpy() == 2.0


def test_gradients_of_functions_with_open_sizes():
    w = tf.Variable([[1.0], [2.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def f(x):
        return tf.matmul(x, w) + tf.reduce_sum(x, axis=1, keepdims=True)

    for rows in (2, 3, 1, 4):
        x = tf.ones([rows, 2])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        dx, dw = tape.gradient(y, [x, w])
        assert dx.numpy().tolist() == [[2.0, 3.0]] * rows
        assert dw.numpy().tolist() == [[rows], [rows]]
