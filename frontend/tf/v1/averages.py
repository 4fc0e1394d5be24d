"""`tf.train.ExponentialMovingAverage`: averages of variables and tensors, kept in variables.

Layer: frontend. In a graph `apply` gives an operation that moves the averages; eagerly it does so.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from .. import dtypes
from ..elementwise import cast, minimum
from ..graph.build import convert_public, graph_op
from ..graph.graph import get_default_graph
from ..graph.keys import GraphKeys
from ..graph.ops import group
from ..graph.state import is_building
from ..graph.updates import make_slot
from ..graph.variables import (
    GraphVariable,
    global_variables,
    moving_average_variables,
    trainable_variables,
)
from ..variables import Variable

_minimum = graph_op(minimum)
_cast = graph_op(cast)


class ExponentialMovingAverage:
    """average = decay * average + (1 - decay) * value, whenever `apply`'s operation runs.

    Args:
        decay: near to 1.
        num_updates: the number of updates so far; the decay is at most (1 + n) / (10 + n).
        zero_debias: whether averages of tensors, which begin at 0, are corrected for that.
        name: the end of the names of the averages.
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay, self._num_updates = decay, num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}
        self._biased: dict[Any, tuple[Any, Any]] = {}  # uncorrected averages, numbers of steps

    @property
    def name(self) -> str:
        """The end of the names of the averages."""
        return self._name

    def apply(self, var_list: Sequence[Any] | None = None) -> Any:
        """The operation that moves the averages; eagerly it does so and gives None.

        Args:
            var_list: variables, whose averages begin at their initial values, and tensors, whose
                averages begin at 0; by default all trainable variables.

        Raises:
            TypeError: one of them does not hold floats; or, eagerly, is a tensor.
        """
        values = trainable_variables() if var_list is None else list(var_list)
        for x in values:
            if not x.dtype.base_dtype.is_floating:
                raise TypeError(f"The variables must be half, float, or double: {x.name}")
        graph = get_default_graph() if is_building() else None
        for x in values:
            if _key(x) in self._averages:
                continue
            self._averages[_key(x)] = self._made(x)
            if graph is not None and isinstance(x, Variable):
                graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, x)
        with graph.name_scope(self._name) if graph is not None else nullcontext("") as scope:
            decay = self._current_decay()
            updates = [self._moved(x, decay) for x in values]
            return group(*updates, name=scope)

    def _made(self, x: Any) -> Any:
        """A variable for the average of x."""
        is_variable = isinstance(x, Variable)
        if not is_building():
            if not is_variable:
                raise TypeError("eagerly, averages are kept of variables only: assign to one")
            return Variable(x.value(), trainable=False, name=self._name)
        if is_variable:
            return make_slot(x, x.initialized_value(), self._name)
        return make_slot(x, 0.0, self._name)

    def _current_decay(self) -> Any:
        decay = convert_public(self._decay, dtypes.float32, name="decay")
        if self._num_updates is None:
            return decay
        count = _cast(self._num_updates, dtypes.float32, name="num_updates")
        return _minimum(decay, (1.0 + count) / (10.0 + count))

    def _moved(self, x: Any, decay: Any) -> Any:
        average = self._averages[_key(x)]
        of = average.dtype.base_dtype
        scope = get_default_graph().name_scope("AssignMovingAvg") if is_building() else None
        with scope or nullcontext("AssignMovingAvg") as name:
            rest = 1.0 - decay
            if rest.dtype is not of:
                rest = _cast(rest, of)
            if self._zero_debias and not isinstance(x, Variable):
                return self._corrected(x, average, rest)
            return average.assign_sub((average - x) * rest, name=name)

    def _corrected(self, x: Any, average: Any, rest: Any) -> Any:
        """Moves an average that began at 0, as if it had begun at the first value."""
        key = _key(x)
        if key not in self._biased:
            self._biased[key] = _uncorrected(average)
        biased, count = self._biased[key]
        moved = biased.assign_sub((biased - x) * rest)
        steps = _cast(count.assign_add(1.0), average.dtype.base_dtype)
        return average.assign(moved / (1.0 - (1.0 - rest) ** steps))

    def average(self, var: Any) -> Any:
        """The variable with the average; None if there is none."""
        return self._averages.get(_key(var))

    def average_name(self, var: Any) -> str:
        """What the variable with the average is, or would be, called; for savers."""
        found = self.average(var)
        if found is not None:
            return str(found.op.name)
        return get_default_graph().unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """Variables by the names to restore them from: with averages, the names of these."""
        averaged = list(moving_avg_variables or ())
        if moving_avg_variables is None:
            averaged = [*trainable_variables(), *moving_average_variables()]
        found = {self.average_name(v): v for v in dict.fromkeys(averaged)}
        for v in global_variables():
            if v not in averaged:
                found.setdefault(v.op.name, v)
        return found


def _uncorrected(average: Any) -> tuple[Any, Any]:
    """Variables for an average that begins at 0, and for the number of steps."""
    biased = make_slot(average, 0.0, "biased")
    with get_default_graph().name_scope(None):
        name = f"{average.op.name}/local_step"
        return biased, GraphVariable(0.0, trainable=False, name=name)


def _key(x: Any) -> Any:
    return x.handle if isinstance(x, Variable) else x
