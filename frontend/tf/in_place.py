"""Which variables a compiled function changes in their memory, and that nobody sees it.

Layer: frontend. Such a variable's array is both an argument and a result of the program. Tensors
and arrays that were read before must stay as they are: `Cell.lend` gives a copy if there are any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .variables import Cell

LARGE = 1 << 16  # bytes; for smaller ones, looking for other owners costs more than a new array


def is_large(cell: Cell) -> bool:
    """Whether a variable is changed in place by functions that assign to it."""
    return cell.array.nbytes >= LARGE and cell.array.ndim > 0


def given_away(
    cells: Sequence[Cell], written: Sequence[Cell], argument: int, result: int
) -> tuple[tuple[int, int], ...]:
    """Pairs of argument and result of the large variables that are assigned to.

    Args:
        cells: whose values are the program's arguments from number `argument` on.
        written: whose values are its results from number `result` on.
        argument: see above.
        result: see above.
    """
    place = {cell: result + k for k, cell in enumerate(written)}
    return tuple(
        (argument + k, place[cell])
        for k, cell in enumerate(cells)
        if cell in place and is_large(cell)
    )


class Lending:
    """What is done before each call of a program, which changes some of the variables in place."""

    def __init__(self, cells: Sequence[Cell], argument: int, pairs: Sequence[Any]) -> None:
        self._cells, self._first = cells, argument
        self._lent = tuple(sorted(k - argument for k, _ in pairs))

    def arguments(self) -> list[Any]:
        """The variables' values; those that the program changes belong to nobody else."""
        found = [cell.array for cell in self._cells]
        for k in self._lent:
            found[k] = None  # the list must not hold what is lent
            found[k] = self._cells[k].lend()
        return found

    def copies(self, arrays: Sequence[Any]) -> Sequence[Any]:
        """All arguments, with copies of what the program changes."""
        if not self._lent:
            return arrays
        own = list(arrays)
        for k in self._lent:
            own[self._first + k] = own[self._first + k].copy()
        return own
