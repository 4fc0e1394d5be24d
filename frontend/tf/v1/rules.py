"""What the optimisers of TensorFlow 1 do to arrays, as ops with TensorFlow's names and operands.

Layer: frontend. A rule takes the value of a variable, its slots, and then the operands of
TensorFlow's op in their order; it gives the new value and the new slots. Sources: the papers named
at the rules. `step` applies one, to tensors of any kind: it serves eager programs and graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..apply import apply
from ..shaping import reshape
from ..slices import scatter_rows
from ..tensors import Tensor


class Rule(NamedTuple):
    """An update of a variable and its slots.

    Attributes:
        op: what TensorFlow's ops are called behind `Apply` and `SparseApply`.
        function: on arrays.
        slots: the names of the slots, in the order that `function` takes them.
        operands: what follows them: names of numbers, and "gradient".
        rows_only: whether, of a gradient of rows, it is applied to these rows alone.
        touches_rows: whether, in any case, the other rows stay as they are.
    """

    op: str
    function: Callable[..., tuple[Any, ...]]
    slots: tuple[str, ...]
    operands: tuple[str, ...]
    rows_only: bool = True
    touches_rows: bool = True


def step(
    rule: Rule, attrs: dict[str, Any], is_rows: bool, tensors: Sequence[Tensor]
) -> list[Tensor]:
    """The new value of a variable and those of its slots.

    Args:
        rule: what to do.
        attrs: the constants of the rule.
        is_rows: whether the gradient is two tensors: rows, and the places where they belong.
        tensors: the value, the slots, and what follows in the order of the rule's operands.
    """
    given = list(tensors)
    count = 1 + len(rule.slots)
    old = given[:count]
    if not is_rows:
        return list(apply(f"Apply{rule.op}", rule.function, given, attrs))
    place = count + rule.operands.index("gradient")
    indices = given.pop(place + 1)
    shape = {"shape": tuple(np.shape(old[0]._value))}
    given[place] = apply("UnsortedSegmentSum", scatter_rows, (given[place], indices), shape)
    new = apply(f"SparseApply{rule.op}", rule.function, given, attrs)
    if not rule.rows_only:
        return list(new)
    rows = reshape(indices, [-1])
    return [
        apply("SelectRows", _rows_replaced, (a, b, rows)) for a, b in zip(old, new, strict=True)
    ]


def _rows_replaced(old: Any, new: Any, rows: Any) -> Any:
    """`new` in the rows that are named, else `old`."""
    hits = np.zeros_like(rows, shape=old.shape[:1])  # traced, if the rows are
    np.add.at(hits, rows, np.ones_like(rows))
    return np.where((hits > 0).reshape((-1,) + (1,) * (old.ndim - 1)), new, old)


def _shrunk(x: Any, by: Any) -> Any:
    """x, nearer to 0 by so much, but not beyond it."""
    return np.sign(x) * np.maximum(np.absolute(x) - by, x.dtype.type(0))


def _descend(value: Any, rate: Any, gradient: Any) -> tuple[Any, ...]:
    return (value - rate * gradient,)


DESCENT = Rule(
    "GradientDescent", _descend, (), ("learning_rate", "gradient"), rows_only=False
)  # fmt: skip


def _momentum(
    value: Any, sum: Any, rate: Any, gradient: Any, momentum: Any, *, nesterov: bool
) -> tuple[Any, ...]:
    sum = momentum * sum + gradient
    step = gradient + momentum * sum if nesterov else sum
    return value - rate * step, sum


MOMENTUM = Rule(
    "Momentum", _momentum, ("momentum",), ("learning_rate", "gradient", "momentum")
)  # fmt: skip


def _adam(
    value: Any,
    m: Any,
    v: Any,
    power1: Any,
    power2: Any,
    rate: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    gradient: Any,
) -> tuple[Any, ...]:
    """Kingma and Ba, "Adam", 2014, algorithm 1, in the faster order that section 2 ends with."""
    one = value.dtype.type(1)
    m = m + (gradient - m) * (one - beta1)
    v = v + (gradient * gradient - v) * (one - beta2)
    step = rate * np.sqrt(one - power2) / (one - power1)
    return value - step * m / (np.sqrt(v) + epsilon), m, v


ADAM = Rule(
    "Adam",
    _adam,
    ("m", "v"),
    ("beta1_power", "beta2_power", "learning_rate", "beta1", "beta2", "epsilon", "gradient"),
    rows_only=False,
    touches_rows=False,
)


def _adagrad(value: Any, sum: Any, rate: Any, gradient: Any) -> tuple[Any, ...]:
    """Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011."""
    sum = sum + gradient * gradient
    return value - rate * gradient / np.sqrt(sum), sum


ADAGRAD = Rule("Adagrad", _adagrad, ("accumulator",), ("learning_rate", "gradient"))


def _adadelta(
    value: Any, sum: Any, moved: Any, rate: Any, rho: Any, epsilon: Any, gradient: Any
) -> tuple[Any, ...]:
    """Zeiler, "ADADELTA", 2012, algorithm 1."""
    one = value.dtype.type(1)
    sum = rho * sum + (one - rho) * gradient * gradient
    step = np.sqrt(moved + epsilon) / np.sqrt(sum + epsilon) * gradient
    moved = rho * moved + (one - rho) * step * step
    return value - rate * step, sum, moved


ADADELTA = Rule(
    "Adadelta", _adadelta, ("accum", "accum_update"), ("lr", "rho", "epsilon", "gradient")
)


def _rmsprop(
    value: Any,
    squares: Any,
    step: Any,
    rate: Any,
    decay: Any,
    momentum: Any,
    epsilon: Any,
    gradient: Any,
) -> tuple[Any, ...]:
    """Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012."""
    squares = squares + (gradient * gradient - squares) * (value.dtype.type(1) - decay)
    step = momentum * step + rate * gradient / np.sqrt(squares + epsilon)
    return value - step, squares, step


def _centered_rmsprop(
    value: Any,
    squares: Any,
    mean: Any,
    step: Any,
    rate: Any,
    decay: Any,
    momentum: Any,
    epsilon: Any,
    gradient: Any,
) -> tuple[Any, ...]:
    """Graves, "Generating sequences with recurrent neural networks", 2013, section 4."""
    rest = value.dtype.type(1) - decay
    squares = squares + (gradient * gradient - squares) * rest
    mean = mean + (gradient - mean) * rest
    step = momentum * step + rate * gradient / np.sqrt(squares - mean * mean + epsilon)
    return value - step, squares, mean, step


_RMSPROP_OPERANDS = ("learning_rate", "decay", "momentum", "epsilon", "gradient")
RMSPROP = Rule("RMSProp", _rmsprop, ("rms", "momentum"), _RMSPROP_OPERANDS)
CENTERED_RMSPROP = Rule(
    "CenteredRMSProp", _centered_rmsprop, ("rms", "mg", "momentum"), _RMSPROP_OPERANDS
)


def _ftrl(
    value: Any,
    sum: Any,
    linear: Any,
    gradient: Any,
    rate: Any,
    l1: Any,
    l2: Any,
    *rest: Any,
    is_root: bool,
) -> tuple[Any, ...]:
    """McMahan et al., "Ad click prediction: a view from the trenches", 2013, algorithm 1.

    The rest is the power of the learning rate, and before it the shrinkage, if there is one; the
    power is not read where it is known to be -1/2.
    """
    two = value.dtype.type(2)
    new = sum + gradient * gradient
    shrunk = gradient if len(rest) == 1 else gradient + two * rest[0] * value
    if is_root:
        before, after = np.sqrt(sum), np.sqrt(new)
    else:
        before, after = sum ** -rest[-1], new ** -rest[-1]
    linear = linear + shrunk - (after - before) / rate * value
    quadratic = after / rate + two * l2
    beyond = np.sign(linear) * l1 - linear
    zero = value.dtype.type(0)
    return np.where(np.absolute(linear) > l1, beyond / quadratic, zero), new, linear


_L1, _L2 = "l1_regularization_strength", "l2_regularization_strength"
_FTRL_OPERANDS = ("gradient", "learning_rate", _L1, _L2)
FTRL = Rule("Ftrl", _ftrl, ("accum", "linear"), (*_FTRL_OPERANDS, "learning_rate_power"))
FTRL_V2 = Rule(
    "FtrlV2",
    _ftrl,
    ("accum", "linear"),
    (*_FTRL_OPERANDS, "l2_shrinkage_regularization_strength", "learning_rate_power"),
)


def _proximal_descent(value: Any, rate: Any, l1: Any, l2: Any, gradient: Any) -> tuple[Any, ...]:
    """Duchi and Singer, "Efficient learning using forward-backward splitting", 2009."""
    moved = value - rate * gradient
    return (_shrunk(moved, rate * l1) / (value.dtype.type(1) + l2 * rate),)


PROXIMAL_DESCENT = Rule(
    "ProximalGradientDescent", _proximal_descent, (), ("learning_rate", _L1, _L2, "gradient")
)


def _proximal_adagrad(
    value: Any, sum: Any, rate: Any, l1: Any, l2: Any, gradient: Any
) -> tuple[Any, ...]:
    """The same, with Adagrad's rates."""
    sum = sum + gradient * gradient
    (moved,) = _proximal_descent(value, rate / np.sqrt(sum), l1, l2, gradient)
    return moved, sum


PROXIMAL_ADAGRAD = Rule(
    "ProximalAdagrad",
    _proximal_adagrad,
    ("accumulator",),
    ("learning_rate", _L1, _L2, "gradient"),
)


def _adagrad_da(
    value: Any,
    sum: Any,
    squares: Any,
    gradient: Any,
    rate: Any,
    l1: Any,
    l2: Any,
    step: Any,
) -> tuple[Any, ...]:
    """Duchi, Hazan and Singer, 2011, dual averaging: from all gradients, not from the value."""
    sum = sum + gradient
    squares = squares + gradient * gradient
    return -rate * _shrunk(sum, l1 * step) / (l2 * step * rate + np.sqrt(squares)), sum, squares


ADAGRAD_DA = Rule(
    "AdagradDA",
    _adagrad_da,
    ("gradient_accumulator", "gradient_squared_accumulator"),
    ("gradient", "learning_rate", _L1, _L2, "global_step"),
)
