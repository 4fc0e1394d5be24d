"""Rules on bools, bits and choices. All are exact.

Layer: compiler/passes/rules.
"""

from __future__ import annotations

from ...ir.types import DType
from ..pattern import Const, Match, Rule, Var, node
from .algebra import is_integer

x, y, z = Var("x"), Var("y"), Var("z")
c = Const("c")

land, lor, lxor = node("logical_and"), node("logical_or"), node("logical_xor")
band, bor, bxor = node("bitwise_and"), node("bitwise_or"), node("bitwise_xor")
lnot, invert, select = node("logical_not"), node("invert"), node("select")
equal, not_equal = node("equal"), node("not_equal")


def _is_bool(m: Match) -> bool:
    """Whether x is a bool; logic on other dtypes converts."""
    return m[x].type.dtype is DType.BOOL


def _is_exact(m: Match) -> bool:
    """Whether x has no NaN."""
    return not m[x].type.dtype.is_float


def _all_ones(m: Match) -> bool:
    """Whether every bit of c is set; of bools, whether it is true."""
    dtype = m.type.dtype
    ones = 1 if dtype.is_bool else -1 if dtype.is_signed else 2**dtype.bits - 1
    return int(m.element(c)) == ones


# Logic on bools is bitwise, which needs no conversion and has more rules.
_BOOLS = (
    Rule("and_bools", land(x, y), band(x, y), when=_is_bool, why="one name for one thing"),
    Rule("or_bools", lor(x, y), bor(x, y), when=_is_bool, why="one name for one thing"),
    Rule("xor_bools", lxor(x, y), bxor(x, y), when=_is_bool, why="one name for one thing"),
    Rule("not_bool", lnot(x), invert(x), when=_is_bool, why="one name for one thing"),
    Rule("equal_true", equal(x, True), x, when=_is_bool, why="x == true is x"),
    Rule("equal_false", equal(x, False), invert(x), when=_is_bool, why="x == false is not x"),
)

_COMPARISONS = (
    Rule("not_equal", invert(equal(x, y)), not_equal(x, y), why="the negation, for NaN too"),
    Rule("not_not_equal", invert(not_equal(x, y)), equal(x, y), why="and the other way round"),
    Rule("equal_self", equal(x, x), True, when=_is_exact, why="only NaN differs from itself"),
    Rule("not_equal_self", not_equal(x, x), False, when=_is_exact, why="only NaN does"),
)

_BITS = (
    Rule("bits_and_zero", band(x, 0), 0, why="no bit is set in 0"),
    Rule("bits_and_ones", band(x, c), x, when=_all_ones, why="keeps every bit"),
    Rule("bits_or_ones", bor(x, c), c, when=_all_ones, why="sets every bit"),
    Rule("bits_xor_self", bxor(x, x), 0, why="no bit differs"),
    Rule("bits_xor_ones", bxor(x, c), invert(x), when=_all_ones, why="flips every bit"),
)

_CHOICES = (
    Rule("select_true", select(True, x, y), x, why="always the first"),
    Rule("select_false", select(False, x, y), y, why="always the second"),
    Rule("select_same", select(x, y, y), y, why="both are the same"),
    Rule("select_not", select(invert(x), y, z), select(x, z, y), why="swap the branches instead"),
    Rule("select_truth", select(x, True, False), x, why="a bool is its own truth value"),
    Rule("select_falsehood", select(x, False, True), invert(x), why="its negation"),
    Rule("select_again", select(x, select(x, y, z), Var("w")), select(x, y, Var("w")), why="known"),
    Rule("select_else", select(x, y, select(x, z, Var("w"))), select(x, y, Var("w")), why="known"),
)

_ROUNDING = tuple(
    Rule(f"{name}_of_integer", node(name)(x), x, when=is_integer, why="integers are integral")
    for name in ("floor", "ceil", "trunc")
)

_PREDICATES = (
    Rule("isnan_of_integer", node("isnan")(x), False, when=_is_exact, why="integers have no NaN"),
    Rule("isinf_of_integer", node("isinf")(x), False, when=_is_exact, why="nor infinities"),
    Rule("isfinite_of_integer", node("isfinite")(x), True, when=_is_exact, why="all are finite"),
)

RULES = (*_BOOLS, *_COMPARISONS, *_BITS, *_CHOICES, *_ROUNDING, *_PREDICATES)
