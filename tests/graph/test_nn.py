"""`tf.nn` with TensorFlow 1's arguments. Sums and deviations are TensorFlow 2.21's."""

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

X = np.random.RandomState(0).randn(3, 6, 6, 2).astype(np.float32)
_random = np.random.RandomState(0)
_random.randn(*X.shape)
W = _random.randn(3, 3, 2, 4).astype(np.float32)
ONES = [1, 1, 1, 1]

CASES = [
    (lambda x, w: tf.nn.conv2d(x, w, strides=ONES, padding="SAME"), "Conv2D", -59.047, 3.842),
    (
        lambda x, w: tf.nn.conv2d(x, filter=w, strides=[1, 2, 2, 1], padding="VALID"),
        "Conv2D",
        22.55,
        5.55,
    ),
    (
        lambda x, w: tf.nn.conv2d(x, filters=w, strides=1, padding="VALID", dilations=2),
        "Conv2D",
        45.672,
        4.006,
    ),
    (lambda x, w: tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"), "MaxPool", 55.359, 0.778),
    (
        lambda x, w: tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=ONES, padding="VALID"),
        "AvgPool",
        10.603,
        0.579,
    ),
    (
        lambda x, w: tf.nn.conv2d_transpose(
            x,
            tf.transpose(w, [0, 1, 3, 2]),
            tf.stack([tf.shape(x)[0], 12, 12, 4]),
            [1, 2, 2, 1],
        ),
        "conv2d_transpose",
        -76.901,
        2.031,
    ),
    (lambda x, w: tf.nn.depthwise_conv2d(x, w, ONES, "SAME"), "depthwise", -59.047, 2.705),
    (
        lambda x, w: tf.nn.separable_conv2d(x, w, tf.ones([1, 1, 8, 5]), ONES, "SAME"),
        "separable_conv2d",
        -295.233,
        6.717,
    ),
    (lambda x, w: tf.nn.softmax(x, dim=1), "Softmax", 36.0, 0.145),
    (lambda x, w: tf.nn.log_softmax(x), "LogSoftmax", -196.428, 0.764),
    (
        lambda x, w: tf.nn.batch_normalization(x, 0.0, 1.0, None, None, 1e-3),
        "batchnorm",
        13.957,
        1.002,
    ),
    (lambda x, w: tf.nn.moments(x, [0], keep_dims=True)[1], "moments", 47.603, 0.602),
    (
        lambda x, w: tf.nn.fused_batch_norm(x, [1.0, 2.0], [0.0, 1.0])[0],
        "FusedBatchNormV3",
        108.0,
        1.658,
    ),
    (
        lambda x, w: tf.nn.fused_batch_norm(x, [1.0, 2.0], [0.0, 1.0])[2],
        "FusedBatchNormV3",
        2.025,
        0.002,
    ),
    (lambda x, w: tf.nn.bias_add(x, [1.0, 2.0]), "BiasAdd", 337.964, 1.14),
    (lambda x, w: tf.nn.l2_normalize(x, dim=1), "l2_normalize", 3.77, 0.408),
    (lambda x, w: tf.nn.lrn(x), "LRN", 4.411, 0.525),
    (lambda x, w: tf.nn.lrn(x, 1, bias=2.0, alpha=0.1, beta=0.7), "LRN", 6.902, 0.553),
    (
        lambda x, w: tf.nn.xw_plus_b(x[:, 0, 0], tf.ones([2, 2]), tf.ones([2])),
        "xw_plus_b",
        16.793,
        1.421,
    ),
]


@pytest.mark.parametrize("make, name, total, spread", CASES)
def test_values_and_names(make, name, total, spread):
    x = tf.placeholder(tf.float32, [None, 6, 6, 2])
    found = make(x, tf.constant(W))
    assert found.op.name == name
    with tf.Session() as sess:
        value = np.float64(sess.run(found, {x: X}))
    assert abs(value.sum() - total) < 2e-3
    assert abs(value.std() - spread) < 1e-3


def test_dropout_by_the_part_that_is_kept():
    x, keep = tf.placeholder(tf.float32, [None, 50]), tf.placeholder(tf.float32)
    y = tf.nn.dropout(x, keep)
    ones = np.ones((40, 50), np.float32)
    with tf.Session() as sess:
        assert np.array_equal(sess.run(y, {x: ones, keep: 1.0}), ones)
        first, second = (sess.run(y, {x: ones, keep: 0.25}) for _ in range(2))
        assert set(np.unique(first)) == {0.0, 4.0}
        assert abs((first > 0).mean() - 0.25) < 0.05
        assert not np.array_equal(first, second)
    with pytest.raises(ValueError, match="provide"):
        tf.nn.dropout(x)


def test_names_of_arguments_exclude_each_other():
    x = tf.constant(X)
    with pytest.raises(ValueError, match="Cannot specify both 'axis' and 'dim'"):
        tf.nn.softmax(x, axis=1, dim=1)
    with pytest.raises(ValueError, match="in the list of allowed values"):
        tf.nn.conv2d(x, W, ONES, "FOO")
    with pytest.raises(ValueError, match="evenly divisible"):
        tf.nn.conv2d(x, np.ones((3, 3, 3, 4), np.float32), ONES, "SAME")
    with pytest.raises(NotImplementedError, match="several parts"):
        tf.nn.embedding_lookup([x, x], [0])
