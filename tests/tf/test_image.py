"""`tf.image`: resizing against formulas and TensorFlow, parts of images against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf

RNG = np.random.default_rng(8)
IMAGES = RNG.standard_normal((2, 7, 10, 3)).astype(np.float32)
METHODS = (
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic",
)  # fmt: skip
SIZES = [(4, 5), (14, 20), (9, 3), (7, 12), (1, 1)]


def along(x: np.ndarray, axis: int, new_size: int, method: str) -> np.ndarray:
    """One axis resized, pixel by pixel, by the definition of half-pixel centres."""
    size = x.shape[axis]
    rows = np.moveaxis(x.astype(float), axis, 0)
    found = []
    for i in range(new_size):
        at = (i + 0.5) * size / new_size - 0.5
        low = int(np.floor(at))
        if method == "nearest":
            found.append(rows[min(int(np.floor(at + 0.5)), size - 1)])
            continue
        if method == "bilinear":
            part = at - low
            a, b = (rows[min(max(k, 0), size - 1)] for k in (low, low + 1))
            found.append(a * (1 - part) + b * part)
            continue
        total, weights = np.zeros(rows.shape[1:]), 0.0
        for k in range(low - 1, low + 3):
            d = abs(at - k)
            near = 1.5 * d**3 - 2.5 * d**2 + 1
            weight = near if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
            if 0 <= k < size:
                total, weights = total + weight * rows[k], weights + weight
        found.append(total / weights)
    return np.moveaxis(np.stack(found), 0, axis)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic"])
def test_resize(method: str, size: tuple[int, int]) -> None:
    expected = along(along(IMAGES, 1, size[0], method), 2, size[1], method)
    tolerance = 4e-3 if method == "bicubic" else 1e-5  # positions are multiples of 1/1024
    for run in (tf.image.resize, tf.function(tf.image.resize)):
        found = run(tf.constant(IMAGES), size, method)
        np.testing.assert_allclose(found.numpy(), expected, atol=tolerance)
    one = tf.image.resize(IMAGES[0], size, method)
    np.testing.assert_allclose(one.numpy(), expected[0], atol=tolerance)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_properties_of_all_methods(method: str, antialias: bool) -> None:
    flat = np.full((1, 6, 9, 2), 3.0, np.float32)
    for size in SIZES:
        found = tf.image.resize(flat, size, method, antialias=antialias).numpy()
        np.testing.assert_allclose(found, np.full((1, *size, 2), 3.0), rtol=1e-5)
    halves = tf.image.resize(IMAGES[:, :6], (3, 5), "area").numpy()
    means = IMAGES[:, :6].reshape((2, 3, 2, 5, 2, 3)).mean((2, 4))
    np.testing.assert_allclose(halves, means, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_gradients(method: str, antialias: bool) -> None:
    """Resizing is linear: the gradient of a weighted sum is its transpose."""
    for size in SIZES:
        x = tf.constant(IMAGES)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.image.resize(x, size, method, antialias=antialias)
            ct = RNG.standard_normal(y.shape).astype(np.float32)
            loss = tf.reduce_sum(y * ct)
        direction = RNG.standard_normal(IMAGES.shape).astype(np.float32)
        moved = tf.image.resize(direction, size, method, antialias=antialias).numpy()
        slope = np.sum(tape.gradient(loss, x).numpy() * direction)
        np.testing.assert_allclose(slope, np.sum(moved * ct), rtol=1e-3, atol=1e-3)


def test_sizes_and_dtypes() -> None:
    assert tf.image.resize(IMAGES, (20, 15), preserve_aspect_ratio=True).shape == (2, 10, 15, 3)
    whole = (IMAGES * 20).astype(np.uint8)
    assert tf.image.resize(whole, (3, 3), "nearest").dtype == tf.uint8
    assert tf.image.resize(whole, (7, 10)).dtype == tf.float32
    np.testing.assert_array_equal(tf.image.resize(IMAGES, (7, 10)), IMAGES)
    method = tf.image.ResizeMethod.BICUBIC
    assert tf.image.resize(IMAGES[:0], (3, 4), method).shape == (0, 3, 4, 3)

    @tf.function(input_signature=[tf.TensorSpec([None, 7, 10, 3], tf.float32)])
    def run(x: Any) -> Any:
        return tf.image.resize(x, (4, 5))

    np.testing.assert_allclose(run(IMAGES), tf.image.resize(IMAGES, (4, 5)).numpy(), atol=1e-6)
    assert run(IMAGES[:1]).shape == (1, 4, 5, 3)


def test_parts_and_turns() -> None:
    np.testing.assert_array_equal(tf.image.flip_left_right(IMAGES), IMAGES[:, :, ::-1])
    np.testing.assert_array_equal(tf.image.flip_up_down(IMAGES[0]), IMAGES[0, ::-1])
    np.testing.assert_array_equal(tf.image.transpose(IMAGES), IMAGES.transpose((0, 2, 1, 3)))
    for k in range(-1, 5):
        np.testing.assert_array_equal(tf.image.rot90(IMAGES, k), np.rot90(IMAGES, k, (1, 2)))
    crop = tf.image.crop_to_bounding_box(IMAGES, 1, 2, 3, 4)
    np.testing.assert_array_equal(crop, IMAGES[:, 1:4, 2:6])
    wide = tf.image.pad_to_bounding_box(IMAGES, 1, 2, 10, 14)
    np.testing.assert_array_equal(wide, np.pad(IMAGES, ((0, 0), (1, 2), (2, 2), (0, 0))))
    np.testing.assert_array_equal(tf.image.central_crop(IMAGES, 0.5), IMAGES[:, 1:6, 2:8])
    both = tf.image.resize_with_crop_or_pad(IMAGES, 9, 6).numpy()
    np.testing.assert_array_equal(both, np.pad(IMAGES[:, :, 2:8], ((0, 0), (1, 1), (0, 0), (0, 0))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.image.resize(IMAGES[0, 0], (2, 2)), "either 3 or 4 dimensions"),
        (lambda: tf.image.resize(IMAGES, (2, 2, 2)), "1-D Tensor of 2 elements"),
        (lambda: tf.image.resize(IMAGES, (2, 2), "cubic"), "not implemented"),
        (lambda: tf.image.resize(IMAGES, (0, 2)), "have to be positive"),
        (lambda: tf.image.crop_to_bounding_box(IMAGES, 5, 0, 3, 3), "does not lie in"),
        (lambda: tf.image.pad_to_bounding_box(IMAGES, 0, 0, 3, 30), "does not fit into"),
        (lambda: tf.image.central_crop(IMAGES, 1.5), "within"),
        (lambda: tf.image.flip_up_down(IMAGES[0, 0]), "either 3 or 4 dimensions"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.peers
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_like_tensorflow(method: str, antialias: bool) -> None:
    peer = pytest.importorskip("tensorflow")
    for size in SIZES:
        ours = tf.image.resize(IMAGES, size, method, antialias=antialias)
        theirs = peer.image.resize(IMAGES, size, method, antialias=antialias)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["gaussian", "mitchellcubic"])
def test_methods_that_smooth_images_of_the_same_size(method):
    """Each row and column is a mean of neighbours, with the weights of the kernel."""
    x = np.zeros((1, 7, 7, 1), np.float32)
    x[0, 3, 3, 0] = 1
    found = tf.image.resize(x, (7, 7), method).numpy()[0, ..., 0]
    row = found.sum(0)
    np.testing.assert_allclose(found, np.outer(row, row), atol=1e-6)
    assert row.sum() == pytest.approx(1, rel=1e-5) and 0 < row[2] == row[4] < row[3] < 1
