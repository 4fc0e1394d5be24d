"""Products of many small matrices: written out where that is faster, and right either way."""

from __future__ import annotations

import numpy as np
import pytest

from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import MatmulCall
from tensorwright.compiler.kernel.small_products import write_out_small_products
from tensorwright.compiler.kernel.steps import lower_graph
from tests.support.native import run_native

SMALL = [(1, 1, 1), (3, 3, 3), (1, 8, 5), (5, 8, 1), (30, 1, 40), (1, 100, 1), (2, 4, 70)]
LARGE = [(3, 5, 3), (8, 8, 8), (1, 9, 5), (5, 9, 1), (2, 64, 2)]


def product(stack: str, m: int, k: int, n: int, dtype: str = "f64") -> str:
    return f"""graph @g(%a: {dtype}[{stack}{m}, {k}], %b: {dtype}[{stack}{k}, {n}]) {{
      %0: {dtype}[{stack}{m}, {n}] = matmul(%a, %b)
      return %0
    }}"""


@pytest.mark.parametrize(("sizes", "is_small"), [(s, s in SMALL) for s in SMALL + LARGE])
def test_which_are_written_out(sizes, is_small):
    steps = lower_graph(parse(product("s, ", *sizes))).steps
    assert len(steps) == 1
    assert isinstance(steps[0], MatmulCall) != is_small


def test_a_single_product_is_a_call():
    graph = parse(product("", 3, 3, 3))
    assert write_out_small_products(graph) is graph


@pytest.mark.parametrize("sizes", SMALL + LARGE)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("stack", [(1,), (7,), (2, 3), (0,)])
def test_values(sizes, dtype, stack):
    m, k, n = sizes
    rng = np.random.default_rng(0)
    kind = np.float32 if dtype == "f32" else np.float64
    a = rng.normal(size=(*stack, m, k)).astype(kind)
    b = rng.normal(size=(*stack, k, n)).astype(kind)
    names = "".join(f"s{i}, " if size > 1 else f"{size}, " for i, size in enumerate(stack))
    (found,) = run_native(parse(product(names, *sizes, dtype)), a, b)
    tolerance = 1e-5 if dtype == "f32" else 1e-13
    np.testing.assert_allclose(found, a @ b, rtol=tolerance, atol=tolerance * 10, strict=True)
