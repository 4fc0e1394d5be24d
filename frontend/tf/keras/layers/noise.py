"""Layers that differ in training: dropout, noise, normalisation.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...nn.normalise import dropout
from ...random import stateful
from ...shapes import TensorShape
from ...tensors import STATE, Tensor
from .base import FAMILY, Layer
from .weighted import Scaled


@FAMILY.add()
class Dropout(Layer):
    """In training, sets elements to 0 at random and scales the others up.

    Args:
        rate: the part that is dropped, in [0, 1].
        noise_shape: broadcast to the input's shape: elements that share a draw.
        seed: of the draws.
        options: see `Layer`.
    """

    supports_masking = True

    fields = ("rate", "noise_shape", "seed")

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        if not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and"
                f" 1. Received: rate={rate}"
            )
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The result."""
        if not training or self.rate == 0:
            return inputs
        x = convert_to_tensor(inputs)
        noise = self.noise_shape
        if noise is not None:
            noise = [d if n is None else n for n, d in zip(noise, x._value.shape, strict=True)]
        return self._dropped(x, noise)

    def _dropped(self, x: Tensor, noise: list[Any] | None) -> Any:
        """What is left of x; `noise` is the shape of the draws, if it is not that of x."""
        if self.rate == 1:
            return x * 0.0  # type: ignore[operator]
        return dropout(x, self.rate, noise, self.seed)


@FAMILY.add()
class GaussianNoise(Layer):
    """In training, adds normally distributed numbers.

    Args:
        stddev: their standard deviation.
        seed: of the draws.
        options: see `Layer`.
    """

    supports_masking = True

    fields = ("stddev", "seed")

    def __init__(self, stddev: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.stddev, self.seed = stddev, seed

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The result."""
        if not training or self.stddev == 0:
            return inputs
        x = convert_to_tensor(inputs)
        drawn = stateful.normal(
            tuple(x._value.shape), 0.0, float(self.stddev), dtype=x.dtype, seed=self.seed
        )
        return x + drawn  # type: ignore[operator]


def _standardised(x: Any, mean: Any, variance: Any, gamma: Any, beta: Any, eps: float) -> Any:
    scale = 1 / np.sqrt(variance + eps)
    if gamma is not None:
        scale = scale * gamma
    y = (x - mean) * scale
    return y if beta is None else y + beta


def _layer_norm(
    x: Any, *weights: Any, axes: tuple[int, ...], scale: bool, center: bool, eps: float
) -> Any:
    mean = np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(np.square(x - mean), axis=axes, keepdims=True)
    shape = tuple(x.shape[k] if k in axes else 1 for k in range(x.ndim))
    rest = iter(weights)
    gamma = next(rest).reshape(shape) if scale else None
    beta = next(rest).reshape(shape) if center else None
    return _standardised(x, mean, variance, gamma, beta, eps)


@FAMILY.add()
class LayerNormalization(Scaled):
    """Each example, along the axes, with mean 0 and variance 1, then scaled and shifted.

    Args:
        axis: one axis or several.
        epsilon: added to the variance.
        center: whether there is a shift.
        scale: whether there is a scale.
        beta_initializer: where the shift begins; and so on for regularisers and constraints.
        gamma_initializer: where the scale begins; and so on.
        options: see `Layer`.
    """

    fields = ("axis", "epsilon", *Scaled.fields)

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        **options: Any,
    ) -> None:
        super().__init__(center, scale, beta_initializer, gamma_initializer, **options)
        self.axis, self.epsilon = axis, epsilon

    def _axes(self, rank: int) -> tuple[int, ...]:
        axes = self.axis if isinstance(self.axis, (list, tuple)) else (self.axis,)
        return tuple(sorted(a % rank for a in axes))

    def build(self, input_shape: Any) -> None:
        """Make scale and shift."""
        sizes = TensorShape(input_shape).as_list()
        shape = tuple(sizes[a] for a in self._axes(len(sizes)))
        self._add_scale(shape)

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        attrs = {
            "axes": self._axes(x.ndim), "scale": bool(self.scale), "center": bool(self.center),
            "eps": float(self.epsilon),
        }  # fmt: skip
        return apply("LayerNorm", _layer_norm, [x, *self._scale_and_shift()], attrs)


def _batch_moments(x: Any, *mask: Any, axis: int) -> tuple[Any, Any]:
    if mask:
        return _masked_moments(x, mask[0], axis)
    axes = tuple(k for k in range(x.ndim) if k != axis)
    mean = np.mean(x, axis=axes)
    shape = tuple(x.shape[k] if k == axis else 1 for k in range(x.ndim))
    return mean, np.mean(np.square(x - mean.reshape(shape)), axis=axes)


def _masked_moments(x: Any, mask: Any, axis: int) -> tuple[Any, Any]:
    axes = tuple(k for k in range(x.ndim) if k != axis)
    counts = np.broadcast_to(np.expand_dims(mask, -1), x.shape)
    count = np.sum(counts.astype(x.dtype), axis=axes, keepdims=True) + x.dtype.type(1e-7)
    mean = np.sum(np.where(counts, x, np.zeros_like(x)), axis=axes, keepdims=True) / count
    away = np.where(counts, x - mean, np.zeros_like(x))
    variance = np.sum(np.square(away), axis=axes, keepdims=True) / count
    return np.squeeze(mean, axes), np.squeeze(variance, axes)


def _batch_norm(
    x: Any,
    mean: Any,
    variance: Any,
    *weights: Any,
    axis: int,
    scale: bool,
    center: bool,
    eps: float,
) -> Any:
    shape = tuple(x.shape[k] if k == axis else 1 for k in range(x.ndim))
    rest = iter(weights)
    gamma = next(rest).reshape(shape) if scale else None
    beta = next(rest).reshape(shape) if center else None
    return _standardised(x, mean.reshape(shape), variance.reshape(shape), gamma, beta, eps)


def _moving(old: Any, new: Any, *, momentum: float) -> Any:
    return old * momentum + new * (1 - momentum)


@FAMILY.add()
class BatchNormalization(Scaled):
    """Each channel with mean 0 and variance 1, then scaled and shifted.

    In training by the batch's mean and variance, of which moving averages are kept; these are used
    otherwise, and always if the layer is not trainable.

    Args:
        axis: of the channels.
        momentum: of the moving averages.
        epsilon: added to the variance.
        center: whether there is a shift.
        scale: whether there is a scale.
        beta_initializer: where the shift begins; and so on for regularisers and constraints.
        gamma_initializer: where the scale begins; and so on.
        moving_mean_initializer: where the average of means begins.
        moving_variance_initializer: where the average of variances begins.
        options: see `Layer`.
    """

    fields = (
        "axis", "momentum", "epsilon", *Scaled.fields, "moving_mean_initializer",
        "moving_variance_initializer",
    )  # fmt: skip

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        **options: Any,
    ) -> None:
        super().__init__(center, scale, beta_initializer, gamma_initializer, **options)
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self._describe("moving_mean", moving_mean_initializer)
        self._describe("moving_variance", moving_variance_initializer)

    def build(self, input_shape: Any) -> None:
        """Make scale, shift and the moving averages."""
        shape = (TensorShape(input_shape)[self.axis],)
        self._add_scale(shape)
        self.moving_mean = self._make("moving_mean", shape, trainable=False)
        self.moving_variance = self._make("moving_variance", shape, trainable=False)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The result; moments are those of the elements that count."""
        x = convert_to_tensor(inputs)
        axis = self.axis % x.ndim
        if training and self.trainable:
            given = [x] if mask is None else [x, cast(mask, "bool")]
            mean, variance = apply("BatchMoments", _batch_moments, given, {"axis": axis})
            self._keep(mean, variance)
        else:
            mean, variance = self.moving_mean.value(), self.moving_variance.value()
        attrs = {
            "axis": axis, "scale": bool(self.scale), "center": bool(self.center),
            "eps": self.epsilon,
        }  # fmt: skip
        return apply("BatchNorm", _batch_norm, [x, mean, variance, *self._scale_and_shift()], attrs)

    def _keep(self, mean: Any, variance: Any) -> None:
        recorders, STATE.recorders = STATE.recorders, ()
        try:
            for average, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                attrs = {"momentum": self.momentum}
                average.assign(apply("MovingAverage", _moving, [average.value(), new], attrs))
        finally:
            STATE.recorders = recorders


__all__ = ["BatchNormalization", "Dropout", "GaussianNoise", "LayerNormalization"]
