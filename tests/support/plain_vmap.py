"""vmap and derivatives as their definitions say: loops over NumPy calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorwright.frontend.tree import flatten, unflatten


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """As `tw.vmap`, for axes that are an int or None, or a tuple of these."""

    def mapped(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        sizes = [x.shape[a] for x, a in zip(args, axes, strict=True) if a is not None]
        runs = []
        for k in range(sizes[0]):
            given = [x if a is None else np.take(x, k, a) for x, a in zip(args, axes, strict=True)]
            runs.append(flatten(function(*given)))
        tree = runs[0][1]
        stacks = [np.stack(leaves, out_axes) for leaves in zip(*(r[0] for r in runs), strict=True)]
        return unflatten(tree, stacks)

    return mapped


def jacobian(function: Callable[..., np.ndarray], x: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """By central differences, extrapolated once: an error of step**4."""
    x = np.asarray(x, float)
    columns = []
    for index in np.ndindex(x.shape):
        quotients = []
        for h in (step, 2 * step):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[index] += sign * h
                ends.append(np.asarray(function(moved)))
            quotients.append((ends[0] - ends[1]) / (2 * h))
        columns.append((4 * quotients[0] - quotients[1]) / 3)
    shape = np.shape(function(x))
    return np.stack(columns, -1).reshape((*shape, *x.shape))


def hessian(function: Callable[..., Any], x: np.ndarray, step: float = 2e-3) -> np.ndarray:
    """By differences of differences."""
    return jacobian(lambda y: jacobian(function, y, step), x, step)
