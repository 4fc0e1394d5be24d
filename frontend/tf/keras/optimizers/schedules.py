"""Learning rates that change with the number of the step.

Layer: frontend. A schedule is called with the step, a number or an integer tensor, and gives a
float32 tensor; inside of a traced function it is a part of the program. The formulas are in
../../decays.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import decays
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


def _run(function: Callable[..., Any], step: Any, numbers: Sequence[float], **attrs: Any) -> Tensor:
    operands = [Tensor(np.float32(x)) for x in numbers]
    name = function.__name__
    result: Tensor = apply(name, function, [convert_to_tensor(step), *operands], attrs)
    return result


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
        numbers = self.initial_learning_rate, self.decay_steps, self.decay_rate
        return _run(decays.exponential, step, numbers, stairs=bool(self.staircase))


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
        numbers = [*self.boundaries, *self.values]
        return _run(decays.piecewise, step, numbers, count=len(self.boundaries))


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
        start, steps = self.initial_learning_rate, self.decay_steps
        numbers = start, steps, self.end_learning_rate, self.power
        return _run(decays.polynomial, step, numbers, cycle=bool(self.cycle))


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
        numbers = self.initial_learning_rate, self.decay_steps, self.decay_rate
        return _run(decays.inverse, step, numbers, stairs=bool(self.staircase))


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
        numbers = [self.initial_learning_rate, self.decay_steps, self.alpha]
        if self.warmup_target is None:
            return _run(decays.cosine, step, numbers)
        return _run(decays.warm_cosine, step, [*numbers, self.warmup_target, self.warmup_steps])


@FAMILY.add()
class CosineDecayRestarts(LearningRateSchedule):
    """Half cosine waves, one after the other (Loshchilov and Hutter, 2016).

    Each is `t_mul` times as long as the one before, and begins `m_mul` times as high.
    """

    fields = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _check_steps(first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps, self.t_mul, self.m_mul = first_decay_steps, t_mul, m_mul
        self.alpha, self.name = alpha, name

    def __call__(self, step: Any) -> Tensor:
        """The learning rate at a step."""
        first = self.initial_learning_rate, self.first_decay_steps
        numbers = [*first, self.t_mul, self.m_mul, self.alpha]
        return _run(decays.restarts, step, numbers, is_even=self.t_mul == 1.0)


def _check_steps(decay_steps: Any) -> None:
    if decay_steps <= 0:
        raise ValueError(f"Argument `decay_steps` must be > 0. Received: decay_steps={decay_steps}")
