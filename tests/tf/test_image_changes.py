"""Colours, random changes, measures and parts of images against colorsys, SciPy and plain loops."""

import colorsys
import itertools

import numpy as np
import pytest
import scipy.ndimage

import tensorwright as tf

I = tf.image  # noqa: E741
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(2, 6, 7, 3)).astype(np.float32)
BYTES = RNG.integers(0, 256, (2, 6, 7, 3)).astype(np.uint8)
SEED = (3, 4)


def each_pixel(function, x):
    return np.array([function(*p) for p in x.reshape(-1, 3).astype(float)]).reshape(x.shape)


def in_both_modes(function, *arrays):
    eager = function(*map(tf.constant, arrays)).numpy()
    traced = tf.function(function)(*map(tf.constant, arrays)).numpy()
    assert eager.dtype == traced.dtype
    np.testing.assert_allclose(eager, traced, rtol=1e-5, atol=1e-6)
    return eager


def slope_agrees(function, x, step=1e-6):
    """The derivative along a direction against central differences in double precision."""
    x = x.astype(np.float64)
    weights = RNG.standard_normal(function(tf.constant(x)).shape)
    direction = RNG.standard_normal(x.shape)
    with tf.GradientTape() as tape:
        t = tf.constant(x)
        tape.watch(t)
        total = tf.reduce_sum(function(t) * weights)
    found = np.sum(tape.gradient(total, t).numpy() * direction)
    ends = [
        np.sum(function(tf.constant(x + s * step * direction)).numpy() * weights) for s in (1, -1)
    ]
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-6)


# -- colours --------------------------------------------------------------------------------------


def test_hues():
    expected = each_pixel(colorsys.rgb_to_hsv, X)
    np.testing.assert_allclose(in_both_modes(I.rgb_to_hsv, X), expected, rtol=1e-4, atol=1e-5)
    back = each_pixel(colorsys.hsv_to_rgb, expected)
    hsv = expected.astype(np.float32)
    np.testing.assert_allclose(in_both_modes(I.hsv_to_rgb, hsv), back, rtol=1e-4, atol=1e-5)
    grey = np.full((1, 1, 3), 0.5, np.float32)
    np.testing.assert_array_equal(I.rgb_to_hsv(grey).numpy()[0, 0], [0, 0, 0.5])
    np.testing.assert_array_equal(I.rgb_to_hsv(0 * grey).numpy()[0, 0], [0, 0, 0])


def turned(delta, factor):
    def change(r, g, b):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb((h + delta) % 1, min(s * factor, 1), v)

    return change


def test_hue_and_saturation():
    found = in_both_modes(lambda x: I.adjust_hue(x, -0.3), X)
    np.testing.assert_allclose(found, each_pixel(turned(-0.3, 1), X), rtol=1e-4, atol=1e-5)
    found = in_both_modes(lambda x: I.adjust_saturation(x, 1.5), X)
    np.testing.assert_allclose(found, each_pixel(turned(0, 1.5), X), rtol=1e-4, atol=1e-5)


ADJUSTED = {
    "brightness": (lambda x: I.adjust_brightness(x, 0.1), lambda x: x + 0.1),
    "contrast": (
        lambda x: I.adjust_contrast(x, 1.4),
        lambda x: (x - x.mean((1, 2), keepdims=True)) * 1.4 + x.mean((1, 2), keepdims=True),
    ),
    "gamma": (lambda x: I.adjust_gamma(x, 0.5, 0.9), lambda x: 0.9 * np.sqrt(x)),
}


@pytest.mark.parametrize("name", ADJUSTED)
def test_adjusting(name):
    function, reference = ADJUSTED[name]
    np.testing.assert_allclose(in_both_modes(function, X), reference(X), rtol=1e-5, atol=1e-6)
    slope_agrees(function, 0.2 + 0.5 * X)
    found = in_both_modes(function, BYTES)
    expected = np.floor(np.clip(reference(BYTES / 255.0) * 255.5, 0, 255))
    assert found.dtype == np.uint8 and np.max(np.abs(found - expected)) <= 1


def test_dtypes_of_images():
    np.testing.assert_allclose(I.convert_image_dtype(BYTES, tf.float32).numpy(), BYTES / 255)
    back = I.convert_image_dtype(I.convert_image_dtype(BYTES, tf.float32), tf.uint8)
    np.testing.assert_array_equal(back.numpy(), BYTES)
    wide = I.convert_image_dtype(BYTES, tf.int32).numpy()
    np.testing.assert_array_equal(I.convert_image_dtype(wide, tf.uint8).numpy(), BYTES)
    above = tf.constant([-0.5, 0.5, 2.0])
    np.testing.assert_array_equal(
        I.convert_image_dtype(above, tf.uint8, saturate=True).numpy(), [0, 127, 255]
    )


def test_linear_colours():
    grey = X @ np.array([[0.2989], [0.587], [0.114]], np.float32)
    np.testing.assert_allclose(in_both_modes(I.rgb_to_grayscale, X), grey, rtol=1e-5)
    slope_agrees(I.rgb_to_grayscale, X, 0.1)  # linear, in float32
    assert I.rgb_to_grayscale(BYTES).dtype == tf.uint8
    np.testing.assert_array_equal(I.grayscale_to_rgb(grey).numpy(), np.repeat(grey, 3, -1))
    for there, back in ((I.rgb_to_yiq, I.yiq_to_rgb), (I.rgb_to_yuv, I.yuv_to_rgb)):
        np.testing.assert_allclose(back(there(X)).numpy(), X, atol=1e-3)
        np.testing.assert_allclose(there(X).numpy()[..., :1], grey, atol=1e-3)


def test_standardization():
    for x in (X, BYTES, np.ones((4, 4, 3), np.float32)):
        found = in_both_modes(I.per_image_standardization, x).astype(np.float64)
        np.testing.assert_allclose(found.mean((-3, -2, -1)), 0, atol=1e-5)
        np.testing.assert_allclose(found.std((-3, -2, -1)), float(np.ptp(x) > 0), atol=1e-5)
    slope_agrees(I.per_image_standardization, X)


# -- chances --------------------------------------------------------------------------------------

CHANGES = {
    "random_flip_left_right": ((), lambda x: [x, x[..., ::-1, :]]),
    "random_flip_up_down": ((), lambda x: [x, x[::-1]]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_flips(name):
    _, either = CHANGES[name]
    seen = set()
    for k in range(20):
        found = getattr(I, f"stateless_{name}")(X[0], (k, 1)).numpy()
        seen.add([np.array_equal(found, e) for e in either(X[0])].index(True))
    assert seen == {0, 1}
    batch = np.repeat(X[:1], 200, 0)
    tf.random.set_seed(1)
    flipped = ~np.all(getattr(I, name)(batch).numpy() == batch, axis=(1, 2, 3))
    assert 70 < flipped.sum() < 130
    compiled = tf.function(getattr(I, f"stateless_{name}"))
    np.testing.assert_array_equal(
        compiled(batch, SEED).numpy(), getattr(I, f"stateless_{name}")(batch, SEED).numpy()
    )


@pytest.mark.parametrize(
    ("name", "arguments", "adjust"),
    [
        ("brightness", (0.2,), I.adjust_brightness),
        ("contrast", (0.5, 1.5), I.adjust_contrast),
        ("saturation", (0.5, 1.5), I.adjust_saturation),
        ("hue", (0.3,), I.adjust_hue),
    ],
)
def test_random_colours(name, arguments, adjust):
    low, high = arguments if len(arguments) == 2 else (-arguments[0], arguments[0])
    drawn = tf.random.stateless_uniform([], SEED, low, high)
    found = getattr(I, f"stateless_random_{name}")(X, *arguments, SEED)
    np.testing.assert_array_equal(found.numpy(), adjust(X, drawn).numpy())
    tf.random.set_seed(3)
    first = getattr(I, f"random_{name}")(X, *arguments).numpy()
    assert not np.array_equal(getattr(I, f"random_{name}")(X, *arguments).numpy(), first)
    with pytest.raises(ValueError, match=r"non-negative|must be"):
        getattr(I, f"random_{name}")(X, *[-a for a in arguments])


def test_random_crops():
    whole = np.arange(6 * 7 * 3).reshape(6, 7, 3)
    places = set()
    for k in range(60):
        found = I.stateless_random_crop(whole, (4, 5, 3), (k, 0)).numpy()
        row, column = np.argwhere(whole[..., 0] == found[0, 0, 0])[0]
        np.testing.assert_array_equal(found, whole[row : row + 4, column : column + 5])
        places.add((row, column))
    assert places == set(itertools.product(range(3), range(3)))
    assert I.random_crop(whole, (6, 2, 3)).shape == (6, 2, 3)
    with pytest.raises(ValueError, match=r"Need value\.shape >= size"):
        I.random_crop(whole, (7, 2, 3))


# -- measures -------------------------------------------------------------------------------------


def test_signal_to_noise():
    y = np.clip(X + 0.1, 0, 1)
    expected = 10 * np.log10(1 / np.mean((X - y) ** 2, (1, 2, 3)))
    np.testing.assert_allclose(in_both_modes(lambda a, b: I.psnr(a, b, 1.0), X, y), expected, 1e-5)
    assert np.isinf(I.psnr(BYTES, BYTES, 255).numpy()).all()


def test_structural_similarity():
    a = RNG.uniform(size=(2, 16, 17, 3))
    b = np.clip(a + 0.1 * RNG.standard_normal(a.shape), 0, 1)
    places = np.arange(11) - 5
    window = np.exp(-(places**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(x):
        for axis in (1, 2):
            x = scipy.ndimage.correlate1d(x, window, axis)
        return x[:, 5:-5, 5:-5]

    ma, mb = blurred(a), blurred(b)
    va, vb, ab = blurred(a * a) - ma**2, blurred(b * b) - mb**2, blurred(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * ma * mb + c1) * (2 * ab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    a, b = a.astype(np.float32), b.astype(np.float32)
    found = in_both_modes(lambda x, y: I.ssim(x, y, 1.0), a, b)
    np.testing.assert_allclose(found, index.mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(I.ssim(a, a, 1.0).numpy(), 1, rtol=1e-5)


def test_changes_from_pixel_to_pixel():
    expected = np.abs(np.diff(X, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(X, axis=2)).sum((1, 2, 3))
    np.testing.assert_allclose(in_both_modes(I.total_variation, X), expected, rtol=1e-5)
    slope_agrees(I.total_variation, X)
    down, right = I.image_gradients(X)
    np.testing.assert_allclose(down.numpy()[:, :-1], np.diff(X, axis=1), rtol=1e-5)
    np.testing.assert_allclose(right.numpy()[:, :, :-1], np.diff(X, axis=2), rtol=1e-5)
    assert not down.numpy()[:, -1].any() and not right.numpy()[:, :, -1].any()
    edges = in_both_modes(I.sobel_edges, X)
    for k, axis in enumerate((1, 2)):
        expected = scipy.ndimage.sobel(X[0, ..., 1], axis - 1, mode="mirror")
        np.testing.assert_allclose(edges[0, ..., 1, k], expected, rtol=1e-4, atol=1e-5)
    slope_agrees(I.sobel_edges, X)


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(("stride", "rate"), [(1, 1), (2, 1), (3, 2)])
def test_patches(padding, stride, rate):
    """As a convolution with a filter that picks one pixel."""
    picks = np.eye(3 * 2 * 3, dtype=np.float32).reshape(3, 2, 3, 18)
    options = {"padding": padding, "dilations": rate} if stride == 1 else {"padding": padding}
    if stride == 1 or rate == 1:
        expected = tf.nn.conv2d(X, picks, stride, **options).numpy()
    else:
        expected = tf.nn.conv2d(X, picks, 1, padding="VALID", dilations=rate).numpy()[:, ::3, ::3]
        if padding == "SAME":
            return
    found = in_both_modes(
        lambda x: I.extract_patches(
            x, [1, 3, 2, 1], [1, stride, stride, 1], [1, rate, rate, 1], padding
        ),
        X,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# -- boxes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_parts_resized(method):
    boxes = np.array([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [0.9, 0.8, 0.1, 0.2]], np.float32)
    which = np.array([0, 1, 1], np.int32)
    found = in_both_modes(lambda x: I.crop_and_resize(x, boxes, which, (4, 5), method), X)
    for n, (top, left, bottom, right) in enumerate(boxes):
        rows, columns = np.linspace(top, bottom, 4) * 5, np.linspace(left, right, 5) * 6
        grid = np.meshgrid(rows, columns, indexing="ij")
        if method == "nearest":
            grid = [np.floor(g + 0.5) for g in grid]
        expected = np.stack(
            [scipy.ndimage.map_coordinates(X[which[n], ..., c], grid, order=1) for c in range(3)],
            -1,
        )
        np.testing.assert_allclose(found[n], expected, rtol=1e-4, atol=1e-5)
    outside = I.crop_and_resize(X, [[-1.0, 0, -0.5, 1]], [0], (2, 2), method, 7.0).numpy()
    np.testing.assert_array_equal(outside, 7)
    if method == "bilinear":
        slope_agrees(lambda x: I.crop_and_resize(x, boxes, which, (3, 2)), X, 0.1)


def test_the_best_boxes():
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 1.9], [1, 1, 3, 3], [5, 5, 4, 4]], np.float32)
    scores = np.array([0.9, 0.95, 0.5, 0.1], np.float32)
    assert I.non_max_suppression(boxes, scores, 4).numpy().tolist() == [1, 2, 3]
    assert I.non_max_suppression(boxes, scores, 2).numpy().tolist() == [1, 2]
    assert I.non_max_suppression(boxes, scores, 4, 0.1).numpy().tolist() == [1, 3]
    assert I.non_max_suppression(boxes, scores, 4, 0.5, 0.3).numpy().tolist() == [1, 2]


def test_resize_with_pad():
    found = I.resize_with_pad(X, 12, 5).numpy()
    inner = I.resize(X, (4, 5)).numpy()
    assert found.shape == (2, 12, 5, 3)
    np.testing.assert_allclose(found[:, 3:7], inner)
    assert not found[:, :3].any() and not found[:, 7:].any()
