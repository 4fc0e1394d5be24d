"""Pads and scatters in kernels: what they give on several targets, and how many loops there are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import Kernel, KernelProgram
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.compiler.pipeline import run_pipeline
from tensorwright.compiler.target import Target
from tests.support.native import assert_same, run_native
from tests.support.thorough import one_in

TARGETS = {
    "host": host_target(),
    "x86-64": Target("x86-64", "", 16, False),
    "haswell": Target("haswell", "", 32, True),
}
NUMBERS = ("float64", "float32", "float16", "int8", "int64", "bool")
TEXT = {"float64": "f64", "float32": "f32", "float16": "f16", "int8": "i8", "int64": "i64"}


def random(dtype: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape).astype(dtype)


# --- pads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "target", "size"),
    one_in(2, list(itertools.product(NUMBERS, TARGETS, [1, 2, 7, 16, 150]))),
)
def test_pads_are_read_through(dtype: str, size: int, target: str) -> None:
    if TARGETS[target].vector_bytes > host_target().vector_bytes:
        pytest.skip("this processor is older still")
    t, add = TEXT.get(dtype, "bool"), "logical_or" if dtype == "bool" else "add"
    n, wide, last = ("n", "n + 40", "n - 1") if size > 1 else (1, 41, 0)  # n is not 1
    graph = parse(f"""graph @g(%x: {t}[3, {n}]) {{
      %0: {t}[6, {wide}] = pad(%x) {{shape=[6, {wide}], starts=[1, 0]}}
      %1: {t}[6, {wide}] = pad(%x) {{shape=[6, {wide}], starts=[0, 37]}}
      %2: {t}[3, {n}] = slice(%x) {{shape=[3, {n}], starts=[2, {last}], steps=[-1, -1]}}
      %3: {t}[6, {wide}] = pad(%2) {{shape=[6, {wide}], starts=[3, 8]}}
      %4: {t}[6, {wide}] = {add}(%0, %1)
      %5: {t}[6, {wide}] = {add}(%4, %3)
      %6: {t}[{wide}, 6] = transpose(%5) {{permutation=[1, 0]}}
      return %5, %6
    }}""")
    assert len(lower_graph(graph).steps) <= 2
    assert_same(graph, random(dtype, 3, size), target=TARGETS[target])


def test_pads_of_what_is_stored_nowhere() -> None:
    graph = parse("""graph @g(%x: f64[n]) {
      %0: i64[n] = iota() {dtype=i64, size=n}
      %1: i64[n + 3] = pad(%0) {shape=[n + 3], starts=[2]}
      %2: f64[] = constant() {value=1.5}
      %3: f64[n] = broadcast(%2) {dims=[], shape=[n]}
      %4: f64[n + 3] = pad(%3) {shape=[n + 3], starts=[1]}
      %5: bool[] = constant() {value=true}
      %6: bool[n] = broadcast(%5) {dims=[], shape=[n]}
      %7: bool[n + 3] = pad(%6) {shape=[n + 3], starts=[3]}
      %8: f64[n + 3] = pad(%x) {shape=[n + 3], starts=[0]}
      %9: f64[n + 3] = cumsum(%8) {axis=0}
      %10: f64[] = reduce_max(%8) {axes=[0]}
      return %1, %4, %7, %9, %10
    }""")
    assert_same(graph, np.arange(-4.0, 7.0))


def test_pads_as_operands_that_are_copied() -> None:
    graph = parse("""graph @g(%x: f64[2, 3], %i: i64[4]) {
      %0: f64[4, 4] = pad(%x) {shape=[4, 4], starts=[1, 1]}
      %1: f64[4, 4] = matmul(%0, %0)
      %2: f64[4, 4] = gather(%0, %i)
      %3: f64[16] = reshape(%0) {shape=[16]}
      %4: f64[4, 8] = concatenate(%0, %0) {axis=1}
      return %0, %1, %2, %3, %4
    }""")
    assert_same(graph, random("float64", 2, 3), np.array([1, -1, 2, 1]), rtol=1e-13)


# --- scatters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "target", "tail"),
    one_in(2, list(itertools.product(NUMBERS, TARGETS, ["", ", 1", ", 3", ", 40", ", 2, 3"]))),
)
def test_scatters(dtype: str, tail: str, target: str) -> None:
    if TARGETS[target].vector_bytes > host_target().vector_bytes:
        pytest.skip("this processor is older still")
    t = TEXT.get(dtype, "bool")
    rest = [int(s) for s in tail.split(", ") if s]
    for count in (0, 1, 2, 37):
        k = "k" if count > 1 else count
        graph = parse(f"""graph @g(%x: {t}[n{tail}], %v: {t}[{k}{tail}], %i: i64[{k}]) {{
          %0: {t}[n{tail}] = scatter_add(%x, %v, %i)
          return %0
        }}""")
        index = np.random.default_rng(count).integers(-5, 5, count)
        x, v = random(dtype, 5, *rest), random(dtype, count, *rest)
        before = x.copy()
        assert_same(graph, x, v, index, target=TARGETS[target])
        np.testing.assert_array_equal(x, before)


def test_sums_are_taken_in_order() -> None:
    graph = parse("""graph @g(%x: f64[2], %v: f64[6], %i: i64[6]) {
      %0: f64[2] = scatter_add(%x, %v, %i)
      return %0
    }""")
    values = np.array([1e16, 1.0, -1e16, 1.0, 1.0, 1.0])
    (found,) = run_native(graph, np.zeros(2), values, np.array([0, 0, 0, 0, 1, 1]))
    np.testing.assert_array_equal(found, [1.0, 2.0])


@pytest.mark.parametrize("wrong", [3, -4, 2**62])
@pytest.mark.parametrize("tail", ["", ", 20"])
def test_wrong_indices_raise(wrong: int, tail: str) -> None:
    graph = parse(f"""graph @g(%x: f64[n{tail}], %v: f64[k{tail}], %i: i64[k]) {{
      %0: f64[n{tail}] = scatter_add(%x, %v, %i)
      return %0
    }}""")
    rest = [20] if tail else []
    for place in (0, 9):
        index = np.zeros(10, np.int64)
        index[place] = wrong
        with pytest.raises(IndexError):
            run_native(graph, np.zeros((3, *rest)), np.ones((10, *rest)), index)


def test_nothing_is_written_to_empty_arrays() -> None:
    graph = parse("""graph @g(%x: f64[n], %v: f64[k], %i: i64[k]) {
      %0: f64[n - 2] = slice(%x) {shape=[n - 2], starts=[0], steps=[1]}
      %1: f64[n - 2] = scatter_add(%0, %v, %i)
      return %1
    }""")
    with pytest.raises(IndexError):
        run_native(graph, np.zeros(2), np.ones(5), np.zeros(5, np.int64))
    assert_same(graph, np.zeros(4), np.ones(5), np.array([0, 1, 0, -1, -2]))


def test_several_indices_and_computed_operands() -> None:
    graph = parse("""graph @g(%x: f64[3, 4, m], %i: i64[a, b], %v: f64[a, b, m]) {
      %0: i64[a, b] = negative(%i)
      %1: f64[a, b, m] = square(%v)
      %2: f64[3, 4, m] = scatter_add(%x, %1, %i, %0)
      %3: f64[3, 4, m] = multiply(%2, %x)
      return %2, %3
    }""")
    index = np.random.default_rng(0).integers(-2, 3, (2, 5))
    assert_same(graph, random("float64", 3, 4, 6), index, random("float64", 2, 5, 6))


def test_scatters_read_before_they_add() -> None:
    """Values and indices taken from the base, and what else reads it, see it as it was."""
    graph = parse("""graph @g(%x: i64[n]) {
      %0: i64[n] = add(%x, %x)
      %1: i64[n] = scatter_add(%0, %0, %x)
      %2: i64[n] = scatter_add(%1, %x, %x)
      %3: i64[n] = add(%1, %2)
      return %3
    }""")
    assert_same(graph, np.array([2, 0, 1, 1, -1]))


def test_a_scatter_adds_in_place() -> None:
    graph = parse("""graph @g(%x: f64[1000], %i: i64[10], %v: f64[10]) {
      %0: f64[1000] = square(%x)
      %1: f64[1000] = scatter_add(%0, %v, %i)
      %2: f64[1000] = scatter_add(%1, %v, %i)
      return %2
    }""")
    program = lower_graph(graph)
    assert [step.axes for step in kernels(program)] == [(1000,), (10,), (10,)]
    assert not program.arena
    assert_same(graph, random("float64", 1000), np.arange(10) // 3, random("float64", 10))


def kernels(program: KernelProgram) -> list[Kernel]:
    return [step for step in program.steps if isinstance(step, Kernel)]


# --- structure of gradients ----------------------------------------------------------------------


def program_of(function: Any, *arguments: np.ndarray) -> KernelProgram:
    lowered = function.lower(*arguments)
    return lower_graph(run_pipeline(parse(lowered.text("graph"))))


def step(u: Any) -> Any:
    new = u.copy()
    new[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])
    return new


def test_a_step_of_a_stencil_is_one_loop_in_each_direction() -> None:
    u = np.random.default_rng(0).random((100, 100))
    for count in (1, 2, 5):

        def loss(u: Any, count: int = count) -> Any:
            for _ in range(count):
                u = step(u)
            return np.sum(u**2)

        program = program_of(tw.grad(loss), u)
        assert len(program.steps) == 2 * count
        assert sum(program.arena) <= 2 * u.nbytes + 64


def test_a_stencil_alone_is_one_loop_back() -> None:
    u, c = np.random.default_rng(0).random((100, 100)), np.ones((98, 98))

    def loss(u: Any, c: Any) -> Any:
        return np.sum(c * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]))

    program = program_of(tw.grad(loss), u, c)
    assert len(program.steps) == 1 and not program.arena


def test_rows_that_are_picked_are_added_in_place() -> None:
    x = np.random.default_rng(0).random((1000, 50))

    def loss(x: Any) -> Any:
        return sum((k + 1.0) * np.sum(x[k] ** 2) for k in range(0, 1000, 20))

    found = kernels(program_of(tw.grad(loss), x))
    assert len(found) == 51
    assert [k.axes for k in found].count((50_000,)) == 1, "zeros are written once"


def test_pieces_of_a_whole_are_joined() -> None:
    x = np.random.default_rng(0).random((20, 500))

    def loss(x: Any) -> Any:
        return sum(np.sum(row ** (k + 1)) for k, row in enumerate(x))

    program = program_of(tw.grad(loss), x)
    assert not any(k.axes == (10_000,) for k in kernels(program)), "no zeros are written"
    assert not program.arena


def test_windows_are_not_stored_for_the_gradient_of_taps() -> None:
    x, taps = np.random.default_rng(0).random(5000), np.linspace(1.0, 2.0, 12)

    def loss(x: Any, w: Any) -> Any:
        return np.sum(np.convolve(x, w, "valid") ** 2)

    program = program_of(tw.grad(loss, 1), x, taps)
    assert sum(program.arena) < 2 * x.nbytes
    windows = np.lib.stride_tricks.sliding_window_view(x, 12)
    expected = (2 * np.convolve(x, taps, "valid") @ windows)[::-1]
    np.testing.assert_allclose(tw.grad(loss, 1)(x, taps), expected, rtol=1e-12)


def test_a_convolution_goes_back_in_one_loop() -> None:
    x, taps = np.random.default_rng(0).random(500), np.ones(5)
    program = program_of(tw.grad(lambda x, w: np.sum(np.convolve(x, w, "valid"))), x, taps)
    assert len(program.steps) == 1 and not program.arena
