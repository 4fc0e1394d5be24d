"""Batching of loops and branches, where examples go the same way and where they part."""

import random
from itertools import product

import numpy as np
import pytest

from support.batches import batched, loop, stacked
from support.graphs import random_array, random_graph, random_sizes
from support.random_regions import random_control
from support.regions import EVERY_REGION
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.interpret import concrete, interpret
from tensorwright.compiler.ir.parser import parse

SIZES = (0, 1, 4)


def check(text: str, mapped, arrays, size: int, symbolic: bool = False):
    graph = parse(text)
    dim = Dim.symbol("batch") if symbolic else size
    found = interpret(batched(graph, mapped, dim), arrays)
    expected = loop(graph, mapped, size, arrays)
    for f, e in zip(stacked(found, expected), expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-13, strict=True)


def every_choice(count: int):
    return [m for m in product((True, False), repeat=count) if any(m)]


def draw(rng, mapped: bool, size: int, shape=(), low=-3, high=4, dtype=float):
    return np.asarray(rng.integers(low, high, (size, *shape) if mapped else shape)).astype(dtype)


SCAN = """graph @f(%c: i64[], %xs: i64[3, 2], %k: i64[]) {{
  %0, %1, %2, %3 = scan(%c, %k, %xs, %k) {{
    carries=2, scanned=1, length=3, reverse={reverse},
    body=graph @body(%c: i64[], %d: i64[], %x: i64[2], %k: i64[]) {{
      %0 = multiply(%c, %k)
      %1 = broadcast(%0) {{shape=[2], dims=[]}}
      %2 = add(%x, %1)
      %3 = reduce_sum(%x) {{axes=[0]}}
      %4 = add(%0, %3)
      return %4, %c, %2, %k
    }}
  }}
  return %0, %1, %2, %3
}}"""


@pytest.mark.parametrize("mapped", every_choice(3))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reverse", ["true", "false"])
def test_scan(mapped, size: int, reverse: str):
    rng = np.random.default_rng(1)
    shapes = ((), (3, 2), ())
    arrays = [draw(rng, m, size, s, dtype=int) for m, s in zip(mapped, shapes, strict=True)]
    check(SCAN.format(reverse=reverse), mapped, arrays, size)
    check(SCAN.format(reverse=reverse), mapped, arrays, size, symbolic=True)


# Gathers beyond the end would fail: the index is `n` when the loop is over.
WHILE = """graph @f(%n: i64[], %xs: f64[5], %c: f64[]) {
  %zero: i64[] = constant() {value=0}
  %0, %1, %2, %3, %4 = while(%c, %zero, %n, %xs) {carries=2, records=2,
    condition=graph @condition(%c: f64[], %i: i64[], %n: i64[], %xs: f64[5]) {
      %0 = less(%i, %n)
      return %0
    },
    body=graph @body(%c: f64[], %i: i64[], %n: i64[], %xs: f64[5]) {
      %0 = gather(%xs, %i)
      %1 = add(%c, %0)
      %2: i64[] = constant() {value=1}
      %3 = add(%i, %2)
      return %1, %3, %1, %0
    }}
  %one: f64[] = constant() {value=1.0}
  %5 = replay(%2, %one, %3, %4, %c) {carries=1, tapes=2,
    body=graph @back(%s: f64[], %t: f64[], %x: f64[], %c: f64[]) {
      %0 = multiply(%s, %t)
      %1 = subtract(%0, %x)
      %2 = add(%1, %c)
      return %2
    }}
  return %0, %1, %2, %5
}"""


@pytest.mark.parametrize("mapped", every_choice(3))
@pytest.mark.parametrize("size", SIZES)
def test_while_and_replay(mapped, size: int):
    rng = np.random.default_rng(2)
    n = draw(rng, mapped[0], size, low=0, high=6, dtype=int)
    arrays = [n, draw(rng, mapped[1], size, (5,)), draw(rng, mapped[2], size)]
    check(WHILE, mapped, arrays, size)


def test_while_that_parts_counts_for_each_example():
    n = np.array([5, 0, 2, 5])
    arrays = [n, np.arange(5.0), np.float64(1)]
    graph = batched(parse(WHILE), (True, False, False), Dim.symbol("b"))
    total, index, count, _ = interpret(graph, arrays)
    np.testing.assert_array_equal(total, [11, 1, 2, 11])
    np.testing.assert_array_equal(index, n)
    np.testing.assert_array_equal(count, n)


NESTED = """graph @f(%n: i64[], %c: f64[]) {
  %zero: i64[] = constant() {value=0}
  %0, %1 = while(%zero, %c, %n) {carries=2, records=0,
    condition=graph @condition(%i: i64[], %c: f64[], %n: i64[]) {
      %0 = less(%i, %n)
      return %0
    },
    body=graph @body(%i: i64[], %c: f64[], %n: i64[]) {
      %0, %1, %2, %3 = while(%c, %i) {carries=2, records=1,
        condition=graph @inner(%c: f64[], %j: i64[]) {
          %0: i64[] = constant() {value=0}
          %1 = greater(%j, %0)
          return %1
        },
        body=graph @step(%c: f64[], %j: i64[]) {
          %0: i64[] = constant() {value=-1}
          %1 = add(%j, %0)
          %2 = cast(%j) {dtype=f64}
          %3 = add(%c, %2)
          return %3, %1, %2
        }}
      %4 = replay(%2, %0, %3) {carries=1, tapes=1,
        body=graph @back(%s: f64[], %r: f64[]) {
          %0 = multiply(%s, %r)
          return %0
        }}
      %5: i64[] = constant() {value=1}
      %6 = add(%i, %5)
      return %6, %4
    }}
  return %0, %1
}"""


@pytest.mark.parametrize("mapped", every_choice(2))
@pytest.mark.parametrize("size", SIZES)
def test_loops_in_loops(mapped, size: int):
    rng = np.random.default_rng(3)
    n = draw(rng, mapped[0], size, low=0, high=4, dtype=int)
    check(NESTED, mapped, [n, draw(rng, mapped[1], size)], size)


STACKED_TAPES = """graph @f(%ns: i64[3], %c: f64[]) {
  %0, %1, %2, %3 = scan(%c, %ns) {carries=1, scanned=1, length=3, reverse=false,
    body=graph @body(%c: f64[], %n: i64[]) {
      %0, %1, %2, %3 = while(%c, %n) {carries=2, records=1,
        condition=graph @inner(%c: f64[], %j: i64[]) {
          %0: i64[] = constant() {value=0}
          %1 = greater(%j, %0)
          return %1
        },
        body=graph @step(%c: f64[], %j: i64[]) {
          %0: i64[] = constant() {value=-1}
          %1 = add(%j, %0)
          %2 = add(%c, %c)
          return %2, %1, %c
        }}
      return %0, %0, %2, %3
    }}
  %4 = scan(%0, %2, %3) {carries=1, scanned=2, length=3, reverse=true,
    body=graph @back(%s: f64[], %count: i64[], %tape: i64[]) {
      %0 = replay(%count, %s, %tape) {carries=1, tapes=1,
        body=graph @again(%s: f64[], %r: f64[]) {
          %0 = subtract(%s, %r)
          return %0
        }}
      return %0
    }}
  return %0, %1, %4
}"""


@pytest.mark.parametrize("mapped", every_choice(2))
@pytest.mark.parametrize("size", SIZES)
def test_tapes_that_a_scan_stacks(mapped, size: int):
    rng = np.random.default_rng(4)
    ns = draw(rng, mapped[0], size, (3,), low=0, high=4, dtype=int)
    check(STACKED_TAPES, mapped, [ns, draw(rng, mapped[1], size)], size)


# The first branch fails for a negative exponent, the second for an index beyond the end.
SWITCH = """graph @f(%index: i64[], %xs: f64[3], %i: i64[]) {
  %0, %1 = switch(%index, %xs, %i) {branches=[
    graph @first(%xs: f64[3], %i: i64[]) {
      %0 = power(%i, %i)
      %1 = cast(%0) {dtype=f64}
      return %1, %i
    }, graph @second(%xs: f64[3], %i: i64[]) {
      %0 = gather(%xs, %i)
      %1: i64[] = constant() {value=0}
      return %0, %1
    }, graph @third(%xs: f64[3], %i: i64[]) {
      %0 = reduce_sum(%xs) {axes=[0]}
      %1 = scan(%i) {carries=1, scanned=0, length=3, reverse=false, body=graph @b(%i: i64[]) {
        %0 = add(%i, %i)
        return %0
      }}
      return %0, %1
    }]}
  return %0, %1
}"""


@pytest.mark.parametrize("mapped", every_choice(3))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("choice", [-1, 0, 1, 2, 9])
def test_switch(mapped, size: int, choice: int):
    rng = np.random.default_rng(5)
    index = np.array([choice, 0, 1, 2])[:size] if mapped[0] else np.int64(choice)
    i = np.array([1, 2, 2, 0])[:size] if mapped[2] else np.int64(1)
    check(SWITCH, mapped, [index, draw(rng, mapped[1], size, (3,)), i], size)


def test_branches_that_are_not_taken_do_not_fail():
    index, i = np.array([0, 1, 2, 2]), np.array([7, -1, -5, 9])
    check(SWITCH, (True, False, True), [index, np.arange(3.0), i], 4)
    # what all examples share is not computed by branches that none takes
    check(SWITCH, (True, False, False), [np.array([2, 2]), np.arange(3.0), np.int64(-5)], 2)


def test_every_region_at_once():
    xs = np.arange(6.0).reshape(2, 3) + 1
    arrays = [np.float64(1), xs, np.int64(1)]
    check(EVERY_REGION, (False, True, False), arrays, 2)
    arrays = [np.array([1.0, 0.5]), xs, np.array([0, 1])]
    check(EVERY_REGION, (True, True, True), arrays, 2, symbolic=True)


@pytest.mark.parametrize("seed", range(150))
def test_random_loops_and_branches(seed: int):
    def allow(op):
        return op.name not in ("reduce_sum", "reduce_prod", "matmul")  # other orders of terms

    rng = random.Random(seed)
    body = random_graph(rng, max_nodes=6, allow=allow)
    graph = random_control(rng, body, depth=rng.randint(1, 3))
    size = rng.choice([1, 2, 4])
    mapped = [rng.random() < 0.5 for _ in graph.inputs]
    sizes = random_sizes(rng, graph)
    arrays = []
    for v, m in zip(graph.inputs, mapped, strict=True):
        shape = concrete(v.type.shape, sizes)
        arrays.append(random_array(rng, v.type.dtype, (size, *shape) if m else shape))
    found = interpret(batched(graph, mapped, size), arrays)
    expected = loop(graph, mapped, size, arrays)
    for f, e in zip(stacked(found, expected), expected, strict=True):
        tolerance = 1e-5 if f.dtype.itemsize <= 4 else 1e-12
        np.testing.assert_allclose(f, e, rtol=tolerance, strict=True)
