"""Gradients against JAX's, in values: single functions at random points, and programs.

Where the two choose differently (docs/gradients.md has the conventions) nothing is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from support.derivatives import points, wide
from support.op_cases import cases
from tensorwright.compiler.ir.derivative import NoDerivative

pytestmark = pytest.mark.peers
jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy

# no names of NumPy's, other results for ints, or no derivative in JAX
_LEFT_OUT = {"ldexp", "frexp_mantissa", "spacing", "nextafter"}
CASES = {
    c.op.name: c
    for c in cases()
    if wide(c)
    and set(map(str, c.dtypes)) == {"f64"}
    and not c.attrs
    and hasattr(np, c.op.name)
    and hasattr(jnp, c.op.name)
    and c.op.name not in _LEFT_OUT
    and not isinstance(c.op.derivative, NoDerivative)
}


def test_there_are_many() -> None:
    assert len(CASES) >= 45


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    """First and second derivatives by every operand."""
    arrays = points(CASES[name], seed=7)
    every = tuple(range(len(arrays)))

    def derivatives(grad: Callable[..., Any], function: Callable[..., Any], total: Any) -> Any:
        first = grad(lambda *a: total(function(*a)), every)
        second = grad(lambda *a: sum(total(g) for g in first(*a)), every)
        return [*first(*arrays), *second(*arrays)]

    found = derivatives(tw.grad, getattr(np, name), np.sum)
    expected = derivatives(jax.grad, getattr(jnp, name), jnp.sum)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def softmax_loss(np: Any, x: Any, w: Any) -> Any:
    scores = np.tanh(x @ w)
    top = np.max(scores, axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.sum(np.exp(scores - top), axis=1))
    return np.mean(log_sum - scores[:, 1])


def layer_norm(np: Any, x: Any, w: Any) -> Any:
    h = np.maximum(x @ w, 0.0)
    h = (h - np.mean(h, axis=1, keepdims=True)) / np.sqrt(np.var(h, axis=1, keepdims=True) + 1e-5)
    return np.sum(h * h * h)


def smoothed(np: Any, x: Any, w: Any) -> Any:
    y = np.sin(x) * np.sum(w)
    bend = y[2:] - 2 * y[1:-1] + y[:-2]
    return np.sum(np.sqrt(bend**2 + 0.1)) + np.prod(np.cos(w[0]))


def distances(np: Any, x: Any, w: Any) -> Any:
    difference = x[:, None, :] - w.T[None, :, :]
    return np.sum(np.exp(-np.sqrt(np.sum(difference**2, axis=-1) + 0.01)))


def masked_mean(np: Any, x: Any, w: Any) -> Any:
    chosen = np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)
    return np.sum(chosen @ w) / np.sum(x > 0) + np.sum(np.cumsum(w, axis=0) ** 2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "program",
    [softmax_loss, layer_norm, smoothed, distances, masked_mean],
    ids=lambda f: f.__name__,
)
def test_program(program: Callable[..., Any], dtype: str) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((6, 4)).astype(dtype), rng.standard_normal((4, 5)).astype(dtype)
    value, found = tw.value_and_grad(lambda x, w: program(np, x, w), (0, 1))(x, w)
    wanted, expected = jax.value_and_grad(lambda x, w: program(jnp, x, w), (0, 1))(x, w)
    tolerance = 1e-11 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(value, wanted, rtol=tolerance)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
