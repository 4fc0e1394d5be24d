"""Cells: one step of a recurrent network, with its weights.

Layer: frontend. A step of a cell is one op of the graph. Weights are named as in TensorFlow 1:
`rnn/basic_lstm_cell/kernel`. Gates are in its order too: input, new values, forget, output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ... import dtypes, nest
from ...arrays import zeros
from ...convert import convert_to_tensor
from ...elementwise import clip_by_value, tanh
from ...linalg import matmul
from ...nn.activations import sigmoid
from ...nn.normalise import bias_add
from ...shapes import TensorShape
from ...shaping import concat, split
from ...tensors import Tensor
from ...v1.initializers import Constant, Zeros
from ..build import graph_op
from ..layers.base import Layer, known_size

_KERNEL, _BIAS = "kernel", "bias"
_zeros = graph_op(zeros)
_concat, _split = graph_op(concat), graph_op(split)
Activation = Callable[[Any], Any]


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM: `c`, what it keeps, and `h`, its output."""

    c: Any
    h: Any

    @property
    def dtype(self) -> Any:
        """The dtype of both.

        Raises:
            TypeError: they have different ones.
        """
        if self.c.dtype != self.h.dtype:
            raise TypeError(
                f"Inconsistent dtypes for internal state: {self.c.dtype} vs {self.h.dtype}"
            )
        return self.c.dtype


class RNNCell(Layer):
    """Base of cells; subclasses define `state_size`, `output_size` and `call(inputs, state)`."""

    @property
    def state_size(self) -> Any:
        """The number of features of the state, or a nesting of such numbers."""
        raise NotImplementedError("Abstract method")

    @property
    def output_size(self) -> Any:
        """The number of features of the output."""
        raise NotImplementedError("Abstract method")

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step: the output and the next state.

        Args:
            inputs: [batch, features].
            state: in the nesting of `state_size`.
            scope: of the weights; by default one of the class's name.
        """
        return super().__call__(inputs, state, scope=scope)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """A state of zeros, [batch_size, features], in the nesting of `state_size`."""
        return zeros_of(self.state_size, batch_size, dtype)

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """As `zero_state`; batch size and dtype may come from the inputs."""
        if inputs is not None:
            batch_size, dtype = inputs.shape.as_list()[0], inputs.dtype
        return self.zero_state(batch_size, dtype)


def zeros_of(sizes: Any, batch_size: Any, dtype: Any) -> Any:
    """Zeros [batch_size, size] for each size of a nesting."""

    def made(size: Any) -> Any:
        rest = TensorShape([size] if isinstance(size, int) else size).as_list()
        return _zeros([batch_size, *rest], dtypes.as_dtype(dtype).base_dtype)

    leaves = [made(size) for size in nest.flatten(sizes)]
    return nest.pack_sequence_as(sizes, leaves)


class _Weighted(RNNCell):
    """A cell of `num_units` features with an activation."""

    least_rank = 2

    def __init__(
        self,
        num_units: int,
        activation: Activation | None = None,
        reuse: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **kwargs)
        self._num_units = int(num_units)
        self._activation = activation or tanh

    @property
    def state_size(self) -> Any:
        """The number of features of the state."""
        return self._num_units

    @property
    def output_size(self) -> Any:
        """The number of features of the output."""
        return self._num_units

    def _depth(self, input_shape: Any) -> int:
        return known_size(input_shape.as_list()[-1], type(self).__name__)


# -- the simplest cells ---------------------------------------------------------------------------


class BasicRNNCell(_Weighted):
    """activation([inputs, state] @ kernel + bias).

    Args:
        num_units: the number of features.
        activation: tanh by default.
        reuse: whether weights that exist are used.
        name: of the scope.
        dtype: of the weights.
    """

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        depth, units = self._depth(input_shape), self._num_units
        self._kernel = self.add_weight(_KERNEL, [depth + units, units])
        self._bias = self.add_weight(_BIAS, [units], initializer=Zeros())

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        found = _basic_step(inputs, state, self._kernel, self._bias, self._activation)
        return found, found


def _affine(inputs: Any, state: Any, kernel: Any, bias: Any) -> Tensor:
    return bias_add(matmul(concat([inputs, state], 1), kernel), bias)


def _basic(inputs: Any, state: Any, kernel: Any, bias: Any, activation: Activation) -> Any:
    return activation(_affine(inputs, state, kernel, bias))


class GRUCell(_Weighted):
    """A gated recurrent unit (Cho et al., 2014).

    Args:
        num_units: the number of features.
        activation: tanh by default.
        reuse: whether weights that exist are used.
        kernel_initializer: of both kernels.
        bias_initializer: of both biases; by default 1 for the gates and 0 for the candidate.
        name: of the scope.
        dtype: of the weights.
    """

    def __init__(
        self,
        num_units: int,
        activation: Activation | None = None,
        reuse: bool | None = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._initializers = kernel_initializer, bias_initializer

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        depth, units = self._depth(input_shape), self._num_units
        kernel, bias = self._initializers
        of = self.dtype or dtypes.float32
        self._gates = (
            self.add_weight("gates/kernel", [depth + units, 2 * units], initializer=kernel),
            self.add_weight("gates/bias", [2 * units], initializer=bias or Constant(1.0, dtype=of)),
        )
        self._candidate = (
            self.add_weight("candidate/kernel", [depth + units, units], initializer=kernel),
            self.add_weight("candidate/bias", [units], initializer=bias or Zeros(of)),
        )

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        found = _gru_step(inputs, state, *self._gates, *self._candidate, self._activation)
        return found, found


def _gru(
    inputs: Any,
    state: Any,
    gate_kernel: Any,
    gate_bias: Any,
    kernel: Any,
    bias: Any,
    activation: Activation,
) -> Any:
    gates: Any = sigmoid(_affine(inputs, state, gate_kernel, gate_bias))
    parts: Any = split(gates, 2, 1)
    reset, update = parts
    candidate = activation(_affine(inputs, reset * state, kernel, bias))
    return update * state + (1.0 - update) * candidate


# -- LSTMs ----------------------------------------------------------------------------------------


class _Long(_Weighted):
    """What both LSTM cells have in common: the form of their state."""

    _is_tuple = True

    def _sizes(self) -> tuple[int, int]:
        return self._num_units, self._num_units

    @property
    def state_size(self) -> Any:
        """The numbers of features of both parts of the state."""
        sizes = self._sizes()
        return LSTMStateTuple(*sizes) if self._is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """The number of features of the output."""
        return self._sizes()[1]

    def _parts(self, state: Any) -> tuple[Any, Any]:
        if self._is_tuple:
            c, h = state
            return c, h
        c, h = _split(state, list(self._sizes()), 1)
        return c, h

    def _joined(self, c: Any, h: Any) -> Any:
        return LSTMStateTuple(c, h) if self._is_tuple else _concat([c, h], 1)


class BasicLSTMCell(_Long):
    """An LSTM without peepholes (Zaremba et al., 2014).

    Args:
        num_units: the number of features.
        forget_bias: added to the forget gate.
        state_is_tuple: whether states are pairs, rather than both parts side by side.
        activation: tanh by default.
        reuse: whether weights that exist are used.
        name: of the scope.
        dtype: of the weights.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Activation | None = None,
        reuse: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._forget_bias, self._is_tuple = float(forget_bias), state_is_tuple

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        depth, units = self._depth(input_shape), self._num_units
        self._kernel = self.add_weight(_KERNEL, [depth + units, 4 * units])
        self._bias = self.add_weight(_BIAS, [4 * units], initializer=Zeros())

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        c, h = self._parts(state)
        options = _Options(self._forget_bias, None, None, self._activation)
        c, h = _lstm_step(inputs, c, h, self._kernel, self._bias, None, None, options)
        return h, self._joined(c, h)


class LSTMCell(_Long):
    """An LSTM (Sak et al., 2014) with peepholes, a projection and clipping, where asked for.

    Args:
        num_units: the number of features.
        use_peepholes: whether gates see what is kept.
        cell_clip: what is kept is clipped to this range.
        initializer: of the kernels.
        num_proj: the number of features of the output, which is projected then.
        proj_clip: the projection is clipped to this range.
        num_unit_shards: for TensorFlow's signature, like the next.
        num_proj_shards: see there.
        forget_bias: added to the forget gate.
        state_is_tuple: whether states are pairs, rather than both parts side by side.
        activation: tanh by default.
        reuse: whether weights that exist are used.
        name: of the scope.
        dtype: of the weights.
    """

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        cell_clip: float | None = None,
        initializer: Any = None,
        num_proj: int | None = None,
        proj_clip: float | None = None,
        num_unit_shards: Any = None,
        num_proj_shards: Any = None,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Activation | None = None,
        reuse: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._use_peepholes, self._initializer = use_peepholes, initializer
        self._num_proj, self._is_tuple = num_proj, state_is_tuple
        self._options = _Options(float(forget_bias), cell_clip, proj_clip, self._activation)
        self._peepholes: Any = None
        self._projection: Any = None

    def _sizes(self) -> tuple[int, int]:
        return self._num_units, self._num_proj or self._num_units

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        depth, (units, outputs) = self._depth(input_shape), self._sizes()
        make = self._initializer
        self._kernel = self.add_weight(_KERNEL, [depth + outputs, 4 * units], initializer=make)
        self._bias = self.add_weight(_BIAS, [4 * units], initializer=Zeros())
        if self._use_peepholes:
            self._peepholes = [
                self.add_weight(f"w_{gate}_diag", [units], initializer=make) for gate in "fio"
            ]
        if self._num_proj is not None:
            self._projection = self.add_weight(
                "projection/kernel", [units, self._num_proj], initializer=make
            )

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        c, h = self._parts(state)
        c, h = _lstm_step(
            inputs, c, h, self._kernel, self._bias, self._peepholes, self._projection,
            self._options,
        )  # fmt: skip
        return h, self._joined(c, h)


class _Options(NamedTuple):
    """What does not change from step to step."""

    forget_bias: float
    cell_clip: float | None
    proj_clip: float | None
    activation: Activation


def _lstm(
    inputs: Any,
    c: Any,
    h: Any,
    kernel: Any,
    bias: Any,
    peepholes: Any,
    projection: Any,
    options: _Options,
) -> tuple[Any, Any]:
    """The next state, both parts."""
    kept: Any = convert_to_tensor(c)
    parts: Any = split(_affine(inputs, h, kernel, bias), 4, 1)
    new, values, forget, out = parts
    forget = forget + options.forget_bias
    if peepholes is not None:
        forget, new = forget + peepholes[0] * kept, new + peepholes[1] * kept
    kept = sigmoid(forget) * kept + sigmoid(new) * options.activation(values)
    if options.cell_clip is not None:
        kept = clip_by_value(kept, -options.cell_clip, options.cell_clip)
    if peepholes is not None:
        out = out + peepholes[2] * kept
    shown = sigmoid(out) * options.activation(kept)
    if projection is not None:
        shown = matmul(shown, projection)
        if options.proj_clip is not None:
            shown = clip_by_value(shown, -options.proj_clip, options.proj_clip)
    return kept, shown


_basic_step = graph_op(_basic, "BasicRNN", "BasicRNN")
_gru_step = graph_op(_gru, "GRU", "GRU")
_lstm_step = graph_op(_lstm, "LSTM", "LSTM")
