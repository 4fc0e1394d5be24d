"""Python source text, written line by line.

Layer: compiler/codegen/cuda. A kernel of Numba CUDA is a Python function; a `SourceWriter` holds
its lines and the depth they are indented to. Sizes become expressions over parameters `n_NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...ir.dims import Dim, FloorDiv
from ...ir.types import Size


class SourceWriter:
    """The lines of one function."""

    def __init__(self, name: str, parameters: Sequence[str]) -> None:
        self._name = name
        self._parameters = list(parameters)
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + text)

    def fresh(self) -> str:
        """A name that nothing else has."""
        self._names += 1
        return f"v{self._names}"

    def assign(self, expression: str) -> str:
        """The name of a new variable with this value."""
        name = self.fresh()
        self.line(f"{name} = {expression}")
        return name

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is written inside stands below `head`, one level deeper."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def drop_unused(self, names: Sequence[str]) -> list[str]:
        """Take these parameters away where no line mentions them; those that are left."""
        text = "\n".join(self._lines)
        left = [name for name in names if re.search(rf"\b{name}\b", text)]
        self._parameters = [p for p in self._parameters if p in left or p not in names]
        return left

    def text(self) -> str:
        """The whole function."""
        head = f"def {self._name}({', '.join(self._parameters)}):"
        return "\n".join([head, *self._lines]) + "\n"


def size_text(size: Size) -> str:
    """A size as an expression that may stand in a product."""
    if not isinstance(size, Dim):
        return str(size)
    terms = []
    for monomial, factor in size.terms:
        atoms = [_atom_text(atom) for atom in monomial]
        if factor != 1 or not atoms:
            atoms.insert(0, str(factor))
        terms.append("*".join(atoms))
    return f"({' + '.join(terms)})" if len(terms) > 1 or "*" in terms[0] else terms[0]


def _atom_text(atom: str | FloorDiv) -> str:
    if isinstance(atom, str):
        return f"n_{atom}"
    return f"({size_text(atom.numerator)} // {atom.divisor})"


def affine_text(offset: Size, strides: Sequence[Size], index: Sequence[str]) -> str:
    """`offset + sum(strides[k] * index[k])` without what is zero."""
    terms = [] if offset == 0 else [size_text(offset)]
    for stride, at in zip(strides, index, strict=True):
        if stride != 0:
            terms.append(at if stride == 1 else f"{size_text(stride)}*{at}")
    return " + ".join(terms) or "0"
