"""Rules that change results: rounding, NaN, infinities, signed zeros. Only under fast math.

Layer: compiler/passes/rules. Each is true for real numbers; floats only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..pattern import Const, Match, Rule, Value, Var, node
from .algebra import is_float

x, y, z = Var("x"), Var("y"), Var("z")
c, d = Const("c"), Const("d")

add, subtract, multiply, divide = node("add"), node("subtract"), node("multiply"), node("divide")
square, sqrt, absolute, negative = node("square"), node("sqrt"), node("absolute"), node("negative")
exp, log, integer_power = node("exp"), node("log"), node("integer_power")


def fast(name: str, pattern: Any, replacement: Any, why: str, when: Any = is_float) -> Rule:
    """A rule of this module."""
    return Rule(name, pattern, replacement, when=when, exact=False, why=why)


def _has_reciprocal(m: Match) -> bool:
    """Whether 1/c is a normal number, so that only rounding is at stake."""
    dtype = m.type.dtype
    if not dtype.is_float:
        return False
    with np.errstate(all="ignore"):
        inverse = abs(1 / m.element(c))
    return bool(float(dtype.finfo.tiny) <= inverse < np.inf)


def _by_reciprocal(m: Match) -> Value:
    return m.emit("multiply", m[x], m.number(1 / m.element(c)))


def _by_products(m: Match) -> Value:
    """x*x*x, or the square of the square."""
    square = m.emit("square", m[x])
    return (
        m.emit("square", square) if m.attrs["exponent"] == 4 else m.emit("multiply", square, m[x])
    )


def _is_third_or_fourth(m: Match) -> bool:
    return m.attrs["exponent"] in (3, 4)


RULES = (
    fast("add_zero", add(x, 0.0), x, "-0 + 0 is 0"),
    fast("float_multiply_by_zero", multiply(x, 0.0), 0.0, "inf*0 is NaN, -1*0 is -0"),
    fast("float_subtract_self", subtract(x, x), 0.0, "inf - inf is NaN"),
    fast("divide_by_self", divide(x, x), 1.0, "0/0 and inf/inf are NaN"),
    fast("float_subtract_from_zero", subtract(0.0, x), negative(x), "0 - 0 is 0, -(0) is -0"),
    fast("divide_by_constant", divide(x, c), _by_reciprocal, "rounds twice", _has_reciprocal),
    fast("float_add_constants", add(add(x, c), d), add(x, add(c, d)), "rounds elsewhere"),
    fast(
        "float_multiply_constants",
        multiply(multiply(x, c), d),
        multiply(x, multiply(c, d)),
        "rounds elsewhere; c*d may overflow where x*c does not",
    ),
    fast(
        "distribute",
        add(multiply(x, y), multiply(z, y)),
        multiply(add(x, z), y),
        "rounds elsewhere",
    ),
    fast(
        "distribute_difference",
        subtract(multiply(x, y), multiply(z, y)),
        multiply(subtract(x, z), y),
        "rounds elsewhere",
    ),
    fast("multiply_exp", multiply(exp(x), exp(y)), exp(add(x, y)), "rounds elsewhere"),
    fast("log_exp", log(exp(x)), x, "exp overflows and rounds"),
    fast("sqrt_square", sqrt(square(x)), absolute(x), "the square overflows and rounds"),
    fast("plain_power", integer_power(x), _by_products, "rounds twice", _is_third_or_fourth),
)
