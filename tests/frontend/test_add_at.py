"""np.add.at and np.subtract.at in compiled functions."""

import numpy as np
import pytest

import tensorwright as tw

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_repeated_indices_count_each_time(ufunc, dtype):
    def function(x, values, index):
        x = x.copy()
        ufunc.at(x, index, values)
        return x

    x, values = np.arange(15).reshape(5, 3).astype(dtype), np.ones((4, 3), dtype)
    index = np.array([1, 3, 1, -1])
    np.testing.assert_array_equal(tw.jit(function)(x, values, index), function(x, values, index))


def test_several_index_arrays_and_a_number():
    def function(x, i, j):
        x = np.zeros_like(x)
        np.add.at(x, (i, j), 2.0)
        return x

    arguments = np.ones((3, 4)), np.array([0, 2, 0]), np.array([1, 1, 1])
    np.testing.assert_array_equal(tw.jit(function)(*arguments), function(*arguments))


def test_gradient():
    index = np.array([2, 0, 2])

    def loss(x, values):
        x = np.sin(x)
        np.add.at(x, index, values)
        return np.sum(x**2)

    x, values = RNG.normal(size=4), RNG.normal(size=3)
    total = np.sin(x)
    np.add.at(total, index, values)
    by_x, by_values = tw.grad(loss, (0, 1))(x, values)
    np.testing.assert_allclose(by_x, 2 * total * np.cos(x))
    np.testing.assert_allclose(by_values, 2 * total[index])


def test_other_ufuncs_say_what_to_do():
    with pytest.raises(tw.UnsupportedError, match=r"np\.multiply\.at is not supported"):
        tw.jit(lambda x: np.multiply.at(x.copy(), np.array([0]), 2.0))(np.ones(3))


def test_an_index_out_of_bounds():
    def function(x, index):
        x = x.copy()
        np.add.at(x, index, 1.0)
        return x

    with pytest.raises(IndexError):
        tw.jit(function)(np.ones(3), np.array([3]))
