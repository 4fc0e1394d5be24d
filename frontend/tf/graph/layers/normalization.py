"""`BatchNormalization`, whose moving averages are updated by ops in `UPDATE_OPS`.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...apply import apply, many
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...tensors import Tensor
from ...v1.initializers import Ones, Zeros
from ..build import graph_op
from ..surroundings import name_scope
from .base import Layer, known_size
from .dense import is_fixed

_ZEROS, _ONES = Zeros(), Ones()


class BatchNormalization(Layer):
    """Normalised by the batch's moments in training, by their moving averages else.

    Args:
        axis: of the channels.
        momentum: of the moving averages.
        epsilon: added to the variance.
        center: whether there is an offset `beta`.
        scale: whether there is a factor `gamma`.
        beta_initializer: see `tf.get_variable`; so for the other weights.
        gamma_initializer: see there.
        moving_mean_initializer: see there.
        moving_variance_initializer: see there.
        beta_regularizer: a function whose result joins the losses; so for gamma.
        gamma_regularizer: see there.
        beta_constraint: applied after updates; so for gamma.
        gamma_constraint: see there.
        renorm: refused.
        renorm_clipping: for TensorFlow's signature, like the next.
        renorm_momentum: see there.
        fused: whether the moving variance is the unbiased one; by default of inputs with 4 axes.
        trainable: whether optimisers change gamma and beta.
        virtual_batch_size: refused.
        adjustment: refused.
        name: of the scope.

    Raises:
        NotImplementedError: an argument is given that is refused.
    """

    least_rank = 2

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = _ZEROS,
        gamma_initializer: Any = _ONES,
        moving_mean_initializer: Any = _ZEROS,
        moving_variance_initializer: Any = _ONES,
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, **kwargs)
        if renorm or virtual_batch_size is not None or adjustment is not None:
            raise NotImplementedError(
                "batch_normalization: renorm, virtual_batch_size and adjustment are not supported"
            )
        self.axis = axis[0] if isinstance(axis, (list, tuple)) else int(axis)
        self.momentum, self.epsilon, self.fused = momentum, epsilon, fused
        self._beta = (beta_initializer, beta_regularizer, True, beta_constraint) if center else None
        self._gamma = (
            (gamma_initializer, gamma_regularizer, True, gamma_constraint) if scale else None
        )
        self._moving = (moving_mean_initializer, moving_variance_initializer)
        self.beta: Any = None
        self.gamma: Any = None

    def build(self, input_shape: Any) -> None:
        """Make gamma, beta and the moving averages."""
        sizes = input_shape.as_list()
        shape = [known_size(sizes[self.axis], "BatchNormalization")]
        self.axis %= len(sizes)
        if self.fused is None:
            self.fused = len(sizes) == 4 and self.axis in (1, 3)
        if self._gamma:
            self.gamma = self.add_weight("gamma", shape, None, *self._gamma)
        if self._beta:
            self.beta = self.add_weight("beta", shape, None, *self._beta)
        mean, variance = self._moving
        self.moving_mean = self.add_weight("moving_mean", shape, None, mean, None, False)
        self.moving_variance = self.add_weight(
            "moving_variance", shape, None, variance, None, False
        )

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The layer's computation; `training` is a truth value or a tensor."""
        settings = _Settings(self.axis, float(self.epsilon), bool(self.fused), self._mode(training))
        found, mean, variance = _normalised(
            inputs, self.moving_mean, self.moving_variance, self.gamma, self.beta, settings,
            None if is_fixed(training) else training,
        )  # fmt: skip
        if settings.mode:
            self._update(self.moving_mean, mean)
            self._update(self.moving_variance, variance)
        return found

    def _mode(self, training: Any) -> int:
        """0 for the moving averages, 1 for the batch's moments, 2 if a tensor says."""
        return int(bool(training)) if is_fixed(training) else 2

    def _update(self, variable: Any, value: Any) -> None:
        with name_scope("AssignMovingAvg") as scope:
            step = (variable.value() - value) * (1.0 - self.momentum)
            self.add_update(variable.assign_sub(step, name=scope or None))


class _Settings(NamedTuple):
    """What does not change from call to call."""

    axis: int
    epsilon: float
    is_unbiased: bool
    mode: int


def _batch_norm(
    x: Any, mean: Any, variance: Any, gamma: Any, beta: Any, settings: _Settings, training: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and what the moving averages move to."""
    parts = [p for p in (gamma, beta) if p is not None]
    inputs = many("BatchNormalization", [convert_to_tensor(x), mean, variance, *parts])
    attrs = {
        "settings": settings,
        "has_gamma": gamma is not None,
        "has_beta": beta is not None,
    }
    if training is not None:
        inputs.append(cast(convert_to_tensor(training), "bool"))
    found: tuple[Tensor, Tensor, Tensor] = apply("FusedBatchNormV3", _compute, inputs, attrs)
    return found


def _compute(
    x: Any,
    moving_mean: Any,
    moving_variance: Any,
    *rest: Any,
    settings: _Settings,
    has_gamma: bool,
    has_beta: bool,
) -> tuple[Any, Any, Any]:
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    of = wide.dtype.type
    axes = tuple(k for k in range(x.ndim) if k != settings.axis)
    sizes = tuple(-1 if k == settings.axis else 1 for k in range(x.ndim))
    mean, variance = moving_mean.reshape(sizes), moving_variance.reshape(sizes)
    to_mean, to_variance = moving_mean, moving_variance
    if settings.mode:
        batch_mean = np.mean(wide, axis=axes, keepdims=True)
        batch_variance = np.mean(np.square(wide - batch_mean), axis=axes, keepdims=True)
        unbiased = batch_variance
        if settings.is_unbiased:
            count = np.asarray(x.size // x.shape[settings.axis]).astype(wide.dtype)
            unbiased = batch_variance * (count / np.maximum(count - of(1), of(1)))
        if settings.mode == 1:
            mean, variance = batch_mean, batch_variance
            to_mean, to_variance = batch_mean.reshape(-1), unbiased.reshape(-1)
        else:
            training = rest[-1]
            mean = np.where(training, batch_mean, mean)
            variance = np.where(training, batch_variance, variance)
            to_mean = np.where(training, batch_mean.reshape(-1), moving_mean)
            to_variance = np.where(training, unbiased.reshape(-1), moving_variance)
    factor = of(1) / np.sqrt(variance + of(settings.epsilon))
    if has_gamma:
        factor = factor * rest[0].reshape(sizes)
    found = (wide - mean) * factor
    if has_beta:
        found = found + rest[int(has_gamma)].reshape(sizes)
    return found.astype(x.dtype), to_mean, to_variance


_normalised = graph_op(_batch_norm, "FusedBatchNormV3", "FusedBatchNormV3")
