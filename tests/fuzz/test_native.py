"""Random graphs: machine code and the interpreter agree, bit for bit where every op is exact."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import bind_sizes, interpret
from tensorwright.compiler.ir.opdef import OpDef
from tensorwright.compiler.ir.types import DType
from tests.support.graphs import random_graph, random_inputs
from tests.support.native import run_native

# their results depend on the order of additions and multiplications
REORDERED = {"reduce_sum", "reduce_prod", "matmul", "cumprod"}
SEEDS_PER_TEST = 30


def _exact(op: OpDef) -> bool:
    return not op.ulp


def _runs_natively(graph: Graph) -> bool:
    """BLAS has real matrices only; the frontend makes other products of sums."""
    products = [n.inputs[0].type.dtype for n in graph.nodes if n.op.name == "matmul"]
    return all(dtype in (DType.F32, DType.F64) for dtype in products)


def _small_integers(array: np.ndarray) -> np.ndarray:
    """Values whose sums and products are exact in any order, or nearly so."""
    if array.dtype.kind != "f":
        return array
    finite = np.nan_to_num(array, posinf=3, neginf=-3)
    return np.asarray(np.round(np.fmod(finite, 5)), array.dtype)


def _check(seed: int) -> None:
    rng = random.Random(seed)
    graph = random_graph(rng, allow=_exact, max_nodes=16)
    arrays = [np.array(a, order="C") for a in random_inputs(rng, graph)]
    sizes = bind_sizes(graph, [a.shape for a in arrays])
    if not _runs_natively(graph) or any(size < 2 for size in sizes.values()):
        return
    exact = not any(node.op.name in REORDERED for node in graph.nodes)
    if not exact:
        arrays = [_small_integers(a) for a in arrays]
    with np.errstate(all="ignore"):
        try:
            expected = interpret(graph, arrays)
        except (ValueError, IndexError) as error:
            with pytest.raises(type(error)):
                run_native(graph, *arrays)
            return
    for got, wanted in zip(run_native(graph, *arrays), expected, strict=True):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        if exact or got.dtype.kind != "f":
            np.testing.assert_array_equal(got, wanted)
        else:
            rtol = 1e-2 if got.dtype == np.float16 else 1e-5
            np.testing.assert_allclose(got, wanted, rtol=rtol)


@pytest.mark.parametrize("first", range(0, 300, SEEDS_PER_TEST))
def test_random_graphs(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        try:
            _check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(1000, 20_000, 1000))
def test_many_random_graphs(first: int) -> None:
    for seed in range(first, first + 1000):
        try:
            _check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
