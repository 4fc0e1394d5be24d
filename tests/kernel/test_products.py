"""Large matrix products in tiles: which are, their values, and elementwise work on them."""

from __future__ import annotations

import numpy as np
import pytest

from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import Convolution, MatmulCall
from tensorwright.compiler.kernel.steps import lower_graph
from tests.support.native import run_native

SIZES = [(128, 784, 128), (100, 300, 61), (1000, 64, 64), (64, 5000, 70), (9, 4000, 31)]
SIZES += [(8, 8, 9000), (300, 1000, 10), (33, 257, 515)]
SIZES += [(16, 600, 64), (32, 700, 96), (57, 100, 512)]  # the right matrix is read where it lies
SIZES += [(700, 1024, 530), (340, 2048, 1030)]  # rows share places in the first cache
SIZES += [(1100, 450, 520)]  # wide units also of sums over positions
TURNED = [(False, False), (False, True), (True, False), (True, True)]


def product(
    sizes: tuple[int, int, int], turned: tuple[bool, bool], dtype: str = "f32", rows: str = ""
) -> Graph:
    """A product of matrices that may lie transposed; `rows` is a name for their number."""
    m, k, n = (rows or str(sizes[0])), sizes[1], sizes[2]
    a = f"{k}, {m}" if turned[0] else f"{m}, {k}"
    b = f"{n}, {k}" if turned[1] else f"{k}, {n}"
    lines = [f"graph @g(%a: {dtype}[{a}], %b: {dtype}[{b}]) {{"]
    if turned[0]:
        lines.append(f"  %ta: {dtype}[{m}, {k}] = transpose(%a) {{permutation=[1, 0]}}")
    if turned[1]:
        lines.append(f"  %tb: {dtype}[{k}, {n}] = transpose(%b) {{permutation=[1, 0]}}")
    operands = ", ".join(
        "%t" * t + "%" * (not t) + name for t, name in zip(turned, "ab", strict=True)
    )
    lines += [f"  %0: {dtype}[{m}, {n}] = matmul({operands})", "  return %0", "}"]
    return parse("\n".join(lines))


def operands(graph: Graph, rows: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = [[n if isinstance(n, int) else rows for n in v.type.shape] for v in graph.inputs]
    return [rng.normal(size=s).astype(graph.inputs[0].type.dtype.numpy) for s in shapes]


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    tolerance = 2e-6 if expected.dtype == np.float32 else 1e-14
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("sizes", SIZES)
def test_values(sizes: tuple[int, int, int], turned: tuple[bool, bool], dtype: str) -> None:
    graph = product(sizes, turned, dtype)
    (step,) = lower_graph(graph).steps
    assert isinstance(step, MatmulCall if all(turned) else Convolution)
    a, b = operands(graph)
    expected = (a.T if turned[0] else a).astype(float) @ (b.T if turned[1] else b).astype(float)
    assert_close(run_native(graph, a, b)[0], expected.astype(a.dtype))


@pytest.mark.parametrize("turned", TURNED[:3])
def test_any_number_of_rows(turned: tuple[bool, bool]) -> None:
    graph = product((0, 300, 40), turned, rows="n")
    for rows in (2, 13, 200):
        arrays = operands(graph, rows)
        assert_close(run_native(graph, *arrays)[0], interpret(graph, arrays)[0])


@pytest.mark.parametrize(
    "sizes", [(16, 16, 16), (64, 64, 64), (1, 4096, 4096), (4096, 4096, 1), (64, 1 << 21, 64)]
)
def test_small_ones_vectors_and_long_sums_are_calls(sizes: tuple[int, int, int]) -> None:
    (step,) = lower_graph(product(sizes, (False, False))).steps
    assert isinstance(step, MatmulCall)


def test_a_dense_layer_is_one_step() -> None:
    graph = parse("""graph @g(%x: f32[64, 300], %w: f32[300, 200], %b: f32[200]) {
      %0: f32[64, 200] = matmul(%x, %w)
      %1: f32[64, 200] = broadcast(%b) {dims=[1], shape=[64, 200]}
      %2: f32[64, 200] = add(%0, %1)
      %3: f32[64, 200] = tanh(%2)
      return %3
    }""")
    (step,) = lower_graph(graph).steps
    assert isinstance(step, Convolution)
    assert step.epilogue is not None
    arrays = operands(graph)
    assert_close(run_native(graph, *arrays)[0], interpret(graph, arrays)[0])
