"""Arrays that are overwritten are overwritten when all checks of data have passed."""

from __future__ import annotations

import numpy as np
import pytest

from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.compile import Compilation
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import Kernel, Space
from tensorwright.compiler.kernel.steps import lower_given
from tensorwright.compiler.options import Options
from tensorwright.compiler.program import LeafKind, LeafSpec, Signature, tuple_of_leaves
from tensorwright.runtime import load

# two updates at the same rows, and a look-up behind them
UPDATES = """graph @g(%x: f64[n,4], %y: f64[n,4], %v: f64[k,4], %i: i64[k]) {
  %0: f64[n,4] = scatter_add(%x, %v, %i)
  %1: f64[n,4] = scatter_add(%y, %v, %i)
  %2: f64[k,4] = gather(%0, %i)
  return %0, %1, %2
}"""
# the index is computed from what the first update gives
LATE = """graph @g(%x: f64[n], %v: f64[k], %i: i64[k]) {
  %0: f64[n] = scatter_add(%x, %v, %i)
  %1: f64[k] = gather(%0, %i)
  %2: i64[k] = cast(%1) {dtype=i64}
  %3: f64[k] = gather(%v, %2)
  return %0, %3
}"""
# a whole array is written, and one index is computed
DENSE = """graph @g(%x: f64[n], %y: f64[m], %i: i64[k], %j: i64[2]) {
  %0: f64[n] = add(%x, %x)
  %1: i64[k] = multiply(%i, %i)
  %2: f64[k] = gather(%y, %1)
  %3: f64[2] = gather(%y, %j)
  return %0, %2, %3
}"""


def compiled(graph: Graph, reused: tuple[tuple[int, int], ...]):
    leaves = [LeafSpec(LeafKind.ARRAY, v.type) for v in (*graph.inputs, *graph.outputs)]
    count = len(graph.inputs)
    nests = tuple_of_leaves(count), tuple_of_leaves(len(graph.outputs))
    signature = Signature(tuple(leaves[:count]), tuple(leaves[count:]), *nests, reused=reused)
    return load(Compilation(graph, signature, Options(), host_target()).program)


def test_equal_checks_are_made_once() -> None:
    program, given = lower_given(parse(UPDATES), {0: 0, 1: 1})
    assert given == {0: 0, 1: 1} and program.checked == 1
    check = program.steps[0]
    assert isinstance(check, Kernel) and not check.stores and len(check.axes) == 1
    assert [b.space for b in check.buffers()] == [Space.IN]


def test_without_checks_nothing_is_added() -> None:
    program, given = lower_given(
        parse("graph @g(%x: f64[n]) {\n%y = add(%x, %x)\nreturn %y\n}"), {0: 0}
    )
    assert given == {0: 0} and program.checked is None and len(program.steps) == 1


def test_a_check_that_comes_too_late_keeps_the_array() -> None:
    program, given = lower_given(parse(LATE), {0: 0})
    assert not given and program.checked is None


@pytest.mark.parametrize("count", [2, 3, 300_001])  # many: threads share them
@pytest.mark.parametrize("wrong", [0, 7, -8, 1 << 40])
def test_wrong_indices_change_nothing(count: int, wrong: int) -> None:
    program = compiled(parse(UPDATES), ((0, 0), (1, 1)))
    x, y, v = np.ones((7, 4)), np.ones((7, 4)), np.ones((count, 4))
    i = np.zeros(count, np.int64)
    i[-1] = wrong
    if not wrong:
        found = program.call(x, y, v, i)
        assert x[0, 0] == y[0, 3] == found[0][0, 0] == found[2][0, 0] == count + 1
        return
    for _ in range(2):
        with pytest.raises(IndexError):
            program.call(x, y, v, i)
    assert (x == 1).all() and (y == 1).all()


@pytest.mark.parametrize(("first", "last"), [(2, 5), (3, 4)])
def test_indices_of_other_steps(first: int, last: int) -> None:
    program = compiled(parse(DENSE), ((0, 0),))
    assert program.program.signature.reused == ((0, 0),)
    x, y = np.ones(6), np.arange(5.0)
    with pytest.raises(IndexError):
        program.call(x, y, np.array([1, first]), np.array([0, last]))
    assert (x == 1).all()
    found = program.call(x, y, np.array([1, -2]), np.array([0, -1]))
    assert found[1].tolist() == [1, 4] and found[2].tolist() == [0, 4] and (found[0] == 2).all()
