"""Arrays that a caller gives away: results computed in their memory, where that is safe."""

import numpy as np
import pytest

from tensorwright.compiler.compile import Compilation, host_target
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.options import Options
from tensorwright.compiler.program import LeafKind, LeafSpec, Signature, tuple_of_leaves
from tensorwright.runtime import load


def compiled(text, reused):
    graph = parse(text)
    leaves = [LeafSpec(LeafKind.ARRAY, v.type) for v in (*graph.inputs, *graph.outputs)]
    count = len(graph.inputs)
    signature = Signature(
        tuple(leaves[:count]),
        tuple(leaves[count:]),
        tuple_of_leaves(count),
        tuple_of_leaves(len(graph.outputs)),
        reused=reused,
    )
    return graph, load(Compilation(graph, signature, Options(), host_target()).program)


STEP = """
graph @g(%x: f32[n, 4], %y: f32[n, 4]) {
  %z = add(%x, %y)
  %w = multiply(%z, %x)
  return %w, %z
}
"""
REVERSED = """
graph @g(%x: f32[n]) {
  %y: f32[n] = slice(%x) {shape=[n], starts=[n - 1], steps=[-1]}
  return %y
}
"""
# the old value is read after the new one is written
TOTAL = """
graph @g(%x: f32[16, 16], %y: f32[16, 16]) {
  %z = add(%x, %y)
  %p = matmul(%z, %x)
  return %z, %p
}
"""
ADDED = """
graph @g(%table: f32[n, 4], %rows: f32[3, 4], %ids: i64[3]) {
  %old = gather(%table, %ids)
  %new = scatter_add(%table, %rows, %ids)
  return %old, %new
}
"""
RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "arrays", "reused", "kept"),
    [
        (STEP, [floats(5, 4), floats(5, 4)], ((0, 0),), ((0, 0),)),
        (STEP, [floats(5, 4), floats(5, 4)], ((1, 0), (0, 1)), ((1, 0), (0, 1))),
        (REVERSED, [floats(7)], ((0, 0),), ()),
        (TOTAL, [floats(16, 16), floats(16, 16)], ((0, 0),), ()),
        (TOTAL, [floats(16, 16), floats(16, 16)], ((1, 0),), ((1, 0),)),
        (ADDED, [floats(6, 4), floats(3, 4), np.array([2, 0, 2])], ((0, 1),), ((0, 1),)),
    ],
)
def test_results_in_arguments(text, arrays, reused, kept):
    graph, program = compiled(text, reused)
    expected = interpret(graph, arrays)
    assert program.program.signature.reused == kept
    given = [a.copy() for a in arrays]
    found = program.call(*given)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    for k, array in enumerate(given):
        places = [n for source, n in kept if source == k]
        if places:
            assert found[places[0]] is array
        else:
            np.testing.assert_array_equal(array, arrays[k])
            assert all(array is not x for x in found)


def test_arguments_that_do_not_fit_are_left_alone():
    _, program = compiled(STEP, ((0, 0),))
    x = floats(5, 4)
    before = x.copy()
    assert program.call(x, floats(6, 4)) is NotImplemented
    np.testing.assert_array_equal(x, before)
