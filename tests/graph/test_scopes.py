"""Name scopes, variable scopes, `get_variable`, devices. Names are TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from tensorwright.frontend.tf.graph.state import MODE


def evaluated(x):
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(x)


def test_scopes_give_prefixes():
    with tf.variable_scope("a") as scope:
        assert tf.get_variable("v", [2]).name == "a/v:0"
        assert (scope.name, scope.original_name_scope) == ("a", "a/")
        assert tf.constant(1).name == "a/Const:0"
        with tf.variable_scope("b"):
            assert tf.get_variable("w", [1]).name == "a/b/w:0"
            assert tf.Variable(1.0).name == "a/b/Variable:0"
    with tf.variable_scope("a"):
        assert tf.constant(1).name == "a_1/Const:0"
        assert tf.Variable(1.0).name == "a_1/Variable:0"
    assert tf.get_variable_scope().name == ""


def test_name_scopes():
    with tf.name_scope("n") as n:
        assert n == "n/"
        assert tf.get_variable("v", [2]).name == "v:0"
        assert tf.Variable(1.0).name == "n/Variable:0"
    for arguments, prefix in [((None,), ""), ((None, "dd"), "dd/"), (("n",), "n_1/")]:
        with tf.name_scope(*arguments, values=[tf.constant(1)]) as found:
            assert found == prefix
    with tf.name_scope("n/") as again:
        assert again == "n/"
    with pytest.raises(TypeError):
        tf.name_scope(3)


def test_variables_are_shared_by_name():
    with tf.variable_scope("a"):
        v = tf.get_variable("v", [2])
    with tf.variable_scope("a", reuse=True) as scope:
        assert tf.get_variable("v", [2]) is v
        assert tf.get_variable("v") is v
        with pytest.raises(ValueError, match="Variable a/u does not exist, or was not created"):
            tf.get_variable("u", [2])
        with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2,\)"):
            tf.get_variable("v", [3])
        with pytest.raises(ValueError, match="specified dtype int32 and found dtype float32_ref"):
            tf.get_variable("v", [2], tf.int32)
        with tf.variable_scope("inner", reuse=False) as inner:
            assert inner.reuse is True
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [2]) is v
        assert tf.get_variable("new", [2]).name == "a/new:0"
    with tf.variable_scope("a"):
        with pytest.raises(ValueError, match="Variable a/v already exists, disallowed"):
            tf.get_variable("v", [2])
        tf.get_variable_scope().reuse_variables()
        assert tf.get_variable("v", [2]) is v
    with tf.variable_scope(scope, auxiliary_name_scope=False):
        assert tf.get_variable("v") is v
        assert tf.constant(1).name == "Const:0"


def test_default_names_are_numbered():
    names = []
    for _ in range(2):
        with tf.variable_scope(None, default_name="d") as scope:
            names.append((scope.name, tf.get_variable("v", [1]).name))
    assert names == [("d", "d/v:0"), ("d_1", "d_1/v:0")]
    for _ in range(2):  # numbers begin anew when a scope is entered again
        with tf.variable_scope("outer", reuse=tf.AUTO_REUSE), tf.variable_scope(None, "d") as inner:
            assert inner.name == "outer/d"
    with pytest.raises(TypeError, match="name_or_scope is required"):
        tf.variable_scope(None)
    with pytest.raises(ValueError, match="reuse parameter must be True or False or None"):
        tf.variable_scope("x", reuse=3)


def test_scopes_have_defaults():
    def doubled(w):
        return 2.0 * tf.reduce_sum(w)

    settings = {"initializer": tf.constant_initializer(3.0), "dtype": tf.float64}
    with tf.variable_scope("s", regularizer=doubled, **settings):
        v = tf.get_variable("v", [2])
        with tf.variable_scope("t", regularizer=tf.no_regularizer):
            tf.get_variable("v", [2])
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert loss.op.name.startswith("s/v/Regularizer/")
    assert v.dtype.base_dtype == tf.float64
    assert evaluated(v).tolist() == [3.0, 3.0]
    assert evaluated(loss) == 12.0


def test_initial_values_are_values_or_functions():
    assert evaluated(tf.get_variable("a", initializer=[1.0, 2.0])).tolist() == [1.0, 2.0]
    assert evaluated(tf.get_variable("b", [2], initializer=tf.ones_initializer)).tolist() == [1, 1]
    assert evaluated(tf.get_variable("c", [2], tf.int32)).tolist() == [0, 0]
    assert evaluated(tf.get_variable("d", initializer=lambda: tf.fill([2], 7.0))).tolist() == [7, 7]
    function = tf.get_variable("e", [3], initializer=lambda shape, dtype: tf.ones(shape, dtype))
    assert evaluated(function).tolist() == [1, 1, 1]
    limit = np.sqrt(6.0 / 30)
    drawn = evaluated(tf.get_variable("f", [10, 20]))
    assert limit * 0.9 < np.abs(drawn).max() <= limit
    for arguments, message in [
        ({}, "did not get an initializer"),
        ({"shape": [2], "initializer": [1.0, 2.0]}, "do not specify shape"),
        ({"shape": [None, 3]}, "fully defined"),
        ({"initializer": lambda shape, dtype: shape}, "The initializer passed is not valid"),
    ]:
        with pytest.raises(ValueError, match=message):
            tf.get_variable("bad", **arguments)
    with pytest.raises(NotImplementedError, match="partitioners"):
        tf.get_variable("bad", [2], partitioner=lambda **_: [1])


def test_collections_and_local_variables():
    local = tf.get_local_variable("local", [2])
    mine = tf.get_variable("mine", [2], trainable=False, collections=["mine"])
    assert tf.local_variables() == [local]
    assert tf.get_collection("mine") == [mine]
    assert tf.trainable_variables() == tf.global_variables() == []
    with tf.variable_scope("s") as scope:
        v = tf.get_variable("v", [1])
    assert scope.trainable_variables() == scope.global_variables() == [v]


def test_custom_getters_are_called_instead():
    seen = []

    def getter(getter, name, *args, **kwargs):
        seen.append((name, kwargs["shape"]))
        return getter(name, *args, **kwargs)

    with tf.variable_scope("s", custom_getter=getter):
        assert tf.get_variable("v", [2]).name == "s/v:0"
        tf.get_variable("w", [3], custom_getter=getter)
    assert seen == [("s/v", [2]), ("s/w", [3]), ("s/w", [3])]


@pytest.mark.parametrize(
    ("make", "spread"),
    [
        (tf.truncated_normal_initializer(stddev=0.5), 0.44),
        (tf.random_normal_initializer(1.0, 0.5), 0.5),
        (tf.random_uniform_initializer(-1.0, 1.0), 0.577),
        (tf.glorot_normal_initializer(), np.sqrt(2 / 60)),
        (tf.initializers.he_normal(), np.sqrt(2 / 20)),
        (tf.initializers.lecun_uniform(), np.sqrt(1 / 20)),
        (tf.variance_scaling_initializer(2.0, "fan_out", "uniform"), np.sqrt(2 / 40)),
    ],
)
def test_initialisers_have_the_right_spread(make, spread):
    tf.set_random_seed(1)
    assert (
        abs(np.std(evaluated(tf.get_variable("w", [20, 40], initializer=make))) / spread - 1) < 0.1
    )


def test_structured_initialisers():
    q = evaluated(tf.get_variable("q", [4, 3], initializer=tf.orthogonal_initializer(2.0)))
    assert np.allclose(q.T @ q, 4 * np.eye(3), atol=1e-5)
    eye = evaluated(tf.get_variable("i", [2, 3], initializer=tf.initializers.identity(3.0)))
    assert eye.tolist() == [[3, 0, 0], [0, 3, 0]]
    filled = evaluated(tf.get_variable("c", [4], initializer=tf.constant_initializer([1, 2])))
    assert filled.tolist() == [1, 2, 2, 2]
    with pytest.raises(ValueError, match="Too many elements provided"):
        tf.get_variable("d", [1], initializer=tf.constant_initializer([1, 2]))
    assert tf.random_normal_initializer(1.0).get_config() == {
        "mean": 1.0, "stddev": 1.0, "seed": None, "dtype": "float32",
    }  # fmt: skip


def test_seeds_of_graphs_fix_what_is_drawn():
    drawn = []
    for _ in range(2):
        with tf.Graph().as_default():
            tf.set_random_seed(7)
            with tf.Session() as sess:
                x = tf.random_normal([3])
                drawn.append([sess.run(x).tolist(), sess.run(x).tolist()])
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["/cpu:0"], "/device:CPU:0"),
        (["/device:GPU:0"], "/device:GPU:0"),
        (["/job:ps/task:0", "/cpu:0"], "/job:ps/task:0/device:CPU:0"),
        (["/job:ps/task:0", None], ""),
        ([lambda op: "/gpu:1"], "/gpu:1"),
    ],
)
def test_devices_are_noted(names, expected):
    if len(names) == 1:
        with tf.device(names[0]):
            assert tf.constant(1).device == expected
    else:
        with tf.device(names[0]), tf.device(names[1]):
            assert tf.constant(1).device == expected


def test_scopes_of_eager_programs():
    MODE.is_eager = True
    with tf.variable_scope("a"), tf.name_scope("n"), tf.device("/cpu:0"):
        v = tf.get_variable("v", [2], initializer=tf.constant_initializer(2.0))
        assert v.name == "a/v:0"
        assert v.numpy().tolist() == [2.0, 2.0]
        assert tf.get_variable("v", [2]) is not v
