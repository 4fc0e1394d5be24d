"""Whole graphs as machine code against the interpreter, and how many kernels they become."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.schedule import STREAM_BYTES
from tensorwright.compiler.kernel.steps import lower_graph
from tests.support.native import assert_same, run_native

M, N, K = 7, 19, 5


def _random(*shape: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@dataclass(frozen=True)
class Case:
    """A graph, the shapes of its f64 inputs, and the number of steps it should become."""

    name: str
    steps: int
    shapes: tuple[tuple[int, ...], ...]
    text: str


CASES = [
    Case(
        "map",
        1,
        ((N,), (N,)),
        """graph @g(%x: f64[n], %y: f64[n]) {
          %0: f64[n] = add(%x, %y)
          %1: f64[n] = multiply(%0, %x)
          return %1
        }""",
    ),
    Case(
        "two outputs of one loop",
        1,
        ((N,),),
        """graph @g(%x: f64[n]) {
          %0: f64[n] = add(%x, %x)
          %1: f64[n] = multiply(%0, %x)
          return %0, %1
        }""",
    ),
    Case(
        "row kernel in three walks",
        1,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: f64[m] = reduce_max(%x) {axes=[1]}
          %1: f64[m, n] = broadcast(%0) {dims=[0], shape=[m, n]}
          %2: f64[m, n] = subtract(%x, %1)
          %3: f64[m, n] = exp(%2)
          %4: f64[m] = reduce_sum(%3) {axes=[1]}
          %5: f64[m, n] = broadcast(%4) {dims=[0], shape=[m, n]}
          %6: f64[m, n] = divide(%3, %5)
          return %6
        }""",
    ),
    Case(
        "row kernel along the first axis",
        1,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: f64[n] = reduce_sum(%x) {axes=[0]}
          %1: f64[m, n] = broadcast(%0) {dims=[1], shape=[m, n]}
          %2: f64[m, n] = subtract(%x, %1)
          return %0, %2
        }""",
    ),
    Case(
        "keepdims: axes of size 1 do not part a row kernel",
        1,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: f64[m] = reduce_sum(%x) {axes=[1]}
          %1: f64[m, 1] = broadcast(%0) {dims=[0], shape=[m, 1]}
          %2: f64[m, 1] = multiply(%1, %1)
          %3: f64[m, n] = broadcast(%2) {dims=[0, 1], shape=[m, n]}
          %4: f64[m, n] = subtract(%x, %3)
          return %4
        }""",
    ),
    Case(
        "whole array reduced and used",
        1,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: f64[] = reduce_sum(%x) {axes=[0, 1]}
          %1: f64[m, n] = broadcast(%0) {dims=[], shape=[m, n]}
          %2: f64[m, n] = subtract(%x, %1)
          return %0, %2
        }""",
    ),
    Case(
        "different axes are different kernels",
        3,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: i64[m] = argmax(%x) {axes=[1]}
          %1: i64[n] = argmin(%x) {axes=[0]}
          %2: i64[] = argmax(%x) {axes=[0, 1]}
          return %0, %1, %2
        }""",
    ),
    Case(
        "reduction of inner and outer axes of four",
        2,
        ((3, 4, 5, 6),),
        """graph @g(%x: f64[a, b, c, d]) {
          %0: f64[a, c] = reduce_sum(%x) {axes=[1, 3]}
          %1: f64[b, d] = reduce_max(%x) {axes=[0, 2]}
          %2: f64[a, b, c, d] = broadcast(%0) {dims=[0, 2], shape=[a, b, c, d]}
          %3: f64[a, b, c, d] = subtract(%x, %2)
          return %1, %3
        }""",
    ),
    Case(
        "transposed and reversed",
        1,
        ((M, N), (N, M)),
        """graph @g(%x: f64[m, n], %y: f64[n, m]) {
          %0: f64[n, m] = transpose(%x) {permutation=[1, 0]}
          %1: f64[n, m] = add(%0, %y)
          %2: f64[n, m] = slice(%0) {shape=[n, m], starts=[n - 1, 0], steps=[-1, 1]}
          %3: f64[n, m] = slice(%y) {shape=[n, m], starts=[0, m - 1], steps=[1, -1]}
          %4: f64[n, m] = add(%3, %2)
          return %1, %4
        }""",
    ),
    Case(
        "parts are computed into their places",
        1,
        ((M, N), (M, N)),
        """graph @g(%x: f64[m, n], %y: f64[m, n]) {
          %0: f64[m, n] = add(%x, %y)
          %1: f64[m, 2*n] = concatenate(%0, %y) {axis=1}
          return %1
        }""",
    ),
    Case(
        "stencil with slice assignment",
        2,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          guard n - 2 >= 0
          %0: f64[m, n - 2] = slice(%x) {shape=[m, n - 2], starts=[0, 2], steps=[1, 1]}
          %1: f64[m, n - 2] = slice(%x) {shape=[m, n - 2], starts=[0, 0], steps=[1, 1]}
          %2: f64[m, n - 2] = add(%0, %1)
          %3: f64[m, n] = update_slice(%x, %2) {starts=[0, 1], steps=[1, 1]}
          return %3
        }""",
    ),
    Case(
        "an update that reads what it overwrites",
        4,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          guard n - 2 >= 0
          %0: f64[m, n - 2] = slice(%x) {shape=[m, n - 2], starts=[0, 2], steps=[1, 1]}
          %1: f64[m, n] = update_slice(%x, %0) {starts=[0, 1], steps=[1, 1]}
          %2: f64[m, n - 2] = slice(%1) {shape=[m, n - 2], starts=[0, 1], steps=[1, 1]}
          %3: f64[m, n] = update_slice(%1, %2) {starts=[0, 0], steps=[1, 1]}
          return %3
        }""",
    ),
    Case(
        "updates one after the other share an array",
        3,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          guard n - 2 >= 0
          %0: f64[m, n - 2] = slice(%x) {shape=[m, n - 2], starts=[0, 2], steps=[1, 1]}
          %1: f64[m, n] = update_slice(%x, %0) {starts=[0, 1], steps=[1, 1]}
          %2: f64[m, n - 2] = multiply(%0, %0)
          %3: f64[m, n] = update_slice(%1, %2) {starts=[0, 0], steps=[1, 1]}
          return %3
        }""",
    ),
    Case(
        "running sums",
        2,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: f64[m, n] = cumsum(%x) {axis=1}
          %1: f64[m, n] = cumsum(%x) {axis=0}
          %2: f64[m, n] = multiply(%0, %x)
          return %0, %1, %2
        }""",
    ),
    Case(
        "matrix products of transposed operands need no copies",
        2,  # the multiplication is done where the first product is written
        ((M, K), (K, N)),
        """graph @g(%x: f64[m, k], %y: f64[k, n]) {
          %0: f64[m, n] = matmul(%x, %y)
          %1: f64[n, k] = transpose(%y) {permutation=[1, 0]}
          %2: f64[k, m] = transpose(%x) {permutation=[1, 0]}
          %3: f64[n, m] = matmul(%1, %2)
          %4: f64[m, n] = multiply(%0, %0)
          return %4, %3
        }""",
    ),
    Case(
        "matrix product over nothing",
        1,
        ((2, 0), (0, 3)),
        """graph @g(%x: f64[2, 0], %y: f64[0, 3]) {
          %0: f64[2, 3] = matmul(%x, %y)
          return %0
        }""",
    ),
    Case(
        "matrix product without rows",
        1,
        ((0, K), (K, N)),
        """graph @g(%x: f64[0, k], %y: f64[k, n]) {
          %0: f64[0, n] = matmul(%x, %y)
          return %0
        }""",
    ),
    Case(
        "batched matrix product",
        1,
        ((3, M, K), (3, K, N)),
        """graph @g(%x: f64[b, m, k], %y: f64[b, k, n]) {
          %0: f64[b, m, n] = matmul(%x, %y)
          return %0
        }""",
    ),
    Case(
        "counters, sizes and a reshape",
        3,
        ((N,),),
        """graph @g(%x: f64[n]) {
          %0: f64[n] = iota() {dtype=f64, size=n}
          %1: f64[n] = multiply(%x, %0)
          %2: i64[] = dim() {size=3*n + 1}
          %3: f64[2*n] = iota() {dtype=f64, size=2*n}
          %4: f64[2, n] = reshape(%3) {shape=[2, n]}
          return %1, %2, %4
        }""",
    ),
    Case(
        "short rows run side by side",
        1,
        ((N, 3),),
        """graph @g(%x: f64[m, 3]) {
          %0: f64[m, 3] = multiply(%x, %x)
          %1: f64[m] = reduce_sum(%0) {axes=[1]}
          %2: f64[m] = sqrt(%1)
          return %2
        }""",
    ),
    Case(
        "bools",
        1,
        ((M, N),),
        """graph @g(%x: f64[m, n]) {
          %0: f64[m, n] = multiply(%x, %x)
          %1: bool[m, n] = less(%0, %x)
          %2: bool[m] = reduce_any(%1) {axes=[1]}
          %3: bool[n] = reduce_all(%1) {axes=[0]}
          %4: f64[m, n] = select(%1, %x, %0)
          return %1, %2, %3, %4
        }""",
    ),
    Case(
        "an input, twice, and a number",
        2,
        ((N,),),
        """graph @g(%x: f64[n]) {
          %0: f64[] = constant() {value=2.5}
          return %x, %x, %0
        }""",
    ),
    Case(
        "empty",
        2,
        ((0, N),),
        """graph @g(%x: f64[0, n]) {
          %0: f64[n] = reduce_sum(%x) {axes=[0]}
          %1: f64[0, n] = add(%x, %x)
          %2: f64[0] = reduce_max(%1) {axes=[1]}
          return %0, %1, %2
        }""",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_equals_interpreter(case: Case) -> None:
    assert_same(parse(case.text), *(_random(*s) for s in case.shapes), rtol=1e-13)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_number_of_steps(case: Case) -> None:
    assert len(lower_graph(parse(case.text)).steps) == case.steps


@pytest.mark.parametrize("vector_bytes", [16, 32])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_narrower_machines(case: Case, vector_bytes: int) -> None:
    host = host_target()
    if host.vector_bytes < vector_bytes:
        pytest.skip("the host's vectors are narrower")
    target = replace(host, vector_bytes=vector_bytes, has_fma=False)
    arrays = [_random(*s) for s in case.shapes]
    assert_same(parse(case.text), *arrays, rtol=1e-13, target=target)


def test_gather_wraps_and_refuses() -> None:
    graph = parse("""graph @g(%x: f64[m, n], %i: i64[b]) {
      %0: f64[b, n] = gather(%x, %i)
      %1: f64[b] = gather(%x, %i, %i)
      return %0, %1
    }""")
    x = _random(M, N)
    assert_same(graph, x, np.array([0, 3, -1, 6, -7]))
    with pytest.raises(IndexError):
        assert_same(graph, x, np.array([0, 7, 1]))


def test_float16_rounds_after_every_op() -> None:
    graph = parse("""graph @g(%x: f16[n], %y: f16[n]) {
      %0: f16[n] = multiply(%x, %y)
      %1: f16[n] = add(%0, %x)
      %2: f16[n] = divide(%1, %y)
      return %2
    }""")
    assert_same(graph, _random(99, dtype="float16"), _random(99, dtype="float16"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_are_accurate(dtype: str) -> None:
    letter = {"float32": "f32", "float64": "f64"}[dtype]
    graph = parse(f"""graph @g(%x: {letter}[n]) {{
      %0: {letter}[] = reduce_sum(%x) {{axes=[0]}}
      return %0
    }}""")
    x = np.random.default_rng(0).uniform(-1, 1, 10**6).astype(dtype)
    exact = np.sum(x.astype(np.longdouble))
    (got,) = run_native(graph, x)
    assert abs(got - exact) <= np.spacing(np.asarray(exact, dtype))


@pytest.mark.parametrize("extra", [0, 1, 37])
def test_long_loops_write_past_the_caches(extra: int) -> None:
    graph = parse("""graph @g(%x: f32[n], %y: u8[n]) {
      %0: f32[n] = cast(%y) {dtype=f32}
      %1: f32[n] = multiply(%x, %0)
      %2: bool[n] = less(%1, %x)
      return %1, %2
    }""")
    n = 2 * STREAM_BYTES // 10 + extra
    x = np.arange(n, dtype=np.float32)
    assert_same(graph, x, np.arange(n).astype(np.uint8))
