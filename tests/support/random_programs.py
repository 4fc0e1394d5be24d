"""Random NumPy programs as source text.

`random_program(rng)` writes a function of a few arrays and numbers, statement by statement, from
the blocks at the end of this file. Each statement is run in NumPy at once, so that what does not
work is left out and later statements know what they can use.

A variable is exact if NumPy's result is the only right one. Blocks that would magnify a difference
of rounding (comparisons, roundings, conversions to integers) take exact operands only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_HELPERS = """
def scaled(u, by=2):
    return u * by


def halves(u):
    middle = u.shape[0] // 2
    return u[:middle], u[middle:]
"""
_DTYPES = ("f8", "f8", "f4", "i8", "i4", "u1", "?")
_SHAPES = ("n", "n", "mn", "mn", "nm", "m", "kmn", "", "nn")
SIZES = ({"k": 3, "m": 4, "n": 5}, {"k": 2, "m": 7, "n": 18}, {"k": 3, "m": 9, "n": 70})
SMALL_SIZES = ({"k": 2, "m": 1, "n": 3}, {"k": 1, "m": 3, "n": 1}, {"k": 2, "m": 3, "n": 0})
_INDICES = (
    *(":", "1:", ":-1", "::2", "::-1", "1:-1", "-2:", "3:1:-1", ":2", "-1::-2", "5:2"),
    *("0", "-1", "1", "None", "...", ":3"),
)
_LARGEST = 1500  # elements of an array, at the first sizes
_ATTEMPTS = 12


@dataclass(frozen=True)
class Parameter:
    """An argument: a Python number, or an array with a letter for each size."""

    name: str
    kind: str  # int, float or a dtype
    shape: str = ""

    def draw(self, rng: random.Random, sizes: dict[str, int]) -> Any:
        """A value. Floats are multiples of 1/4, so that many results are exact."""
        if self.kind == "int":
            return rng.randint(1, 5)
        if self.kind == "float":
            return rng.randint(-8, 8) / 4
        shape = [sizes[letter] for letter in self.shape]
        numbers = np.random.default_rng(rng.getrandbits(32)).integers(-12, 13, shape)
        if self.kind[0] == "f":
            return np.asarray(numbers / 4).astype(self.kind)
        return np.asarray(
            abs(numbers) if self.kind[0] == "u" else numbers > 0 if self.kind == "?" else numbers
        ).astype(self.kind)


@dataclass(frozen=True)
class Program:
    """The text of a function `f`, and its parameters."""

    parameters: tuple[Parameter, ...]
    statements: tuple[str, ...]
    result: str
    close: float  # how far results may be from NumPy's; 0 for bit for bit

    @property
    def source(self) -> str:
        """The module."""
        names = ", ".join(p.name for p in self.parameters)
        body = "\n".join([*self.statements, f"return {self.result}"])
        return f"{_HELPERS}\n\ndef f({names}):\n    " + body.replace("\n", "\n    ") + "\n"

    def function(self) -> Callable[..., Any]:
        """The function `f`."""
        namespace: dict[str, Any] = {"np": np}
        exec(compile(self.source, "<random program>", "exec"), namespace)
        return namespace["f"]

    def arguments(self, rng: random.Random, sizes: dict[str, int]) -> list[Any]:
        """Random arguments of these sizes."""
        return [p.draw(rng, sizes) for p in self.parameters]

    def without(self, k: int) -> Program:
        """The program without statement k."""
        left = self.statements[:k] + self.statements[k + 1 :]
        return Program(self.parameters, left, self.result, self.close)


@dataclass(frozen=True)
class Block:
    """Writes one statement."""

    write: Callable[[Writer], str]
    is_exact: bool = True  # gives NumPy's bits for exact operands
    needs_exact: bool = False


def random_program(rng: random.Random, blocks: Sequence[Block], statements: int) -> Program:
    """A program of about so many statements."""
    parameters = [
        Parameter(f"x{k}", rng.choice(_DTYPES), rng.choice(_SHAPES))
        for k in range(rng.randint(1, 3))
    ]
    if rng.random() < 0.5:
        parameters.append(Parameter("c", rng.choice(("int", "float"))))
    writer = Writer(rng, parameters, blocks)
    for _ in range(statements):
        writer.add_statement()
    return writer.program()


class Writer:
    """Writes one program; blocks ask it for operands."""

    def __init__(
        self, rng: random.Random, parameters: Sequence[Parameter], blocks: Sequence[Block]
    ) -> None:
        self.rng = rng
        self._blocks = blocks
        self.parameters = tuple(parameters)
        self._arguments = [p.draw(rng, SIZES[0]) for p in parameters]
        self._statements: list[str] = []
        self._inexact: set[str] = set()
        self._count = 0
        self.values: dict[str, Any] = {}
        self._restart()

    def _restart(self) -> None:
        """Run everything again: a statement that fails may have done a part of its work."""
        self.values = {"np": np}
        exec(_HELPERS, self.values)
        self._hidden = set(self.values)
        arguments = [np.array(a) if isinstance(a, np.ndarray) else a for a in self._arguments]
        self._given = arguments
        self.values.update(zip((p.name for p in self.parameters), arguments, strict=True))
        for statement in self._statements:
            self._run(statement)

    def _run(self, statement: str) -> None:
        with np.errstate(all="ignore"):
            exec(statement, self.values)

    def add_statement(self) -> None:
        """Add a statement that works, if one is found."""
        for _ in range(_ATTEMPTS):
            block = self.rng.choice(self._blocks)
            self._used: list[str] = []
            self._needs_exact = block.needs_exact
            self._result = ""
            self._changed = ""
            try:
                statement = block.write(self)
                self._run(statement)
                self._check_results()
            except (
                _NothingFits,
                ValueError,
                TypeError,
                IndexError,
                ArithmeticError,
                AttributeError,
            ):
                self._restart()
                continue
            self._statements.append(statement)
            inexact = not block.is_exact or not self._inexact.isdisjoint(self._used)
            for name in self._names_made():
                self._mark(name, inexact)
            return

    def _mark(self, name: str, inexact: bool) -> None:
        """Note whether a variable is exact, and with it all that share its memory."""
        if inexact:
            value = self.values[name]
            shared = [
                other
                for other in self.arrays()
                if isinstance(value, np.ndarray) and np.may_share_memory(value, self.values[other])
            ]
            self._inexact.update([name, *shared])

    def _names_made(self) -> list[str]:
        return [name for name in (self._result, self._changed) if name]

    def _check_results(self) -> None:
        for name in self._names_made():
            value = np.asarray(self.values[name])
            if value.size > _LARGEST or value.dtype.kind not in "biuf":
                raise _NothingFits
            if value.dtype.kind == "f":
                small = np.abs(value) < 1e4 if value.dtype.itemsize == 8 else np.abs(value) < 100
                if not small.all() or value.dtype.itemsize == 2:
                    raise _NothingFits

    # What blocks ask for

    def arrays(self) -> list[str]:
        """The names of the variables that are arrays or NumPy scalars."""
        return [k for k, v in self.values.items() if isinstance(v, (np.ndarray, np.generic))]

    def pick(self, accept: Callable[[Any], bool] = lambda v: True) -> str:
        """A variable, newer ones more often."""
        found = [
            name
            for name in self.arrays()
            if accept(self.values[name]) and not (self._needs_exact and name in self._inexact)
        ]
        if not found:
            raise _NothingFits
        best = max(self.rng.randrange(len(found)), self.rng.randrange(len(found)))
        self._used.append(found[best])
        return found[best]

    def pick_with(self, other: str) -> str:
        """A variable that broadcasts with another one; or a Python number."""
        if self.rng.random() < 0.3:
            return self.number(other)
        return self.pick(lambda v: broadcasts(np.shape(v), np.shape(self.values[other])))

    def number(self, other: str) -> str:
        """A Python number of the kind of a variable."""
        numbers = [p.name for p in self.parameters if p.kind in ("int", "float")]
        kind = np.asarray(self.values[other]).dtype.kind
        numbers = [n for n in numbers if kind == "f" or isinstance(self.values[n], int)]
        if numbers and self.rng.random() < 0.5:
            return numbers[0]
        return self.rng.choice(["2", "3", "1"] if kind != "f" else ["0.5", "2", "-1.5", "3"])

    def writable(self) -> str:
        """A variable that may be assigned to: no argument, nor a part of one."""

        def accept(v: Any) -> bool:
            if not isinstance(v, np.ndarray) or not v.flags.writeable or v.ndim == 0:
                return False
            given = (a for a in self._given if isinstance(a, np.ndarray))
            return not any(np.may_share_memory(v, a) for a in given)

        self._changed = self.pick(accept)
        return self._changed

    def new(self) -> str:
        """The name of the variable that the statement makes."""
        self._count += 1
        self._result = f"v{self._count}"
        return self._result

    def axis(self, name: str) -> int:
        """An axis of a variable."""
        ndim = np.ndim(self.values[name])
        if ndim == 0:
            raise _NothingFits
        return self.rng.randrange(-ndim, ndim)

    def index(self, name: str) -> str:
        """A basic index for a variable."""
        parts = []
        for _ in range(self.rng.randint(1, max(1, np.ndim(self.values[name])))):
            parts.append(self.rng.choice(_INDICES))
        if np.ndim(self.values[name]) == 0:
            parts = [self.rng.choice(["...", "None", "()"])]
        return ", ".join(parts)

    def choose(self, *options: str) -> str:
        """One of several texts."""
        return self.rng.choice(options)

    def program(self) -> Program:
        """What has been written, with some of the variables as its result."""
        names = [name for name in self.values if name not in self._hidden]
        names = [n for n in names if isinstance(self.values[n], (np.ndarray, np.generic))]
        made = [n for n in names if n.startswith("v")] or names[:1]
        chosen = self.rng.sample(made, min(len(made), self.rng.randint(1, 4)))
        if made[-1] not in chosen:
            chosen.append(made[-1])
        form = self.rng.randrange(4)
        if form == 0:
            text = "{" + ", ".join(f"'{n}': {n}" for n in chosen) + "}"
        elif form == 1:
            text = f"[{chosen[0]}, ({', '.join(chosen)},)]"
        else:
            text = f"({', '.join(chosen)},)" if len(chosen) > 1 or form == 2 else chosen[0]
        close = 0.0
        if not self._inexact.isdisjoint(chosen):
            single = any(np.asarray(v).dtype == np.float32 for v in self.values.values())
            close = 1e-3 if single else 1e-9
        return Program(self.parameters, tuple(self._statements), text, close)


class _NothingFits(Exception):
    """A block finds no operands, or its result is of no use."""


_REFUSALS = (
    _NothingFits,
    ValueError,
    TypeError,
    IndexError,
    ArithmeticError,
    AttributeError,
)


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))
