"""Which sizes a compiled program fixes, and which it leaves open.

Layer: frontend. The first program for a kind of call fixes all sizes. When a call comes with other
sizes, those that differ between calls become symbols: sizes that have been equal in all calls
share one. Sizes 0 and 1 are always fixed, since they change what broadcasting and indexing mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..compiler.ir.dims import Dim
from ..compiler.ir.types import Shape, Size
from .arguments import Structure
from .context import SMALLEST_SYMBOLIC
from .trace import Output

Shapes = tuple[tuple[int, ...], ...]  # one per data leaf

_NAMES = "nmklpqrstuvw"
# Programs kept per kind of call, and calls remembered to tell which sizes differ.
LIMIT = 32
_HISTORY = 8


class Variant:
    """A compiled program and how to build what the user's function returns."""

    __slots__ = ("_call", "_output")

    def __init__(self, call: Callable[..., Any], output: Output | None) -> None:
        self._call = call  # keeps the program loaded
        self._output = output  # None: the program builds the result itself

    def run(self, arguments: Sequence[Any]) -> Any:
        """The result for these arguments; NotImplemented if the program does not accept them."""
        results = self._call(*arguments)
        if self._output is None or results is NotImplemented:
            return results
        return self._output.build(results)


class Variants:
    """The programs for calls of one structure and one set of leaf types, newest first.

    `nest` is the nesting of the arguments that the programs take; None if they take the leaves,
    as those for a GPU do (`flat`).
    """

    def __init__(self, structure: Structure, flat: bool = False) -> None:
        self.programs: tuple[Any, ...] = ()
        self.nest = None if flat else structure.nest
        self._structure = structure
        self._history: list[Shapes] = []

    def run(self, leaves: Sequence[Any]) -> Any:
        """The result of the first program that accepts the leaves, or NotImplemented."""
        arguments = leaves if self.nest is None else self._structure.rebuild(leaves)[0]
        for variant in self.programs:
            result = variant.run(arguments)
            if result is not NotImplemented:
                return result
        return NotImplemented

    def add(self, variant: Any) -> None:
        """Keep a program; the oldest is dropped beyond the limit."""
        self.programs = (variant, *self.programs[: LIMIT - 1])

    def generalise(self, shapes: Shapes) -> tuple[list[Shape], dict[str, int]]:
        """The shapes to compile for a call that no program serves, and the size of each symbol."""
        earlier = [old for old in self._history if old != shapes]
        self._history = [*earlier[-(_HISTORY - 1) :], shapes]
        symbols: dict[tuple[int, ...], str] = {}
        result: list[Shape] = []
        for leaf, shape in enumerate(shapes):
            sizes: list[Size] = []
            for axis, size in enumerate(shape):
                seen = tuple(old[leaf][axis] for old in self._history)
                varies = len({s for s in seen if s >= SMALLEST_SYMBOLIC}) > 1
                if size < SMALLEST_SYMBOLIC or not varies:
                    sizes.append(size)
                    continue
                name = symbols.setdefault(seen, _symbol_name(len(symbols)))
                sizes.append(Dim.symbol(name))
            result.append(tuple(sizes))
        return result, {name: seen[-1] for seen, name in symbols.items()}


def _symbol_name(k: int) -> str:
    return _NAMES[k] if k < len(_NAMES) else f"n{k}"
