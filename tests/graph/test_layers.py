"""`tf.layers`: names of weights and outputs as in TensorFlow 1, values against NumPy."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf
from support.sessions import started
from tensorwright.frontend.tf.graph.state import MODE

X = np.random.RandomState(0).randn(6, 8, 8, 3).astype(np.float32)


def names():
    return [v.op.name for v in tf.global_variables()]


def images():
    return tf.placeholder(tf.float32, [None, 8, 8, 3])


@pytest.mark.parametrize(
    "make, name, shape, weights",
    [
        (
            lambda x: tf.layers.conv2d(x, 4, 3, activation=tf.nn.relu),
            "conv2d/Relu",
            [6, 6, 4],
            ["kernel", "bias"],
        ),
        (
            lambda x: tf.layers.conv2d(x, 4, [3, 3], 2, "same", use_bias=False),
            "conv2d/Conv2D",
            [4, 4, 4],
            ["kernel"],
        ),
        (lambda x: tf.layers.max_pooling2d(x, 2, 2), "max_pooling2d/MaxPool", [4, 4, 3], []),
        (
            lambda x: tf.layers.average_pooling2d(x, 3, 2, "same"),
            "average_pooling2d/AvgPool",
            [4, 4, 3],
            [],
        ),
        (
            lambda x: tf.layers.conv2d_transpose(x, 5, 3, 2),
            "conv2d_transpose/BiasAdd",
            [17, 17, 5],
            ["kernel", "bias"],
        ),
        (
            lambda x: tf.layers.separable_conv2d(x, 5, 3, depth_multiplier=2),
            "separable_conv2d/BiasAdd",
            [6, 6, 5],
            ["depthwise_kernel", "pointwise_kernel", "bias"],
        ),
        (lambda x: tf.layers.dense(x, 7), "dense/BiasAdd", [8, 8, 7], ["kernel", "bias"]),
        (lambda x: tf.layers.flatten(x), "flatten/Reshape", [192], []),
        (
            lambda x: tf.layers.batch_normalization(x),
            "batch_normalization/FusedBatchNormV3",
            [8, 8, 3],
            ["gamma", "beta", "moving_mean", "moving_variance"],
        ),
        (
            lambda x: tf.layers.conv1d(x[:, 0], 2, 3, name="c"),
            "c/BiasAdd",
            [6, 2],
            ["kernel", "bias"],
        ),
        (lambda x: tf.layers.max_pooling1d(x[:, 0], 2, 2), "max_pooling1d/MaxPool", [4, 3], []),
        (
            lambda x: tf.layers.conv3d(tf.reshape(x, [-1, 4, 4, 4, 3]), 2, 3),
            "conv3d/BiasAdd",
            [2, 2, 2, 2],
            ["kernel", "bias"],
        ),
    ],
)
def test_names_and_shapes(make, name, shape, weights):
    found = make(images())
    assert found.op.name == name
    assert found.shape.as_list() == [None, *shape]
    layer = name.rpartition("/")[0]
    assert names() == [f"{layer}/{w}" for w in weights]
    assert started().run(found, {"Placeholder:0": X}).shape == (6, *shape)


def test_dense_computes_an_affine_map():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.layers.dense(
        x,
        2,
        activation=tf.tanh,
        kernel_initializer=tf.constant_initializer([[1, 2], [3, 4], [5, 6]]),
        bias_initializer=tf.ones_initializer(),
    )
    value = started().run(y, {x: X[0, 0, :2]})
    kernel = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert np.allclose(value, np.tanh(X[0, 0, :2] @ kernel + 1), rtol=1e-5)


def test_weights_are_shared_by_name_and_scope():
    x = tf.placeholder(tf.float32, [None, 3])
    first = tf.layers.dense(x, 4, name="out")
    again = tf.layers.dense(x, 4, name="out", reuse=True)
    with pytest.raises(ValueError, match="out/kernel already exists"):
        tf.layers.dense(x, 4, name="out")
    for _ in range(2):
        with tf.variable_scope("net", reuse=tf.AUTO_REUSE):
            tf.layers.dense(tf.layers.dense(x, 5), 5)
    assert names() == [
        "out/kernel", "out/bias", "net/dense/kernel", "net/dense/bias", "net/dense_1/kernel",
        "net/dense_1/bias",
    ]  # fmt: skip
    a, b = started().run([first, again], {x: X[0, 0]})
    assert np.array_equal(a, b)


def test_layers_as_objects_keep_their_weights():
    layer = tf.layers.Dense(3, kernel_regularizer=lambda w: tf.reduce_sum(w * w))
    with pytest.raises(ValueError, match="has not been used yet"):
        _ = layer.scope_name
    x = tf.placeholder(tf.float32, [None, 3])
    assert [layer(x).name, layer(x).name] == ["dense/BiasAdd:0", "dense/BiasAdd_1:0"]
    assert [v.name for v in layer.trainable_weights] == ["dense/kernel:0", "dense/bias:0"]
    assert (layer.scope_name, layer.count_params()) == ("dense", 12)
    assert tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == layer.losses
    sess = started()
    assert np.allclose(sess.run(layer.losses[0]), np.square(sess.run(layer.kernel)).sum())


def test_regularisers_of_keras_and_of_outputs():
    x = tf.ones([2, 3])
    tf.layers.dense(
        x, 1, kernel_initializer=tf.ones_initializer(),
        kernel_regularizer=tf.keras.regularizers.l2(0.5), activity_regularizer=tf.reduce_sum,
    )  # fmt: skip
    assert started().run(tf.get_collection("regularization_losses")) == [1.5, 6.0]


def test_dropout_in_training_only():
    x, training = tf.placeholder(tf.float32, [None, 100]), tf.placeholder_with_default(False, [])
    switched = tf.layers.dropout(x, 0.25, training=training)
    never, always = tf.layers.dropout(x), tf.layers.dropout(x, 0.5, training=True)
    assert never.op.name == "dropout_1/Identity"
    sess, ones = started(), np.ones((20, 100), np.float32)
    assert np.array_equal(sess.run(switched, {x: ones}), ones)
    assert np.array_equal(sess.run(never, {x: ones}), ones)
    found = sess.run(switched, {x: ones, training: True})
    assert np.allclose(np.unique(found), [0, 4 / 3])
    assert abs((found == 0).mean() - 0.25) < 0.05
    assert abs((sess.run(always, {x: ones}) == 0).mean() - 0.5) < 0.06


@pytest.mark.parametrize("rank", [4, 2])
def test_batch_normalisation_moves_its_averages(rank):
    values = X if rank == 4 else X[:, 0, 0]
    x = tf.placeholder(tf.float32, [None, *values.shape[1:]])
    training = tf.placeholder(tf.bool, [])
    y = tf.layers.batch_normalization(x, momentum=0.9, training=training)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert [u.op.name for u in updates] == [
        "batch_normalization/AssignMovingAvg", "batch_normalization/AssignMovingAvg_1",
    ]  # fmt: skip
    assert [v.op.name for v in tf.trainable_variables()] == [
        "batch_normalization/gamma", "batch_normalization/beta",
    ]  # fmt: skip
    mean, variance = tf.global_variables()[2:]
    axes = tuple(range(rank - 1))
    centre, spread = values.mean(axes), values.var(axes)
    sess = started()
    found, _ = sess.run([y, updates], {x: values, training: True})
    assert np.allclose(found, (values - centre) / np.sqrt(spread + 1e-3), atol=1e-4)
    count = values.size // 3
    unbiased = spread * count / (count - 1) if rank == 4 else spread
    moved = [0.1 * centre, 0.9 + 0.1 * unbiased]
    assert np.allclose(sess.run(mean), moved[0], atol=1e-5)
    assert np.allclose(sess.run(variance), moved[1], atol=1e-5)
    found, _ = sess.run([y, updates], {x: values, training: False})
    assert np.allclose(found, (values - moved[0]) / np.sqrt(moved[1] + 1e-3), atol=1e-4)
    assert np.allclose(sess.run(mean), moved[0], atol=1e-5)


def test_a_network_learns():
    tf.set_random_seed(1)  # units may begin dead, and few of four
    x, training = images(), tf.placeholder(tf.bool, [])
    wanted = X[:, :1, 0, 0]
    h = tf.layers.conv2d(x, 4, 3, activation=tf.nn.relu)
    h = tf.layers.batch_normalization(h, training=training)
    h = tf.layers.dense(tf.layers.flatten(tf.layers.max_pooling2d(h, 2, 2)), 8, tf.nn.relu)
    loss = tf.reduce_mean(tf.square(tf.layers.dense(h, 1) - wanted))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(0.01).minimize(loss)
    sess, feeds = started(), {x: X, training: True}
    before = sess.run(loss, feeds)
    for _ in range(60):
        sess.run(step, feeds)
    assert sess.run(loss, feeds) < 0.2 * before


def test_wrong_inputs_are_refused():
    x = tf.placeholder(tf.float32, [None, 4, 5])
    with pytest.raises(ValueError, match="last dimension of the inputs to `Dense` should be def"):
        tf.layers.dense(tf.placeholder(tf.float32, [None, None]), 3)
    with pytest.raises(ValueError, match="its rank is undefined"):
        tf.layers.dense(tf.placeholder(tf.float32), 3)
    with pytest.raises(ValueError, match="expected min_ndim=4, found ndim=3"):
        tf.layers.conv2d(x, 3, 3)
    with pytest.raises(ValueError, match="must be a tuple of 1 integers"):
        tf.layers.conv1d(x, 3, [1, 2])
    with pytest.raises(ValueError, match="data_format"):
        tf.layers.max_pooling1d(x, 3, 1, data_format="NWC")
    with pytest.raises(TypeError, match="Keyword argument not understood: foo"):
        tf.layers.dense(x, 3, foo=1)
    with pytest.raises(NotImplementedError, match="renorm"):
        tf.layers.batch_normalization(x, renorm=True)


def test_layers_of_eager_programs():
    MODE.is_eager = True
    layer = tf.layers.Dense(2, kernel_initializer=tf.ones_initializer())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(X[0, 0]))
    assert np.allclose(loss.numpy(), 2 * X[0, 0].sum(), rtol=1e-4)
    gradient = tape.gradient(loss, layer.kernel)
    assert np.allclose(gradient.numpy()[:, 0], X[0, 0].sum(0), rtol=1e-4)
    assert tf.layers.batch_normalization(X, training=True).shape.as_list() == [6, 8, 8, 3]


def test_layers_in_branches_have_their_weights_outside():
    choice, x = tf.placeholder(tf.bool, []), tf.ones([2, 2])
    with tf.Session() as sess:  # the graph is entered once more, by the weights
        found = tf.cond(
            choice,
            lambda: tf.layers.dense(x, 3, kernel_initializer=tf.ones_initializer()),
            lambda: tf.zeros([2, 3]),
        )
        assert names() == ["dense/kernel", "dense/bias"]
        sess.run(tf.global_variables_initializer())
        assert sess.run(found, {choice: True}).tolist() == [[2.0] * 3] * 2
        assert sess.run(found, {choice: False}).tolist() == [[0.0] * 3] * 2
