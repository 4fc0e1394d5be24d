"""Random loops and branches: passes and machine code agree with the interpreter, bit for bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import bind_sizes, interpret
from tensorwright.compiler.ir.opdef import OpDef
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.printer import to_text
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.options import Options
from tensorwright.compiler.pipeline import PASSES, run_pipeline
from tests.fuzz.test_native import REORDERED, SIGN_SENSITIVE, UPDATES
from tests.support.graphs import random_graph, random_inputs
from tests.support.native import run_native
from tests.support.random_regions import random_control
from tests.support.same import assert_same_bits

DTYPES = (DType.F64, DType.F32, DType.I64, DType.BOOL)
SEEDS_PER_TEST = 15


def _exact(op: OpDef) -> bool:
    # none of what may raise an error
    return not op.ulp and op.name not in {*REORDERED, *SIGN_SENSITIVE, "power", "integer_power"}


def _updates(op: OpDef) -> bool:
    return op.name in UPDATES


def _graph(seed: int) -> Graph:
    rng = random.Random(seed)
    allow = _updates if seed % 2 else _exact
    body = random_graph(rng, allow=allow, max_nodes=10, dtypes=DTYPES)
    return random_control(rng, body, depth=1 + seed % 3)


def _arrays(seed: int, graph: Graph) -> list[np.ndarray]:
    return [np.array(a, order="C") for a in random_inputs(random.Random(seed), graph)]


def _check(seed: int) -> None:
    graph = _graph(seed)
    text = to_text(graph)
    assert to_text(parse(text)) == text
    optimized = run_pipeline(graph, options=Options(verify=True))
    arrays = _arrays(seed, graph)
    with np.errstate(all="ignore"):
        expected = interpret(graph, arrays)
        assert_same_bits(interpret(optimized, arrays), expected)
    sizes = bind_sizes(graph, [a.shape for a in arrays])
    if any(size < 2 for size in sizes.values()):
        return
    for found in (run_native(graph, *arrays), run_native(optimized, *arrays)):
        for got, wanted in zip(found, expected, strict=True):
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_array_equal(got, wanted)


def _check_all(seeds: range) -> None:
    for seed in seeds:
        try:
            _check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error


@pytest.mark.parametrize("first", range(0, 90, SEEDS_PER_TEST))
def test_random_regions(first: int) -> None:
    _check_all(range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("seed", [3321, 3509, 3641])
def test_a_value_made_twice_of_which_one_is_read(seed: int) -> None:
    _check(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(1000, 5000, 500))
def test_many_random_regions(first: int) -> None:
    _check_all(range(first, first + 500))


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_has_nothing_to_do_on_its_own_result(name: str) -> None:
    for seed in range(30):
        once = run_pipeline(_graph(seed), [PASSES[name]])
        again = run_pipeline(once, [PASSES[name]])
        assert again is once, f"seed {seed}"
