"""Normalisation of groups of channels, and of single examples to length 1.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...apply import apply
from ...convert import convert_to_tensor
from ...nn.normalise import l2_normalize
from ...shapes import TensorShape
from .base import FAMILY, Layer
from .weighted import Scaled


def group_norm(x: Any, *weights: Any, axis: int, groups: int, scale: bool, eps: float) -> Any:
    """Each group of channels of each example with mean 0 and variance 1, then scaled and shifted.

    Args:
        x: floats, [batch, ...].
        weights: the scale, if `scale` says so, and the shift, if there is one more: a number for
            each channel.
        axis: that of the channels.
        groups: so many groups of neighbouring channels.
        scale: whether the first weight is the scale.
        eps: added to the variance.
    """
    channels = x.shape[axis]
    split = x.reshape((*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :]))
    inner = tuple(k for k in range(1, split.ndim) if k != axis)
    mean = np.mean(split, axis=inner, keepdims=True)
    away = split - mean
    variance = np.mean(np.square(away), axis=inner, keepdims=True)
    found = (away / np.sqrt(variance + x.dtype.type(eps))).reshape(x.shape)
    shape = tuple(channels if k == axis else 1 for k in range(x.ndim))
    rest = [w.reshape(shape) for w in weights]
    if scale:
        found = found * rest.pop(0)
    return found + rest[0] if rest else found


@FAMILY.add()
class GroupNormalization(Scaled):
    """Groups of channels with mean 0 and variance 1 in each example, then scaled and shifted.

    Args:
        groups: how many; 1 for all channels together, -1 for each channel alone.
        axis: of the channels.
        epsilon: added to the variance.
        center: whether there is a shift.
        scale: whether there is a scale.
        beta_initializer: where the shift begins; and so on for regularisers and constraints.
        gamma_initializer: where the scale begins; and so on.
        options: see `Layer`.
    """

    fields = ("groups", "axis", "epsilon", *Scaled.fields)

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint, **options,
        )  # fmt: skip
        self.groups, self.axis, self.epsilon = int(groups), int(axis), float(epsilon)

    def build(self, input_shape: Any) -> None:
        """Make scale and shift.

        Raises:
            ValueError: the channels are not known, or cannot be divided among the groups.
        """
        shape = TensorShape(input_shape)
        channels = shape[self.axis]
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer"
                f" received an input with shape {shape}."
            )
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must be a multiple of the number of channels"
                f" ({channels})."
            )
        self._add_scale((channels,))

    def call(self, inputs: Any) -> Any:
        """The result."""
        x = convert_to_tensor(inputs)
        attrs = {
            "axis": self.axis % x.ndim, "groups": self.groups, "scale": self.scale,
            "eps": self.epsilon,
        }  # fmt: skip
        return apply("GroupNorm", group_norm, [x, *self._scale_and_shift()], attrs)


@FAMILY.add()
class UnitNormalization(Layer):
    """Each vector along the axes divided by its length."""

    supports_masking = True

    fields = ("axis",)

    def __init__(self, axis: Any = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """The result."""
        return l2_normalize(inputs, self.axis)


__all__ = ["GroupNormalization", "UnitNormalization"]
