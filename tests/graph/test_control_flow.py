"""Branches and loops in graphs; the values are those of TensorFlow 2.21's compat.v1."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from support.sessions import run


def is_native(fetches, feed=None):
    """Whether all is one program."""
    with tf.Session() as sess:
        sess.run(fetches, feed)
        (plan,) = set(sess._plans.values())
        return [segment.is_host for segment in plan._segments] == [False]


# -- cond -----------------------------------------------------------------------------------------


def test_cond_runs_one_branch_and_has_a_gradient():
    x = tf.placeholder(tf.float32, [], name="x")
    y = tf.cond(x > 1, lambda: x * 2.0, lambda: x + 1.0)
    assert repr(y) == "<tf.Tensor 'cond/Merge:0' shape=() dtype=float32>"
    (g,) = tf.gradients(y, x)
    with tf.Session() as sess:
        assert sess.run([y, g], {x: 0.0}) == [1.0, 1.0]
        assert sess.run([y, g], {x: 3.0}) == [6.0, 2.0]
    assert is_native([y, g], {x: 3.0})


def test_cond_keeps_the_nesting_of_results():
    yes = tf.constant(True)
    found = tf.cond(yes, lambda: {"a": 1, "b": (2, 3)}, lambda: {"a": 4, "b": (5, 6)})
    assert run(found) == {"a": 1, "b": (2, 3)}
    assert isinstance(tf.cond(yes, lambda: [1], lambda: [2]), tf.Tensor)
    assert isinstance(tf.cond(yes, lambda: [1], lambda: [2], strict=True), list)
    assert run(tf.cond(yes, fn1=lambda: 1, fn2=lambda: 2)) == 1


def test_branches_change_variables_only_when_they_run():
    v = tf.Variable(1.0)
    which = tf.placeholder(tf.bool, [])
    changed = tf.cond(which, lambda: v.assign(5.0), lambda: v.assign_add(1.0))
    done = tf.cond(which, lambda: v.assign(9.0).op, tf.no_op)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(changed, {which: True}) == 5.0
        assert sess.run(changed, {which: False}) == 6.0
        assert sess.run(v) == 6.0
        assert not sess.run(done, {which: False}) and sess.run(v) == 6.0
        assert sess.run(done, {which: True}) and sess.run(v) == 9.0


def test_operations_outside_run_in_any_case():
    v = tf.Variable(0.0)
    bump = v.assign_add(1.0)

    def wait():
        with tf.control_dependencies([bump]):
            return tf.constant(1.0)

    which = tf.placeholder(tf.bool, [])
    y = tf.cond(which, wait, lambda: 2.0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(y, {which: False}) == 2.0
        assert sess.run(v) == 1.0


def test_python_functions_in_branches():
    calls = []
    which = tf.placeholder(tf.bool, [])

    def call():
        return tf.py_func(lambda: calls.append(1) or np.float32(3), [], tf.float32)

    y = tf.cond(which, call, lambda: 2.0)
    with tf.Session() as sess:
        assert sess.run(y, {which: True}) == 3.0 and sess.run(y, {which: False}) == 2.0
    assert calls == [1]


def test_branches_of_different_shapes():
    which = tf.placeholder(tf.bool, [])
    y = tf.cond(which, lambda: tf.zeros([3]), lambda: tf.zeros([2]))
    assert y.shape.as_list() == [None]
    assert run(y, {which: True}).shape == (3,) and run(y, {which: False}).shape == (2,)


def test_sizes_from_outside_are_known_inside():
    x = tf.placeholder(tf.float32, [None, 3])
    n = tf.shape(x)[0]
    y = tf.cond(n > 2, lambda: tf.zeros([n, 3]), lambda: tf.reshape(x, [n, 3]) + 1.0)
    assert y.shape.as_list() == [None, 3]
    assert run(y, {x: np.ones((2, 3))}).tolist() == [[2.0] * 3] * 2
    assert run(y, {x: np.ones((4, 3))}).tolist() == [[0.0] * 3] * 4


def test_variables_made_in_branches_belong_to_the_graph():
    yes = tf.constant(True)
    y = tf.cond(yes, lambda: tf.get_variable("v", [2]) * 0.0, lambda: tf.zeros([2]))
    z = tf.cond(yes, lambda: tf.Variable(lambda: tf.zeros([2])) + 1.0, lambda: tf.zeros([2]))
    assert [v.name for v in tf.global_variables()] == ["v:0", "cond_1/Variable:0"]
    assert run([y, z])[1].tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="inside a control-flow"):
        tf.cond(yes, lambda: tf.Variable(tf.zeros([2])) + 1.0, lambda: tf.zeros([2]))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda t: tf.cond(True, lambda: 1, lambda: 2), TypeError, "must not be a Python bool"),
        (lambda t: tf.cond(tf.constant(1), lambda: 1, lambda: 2), TypeError, "expected type of bo"),
        (lambda t: tf.cond([t, t], lambda: 1, lambda: 2), ValueError, "Shape must be rank 0"),
        (lambda t: tf.cond(t, 3, lambda: 2), TypeError, "'true_fn' must be callable"),
        (lambda t: tf.cond(t, lambda: 1, fn1=lambda: 2), TypeError, "may not be set simultaneou"),
        (lambda t: tf.cond(t, lambda: None, lambda: 1), ValueError, "must have a return value"),
        (lambda t: tf.cond(t, lambda: 1, lambda: 2.0), ValueError, "must have the same type"),
        (lambda t: tf.cond(t, lambda: 1, lambda: [1, 2]), ValueError, "same nested structure"),
        (lambda t: tf.cond(t, lambda: (1, 2), lambda: [1, 2]), TypeError, "struct"),
    ],
)
def test_what_cond_refuses(call, error, text):
    with pytest.raises(error, match=text):
        call(tf.constant(True))


def test_tensors_of_other_graphs_are_refused():
    with tf.Graph().as_default():
        other = tf.constant(1.0) * 2.0
    with pytest.raises(ValueError, match="must be from the same graph"):
        tf.cond(tf.constant(True), lambda: other + 1.0, lambda: 1.0)


# -- case -----------------------------------------------------------------------------------------


def test_case_takes_the_first_true_condition():
    x = tf.placeholder(tf.int32, [])
    y = tf.case([(x < 1, lambda: 1), (x < 5, lambda: 2)], default=lambda: 3)
    assert y.name == "case/cond/Merge:0"
    assert [run(y, {x: v}) for v in (0, 1, 9)] == [1, 2, 3]


def test_case_checks_conditions_in_runs():
    x = tf.placeholder(tf.int32, [])
    y = tf.case({x < 1: lambda: 1, x < 5: lambda: 2}, exclusive=True)
    assert run(y, {x: 1}) == 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="More than one condition"):
        run(y, {x: 0})
    with pytest.raises(tf.errors.InvalidArgumentError, match="None of conditions"):
        run(y, {x: 9})
    with pytest.raises(TypeError, match="pred must be a Tensor"):
        tf.case([(True, lambda: 1)], default=lambda: 3)


# -- while_loop -----------------------------------------------------------------------------------


def test_while_loop():
    i, total = tf.while_loop(
        lambda i, s: i < 10, lambda i, s: (i + 1, s + 2.0), (tf.constant(0), tf.constant(1.0))
    )
    assert i.name == "while/Exit:0" and total.name == "while/Exit_1:0"
    assert run([i, total]) == [10, 21.0]
    assert is_native([i, total])


def test_loops_stop_after_the_most_iterations():
    found = tf.while_loop(lambda i: i < 100, lambda i: i + 1, [0], maximum_iterations=3)
    assert run(found) == 3


def test_nested_variables_of_loops():
    found = tf.while_loop(
        lambda i, s: i < 3, lambda i, s: (i + 1, {"a": s["a"] * 2, "b": s["b"]}),
        (0, {"a": tf.constant(1), "b": 5}),
    )  # fmt: skip
    assert run(found) == (3, {"a": 8, "b": 5})
    single = tf.while_loop(lambda i: i < 3, lambda i: [i + 1], [0], return_same_structure=True)
    assert run(single) == [3]


def test_gradients_of_loops():
    n = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [None])
    _, power = tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s * x), (0, tf.ones_like(x)))
    (g,) = tf.gradients(power, x)
    with tf.Session() as sess:
        found = sess.run([power, g], {n: 3, x: [1.0, 2.0]})
        assert [a.tolist() for a in found] == [[1.0, 8.0], [3.0, 12.0]]
        found = sess.run([power, g], {n: 4, x: [1.0, 2.0, 3.0]})
        assert [a.tolist() for a in found] == [[1.0, 16.0, 81.0], [4.0, 32.0, 108.0]]


def test_loops_with_variables():
    v = tf.Variable(1.0)

    def body(i):
        with tf.control_dependencies([v.assign_add(2.0)]):
            return i + 1

    end = tf.while_loop(lambda i: i < 5, body, [0])
    with tf.control_dependencies([end]):
        after = v.read_value()
    assert run(after) == 11.0


def test_variables_made_in_bodies_are_trained():
    x = tf.placeholder(tf.float32, [None, 2])

    def body(i, s):
        return i + 1, tf.matmul(s, tf.get_variable("w", [2, 2], initializer=tf.ones_initializer()))

    with tf.variable_scope("rnn"):
        _, y = tf.while_loop(lambda i, s: i < 3, body, (0, x))
    (w,) = tf.trainable_variables()
    assert w.name == "rnn/w:0"
    found, g = run([y, tf.gradients(y, w)[0]], {x: [[1.0, 2.0]]})
    assert found.tolist() == [[12.0, 12.0]] and g.tolist() == [[16.0, 16.0], [20.0, 20.0]]


def test_shapes_change_where_the_invariants_allow_it():
    _, s = tf.while_loop(
        lambda i, s: i < 4, lambda i, s: (i + 1, tf.concat([s, s], 0)),
        (0, tf.constant([1.0])), shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )  # fmt: skip
    assert s.shape.as_list() == [None]
    assert run(s).tolist() == [1.0] * 16


def test_branches_in_loops():
    n = tf.placeholder(tf.int32, [])

    def body(i, s):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: s + i, lambda: s * 2)

    _, total = tf.while_loop(lambda i, s: i < n, body, (0, 0))
    assert run(total, {n: 5}) == 8 and run(total, {n: 6}) == 16
    assert is_native(total, {n: 5})


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: tf.while_loop(3, lambda i: i, [0]), TypeError, "'cond' must be callable"),
        (lambda: tf.while_loop(lambda i: i, 3, [0]), TypeError, "'body' must be callable"),
        (lambda: tf.while_loop(lambda: 1, lambda: 1, []), ValueError, "must be provided"),
        (lambda: tf.while_loop(lambda i: i, lambda i: i, [0]), TypeError, "expected type of bool"),
        (lambda: tf.while_loop(lambda i: [True, False], lambda i: i, [0]), ValueError, "rank 0"),
        (lambda: tf.while_loop(lambda i, j: i < 1, lambda i, j: i, [0, 0]), ValueError, "structu"),
        (lambda: tf.while_loop(
            lambda s: True, lambda s: tf.concat([s, s], 0), [tf.constant([1.0])]),
         ValueError, r"enters the loop with shape \(1,\), but has shape \(2,\)"),
        (lambda: tf.while_loop(lambda i: i < 1, lambda i: i + 0.5, [tf.constant(0)]),
         (TypeError, ValueError), "int32"),
    ],
)  # fmt: skip
def test_what_while_loop_refuses(call, error, text):
    with pytest.raises(error, match=text):
        call()


# -- functions of slices --------------------------------------------------------------------------


def test_functions_along_the_first_axis():
    x = tf.placeholder(tf.float32, [None, 2])
    w = tf.constant([1.0, 2.0])
    mapped = tf.map_fn(lambda row: tf.reduce_sum(row * w), x)
    assert mapped.name == "map/TensorArrayStack/TensorArrayGatherV3:0"
    found = [
        mapped,
        tf.foldl(lambda a, row: a + row, x),
        tf.foldr(lambda a, row: a - row, x, tf.zeros([2])),
        tf.scan(lambda a, row: a + row, x),
        tf.gradients(mapped, w)[0],
    ]
    assert [t.shape.as_list() for t in found] == [[None], [2], [2], [None, 2], [2]]
    values = run(found, {x: [[1, 2], [3, 4]]})
    expected = [[5, 11], [4, 6], [-4, -6], [[1, 2], [4, 6]], [4, 6]]
    assert [v.tolist() for v in values] == expected
    assert is_native(found, {x: [[1, 2], [3, 4]]})


def test_map_fn_with_other_results():
    x = tf.constant([1.0, 2.0])
    pair = tf.map_fn(lambda e: (e, tf.cast(e, tf.int32)), x, dtype=(tf.float32, tf.int32))
    assert [v.tolist() for v in run(pair)] == [[1.0, 2.0], [1, 2]]
    both = tf.map_fn(lambda e: e[0] * e[1], (x, x), dtype=tf.float32)
    assert run(both).tolist() == [1.0, 4.0]
    with pytest.raises(ValueError, match="same nested structure"):
        tf.map_fn(lambda e: (e, e), x)
    with pytest.raises(ValueError, match="must be 1\\+ dimensional"):
        tf.map_fn(lambda e: e, tf.constant(1.0))
    with pytest.raises(TypeError, match="not callable"):
        tf.map_fn(3, x)


def test_random_numbers_in_loops_differ_by_iteration_and_run():
    drawn = tf.map_fn(lambda e: tf.random_uniform([]), tf.zeros([4]))
    with tf.Session() as sess:
        first, second = sess.run(drawn), sess.run(drawn)
    assert len({*first.tolist(), *second.tolist()}) == 8


def test_gradients_of_loops_see_the_numbers_that_were_drawn():
    x = tf.constant(2.0)
    y = tf.reduce_sum(tf.map_fn(lambda e: x * tf.random_uniform([]), tf.zeros([4])))
    (g,) = tf.gradients(y, x)
    value, gradient = run([y, g])
    assert np.isclose(value, 2.0 * gradient)
