"""Whether variables of graphs have values, in the session that asks.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..abstract import TensorType
from ..convert import convert_to_tensor
from ..shapes import TensorShape
from ..tensors import STATE, Tensor
from .assignments import target_of
from .bodies import Body
from .graph import get_default_graph
from .keys import GraphKeys
from .state import is_building

if TYPE_CHECKING:
    from .variables import Storage


class _Initialized(Body):
    """Which variables have a value, as the names of those that have none or as one truth value."""

    is_host = True

    def __init__(self, storages: Sequence[Storage], as_names: bool) -> None:
        self._storages, self._as_names = tuple(storages), as_names
        self.names_first = len(self._storages)

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        cell = STATE.environment.cell
        missing = [s.name.encode() for s in self._storages if cell(s).array is None]
        if not self._as_names:
            return [Tensor(np.bool_(not missing))]
        names = np.empty(len(missing), object)
        names[:] = missing
        return [Tensor(names, dtypes.string)]


class ValueOr(Body):
    """The value of a variable, or its input while the variable has none."""

    is_host = True
    names_first = 1

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The output."""
        cell = STATE.environment.cell(self._storage)
        return list(inputs) if cell.array is None else [cell.read()]


def is_variable_initialized(ref: Any, name: str | None = None) -> Any:
    """Whether a variable has a value in the session that asks."""
    if not is_building():
        return convert_to_tensor(True)
    storage, tensor, after = target_of(ref)
    type = TensorType(dtypes.bool_, TensorShape([]))
    kind = "IsVariableInitialized"
    body = _Initialized([storage], False)
    return tensor.graph.add(kind, body, [tensor], [type], name, None, after).outputs[0]


def report_uninitialized_variables(
    var_list: Any = None, name: str = "report_uninitialized_variables"
) -> Any:
    """The names of the variables that have no value yet, as a vector of strings.

    Args:
        var_list: the variables; by default all global and local ones.
        name: of the op.
    """
    if not is_building():
        return convert_to_tensor(np.zeros(0, object), dtypes.string)
    graph = get_default_graph()
    if var_list is None:
        keys = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES)
        var_list = [v for key in keys for v in graph.get_collection(key)]
    targets = [target_of(v) for v in var_list]
    type = TensorType(dtypes.string, TensorShape([None]))
    body = _Initialized([t.storage for t in targets], True)
    inputs = [t.tensor for t in targets]
    return graph.add("ReportUninitialized", body, inputs, [type], name).outputs[0]
