"""Recurrent layers: SimpleRNN, LSTM, GRU, their cells, loops over cells, both directions at once.

Layer: frontend. Sequences are [batch, steps, features]. The three layers are one op each, a scan
(frontend/tf/nn/recurrent.py); `RNN` calls a cell for each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import control
from ...apply import apply
from ...arrays import ones, zeros
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...nn import recurrent as ops
from ...nn.normalise import dropout
from ...shapes import TensorShape
from ...shaping import concat, expand_dims, reverse, transpose, unstack
from ...tensors import Tensor
from .. import activations
from .base import FAMILY, Layer, deserialize, serialize
from .weighted import Weighted


class _Weights(Weighted):
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
    ) -> tuple[Tensor, ...]:
        """The outputs of all steps of [steps, batch, features], and the last states."""
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
        found: tuple[Tensor, ...] = apply(type(self).__name__, ops.recurrent, given, attrs)
        return found


class _Lstm(_Weights):
    _kind, _gates, _states = "lstm", 4, 2
    fields = (*_Weights.fields, "recurrent_activation", "unit_forget_bias")

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
        if not self.unit_forget_bias:
            return self.bias_initializer

        def values(shape: Any, dtype: Any = None) -> Any:
            found = np.array(self.bias_initializer(shape, dtype=dtype))
            found[self.units : 2 * self.units] = 1
            return found

        return values

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "recurrent_activation": self.recurrent_activation}


class _Gru(_Weights):
    _kind, _gates = "gru", 3
    fields = (*_Weights.fields, "recurrent_activation", "reset_after")

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


# -- cells ----------------------------------------------------------------------------------------


class _Cell:
    """Of a layer with the weights of a step: one step."""

    def call(
        self: Any, inputs: Any, states: Any, training: bool = False
    ) -> tuple[Any, list[Tensor]]:
        """The output, and the next states."""
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        x = expand_dims(inputs, 0)
        outputs, *last = self._walk(x, given, training=training)
        return outputs[0], last

    def get_initial_state(self: Any, batch_size: Any = None, dtype: Any = None) -> list[Tensor]:
        """Zeros."""
        return [zeros((batch_size, self.units), dtype or self.dtype) for _ in range(self._states)]


@FAMILY.add()
class SimpleRNNCell(_Cell, _Weights):
    """One step of a fully connected recurrent network."""

    _kind = "simple_rnn"


@FAMILY.add()
class LSTMCell(_Cell, _Lstm):
    """One step of a long short-term memory; its states are [h, c]."""


@FAMILY.add()
class GRUCell(_Cell, _Gru):
    """One step of a gated recurrent unit."""


# -- loops ----------------------------------------------------------------------------------------


class _Sequence(Layer):
    """What layers that walk over sequences have in common."""

    loop_fields = ("return_sequences", "return_state", "go_backwards")

    def _set_loop(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
    ) -> None:
        if stateful:
            raise NotImplementedError(
                f"{type(self).__name__}: stateful=True is not supported: pass the states as"
                " `initial_state`"
            )
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)

    def _results(self, outputs: Tensor, last: Tensor, states: Sequence[Any]) -> Any:
        """What the layer returns; `outputs` is [steps, batch, units], in the order of the walk."""
        found = transpose(outputs, [1, 0, 2]) if self.return_sequences else last
        return [found, *states] if self.return_state else found


_LOOP = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")


def _steps_first(layer: Layer, inputs: Any) -> Tensor:
    x = convert_to_tensor(inputs)
    if x.ndim != 3:
        raise ValueError(
            f"Input 0 of layer {layer.name!r} is incompatible with the layer: expected ndim=3,"
            f" found ndim={x.ndim}. Full shape received: {x.shape}"
        )
    moved: Tensor = transpose(x, [1, 0, 2])
    return moved


class _Fused(_Sequence, _Weights):
    """A layer that is one op."""

    def __init__(self, *args: Any, **options: Any) -> None:
        loop = {name: options.pop(name) for name in _LOOP if name in options}
        options.pop("use_cudnn", None)
        options.pop("time_major", None)
        super().__init__(*args, **options)
        self._set_loop(**loop)

    def call(
        self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """The last output, or those of all steps; with `return_state` the last states behind it."""
        x = _steps_first(self, inputs)
        first = self._first_states(x, initial_state)
        if mask is not None:
            mask = transpose(cast(mask, "bool"), [1, 0])
        outputs, *last = self._walk(x, first, mask, self.go_backwards, training)
        if self.go_backwards and self.return_sequences:
            outputs = reverse(outputs, [0])
        return self._results(outputs, last[0], last)

    def _first_states(self, x: Tensor, given: Any) -> list[Any]:
        if given is None:
            return [zeros((x._value.shape[1], self.units), x.dtype) for _ in range(self._states)]
        states = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(states) != self._states:
            raise ValueError(
                f"{type(self).__name__} has {self._states} states, got an initial_state of"
                f" {len(states)}"
            )
        return [convert_to_tensor(s, x.dtype) for s in states]


@FAMILY.add()
class SimpleRNN(_Fused):
    """A fully connected recurrent network.

    Args:
        units: the size of the state and of the output.
        activation: of the state.
        return_sequences: whether the outputs of all steps are returned, and not the last one.
        return_state: whether the last states are returned behind the output.
        go_backwards: walk from the last step to the first.
        options: weights' initialisers, regularisers and constraints, `dropout` and
            `recurrent_dropout`; see `Layer` for more.
    """

    _kind = "simple_rnn"
    fields = (*_Weights.fields, *_Sequence.loop_fields)


@FAMILY.add()
class LSTM(_Fused, _Lstm):
    """A long short-term memory; its states are [h, c]. Arguments as of `SimpleRNN`."""

    fields = (*_Lstm.fields, *_Sequence.loop_fields)


@FAMILY.add()
class GRU(_Fused, _Gru):
    """A gated recurrent unit. Arguments as of `SimpleRNN`."""

    fields = (*_Gru.fields, *_Sequence.loop_fields)


@FAMILY.add()
class RNN(_Sequence):
    """Calls a cell for each step of a sequence.

    Args:
        cell: a layer with `call(inputs, states) -> (output, states)` and `state_size`.
        return_sequences: whether the outputs of all steps are returned, and not the last one.
        return_state: whether the last states are returned behind the output.
        go_backwards: walk from the last step to the first.
        options: see `Layer`.
    """

    def __init__(self, cell: Any, **options: Any) -> None:
        loop = {name: options.pop(name) for name in _LOOP if name in options}
        super().__init__(**options)
        self._set_loop(**loop)
        self.cell = cell

    def build(self, input_shape: Any) -> None:
        """Build the cell."""
        sizes = TensorShape(input_shape).as_list()
        self.cell._maybe_build(convert_to_tensor(np.zeros((1, sizes[-1]), self.dtype)))

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False) -> Any:
        """The last output, or those of all steps; with `return_state` the last states behind it."""
        x = _steps_first(self, inputs)
        sizes = self.cell.state_size
        sizes = list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]
        first = initial_state
        if first is None:
            first = [zeros((x._value.shape[1], n), x.dtype) for n in sizes]
        states = tuple(first) if isinstance(first, (list, tuple)) else (first,)
        width = getattr(self.cell, "output_size", sizes[0])
        start = (zeros((x._value.shape[1], width), x.dtype), *states)

        def step(before: Any, now: Any) -> Any:
            output, after = self.cell(now, list(before[1:]))
            after = after if isinstance(after, (list, tuple)) else [after]
            return (output, *after)

        if self.go_backwards:
            x = reverse(x, [0])
        outputs, *stacked = control.scan(step, x, initializer=start)
        return self._results(outputs, outputs[-1], [s[-1] for s in stacked])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        config = super().get_config() | {"cell": serialize(self.cell)}
        return config | {name: getattr(self, name) for name in self.loop_fields}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with this configuration."""
        return cls(**config | {"cell": deserialize(config["cell"])})


@FAMILY.add()
class Bidirectional(Layer):
    """A recurrent layer, and a copy of it that walks backwards.

    Args:
        layer: the layer.
        merge_mode: how the outputs are put together: "concat", "sum", "mul", "ave", or None for a
            list.
        backward_layer: instead of the copy.
        options: see `Layer`.
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        backward_layer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if merge_mode not in ("concat", "sum", "mul", "ave", None):
            raise ValueError(
                "Invalid merge mode. Merge mode should be one of 'sum', 'mul', 'ave', 'concat' or"
                f" None. Received: {merge_mode}"
            )
        self.forward_layer, self.merge_mode = layer, merge_mode
        if backward_layer is None:
            config = layer.get_config()
            config |= {"name": f"backward_{layer.name}", "go_backwards": not layer.go_backwards}
            backward_layer = type(layer).from_config(config)
        self.backward_layer = backward_layer

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The outputs of both directions, put together; then the states, if they are returned."""
        ahead, back = self.forward_layer(inputs), self.backward_layer(inputs)
        states: list[Any] = []
        if self.forward_layer.return_state:
            (ahead, *first), (back, *second) = ahead, back
            states = [*first, *second]
        if self.forward_layer.return_sequences:
            back = reverse(back, [1])
        found = self._merged(ahead, back)
        return [found, *states] if states else found

    def _merged(self, a: Any, b: Any) -> Any:
        if self.merge_mode is None:
            return [a, b]
        if self.merge_mode == "concat":
            return concat([a, b], -1)
        if self.merge_mode == "mul":
            return a * b
        return a + b if self.merge_mode == "sum" else (a + b) / 2.0

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return super().get_config() | {
            "layer": serialize(self.forward_layer),
            "backward_layer": serialize(self.backward_layer),
            "merge_mode": self.merge_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer with this configuration."""
        made = {name: deserialize(config[name]) for name in ("layer", "backward_layer")}
        return cls(**config | made)


__all__ = [
    "GRU", "LSTM", "RNN", "Bidirectional", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell",
]  # fmt: skip
