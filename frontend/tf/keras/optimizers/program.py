"""The update of all variables as one function of arrays, compiled once for each structure.

Layer: frontend. `update` is run by `apply` inside of traced functions, so that it becomes a part of
their program; outside, `program_for` gives it compiled on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....jit import Jitted


class Parameter(NamedTuple):
    """What is static about one variable."""

    is_sparse: bool  # its gradient is given as rows and their indices
    states: int
    weight_decay: float


class Plan(NamedTuple):
    """All that an update depends on, but data."""

    rule: Callable[..., Any]
    hyper: tuple[tuple[str, Any], ...]
    clip: tuple[str, float] | None  # ("norm" | "value" | "global_norm", limit)
    parameters: tuple[Parameter, ...]


def update(step: Any, rate: Any, *arrays: Any, plan: Plan) -> tuple[Any, ...]:
    """One step of an optimiser.

    Args:
        step: how many steps there were before, an integer.
        rate: the learning rate.
        arrays: for each parameter the variable, its gradient (or rows and indices), its states.
        plan: the structure.

    Returns:
        The next step, then for each parameter the new variable and its new states.
    """
    rest = iter(arrays)
    taken = [_take(p, rest) for p in plan.parameters]
    gradients = _clipped([g for _, g, _ in taken], plan.clip)
    made: list[Any] = [step + 1]
    for (x, _, state), g, p in zip(taken, gradients, plan.parameters, strict=True):
        lr = rate.astype(x.dtype)
        t = (step + 1).astype(x.dtype)
        if p.weight_decay:
            x = x - x * x.dtype.type(p.weight_decay) * lr
        x, state = plan.rule(x, g, state, lr, t, **dict(plan.hyper))
        made += [x, *state]
    return tuple(made)


def _take(p: Parameter, rest: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    x, g = next(rest), next(rest)
    if p.is_sparse:  # several rows with one index count together
        rows, g = g, np.zeros_like(x)
        np.add.at(g, next(rest), rows.astype(x.dtype))
    return x, g.astype(x.dtype), tuple([next(rest) for _ in range(p.states)])


def _clipped(gradients: list[Any], clip: tuple[str, float] | None) -> list[Any]:
    if clip is None:
        return gradients
    kind, limit = clip
    if kind == "value":
        return [np.clip(g, -limit, limit) for g in gradients]
    if kind == "norm":
        return [clip_by_norm(g, limit) for g in gradients]
    total = sum(np.sum(np.square(g)) for g in gradients)
    scale = limit * np.minimum(1 / np.sqrt(total), 1 / limit)
    return [g * scale.astype(g.dtype) for g in gradients]


def clip_by_norm(g: Any, limit: float) -> Any:
    """g, scaled down to the norm `limit` if its norm is above."""
    total = np.sum(np.square(g))
    norm = np.where(total > 0, np.sqrt(np.where(total > 0, total, 1)), total)
    return g * limit / np.maximum(norm, limit)


@lru_cache(maxsize=256)
def program_for(plan: Plan) -> Jitted:
    """The update, compiled."""

    def optimizer_step(*arrays: Any) -> tuple[Any, ...]:
        return update(*arrays, plan=plan)

    return Jitted(optimizer_step)
