"""How an op is batched: what the rule in an op's stanza gets and gives.

Layer: compiler/ir. Batching makes, from a graph for one *example*, a graph for a stack of `size`
examples. A value that differs from example to example is *mapped*: its array has a new first axis
of that size. All others stay as they are, and so does the work that they take.

Elementwise ops need no rule: their operands get the new axis, those that are not mapped by a
broadcast. Sources have nothing to map. Any other op has a `BatchRule`, written on `Term`s
(ir/term.py), so that a batched graph can be differentiated and batched like any other.

Where examples part ways (a branch, a loop that has ended for some), an op runs for all of them and
the results of some are dropped. An op that may fail must not fail for those: `Harmless` says which
operands it never fails for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .builder import GraphBuilder
from .term import Term
from .types import DType, Size, TensorType


@dataclass(frozen=True, slots=True)
class Mapped:
    """A term, and whether it has an example axis in front."""

    term: Term
    is_mapped: bool

    @property
    def example(self) -> TensorType:
        """The type that it has for one example."""
        type = self.term.type
        return type.with_shape(type.shape[1:]) if self.is_mapped else type

    def whole(self, size: Size) -> Term:
        """The term with the axis; the same for all examples if it had none."""
        if self.is_mapped:
            return self.term
        rank = self.term.rank
        return self.term.broadcast((size, *self.term.shape), range(1, rank + 1))


@dataclass(frozen=True, slots=True)
class BatchSite:
    """One application of an op that is batched; at least one operand is mapped.

    `active` is a bool per example: whether it takes part here. None: all do.
    """

    builder: GraphBuilder
    operands: tuple[Mapped, ...]
    attrs: Mapping[str, Any]
    size: Size
    active: Term | None

    @property
    def stack(self) -> Term:
        """The only operand: [size, ...]."""
        (operand,) = self.operands
        return operand.term

    def wholes(self) -> list[Term]:
        """All operands with an example axis."""
        return [x.whole(self.size) for x in self.operands]


# A single term is the one result of the op, mapped.
BatchRule = Callable[[BatchSite], Term | Sequence[Mapped]]
# (position, dtype) -> a number with which that operand makes the op succeed, if the others
# have theirs; None: any value will do
Harmless = Callable[[int, DType], int | None]
