"""tf.nn and tf.image in functions of arrays: in tw.jit and tw.grad they take and give arrays."""

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.errors import UnsupportedError

RNG = np.random.default_rng(1)
IMAGES = RNG.standard_normal((2, 6, 6, 3))
FILTERS = RNG.standard_normal((3, 3, 3, 4))
ROWS = RNG.standard_normal((3, 5))
SHARES = RNG.dirichlet(np.ones(5), 3)
LABELS = np.array([1, 4, 0])

CASES = {
    "conv2d": (lambda x: tw.nn.conv2d(x, FILTERS, 2, "SAME"), IMAGES),
    "conv2d_transpose": (
        lambda x: tw.nn.conv2d_transpose(x, FILTERS[..., :2, :3], (2, 12, 12, 2), 2),
        IMAGES,
    ),
    "max_pool2d": (lambda x: tw.nn.max_pool2d(x, 2, 2, "SAME"), IMAGES),
    "avg_pool2d": (lambda x: tw.nn.avg_pool2d(x, 3, 2, "VALID"), IMAGES),
    "softmax": (lambda x: tw.nn.softmax(x), ROWS),
    "gelu": (lambda x: tw.nn.gelu(x), ROWS),
    "sparse": (lambda x: tw.nn.sparse_softmax_cross_entropy_with_logits(LABELS, x), ROWS),
    "by name": (lambda x: tw.nn.softmax_cross_entropy_with_logits(labels=SHARES, logits=x), ROWS),
    "sigmoid": (lambda x: tw.nn.sigmoid_cross_entropy_with_logits(SHARES, x), ROWS),
    "top_k": (lambda x: tw.nn.top_k(x, 2).values, ROWS),
    "moments": (lambda x: tw.nn.moments(x, [0])[1], ROWS),
    "lookup": (lambda x: tw.nn.embedding_lookup(x, np.array([1, 1, 0])), ROWS),
    "resize": (lambda x: tw.image.resize(x, (3, 8)), IMAGES.astype(np.float32)),
    "gradients": (lambda x: tw.image.image_gradients(x)[0], IMAGES),
}


@pytest.mark.parametrize("name", CASES)
def test_arrays_in_and_out(name):
    function, x = CASES[name]
    expected = np.asarray(function(tw.constant(x)))
    found = tw.jit(function)(x)
    assert type(found) is np.ndarray and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    weights = RNG.standard_normal(expected.shape)
    slopes = tw.grad(lambda x: np.sum(function(x) * weights))(x)
    direction = RNG.standard_normal(x.shape)
    step = 1e-6 if x.dtype == np.float64 else 1e-2  # resizing is linear
    ends = [
        np.sum(np.asarray(function(tw.constant((x + s * direction).astype(x.dtype)))) * weights)
        for s in (step, -step)
    ]
    slope = (ends[0] - ends[1]) / (2 * step)
    assert np.sum(slopes * direction) == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_among_numpy_functions():
    @tw.jit
    def network(x, w, b):
        hidden = np.maximum(tw.nn.conv2d(x, w, 1, "SAME") + b, 0)
        return np.sum(tw.nn.max_pool2d(hidden, 2, 2, "VALID"), axis=(1, 2)) @ np.ones((4, 2))

    bias = np.arange(4.0)
    hidden = np.maximum(tw.nn.conv2d(IMAGES, FILTERS, 1, "SAME").numpy() + bias, 0)
    pooled = hidden.reshape(2, 3, 2, 3, 2, 4).max((2, 4)).sum((1, 2))
    np.testing.assert_allclose(network(IMAGES, FILTERS, bias), pooled @ np.ones((4, 2)))


def test_tensors_stay_tensors():
    assert isinstance(tw.nn.relu(ROWS), tw.Tensor)
    seen = []

    @tw.function
    def inside(x):
        seen.append(tw.nn.relu(x))
        return seen[0]

    inside(tw.constant(ROWS))
    assert isinstance(seen[0], tw.Tensor)
    with pytest.raises(UnsupportedError, match="draw once"):
        tw.jit(lambda x: tw.nn.dropout(x, 0.5))(ROWS)
