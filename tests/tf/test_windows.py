"""Convolutions and pooling of `tf.nn` against loops, their gradients against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tf
from support.plain_windows import (
    convolved,
    largest,
    largest_gradient,
    mean,
    same_pads,
    transposed,
)

RNG = np.random.default_rng(0)
STEP = 1e-5


def drawn(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def in_both_modes(function: Any, *arrays: Any) -> np.ndarray:
    """The result of a call, the same from inside of tf.function."""
    found = function(*map(tf.constant, arrays)).numpy()
    again = tf.function(function)(*map(tf.constant, arrays)).numpy()
    np.testing.assert_allclose(again, found, rtol=1e-10, atol=1e-10)
    return found


def slopes_agree(function: Any, *arrays: np.ndarray) -> None:
    """Gradients against differences along one direction."""
    tensors = [tf.constant(a) for a in arrays]
    along = [drawn(*a.shape) for a in arrays]

    @tf.function
    def gradients(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(tf.sin(function(*tensors)))
        return tape.gradient(loss, tensors)

    def at(step: float) -> float:
        moved = [a + step * d for a, d in zip(arrays, along, strict=True)]
        return float(np.sum(np.sin(function(*map(tf.constant, moved)).numpy())))

    slope = sum(
        float(np.sum(g.numpy() * d)) for g, d in zip(gradients(*tensors), along, strict=True)
    )
    np.testing.assert_allclose(slope, (at(STEP) - at(-STEP)) / (2 * STEP), rtol=1e-5, atol=1e-5)


def pads_of(padding: str, sizes: Any, window: Any, strides: Any, dilation: Any = None) -> Any:
    ones = [1] * len(window)
    return (
        same_pads(sizes, window, strides, dilation or ones)
        if padding == "SAME"
        else [(0, 0) for _ in window]
    )


# -- convolutions ---------------------------------------------------------------------------------

SHAPES = {
    1: ((2, 9, 4), (3, 4, 5)),
    2: ((2, 7, 6, 4), (3, 2, 4, 5)),
    3: ((1, 4, 5, 3, 2), (2, 3, 2, 2, 3)),
}


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("strides", "dilations"), [(1, 1), (2, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutions(rank: int, strides: int, dilations: int, padding: str) -> None:
    x, w = (drawn(*shape) for shape in SHAPES[rank])
    dilations = dilations if rank < 3 else 1

    def run(x: Any, w: Any) -> Any:
        return getattr(tf.nn, f"conv{rank}d")(x, w, strides, padding, dilations=dilations)

    steps, spread = [strides] * rank, [dilations] * rank
    pads = pads_of(padding, x.shape[1:-1], w.shape[:-2], steps, spread)
    expected = convolved(x, w, steps, pads, spread)
    np.testing.assert_allclose(in_both_modes(run, x, w), expected, rtol=1e-10, atol=1e-10)
    slopes_agree(run, x, w)
    same = tf.nn.convolution(x, w, steps, padding, dilations=spread)
    np.testing.assert_allclose(same.numpy(), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_channels_first(rank: int) -> None:
    x, w = (drawn(*shape) for shape in SHAPES[rank])
    function = getattr(tf.nn, f"conv{rank}d")
    first = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[rank]
    found = function(np.moveaxis(x, -1, 1), w, [1, 1] + [2] * rank, "SAME", data_format=first)
    expected = function(x, w, 2, "SAME")
    np.testing.assert_allclose(np.moveaxis(found.numpy(), 1, -1), expected, rtol=1e-10)


def test_explicit_padding_groups_and_batches() -> None:
    x, w = drawn(2, 6, 5, 6), drawn(3, 2, 2, 9)
    pads = [(2, 1), (0, 3)]
    found = in_both_modes(
        lambda x, w: tf.nn.conv2d(x, w, [1, 2, 1, 1], [[0, 0], *pads, [0, 0]]), x, w
    )
    np.testing.assert_allclose(found, convolved(x, w, [2, 1], pads, [1, 1], 3), rtol=1e-10)
    slopes_agree(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), x, w)
    stack = tf.nn.conv2d(x.reshape((1, 2, 1, 6, 5, 6)), w, 1, "SAME")
    assert stack.shape == (1, 2, 1, 6, 5, 9)
    np.testing.assert_allclose(stack[0, :, 0].numpy(), tf.nn.conv2d(x, w, 1, "SAME").numpy())


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_and_separable(multiplier: int, strides: int) -> None:
    x, w, mix = drawn(2, 6, 7, 4), drawn(3, 2, 4, multiplier), drawn(1, 1, 4 * multiplier, 5)
    steps = [1, strides, strides, 1]
    found = in_both_modes(lambda x, w: tf.nn.depthwise_conv2d(x, w, steps, "SAME"), x, w)
    pads = pads_of("SAME", (6, 7), (3, 2), [strides] * 2)
    wide = w.reshape((3, 2, 1, 4 * multiplier))
    expected = convolved(x, wide, [strides] * 2, pads, [1, 1], 4)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    slopes_agree(lambda x, w: tf.nn.depthwise_conv2d(x, w, steps, "SAME"), x, w)
    mixed = tf.nn.separable_conv2d(x, w, mix, steps, "SAME").numpy()
    np.testing.assert_allclose(mixed, expected @ mix[0, 0], rtol=1e-10, atol=1e-10)
    first = tf.nn.depthwise_conv2d(
        np.moveaxis(x, -1, 1), w, [1, 1, strides, strides], "SAME", data_format="NCHW"
    )
    np.testing.assert_allclose(np.moveaxis(first.numpy(), 1, -1), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed(rank: int, strides: int, padding: str) -> None:
    shape, window = SHAPES[rank]
    w, sizes, steps = drawn(*window), shape[1:-1], [strides] * rank
    pads = pads_of(padding, sizes, window[:-2], steps)
    places = convolved(np.zeros(shape), w, steps, pads, [1] * rank).shape[1:-1]
    y = drawn(shape[0], *places, window[-1])

    def run(y: Any, w: Any) -> Any:
        return getattr(tf.nn, f"conv{rank}d_transpose")(y, w, shape, strides, padding)

    expected = transposed(y, w, sizes, steps, pads, [1] * rank)
    np.testing.assert_allclose(in_both_modes(run, y, w), expected, rtol=1e-10, atol=1e-10)
    slopes_agree(run, y, w)
    same = tf.nn.conv_transpose(y, w, shape, steps, padding)
    np.testing.assert_allclose(same.numpy(), expected, rtol=1e-10, atol=1e-10)


def test_atrous() -> None:
    x, w = drawn(2, 7, 6, 3), drawn(2, 3, 3, 4)
    found = tf.nn.atrous_conv2d(x, w, 2, "VALID").numpy()
    expected = convolved(x, w, [1, 1], [(0, 0)] * 2, [2, 2])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    back = tf.nn.atrous_conv2d_transpose(found, w, x.shape, 2, "VALID").numpy()
    np.testing.assert_allclose(np.sum(back * x), np.sum(found**2), rtol=1e-10)


def test_open_sizes() -> None:
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 6, 2], tf.float64)])
    def run(x: Any) -> Any:
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.relu(tf.nn.conv2d(x, W, 2, "SAME"))
            y = tf.nn.max_pool2d(y, 3, 2, "SAME") + tf.nn.avg_pool2d(y, 3, 2, "SAME")
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, x)

    for batch, height in ((2, 24), (3, 21), (5, 6), (0, 23)):
        x = drawn(batch, height, 6, 2)
        found, slope = run(x)
        assert slope.shape == x.shape
        if not batch:
            assert found.shape == (0, 6, 2, 4)
            continue
        pads = pads_of("SAME", x.shape[1:-1], (3, 3), [2, 2])
        y = np.maximum(convolved(x, W, [2, 2], pads, [1, 1]), 0)
        pads = pads_of("SAME", y.shape[1:-1], (3, 3), [2, 2])
        y = largest(y, (3, 3), (2, 2), pads) + mean(y, (3, 3), (2, 2), pads)
        np.testing.assert_allclose(found.numpy(), y, rtol=1e-9)
        np.testing.assert_allclose(np.sum(slope.numpy() * x), 2 * np.sum(y**2), rtol=1e-9)
    assert len(traces) <= 2


def test_transposed_to_an_open_batch() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 3, 4, 4], tf.float64)])
    def run(y: Any) -> Any:
        return tf.nn.conv2d_transpose(y, W, [tf.shape(y)[0], 6, 8, 2], 2)

    for batch in (2, 3, 1, 0):
        y = drawn(batch, 3, 4, 4)
        pads = pads_of("SAME", (6, 8), (3, 3), [2, 2])
        np.testing.assert_allclose(run(y), transposed(y, W, (6, 8), (2, 2), pads, (1, 1)))


W = drawn(3, 3, 2, 4)


# -- pooling --------------------------------------------------------------------------------------

POOLS = {
    "line": ((2, 9, 3), (3,), (2,)),
    "halves": ((2, 6, 8, 5), (2, 2), (2, 2)),
    "odd_halves": ((2, 7, 5, 5), (2, 2), (2, 2)),
    "overlapping": ((2, 7, 9, 5), (3, 3), (2, 2)),
    "dense": ((1, 6, 5, 2), (3, 2), (1, 1)),
    "sparse": ((2, 9, 8, 3), (2, 1), (3, 4)),
    "wide": ((1, 9, 8, 2), (5, 7), (2, 3)),
    "cube": ((1, 4, 5, 6, 2), (2, 3, 2), (2, 1, 2)),
    "single": ((2, 3, 4, 1), (1, 1), (1, 1)),
    "whole": ((2, 5, 4, 3), (5, 4), (1, 1)),
    "wider_mean": ((1, 11, 10, 2), (9, 8), (1, 1)),
}


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("name", POOLS)
def test_max_pool(name: str, padding: str) -> None:
    shape, window, strides = POOLS[name]
    x = np.round(drawn(*shape), 1)  # some are equal
    pads = pads_of(padding, shape[1:-1], window, strides)

    def run(x: Any) -> Any:
        return tf.nn.max_pool(x, window, strides, padding)

    np.testing.assert_array_equal(in_both_modes(run, x), largest(x, window, strides, pads))
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = run(tensor)
        ct = drawn(*y.shape)
        loss = tf.reduce_sum(y * ct)
    expected = largest_gradient(x, ct, window, strides, pads)
    np.testing.assert_allclose(tape.gradient(loss, tensor).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("name", POOLS)
def test_avg_pool(name: str, padding: str) -> None:
    shape, window, strides = POOLS[name]
    x = drawn(*shape)
    pads = pads_of(padding, shape[1:-1], window, strides)

    def run(x: Any) -> Any:
        return tf.nn.avg_pool(x, window, strides, padding)

    expected = mean(x, window, strides, pads)
    np.testing.assert_allclose(in_both_modes(run, x), expected, rtol=1e-12, atol=1e-12)
    slopes_agree(run, x)


def test_pooling_of_equal_elements() -> None:
    x = tf.zeros([1, 4, 4, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.nn.max_pool2d(x, 2, 2, "VALID"))
    found = tape.gradient(y, x)[0, :, :, 0].numpy()
    np.testing.assert_array_equal(found, np.tile([[1, 0], [0, 0]], (2, 2)))


@pytest.mark.parametrize("function", [tf.nn.max_pool2d, tf.nn.avg_pool2d])
def test_pooling_formats_and_dtypes(function: Any) -> None:
    x = drawn(2, 6, 5, 3).astype(np.float32)
    last = function(x, [1, 3, 2, 1], [1, 2, 1, 1], "SAME").numpy()
    first = function(np.moveaxis(x, -1, 1), [1, 1, 3, 2], [1, 1, 2, 1], "SAME", "NCHW").numpy()
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)
    halves = function(x.astype(np.float16), 2, 2, "SAME")
    assert halves.dtype == tf.float16
    np.testing.assert_allclose(halves.numpy(), function(x, 2, 2, "SAME").numpy(), atol=2e-3)
    same = tf.nn.pool(x, [2, 2], "MAX" if "max" in function.__name__ else "AVG", [2, 2], "SAME")
    np.testing.assert_array_equal(same, function(x, 2, 2, "SAME"))
    assert function(x[:0], 2, 2, "SAME").shape == (0, 3, 3, 3)


def test_pooling_of_special_values() -> None:
    x = np.array([np.nan, 1, -np.inf, -np.inf, 2, np.nan], np.float32)[None, :, None]
    found = tf.nn.max_pool1d(x, 2, 2, "VALID").numpy().ravel()
    np.testing.assert_array_equal(found, [np.nan, -np.inf, np.nan])
    whole = np.arange(-8, 8, dtype=np.int32).reshape((1, 4, 4, 1))
    padded = tf.nn.max_pool2d(whole, 3, 2, "SAME").numpy()[0, :, :, 0]
    np.testing.assert_array_equal(padded, [[2, 3], [6, 7]])


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("with_batch", [False, True])
def test_max_pool_with_argmax(padding: str, with_batch: bool) -> None:
    x = np.round(drawn(2, 7, 5, 3), 1)

    def run(x: Any) -> Any:
        return tf.nn.max_pool_with_argmax(
            x, 3, 2, padding, include_batch_in_index=with_batch, output_dtype=tf.int32
        )

    largest_, at = tf.function(run)(x)
    np.testing.assert_array_equal(largest_, tf.nn.max_pool2d(x, 3, 2, padding))
    assert at.dtype == tf.int32
    flat = x.ravel() if with_batch else x.reshape((2, -1))
    found = flat[at] if with_batch else np.stack([f[i] for f, i in zip(flat, at, strict=True)])
    np.testing.assert_array_equal(found, largest_)
    ones = tf.nn.max_pool_with_argmax(np.ones((1, 4, 4, 2)), 2, 2, "VALID")[1]
    np.testing.assert_array_equal(ones[0, :, :, 1], [[1, 5], [17, 21]])
    with tf.GradientTape() as tape:
        tensor = tf.constant(x)
        tape.watch(tensor)
        loss = tf.reduce_sum(run(tensor)[0])
    assert np.count_nonzero(tape.gradient(loss, tensor)) == len(np.unique(_of_all(at, with_batch)))


def _of_all(at: Any, with_batch: bool) -> Any:
    return at if with_batch else at + np.arange(2)[:, None, None, None] * 105


# -- errors ---------------------------------------------------------------------------------------

IMAGE = np.ones((2, 6, 5, 4), np.float32)
FILTERS = np.ones((3, 3, 4, 2), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tf.nn.conv2d(IMAGE, FILTERS[:, :, :3], 1, "SAME"), "InvalidArgumentError",
         "evenly divisible by filter depth"),
        (lambda: tf.nn.conv2d(IMAGE, FILTERS[:, :, :1, :1], 1, "SAME"), "InvalidArgumentError",
         "evenly divisible by number of groups"),
        (lambda: tf.nn.conv2d(IMAGE[0], FILTERS, 1, "SAME"), "InvalidArgumentError",
         "must have 4 axes"),
        (lambda: tf.nn.conv2d(IMAGE[:, :2], FILTERS, 1, "VALID"), "InvalidArgumentError",
         "Computed output size would be negative"),
        (lambda: tf.nn.conv2d(IMAGE, FILTERS, [2, 1, 1, 1], "SAME"), "ValueError",
         "of the batch and channel axes have to be 1"),
        (lambda: tf.nn.conv2d(IMAGE, FILTERS, 1, [[1, 1], [1, 1]]), "ValueError",
         "a pair of numbers for each of 4 axes"),
        (lambda: tf.nn.conv2d(IMAGE, FILTERS, 1, "SAME", "NDHWC"), "ValueError", "data_format"),
        (lambda: tf.nn.conv2d(IMAGE.astype(int), FILTERS.astype(int), 1, "SAME"),
         "InvalidArgumentError", "not in the list of allowed values"),
        (lambda: tf.nn.convolution(IMAGE[0, 0], FILTERS[0, 0]), "ValueError", "3, 4 or 5 axes"),
        (lambda: tf.nn.depthwise_conv2d(IMAGE, FILTERS[:, :, :2], 1, "SAME"),
         "InvalidArgumentError", "do not fit together"),
        (lambda: tf.nn.separable_conv2d(IMAGE, FILTERS, FILTERS, 1, "SAME"),
         "InvalidArgumentError", "pointwise_filter"),
        (lambda: tf.nn.conv2d_transpose(IMAGE[..., :2], FILTERS, [2, 9, 10, 4], 2),
         "InvalidArgumentError", "actual = 6, computed = 5"),
        (lambda: tf.nn.conv2d_transpose(IMAGE, FILTERS, [2, 12, 10, 4], 2),
         "InvalidArgumentError", "input channels do not fit"),
        (lambda: tf.nn.max_pool2d(IMAGE, 0, 1, "SAME"), "InvalidArgumentError", "positive"),
        (lambda: tf.nn.max_pool2d(IMAGE[0], 2, 1, "SAME"), "InvalidArgumentError",
         "4-dimensional"),
        (lambda: tf.nn.avg_pool2d(IMAGE.astype(int), 2, 1, "SAME"), "InvalidArgumentError",
         "not in the list"),
        (lambda: tf.nn.pool(IMAGE, [2, 2], "MEAN"), "ValueError", "pooling_type"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: str, message: str) -> None:
    expected = getattr(tf.errors, error, None) or ValueError
    with pytest.raises(expected, match=message):
        call()


# -- neighbouring channels ------------------------------------------------------------------------


def test_channels_normalised_by_their_neighbours() -> None:
    x = drawn(2, 3, 4, 7)
    expected = np.empty_like(x)
    for c in range(7):
        near = x[..., max(c - 2, 0) : c + 3]
        expected[..., c] = x[..., c] / (1.5 + 0.3 * np.sum(near**2, axis=-1)) ** 0.75
    found = in_both_modes(lambda x: tf.nn.lrn(x, 2, 1.5, 0.3, 0.75), x)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    slopes_agree(lambda x: tf.nn.local_response_normalization(x, 2), x)


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_channels_and_pixels(data_format: str) -> None:
    x = np.arange(2 * 4 * 6 * 3.0).reshape((2, 4, 6, 3))
    given = x if data_format == "NHWC" else np.moveaxis(x, -1, 1)
    deep = tf.nn.space_to_depth(given, 2, data_format).numpy()
    last = deep if data_format == "NHWC" else np.moveaxis(deep, 1, -1)
    assert last.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(last[:, 1, 2, :6], x[:, 2, 4:6].reshape((2, 6)))
    np.testing.assert_array_equal(tf.nn.depth_to_space(deep, 2, data_format), given)
    with pytest.raises(tf.errors.InvalidArgumentError, match="blocks of 4"):
        tf.nn.space_to_depth(x, 4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="blocks of 4"):
        tf.nn.depth_to_space(x, 2)
    with pytest.raises(ValueError, match="block_size"):
        tf.nn.depth_to_space(x, 1)
