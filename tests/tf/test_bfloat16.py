"""tf.bfloat16: every op keeps the dtype, computes in float32 and rounds once."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tf

X = tf.constant([[1.5, -2.25, 0.5], [0.1, 3.0, -1.0]], tf.bfloat16)
WIDE = tf.cast(X, tf.float32)

OPS = {
    "add a number": lambda x: x + 1.5,
    "multiply": lambda x: x * x,
    "product": lambda x: tf.matmul(x, x, transpose_b=True),
    "softmax": tf.nn.softmax,
    "gelu": tf.nn.gelu,
    "sigmoid": tf.sigmoid,
    "mean": lambda x: tf.reduce_mean(x, 1),
    "logsumexp": tf.reduce_logsumexp,
    "maximum": lambda x: tf.reduce_max(x, 0),
    "where": lambda x: tf.where(x > 0, x, 0),
    "concat": lambda x: tf.concat([x, x], 1),
    "gather": lambda x: tf.gather(x, [1, 0]),
    "clip": lambda x: tf.clip_by_value(x, -1, 1),
    "transpose": tf.transpose,
    "einsum": lambda x: tf.einsum("ij,kj->ik", x, x),
    "normalise": lambda x: tf.math.l2_normalize(x, 1),
}


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize("name", OPS)
def test_ops(name, traced):
    op = tf.function(OPS[name]) if traced else OPS[name]
    found = op(X)
    assert found.dtype is tf.bfloat16
    expected = tf.cast(OPS[name](WIDE), tf.bfloat16)
    wide = [t.numpy().astype(np.float32) for t in (found, expected)]
    np.testing.assert_allclose(*wide, rtol=2**-7)


@pytest.mark.parametrize("name", OPS)
def test_gradients(name):
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.cast(OPS[name](x), tf.float32) ** 2)
        return tape.gradient(y, x)

    found, expected = gradient(X), gradient(WIDE)
    assert found.dtype is tf.bfloat16
    np.testing.assert_allclose(
        found.numpy().astype(np.float32), expected.numpy(), rtol=0.05, atol=0.05
    )


def test_conversions():
    assert tf.cast([1, 2], "bfloat16").dtype is tf.bfloat16
    assert tf.cast(X, tf.int32).numpy().tolist() == [[1, -2, 0], [0, 3, -1]]
    assert tf.bitcast(X, tf.uint16).numpy()[0, 0] == 0x3FC0
    array = np.ones(3, tf.bfloat16.as_numpy_dtype)
    assert tf.constant(array).dtype is tf.bfloat16 is tf.as_dtype(array.dtype)
    assert (tf.bfloat16.size, tf.bfloat16.is_floating, tf.bfloat16.as_datatype_enum) == (
        2,
        True,
        14,
    )
    assert float(tf.bfloat16.max) == pytest.approx(3.39e38, rel=1e-2)


def test_variables():
    v = tf.Variable(X)
    v.assign_add(X)
    assert v.dtype is tf.bfloat16
    np.testing.assert_array_equal(v.numpy().astype(np.float32), 2 * WIDE.numpy())


@pytest.mark.parametrize("draw", [tf.random.normal, tf.random.uniform, tf.random.truncated_normal])
def test_random_numbers(draw):
    found = draw((1000,), dtype=tf.bfloat16)
    assert found.dtype is tf.bfloat16
    assert len(np.unique(found.numpy().view(np.uint16))) > 60


def test_other_floats_are_refused_beside_it():
    with pytest.raises(tf.errors.InvalidArgumentError, match="bfloat16 tensor but is a float"):
        X + tf.constant(1.0)
