"""Loops and branches as machine code, against the interpreter."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from support.regions import EVERY_REGION
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import ScanLoop, WhileLoop
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.compiler.options import Options
from tensorwright.compiler.pipeline import run_pipeline
from tests.support import native
from tests.support.native import compile_native

RNG = np.random.default_rng(0)


def assert_same(graph: Graph, *arrays: Any, rtol: float = 0.0) -> None:
    """Machine code and interpreter agree, before and after the passes."""
    native.assert_same(graph, *arrays, rtol=rtol)
    optimized = run_pipeline(graph, options=Options(verify=True))
    with np.errstate(all="ignore"):
        for got, wanted in zip(interpret(optimized, arrays), interpret(graph, arrays), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12)
    native.assert_same(optimized, *arrays, rtol=rtol)


def scan(inputs: str, operands: str, results: int, attrs: str, body: str, first: str = "") -> str:
    """A graph that is one scan, after the node `first`."""
    names = ", ".join(f"%r{k}" for k in range(results))
    return f"""graph @f({inputs}) {{
      {first}
      {names} = scan({operands}) {{{attrs}, body={body}}}
      return {names}
    }}"""


def walked(length: str, n: int, row: tuple[int, ...]) -> tuple[str, str, str, np.ndarray]:
    """The size n as `length` says, the type of an input and the node that makes %xs of n rows of
    it, and the input. Symbols stand for sizes of at least 2: smaller ones are differences.
    """
    rows = ", ".join(map(str, row))
    if length == "fixed":
        return (
            str(n),
            f"f64[{n}, {rows}]",
            "%xs = reshape(%all) {shape=[" + (f"{n}, {rows}]}}"),
            RNG.normal(size=(n, *row)),
        )
    zeros, ones = ", ".join("0" for _ in row), ", ".join("1" for _ in row)
    first = f"%xs = slice(%all) {{starts=[2, {zeros}], steps=[1, {ones}], shape=[n - 2, {rows}]}}"
    return "n - 2", f"f64[n, {rows}]", first, RNG.normal(size=(n + 2, *row))


RUNNING = """graph @body(%c: f64[3], %x: f64[3], %k: f64[]) {
  %0 = broadcast(%k) {dims=[], shape=[3]}
  %1 = multiply(%c, %0)
  %2 = add(%1, %x)
  return %2, %c
}"""


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("length", ["symbolic", "fixed"])
@pytest.mark.parametrize("reverse", ["true", "false"])
def test_scan(n: int, length: str, reverse: str):
    size, type, first, xs = walked(length, n, (3,))
    text = scan(
        f"%c: f64[3], %all: {type}, %k: f64[]",
        "%c, %xs, %k",
        2,
        f"carries=1, scanned=1, length={size}, reverse={reverse}",
        RUNNING,
        first,
    )
    assert_same(parse(text), np.ones(3), xs, np.asarray(0.5))


# a carry that two steps read, one of them after the other has written the next value
ALTERNATING = """graph @body(%c: f64[4, 4], %x: f64[4, 4]) {
  %0 = matmul(%c, %x)
  %1 = reduce_sum(%c) {axes=[0, 1]}
  return %0, %1
}"""


@pytest.mark.parametrize("n", [0, 1, 4, 5])
@pytest.mark.parametrize("length", ["symbolic", "fixed"])
def test_carries_that_need_two_places(n: int, length: str):
    size, type, first, xs = walked(length, n, (4, 4))
    graph = parse(
        scan(
            f"%c: f64[4, 4], %all: {type}",
            "%c, %xs",
            2,
            f"carries=1, scanned=1, length={size}, reverse=false",
            ALTERNATING,
            first,
        )
    )
    assert carries_in_place(graph) == [False]
    assert_same(graph, RNG.normal(size=(4, 4)), xs, rtol=1e-12)


def carries_in_place(graph) -> list[bool]:
    (loop,) = [s for s in lower_graph(graph).steps if isinstance(s, (ScanLoop, WhileLoop))]
    return [c.spare is None for c in loop.carries]


def body_of(carries: str, text: str, results: str) -> str:
    """A scan of five rounds without arrays."""
    return scan(
        carries,
        ", ".join(part.split(":")[0].strip() for part in carries.split("; ")),
        results.count("%"),
        f"carries={results.count('%')}, scanned=0, length=5, reverse=false",
        f"graph @body({carries}) {{ {text} return {results} }}",
    ).replace(";", ",")


@pytest.mark.parametrize(
    ("carries", "text", "results", "in_place"),
    [
        # each element is read and written by one kernel
        ("%a: f64[9]", "%0 = add(%a, %a)", "%0", [True]),
        # another element is read
        ("%a: f64[9]", "%0 = slice(%a) {starts=[8], steps=[-1], shape=[9]}", "%0", [False]),
        # exchanged in one kernel: both are read before either is written
        ("%a: f64[9]; %b: f64[9]", "%0 = add(%a, %b)", "%b, %0", [True, True]),
        # walked twice
        (
            "%a: f64[9]",
            "%0 = reduce_sum(%a) {axes=[0]} %1 = broadcast(%0) {dims=[], shape=[9]} "
            "%2 = divide(%a, %1)",
            "%2",
            [False],
        ),
        # a row's sum is added when the row has been walked
        (
            "%a: f64[9]; %m: f64[9, 30]",
            "%0 = reduce_sum(%m) {axes=[1]} %1 = add(%a, %0)",
            "%1, %m",
            [True, True],
        ),
        # a part is replaced
        (
            "%a: f64[9]",
            "%0 = slice(%a) {starts=[1], steps=[2], shape=[3]} %1 = negative(%0) "
            "%2 = update_slice(%a, %1) {starts=[0], steps=[1]}",
            "%2",
            [True],
        ),
        # some elements are added to
        (
            "%a: f64[9]; %v: f64[3]",
            "%i: i64[3] = constant() {value=[0, 4, 4]} %0 = scatter_add(%a, %v, %i)",
            "%0, %v",
            [True, True],
        ),
        # elements are added to that are read for it
        (
            "%a: f64[9]",
            "%i: i64[9] = constant() {value=[0, 4, 4, 1, 2, 3, 8, 7, 8]} "
            "%0 = scatter_add(%a, %a, %i)",
            "%0",
            [True],
        ),
        # the base is read after the update, too
        (
            "%a: f64[9]; %b: f64[9]",
            "%0 = slice(%a) {starts=[0], steps=[1], shape=[3]} "
            "%1 = update_slice(%a, %0) {starts=[4], steps=[1]} %2 = add(%a, %1) "
            "%3 = cumsum(%2) {axis=0}",
            "%1, %3",
            [False, True],
        ),
        # updated twice, and the first update is read later: it gets memory of its own
        (
            "%a: f64[9]; %b: f64[9]",
            "%0 = slice(%b) {starts=[0], steps=[1], shape=[3]} "
            "%1 = update_slice(%a, %0) {starts=[4], steps=[1]} "
            "%2 = update_slice(%1, %0) {starts=[1], steps=[1]} %3 = add(%1, %2)",
            "%2, %3",
            [True, True],
        ),
    ],
)
def test_carries_in_place(carries: str, text: str, results: str, in_place: list[bool]):
    graph = parse(body_of(carries, text, results))
    assert carries_in_place(graph) == in_place
    assert_same(graph, *(RNG.normal(size=v.type.shape) for v in graph.inputs), rtol=1e-12)


def test_an_accumulator_of_nested_loops_is_never_copied():
    text = """graph @f(%acc: f64[100], %xs: f64[n, m, 100]) {
      %0 = scan(%acc, %xs) {carries=1, scanned=1, length=n, reverse=false,
        body=graph @outer(%acc: f64[100], %x: f64[m, 100]) {
          %0 = scan(%acc, %x) {carries=1, scanned=1, length=m, reverse=false,
            body=graph @inner(%acc: f64[100], %x: f64[100]) {
              %0 = add(%acc, %x)
              return %0
            }}
          return %0
        }}
      return %0
    }"""
    graph = parse(text)
    assert carries_in_place(graph) == [True]
    assert not lower_graph(graph).arena
    for n, m in ((2, 3), (3, 2), (4, 5)):
        assert_same(graph, RNG.normal(size=100), RNG.normal(size=(n, m, 100)))


def test_every_kind_together():
    graph = parse(EVERY_REGION)
    for n, choice in ((2, 0), (2, 1), (3, 7)):
        assert_same(graph, np.asarray(1.5), np.arange(1.0, 1.0 + n), np.asarray(choice))


DTYPES = """graph @f(%a: f32[5], %b: i64[], %c: bool[5], %d: u8[5], %e: f16[5], %xs: i32[n, 5]) {
  %0, %1, %2, %3, %4, %5 = scan(%a, %b, %c, %d, %e, %xs) {
    carries=5, scanned=1, length=n, reverse=false,
    body=graph @body(%a: f32[5], %b: i64[], %c: bool[5], %d: u8[5], %e: f16[5], %x: i32[5]) {
      %0 = cast(%x) {dtype=f32}
      %1 = add(%a, %0)
      %2 = reduce_sum(%x) {axes=[0]}
      %3 = cast(%2) {dtype=i64}
      %4 = add(%b, %3)
      %5 = greater(%1, %a)
      %6 = logical_xor(%c, %5)
      %7 = cast(%x) {dtype=u8}
      %8 = add(%7, %d)
      %9 = cast(%e) {dtype=f32}
      %10 = add(%9, %1)
      %11 = cast(%10) {dtype=f16}
      return %1, %4, %6, %8, %11, %6
    }}
  return %0, %1, %2, %3, %4, %5
}"""


@pytest.mark.parametrize("n", [2, 7])
def test_carries_of_many_dtypes(n: int):
    assert_same(
        parse(DTYPES),
        RNG.normal(size=5).astype(np.float32),
        np.asarray(7),
        np.array([True, False, True, False, True]),
        np.arange(5, dtype=np.uint8),
        np.arange(5, dtype=np.float16),
        RNG.integers(-9, 9, (n, 5), np.int32),
    )


NESTED = """graph @f(%table: f64[k, 4], %picks: i64[n, 3], %limit: f64[], %w: f64[4, 4]) {
  %zero = constant() {value=0.0}
  %0: f64[], %1: f64[n, 3, 4], %2: f64[n] = scan(%zero, %picks, %table, %limit, %w) {
    carries=1, scanned=1, length=n, reverse=true,
    body=graph @outer(%sum: f64[], %pick: i64[3], %table: f64[k, 4], %limit: f64[], %w: f64[4, 4]) {
      %0 = gather(%table, %pick)
      %1 = matmul(%0, %w)
      %2 = reduce_sum(%1) {axes=[0, 1]}
      %3 = absolute(%2)
      %4 = while(%3, %limit) {carries=1, records=0,
        condition=graph @c(%v: f64[], %limit: f64[]) { %0 = greater(%v, %limit) return %0 },
        body=graph @b(%v: f64[], %limit: f64[]) {
          %h: f64[] = constant() {value=0.5}
          %0 = multiply(%v, %h)
          return %0
        }}
      %5 = add(%sum, %4)
      %6: bool[] = greater(%2, %sum)
      %7 = cast(%6) {dtype=i64}
      %8 = switch(%7, %1, %2) {branches=[
        graph @no(%m: f64[3, 4], %s: f64[]) { return %m },
        graph @yes(%m: f64[3, 4], %s: f64[]) {
          %0 = broadcast(%s) {dims=[], shape=[3, 4]}
          %1 = scan(%m, %0) {carries=0, scanned=2, length=3, reverse=false,
            body=graph @row(%a: f64[4], %b: f64[4]) {
              %0 = cumsum(%a) {axis=0}
              %1 = subtract(%0, %b)
              return %1
            }}
          return %1
        }]}
      return %5, %8, %4
    }}
  return %0, %1, %2
}""".replace("%zero = constant", "%zero: f64[] = constant")


@pytest.mark.parametrize("n", [2, 8])
def test_loops_in_loops(n: int):
    assert_same(
        parse(NESTED),
        RNG.normal(size=(6, 4)),
        RNG.integers(-6, 6, (n, 3)),
        np.asarray(0.1),
        RNG.normal(size=(4, 4)),
        rtol=1e-10,
    )


def test_operands_that_are_no_plain_arrays():
    """Views, numbers, counters and constants are laid out in memory for a loop."""
    text = """graph @f(%x: f64[n, 3], %y: f64[]) {
      %t = transpose(%x) {permutation=[1, 0]}
      %i = iota() {size=3, dtype=i64}
      %c: f64[3] = constant() {value=[1.0, 2.0, 3.0]}
      %s: f64[] = constant() {value=4.0}
      %b = broadcast(%y) {dims=[], shape=[3]}
      %r = reshape(%x) {shape=[3, n]}
      %d = dim() {size=2*n}
      %p = slice(%x) {starts=[0, 1], steps=[1, 1], shape=[n, 1]}
      %0, %1 = scan(%b, %t, %i, %c, %r, %s, %d, %p) {
        carries=1, scanned=4, length=3, reverse=false,
        body=graph @body(%v: f64[3], %t: f64[n], %i: i64[], %c: f64[], %r: f64[n], %s: f64[],
                         %d: i64[], %p: f64[n, 1]) {
          %0 = add(%t, %r)
          %1 = cast(%i) {dtype=f64}
          %2 = add(%1, %c)
          %3 = add(%2, %s)
          %4 = cast(%d) {dtype=f64}
          %5 = multiply(%3, %4)
          %6 = broadcast(%5) {dims=[], shape=[3]}
          %7 = add(%v, %6)
          %8 = reshape(%p) {shape=[n]}
          %9 = add(%0, %8)
          return %7, %9
        }}
      return %0, %1, %x
    }"""
    assert_same(parse(text), RNG.normal(size=(5, 3)), np.asarray(2.0))


def test_one_array_in_many_places():
    """Initial carries, results and captured values that are the same array, or unchanged."""
    text = """graph @f(%x: f64[4], %y: f64[4]) {
      %0, %1, %2 = scan(%x, %x, %y, %x) {carries=2, scanned=0, length=3, reverse=false,
        body=graph @body(%a: f64[4], %b: f64[4], %y: f64[4], %x: f64[4]) {
          %0 = add(%a, %x)
          return %0, %b, %y
        }}
      return %0, %1, %2, %0, %x
    }"""
    assert_same(parse(text), RNG.normal(size=4), RNG.normal(size=4))


RECORD = """graph @f(%n: i64[], %x: f64[k]) {
  %zero: i64[] = constant() {value=0}
  %0, %1, %2, %3, %4 = while(%zero, %x, %n) {carries=2, records=2,
    condition=graph @c(%i: i64[], %x: f64[k], %n: i64[]) { %0 = less(%i, %n) return %0 },
    body=graph @b(%i: i64[], %x: f64[k], %n: i64[]) {
      %one: i64[] = constant() {value=1}
      %0 = add(%i, %one)
      %1 = sin(%x)
      return %0, %1, %x, %i
    }}
  %5: f64[k], %6: i64[] = replay(%2, %1, %zero, %3, %4, %x) {carries=2, tapes=2,
    body=graph @r(%v: f64[k], %s: i64[], %x: f64[k], %i: i64[], %y: f64[k]) {
      %0 = cos(%x)
      %1 = multiply(%0, %v)
      %2 = add(%1, %y)
      %3 = subtract(%i, %s)
      return %2, %3
    }}
  return %0, %1, %2, %5, %6
}"""


@pytest.mark.parametrize("n", [0, 1, 4, 5, 1000])
def test_a_while_replayed(n: int):
    assert_same(parse(RECORD), np.asarray(n), RNG.normal(size=7), rtol=1e-12)
    nothing = RECORD.replace("f64[k]", "f64[0]")
    assert_same(parse(nothing), np.asarray(n), np.zeros(0))


def test_records_from_many_threads():
    program = compile_native(parse(RECORD))
    x = RNG.normal(size=300)
    expected = {n: interpret(parse(RECORD), [np.asarray(n), x]) for n in (0, 3, 700)}
    wrong = []

    def work(n: int) -> None:
        for _ in range(20):
            for got, wanted in zip(program.call(np.asarray(n), x), expected[n], strict=True):
                if not np.allclose(got, wanted):
                    wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (0, 3, 700, 700)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


STACKED = """graph @f(%xs: f64[n], %one: f64[]) {
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


def test_tapes_may_be_stacked():
    assert_same(parse(STACKED), np.array([1.0, 3.0, 4.0, 60.0]), np.asarray(1.0))


def test_records_of_an_iteration_end_with_it():
    """A long loop whose body records must not hold on to all records."""
    text = """graph @f(%xs: f64[n, 100000], %k: i64[]) {
      %0 = scan(%xs, %k) {carries=0, scanned=1, length=n, reverse=false,
        body=graph @body(%x: f64[100000], %k: i64[]) {
          %zero: i64[] = constant() {value=0}
          %0, %1, %2, %3 = while(%zero, %x, %k) {carries=2, records=1,
            condition=graph @c(%i: i64[], %x: f64[100000], %k: i64[]) {
              %0 = less(%i, %k) return %0 },
            body=graph @b(%i: i64[], %x: f64[100000], %k: i64[]) {
              %one: i64[] = constant() {value=1}
              %0 = add(%i, %one)
              %1 = negative(%x)
              return %0, %1, %x
            }}
          %4 = replay(%2, %1, %3) {carries=1, tapes=1,
            body=graph @r(%v: f64[100000], %x: f64[100000]) { %0 = add(%v, %x) return %0 }}
          %5 = reduce_sum(%4) {axes=[0]}
          return %5
        }}
      return %0
    }"""
    (loop,) = lower_graph(parse(text)).steps
    assert isinstance(loop, ScanLoop) and loop.body.frees_tapes
    assert_same(parse(text), RNG.normal(size=(30, 100000)), np.asarray(9), rtol=1e-7)


def test_a_fault_ends_a_loop():
    text = """graph @f(%x: f64[3], %i: i64[]) {
      %0, %1 = while(%i, %i, %x) {carries=2, records=0,
        condition=graph @c(%i: i64[], %j: i64[], %x: f64[3]) { %0 = less_equal(%j, %j) return %0 },
        body=graph @b(%i: i64[], %j: i64[], %x: f64[3]) {
          %0 = gather(%x, %i)
          %1 = cast(%0) {dtype=i64}
          %2 = add(%i, %1)
          return %2, %j
        }}
      return %0
    }"""
    with pytest.raises(IndexError, match="out of bounds"):
        compile_native(parse(text)).call(np.ones(3), np.asarray(0))


def test_no_memory_for_records():
    text = """graph @f(%i: i64[]) {
      %0, %1, %2 = while(%i) {carries=1, records=1,
        condition=graph @c(%i: i64[]) { %0 = less_equal(%i, %i) return %0 },
        body=graph @b(%i: i64[]) {
          %0 = add(%i, %i)
          %1 = broadcast(%i) {dims=[], shape=[%HUGE]}
          return %0, %1
        }}
      return %1
    }""".replace("%HUGE", str(1 << 58))
    with pytest.raises(MemoryError):
        compile_native(parse(text)).call(np.asarray(0))
