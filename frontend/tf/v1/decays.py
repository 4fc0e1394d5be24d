"""Learning rates that fall with the number of the step, as TensorFlow 1 has them in `tf.train`.

Layer: frontend. In a graph they are tensors; in eager programs functions that give the rate. The
formulas are in ../decays.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import decays
from ..apply import apply
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..graph.build import graph_op
from ..graph.state import is_building
from ..tensors import Tensor

Formula = Callable[..., Any]


def _rate(step: Any, numbers: Sequence[Any], formula: Formula, attrs: dict[str, Any]) -> Tensor:
    """The rate now; the first number says in which dtype it is computed."""
    start = convert_to_tensor(numbers[0])
    operands = [start, *(cast(x, start.dtype) for x in numbers[1:])]
    found: Tensor = apply(formula.__name__, formula, [convert_to_tensor(step), *operands], attrs)
    return found


def _decay(label: str) -> Callable[..., Any]:
    """A function that makes the op of a rate, or, eagerly, a function that computes it."""
    op = graph_op(_rate, label, "Mul")

    def made(step: Any, numbers: Sequence[Any], formula: Formula, name: Any, **attrs: Any) -> Any:
        if step is None:
            raise ValueError(f"global_step is required for {label}.")
        if is_building():
            return op(step, list(numbers), formula, attrs, name=name)
        return lambda: _rate(step, numbers, formula, attrs)

    return made


_exponential = _decay("ExponentialDecay")
_polynomial = _decay("PolynomialDecay")
_inverse = _decay("InverseTimeDecay")
_cosine = _decay("CosineDecay")
_restarts = _decay("SGDRDecay")
_linear_cosine = _decay("LinearCosineDecay")


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate * decay_rate ** (global_step / decay_steps); staircase: whole quotients."""
    numbers = learning_rate, decay_steps, decay_rate
    stairs = bool(staircase)
    return _exponential(global_step, numbers, decays.exponential, name, stairs=stairs)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    numbers = learning_rate, decay_steps, decay_rate
    return _exponential(global_step, numbers, decays.natural, name, stairs=bool(staircase))


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""
    numbers = learning_rate, decay_steps, decay_rate
    return _inverse(global_step, numbers, decays.inverse, name, stairs=bool(staircase))


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Any:
    """From learning_rate to end_learning_rate by (1 - global_step / decay_steps) ** power."""
    numbers = learning_rate, decay_steps, end_learning_rate, power
    return _polynomial(global_step, numbers, decays.polynomial, name, cycle=bool(cycle))


def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    """Half a cosine wave, from learning_rate to alpha * learning_rate."""
    return _cosine(global_step, (learning_rate, decay_steps, alpha), decays.cosine, name)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    """Such waves one after the other, each t_mul times as long and m_mul times as high."""
    numbers = learning_rate, first_decay_steps, t_mul, m_mul, alpha
    is_even = isinstance(t_mul, (int, float)) and t_mul == 1
    return _restarts(global_step, numbers, decays.restarts, name, is_even=is_even)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """A falling line times a cosine wave: learning_rate * ((alpha + line) * wave + beta)."""
    numbers = learning_rate, decay_steps, num_periods, alpha, beta
    return _linear_cosine(global_step, numbers, decays.linear_cosine, name)


# -- constants in pieces --------------------------------------------------------------------------


def _piece(x: Any, boundaries: Sequence[Any], values: Sequence[Any]) -> Tensor:
    step = convert_to_tensor(x)
    bounds = [_of_step(b, step) for b in boundaries]
    tensors = [convert_to_tensor(v) for v in values]
    for t in tensors[1:]:
        if t.dtype is not tensors[0].dtype:
            raise ValueError(
                f"Values must have elements all with the same dtype ({tensors[0].dtype} vs"
                f" {t.dtype})."
            )
    attrs = {"count": len(bounds)}
    found: Tensor = apply("PiecewiseConstant", decays.piecewise, [step, *bounds, *tensors], attrs)
    return found


def _of_step(bound: Any, step: Tensor) -> Tensor:
    found = convert_to_tensor(bound)
    if found.dtype.name == "int32" and step.dtype.name == "int64":
        return cast(found, step.dtype)
    if found.dtype is not step.dtype:
        raise ValueError(
            f"Boundaries ({found.dtype}) must have the same dtype as x ({step.dtype})."
        )
    return found


_piecewise = graph_op(_piece, "PiecewiseConstant", "Merge")


def piecewise_constant(
    x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None
) -> Any:
    """values[k] for x up to boundaries[k], the last value after that.

    Raises:
        ValueError: there is not one value more than boundaries, or dtypes differ.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    if is_building():
        return _piecewise(x, list(boundaries), list(values), name=name)
    return lambda: _piece(x, boundaries, values)


piecewise_constant_decay = piecewise_constant
