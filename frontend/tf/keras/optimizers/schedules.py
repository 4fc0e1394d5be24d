"""Learning rates that change with the number of the step.

Layer: frontend. A schedule is called with the step, a number or an integer tensor, and gives a
float32 tensor; inside of a traced function it is a part of the program. Formulas as in Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...tensors import Tensor
from ..registry import Configured, Family

FAMILY = Family("learning rate schedule")
serialize, deserialize = FAMILY.serialize, FAMILY.deserialize


class LearningRateSchedule(Configured):
    """Base class; subclasses define `__call__(step)`."""

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )


def _run(function: Callable[..., Any], step: Any, **attrs: Any) -> Tensor:
    name = function.__name__.strip("_")
    result: Tensor = apply(name, function, [convert_to_tensor(step)], attrs)
    return result


def _exponential(step: Any, *, start: float, steps: float, rate: float, stairs: bool) -> Any:
    p = step.astype(np.float32) / np.float32(steps)
    return np.float32(start) * np.power(np.float32(rate), np.floor(p) if stairs else p)


@FAMILY.add()
class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps); staircase: whole quotients."""

    fields = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        _check_steps(decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        return _run(
            _exponential,
            step,
            start=float(self.initial_learning_rate),
            steps=float(self.decay_steps),
            rate=float(self.decay_rate),
            stairs=bool(self.staircase),
        )


def _piecewise(step: Any, *, bounds: tuple[Any, ...], rates: tuple[float, ...]) -> Any:
    found: Any = np.float32(rates[0])
    for bound, rate in zip(bounds, rates[1:], strict=True):
        found = np.where(step > bound, np.float32(rate), found)
    return found + np.float32(0) * step.astype(np.float32) if not bounds else found


@FAMILY.add()
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[k] for steps up to boundaries[k], the last value after that."""

    fields = ("boundaries", "values", "name")

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} "
                f"of length {len(values)}."
            )
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        rates = tuple(float(v) for v in self.values)
        return _run(_piecewise, step, bounds=tuple(self.boundaries), rates=rates)


def _polynomial(
    step: Any, *, start: float, steps: float, end: float, power: float, cycle: bool
) -> Any:
    done, total = step.astype(np.float32), np.float32(steps)
    if cycle:
        total = total * np.maximum(np.ceil(done / total), np.float32(1))
    else:
        done = np.minimum(done, total)
    return np.float32(start - end) * np.power(1 - done / total, np.float32(power)) + np.float32(end)


@FAMILY.add()
class PolynomialDecay(LearningRateSchedule):
    """From the initial to the end rate by (1 - step / decay_steps) ** power.

    With `cycle`, `decay_steps` is multiplied where the step is beyond it, so the rate rises again.
    """

    fields = (
        "initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _check_steps(decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle = end_learning_rate, power, cycle
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        return _run(
            _polynomial,
            step,
            start=float(self.initial_learning_rate),
            steps=float(self.decay_steps),
            end=float(self.end_learning_rate),
            power=float(self.power),
            cycle=bool(self.cycle),
        )


def _inverse(step: Any, *, start: float, steps: float, rate: float, stairs: bool) -> Any:
    p = step.astype(np.float32) / np.float32(steps)
    return np.float32(start) / (1 + np.float32(rate) * (np.floor(p) if stairs else p))


@FAMILY.add()
class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps)."""

    fields = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        _check_steps(decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        return _run(
            _inverse,
            step,
            start=float(self.initial_learning_rate),
            steps=float(self.decay_steps),
            rate=float(self.decay_rate),
            stairs=bool(self.staircase),
        )


def _cosine(
    step: Any, *, start: float, steps: float, alpha: float, target: float | None, warmup: float
) -> Any:
    done, total = step.astype(np.float32), np.float32(steps)
    top = np.float32(start if target is None else target)
    after = done if target is None else done - np.float32(warmup)
    wave = np.float32(0.5) * (1 + np.cos(np.float32(math.pi) * (np.minimum(after, total) / total)))
    decayed = top * (np.float32(1 - alpha) * wave + np.float32(alpha))
    if target is None or not warmup:
        return decayed
    rising = np.float32(target - start) * (done / np.float32(warmup)) + np.float32(start)
    return np.where(done < warmup, rising, decayed)


@FAMILY.add()
class CosineDecay(LearningRateSchedule):
    """Half a cosine wave down to alpha * rate (Loshchilov and Hutter, 2016).

    With `warmup_target` the rate rises to it linearly for `warmup_steps` steps before.
    """

    fields = (
        "initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        _check_steps(decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        return _run(
            _cosine,
            step,
            start=float(self.initial_learning_rate),
            steps=float(self.decay_steps),
            alpha=float(self.alpha),
            target=None if self.warmup_target is None else float(self.warmup_target),
            warmup=float(self.warmup_steps),
        )


def _check_steps(decay_steps: Any) -> None:
    if decay_steps <= 0:
        raise ValueError(f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}")
