"""Derivatives of single ops: graphs of them to any order, points to take them at, and references.

Values come from the interpreter; what they are compared with is either a difference quotient of
the op's own `reference`, or mpmath's derivative of the function that the op stands for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from support.op_cases import Case
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.graph import Graph, Value
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.term import full
from tensorwright.compiler.ir.types import DType, TensorType
from tensorwright.compiler.transforms.forward import push_forward
from tensorwright.compiler.transforms.reverse import pull_back

COUNT = 40
# Where each operand is drawn from, if not from -2 to 2: away from poles, and inside of the domain.
_POSITIVE = (0.2, 3.0)
DOMAINS: Mapping[str, tuple[tuple[float, float], ...]] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "reciprocal"), (_POSITIVE,)),
    **dict.fromkeys(("arcsin", "arccos", "arctanh", "log1p"), ((-0.9, 0.9),)),
    **dict.fromkeys(("divide", "remainder", "fmod", "floor_divide"), ((-2.0, 2.0), _POSITIVE)),
    "arccosh": ((1.2, 4.0),),
    "cbrt": (_POSITIVE,),
    "tan": ((-1.2, 1.2),),
    "power": (_POSITIVE, (-2.0, 2.0)),
    "hypot": (_POSITIVE, (-2.0, 2.0)),
    "arctan2": ((-2.0, 2.0), _POSITIVE),
}
# Integers, if not from 1 to 4.
INTEGERS: Mapping[str, tuple[int, int]] = {"require_success": (0, 0)}


def points(case: Case, seed: int = 0, count: int = COUNT) -> list[np.ndarray]:
    """One array per operand, of random points at which the op is smooth."""
    rng = np.random.default_rng(seed)
    spans = DOMAINS.get(case.op.name, ((-2.0, 2.0),) * len(case.dtypes))
    found = []
    for dtype, (low, high) in zip(case.dtypes, spans, strict=True):
        if dtype.is_float:
            found.append(rng.uniform(low, high, count).astype(dtype.numpy))
        elif dtype.is_bool:
            found.append(rng.integers(0, 2, count).astype(bool))
        else:
            least, most = INTEGERS.get(case.op.name, (1, 4))
            found.append(rng.integers(least, most + 1, count).astype(dtype.numpy))
    return found


class OpDerivatives:
    """An op's elementwise partial derivatives; `by` are operand numbers, the first taken first."""

    def __init__(self, case: Case, count: int = COUNT) -> None:
        self.case = case
        self.floats = [k for k, d in enumerate(case.dtypes) if d.is_float]
        self._builder = GraphBuilder(case.op.name)
        self._inputs = [
            self._builder.input(TensorType(d, (count,)), f"x{k}") for k, d in enumerate(case.dtypes)
        ]
        out = self._builder.emit(case.op, *self._inputs, **case.attrs)
        self._partials: dict[tuple[int, ...], Value | None] = {(): out}

    def graph(self, *by: tuple[int, ...]) -> Graph:
        """The graph of some partial derivatives; None, which is zero, becomes zeros."""
        found = [self.reverse(k) for k in by]
        return self._builder.finish([v or self._full(0) for v in found])

    def values(self, arrays: Sequence[np.ndarray], *by: tuple[int, ...]) -> list[np.ndarray]:
        """Some partial derivatives at these points."""
        return interpret(self.graph(*by), arrays)

    def at(self, by: tuple[int, ...], *arrays: np.ndarray) -> np.ndarray:
        """One partial derivative at these points."""
        (found,) = self.values(arrays, by)
        return found

    def reverse(self, by: tuple[int, ...]) -> Value | None:
        """A partial derivative, each step in reverse mode."""
        if by not in self._partials:
            inner = self.reverse(by[:-1])
            found = self._pulled(inner) if inner else [None] * len(self._inputs)
            for k, v in enumerate(found):
                self._partials[(*by[:-1], k)] = v
        return self._partials[by]

    def forward(self, by: int, of: tuple[int, ...] = ()) -> Value | None:
        """A derivative in forward mode of one taken in reverse mode."""
        inner = self.reverse(of)
        if inner is None:
            return None
        tangents = [self._full(1) if k == by else None for k in range(len(self._inputs))]
        return push_forward(
            self._builder, list(self._builder.nodes), self._inputs, tangents, [inner]
        )[0]

    def forward_values(
        self, arrays: Sequence[np.ndarray], by: int, of: tuple[int, ...] = ()
    ) -> np.ndarray:
        """The same at these points."""
        (found,) = interpret(self._builder.finish([self.forward(by, of) or self._full(0)]), arrays)
        return found

    def _pulled(self, of: Value) -> list[Value | None]:
        floats = [self._inputs[k] for k in self.floats]
        nodes = list(self._builder.nodes)
        found = pull_back(self._builder, nodes, [of], [self._full(1)], floats)
        by_operand = dict(zip(self.floats, found, strict=True))
        return [by_operand.get(k) for k in range(len(self._inputs))]

    def _full(self, number: float) -> Value:
        dtype = self.case.result
        return full(self._builder, self._inputs[0].type.shape, number, dtype).value

    def orders(self, order: int) -> list[tuple[int, ...]]:
        """The partial derivatives of an order, each mixed one in one sequence."""
        return list(itertools.combinations_with_replacement(self.floats, order))


def difference(
    function: Callable[..., np.ndarray], arrays: Sequence[np.ndarray], by: int, step: float = 4e-4
) -> np.ndarray:
    """The derivative of an elementwise function of float64 by one argument, from differences.

    Three central differences, extrapolated to a step of zero (Richardson): an error of step**6.
    NaN where they disagree, because there is a kink or a jump in between.
    """

    def quotient(h: float) -> np.ndarray:
        ends = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[by] = arrays[by] + sign * h
            ends.append(function(*moved))
        return (ends[0] - ends[1]) / (2 * h)

    wide, middle, narrow = (quotient(step / 2**k) for k in range(3))
    first, second = (4 * middle - wide) / 3, (4 * narrow - middle) / 3
    found = (16 * second - first) / 15
    smooth = np.abs(wide - narrow) <= 1e-5 * np.maximum(1, np.abs(found))
    return np.where(smooth, found, np.nan)


# The functions behind smooth ops, for derivatives of higher order.
SMOOTH: Mapping[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "power": mpmath.power,
    "hypot": mpmath.hypot,
    "arctan2": mpmath.atan2,
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
    "logaddexp2": lambda x, y: mpmath.log(mpmath.power(2, x) + mpmath.power(2, y), 2),
    "negative": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "sqrt": mpmath.sqrt,
    "cbrt": mpmath.cbrt,
    "degrees": mpmath.degrees,
    "radians": mpmath.radians,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
}


def exact(name: str, arguments: Sequence[float], by: tuple[int, ...]) -> float:
    """A partial derivative of a smooth op's function, to 15 digits at least."""
    orders = tuple(by.count(k) for k in range(len(arguments)))
    with mpmath.workdps(60):
        at = tuple(mpmath.mpf(float(x)) for x in arguments)
        if len(at) == 1:
            return float(mpmath.diff(SMOOTH[name], at[0], orders[0]))
        return float(mpmath.diff(SMOOTH[name], at, orders))


def wide(case: Case) -> bool:
    """Whether a case has a float64 result and float64 operands (others are ints or bools)."""
    floats = {d for d in case.dtypes if d.is_float}
    return case.result is DType.F64 and floats == {DType.F64}
