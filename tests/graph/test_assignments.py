"""Ops that change variables: names, values in order, errors. Values are TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf


def started(*variables):
    sess = tf.InteractiveSession()
    sess.run(tf.variables_initializer(variables))
    return sess


def made_after(count):
    return [(op.name, op.type) for op in tf.get_default_graph().get_operations()[count:]]


def count():
    return len(tf.get_default_graph().get_operations())


NAMES = [
    (lambda v: tf.assign(v, [4.0, 5.0, 6.0]), "Assign", ["value"]),
    (lambda v: v.assign([1.0, 1.0, 1.0]), "Assign", ["value"]),
    (lambda v: tf.assign_add(v, [1.0, 1.0, 1.0]), "AssignAdd", ["value"]),
    (lambda v: v.assign_sub([1.0, 1.0, 1.0]), "AssignSub", ["value"]),
    (lambda v: tf.scatter_update(v, [0], [5.0]), "ScatterUpdate", ["indices", "updates"]),
    (lambda v: tf.scatter_add(v, [0], 5.0), "ScatterAdd", ["indices", "updates"]),
    (lambda v: tf.scatter_min(v, [0], [5.0]), "ScatterMin", ["indices", "updates"]),
    (lambda v: tf.scatter_nd_update(v, [[0]], [5.0]), "ScatterNdUpdate", ["indices", "updates"]),
    (lambda v: v.scatter_nd_add([[0]], [5.0]), "ScatterNdAdd", ["indices", "updates"]),
]


@pytest.mark.parametrize(("make", "type", "operands"), NAMES)
def test_ops_are_named_as_in_tensorflow(make, type, operands):
    v = tf.Variable([1.0, 2.0, 3.0], name="v")
    before = count()
    found = make(v)
    assert made_after(before) == [(f"{type}/{x}", "Const") for x in operands] + [(type, type)]
    assert str(found) == f'Tensor("{type}:0", shape=(3,), dtype=float32_ref)'


@pytest.mark.parametrize(
    ("how", "indices", "updates", "expected"),
    [
        ("update", [0, 2], [8.0, 9.0], [8.0, 2.0, 9.0]),
        ("add", [0, 0], [1.0, 1.0], [3.0, 2.0, 3.0]),
        ("add", [1, 2], 5.0, [1.0, 7.0, 8.0]),
        ("sub", 1, 2.0, [1.0, 0.0, 3.0]),
        ("mul", [1, 1], [2.0, 3.0], [1.0, 12.0, 3.0]),
        ("div", [2], [2.0], [1.0, 2.0, 1.5]),
        ("min", [0, 1], [20.0, 0.0], [1.0, 0.0, 3.0]),
        ("max", [0, 1], [20.0, 0.0], [20.0, 2.0, 3.0]),
    ],
)
def test_scatter_changes_rows(how, indices, updates, expected):
    v = tf.Variable([1.0, 2.0, 3.0])
    sess = started(v)
    assert sess.run(getattr(tf, f"scatter_{how}")(v, indices, updates)).tolist() == expected
    assert sess.run(v).tolist() == expected


def test_scatter_by_methods():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    sess = started(v)
    rows = tf.IndexedSlices(tf.constant([[1.0, 1.0], [2.0, 2.0]]), tf.constant([2, 0]))
    assert sess.run(v.scatter_sub(rows)).tolist() == [[-1.0, 0.0], [3.0, 4.0], [4.0, 5.0]]
    assert sess.run(v.scatter_nd_update([[0, 1]], [9.0]))[0].tolist() == [-1.0, 9.0]
    with pytest.raises(TypeError, match="IndexedSlices"):
        v.scatter_add([1.0])


def test_parts_are_assigned():
    v = tf.Variable(tf.zeros([3, 3]))
    k = tf.placeholder(tf.int32, [])
    change = v[:2, :2].assign(22.0 * tf.ones((2, 2)))
    row = v[k].assign([1.0, 2.0, 3.0])
    assert change.op.name == "strided_slice/_assign"
    sess = started(v)
    assert sess.run(change).tolist() == [[22.0, 22.0, 0.0], [22.0, 22.0, 0.0], [0.0, 0.0, 0.0]]
    assert sess.run(row, {k: 2})[2].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'assign'"):
        tf.constant([1.0])[:1].assign([2.0])


def test_changes_of_changes_are_ordered():
    v = tf.Variable(1.0)
    sess = started(v)
    assert sess.run(tf.assign_add(tf.assign(v, 5.0), 2.0)) == 7.0
    assert sess.run(v) == 7.0
    assert v.assign(1.0, read_value=False).type == "Assign"


def test_shapes_may_change_without_validation():
    v = tf.Variable([1.0, 2.0, 3.0])
    sess = started(v)
    assert sess.run(tf.assign(v, [1.0, 2.0], validate_shape=False)).tolist() == [1.0, 2.0]
    assert sess.run(v + 1.0).tolist() == [2.0, 3.0]
    with pytest.raises(ValueError, match="Shapes must be equal"):
        tf.assign(v, [1.0, 2.0])


def test_wrong_operands_are_refused():
    v = tf.Variable([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="has type int32 that does not match type float32"):
        tf.assign(v, tf.constant([1, 2, 3]))
    with pytest.raises(ValueError, match="Shapes must be equal"):
        tf.assign_add(v, 1.0)
    with pytest.raises(ValueError, match="Shapes must be equal"):
        tf.scatter_update(v, [0, 1], [1.0])
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'assign'"):
        tf.assign(tf.constant(1.0), 2.0)
    with pytest.raises(NotImplementedError, match="assign_add"):
        v.count_up_to(3)
    sess = started(v)
    with pytest.raises(tf.errors.InvalidArgumentError, match="indices"):
        sess.run(tf.scatter_mul(v, [7], [1.0]))


def test_uninitialised_variables_are_reported():
    v, w = tf.Variable(1.0, name="v"), tf.Variable(2.0, name="w")
    report, is_there = tf.report_uninitialized_variables(), tf.is_variable_initialized(w)
    with tf.Session() as sess:
        assert sess.run(report).tolist() == [b"v", b"w"]
        sess.run(v.initializer)
        assert sess.run(report).tolist() == [b"w"]
        assert not sess.run(is_there)
        sess.run(w.initializer)
        assert sess.run(is_there)
        assert sess.run(report).tolist() == []


def test_string_variables():
    v = tf.Variable(["a", "b"])
    sess = started(v)
    assert sess.run(tf.assign(v, ["c", "d"])).tolist() == [b"c", b"d"]
    assert sess.run(v).tolist() == [b"c", b"d"]


def test_values_are_assigned_in_loops():
    v = tf.Variable(np.ones((2, 2), np.float32))
    grow = tf.assign(v, tf.matmul(v, v) * 0.5)
    sess = started(v)
    for _ in range(5):
        sess.run(grow.op)
    assert sess.run(v).tolist() == np.ones((2, 2)).tolist()
