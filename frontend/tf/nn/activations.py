"""Activation functions.

Layer: frontend. Each is one op, so that tapes differentiate it as a whole. Where NumPy's maximum
would share a gradient between equal operands, TensorFlow's has none at 0: hence `np.where`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...tracer import Tracer
from ...transforms import stop_gradient
from ..apply import apply, checked, unary
from ..convert import convert_to_tensor
from ..elementwise import log_sigmoid, logistic, sigmoid, softplus, tanh
from ..errors import AbortedError, InvalidArgumentError
from ..static import integer
from ..tensors import Tensor

_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772
_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_PI = math.sqrt(2 / math.pi)
_GELU_CUBIC = 0.044715  # Hendrycks and Gimpel, "Gaussian error linear units", 2016


def _relu(x: Any) -> Any:
    zero = x.dtype.type(0)
    if type(x) is Tracer:
        return np.where(x <= zero, zero, x)
    return np.maximum(x, zero)


def _relu6(x: Any) -> Any:
    zero, six = x.dtype.type(0), x.dtype.type(6)
    return np.where(x <= zero, zero, np.where(x >= six, six, x))


def _elu(x: Any) -> Any:
    zero = x.dtype.type(0)
    return np.where(x < zero, np.expm1(np.minimum(x, zero)), x)


def _selu(x: Any) -> Any:
    of = x.dtype.type
    negative = of(_SELU_SCALE * _SELU_ALPHA) * np.expm1(np.minimum(x, of(0)))
    return np.where(x < of(0), negative, of(_SELU_SCALE) * x)


def _softsign(x: Any) -> Any:
    return x / (x.dtype.type(1) + np.absolute(x))


relu = unary("Relu", _relu, "max(x, 0), elementwise.", "iuf")
relu6 = unary("Relu6", _relu6, "min(max(x, 0), 6), elementwise.", "iuf")
elu = unary("Elu", _elu, "x, and exp(x) - 1 where x is negative.", "f")
selu = unary("Selu", _selu, "The scaled `elu` of self-normalising networks.", "f")
softsign = unary("Softsign", _softsign, "x / (1 + |x|), elementwise.", "f")


def _leaky_relu(x: Any, *, alpha: float) -> Any:
    return np.where(x > 0, x, x.dtype.type(alpha) * x)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x, and alpha * x where x is negative."""
    x = convert_to_tensor(features)
    if x.dtype.is_integer:
        x = apply("Cast", _to_float, [x])
    found: Tensor = apply(
        "LeakyRelu", _leaky_relu, [checked("LeakyRelu", x, "f")], {"alpha": alpha}
    )
    return found


def _to_float(x: Any) -> Any:
    return x.astype(np.float32)


def _erf(x: Any) -> Any:
    from scipy import special  # takes longer to import than the rest of the package

    return special.erf(x).astype(x.dtype)


def _gelu(x: Any, *, approximate: bool) -> Any:
    of = x.dtype.type
    if approximate:
        inner = np.tanh(of(_SQRT_2_PI) * (x + of(_GELU_CUBIC) * (x * x * x)))
    else:
        inner = _erf(x * of(_SQRT_HALF))
    return of(0.5) * x * (of(1) + inner)


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Tensor:
    """x times the normal distribution function of x.

    Args:
        features: floats.
        approximate: by a formula with tanh, which is faster.
        name: for TensorFlow's signature.
    """
    x = convert_to_tensor(features)
    if not x.dtype.is_floating:
        raise ValueError(
            f"`features.dtype` must be a floating point tensor.Received:features.dtype={x.dtype!r}"
        )
    found: Tensor = apply("Gelu", _gelu, [x], {"approximate": bool(approximate)})
    return found


def _silu(x: Any, *, beta: float) -> Any:
    return x * logistic(x if beta == 1.0 else x.dtype.type(beta) * x)


def silu(features: Any, beta: float = 1.0) -> Tensor:
    """x * sigmoid(beta * x), elementwise."""
    x = checked("Silu", convert_to_tensor(features), "f")
    found: Tensor = apply("Silu", _silu, [x], {"beta": float(beta)})
    return found


swish = silu


def _crelu(x: Any, *, axis: int) -> Any:
    return _relu(np.concatenate([x, -x], axis=axis))


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """relu of x and of -x, side by side along an axis."""
    x = convert_to_tensor(features)
    found: Tensor = apply("Crelu", _crelu, [x], {"axis": checked_axis("Crelu", x, axis)})
    return found


# -- over an axis ---------------------------------------------------------------------------------


def constant(x: Any) -> Any:
    """The array itself; derivatives do not pass through it."""
    return stop_gradient(x) if type(x) is Tracer else x


def shifted(x: Any, axis: int) -> Any:
    """x less its maximum along an axis, so that exp does not overflow."""
    return x - constant(np.max(x, axis=axis, keepdims=True))


def _softmax(x: Any, *, axis: int) -> Any:
    powers = np.exp(shifted(x, axis))
    return powers / np.sum(powers, axis=axis, keepdims=True, dtype=x.dtype)


def log_probabilities(x: Any, axis: int) -> Any:
    """log(softmax(x)) of an array."""
    small = shifted(x, axis)
    return small - np.log(np.sum(np.exp(small), axis=axis, keepdims=True, dtype=x.dtype))


def _log_softmax(x: Any, *, axis: int) -> Any:
    return log_probabilities(x, axis)


def checked_axis(op: str, x: Tensor, axis: Any) -> int:
    """The axis; the last one for None.

    Raises:
        InvalidArgumentError: there is no such axis.
        AbortedError: the tensor has no axes.
    """
    number = -1 if axis is None else integer(axis, f"the axis of {op}")
    if x.ndim == 0:
        raise AbortedError(
            f"Input dims must be <= 5 and >=1 (operand: {x.shape} {x.dtype.name}) [Op:{op}] name: "
        )
    if not -x.ndim <= number < x.ndim:
        raise InvalidArgumentError(
            f"`dim` must be in the range [{-x.ndim}, {x.ndim}) where {x.ndim} is the number of"
            f" dimensions in the input. Received: dim={number} [Op:{op}]"
        )
    return number % x.ndim


def softmax(logits: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis, the last one by default."""
    x = checked("Softmax", convert_to_tensor(logits), "f")
    found: Tensor = apply("Softmax", _softmax, [x], {"axis": checked_axis("Softmax", x, axis)})
    return found


def log_softmax(logits: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """The logarithm of `softmax`, without loss of precision."""
    x = checked("LogSoftmax", convert_to_tensor(logits), "f")
    attrs = {"axis": checked_axis("LogSoftmax", x, axis)}
    found: Tensor = apply("LogSoftmax", _log_softmax, [x], attrs)
    return found


__all__ = [
    "crelu", "elu", "gelu", "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu",
    "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh",
]  # fmt: skip
