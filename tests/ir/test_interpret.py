import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.graphs import graphs, random_inputs
from tensorwright.compiler.errors import ShapeError
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.parser import parse

REVERSED_TAIL = """\
graph @f(%x: f64[n]) {
  guard n - 2 >= 0
  %0: f64[n - 2] = slice(%x) {starts=[n - 1], steps=[-1], shape=[n - 2]}
  %1: i64[] = dim() {size=n*n}
  return %0, %1
}
"""


def test_sizes_come_from_the_inputs():
    tail, square = interpret(parse(REVERSED_TAIL), [np.arange(5.0)])
    np.testing.assert_array_equal(tail, [4.0, 3.0, 2.0])
    assert square.dtype == np.int64 and square == 25


def test_guards_are_checked():
    with pytest.raises(ShapeError, match="n - 2 >= 0 does not hold"):
        interpret(parse(REVERSED_TAIL), [np.arange(1.0)])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([np.zeros((2, 2))], "expected f64\\[n\\], got shape"),
        ([np.zeros(2, np.float32)], "expected f64\\[n\\], got float32"),
        ([], "expected 1 arrays, got 0"),
    ],
)
def test_wrong_inputs_are_refused(arrays, message: str):
    with pytest.raises(ShapeError, match=message):
        interpret(parse(REVERSED_TAIL), arrays)


@settings(max_examples=100, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_every_reference_gives_what_infer_promises(graph: Graph, rng: random.Random):
    interpret(graph, random_inputs(rng, graph))
