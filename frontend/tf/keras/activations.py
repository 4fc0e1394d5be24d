"""Activation functions: of tensors, by name.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..apply import apply
from ..convert import convert_to_tensor
from ..tensors import Tensor
from . import arrays
from .registry import Family

FAMILY = Family("activation function")


def get(identifier: Any) -> Callable[[Any], Any]:
    """The activation for a name, a function or None, which is `linear`."""
    if identifier is None:
        return linear
    found: Callable[[Any], Any] = FAMILY.get(identifier)
    return found


serialize, deserialize = FAMILY.serialize, FAMILY.deserialize


def _activation(name: str, function: Callable[[Any], Any], doc: str) -> Callable[[Any], Tensor]:
    def activation(x: Any) -> Tensor:
        result: Tensor = apply(op, function, [convert_to_tensor(x)])
        return result

    op = name.title().replace("_", "")
    activation.__name__ = activation.__qualname__ = name
    activation.__doc__ = doc
    registered: Callable[[Any], Tensor] = FAMILY.add()(activation)
    return registered


def _selu(x: Any) -> Any:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def _softsign(x: Any) -> Any:
    return x / (1 + np.abs(x))


def _silu(x: Any) -> Any:
    return x * arrays.sigmoid(x)


def _hard_sigmoid(x: Any) -> Any:
    return np.clip(x / 6 + 0.5, 0, 1)


def _hard_silu(x: Any) -> Any:
    return x * _hard_sigmoid(x)


def _mish(x: Any) -> Any:
    return x * np.tanh(arrays.softplus(x))


def _relu6(x: Any) -> Any:
    return np.clip(x, 0, 6)


def _log_sigmoid(x: Any) -> Any:
    return -arrays.softplus(-x)


sigmoid = _activation("sigmoid", arrays.sigmoid, "1 / (1 + exp(-x)).")
tanh = _activation("tanh", np.tanh, "The hyperbolic tangent.")
softplus = _activation("softplus", arrays.softplus, "log(1 + exp(x)).")
softsign = _activation("softsign", _softsign, "x / (1 + |x|).")
exponential = _activation("exponential", np.exp, "exp(x).")
selu = _activation("selu", _selu, "Scaled exponential linear unit (Klambauer et al., 2017).")
silu = _activation("silu", _silu, "x * sigmoid(x).")
hard_sigmoid = _activation("hard_sigmoid", _hard_sigmoid, "x / 6 + 0.5, within 0 and 1.")
hard_silu = _activation("hard_silu", _hard_silu, "x * hard_sigmoid(x).")
mish = _activation("mish", _mish, "x * tanh(softplus(x)).")
relu6 = _activation("relu6", _relu6, "x, within 0 and 6.")
log_sigmoid = _activation("log_sigmoid", _log_sigmoid, "log(sigmoid(x)).")
swish = silu
FAMILY.table["swish"] = silu


@FAMILY.add()
def linear(x: Any) -> Any:
    """x itself."""
    return x


@FAMILY.add()
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """max(x, 0); see `arrays.relu` for the other arguments."""
    attrs: dict[str, Any] = {}
    if negative_slope or max_value is not None or threshold:
        attrs = {
            "negative_slope": negative_slope, "max_value": max_value, "threshold": threshold,
        }  # fmt: skip
    result: Tensor = apply("Relu", arrays.relu, [convert_to_tensor(x)], attrs)
    return result


@FAMILY.add()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x, or `negative_slope` times x where x is negative."""
    return relu(x, negative_slope=negative_slope)


@FAMILY.add()
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x, or `alpha` * (exp(x) - 1) where x is negative."""
    result: Tensor = apply("Elu", _scaled_elu, [convert_to_tensor(x)], {"alpha": float(alpha)})
    return result


def _scaled_elu(x: Any, *, alpha: float) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@FAMILY.add()
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x times the probability that a standard normal number is below x."""
    attrs = {"approximate": bool(approximate)}
    result: Tensor = apply("Gelu", arrays.gelu, [convert_to_tensor(x)], attrs)
    return result


@FAMILY.add()
def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along the axis."""
    result: Tensor = apply("Softmax", arrays.softmax, [convert_to_tensor(x)], {"axis": axis})
    return result


@FAMILY.add()
def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """log(softmax(x)) along the axis."""
    result: Tensor = apply("LogSoftmax", arrays.log_softmax, [convert_to_tensor(x)], {"axis": axis})
    return result
