"""tf.nn against NumPy and SciPy, its derivatives against differences, its errors."""

import numpy as np
import pytest
import scipy.signal
import scipy.special as special

import tensorwright as tf

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4)).astype(np.float32)
LABELS = np.array([1, 0, 3], np.int32)
P = special.softmax(RNG.standard_normal((3, 4)), axis=1).astype(np.float32)
IMAGE = RNG.standard_normal((2, 7, 6, 3)).astype(np.float32)

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": np.tanh,
    "softmax": lambda x: special.softmax(x, axis=-1),
    "log_softmax": lambda x: special.log_softmax(x, axis=-1),
}


def in_both_modes(function, *arrays):
    """The results of a call outside of and inside a compiled function, which have to agree."""
    tensors = [tf.constant(a) for a in arrays]
    eager = function(*tensors).numpy()
    traced = tf.function(function)(*tensors).numpy()
    assert eager.dtype == traced.dtype and np.allclose(eager, traced, rtol=1e-5, atol=1e-6)
    return eager


def slopes_agree(function, *arrays):
    """The derivative of a weighted sum against central differences in double precision."""
    arrays = [np.asarray(a, np.float64) for a in arrays]
    weights = RNG.standard_normal(function(*[tf.constant(a) for a in arrays]).shape)
    tensors = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = tf.reduce_sum(function(*tensors) * weights)
    for k, found in enumerate(tape.gradient(value, tensors)):
        direction = RNG.standard_normal(arrays[k].shape)
        ends = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[k] = arrays[k] + sign * 1e-6 * direction
            ends.append(np.sum(function(*[tf.constant(a) for a in moved]).numpy() * weights))
        assert np.sum(found.numpy() * direction) == pytest.approx(
            (ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-6
        )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    found = in_both_modes(getattr(tf.nn, name), X)
    assert found.dtype == np.float32
    assert np.allclose(found, ACTIVATIONS[name](X.astype(np.float64)), rtol=1e-5, atol=1e-6)
    slopes_agree(getattr(tf.nn, name), X)


@pytest.mark.parametrize(
    ("name", "at_zero"),
    [
        ("relu", 0.0),
        ("relu6", 0.0),
        ("sigmoid", 0.25),
        ("softplus", 0.5),
        ("silu", 0.5),
        ("elu", 1.0),
    ],
)
def test_derivatives_at_zero_and_far_out(name, at_zero):
    x = tf.constant([0.0, -200.0, 200.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = getattr(tf.nn, name)(x)
    found = tape.gradient(y, x).numpy()
    assert found[0] == at_zero and np.isfinite(found).all()


def test_losses():
    cross = in_both_modes(lambda p, x: tf.nn.softmax_cross_entropy_with_logits(p, x), P, X)
    assert np.allclose(cross, -(P * special.log_softmax(X, axis=1)).sum(1), rtol=1e-5)
    by_class = in_both_modes(lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, x), X)
    assert np.allclose(by_class, -special.log_softmax(X, axis=1)[range(3), LABELS], rtol=1e-5)
    logistic = in_both_modes(lambda p, x: tf.nn.sigmoid_cross_entropy_with_logits(p, x), P, X)
    expected = -P * special.log_expit(X) - (1 - P) * special.log_expit(-X)
    assert np.allclose(logistic, expected, rtol=1e-5, atol=1e-6)
    weighted = tf.nn.weighted_cross_entropy_with_logits(P, X, 2.0)
    expected = -2 * P * special.log_expit(X) - (1 - P) * special.log_expit(-X)
    assert np.allclose(weighted, expected, rtol=1e-5, atol=1e-6)
    assert tf.nn.l2_loss(X).numpy() == pytest.approx((X**2).sum() / 2, rel=1e-6)
    poisson = tf.nn.log_poisson_loss(P, X)
    assert np.allclose(poisson, np.exp(X) - X * P, rtol=1e-5)


def test_derivatives_of_losses():
    # probabilities only: for other labels the derivative is TensorFlow's, which takes them as such
    slopes_agree(lambda x: tf.nn.softmax_cross_entropy_with_logits(P.astype(np.float64), x), X)
    slopes_agree(lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, x), X)
    slopes_agree(tf.nn.sigmoid_cross_entropy_with_logits, P, X)
    x = tf.constant([[1000.0, 0.0, -1000.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits([1], x)
    assert loss.numpy() == [1000.0]
    assert tape.gradient(loss, x).numpy().tolist() == [[1.0, -1.0, 0.0]]


def test_normalisation():
    mean, variance = tf.nn.moments(tf.constant(X), [0])
    assert np.allclose(mean, X.mean(0), atol=1e-6) and np.allclose(variance, X.var(0), atol=1e-6)
    assert tf.nn.moments(tf.constant(X), [0, 1], keepdims=True)[0].shape == (1, 1)
    found = in_both_modes(lambda x: tf.nn.batch_normalization(x, X[0], P[0], X[1], X[2], 1e-3), X)
    assert np.allclose(found, (X - X[0]) / np.sqrt(P[0] + 1e-3) * X[2] + X[1], rtol=1e-4, atol=1e-5)
    unit = in_both_modes(lambda x: tf.nn.l2_normalize(x, axis=1), X)
    assert np.allclose((unit**2).sum(1), 1, rtol=1e-5)
    biased = in_both_modes(lambda x, b: tf.nn.bias_add(x, b), X, X[0])
    assert np.array_equal(biased, X + X[0])
    assert tf.nn.zero_fraction([0.0, 1.0, 0.0]).numpy() == np.float32(2 / 3)


def test_dropout():
    tf.random.set_seed(1)
    kept = tf.nn.dropout(tf.ones([10_000]), 0.3, seed=4).numpy()
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / 0.7)}
    assert (kept == 0).mean() == pytest.approx(0.3, abs=0.02)
    drop = tf.function(lambda x: tf.nn.dropout(x, 0.5))
    first, second = (drop(tf.ones([64])).numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    rows = tf.nn.dropout(tf.ones([50, 4]), 0.5, noise_shape=[50, 1]).numpy()
    assert (rows == rows[:, :1]).all()


def test_look_ups():
    values, indices = tf.nn.top_k([1.0, 3.0, 2.0, 3.0], 3)
    assert values.numpy().tolist() == [3.0, 3.0, 2.0] and indices.numpy().tolist() == [1, 3, 2]
    assert indices.dtype == tf.int32
    traced = tf.function(lambda x: tf.nn.top_k(x, 3).indices)
    assert traced(tf.constant([1.0, 3.0, 2.0, 3.0])).numpy().tolist() == [1, 3, 2]
    many = np.random.default_rng(0).integers(0, 99, (3, 300)).astype(np.float32)
    for k in (8, 9, 300):  # few are found one by one
        both = tf.nn.top_k(many, k), tf.function(lambda x, k=k: tf.nn.top_k(x, k))(many)
        for eager, compiled in zip(*both, strict=True):
            np.testing.assert_array_equal(eager.numpy(), compiled.numpy())
    assert tf.nn.in_top_k([0, 1], [[1.0, 2.0], [1.0, 2.0]], 1).numpy().tolist() == [False, True]
    table = tf.constant(X)
    assert np.array_equal(tf.nn.embedding_lookup(table, [[2, 0]]), X[[[2, 0]]])
    clipped = tf.nn.embedding_lookup(table, [0, 1, 2], max_norm=0.5).numpy()
    assert np.linalg.norm(clipped, axis=1).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution(padding, stride):
    filters = RNG.standard_normal((3, 2, 3, 4)).astype(np.float32)
    found = in_both_modes(lambda x, w: tf.nn.conv2d(x, w, stride, padding), IMAGE, filters)
    pads = ((0, 0), (1, 1), (0, 1), (0, 0)) if padding == "SAME" else ((0, 0),) * 4
    if padding == "SAME" and stride == 2:
        pads = ((0, 0), (1, 1), (0, 0), (0, 0))
    padded = np.pad(IMAGE, pads)
    expected = sum(
        scipy.signal.correlate(padded[n], filters[..., o], "valid")[:, :, 0][None, ..., None]
        * np.eye(2)[n][:, None, None, None]
        * np.eye(4)[o]
        for n in range(2)
        for o in range(4)
    )[:, ::stride, ::stride]
    assert found.shape == expected.shape and np.allclose(found, expected, atol=1e-4)
    slopes_agree(lambda x, w: tf.nn.conv2d(x, w, stride, padding), IMAGE[:1], filters)


def test_pooling():
    found = in_both_modes(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), IMAGE)
    assert np.array_equal(found, IMAGE[:, :6].reshape(2, 3, 2, 3, 2, 3).max((2, 4)))
    means = in_both_modes(lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"), IMAGE)
    assert np.allclose(means, IMAGE[:, :6].reshape(2, 3, 2, 3, 2, 3).mean((2, 4)), atol=1e-6)
    ones = tf.nn.avg_pool2d(tf.ones([1, 3, 3, 1]), 2, 1, "SAME")
    assert (ones.numpy() == 1).all()  # padding does not count
    slopes_agree(lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"), IMAGE[:1])
    slopes_agree(lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME"), IMAGE[:1])


def test_channels_first_and_one_axis():
    filters = RNG.standard_normal((3, 2, 3, 4)).astype(np.float32)
    last = tf.nn.conv2d(IMAGE, filters, 1, "SAME").numpy()
    first = tf.nn.conv2d(np.moveaxis(IMAGE, -1, 1), filters, 1, "SAME", data_format="NCHW").numpy()
    assert np.allclose(np.moveaxis(first, 1, -1), last, atol=1e-5)
    line = tf.nn.conv1d(IMAGE[0], filters[:, 0], 1, "VALID").numpy()
    assert np.allclose(
        line, tf.nn.conv2d(IMAGE[0][:, None], filters[None, :, 0], 1, "VALID")[:, 0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tf.nn.softmax(tf.constant([1, 2])), "InvalidArgumentError", "Op:Softmax"),
        (lambda: tf.nn.softmax([1.0], axis=3), "InvalidArgumentError", r"range \[-1, 1\).*dim=3"),
        (lambda: tf.nn.relu("a"), "InvalidArgumentError", "of string is not in the list.*Op:Relu"),
        (
            lambda: tf.nn.softmax_cross_entropy_with_logits([[0.0, 1.0, 0.0]], [[1.0, 2.0]]),
            "InvalidArgumentError",
            r"logits_size=\[1,2\] labels_size=\[1,3\]",
        ),
        (
            lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([5], [[1.0, 2.0]]),
            "InvalidArgumentError",
            r"label value of 5 which is outside the valid range of \[0, 2\)",
        ),
        (lambda: tf.nn.top_k([1.0, 2.0], 5), "InvalidArgumentError", "Had 2, needed 5"),
        (lambda: tf.nn.bias_add([[1.0, 2.0]], [1.0]), "InvalidArgumentError", "as many biases"),
        (
            lambda: tf.nn.conv2d(IMAGE, np.ones((1, 1, 2, 1), "f4"), 1, "SAME"),
            "InvalidArgumentError",
            "input depth",
        ),
        (lambda: tf.nn.max_pool2d(IMAGE, 9, 1, "VALID"), "InvalidArgumentError", "does not fit"),
    ],
)  # fmt: skip
def test_errors_of_ops(call, error, message):
    with pytest.raises(getattr(tf.errors, error), match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.nn.sigmoid_cross_entropy_with_logits([0.0], [1.0, 2.0]), "same shape"),
        (lambda: tf.nn.dropout(tf.ones([2]), 1.0), r"range \[0, 1\)"),
        (lambda: tf.nn.dropout(tf.constant([1]), 0.5), "floating point"),
        (lambda: tf.nn.gelu(tf.constant([1])), "floating point"),
        (lambda: tf.nn.conv2d(IMAGE, np.ones((1, 1, 3, 1), "f4"), 1, "FULL"), "not in the list"),
    ],
)
def test_errors_of_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.peers
def test_like_tensorflow():
    peer = pytest.importorskip("tensorflow")
    for name in ACTIVATIONS:
        assert np.allclose(getattr(tf.nn, name)(X), getattr(peer.nn, name)(X), rtol=1e-5, atol=1e-6)
    filters = RNG.standard_normal((3, 2, 3, 4)).astype(np.float32)
    for padding in ("SAME", "VALID"):
        for stride in (1, 2, [1, 2, 1, 1]):
            ours = tf.nn.conv2d(IMAGE, filters, stride, padding)
            assert np.allclose(ours, peer.nn.conv2d(IMAGE, filters, stride, padding), atol=1e-4)
            ours = tf.nn.avg_pool2d(IMAGE, [3, 2], stride, padding)
            theirs = peer.nn.avg_pool2d(IMAGE, [3, 2], stride, padding)
            assert np.allclose(ours, theirs, atol=1e-5)
