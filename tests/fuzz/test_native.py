"""Random graphs: machine code and the interpreter agree, bit for bit where every op is exact."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import bind_sizes, interpret
from tensorwright.compiler.ir.opdef import OpDef
from tensorwright.compiler.ir.types import DType
from tests.support.graphs import random_graph, random_inputs
from tests.support.native import run_native
from tests.support.same import is_float, widened
from tests.support.thorough import one_in

# their results depend on the order of additions and multiplications
REORDERED = {"reduce_sum", "reduce_prod", "matmul", "cumprod"}
# the sign of a NaN, and of the larger of two zeros, is nobody's promise
SIGN_SENSITIVE = {"signbit", "copysign"}
SEEDS_PER_TEST = 30

# few cheap ops, so that graphs are dense with arrays that are updated and read again
UPDATES = {
    "add",
    "multiply",
    "subtract",
    "update_slice",
    "slice",
    "pad",
    "scatter_add",
    "linear_recurrence",
    "reduce_max",
    "cumsum",
    "reshape",
    "concatenate",
    "transpose",
}


def _exact(op: OpDef) -> bool:
    return not op.ulp and op.name not in SIGN_SENSITIVE


def _updates(op: OpDef) -> bool:
    return op.name in UPDATES


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


def _exact_graph(rng: random.Random) -> Graph:
    return random_graph(rng, allow=_exact, max_nodes=16)


def _update_graph(rng: random.Random) -> Graph:
    return random_graph(rng, allow=_updates, max_nodes=25, dtypes=(DType.F64, DType.I64))


def _check(seed: int, make: Callable[[random.Random], Graph]) -> None:
    rng = random.Random(seed)
    graph = make(rng)
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
        if exact or not is_float(got):
            np.testing.assert_array_equal(widened(got), widened(wanted))
        else:
            rtol = 1e-5 if got.itemsize > 2 else 1e-2
            np.testing.assert_allclose(widened(got), widened(wanted), rtol=rtol)


def _check_all(seeds: range, make: Callable[[random.Random], Graph]) -> None:
    for seed in seeds:
        try:
            _check(seed, make)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


@pytest.mark.parametrize("make", [_exact_graph, _update_graph])
@pytest.mark.parametrize("first", one_in(2, range(0, 300, SEEDS_PER_TEST)))
def test_random_graphs(first: int, make: Callable[[random.Random], Graph]) -> None:
    _check_all(range(first, first + SEEDS_PER_TEST), make)


def test_a_group_waits_for_what_a_merged_one_waits_for() -> None:
    _check(740, _update_graph)


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", [_exact_graph, _update_graph])
@pytest.mark.parametrize("first", range(1000, 20_000, 1000))
def test_many_random_graphs(first: int, make: Callable[[random.Random], Graph]) -> None:
    _check_all(range(first, first + 1000), make)
