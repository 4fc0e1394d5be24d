"""Activation functions: of tensors, by name.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import elementwise
from ..apply import apply
from ..convert import convert_to_tensor
from ..deferred import deferring
from ..nn import activations as ops
from ..shaping import split
from ..tensors import Tensor
from .registry import Family

FAMILY = Family("activation function")


def get(identifier: Any) -> Callable[[Any], Any]:
    """The activation for a name, a function or None, which is `linear`."""
    if identifier is None:
        return linear
    found: Callable[[Any], Any] = FAMILY.get(identifier)
    return found


serialize, deserialize = FAMILY.serialize, FAMILY.deserialize


def _add(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register an activation; it can be called on Keras tensors, too."""
    made: Callable[..., Any] = FAMILY.add()(deferring(function, function.__name__))
    return made


def _hard_sigmoid(x: Any) -> Any:
    return np.clip(x / 6 + 0.5, 0, 1)


def _hard_silu(x: Any) -> Any:
    return x * _hard_sigmoid(x)


def _activation(name: str, op: Callable[[Any], Any], doc: str) -> Callable[[Any], Tensor]:
    def activation(x: Any) -> Tensor:
        result: Tensor = op(x)
        return result

    activation.__name__ = activation.__qualname__ = name
    activation.__doc__ = doc
    registered: Callable[[Any], Tensor] = _add(activation)
    return registered


def _of_arrays(name: str, function: Callable[[Any], Any], doc: str) -> Callable[[Any], Tensor]:
    def op(x: Any) -> Tensor:
        result: Tensor = apply(name, function, [convert_to_tensor(x)])
        return result

    return _activation(name, op, doc)


sigmoid = _activation("sigmoid", ops.sigmoid, "1 / (1 + exp(-x)).")
tanh = _activation("tanh", elementwise.tanh, "The hyperbolic tangent.")
softplus = _activation("softplus", elementwise.softplus, "log(1 + exp(x)).")
softsign = _activation("softsign", ops.softsign, "x / (1 + |x|).")
exponential = _activation("exponential", elementwise.exp, "exp(x).")
selu = _activation("selu", ops.selu, "Scaled exponential linear unit (Klambauer et al., 2017).")
silu = _activation("silu", ops.silu, "x * sigmoid(x).")
relu6 = _activation("relu6", ops.relu6, "x, within 0 and 6.")
log_sigmoid = _activation("log_sigmoid", elementwise.log_sigmoid, "log(sigmoid(x)).")
hard_sigmoid = _of_arrays("hard_sigmoid", _hard_sigmoid, "x / 6 + 0.5, within 0 and 1.")
hard_silu = _of_arrays("hard_silu", _hard_silu, "x * hard_sigmoid(x).")
swish = FAMILY.table["swish"] = silu


@_add
def linear(x: Any) -> Any:
    """x itself."""
    return x


@_add
def mish(x: Any) -> Any:
    """x * tanh(softplus(x))."""
    return x * elementwise.tanh(elementwise.softplus(x))


@_add
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """max(x, 0); with a slope below the threshold, or a bound above."""
    if not negative_slope and max_value is None and not threshold:
        result: Tensor = ops.relu(x)
        return result
    attrs = {"slope": negative_slope, "bound": max_value, "threshold": threshold}
    result = apply("Relu", _general_relu, [convert_to_tensor(x)], attrs)
    return result


def _general_relu(x: Any, *, slope: float, bound: float | None, threshold: float) -> Any:
    y = np.where(x > threshold, x, slope * (x - threshold))
    return y if bound is None else np.minimum(y, bound)


@_add
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x, or `negative_slope` times x where x is negative."""
    return ops.leaky_relu(x, negative_slope)


@_add
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x, or `alpha` * (exp(x) - 1) where x is negative."""
    result: Tensor = apply("Elu", _elu, [convert_to_tensor(x)], {"alpha": float(alpha)})
    return result


def _elu(x: Any, *, alpha: float) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@_add
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x times the probability that a standard normal number is below x."""
    return ops.gelu(x, approximate)


@_add
def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along the axis."""
    return ops.softmax(x, axis)


@_add
def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """log(softmax(x)) along the axis."""
    return ops.log_softmax(x, axis)


# -- thresholds, shrinking, gates -----------------------------------------------------------------


def _hard_tanh(x: Any) -> Any:
    return np.clip(x, -1, 1)


def _tanh_shrink(x: Any) -> Any:
    return x - np.tanh(x)


def _sparse_plus(x: Any) -> Any:
    return np.where(x <= -1, 0 * x, np.where(x < 1, np.square(x + 1) / 4, x))


def _sparse_sigmoid(x: Any) -> Any:
    return np.clip((x + 1) / 2, 0, 1)


hard_tanh = _of_arrays("hard_tanh", _hard_tanh, "x, within -1 and 1.")
tanh_shrink = _of_arrays("tanh_shrink", _tanh_shrink, "x - tanh(x).")
sparse_plus = _of_arrays(
    "sparse_plus", _sparse_plus, "0 below -1, x above 1, (x + 1) ** 2 / 4 between them."
)
sparse_sigmoid = _of_arrays("sparse_sigmoid", _sparse_sigmoid, "(x + 1) / 2, within 0 and 1.")


def _with(name: str, function: Callable[..., Any], x: Any, **attrs: Any) -> Tensor:
    found: Tensor = apply(name, function, [convert_to_tensor(x)], attrs)
    return found


@_add
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """x, or alpha * (exp(x / alpha) - 1) where x is negative (Barron, 2017)."""
    return _with("celu", _celu, x, alpha=float(alpha))


def _celu(x: Any, *, alpha: float) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


@_add
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where its size is above the threshold, else 0."""
    return _with("hard_shrink", _hard_shrink, x, threshold=float(threshold))


def _hard_shrink(x: Any, *, threshold: float) -> Any:
    return np.where(np.abs(x) > threshold, x, 0 * x)


@_add
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold."""
    return _with("soft_shrink", _soft_shrink, x, threshold=float(threshold))


def _soft_shrink(x: Any, *, threshold: float) -> Any:
    return np.where(x > threshold, x - threshold, np.where(x < -threshold, x + threshold, 0 * x))


@_add
def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where it is above the threshold, else a value."""
    return _with("threshold", _above, x, limit=float(threshold), value=float(default_value))


def _above(x: Any, *, limit: float, value: float) -> Any:
    return np.where(x > limit, x, x.dtype.type(value))


@_add
def squareplus(x: Any, b: float = 4) -> Tensor:
    """(x + sqrt(x ** 2 + b)) / 2 (Barron, 2021)."""
    return _with("squareplus", _squareplus, x, b=float(b))


def _squareplus(x: Any, *, b: float) -> Any:
    return (x + np.sqrt(x * x + b)) / 2


@_add
def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along an axis, times the sigmoid of the second (Dauphin et al., 2016)."""
    first, second = split(convert_to_tensor(x), 2, axis)
    return first * ops.sigmoid(second)


hard_swish = FAMILY.table["hard_swish"] = hard_silu
