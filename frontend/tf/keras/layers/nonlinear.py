"""Activations as layers, with parameters, weights or chances of their own; other dropouts.

Layer: frontend.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...random import stateful
from ...shapes import TensorShape
from ...tensors import Tensor
from .. import activations
from .base import FAMILY, Layer
from .noise import Dropout
from .weighted import Weighted


@FAMILY.add()
class ELU(Layer):
    """x, or `alpha` * (exp(x) - 1) where x is negative."""

    supports_masking = True

    fields = ("alpha",)

    def __init__(self, alpha: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = float(alpha)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return activations.elu(inputs, self.alpha)


@FAMILY.add()
class ThresholdedReLU(Layer):
    """x where it is above `theta`, else 0."""

    supports_masking = True

    fields = ("theta",)

    def __init__(self, theta: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.theta = float(theta)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return activations.threshold(inputs, self.theta, 0.0)


@FAMILY.add()
class PReLU(Weighted):
    """x, or alpha * x where x is negative; alpha is learnt, one for each place.

    Args:
        alpha_initializer: where alpha begins; and so on for regularisers and constraints.
        shared_axes: axes along which places share one, counted with that of the batch.
        options: see `Layer`.
    """

    supports_masking = True

    fields = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._describe("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        several = isinstance(shared_axes, (list, tuple))
        self.shared_axes = (
            None if shared_axes is None else list(shared_axes) if several else [shared_axes]
        )

    def build(self, input_shape: Any) -> None:
        """Make alpha."""
        sizes = TensorShape(input_shape).as_list()[1:]
        for axis in self.shared_axes or ():
            sizes[axis - 1] = 1
        self.alpha = self._make("alpha", sizes)

    def call(self, inputs: Any) -> Any:
        """The result."""
        return apply("PRelu", _leaky, [convert_to_tensor(inputs), self.alpha.value()])


def _leaky(x: Any, alpha: Any) -> Any:
    return np.where(x > 0, x, alpha * x)


@FAMILY.add()
class GaussianDropout(Layer):
    """In training, multiplies with normal numbers of mean 1 and variance rate / (1 - rate)."""

    supports_masking = True

    fields = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and"
                f" 1. Received: rate={rate}"
            )
        self.rate, self.seed = float(rate), seed

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The result."""
        if not training or self.rate == 0:
            return inputs
        x = convert_to_tensor(inputs)
        spread = math.sqrt(self.rate / (1 - self.rate))
        return x * stateful.normal(x._value.shape, 1.0, spread, x.dtype, self.seed)  # type: ignore[operator]


# What `selu` tends to for small numbers: - its scale times its alpha (Klambauer et al., 2017).
_LOWEST = -1.0507009873554805 * 1.6732632423543772


@FAMILY.add()
class AlphaDropout(Dropout):
    """In training, drops so that mean and variance stay: the dropout for `selu`.

    Args: as those of `Dropout`.
    """

    def _dropped(self, x: Tensor, noise: list[Any] | None) -> Any:
        sizes = list(x._value.shape) if noise is None else noise
        drawn = stateful.uniform(sizes, 0.0, 1.0, x.dtype, self.seed)
        return apply("AlphaDropout", _alpha_dropped, [x, drawn], {"rate": float(self.rate)})


def _alpha_dropped(x: Any, drawn: Any, *, rate: float) -> Any:
    of = x.dtype.type
    scale = 1 / math.sqrt((1 - rate) * (1 + rate * _LOWEST**2))
    kept = np.where(drawn >= of(rate), x, of(_LOWEST))
    return kept * of(scale) - of(scale * _LOWEST * rate)


@FAMILY.add()
class RMSNormalization(Weighted):
    """Each example divided by the root of its mean square along the axes, then scaled.

    Args:
        axis: one axis or several.
        epsilon: added to the mean square.
        options: see `Layer`.
    """

    fields = ("axis", "epsilon")

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **options: Any) -> None:
        super().__init__(**options)
        self.axis, self.epsilon = axis, float(epsilon)
        self._describe("scale", "ones")

    def _axes(self, rank: int) -> tuple[int, ...]:
        axes = self.axis if isinstance(self.axis, (list, tuple)) else (self.axis,)
        return tuple(sorted(a % rank for a in axes))

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        sizes = TensorShape(input_shape).as_list()
        self.scale = self._make("scale", [sizes[a] for a in self._axes(len(sizes))])

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        attrs = {"axes": self._axes(x.ndim), "eps": self.epsilon}
        return apply("RMSNorm", _root_mean_square, [x, self.scale.value()], attrs)


def _root_mean_square(x: Any, scale: Any, *, axes: tuple[int, ...], eps: float) -> Any:
    mean = np.mean(np.square(x), axis=axes, keepdims=True)
    shape = tuple(x.shape[k] if k in axes else 1 for k in range(x.ndim))
    return x / np.sqrt(mean + x.dtype.type(eps)) * scale.reshape(shape)


@FAMILY.add()
class Normalization(Layer):
    """(inputs - mean) / sqrt(variance), with the moments of data that `adapt` has seen.

    Args:
        axis: that keep moments of their own; None for one mean and variance.
        mean: instead of `adapt`.
        variance: instead of `adapt`.
        invert: do the opposite.
        options: see `Layer`.
    """

    supports_masking = True

    fields = ("axis", "mean", "variance", "invert")

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if (mean is None) != (variance is None):
            raise ValueError("`mean` and `variance` must be passed together")
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.invert = bool(invert)
        self.mean, self.variance = mean, variance
        self._moments: tuple[np.ndarray, np.ndarray] | None = None
        if mean is not None:
            self._moments = (np.asarray(mean, np.float64), np.asarray(variance, np.float64))

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the moments of arrays, or of a dataset's elements."""
        is_array = hasattr(data, "__array__") or isinstance(data, (list, tuple))
        parts = [data] if is_array else list(data)
        x = np.concatenate([np.asarray(p, np.float64) for p in parts])
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis or ())
        kept = {a % x.ndim for a in axes}
        others = tuple(k for k in range(x.ndim) if k not in kept)
        mean = np.mean(x, axis=others, keepdims=True)
        variance = np.var(x, axis=others, keepdims=True)
        self._moments = (mean, variance)
        self.mean, self.variance = mean.tolist(), variance.tolist()

    def call(self, inputs: Any) -> Any:
        """The result."""
        if self._moments is None:
            raise ValueError(
                "You must call `.build(input_shape)` or `.adapt(data)` on the layer before using it"
            )
        x = convert_to_tensor(inputs)
        mean, variance = self._moments
        spread = np.maximum(np.sqrt(variance), 1e-7)
        given = [convert_to_tensor(np.asarray(m, x.dtype.numpy)) for m in (mean, spread)]
        return apply("Normalization", _moved, [x, *given], {"back": self.invert})


def _moved(x: Any, mean: Any, spread: Any, *, back: bool) -> Any:
    return x * spread + mean if back else (x - mean) / spread


@FAMILY.add()
class EinsumDense(Weighted):
    """activation(einsum(equation, inputs, kernel) + bias).

    Args:
        equation: as of `tf.einsum`, of the input and the kernel: "abc,cd->abd".
        output_shape: of the result, without the batch; sizes may be None where they are inputs'.
        activation: a name or function; by default none.
        bias_axes: the letters of the axes that have a bias; None for no bias.
        kernel_initializer: and so on for biases, regularisers and constraints.
        options: see `Layer`.
    """

    fields = (
        "equation", "output_shape", "activation", "bias_axes", "kernel_initializer",
        "bias_initializer", "kernel_regularizer", "bias_regularizer", "kernel_constraint",
        "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        several = isinstance(output_shape, (list, tuple))
        self.equation = equation.replace(" ", "")
        self.output_shape = tuple(output_shape) if several else (output_shape,)
        self.activation, self.bias_axes = activations.get(activation), bias_axes
        self._describe("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._describe("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias; ValueError if the equation is none of two operands."""
        operands, _, result = self.equation.partition("->")
        first, comma, second = operands.partition(",")
        if not (comma and result) or "." in second:
            raise ValueError(
                f"Invalid einsum equation '{self.equation}'. Equations must be in the form"
                " [X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
            )
        sizes = _sizes(first, TensorShape(input_shape).as_list())
        output = [None, *self.output_shape]
        for letter, size in _sizes(result, output).items():
            sizes[letter] = sizes.get(letter) if size is None else size
        self.kernel = self._make("kernel", [sizes[letter] for letter in second])
        self.bias = None
        if self.bias_axes:
            letters = result.replace(".", "")
            shape = [sizes[x] if x in self.bias_axes else 1 for x in letters]
            start = next(k for k, x in enumerate(letters) if x in self.bias_axes)
            self.bias = self._make("bias", shape[start:])

    def call(self, inputs: Any) -> Any:
        """The result."""
        given = [convert_to_tensor(inputs), self.kernel.value()]
        if self.bias is not None:
            given.append(self.bias.value())
        found = apply("Einsum", _einsum_dense, given, {"equation": self.equation})
        return self.activation(found)


def _sizes(letters: str, shape: list[Any]) -> dict[str, Any]:
    """The size of each letter; dots stand for all axes that have none."""
    before, dots, after = letters.partition("...")
    found = dict(zip(before, shape, strict=False))
    if dots and after:
        found |= dict(zip(after, shape[-len(after) :], strict=True))
    return found


def _einsum_dense(x: Any, kernel: Any, *bias: Any, equation: str) -> Any:
    found = np.einsum(equation, x, kernel)
    return found + bias[0] if bias else found


__all__ = [
    "ELU", "AlphaDropout", "EinsumDense", "GaussianDropout", "Normalization", "PReLU",
    "RMSNormalization", "ThresholdedReLU",
]  # fmt: skip
