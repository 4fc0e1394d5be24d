"""Sizes that are not known while compiling: polynomials over named dimensions.

Layer: compiler/ir, imports only errors. A `Size` is an `int` or a `Dim`; arithmetic on them
returns an `int` whenever the result is constant, so a shape of ints stays one of ints.

A `Dim` is a sum of `coefficient * monomial`; a monomial is a product of atoms; an atom is a name
(`n`) or a floor division by a positive int (`(n + 1)//2`). Two Dims are equal exactly when their
normal forms are; a comparison that needs numbers is the tracer's business (it records a guard).

    >>> n = Dim.symbol("n")
    >>> str(2 * n + 1), (n + 1) - n, str((n + 1) // 2)
    ('2*n + 1', 1, '(n + 1)//2')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul


@dataclass(frozen=True, slots=True)
class FloorDiv:
    """The atom `numerator // divisor`, divisor a positive int (rounds down, as Python)."""

    numerator: Dim
    divisor: int

    def __str__(self) -> str:
        return f"({self.numerator})//{self.divisor}"


Atom = str | FloorDiv
Monomial = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Dim:
    """A non-constant integer polynomial in normal form; build it with `symbol` and operators."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def symbol(name: str) -> Dim:
        """The dimension called `name`."""
        return Dim((((name,), 1),))

    def __add__(self, other: object) -> int | Dim:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return _normal(_terms(self) + _terms(other))

    __radd__ = __add__

    def __neg__(self) -> int | Dim:
        return self * -1

    def __sub__(self, other: object) -> int | Dim:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return self + (-other)

    def __rsub__(self, other: object) -> int | Dim:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return (-self) + other

    def __mul__(self, other: object) -> int | Dim:
        if not isinstance(other, (int, Dim)):
            return NotImplemented
        return _normal([(_product(a, b), x * y) for a, x in _terms(self) for b, y in _terms(other)])

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> int | Dim:
        """`self // divisor` for a positive int; divides exactly where every term allows it."""
        if not isinstance(divisor, int) or divisor <= 0:
            return NotImplemented
        # (d*q + r) // d == q + r // d for every integer q: split off what divides.
        whole: list[tuple[Monomial, int]] = []
        rest: list[tuple[Monomial, int]] = []
        for monomial, c in self.terms:
            q, r = divmod(c, divisor)
            whole.append((monomial, q))
            rest.append((monomial, r))
        remainder = _normal(rest)
        if isinstance(remainder, int):
            return _normal(whole) + remainder // divisor
        return _normal([*whole, ((FloorDiv(remainder, divisor),), 1)])

    def evaluate(self, env: Mapping[str, int]) -> int:
        """The value for concrete sizes of every name."""
        return sum(c * reduce(mul, (_atom_value(a, env) for a in m), 1) for m, c in self.terms)

    def names(self) -> set[str]:
        """The names of the dimensions that occur."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                found |= {atom} if isinstance(atom, str) else atom.numerator.names()
        return found

    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, c in self.terms:
            product = "*".join(map(str, monomial))
            text = str(abs(c)) if not product else product if abs(c) == 1 else f"{abs(c)}*{product}"
            sign = "-" if c < 0 else "+"
            parts.append(f" {sign} {text}" if parts else text if c > 0 else f"-{text}")
        return "".join(parts)

    __repr__ = __str__


def _terms(size: int | Dim) -> list[tuple[Monomial, int]]:
    return list(size.terms) if isinstance(size, Dim) else [((), int(size))]


def _product(a: Monomial, b: Monomial) -> Monomial:
    return tuple(sorted(a + b, key=str))


def _normal(terms: list[tuple[Monomial, int]]) -> int | Dim:
    total: dict[Monomial, int] = {}
    for monomial, c in terms:
        total[monomial] = total.get(monomial, 0) + c
    kept = {m: c for m, c in total.items() if c}
    if not kept:
        return 0
    if set(kept) == {()}:
        return kept[()]
    # higher degrees first, the constant last: reads as people write polynomials
    return Dim(tuple(sorted(kept.items(), key=lambda t: (-len(t[0]), str(t[0])))))


def _atom_value(atom: Atom, env: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        return env[atom]
    return atom.numerator.evaluate(env) // atom.divisor


def evaluate(size: int | Dim, env: Mapping[str, int]) -> int:
    """The number that `size` stands for."""
    return size.evaluate(env) if isinstance(size, Dim) else size


def quotient(size: int | Dim, divisor: int | Dim) -> int | Dim | None:
    """`size / divisor` where that is a polynomial; None where it is none.

    A divisor that is no int has one term.
    """
    if divisor == 0 or (isinstance(divisor, Dim) and len(divisor.terms) != 1):
        return None
    ((below, factor),) = _terms(divisor)
    found: list[tuple[Monomial, int]] = []
    for monomial, c in _terms(size):
        rest = list(monomial)
        for atom in below:
            if atom not in rest:
                return 0 if size == 0 else None
            rest.remove(atom)
        if c % factor:
            return None
        found.append((tuple(rest), c // factor))
    return _normal(found)


def smallest(size: int | Dim) -> int | None:
    """The smallest number that `size` can be, as far as it follows from how much `//` rounds down.

    That is known of what strides leave over, `n - 2*((n + 1)//2)`; None where it is not.
    """
    rest: int | Dim = 0
    below = 0
    for monomial, c in _terms(size):
        atom = monomial[0] if len(monomial) == 1 else None
        if isinstance(atom, FloorDiv) and c % atom.divisor == 0:
            factor = c // atom.divisor  # divisor * (a // divisor) is a - r with 0 <= r < divisor
            rest = rest + factor * atom.numerator
            below -= max(factor, 0) * (atom.divisor - 1)
        else:
            rest = rest + _normal([(monomial, c)])
    return rest + below if isinstance(rest, int) else None


def product(sizes: tuple[int | Dim, ...]) -> int | Dim:
    """The product of sizes; 1 for none (the number of elements of a shape)."""
    return reduce(mul, sizes, 1)
