"""Updates of some rows of a large variable: in place, on the host, without touching the others.

Layer: frontend. A native program gives its results as new arrays, so an update there costs as much
as the whole variable; for a table of which a step touches few rows, that is most of the step.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..apply import apply
from ..errors import InvalidArgumentError
from ..tensors import STATE, Tensor
from ..v1.rules import Rule
from .bodies import Body
from .variables import Storage

_LARGE = 1 << 16  # elements of variables that are updated here


def is_large(storage: Storage) -> bool:
    """Whether a variable is worth it."""
    count = storage.shape.num_elements()
    return count is not None and count >= _LARGE


class RowsStep(Body):
    """A rule on rows of a variable and of its slots; the result is the variable's new value.

    Args:
        rule: what to do with each row.
        attrs: the constants of the rule.
        storages: the variable and its slots.
    """

    is_host = True
    writes = True

    def __init__(self, rule: Rule, attrs: dict[str, Any], storages: Sequence[Storage]) -> None:
        self._rule, self._attrs = rule, attrs
        self.storages = tuple(storages)
        self.names_first = len(self.storages)
        # the arrays that were made here: nobody else has them, so they can be changed
        self._own: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs."""
        cells = [STATE.environment.cell(s) for s in self.storages]
        for cell in cells:
            cell.read()  # an error, if it has no value
        operands = list(inputs)
        place = self._rule.operands.index("gradient")
        indices = np.asarray(operands.pop(place + 1)._value).reshape(-1)
        arrays = [self._owned(cell) for cell in cells]
        rows, gradient = _summed(indices, np.asarray(operands[place]._value), arrays[0])
        operands[place] = Tensor(gradient)
        old = [Tensor(array[rows]) for array in arrays]
        op = f"SparseApply{self._rule.op}"
        found = apply(op, self._rule.function, [*old, *operands], self._attrs)
        for cell, array, new in zip(cells, arrays, found, strict=True):
            array[rows] = new._value
            cell.put(array)
        return [cells[0].tensor]

    def _owned(self, cell: Any) -> np.ndarray:
        """The array of a variable, or, if others may have it too, a copy."""
        made = self._own.get(cell)
        if made is None or made() is not cell.array:
            cell.put(np.array(cell.array))
            self._own[cell] = weakref.ref(cell.array)
        array: np.ndarray = cell.array
        return array


def _summed(
    indices: np.ndarray, values: np.ndarray, array: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that are named, each once, and the sums of what belongs to each."""
    rows, places = np.unique(indices, return_inverse=True)
    if rows.size and not 0 <= rows[0] <= rows[-1] < len(array):
        wrong = int(rows[0] if rows[0] < 0 else rows[-1])
        k = int(np.argmax(indices == wrong))
        raise InvalidArgumentError(f"indices[{k}] = {wrong} is not in [0, {len(array)})")
    sums = np.zeros((len(rows), *array.shape[1:]), array.dtype)
    np.add.at(sums, places, values.reshape(len(indices), *array.shape[1:]))
    return rows, sums
