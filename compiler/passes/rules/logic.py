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
lnot = node("logical_not")
equal, not_equal = node("equal"), node("not_equal")
band, bor, bxor, invert = (
    node("bitwise_and"),
    node("bitwise_or"),
    node("bitwise_xor"),
    node("invert"),
)
select = node("select")


def _is_bool(m: Match) -> bool:
    """Whether x is a bool; logic on other dtypes converts."""
    return m[x].type.dtype is DType.BOOL


def _is_exact(m: Match) -> bool:
    """Whether x has no NaN."""
    return not m[x].type.dtype.is_float


_BOOLS = (
    Rule("and_true", land(x, True), x, when=_is_bool, why="x and true is x"),
    Rule("and_false", land(x, False), False, when=_is_bool, why="x and false is false"),
    Rule("and_self", land(x, x), x, when=_is_bool, why="x and x is x"),
    Rule("or_false", lor(x, False), x, when=_is_bool, why="x or false is x"),
    Rule("or_true", lor(x, True), True, when=_is_bool, why="x or true is true"),
    Rule("or_self", lor(x, x), x, when=_is_bool, why="x or x is x"),
    Rule("xor_false", lxor(x, False), x, when=_is_bool, why="x xor false is x"),
    Rule("xor_true", lxor(x, True), lnot(x), when=_is_bool, why="x xor true is not x"),
    Rule("xor_self", lxor(x, x), False, why="x differs not from itself"),
    Rule("not_not", lnot(lnot(x)), x, when=_is_bool, why="two negations cancel"),
    Rule("not_equal", lnot(equal(x, y)), not_equal(x, y), why="!= is the negation, for NaN too"),
    Rule("not_not_equal", lnot(not_equal(x, y)), equal(x, y), why="and the other way round"),
    Rule("equal_true", equal(x, True), x, when=_is_bool, why="x == true is x"),
    Rule("equal_false", equal(x, False), lnot(x), when=_is_bool, why="x == false is not x"),
    Rule("invert_bool", invert(x), lnot(x), when=_is_bool, why="one name for one thing"),
    Rule("and_bools", band(x, y), land(x, y), when=_is_bool, why="one name for one thing"),
    Rule("or_bools", bor(x, y), lor(x, y), when=_is_bool, why="one name for one thing"),
    Rule("xor_bools", bxor(x, y), lxor(x, y), when=_is_bool, why="one name for one thing"),
    Rule("equal_self", equal(x, x), True, when=_is_exact, why="only NaN differs from itself"),
    Rule("not_equal_self", not_equal(x, x), False, when=_is_exact, why="only NaN does"),
)


def _all_ones(m: Match) -> bool:
    """Whether every bit of the integer c is set."""
    dtype = m.type.dtype
    ones = -1 if dtype.is_signed else 2**dtype.bits - 1
    return dtype.is_integer and int(m.element(c)) == ones


_BITS = (
    Rule("bits_and_zero", band(x, 0), 0, when=is_integer, why="no bit is set in 0"),
    Rule("bits_and_ones", band(x, c), x, when=_all_ones, why="keeps every bit"),
    Rule("bits_or_ones", bor(x, c), c, when=_all_ones, why="sets every bit"),
    Rule("bits_xor_self", bxor(x, x), 0, when=is_integer, why="no bit differs"),
    Rule("bits_xor_ones", bxor(x, c), invert(x), when=_all_ones, why="flips every bit"),
)

_CHOICES = (
    Rule("select_true", select(True, x, y), x, why="always the first"),
    Rule("select_false", select(False, x, y), y, why="always the second"),
    Rule("select_same", select(x, y, y), y, why="both are the same"),
    Rule(
        "select_not",
        select(lnot(x), y, z),
        select(x, z, y),
        when=_is_bool,
        why="swap the branches instead",
    ),
    Rule("select_truth", select(x, True, False), x, why="a bool is its own truth value"),
    Rule("select_falsehood", select(x, False, True), lnot(x), why="its negation"),
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

RULES = (*_BOOLS, *_BITS, *_CHOICES, *_ROUNDING, *_PREDICATES)
