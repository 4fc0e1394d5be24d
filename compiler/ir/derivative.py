"""How an op is differentiated: the records that an op's stanza holds.

Layer: compiler/ir. A rule is written in terms of other ops, on `Term`s (ir/term.py), so that a
gradient is a graph like any other and can be differentiated again. `compiler/transforms/` has the
two drivers that apply the rules: `reverse.pull_back` and `forward.push_forward`.

Four records, from the most to the least special:

- `Pointwise`: an elementwise op. Its Jacobian is diagonal, so one function per operand does for
  both modes.
- `Linear`: the result is linear in some operands together. Forward mode applies the op itself;
  reverse mode applies its transpose.
- `Rules`: both modes written out.
- `NoDerivative`: differentiating raises an error that gives the reason.

An op whose results are never floats needs no record, nor do operands that are not floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .graph import Node
from .term import Term


@dataclass(frozen=True, slots=True)
class Part:
    """A cotangent of an operand that is zero but for a region of it (see op `slice`).

    The driver adds up the parts of one operand in place, without an array of zeros for each.
    """

    term: Term
    starts: tuple[Any, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scattered:
    """A cotangent of an operand that is zero but for elements chosen by indices (see op `gather`).

    What comes to the same element is added up.
    """

    term: Term
    indices: tuple[Term, ...]


Contribution = Term | Part | Scattered | None  # None: zero
# (ct, out, *operands, **attrs) -> ct * d out / d operand
Pull = Callable[..., Term]


@dataclass(frozen=True, slots=True)
class Site:
    """One application of an op that is differentiated.

    `wanted[k]` says whether operand k's derivative is asked for; what a rule gives for the others
    is dropped.
    """

    operands: tuple[Term, ...]
    results: tuple[Term, ...]
    attrs: Mapping[str, Any]
    wanted: tuple[bool, ...]
    node: Node

    @property
    def operand(self) -> Term:
        """The only operand."""
        (operand,) = self.operands
        return operand

    @property
    def result(self) -> Term:
        """The only result."""
        (result,) = self.results
        return result


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Of an elementwise op: for each operand `(ct, out, *operands, **attrs) -> ct * partial`.

    None in place of a function says that the derivative is 0 wherever it exists. The function is
    linear in `ct`; forward mode calls it with a tangent.
    """

    pulls: tuple[Pull | None, ...]


def pointwise(*pulls: Pull | None) -> Pointwise:
    """The rule of an elementwise op, from one function (or None) per operand."""
    return Pointwise(pulls)


@dataclass(frozen=True, slots=True)
class Linear:
    """Of an op with one result that is linear in its float operands (jointly).

    `transpose(site, ct)` gives one contribution per operand. `on_masks` says that it does the
    right thing for a bool `ct`, too: True wherever a contribution may differ from zero.
    """

    transpose: Callable[[Site, Term], Sequence[Contribution]]
    on_masks: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """Both modes written out; `cts` and `tangents` hold None for zeros.

    `vjp(site, cts)` gives one contribution per operand from one cotangent per result, not all
    None. `jvp(site, tangents)` gives one tangent (or None) per result from one per operand.
    """

    vjp: Callable[[Site, Sequence[Term | None]], Sequence[Contribution]]
    jvp: Callable[[Site, Sequence[Term | None]], Sequence[Term | None]]


@dataclass(frozen=True, slots=True)
class NoDerivative:
    """The op has float results but no derivative, because of `reason`."""

    reason: str


Derivative = Pointwise | Linear | Rules | NoDerivative
