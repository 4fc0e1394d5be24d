"""Work on blocks and what follows once their axes are merged again: one kernel, the same values."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tw

RNG = np.random.default_rng(11)


def kernels(function, *arguments):
    """The first lines of the kernels of a function."""
    text = tw.jit(function).lower(*arguments).text("kernels")
    return [line for line in text.splitlines() if line.startswith("kernel")]


def pooled(x, bias):
    n, h, w, c = x.shape
    active = np.maximum(x + bias, 0)
    return np.max(active.reshape(n, h // 2, 2, w // 2, 2, c), axis=(2, 4))


def pooled_gradients(x, bias, weights):
    return tw.grad(lambda x, bias: np.sum(pooled(x, bias) * weights), argnums=(0, 1))(x, bias)


def by_hand(x, bias, weights):
    """Equal largest elements of a block share evenly; at 0 an activation's derivative is 1/2."""
    n, h, w, c = x.shape
    z = x + bias
    blocks = np.maximum(z, 0).reshape(n, h // 2, 2, w // 2, 2, c)
    chosen = blocks == np.max(blocks, axis=(2, 4), keepdims=True)
    shares = weights[:, :, None, :, None, :] / np.sum(chosen, axis=(2, 4), keepdims=True)
    slope = np.where(z > 0, 1, np.where(z == 0, 0.5, 0))
    by_x = (chosen * shares).reshape(x.shape) * slope
    return by_x, by_x.sum(axis=(0, 1, 2))


def integers(*shape):
    """Few different numbers, so that many are equal, and exact in sums."""
    return RNG.integers(-2, 3, shape).astype(np.float32)


@pytest.mark.parametrize("channels", [3, 32])
def test_gradients_of_blocks_largest_elements_with_ties(channels):
    jitted = tw.jit(pooled_gradients)
    for n in (2, 3, 5):  # the second call has a symbol for n
        x, bias = integers(n, 8, 6, channels), integers(channels)
        weights = 12 * integers(n, 4, 3, channels)
        got, wanted = jitted(x, bias, weights), by_hand(x, bias, weights)
        for left, right in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(left, right)


def test_a_gradient_and_its_sum_are_computed_in_one_kernel():
    def backwards(mask, d, z):
        spread = np.where(mask, d[:, :, None, :, None, :], np.float32(0)).reshape(z.shape)
        by_z = np.where(z > 0, spread, np.float32(0))
        return by_z, np.sum(by_z, axis=(0, 1, 2))

    mask = RNG.random((2, 4, 2, 3, 2, 32)) > 0.5
    d, z = integers(2, 4, 3, 32), integers(2, 8, 6, 32)
    assert len(kernels(backwards, mask, d, z)) == 1
    got, wanted = tw.jit(backwards)(mask, d, z), backwards(mask, d, z)
    for left, right in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(left, right)


def test_repeated_elements_are_read_where_they_are_used():
    def enlarged(x, y):
        return np.repeat(np.repeat(x, 2, axis=1), 3, axis=2) + y

    x, y = integers(2, 4, 5, 16), integers(2, 8, 15, 16)
    assert len(kernels(enlarged, x, y)) == 1
    np.testing.assert_array_equal(tw.jit(enlarged)(x, y), enlarged(x, y))


def test_rows_that_would_become_short_are_left_whole():
    def scaled(x, y):
        pairs = x.reshape(-1, 50, 2)
        return (pairs / np.sum(pairs, axis=2, keepdims=True)).reshape(x.shape) + y

    x, y = RNG.random((2, 30, 100))
    assert len(kernels(scaled, x, y)) == 2
    np.testing.assert_allclose(tw.jit(scaled)(x, y), scaled(x, y), rtol=1e-12)


def _random_shapes(rng):
    """Sizes with long rows, and the same sizes with some neighbours multiplied."""
    sizes = [*rng.choice([1, 2, 3, 4], rng.integers(1, 4)).tolist(), int(rng.choice([16, 17, 32]))]
    cuts = np.flatnonzero(rng.random(len(sizes) - 1) < 0.5) + 1
    merged = [int(np.prod(part)) for part in np.split(np.array(sizes), cuts)]
    if rng.random() < 0.3:
        merged.insert(int(rng.integers(len(merged))), 1)
    return sizes, merged


def _step(kind, number, v, x, row, found):
    """One more operation on a merged array; results go to `found`."""
    if kind == 0 and v.shape == x.shape:
        return v + x
    if kind == 1 and v.shape == x.shape:
        return v * (abs(x) + 1)
    if kind == 2 and v.shape[-1] == row.shape[0]:
        return v * row
    if kind == 3:
        return v - np.sum(v, axis=number % v.ndim, keepdims=True)
    if kind == 4:
        found.append(np.max(v, axis=tuple(k for k in range(v.ndim) if number >> k & 1)))
        return v
    if kind == 5 and v.ndim > 1:
        return v.reshape(-1, *v.shape[2:])
    return np.where(v > 0, v, 0)


@pytest.mark.parametrize("seed", range(60))
def test_random_work_behind_merges(seed):
    rng = np.random.default_rng(seed)
    sizes, merged = _random_shapes(rng)
    a, x, row = (rng.integers(-3, 4, s).astype(np.float64) for s in (sizes, merged, merged[-1:]))
    steps = rng.integers((7, 32), size=(rng.integers(1, 6), 2)).tolist()

    def function(a, x, row):
        v = (a * 2 + 1).reshape(merged)
        found = []
        for kind, number in steps:
            v = _step(kind, number, v, x, row, found)
        return (*found, v)

    for got, wanted in zip(tw.jit(function)(a, x, row), function(a, x, row), strict=True):
        np.testing.assert_array_equal(got, wanted)
