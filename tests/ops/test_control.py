"""What loops and branches mean, and what their type rules refuse."""

import numpy as np
import pytest

from support.regions import EVERY_REGION
from tensorwright.compiler.errors import UserError
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.parser import ParseError, parse


def run(text: str, *arrays) -> list[np.ndarray]:
    return interpret(parse(text), arrays)


def test_loops_and_branches_after_each_other():
    total, sums, last, count, product, chosen = run(
        EVERY_REGION, np.float64(1), np.arange(1.0, 4.0), np.int64(1)
    )
    assert (total, last, count) == (7, 7.0**4, 2)
    np.testing.assert_array_equal(sums, [2, 4, 7])
    assert product == 7.0**4 * 7.0**2 * 7
    assert chosen == -product


SCAN = """graph @f(%c: i64[], %xs: i64[n, 2], %k: i64[]) {{
  %0, %1, %2 = scan(%c, %xs, %k) {{
    carries=1, scanned=1, length=n, reverse={reverse},
    body=graph @body(%c: i64[], %x: i64[2], %k: i64[]) {{
      %0 = multiply(%c, %k)
      %1 = broadcast(%0) {{shape=[2], dims=[]}}
      %2 = add(%x, %1)
      %3 = reduce_sum(%x) {{axes=[0]}}
      %4 = add(%0, %3)
      return %4, %2, %c
    }}
  }}
  return %0, %1, %2
}}"""


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_is_a_loop_over_slices(n: int, reverse: bool):
    xs = np.arange(2 * n).reshape(n, 2)
    carry, last, before = 1, np.zeros((n, 2), int), np.zeros(n, int)
    for i in reversed(range(n)) if reverse else range(n):
        before[i] = carry
        last[i] = xs[i] + carry * 3
        carry = carry * 3 + xs[i].sum()
    text = SCAN.format(reverse=str(reverse).lower())
    found = run(text, np.int64(1), xs, np.int64(3))
    for got, wanted in zip(found, (carry, last, before), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_tapes_may_be_stacked_and_recorded():
    """Each iteration of a scan runs a loop that records; another scan replays them."""
    text = """graph @f(%xs: f64[n], %one: f64[]) {
      %0, %1 = scan(%xs, %one) {carries=0, scanned=1, length=n, reverse=false,
        body=graph @body(%x: f64[], %one: f64[]) {
          %0, %1, %2 = while(%x, %one) {carries=1, records=1,
            condition=graph @c(%x: f64[], %one: f64[]) { %0 = greater(%x, %one) return %0 },
            body=graph @b(%x: f64[], %one: f64[]) { %0 = subtract(%x, %one) return %0, %x }}
          return %1, %2
        }}
      %2 = scan(%0, %1, %one) {carries=0, scanned=2, length=n, reverse=true,
        body=graph @body(%count: i64[], %tape: i64[], %one: f64[]) {
          %0 = replay(%count, %one, %tape) {carries=1, tapes=1,
            body=graph @b(%c: f64[], %r: f64[]) { %0 = multiply(%c, %r) return %0 }}
          return %0
        }}
      return %0, %2
    }"""
    counts, products = run(text, np.array([1.0, 3.0, 4.0]), np.float64(1))
    np.testing.assert_array_equal(counts, [0, 2, 3])
    np.testing.assert_array_equal(products, [1, 6, 24])


@pytest.mark.parametrize(("index", "chosen"), [(-5, 1), (0, 1), (1, 2), (2, 4), (9, 4)])
def test_switch_limits_its_index(index: int, chosen: int):
    text = """graph @f(%i: i64[], %x: i64[]) {
      %0 = switch(%i, %x) {branches=[
        graph @a(%x: i64[]) { return %x },
        graph @b(%x: i64[]) { %0 = add(%x, %x) return %0 },
        graph @c(%x: i64[]) { %0 = add(%x, %x) %1 = add(%0, %0) return %1 }]}
      return %0
    }"""
    assert run(text, np.int64(index), np.int64(1)) == [chosen]


BODY = "body=graph @b(%c: f64[], %x: f64[2]) {{ return {} }}"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            "scan(%c, %x) {carries=1, scanned=1, length=3, reverse=false, "
            + BODY.format("%x")
            + "}",
            "the next carries: other types than needed",
        ),
        (
            "scan(%c, %x) {carries=1, scanned=1, length=4, reverse=false, "
            + BODY.format("%c")
            + "}",
            "an array to walk has another length",
        ),
        (
            "scan(%c, %c) {carries=1, scanned=0, length=4, reverse=false, "
            + BODY.format("%c")
            + "}",
            "the body's inputs: other types than needed",
        ),
        (
            "while(%c) {carries=1, records=1, "
            "condition=graph @c(%c: f64[]) { %0 = less(%c, %c) return %0 }, "
            "body=graph @b(%c: f64[]) { return %c }}",
            "another number of results",
        ),
        (
            "while(%c) {carries=1, records=0, condition=graph @c(%c: f64[]) { return %c }, "
            "body=graph @b(%c: f64[]) { return %c }}",
            "the condition's results: other types than needed",
        ),
        (
            "replay(%c, %c) {carries=1, tapes=0, body=graph @b(%c: f64[]) { return %c }}",
            "the count: other types than needed",
        ),
        ("switch(%i) {branches=[]}", "branches: too few"),
        (
            "switch(%i, %c) {branches=[graph @a(%c: f64[]) { return %c }, "
            "graph @b(%c: f64[]) { return %c, %c }]}",
            "the results of branch 1: other types than needed",
        ),
    ],
)
def test_type_rules_refuse(node: str, message: str):
    text = f"graph @f(%c: f64[], %x: f64[3, 2], %i: i64[]) {{ %0 = {node} return %0 }}"
    with pytest.raises(ParseError, match=message) as caught:
        parse(text)
    assert isinstance(caught.value, UserError)
