"""Recurrent layers: SimpleRNN, LSTM, GRU, their cells, loops over cells, both directions at once.

Layer: frontend. Sequences are [batch, steps, features]. The three layers are one op each, a scan
(frontend/tf/nn/recurrent.py); `RNN` calls a cell for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import control
from ...arrays import zeros, zeros_like
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...indexing import where
from ...scopes import init_scope
from ...shapes import TensorShape
from ...shaping import concat, expand_dims, reverse, transpose
from ...tensors import STATE, Tensor
from ...variables import Variable
from .base import FAMILY, Layer, deserialize, serialize
from .cells import GruWeights, LstmWeights, StackedRNNCells, StepWeights, sizes_of


class SequenceLayer(Layer):
    """What layers that walk over sequences have in common."""

    supports_masking = True
    loop_fields = (
        "return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask",
    )  # fmt: skip

    def _set_loop(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
    ) -> None:
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self._last_states: list[Variable] = []

    # -- states -----------------------------------------------------------------------------------

    def _sizes(self) -> list[Any]:
        """The sizes of the states."""
        raise NotImplementedError

    def _first_states(self, x: Tensor, given: Any) -> list[Any]:
        """The states before the first step of [steps, batch, features]."""
        sizes, batch = self._sizes(), x._value.shape[1]
        shapes = [(batch, *(n if isinstance(n, tuple) else (n,))) for n in sizes]
        if given is not None:
            states = list(given) if isinstance(given, (list, tuple)) else [given]
            if len(states) != len(sizes):
                raise ValueError(
                    f"{type(self).__name__} has {len(sizes)} states, got an initial_state of"
                    f" {len(states)}"
                )
            return [convert_to_tensor(s, x.dtype) for s in states]
        if not self.stateful:
            return [zeros(shape, x.dtype) for shape in shapes]
        if [tuple(v.shape) for v in self._last_states] != shapes:
            if x.is_symbolic and (self._last_states or not isinstance(batch, int)):
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be static: layer"
                    f" {self.name!r} has states for batches of"
                    f" {[v.shape[0] for v in self._last_states][:1] or 'no size'}, got a batch of"
                    f" {batch}. Give `batch_size` to `keras.Input`."
                )
            with init_scope():
                self._last_states = [
                    Variable(zeros(shape, x.dtype), trainable=False, name=f"{self.name}/state")
                    for shape in shapes
                ]
        return [v.value() for v in self._last_states]

    def _keep(self, states: Sequence[Any]) -> None:
        if self.stateful:
            recorders, STATE.recorders = STATE.recorders, ()
            try:
                for variable, value in zip(self._last_states, states, strict=False):
                    variable.assign(value)
            finally:
                STATE.recorders = recorders

    @property
    def states(self) -> list[Variable]:
        """With `stateful`, what the last batch has left; empty before the first one."""
        return list(self._last_states)

    def reset_state(self) -> None:
        """Begin with zeros again.

        Raises:
            AttributeError: the layer is not stateful.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        for variable in self._last_states:
            variable.assign(np.zeros(tuple(variable.shape), variable.dtype.numpy))

    reset_states = reset_state

    # -- results ----------------------------------------------------------------------------------

    def _results(self, outputs: Tensor, last: Tensor, states: Sequence[Any]) -> Any:
        """What the layer returns; `outputs` is [steps, batch, ...], in the order of the walk."""
        self._keep(states)
        found = _swapped(outputs) if self.return_sequences else last
        return [found, *states] if self.return_state else found

    def _scanned(
        self, step: Callable[[Any, Any], tuple[Any, ...]], x: Tensor, mask: Any, first: Any
    ) -> Any:
        """What the layer returns.

        Args:
            step: (output, *states) before and the input now -> those after.
            x: [steps, batch, ...].
            mask: [batch, steps], or None.
            first: the first output, for steps that do not count, and states.
        """
        elements: Any = x if mask is None else (x, transpose(cast(mask, "bool"), [1, 0]))
        if self.go_backwards:
            elements = reverse(x, [0]) if mask is None else tuple(reverse(t, [0]) for t in elements)

        def masked(before: Any, now: Any) -> Any:
            if mask is None:
                return step(before, now)
            counts = now[1]
            for _ in range(before[0].ndim - 1):
                counts = expand_dims(counts, -1)
            after = step(before, now[0])
            kept = [where(counts, new, old) for new, old in zip(after, before, strict=True)]
            if self.zero_output_for_mask:
                kept[0] = where(counts, after[0], zeros_like(after[0]))
            return tuple(kept)

        outputs, *stacked = control.scan(masked, elements, initializer=tuple(first))
        return self._results(outputs, outputs[-1], [s[-1] for s in stacked])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The steps that count, if the outputs of all steps are returned."""
        mask = previous_mask[0] if isinstance(previous_mask, list) else previous_mask
        return mask if self.return_sequences else None


@contextmanager
def states_kept(model: Layer) -> Iterator[None]:
    """What is called inside leaves the states of stateful layers as they are."""
    before = {id(v): v.numpy() for layer in _stateful(model) for v in layer.states}
    yield
    for layer in _stateful(model):
        for v in layer.states:
            old = before.get(id(v))
            v.assign(np.zeros(tuple(v.shape), v.dtype.numpy) if old is None else old)


def _stateful(model: Layer) -> list[Any]:
    return [x for x in model._flatten_layers() if isinstance(x, SequenceLayer) and x.stateful]


LOOP = (*SequenceLayer.loop_fields, "unroll")


def steps_first(layer: Layer, inputs: Any, ndim: int = 3) -> Tensor:
    x = convert_to_tensor(inputs)
    if x.ndim != ndim:
        raise ValueError(
            f"Input 0 of layer {layer.name!r} is incompatible with the layer: expected ndim={ndim},"
            f" found ndim={x.ndim}. Full shape received: {x.shape}"
        )
    return _swapped(x)


def _swapped(x: Tensor) -> Tensor:
    """With the first two axes in the other order."""
    found: Tensor = transpose(x, [1, 0, *range(2, x.ndim)])
    return found


class _Fused(SequenceLayer, StepWeights):
    """A layer that is one op."""

    def __init__(self, *args: Any, **options: Any) -> None:
        loop = {name: options.pop(name) for name in LOOP if name in options}
        options.pop("use_cudnn", None)
        options.pop("time_major", None)
        super().__init__(*args, **options)
        self._set_loop(**loop)

    def _sizes(self) -> list[Any]:
        return [self.units] * self._states

    def call(
        self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """The last output, or those of all steps; with `return_state` the last states behind it."""
        x = steps_first(self, inputs)
        first = self._first_states(x, initial_state)
        if mask is not None:
            mask = transpose(cast(mask, "bool"), [1, 0])
        outputs, output, *last = self._walk(
            x, first, mask, self.go_backwards, training, self.zero_output_for_mask
        )
        if self.go_backwards and self.return_sequences:
            outputs = reverse(outputs, [0])
        return self._results(outputs, output, last)


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
    fields = (*StepWeights.fields, *SequenceLayer.loop_fields)


@FAMILY.add()
class LSTM(_Fused, LstmWeights):
    """A long short-term memory; its states are [h, c]. Arguments as of `SimpleRNN`."""

    fields = (*LstmWeights.fields, *SequenceLayer.loop_fields)


@FAMILY.add()
class GRU(_Fused, GruWeights):
    """A gated recurrent unit. Arguments as of `SimpleRNN`."""

    fields = (*GruWeights.fields, *SequenceLayer.loop_fields)


@FAMILY.add()
class RNN(SequenceLayer):
    """Calls a cell for each step of a sequence.

    Args:
        cell: a layer with `call(inputs, states) -> (output, states)` and `state_size`.
        return_sequences: whether the outputs of all steps are returned, and not the last one.
        return_state: whether the last states are returned behind the output.
        go_backwards: walk from the last step to the first.
        options: see `Layer`.
    """

    def __init__(self, cell: Any, **options: Any) -> None:
        loop = {name: options.pop(name) for name in LOOP if name in options}
        super().__init__(**options)
        self._set_loop(**loop)
        self.cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell

    def _sizes(self) -> list[Any]:
        return sizes_of(self.cell)

    def build(self, input_shape: Any) -> None:
        """Build the cell."""
        sizes = TensorShape(input_shape).as_list()
        self.cell._maybe_build(convert_to_tensor(np.zeros((1, sizes[-1]), self.dtype)))

    def call(
        self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """The last output, or those of all steps; with `return_state` the last states behind it."""
        x = steps_first(self, inputs)
        states = self._first_states(x, initial_state)
        width = getattr(self.cell, "output_size", self._sizes()[0])
        start = (zeros((x._value.shape[1], width), x.dtype), *states)
        return self._scanned(self._step, x, mask, start)

    def _step(self, before: Any, now: Any) -> tuple[Any, ...]:
        output, after = self.cell(now, list(before[1:]))
        return (output, *(after if isinstance(after, (list, tuple)) else [after]))

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

    supports_masking = True

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
        for each in (layer, backward_layer):  # 0 is what does not change a sum
            each.zero_output_for_mask = each.return_sequences

    def reset_state(self) -> None:
        """Let both directions begin with zeros again, if they are stateful."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The steps that count, if the outputs of all steps are returned."""
        mask = self.forward_layer.compute_mask(inputs, previous_mask)
        return [mask, mask] if self.merge_mode is None else mask

    def call(
        self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """The outputs of both directions, put together; then the states, if they are returned."""
        first: list[Any] = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            first = [list(initial_state[:half]), list(initial_state[half:])]
        ahead, back = (
            layer(inputs, initial_state=state, mask=mask)
            for layer, state in zip((self.forward_layer, self.backward_layer), first, strict=True)
        )
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


__all__ = ["GRU", "LSTM", "RNN", "Bidirectional", "SimpleRNN"]
