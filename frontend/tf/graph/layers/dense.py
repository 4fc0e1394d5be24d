"""Layers that see their inputs as vectors: `Dense`, `Flatten`, `Dropout`.

Layer: frontend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import shape as sizes_of
from ...convert import convert_to_tensor
from ...elementwise import cast, identity, multiply
from ...linalg import matmul, tensordot
from ...nn.normalise import dropout
from ...shaping import reshape
from ...tensors import Tensor
from ..build import graph_op
from .affine import ZEROS, Affine
from .base import Layer, known_size

same = graph_op(identity)
_matmul, _tensordot = graph_op(matmul), graph_op(tensordot, "Tensordot")
_reshape, _shape = graph_op(reshape), graph_op(sizes_of)


class Dense(Affine):
    """activation(inputs @ kernel + bias).

    Args:
        units: the number of outputs; for the other arguments see `Affine`.
    """

    least_rank = 2

    def __init__(
        self,
        units: int,
        activation: Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable,
            name, **kwargs,
        )  # fmt: skip
        self.units = int(units)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        inputs = known_size(input_shape.as_list()[-1], "Dense")
        self._build_kernel([inputs, self.units])
        self._build_bias(self.units)

    def call(self, inputs: Any) -> Any:
        """The layer's computation."""
        rank = inputs.shape.rank
        if rank == 2:
            found = _matmul(inputs, self.kernel)
        else:
            found = _tensordot(inputs, self.kernel, [[rank - 1], [0]])
        return self._activated(found)


class Flatten(Layer):
    """All axes but the first as one."""

    least_rank = 1

    def __init__(
        self, data_format: str = "channels_last", name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if data_format != "channels_last":
            raise NotImplementedError("Flatten: data_format has to be 'channels_last'")

    def call(self, inputs: Any) -> Any:
        """The layer's computation."""
        first, *rest = inputs.shape.as_list()
        if None not in rest:
            return _reshape(inputs, [-1 if first is None else first, math.prod(rest)])
        return _reshape(inputs, [_shape(inputs)[0] if first is None else first, -1])


class Dropout(Layer):
    """Sets elements to 0 at random in training, and divides the others by what is kept.

    Args:
        rate: the part that is dropped.
        noise_shape: elements that share a draw; see `tf.nn.dropout`.
        seed: of the op.
        name: of the scope.
    """

    def __init__(
        self,
        rate: Any = 0.5,
        noise_shape: Any = None,
        seed: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The layer's computation; `training` is a truth value or a tensor."""
        if is_fixed(training):
            if not training:
                return same(inputs)
            return _dropout(inputs, self.rate, self.noise_shape, self.seed)
        return _dropout_if(inputs, training, self.rate, self.noise_shape, self.seed)


def is_fixed(training: Any) -> bool:
    """Whether it is known now, rather than when a session runs."""
    return training is None or isinstance(training, (bool, int, np.bool_))


def _dropout_where(
    x: Any, training: Any, rate: Any, noise_shape: Any = None, seed: int | None = None
) -> Tensor:
    """With a rate of 0, all is kept as it is."""
    tensor = convert_to_tensor(x)
    switch = cast(convert_to_tensor(training), tensor.dtype)
    chosen = multiply(switch, convert_to_tensor(rate, tensor.dtype))
    return dropout(tensor, chosen, noise_shape, seed)


_dropout = graph_op(dropout, "dropout")
_dropout_if = graph_op(_dropout_where, "dropout", "Dropout")
