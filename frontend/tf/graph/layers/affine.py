"""What `tf.layers` with a kernel and a bias have in common: activation(f(inputs, kernel) + bias).

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...nn.normalise import bias_add
from ...v1.initializers import Zeros
from ..build import graph_op
from .base import Layer

ZEROS = Zeros()
_add_bias = graph_op(bias_add)


class Affine(Layer):
    """A layer with a kernel and a bias.

    Args:
        activation: a function, or None.
        use_bias: whether there is a bias.
        kernel_initializer: see `tf.get_variable`; so for the bias.
        bias_initializer: zeros by default.
        kernel_regularizer: a function whose result joins the losses; so for the bias.
        bias_regularizer: see there.
        activity_regularizer: a function of the output.
        kernel_constraint: applied after updates; so for the bias.
        bias_constraint: see there.
        trainable: whether optimisers change the weights.
        name: of the scope.
    """

    def __init__(
        self,
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
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self.activation, self.use_bias = activation, use_bias
        self._kernel_options = (kernel_initializer, kernel_regularizer, True, kernel_constraint)
        self._bias_options = (bias_initializer, bias_regularizer, True, bias_constraint)
        self.kernel: Any = None
        self.bias: Any = None

    def _build_kernel(self, shape: list[int]) -> None:
        self.kernel = self.add_weight("kernel", shape, None, *self._kernel_options)

    def _build_bias(self, size: int) -> None:
        if self.use_bias:
            self.bias = self.add_weight("bias", [size], None, *self._bias_options)

    def _activated(self, found: Any, data_format: str | None = None) -> Any:
        """With bias and activation; `data_format` says where the channels are, by default last."""
        if self.bias is not None:
            found = _add_bias(found, self.bias, data_format)
        return found if self.activation is None else self.activation(found)
