"""Cells around cells: several in a row, dropout, shortcuts.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nest
from ...v1.names import dropout
from ..build import graph_op
from ..scoping import variable_scope
from .cells import RNNCell

_dropout = graph_op(dropout, "dropout")


class MultiRNNCell(RNNCell):
    """Several cells, each of which sees the output of the one before.

    Args:
        cells: the cells.
        state_is_tuple: has to be true: the state is a tuple of the cells' states.

    Raises:
        ValueError: there are no cells.
        TypeError: `cells` is no list.
    """

    def __init__(self, cells: Sequence[RNNCell], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        if not isinstance(cells, (list, tuple)):
            raise TypeError(f"cells must be a list or tuple, but saw: {cells}.")
        if not state_is_tuple:
            raise NotImplementedError("MultiRNNCell: state_is_tuple=False is not supported")
        self._cells = list(cells)

    @property
    def state_size(self) -> Any:
        """Those of the cells."""
        return tuple(cell.state_size for cell in self._cells)

    @property
    def output_size(self) -> Any:
        """That of the last cell."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """The states of the cells."""
        return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    @property
    def weights(self) -> list[Any]:
        """Those of the cells."""
        return [w for cell in self._cells for w in cell.weights]

    variables = weights

    @property
    def trainable_weights(self) -> list[Any]:
        """Those of the cells."""
        return [w for cell in self._cells for w in cell.trainable_weights]

    trainable_variables = trainable_weights

    def call(self, inputs: Any, state: Any) -> Any:
        """One step of each cell."""
        states = []
        for k, (cell, old) in enumerate(zip(self._cells, state, strict=True)):
            with variable_scope(f"cell_{k}"):
                inputs, new = cell(inputs, old)
            states.append(new)
        return inputs, tuple(states)


class _Wrapper(RNNCell):
    """A cell around another one, whose weights it has."""

    def __init__(self, cell: RNNCell) -> None:
        super().__init__()
        self._cell = cell

    @property
    def wrapped_cell(self) -> RNNCell:
        """The cell inside."""
        return self._cell

    @property
    def state_size(self) -> Any:
        """That of the cell."""
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        """That of the cell."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """That of the cell."""
        return self._cell.zero_state(batch_size, dtype)

    @property
    def weights(self) -> list[Any]:
        """Those of the cell."""
        return self._cell.weights

    variables = weights

    @property
    def trainable_weights(self) -> list[Any]:
        """Those of the cell."""
        return self._cell.trainable_weights

    trainable_variables = trainable_weights


class DropoutWrapper(_Wrapper):
    """Sets elements of inputs, outputs and states to 0 at random.

    Args:
        cell: the cell.
        input_keep_prob: the part that is kept: a number, or a tensor.
        output_keep_prob: see there.
        state_keep_prob: see there; what an LSTM keeps is left alone.
        variational_recurrent: refused: the same elements in each step.
        input_size: for TensorFlow's signature, like `dtype`.
        dtype: see there.
        seed: of the random numbers.
        dropout_state_filter_visitor: refused.
    """

    def __init__(
        self,
        cell: RNNCell,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False,
        input_size: Any = None,
        dtype: Any = None,
        seed: int | None = None,
        dropout_state_filter_visitor: Any = None,
    ) -> None:
        super().__init__(cell)
        if variational_recurrent or dropout_state_filter_visitor is not None:
            raise NotImplementedError(
                "DropoutWrapper: variational_recurrent and dropout_state_filter_visitor are not"
                " supported"
            )
        for keep in (input_keep_prob, output_keep_prob, state_keep_prob):
            if isinstance(keep, (int, float)) and not 0.0 <= keep <= 1.0:
                raise ValueError(f"a part that is kept has to be in [0, 1], got {keep}")
        self._keep = input_keep_prob, output_keep_prob, state_keep_prob
        self._seed = seed

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step of the cell, with dropout."""
        of_inputs, of_outputs, of_states = self._keep
        found, new = self._cell(self._dropped(inputs, of_inputs), state, scope)
        if not _is_all(of_states):
            leaves = [
                x if name == "c" else self._dropped(x, of_states) for name, x in _named_leaves(new)
            ]
            new = nest.pack_sequence_as(new, leaves)
        return self._dropped(found, of_outputs), new

    def _dropped(self, x: Any, keep: Any) -> Any:
        return x if _is_all(keep) else _dropout(x, keep, seed=self._seed)


def _is_all(keep: Any) -> bool:
    return isinstance(keep, (int, float)) and keep >= 1.0


def _named_leaves(state: Any) -> list[tuple[str, Any]]:
    """The tensors of a state, with their names where an LSTM gives them."""
    if hasattr(state, "_fields"):
        return list(zip(state._fields, state, strict=True))
    if isinstance(state, (list, tuple)):
        return [leaf for part in state for leaf in _named_leaves(part)]
    return [("", state)]


class ResidualWrapper(_Wrapper):
    """Adds the inputs to the outputs.

    Args:
        cell: the cell.
        residual_fn: takes inputs and outputs, instead of adding them.
    """

    def __init__(self, cell: RNNCell, residual_fn: Callable[..., Any] | None = None) -> None:
        super().__init__(cell)
        self._residual = residual_fn

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step of the cell, and the sum."""
        found, new = self._cell(inputs, state, scope)
        return (self._residual(inputs, found) if self._residual else inputs + found), new


class DeviceWrapper(_Wrapper):
    """The cell itself: there is one device.

    Args:
        cell: the cell.
        device: for TensorFlow's signature.
    """

    def __init__(self, cell: RNNCell, device: Any) -> None:
        super().__init__(cell)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step of the cell."""
        return self._cell(inputs, state, scope)
