"""Transforms of one function are made once, and go with the function."""

import gc
import weakref

import numpy as np
import pytest

import tensorwright as tw


def cube(x):
    return x**3


def test_one_function_has_one_gradient():
    assert tw.grad(cube) is tw.grad(cube)
    assert tw.grad(cube) is not tw.value_and_grad(cube)
    assert tw.vmap(cube) is tw.vmap(cube)
    assert tw.jacobian(cube) is not tw.jacrev(cube)


def test_gradients_of_gradients_are_told_apart():
    x = 2.0
    for order, expected in enumerate((12.0, 12.0, 6.0), start=1):
        derivative = cube
        for _ in range(order):
            derivative = tw.grad(derivative)
        assert derivative(x) == pytest.approx(expected)


def test_functions_that_are_defined_anew_are_others():
    results = []
    for factor in (1.0, 2.0, 3.0):

        def scaled(x, factor=factor):
            return factor * x

        results.append(tw.grad(scaled)(1.0))
    assert results == [1.0, 2.0, 3.0]


def test_a_gradient_written_in_a_loop_compiles_once():
    traces = []

    def loss(x):
        traces.append(x)
        return np.sum(x**2)

    for k in range(5):
        tw.grad(loss)(np.ones(3) * k)
    assert len(traces) == 1


def test_arguments_that_cannot_be_hashed():
    assert tw.vmap(cube, in_axes=[0])(np.ones(2)).shape == (2,)


def test_what_is_kept_goes_with_the_function():
    def made():
        data = np.ones(10)

        def loss(x):
            return np.sum(x * data)

        tw.grad(loss)(np.ones(10))
        return weakref.ref(loss)

    reference = made()
    gc.collect()
    assert reference() is None
