"""Programs in which some branches are not taken, with their derivatives.

Each is elementwise, possibly with its elements moved about, so the right gradient of its sum and
the gradient of that are elementwise, too, and written down as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

X = np.array([-2.0, -1.0, 0.0, 0.5, 1.5, 2.0])
INF = np.inf
FEW = np.array([0, 3, 4, 5])
Function = Callable[..., Any]


@dataclass(frozen=True)
class Masked:
    """A program, its slope and the slope of that where `taken` holds (elsewhere they are 0)."""

    name: str
    program: Function  # of an array like x, and the condition for it; its sum is differentiated
    slope: Function
    curve: Function
    taken: Function = lambda x: x > 0
    x: np.ndarray = field(default_factory=X.copy)

    def __str__(self) -> str:
        return self.name

    def expected(self, formula: Function) -> np.ndarray:
        """The formula where the branch is taken, 0 elsewhere."""
        taken = self.taken(self.x)
        with np.errstate(all="ignore"):
            return np.where(taken, formula(np.where(taken, self.x, 1.0)), 0.0)


def log_slope(x):
    return 1 / x


def log_curve(x):
    return -1 / x**2


def zero(x):
    return 0 * x


def one(x):
    return 0 * x + 1


def log_where(name: str, program: Function, x: np.ndarray = X) -> Masked:
    """A program whose result is log(x) where that is taken."""
    return Masked(name, program, log_slope, log_curve, x=x)


def away(x):
    return x != 0


def within(x):
    return np.abs(x) < 1


def written(x):
    y = np.zeros_like(x)
    y[x > 0] = np.log(x[x > 0])
    return y


def chosen_rows(x):
    """Rows of zeros have a norm of slope NaN or infinity."""
    table = np.stack([x, 2 * x], axis=1)
    return np.where(x != 0, np.sqrt(np.sum(table * table, axis=1)), 0)


def by_columns(x):
    table = x.reshape(2, 3)
    return np.where(table.T > 0, np.log(table).T, 0)


def joined(x):
    both = np.concatenate([np.log(x), np.sqrt(x)])
    return np.where(np.concatenate([x > 0, x > 0]), both, 0)


def piled(x):
    both = np.stack([np.log(x), np.arcsin(x / 3)], axis=1)
    return np.where(np.stack([x > 0, x > 9], axis=1), both, 0)


def repeated(x):
    table = np.broadcast_to(np.log(x)[:, None], (6, 3)) / 3
    return np.where((x > 0)[:, None], table, 0)


def row_sums(x):
    """A row counts if all of it is positive: the last one does."""
    table = x.reshape(3, 2)
    return np.where(np.min(table, axis=1) > 0, np.sum(np.log(table), axis=1), 0)


def shared(x):
    """Two choices of one value, the second for larger operands."""
    log = np.log(x)
    return np.where(x > 0, log, 0) + np.where(x > 1, log * log, 0)


def shared_slope(x):
    return 1 / x + np.where(x > 1, 2 * np.log(x) / x, 0)


def shared_curve(x):
    return -1 / x**2 + np.where(x > 1, 2 * (1 - np.log(x)) / x**2, 0)


def in_two_steps(x):
    log = np.where(x > 0, np.log(x), 0)
    return np.where(x > 0, log / x, 0)


def twice(x):
    outer = np.where(x > 0, np.where(x < 1, np.log(x), np.sqrt(x - 1)), 0)
    return np.where(x > -5, outer, np.sqrt(-x - 9))


def twice_slope(x):
    return np.where(x < 1, 1 / x, 0.5 / np.sqrt(np.abs(x - 1)))


def twice_curve(x):
    return np.where(x < 1, -1 / x**2, -0.25 / np.abs(x - 1) ** 1.5)


def overflown(x):
    return np.where(x < 100, np.exp(x), 0)


SINC = (
    lambda x: (x * np.cos(x) - np.sin(x)) / x**2,
    lambda x: (-(x**2) * np.sin(x) - 2 * x * np.cos(x) + 2 * np.sin(x)) / x**3,
)
RIMS = np.array([-2.0, -1.0, 0.0, 0.25, 0.5, 1.0])
FAR = np.array([-1.0, 0.0, 1.0, 800.0, 1e4, INF])
ENDS = np.array([-INF, -1.0, 0.0, 1.0, 2.0, INF])
NOT_NEGATIVE = np.array([0.0, 0.01, 0.5, 1.0, 2.0, 9.0])

CASES = [
    log_where("log", lambda x: np.where(x > 0, np.log(x), 0)),
    log_where("log, other branch first", lambda x: np.where(x <= 0, 0, np.log(x))),
    log_where("log of a root", lambda x: np.where(x > 0, 2 * np.log(np.sqrt(x)), 0)),
    log_where("log through arithmetic", lambda x: np.where(x > 0, -((1 - 2 * np.log(x)) / 2), 0)),
    log_where("minus log of the reciprocal", lambda x: np.where(x > 0, -np.log(1 / x), 0)),
    log_where("log of a square", lambda x: np.where(x > 0, np.log(x * x) / 2, 0)),
    log_where("log2", lambda x: np.where(x > 0, np.log2(x) * float(np.log(2)), 0)),
    log_where("log10", lambda x: np.where(x > 0, np.log10(x) * float(np.log(10)), 0)),
    log_where("two conditions", lambda x: np.where((x > 0) & (x < 50), np.log(x), 0)),
    log_where("the opposite condition", lambda x: np.where(~(x > 0), 0, np.log(x))),
    log_where("assigned to a mask", written),
    log_where("np.select", lambda x: np.select([x > 0], [np.log(x)], 0.0)),
    log_where("transposed", by_columns),
    log_where("broadcast", repeated),
    log_where("reshaped", lambda x: np.where((x > 0).reshape(3, 2), np.log(x).reshape(3, 2), 0)),
    log_where("reversed", lambda x: np.where(x[::-1] > 0, np.log(x)[::-1], 0)),
    log_where("stacked", piled),
    log_where("sliced before", lambda x: np.where(x[2:] > 0, np.log(x)[2:], 0)),
    log_where("sliced behind", lambda x: np.where(x > 0, np.log(x), 0)[1:]),
    log_where(
        "sliced with steps",
        lambda x: np.concatenate(
            [np.where(x[::2] > 0, np.log(x)[::2], 0), np.where(x[1::2] > 0, np.log(x)[1::2], 0)]
        ),
    ),
    log_where("indexed", lambda x: np.where(x > 0, np.log(x), 0)[np.array([3, 5, 4])]),
    log_where("indexed before", lambda x: np.where(x[FEW] > 0, np.log(x)[FEW], 0)),
    Masked("summed rows", row_sums, log_slope, log_curve, lambda x: x > 1),
    Masked(
        "clipped logarithm",
        lambda x: np.clip(np.log(x), -1, 1),
        log_slope,
        log_curve,
        lambda x: (x > np.exp(-1)) & (x < np.e),
        NOT_NEGATIVE,
    ),
    Masked(
        "maximum of a logarithm",
        lambda x: np.maximum(np.log(x), -3),
        log_slope,
        log_curve,
        lambda x: x > 0.1,
        NOT_NEGATIVE,
    ),
    log_where("fmax ignores NaN", lambda x: np.fmax(np.log(x), -3)),
    Masked(
        "minimum of a reciprocal",
        lambda x: np.minimum(1 / x, 5),
        lambda x: -1 / x**2,
        lambda x: 2 / x**3,
        lambda x: x > 0.2,
        NOT_NEGATIVE,
    ),
    Masked(
        "sqrt",
        lambda x: np.where(x > 0, np.sqrt(x), 0),
        lambda x: 0.5 / np.sqrt(x),
        lambda x: -0.25 / x**1.5,
    ),
    Masked(
        "sqrt of the magnitude",
        lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0),
        lambda x: 0.5 / np.sqrt(x),
        lambda x: -0.25 / x**1.5,
    ),
    Masked(
        "cbrt",
        lambda x: np.where(x > 0, np.cbrt(x), 0),
        lambda x: x ** (-2 / 3) / 3,
        lambda x: -2 * x ** (-5 / 3) / 9,
    ),
    Masked("x/x", lambda x: np.where(x != 0, x / x, 1), zero, zero, away),
    Masked(
        "1/x", lambda x: np.where(x != 0, 1 / x, 0), lambda x: -1 / x**2, lambda x: 2 / x**3, away
    ),
    Masked("sin(x)/x", lambda x: np.where(x != 0, np.sin(x) / x, 1), *SINC, away),
    Masked(
        "sin(x)/x of two choices",
        lambda x: np.where(x != 0, np.sin(x), 1) / np.where(x != 0, x, 1),
        *SINC,
        away,
    ),
    Masked(
        "x*log(x)",
        lambda x: np.where(x > 0, x * np.log(x), 0),
        lambda x: 1 + np.log(x),
        lambda x: 1 / x,
    ),
    Masked(
        "fractional power of a negative number",
        lambda x: np.where(x > 0, x**1.5, 0),
        lambda x: 1.5 * x**0.5,
        lambda x: 0.75 / x**0.5,
    ),
    Masked(
        "negative power of 0",
        lambda x: np.where(x != 0, x**-2.0, 0),
        lambda x: -2.0 / x**3,
        lambda x: 6.0 / x**4,
        away,
    ),
    Masked(
        "x**x",
        lambda x: np.where(x > 0, x**x, 0),
        lambda x: x**x * (1 + np.log(x)),
        lambda x: x**x * ((1 + np.log(x)) ** 2 + 1 / x),
    ),
    Masked(
        "arcsin",
        lambda x: np.where(np.abs(x) < 1, np.arcsin(x), 0),
        lambda x: 1 / np.sqrt(1 - x**2),
        lambda x: x / (1 - x**2) ** 1.5,
        within,
        RIMS,
    ),
    Masked(
        "arccos",
        lambda x: np.where(np.abs(x) < 1, np.arccos(x), 0),
        lambda x: -1 / np.sqrt(1 - x**2),
        lambda x: -x / (1 - x**2) ** 1.5,
        within,
        RIMS,
    ),
    Masked(
        "arctanh",
        lambda x: np.where(np.abs(x) < 1, np.arctanh(x), 0),
        lambda x: 1 / (1 - x**2),
        lambda x: 2 * x / (1 - x**2) ** 2,
        within,
        RIMS,
    ),
    Masked(
        "arccosh",
        lambda x: np.where(x > 1, np.arccosh(x), 0),
        lambda x: 1 / np.sqrt(x**2 - 1),
        lambda x: -x / (x**2 - 1) ** 1.5,
        lambda x: x > 1,
    ),
    Masked(
        "log1p",
        lambda x: np.where(x > -1, np.log1p(x), 0),
        lambda x: 1 / (1 + x),
        lambda x: -1 / (1 + x) ** 2,
        lambda x: x > -1,
    ),
    Masked("exp of large numbers", overflown, np.exp, np.exp, lambda x: x < 100, FAR),
    Masked(
        "x*exp(x) of large numbers",
        lambda x: np.where(x < 100, x * np.exp(x), 0),
        lambda x: (x + 1) * np.exp(x),
        lambda x: (x + 2) * np.exp(x),
        lambda x: x < 100,
        FAR,
    ),
    Masked(
        "tanh of infinity",
        lambda x: np.where(np.isfinite(x), np.tanh(x) * x, 0),
        lambda x: np.tanh(x) + x / np.cosh(x) ** 2,
        lambda x: (2 - 2 * x * np.tanh(x)) / np.cosh(x) ** 2,
        np.isfinite,
        ENDS,
    ),
    Masked(
        "sin of infinity",
        lambda x: np.where(np.isfinite(x), np.sin(x), 0),
        np.cos,
        lambda x: -np.sin(x),
        np.isfinite,
        ENDS,
    ),
    Masked(
        "0 * infinity",
        lambda x: np.where(np.isfinite(x), x * (x - x), 0),
        zero,
        zero,
        np.isfinite,
        ENDS,
    ),
    Masked("norms of rows", chosen_rows, lambda x: np.sqrt(5) * np.sign(x), zero, away),
    Masked(
        "norm of np.linalg",
        lambda x: np.linalg.norm(np.stack([x, 2 * x], axis=1), axis=1),
        lambda x: np.sqrt(5) * np.sign(x),
        zero,
        away,
    ),
    Masked(
        "concatenated",
        joined,
        lambda x: 1 / x + 0.5 / np.sqrt(x),
        lambda x: -1 / x**2 - 0.25 / x**1.5,
    ),
    Masked("shared by two choices", shared, shared_slope, shared_curve),
    Masked("choice in a choice", twice, twice_slope, twice_curve),
    Masked(
        "chosen in two steps",
        in_two_steps,
        lambda x: (1 - np.log(x)) / x**2,
        lambda x: (2 * np.log(x) - 3) / x**3,
    ),
    Masked(
        "product of choices",
        lambda x: np.where(x > 0, np.log(x), 0) * np.where(x > 0, 1 / x, 0),
        lambda x: (1 - np.log(x)) / x**2,
        lambda x: (2 * np.log(x) - 3) / x**3,
    ),
    Masked(
        "square of a choice",
        lambda x: np.where(x > 0, np.log(x), 0) ** 2,
        lambda x: 2 * np.log(x) / x,
        lambda x: 2 * (1 - np.log(x)) / x**2,
    ),
    Masked(
        "logaddexp with -inf",
        lambda x: np.logaddexp(np.where(x > 0, np.log(x), -INF), 0),
        lambda x: 1 / (1 + x),
        lambda x: -1 / (1 + x) ** 2,
    ),
    Masked(
        "arctan2 at the origin",
        lambda x: np.where(x > 0, np.arctan2(x, 2 * x) + np.hypot(x, x), 0),
        lambda x: np.sqrt(2) + zero(x),
        zero,
    ),
    Masked(
        "relu of a logarithm",
        lambda x: np.where(x > 0, np.maximum(np.log(x), 0), 0),
        log_slope,
        log_curve,
        lambda x: x > 1,
    ),
    Masked("abs of a logarithm", lambda x: np.where(x > 1, np.abs(np.log(x)), 0), log_slope,
           log_curve, lambda x: x > 1),
]  # fmt: skip
