"""Which loops are written past the caches, and that nothing else about them changes."""

from __future__ import annotations

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.kernel.form import Kernel
from tensorwright.compiler.kernel.schedule import STREAM_BYTES, Schedule, schedule
from tensorwright.compiler.kernel.steps import lower_graph


def scheduled(size: int | str, *body: str) -> Schedule:
    """The schedule of one loop over %x and %y, f32 arrays of `size`."""
    lines = [f"%{k}: f32[{size}] = {op}" for k, op in enumerate(body)]
    text = f"graph @g(%x: f32[{size}], %y: f32[{size}]) {{\n"
    graph = parse(text + "\n".join(lines) + f"\nreturn %{len(body) - 1}\n}}")
    (kernel,) = lower_graph(graph).steps
    assert isinstance(kernel, Kernel)
    return schedule(kernel, host_target())


CHEAP = ("add(%x, %y)", "multiply(%0, %x)")
LONGER = ("exp(%x)", "multiply(%0, %y)")
BOUND_BY_ARITHMETIC = ("sin(%x)", "tan(%y)", "multiply(%0, %1)")
LONG = STREAM_BYTES  # elements: four times and more what is needed


@pytest.mark.parametrize("body", [CHEAP, LONGER])
def test_long_loops_that_memory_bounds_write_past_the_caches(body):
    assert scheduled(LONG, *body).stream_from is not None
    assert scheduled(1000, *body).stream_from is None


def test_of_unknown_size_only_cheap_loops_stand_there_twice():
    assert scheduled("n", *CHEAP).stream_from is not None
    assert scheduled("n", *LONGER).stream_from is None


def test_loops_that_arithmetic_bounds_do_not():
    assert scheduled(LONG, *BOUND_BY_ARITHMETIC).stream_from is None


def test_longer_bodies_are_streamed_in_vectors_of_their_own_width():
    """LLVM takes as many times longer for wider ones, and rare arguments have 64 bits at most."""
    cheap, longer = scheduled(LONG, *CHEAP), scheduled(LONG, *LONGER)
    assert cheap.stream_lanes > cheap.lanes
    assert longer.stream_lanes == longer.lanes


@pytest.mark.parametrize("function", [np.exp, np.sin])
def test_values_do_not_depend_on_how_they_are_written(function):
    def wave(x, y):
        return function(x) * y

    n = STREAM_BYTES // 12 + 1037
    x = np.linspace(-80, 80, n, dtype=np.float32)
    x[::99991] = 1e30  # arguments that are repaired one by one
    y = np.linspace(1, 2, n, dtype=np.float32)
    whole, short = tw.jit(wave)(x, y), tw.jit(wave)
    for start in range(0, n, n // 4):
        at = slice(start, start + 100_003)
        np.testing.assert_array_equal(whole[at], short(x[at], y[at]))
