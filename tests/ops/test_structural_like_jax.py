"""Gradients through views, reductions, scans and indices against JAX's, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorwright as tw

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
pytestmark = pytest.mark.peers

RNG = np.random.default_rng(4)
V = RNG.normal(size=12)
X = RNG.normal(size=(6, 5))
PICKED = np.array([0, 3, 3, -1])


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


# name: (the function, of `xp` and an array, and its argument)
CASES: dict[str, Any] = {
    "max": (lambda xp, x: xp.sum(xp.max(x, axis=0) ** 2), X),
    "ties": (lambda xp, x: xp.sum(xp.min(x, axis=1) ** 2), np.round(X)),
    "equal": (lambda xp, x: xp.max(x) + xp.sum(xp.min(x, axis=0) ** 2), np.full((3, 4), 1.5)),
    "prod": (lambda xp, x: xp.sum(xp.prod(x, axis=1) * xp.prod(x[:, :0], axis=1)), X),
    "cumsum": (lambda xp, x: xp.sum(xp.cumsum(x, axis=0) ** 3), X),
    "cumprod": (lambda xp, x: xp.sum(xp.cumprod(x) ** 2), V),
    "gather": (lambda xp, x: xp.sum(x[PICKED] ** 2 * np.arange(4.0)[:, None]), X),
    "points": (lambda xp, x: xp.sum(x[PICKED, PICKED] ** 3 * np.arange(4.0)), X),
    "take": (lambda xp, x: xp.sum(xp.take(x, PICKED, axis=1) ** 2), X),
    "slices": (lambda xp, x: xp.sum(x[1::2, ::-1] * x[:3] * x[3:, [0]]), X),
    "differences": (lambda xp, x: xp.sum(xp.diff(x, axis=0) ** 2) + xp.sum(xp.diff(x, 2)), X),
    "diagonal": (lambda xp, x: xp.sum(xp.diagonal(x, 1) ** 2) * xp.trace(x), X),
    "joined": (lambda xp, x: xp.sum(xp.concatenate([x, x[::-1] ** 2], 1) ** 2), X),
    "stacked": (lambda xp, x: xp.sum(xp.stack([x, x.T.reshape(6, 5)]) ** 2), X),
    "split": (lambda xp, x: sum(xp.sum(p ** (k + 1)) for k, p in enumerate(xp.split(x, 3))), X),
    "pad": (lambda xp, x: xp.sum(xp.pad(x, ((1, 2), (0, 1)))[1:] ** 2), X),
    "roll": (lambda xp, x: xp.sum(xp.roll(x, 2, 0) * x), X),
    "tile": (lambda xp, x: xp.sum(xp.tile(x, (2, 2)) ** 2), X),
    "convolve": (lambda xp, x: xp.sum(xp.convolve(x, x[:3]) ** 2), V),
    "matmul": (lambda xp, x: xp.sum((x.T @ x) ** 2), X),
    "batches": (lambda xp, x: xp.sum(xp.matmul(x.reshape(2, 3, 5), x.reshape(2, 5, 3)) ** 2), X),
    "einsum": (lambda xp, x: xp.einsum("ij,kj,ik->", x, x, x @ x.T), X),
    "sort of norm": (lambda xp, x: xp.sum(xp.linalg.norm(x, axis=1)), X),
    "mean": (lambda xp, x: xp.var(x) + xp.sum(xp.mean(x, 0) ** 2), X),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient(name: str) -> None:
    function, x = CASES[name]
    expected = jax.grad(lambda x: function(jnp, x))(x)
    found = tw.grad(lambda x: function(np, x))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_hessian(name: str) -> None:
    function, x = CASES[name]
    expected = jax.hessian(lambda x: function(jnp, x))(x)
    found = tw.hessian(lambda x: function(np, x))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
