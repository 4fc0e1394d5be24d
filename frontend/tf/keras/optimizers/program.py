"""The update of all variables as one function of arrays, compiled once for each structure.

Layer: frontend. `update` is run by `apply` inside of traced functions, so that it becomes a part of
their program; outside, `program_for` gives it compiled on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....jit import Jitted
from ...apply import apply
from ...tensors import Tensor
from ...variables import Cell
from .rules import sgd


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
    by_rows = [_is_by_rows(p, plan) for p in plan.parameters]
    taken = [_take(p, rest, alone) for p, alone in zip(plan.parameters, by_rows, strict=True)]
    gradients = _clipped([g for _, g, _ in taken], plan.clip)
    made: list[Any] = [step + 1]
    for (x, _, state), g, p, alone in zip(taken, gradients, plan.parameters, by_rows, strict=True):
        lr = rate.astype(x.dtype)
        if alone:
            rows, indices = g
            np.add.at(x, indices, -(rows.astype(x.dtype) * lr))
            made.append(x)
            continue
        t = (step + 1).astype(x.dtype)
        if p.weight_decay:
            x = x - x * x.dtype.type(p.weight_decay) * lr
        x, state = plan.rule(x, g, state, lr, t, **dict(plan.hyper))
        made += [x, *state]
    return tuple(made)


def _is_by_rows(p: Parameter, plan: Plan) -> bool:
    """Whether the update is a step along the gradient, of which there are only some rows."""
    is_plain = plan.rule is sgd and not p.states and not p.weight_decay
    return p.is_sparse and is_plain and plan.clip is None


def _take(p: Parameter, rest: Any, by_rows: bool) -> tuple[Any, Any, tuple[Any, ...]]:
    x, g = next(rest), next(rest)
    if by_rows:
        return x.copy(), (g, next(rest)), ()
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


def gathered(plan: Plan, cells: Sequence[Cell], given: Sequence[Tensor]) -> list[Tensor]:
    """What `update` takes.

    Args:
        plan: the structure.
        cells: the number of steps, then each variable and its states.
        given: the learning rate, then each gradient (or rows and indices).
    """
    values, rest = iter([c.read() for c in cells]), iter(given)
    found = [next(values), next(rest)]
    for p in plan.parameters:
        found.append(next(values))
        found += [next(rest) for _ in range(2 if p.is_sparse else 1)]
        found += [next(values) for _ in range(p.states)]
    return found


def write_update(plan: Plan, cells: Sequence[Cell], given: Sequence[Tensor]) -> None:
    """The update as a part of the function that is traced; arguments as of `gathered`."""
    made = apply("ApplyGradients", update, gathered(plan, cells, given), {"plan": plan})
    for cell, tensor in zip(cells, made, strict=True):
        cell.write(tensor)


@lru_cache(maxsize=256)
def program_for(plan: Plan) -> Jitted:
    """The update, compiled."""

    def optimizer_step(*arrays: Any) -> tuple[Any, ...]:
        return update(*arrays, plan=plan)

    return Jitted(optimizer_step)
