"""Pooling is a few loops: none makes an array as large as its windows together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.frontend.pooling import avg_pool, max_pool

X = np.random.default_rng(0).standard_normal((2, 8, 8, 16)).astype(np.float32)


def kernels(function: Any, *arguments: Any) -> tuple[int, int]:
    """How many loops a program has, and how many bytes of memory it takes for itself."""
    text = tw.jit(function).lower(*arguments).text("kernels")
    (arena,) = [line for line in text.splitlines() if line.startswith("arena")] or [": 0"]
    return text.count("kernel @"), sum(map(int, arena.split(":")[1].split(",")))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("window", "strides"), [((2, 2), (2, 2)), ((3, 3), (2, 2))])
@pytest.mark.parametrize("pool", [max_pool, avg_pool])
def test_forward_is_one_loop(pool: Any, window: Any, strides: Any, padding: str) -> None:
    def run(x: Any) -> Any:
        return pool(x, window=window, strides=strides, padding=padding)

    assert kernels(run, X) == (1, 0)


@pytest.mark.parametrize(("window", "strides"), [((2, 2), (2, 2)), ((3, 3), (2, 2))])
@pytest.mark.parametrize("pool", [max_pool, avg_pool])
def test_backward_keeps_positions_at_most(pool: Any, window: Any, strides: Any) -> None:
    def run(x: Any) -> Any:
        return pool(x, window=window, strides=strides, padding="SAME")

    loops, memory = kernels(lambda x, ct: tw.vjp(run, x)[1](ct), X, run(X))
    assert loops <= 2
    assert memory <= run(X).nbytes  # the positions; the cotangent divided by the counts
