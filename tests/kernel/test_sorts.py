"""Sorts that are written out as counts, against the sorts themselves."""

import numpy as np
import pytest

from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.opdef import Kind
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ir.verify import verify
from tensorwright.compiler.kernel.write_out_sorts import write_out_sorts
from tests.ops.test_sorting import graph_of, mixed, same_bits


@pytest.mark.parametrize("op", ["sort", "argsort"])
@pytest.mark.parametrize("dtype", DType, ids=str)
def test_same_as_sorts(dtype, op):
    for shape in [(4, 7), (9,), (0,), (2, 0), (1,)]:
        x = mixed(dtype, shape)
        for sizes in (shape, ("n", "m")[: len(shape)]):
            graph = graph_of(op, dtype, sizes)
            written = write_out_sorts(graph)
            verify(written)
            assert not any(node.op.kind is Kind.SORT for node in written.nodes)
            assert same_bits(interpret(written, [x])[0], interpret(graph, [x])[0])


def test_others_stay():
    graph = parse("""graph @f(%x: f64[3]) {
      %0: f64[3] = negative(%x)
      return %0
    }""")
    assert write_out_sorts(graph) is graph


def test_in_loops():
    graph = parse("""graph @f(%x: f64[3], %xs: f64[2, 3]) {
      %0: f64[3] = scan(%x, %xs) {carries=1, length=2, reverse=false, scanned=1,
        body=graph @body(%a: f64[3], %b: f64[3]) {
          %0: f64[3] = sort(%b)
          %1: f64[3] = add(%a, %0)
          return %1
      }}
      return %0
    }""")
    x, xs = np.zeros(3), np.array([[3.0, 1.0, 2.0], [5.0, 6.0, 4.0]])
    (found,) = interpret(write_out_sorts(graph), [x, xs])
    np.testing.assert_array_equal(found, [5.0, 7.0, 9.0])
