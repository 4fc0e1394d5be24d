"""Random differentiable compositions of NumPy functions as source text, and their slopes.

A composition is a function of a number, a vector and a matrix whose result is one number. Each of
its statements is run in NumPy at once and kept if its values are finite and of moderate size, and
if functions with a pole or an end of their domain nearby stay away from it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

PARAMETERS = {"s": (), "x": (5,), "m": (3, 5)}
_LARGEST, _MOST, _ATTEMPTS = 6.0, 60, 8


class _NothingFits(Exception):
    """A block finds no operands."""


_REFUSALS = (_NothingFits, ValueError, TypeError, IndexError, np.exceptions.AxisError)
Block = Callable[["Writer"], str]


class Writer:
    """Writes one composition; blocks ask it for operands."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.point = [
            np.array(np.random.default_rng(rng.getrandbits(32)).uniform(-1.5, 1.5, shape))[()]
            for shape in PARAMETERS.values()
        ]
        self.statements: list[str] = []
        self.values: dict[str, Any] = {"np": np, **dict(zip(PARAMETERS, self.point, strict=True))}
        for _ in range(rng.randint(2, 5)):
            self._add_statement()

    def _add_statement(self) -> None:
        for _ in range(_ATTEMPTS):
            try:
                text = self.rng.choice(BLOCKS)(self)
                name = f"v{len(self.statements)}"
                statement = f"{name} = {text}" if "\n" not in text else text.replace("OUT", name)
                namespace = dict(self.values)
                with np.errstate(all="ignore"):
                    exec(statement, namespace)
            except _REFUSALS:
                continue
            if self._is_moderate(namespace[name]):
                self.values[name] = namespace[name]
                self.statements.append(statement)
                return

    @staticmethod
    def _is_moderate(value: Any) -> bool:
        a = np.asarray(value)
        return a.dtype == np.float64 and 0 < a.size <= _MOST and bool(np.all(abs(a) <= _LARGEST))

    # What blocks ask for

    def pick(self, accept: Callable[[np.ndarray], bool] = lambda v: True) -> str:
        """A variable, newer ones more often."""
        names = [k for k, v in self.values.items() if k != "np" and accept(np.asarray(v))]
        if not names:
            raise _NothingFits
        return names[max(self.rng.randrange(len(names)), self.rng.randrange(len(names)))]

    def array(self, rank: int = 1) -> str:
        """A variable with at least so many axes."""
        return self.pick(lambda v: v.ndim >= rank)

    def fitting(self, other: str) -> str:
        """A variable that broadcasts with another, or a number."""
        if self.rng.random() < 0.15:
            return self.number()
        shape = np.shape(self.values[other])

        def fits(v: np.ndarray) -> bool:
            pairs = zip(v.shape[::-1], shape[::-1], strict=False)
            return all(m == n or 1 in (m, n) for m, n in pairs)

        return self.pick(fits)

    def number(self) -> str:
        """A number."""
        return f"{self.rng.uniform(-1.5, 1.5):.3f}"

    def axis(self, name: str) -> int:
        """An axis of a variable."""
        return self.rng.randrange(-np.ndim(self.values[name]), np.ndim(self.values[name]))

    def index(self, name: str) -> str:
        """A basic index that leaves something over."""
        choices = [":", "1:", ":-1", "::2", "::-1", "1:-1", "-2:", ":2", "-1", "0", "None", "..."]
        count = self.rng.randint(1, np.ndim(self.values[name]))
        parts = [self.rng.choice(choices) for _ in range(count)]
        return ", ".join(parts)

    def choose(self, *options: str) -> str:
        """One of several texts."""
        return self.rng.choice(options)

    def source(self, name: str) -> str:
        """The composition as a function of this name."""
        made = [k for k in self.values if k.startswith("v")] or ["x"]
        last = {made[-1], *self.rng.sample(made, min(1, len(made)))}
        ends = ("np.sum({})", "np.mean({})", "np.sum(np.tanh({}))", "np.sum({0} * {0}) / 9")
        total = " + ".join(self.choose(*ends).format(k) for k in sorted(last))
        body = "\n".join([*self.statements, f"return {total}"]).replace("\n", "\n    ")
        return f"def {name}({', '.join(PARAMETERS)}):\n    {body}\n"


def functions(sources: Sequence[str]) -> list[Callable[..., Any]]:
    """The functions that these texts define."""
    namespace: dict[str, Any] = {"np": np}
    exec(compile("\n\n".join(sources), "<random compositions>", "exec"), namespace)
    return [namespace[text[4 : text.index("(")]] for text in sources]


# --- blocks --------------------------------------------------------------------------------------


def _positive(v: np.ndarray) -> bool:
    return bool(np.all(v > 0.1))


def _not_zero(v: np.ndarray) -> bool:
    return bool(np.all(abs(v) > 0.1))


def _inside(v: np.ndarray) -> bool:
    return bool(np.all(abs(v) < 0.9))


def _everywhere(w: Writer) -> str:
    name = w.choose(
        *("sin", "cos", "tanh", "exp", "square", "arctan", "arcsinh", "abs", "sinh", "cosh"),
        *("negative", "expm1", "exp2", "positive", "radians", "floor", "rint", "sign"),
    )
    return f"np.{name}({w.pick()})"


def _of_positive(w: Writer) -> str:
    name = w.choose("log", "sqrt", "log2", "log10", "log1p", "reciprocal")
    return f"np.{name}({w.pick(_positive)})"


def _of_others(w: Writer) -> str:
    if w.rng.random() < 0.5:
        return f"np.{w.choose('cbrt', 'reciprocal')}({w.pick(_not_zero)})"
    return f"np.{w.choose('arcsin', 'arccos', 'arctanh', 'tan')}({w.pick(_inside)})"


def _made_positive(w: Writer) -> str:
    return f"np.{w.choose('log', 'sqrt', 'reciprocal')}({w.pick()} ** 2 + 0.3)"


def _binary(w: Writer) -> str:
    a = w.pick()
    return f"{a} {w.choose('+', '-', '*', '*')} {w.fitting(a)}"


def _quotient(w: Writer) -> str:
    a = w.pick()
    return f"{a} / {w.choose('(1.5 + np.sin({}))', '(np.abs({}) + 0.5)').format(w.fitting(a))}"


def _of_two(w: Writer) -> str:
    a = w.pick()
    b = w.fitting(a)
    name = w.choose("maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2")
    return f"np.{name}({a}, {b})"


def _angle(w: Writer) -> str:
    a = w.pick(_positive)
    return f"np.arctan2({w.fitting(a)}, {a})"


def _power(w: Writer) -> str:
    if w.rng.random() < 0.5:
        return f"{w.pick()} ** {w.choose('2', '3', '2.0', '5', '1')}"
    a = w.pick(_positive)
    return f"{a} ** {w.choose('0.5', '-1.5', '2.5', '-1', w.fitting(a))}"


def _remainder(w: Writer) -> str:
    a = w.pick()
    return f"np.{w.choose('remainder', 'fmod')}({a}, np.abs({w.fitting(a)}) + 0.7)"


def _clip(w: Writer) -> str:
    return f"np.clip({w.pick()}, {w.choose('-1', '-0.5', 's - 1')}, {w.choose('1', '0.5', '2')})"


def _choice(w: Writer) -> str:
    """A function in a branch that is taken only where it is defined."""
    a = w.pick()
    function = w.choose("log", "sqrt", "log2", "reciprocal", "arccosh")
    low = "1.1" if function == "arccosh" else "0.1"
    return f"np.where({a} > {low}, np.{function}({a}), {w.fitting(a)})"


def _choice_of_two(w: Writer) -> str:
    a = w.pick()
    return f"np.where({w.fitting(a)} > {w.number()}, {a}, {w.fitting(a)} * {w.number()})"


def _slice(w: Writer) -> str:
    a = w.array()
    return f"{a}[{w.index(a)}]"


def _moved(w: Writer) -> str:
    a = w.array()
    axis = w.axis(a)
    return w.choose(
        f"{a}.T",
        f"{a}.ravel()",
        f"np.reshape({a}, (-1, {w.choose('1', '3', '5')}))",
        f"np.flip({a}, {axis})",
        f"np.roll({a}, {w.choose('1', '2', '-1')}, {axis})",
        f"np.moveaxis({a}, 0, {axis})",
        f"np.expand_dims({a}, {axis})",
        f"np.pad({a}, 1)",
        f"np.repeat({a}, 2, {axis})",
        f"np.tile({a}, 2)",
        f"np.take({a}, [0, -1, 0], {axis})",
        f"np.diff({a}, axis={axis})",
        f"np.broadcast_to({a}, (2, *{a}.shape))",
    )


def _joined(w: Writer) -> str:
    a = w.array()
    shape = np.shape(w.values[a])
    b = w.pick(lambda v: v.shape == shape)
    axis = w.axis(a)
    return w.choose(
        f"np.concatenate([{a}, {b}, {a}], {axis})",
        f"np.stack([{a}, {b}], {axis})",
        f"np.concatenate([{a}[:1], {b}[1:]])",
    )


def _reduced(w: Writer) -> str:
    a = w.array()
    where = w.choose("", f", axis={w.axis(a)}", f", axis={w.axis(a)}, keepdims=True")
    name = w.choose("sum", "mean", "max", "min", "prod", "var", "std", "linalg.norm", "sum", "mean")
    return f"np.{name}({a}{where})"


def _log_of_sum(w: Writer) -> str:
    a = w.array()
    axis = w.axis(a)
    return f"np.log(np.sum(np.exp({a} - np.max({a}, axis={axis}, keepdims=True)), axis={axis}))"


def _scanned(w: Writer) -> str:
    a = w.array()
    return f"np.{w.choose('cumsum', 'cumprod')}({a}, axis={w.axis(a)})"


def _product(w: Writer) -> str:
    a, b = w.array(), w.array()
    return w.choose(
        f"{a} @ {b}", f"{a} @ {a}.T", f"np.dot({a}, {b})", f"np.outer({a}, {b})",
        f"np.matmul({b}.T, {a})", f"np.einsum('ij,ij->i', {a}, {b})",
        f"np.einsum('i,j->ij', {a}, {b})",
    )  # fmt: skip


def _triangle(w: Writer) -> str:
    a = w.array(2)
    return w.choose(f"np.tril({a})", f"np.triu({a}, 1)", f"np.diagonal({a})", f"np.trace({a})")


def _assigned(w: Writer) -> str:
    a = w.array()
    index = w.index(a)
    right = w.choose(f"{w.fitting('s')}", f"OUT[{index}] * {w.number()}", f"np.sin(OUT[{index}])")
    return f"OUT = {a}.copy()\nOUT[{index}] {w.choose('=', '+=', '*=')} {right}"


def _assigned_where(w: Writer) -> str:
    a = w.array()
    return f"OUT = {a} * 1.0\nOUT[{a} > {w.number()}] {w.choose('=', '*=', '+=')} {w.number()}"


BLOCKS: list[Block] = [
    *[_everywhere, _binary] * 4,
    *[_of_positive, _of_others, _made_positive, _quotient, _of_two, _choice, _slice, _moved] * 2,
    *[_reduced, _product, _assigned] * 2,
    *[_angle, _power, _remainder, _clip, _choice_of_two, _joined, _log_of_sum, _scanned],
    *[_triangle, _assigned_where],
]


# --- slopes --------------------------------------------------------------------------------------


def slope(
    function: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], step: float = 1e-3
) -> float | None:
    """The derivative along a direction by differences, to about 1e-8; None where it is not smooth.

    For a smooth function central quotients of steps h, h/2 and h/4 differ by a*h**2 to within
    h**4, and the two one-sided ones by b*h. A kink or a jump between the points, or at the middle
    one, shows in these differences.
    """

    def at(t: float) -> float:
        moved = [np.asarray(p + t * d)[()] for p, d in zip(point, direction, strict=True)]
        with np.errstate(all="ignore"):
            return float(function(*moved))

    middle = at(0.0)
    ends = [(at(h), at(-h), h) for h in (step, step / 2, step / 4)]
    wide, half, narrow = ((up - down) / (2 * h) for up, down, h in ends)
    bends = [(up + down - 2 * middle) / h for up, down, h in ends]
    found = (64 * narrow - 20 * half + wide) / 45
    scale = max(1.0, abs(found), abs(middle))
    signs = ((wide - half) - 4 * (half - narrow), bends[0] - 2 * bends[1], bends[1] - 2 * bends[2])
    return found if max(map(abs, signs)) <= 1e-7 * scale else None  # not for NaN either
