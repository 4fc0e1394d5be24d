"""Cells of recurrent networks: the weights of a step, and a step.

Layer: frontend. The computation is in frontend/tf/nn/recurrent.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...apply import apply
from ...arrays import ones, zeros
from ...nn import recurrent as ops
from ...nn.normalise import dropout
from ...shapes import TensorShape
from ...shaping import expand_dims, unstack
from ...tensors import Tensor
from .. import activations
from .base import FAMILY, Layer, deserialize, serialize
from .weighted import Weighted


class StepWeights(Weighted):
    """What cells and layers have in common: the weights of a step, and a step."""

    _kind: str
    _gates = 1
    _states = 1
    bias_initializer: Any
    fields: tuple[str, ...] = (
        "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer",
        "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
        "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout",
        "recurrent_dropout", "seed",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if units <= 0:
            raise ValueError(
                "Received an invalid value for argument `units`, expected a positive integer, got"
                f" {units}."
            )
        self.units, self.use_bias, self.seed = int(units), bool(use_bias), seed
        self.activation = activations.get(activation)
        self._describe("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._describe(
            "recurrent", recurrent_initializer, recurrent_regularizer, recurrent_constraint
        )
        self._describe("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.dropout, self.recurrent_dropout = float(dropout), float(recurrent_dropout)

    @property
    def state_size(self) -> Any:
        """The number of units, or a list with it for each state."""
        return self.units if self._states == 1 else [self.units] * self._states

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self.units

    def build(self, input_shape: Any) -> None:
        """Make kernel, recurrent kernel and bias."""
        features, width = TensorShape(input_shape)[-1], self._gates * self.units
        if features is None:
            raise ValueError("The last dimension of the inputs should be defined.")
        self.kernel = self._make("kernel", (features, width))
        self.recurrent_kernel = self._make(
            "recurrent", (self.units, width), name="recurrent_kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self._make("bias", self._bias_shape(), initializer=self._first_bias())

    def _bias_shape(self) -> tuple[int, ...]:
        return (self._gates * self.units,)

    def _first_bias(self) -> Any:
        return self.bias_initializer

    def _options(self) -> dict[str, Any]:
        return {"activation": self.activation}

    def _biases(self) -> dict[str, Any]:
        return {} if self.bias is None else {"bias": self.bias.value()}

    def _walk(
        self,
        x: Tensor,
        states: Sequence[Any],
        mask: Any = None,
        reverse: bool = False,
        training: bool = False,
        zero_masked: bool = False,
    ) -> tuple[Tensor, ...]:
        """The outputs of all steps of [steps, batch, features], the last one, the last states."""
        more = self._biases()
        if mask is not None:
            more["mask"] = mask
        if training and self.dropout:
            x = dropout(x, self.dropout, (1, *tuple(x._value.shape)[1:]), self.seed)
        if training and self.recurrent_dropout:
            more["dropped"] = dropout(
                ones((x._value.shape[1], self.units), x.dtype), self.recurrent_dropout
            )
        given = [x, self.kernel.value(), self.recurrent_kernel.value(), *states, *more.values()]
        attrs = {
            "kind": self._kind,
            "names": tuple(more),
            "count": self._states,
            "reverse": bool(reverse),
            **self._options(),
        }
        if mask is not None:
            attrs["zero_masked"] = bool(zero_masked)
        found: tuple[Tensor, ...] = apply(type(self).__name__, ops.recurrent, given, attrs)
        return found


def forgetting(initializer: Callable[..., Any], units: int) -> Callable[..., Any]:
    """The initialiser of the biases of four gates, with 1 for the gate that forgets."""

    def values(shape: Any, dtype: Any = None) -> Any:
        found = np.array(initializer(shape, dtype=dtype))
        found[units : 2 * units] = 1
        return found

    return values


class LstmWeights(StepWeights):
    _kind, _gates, _states = "lstm", 4, 2
    fields = (*StepWeights.fields, "recurrent_activation", "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)

    def _first_bias(self) -> Any:
        initializer = self.bias_initializer
        return forgetting(initializer, self.units) if self.unit_forget_bias else initializer

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "recurrent_activation": self.recurrent_activation}


class GruWeights(StepWeights):
    _kind, _gates = "gru", 3
    fields = (*StepWeights.fields, "recurrent_activation", "reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    def _bias_shape(self) -> tuple[int, ...]:
        width = self._gates * self.units
        return (2, width) if self.reset_after else (width,)

    def _options(self) -> dict[str, Any]:
        return {
            **super()._options(),
            "recurrent_activation": self.recurrent_activation,
            "reset_after": self.reset_after,
        }

    def _biases(self) -> dict[str, Any]:
        if self.bias is None or not self.reset_after:
            return super()._biases()
        return dict(zip(("bias", "recurrent_bias"), unstack(self.bias.value()), strict=True))


class _Cell:
    """Of a layer with the weights of a step: one step."""

    def call(
        self: Any, inputs: Any, states: Any, training: bool = False
    ) -> tuple[Any, list[Tensor]]:
        """The output, and the next states."""
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        x = expand_dims(inputs, 0)
        _, output, *last = self._walk(x, given, training=training)
        return output, last

    def get_initial_state(self: Any, batch_size: Any = None, dtype: Any = None) -> list[Tensor]:
        """Zeros."""
        return [zeros((batch_size, self.units), dtype or self.dtype) for _ in range(self._states)]


@FAMILY.add()
class SimpleRNNCell(_Cell, StepWeights):
    """One step of a fully connected recurrent network."""

    _kind = "simple_rnn"


@FAMILY.add()
class LSTMCell(_Cell, LstmWeights):
    """One step of a long short-term memory; its states are [h, c]."""


@FAMILY.add()
class GRUCell(_Cell, GruWeights):
    """One step of a gated recurrent unit."""


@FAMILY.add()
class StackedRNNCells(Layer):
    """Cells one above the other, as one cell: each gets the output of the one below.

    Args:
        cells: from the lowest to the highest.
        options: see `Layer`.
    """

    def __init__(self, cells: Sequence[Any], **options: Any) -> None:
        super().__init__(**options)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of all cells' states, one list."""
        return [n for cell in self.cells for n in sizes_of(cell)]

    @property
    def output_size(self) -> int:
        """That of the highest cell."""
        return int(getattr(self.cells[-1], "output_size", sizes_of(self.cells[-1])[0]))

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Tensor]]:
        """The output, and the next states of all cells."""
        given, found = list(states), []
        for cell in self.cells:
            own = [given.pop(0) for _ in sizes_of(cell)]
            inputs, after = cell(inputs, own)
            found += list(after) if isinstance(after, (list, tuple)) else [after]
        return inputs, found

    def get_initial_state(self, batch_size: Any = None, dtype: Any = None) -> list[Tensor]:
        """Zeros."""
        return [zeros((batch_size, n), dtype or self.dtype) for n in self.state_size]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal cell."""
        return super().get_config() | {"cells": [serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The cell with this configuration."""
        return cls(**config | {"cells": [deserialize(c) for c in config["cells"]]})


def sizes_of(cell: Any) -> list[Any]:
    """The sizes of a cell's states."""
    sizes = cell.state_size
    return list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]


__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]
