"""Cells along sequences: `tf.nn.dynamic_rnn`, `static_rnn`, in both directions.

Layer: frontend. `dynamic_rnn` is one loop of the graph, whatever the number of steps; `static_rnn`
is a step for each input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import dtypes, nest
from ...arrays import range as numbers
from ...arrays import shape as sizes_of
from ...elementwise import cast, greater_equal
from ...indexing import where
from ...shaping import concat, expand_dims, reverse, reverse_sequence, transpose
from ...tensors import Tensor
from ..build import convert_public, graph_op
from ..folds import scan
from ..scoping import get_variable_scope, variable_scope
from .cells import RNNCell, zeros_of

_shape, _transpose, _numbers = graph_op(sizes_of), graph_op(transpose), graph_op(numbers)
_reverse, _reverse_sequence = graph_op(reverse), graph_op(reverse_sequence)
_joined = graph_op(concat)


def _kept_after(step: Any, lengths: Any, old: Any, new: Any) -> Tensor:
    """The old value in the examples that have ended."""
    ended = greater_equal(cast(step, dtypes.int32), cast(lengths, dtypes.int32))
    for _ in range(new.ndim - 1):
        ended = expand_dims(ended, -1)
    return where(ended, old, new)


_kept = graph_op(_kept_after, "Select", "Select")


def dynamic_rnn(
    cell: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """Run a cell along sequences.

    Args:
        cell: the cell.
        inputs: [batch, steps, features].
        sequence_length: the number of steps of each example; outputs behind it are 0, the state
            stays as it is.
        initial_state: by default zeros.
        dtype: of these zeros.
        parallel_iterations: for TensorFlow's signature, like the next.
        swap_memory: see there.
        time_major: whether inputs and outputs are [steps, batch, features].
        scope: of the weights; "rnn" by default.

    Returns:
        The outputs, and the last state.

    Raises:
        ValueError: neither a state nor a dtype is given; the inputs have fewer than three axes.
    """
    with variable_scope(scope or "rnn"):
        x = convert_public(inputs)
        if x.shape.rank is not None and x.shape.rank < 3:
            raise ValueError(f"inputs must have at least 3 axes, got shape {x.shape}")
        x = x if time_major else _swapped(x)
        batch = _size(x, 1)
        state = initial_state
        if state is None:
            if dtype is None:
                raise ValueError("If there is no initial_state, you must give a dtype.")
            state = cell.zero_state(batch, dtype)
        lengths = None if sequence_length is None else convert_public(sequence_length)
        nothing = zeros_of(cell.output_size, batch, x.dtype)

        def step(before: Any, slices: Any) -> Any:
            number, part = slices
            found, new = cell(part, before[1])
            if lengths is None:
                return found, new
            empty = nest.flatten(nothing)
            return (
                _each(number, lengths, empty, found),
                _each(number, lengths, nest.flatten(before[1]), new),
            )

        outputs, states = scan(step, (_numbers(_size(x, 0)), x), (nothing, state))
        last = nest.map_structure(_last, states)
        return (outputs if time_major else nest.map_structure(_swapped, outputs)), last


def _each(number: Any, lengths: Any, old: Sequence[Any], new: Any) -> Any:
    leaves = [_kept(number, lengths, a, b) for a, b in zip(old, nest.flatten(new), strict=True)]
    return nest.pack_sequence_as(new, leaves)


def _last(x: Any) -> Any:
    return x[-1]


def _swapped(x: Any) -> Any:
    """Steps and batch in the other order."""
    return _transpose(x, [1, 0, *range(2, x.shape.rank)])


def _size(x: Any, axis: int) -> Any:
    found = x.shape.as_list()[axis]
    return _shape(x)[axis] if found is None else found


def static_rnn(
    cell: RNNCell,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """Run a cell along a list of inputs, one for each step; arguments as of `dynamic_rnn`.

    Raises:
        TypeError: `inputs` is no list.
        ValueError: it is empty; neither a state nor a dtype is given.
    """
    if not isinstance(inputs, (list, tuple)):
        raise TypeError("inputs must be a sequence")
    if not inputs:
        raise ValueError("inputs must not be empty")
    outputs = []
    with variable_scope(scope or "rnn"):
        parts = [convert_public(x) for x in inputs]
        batch, state = _size(parts[0], 0), initial_state
        if state is None:
            if dtype is None:
                raise ValueError("If no initial_state is provided, dtype must be specified")
            state = cell.zero_state(batch, dtype)
        for number, x in enumerate(parts):
            if number:
                get_variable_scope().reuse_variables()
            found, new = cell(x, state)
            if sequence_length is not None:
                empty = nest.flatten(zeros_of(cell.output_size, batch, x.dtype))
                found = _each(number, sequence_length, empty, found)
                new = _each(number, sequence_length, nest.flatten(state), new)
            outputs.append(found)
            state = new
    return outputs, state


# -- both directions ------------------------------------------------------------------------------


def bidirectional_dynamic_rnn(
    cell_fw: RNNCell,
    cell_bw: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Run one cell forwards and one backwards; arguments as of `dynamic_rnn`.

    Returns:
        The outputs of both, and the last states of both.
    """
    time, batch = (0, 1) if time_major else (1, 0)

    def turned(x: Any) -> Any:
        if sequence_length is None:
            return _reverse(x, [time])
        return _reverse_sequence(x, sequence_length, seq_axis=time, batch_axis=batch)

    with variable_scope(scope or "bidirectional_rnn"):
        forward = dynamic_rnn(
            cell_fw, inputs, sequence_length, initial_state_fw, dtype, time_major=time_major,
            scope="fw",
        )  # fmt: skip
        with variable_scope("bw") as inner:
            back = turned(convert_public(inputs))
            outputs, state = dynamic_rnn(
                cell_bw, back, sequence_length, initial_state_bw, dtype, time_major=time_major,
                scope=inner,
            )  # fmt: skip
        outputs = nest.map_structure(turned, outputs)
    return (forward[0], outputs), (forward[1], state)


def static_bidirectional_rnn(
    cell_fw: RNNCell,
    cell_bw: RNNCell,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any, Any]:
    """`static_rnn` in both directions: outputs side by side, the last states of both.

    Raises:
        NotImplementedError: sequences end at different steps.
    """
    if sequence_length is not None:
        raise NotImplementedError(
            "static_bidirectional_rnn: sequence_length is not supported: use"
            " bidirectional_dynamic_rnn"
        )
    with variable_scope(scope or "bidirectional_rnn"):
        forward, last = static_rnn(cell_fw, inputs, initial_state_fw, dtype, scope="fw")
        turned = list(inputs)[::-1]
        back, first = static_rnn(cell_bw, turned, initial_state_bw, dtype, scope="bw")
    joined = [_joined([a, b], 1) for a, b in zip(forward, back[::-1], strict=True)]
    return joined, last, first
