"""tf.linalg's systems and factors inside of functions."""

import numpy as np
import pytest

import tensorwright as tf

X = np.random.default_rng(0).standard_normal((2, 5, 5)).astype(np.float32) + 4 * np.eye(
    5, dtype=np.float32
)
SQUARED = X @ np.swapaxes(X, -1, -2)
Y = np.ones((2, 5, 3), np.float32)

CASES = {
    "inv": lambda x: tf.linalg.inv(x),
    "inv_adjoint": lambda x: tf.linalg.inv(x, adjoint=True),
    "solve": lambda x: tf.linalg.solve(x, Y),
    "solve_adjoint": lambda x: tf.linalg.solve(x, Y, adjoint=True),
    "triangular_solve": lambda x: tf.linalg.triangular_solve(x, Y, lower=False),
    "det": lambda x: tf.linalg.det(x),
    "slogdet": lambda x: tf.linalg.slogdet(x)[1],
    "cholesky": lambda x: tf.linalg.cholesky(x),
    "logdet": lambda x: tf.linalg.logdet(x),
    "lstsq": lambda x: tf.linalg.lstsq(x, Y),
}


@pytest.mark.parametrize("name", CASES)
def test_functions_give_what_calls_give(name):
    case = CASES[name]
    found, expected = tf.function(case)(tf.constant(SQUARED)), case(tf.constant(SQUARED))
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-3, atol=2e-3)


def test_gradients_in_a_function():
    @tf.function
    def inside(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.linalg.solve(x, Y)) + tf.reduce_sum(tf.linalg.logdet(x))
        return tape.gradient(loss, x)

    found = inside(tf.constant(SQUARED.astype(np.float64)))
    inverse = np.linalg.inv(SQUARED.astype(np.float64))
    turned = np.swapaxes(inverse, -1, -2)
    expected = -(turned @ np.ones((2, 5, 3))) @ np.swapaxes(inverse @ Y, -1, -2) + inverse
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("function", [tf.linalg.inv, lambda x: tf.linalg.solve(x, Y[:, :3])])
def test_singular_matrices_give_nan_in_functions(function):
    x = np.stack([np.eye(3), np.ones((3, 3))]).astype(np.float32)
    found = tf.function(function)(tf.constant(x)).numpy()
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
        function(tf.constant(x))


def test_what_is_not_positive_definite_gives_nan_in_functions():
    x = np.stack([np.eye(3), -np.eye(3)])
    found = tf.function(tf.linalg.cholesky)(tf.constant(x)).numpy()
    np.testing.assert_array_equal(found[0], np.eye(3))
    assert np.isnan(found[1]).all()
