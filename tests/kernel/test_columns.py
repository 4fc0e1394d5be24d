"""Reductions over leading axes that go row by row, in one walk with other work on the rows."""

import numpy as np
import pytest

import tensorwright as tw

RNG = np.random.default_rng(7)


def kernels(function, *arguments):
    return tw.jit(function).lower(*arguments).text("kernels")


def matrix(dtype, shape=(700, 100)):
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(-50, 50, shape).astype(dtype)
    return RNG.normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "int8", "uint16"])
@pytest.mark.parametrize("name", ["sum", "min", "max", "prod"])
def test_columns_agree_with_numpy(name, dtype):
    x = matrix(dtype)
    x = np.sign(x) if name == "prod" else x

    def function(x):
        return getattr(np, name)(x, axis=0)

    result, expected = tw.jit(function)(x), function(x)
    assert result.dtype == expected.dtype
    # sums of NumPy's go one after the other here, ours carry an error term
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("shape", [(700, 100), (40, 30, 64), (2000, 33), (300, 4, 50)])
def test_several_reductions_of_one_array_share_a_walk(shape):
    x = matrix("float64", shape)

    def function(x):
        rows = x.sum(tuple(range(1, x.ndim)))
        return (2 * x).sum(0), rows, np.max(x, axis=0), x * 3

    for result, expected in zip(tw.jit(function)(x), function(x), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    text = kernels(function, x)
    assert text.count("kernel @") == 1
    assert text.count("  column ") == 2


def test_any_and_all():
    x = matrix("float64")

    def function(x):
        return np.any(x > 3, axis=0), np.all(x < 3, axis=0)

    for result, expected in zip(tw.jit(function)(x), function(x), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_nan_in_a_column_stays_in_it():
    x = matrix("float64")
    x[3, 5], x[600, 7] = np.nan, np.inf

    def function(x):
        return np.max(x, axis=0), np.sum(x, axis=0)

    for result, expected in zip(tw.jit(function)(x), function(x), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_symbolic_sizes_that_are_known_to_be_long_enough():
    sums = tw.jit(lambda x: (x.sum(0), x.sum(1)))
    for rows in (700, 901, 1203):
        x = matrix("float64", (rows, 100))
        for result, expected in zip(sums(x), (x.sum(0), x.sum(1)), strict=True):
            np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_small_arrays_go_column_by_column():
    assert "  column " not in kernels(lambda x: x.sum(0), np.ones((20, 50)))
    assert "  column " not in kernels(lambda x: x.sum(0), np.ones((100_000, 3)))


def layer_norm(x, gain, shift, weights):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return np.sum(weights * ((x - mean) / np.sqrt(variance + 1e-5) * gain + shift))


def test_the_gradient_of_layer_norm_is_one_kernel():
    x, weights = matrix("float64"), matrix("float64")
    arguments = (x, RNG.normal(size=100), RNG.normal(size=100), weights)
    gradient = tw.grad(layer_norm, (0, 1, 2))
    assert gradient.lower(*arguments).text("kernels").count("kernel @") == 1

    direction = [RNG.normal(size=a.shape) for a in arguments[:3]]
    slope = sum(np.sum(g * d) for g, d in zip(gradient(*arguments), direction, strict=True))
    step = 1e-6
    ahead = [a + step * d for a, d in zip(arguments[:3], direction, strict=True)]
    behind = [a - step * d for a, d in zip(arguments[:3], direction, strict=True)]
    difference = layer_norm(*ahead, weights) - layer_norm(*behind, weights)
    assert slope == pytest.approx(difference / (2 * step), rel=1e-6)


def softmax_loss(x, weights):
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.sum(weights * (e / e.sum(-1, keepdims=True)))


def test_a_sum_over_everything_is_part_of_the_kernel_of_the_rows():
    x, weights = matrix("float64"), matrix("float64")
    text = kernels(softmax_loss, x, weights)
    assert text.count("kernel @") == 2  # rows, and the sum of their sums
    assert "arena bytes: 800, 5600" in text  # one row, and a number for each of the rows
    assert tw.jit(softmax_loss)(x, weights) == pytest.approx(softmax_loss(x, weights), rel=1e-13)


@pytest.mark.parametrize("name", ["sum", "max", "min", "any", "all", "prod"])
def test_reductions_of_everything_that_are_taken_apart(name):
    def function(x):
        scaled = x / np.abs(x).max(-1, keepdims=True)
        return getattr(np, name)(scaled > 0.5 if name in ("any", "all") else scaled + 0.9)

    x = matrix("float64", (5, 7))
    assert tw.jit(function)(x) == pytest.approx(function(x), rel=1e-13)
