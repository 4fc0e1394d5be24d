"""What a workload is: a plain NumPy function, its inputs, and how its results are compared.

A workload that advances a state (a stencil, a training step) is one step per call; `steps` calls
make one timed run, and `carry` turns the result of a call into the arguments of the next. A `Loss`
is a workload whose gradient is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """One benchmark: `inputs(rng, dtype, *size)` makes the arguments of `function`.

    `full` is the size that figures are quoted for, `quick` the one of a short run, `tiny` (eight
    elements where the workload allows it) shows the cost of a call. `tolerance` is relative, for
    float32 and float64; absolute differences below `tolerance` times the largest magnitude pass.
    """

    name: str
    function: Callable[..., Any]
    inputs: Callable[..., Arguments]
    full: tuple[int, ...]
    quick: tuple[int, ...]
    tiny: tuple[int, ...]
    dtypes: tuple[str, ...] = ("float32", "float64")
    tolerance: tuple[float, float] = (1e-5, 1e-12)
    steps: int = 1
    carry: Callable[[Arguments, Any], Arguments] | None = None

    def make(self, dtype: str, size: str) -> Arguments:
        """The arguments for one dtype and one of the sizes 'full', 'quick', 'tiny'."""
        rng = np.random.default_rng(20240229)
        return self.inputs(rng, np.dtype(dtype), *getattr(self, size))

    def run(self, function: Callable[..., Any], arguments: Arguments, steps: int) -> Any:
        """Call `function` `steps` times, each on what the call before gave; the last result."""
        result = function(*arguments)
        for _ in range(steps - 1):
            assert self.carry is not None, self.name
            arguments = self.carry(arguments, result)
            result = function(*arguments)
        return result

    def difference(self, dtype: str, got: Any, expected: Any) -> str:
        """Why `got` is not an acceptable result where NumPy gives `expected`; '' if it is."""
        rtol = self.tolerance[0 if np.dtype(dtype).itemsize < 8 else 1]
        return compare(got, expected, rtol)


@dataclass(frozen=True, slots=True)
class Loss(Workload):
    """A function with one number as its result, to be differentiated by the floats in `argnums`.

    `value` says that the function's value is wanted together with the gradient.
    """

    argnums: tuple[int, ...] = (0,)
    value: bool = False


def compare(got: Any, expected: Any, rtol: float, *, dtypes: bool = True) -> str:
    """The first difference between two results (arrays, scalars, containers of them), or ''."""
    ours, theirs = list(leaves(got)), list(leaves(expected))
    if len(ours) != len(theirs):
        return f"{len(ours)} results, NumPy gives {len(theirs)}"
    for number, (left, right) in enumerate(zip(ours, theirs, strict=True)):
        left, right = np.asarray(left), np.asarray(right)
        if left.shape != right.shape:
            return f"result {number}: shape {left.shape}, NumPy gives {right.shape}"
        if dtypes and left.dtype != right.dtype:
            return f"result {number}: dtype {left.dtype}, NumPy gives {right.dtype}"
        scale = float(np.max(np.abs(right), initial=0.0))
        if not np.allclose(left, right, rtol=rtol, atol=rtol * scale, equal_nan=True):
            worst = np.nanmax(np.abs(left.astype(np.float64) - right.astype(np.float64)))
            return f"result {number}: differs from NumPy's by up to {worst:.3g} (scale {scale:.3g})"
    return ""


def leaves(tree: Any) -> Iterator[Any]:
    """The arrays and scalars in nested tuples, lists and dicts, in order (of keys, in a dict)."""
    if isinstance(tree, dict):
        tree = [tree[key] for key in sorted(tree)]
    if isinstance(tree, tuple | list):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers with `function` of each leaf, which it gets in the order of `leaves`."""
    if isinstance(tree, dict):
        return {key: map_leaves(function, tree[key]) for key in sorted(tree)}
    if isinstance(tree, tuple | list):
        return type(tree)([map_leaves(function, branch) for branch in tree])
    return function(tree)


def uniform(low: float, high: float, count: int = 1) -> Callable[..., Arguments]:
    """An input maker: `count` arrays of the given shape, uniform in [low, high)."""

    def make(rng: np.random.Generator, dtype: np.dtype, *shape: int) -> Arguments:
        return tuple(rng.uniform(low, high, shape).astype(dtype) for _ in range(count))

    return make


def replace_all(arguments: Arguments, result: Any) -> Arguments:
    """Carry for a step whose results are exactly its arguments, one step later."""
    return result if isinstance(result, tuple) else (result,)
