"""Long short-term memories of lines, images and volumes, whose products are convolutions.

Layer: frontend. Source: Shi et al., 2015. The convolutions of the inputs of all steps are one.
"""

from __future__ import annotations

from typing import Any

from ...arrays import ones, zeros_like
from ...convert import convert_to_tensor
from ...nn.convolutions import convolution
from ...nn.normalise import dropout
from ...shapes import TensorShape
from ...shaping import reshape, split
from ...tensors import Tensor
from .. import activations
from .base import FAMILY
from .cells import forgetting
from .convolutions import Convolution
from .recurrent import LOOP, SequenceLayer, steps_first

_AXES = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


class _ConvLstm(SequenceLayer, Convolution):
    """What the layers of all ranks have in common; arguments as of `ConvLSTM2D`."""

    bias_initializer: Any
    fields = (
        *(f for f in Convolution.fields if f != "groups"), "recurrent_activation",
        "recurrent_initializer", "recurrent_regularizer", "recurrent_constraint",
        "unit_forget_bias", "dropout", "recurrent_dropout", "seed", *SequenceLayer.loop_fields,
    )  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        recurrent_initializer: Any = "orthogonal",
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        unit_forget_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        loop = {name: options.pop(name) for name in LOOP if name in options}
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation,
            use_bias, **options,
        )  # fmt: skip
        if self.data_format != "channels_last":
            raise ValueError(f"{type(self).__name__} needs data_format='channels_last'")
        self._set_loop(**loop)
        self.recurrent_activation = activations.get(recurrent_activation)
        self._describe(
            "recurrent", recurrent_initializer, recurrent_regularizer, recurrent_constraint
        )
        self.unit_forget_bias, self.seed = bool(unit_forget_bias), seed
        self.dropout, self.recurrent_dropout = float(dropout), float(recurrent_dropout)

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        sizes = TensorShape(input_shape).as_list()
        if None in sizes[2:]:
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension."
                f" Received invalid input shape: input_shape={input_shape}"
            )
        self._size = tuple(self._length(n, k) for k, n in enumerate(sizes[2:-1]))
        gates = 4 * self.filters
        self.kernel = self._make("kernel", (*self.kernel_size, sizes[-1], gates))
        self.recurrent_kernel = self._make(
            "recurrent", (*self.kernel_size, self.filters, gates), name="recurrent_kernel"
        )
        self.bias = None
        if self.use_bias:
            first = self.bias_initializer
            if self.unit_forget_bias:
                first = forgetting(first, self.filters)
            self.bias = self._make("bias", (gates,), initializer=first)

    def _length(self, size: Any, axis: int) -> int:
        """The size of an axis behind the convolution of the inputs."""
        reach = (self.kernel_size[axis] - 1) * self.dilation_rate[axis]
        places = size if self.padding == "same" else size - reach
        return int(-(-places // self.strides[axis]))

    def call(
        self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """The last output, or those of all steps; with `return_state` the last states behind it."""
        x = steps_first(self, inputs, self._rank + 3)
        gates = self._of_inputs(x, training)
        states = self._first_states(gates, initial_state)
        kernel = convert_to_tensor(self.recurrent_kernel)
        kept = None
        if training and self.recurrent_dropout:
            shape = (gates._value.shape[1], *self._size, self.filters)
            kept = dropout(ones(shape, gates.dtype), self.recurrent_dropout, seed=self.seed)

        def step(before: Any, now: Any) -> tuple[Any, ...]:
            _, h, c = before
            h = h if kept is None else h * kept
            return self._step(now + convolution(h, kernel, 1, "SAME", _AXES[self._rank]), c)

        return self._scanned(step, gates, mask, (zeros_like(states[0]), *states))

    def _of_inputs(self, x: Tensor, training: bool) -> Tensor:
        """The convolutions of the inputs of all steps, for the four gates: [steps, batch, ...]."""
        steps, batch, *sizes = x._value.shape
        if training and self.dropout:
            x = dropout(x, self.dropout, (1, batch, *sizes), self.seed)
        together = reshape(x, (steps * batch, *sizes))
        found: Any = convolution(
            together, self.kernel, self.strides, self.padding.upper(), _AXES[self._rank],
            self.dilation_rate,
        )  # fmt: skip
        if self.bias is not None:
            found = found + convert_to_tensor(self.bias)
        return reshape(found, (steps, batch, *found._value.shape[1:]))

    def _step(self, gates: Any, carried: Any) -> tuple[Any, ...]:
        """The output and the states after a step."""
        let_in, kept, new, let_out = split(gates, 4, axis=-1)
        gate = self.recurrent_activation
        c = gate(kept) * carried + gate(let_in) * self.activation(new)
        h = gate(let_out) * self.activation(c)
        return h, h, c

    def _sizes(self) -> list[Any]:
        return [(*self._size, self.filters)] * 2


@FAMILY.add()
class ConvLSTM1D(_ConvLstm):
    """Of sequences of lines, [batch, steps, width, channels]. Arguments as of `ConvLSTM2D`."""

    _rank = 1


@FAMILY.add()
class ConvLSTM2D(_ConvLstm):
    """Of sequences of images, [batch, steps, height, width, channels]; its states are [h, c].

    Args:
        filters: the number of channels of the state and of the output.
        kernel_size: of both convolutions.
        strides: of the convolution of the inputs, like `padding` and `dilation_rate`.
        padding: see above.
        data_format: "channels_last".
        dilation_rate: see above.
        activation: of the state.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        recurrent_initializer: where the weights of the state's convolution begin.
        recurrent_regularizer: a penalty on them.
        recurrent_constraint: what their updates are held to.
        unit_forget_bias: whether the bias of the gate that forgets begins with 1.
        dropout: the part of the inputs that is dropped, at the same places in all steps.
        recurrent_dropout: likewise of the state.
        seed: of the draws.
        options: `return_sequences` and the like of `SimpleRNN`, weights' initialisers, regularisers
            and constraints; see `Layer` for more.
    """

    _rank = 2


@FAMILY.add()
class ConvLSTM3D(_ConvLstm):
    """Of sequences of volumes. Arguments as of `ConvLSTM2D`."""

    _rank = 3
