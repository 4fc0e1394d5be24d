"""Convolutions as kernels: every geometry, on machines with short and long vectors."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.opdef import Kind
from tensorwright.compiler.ir.parser import parse, parse_type
from tensorwright.compiler.ir.term import Term
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.kernel.form import Convolution
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.compiler.kernel.write_out_convolutions import write_out_narrow_convolutions
from tensorwright.compiler.ops.convolve import input_gradient, places
from tensorwright.compiler.passes.prune import PRUNE
from tests.support.guarded import page_end
from tests.support.native import compile_native, run_native
from tests.support.thorough import one_in


@dataclass(frozen=True)
class Case:
    """Sizes and geometry; numbers left out are 1, and no padding."""

    x: tuple[int, ...]
    window: tuple[int, ...]
    features: int
    strides: tuple[int, ...] = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: tuple[int, ...] = ()
    spread: tuple[int, ...] = ()
    groups: int = 1

    @property
    def geometry(self) -> dict[str, Any]:
        ones = (1,) * len(self.window)
        return {
            "strides": self.strides or ones,
            "padding": self.padding or ((0, 0),) * len(ones),
            "dilation": self.dilation or ones,
            "spread": self.spread or ones,
            "groups": self.groups,
        }

    @property
    def w(self) -> tuple[int, ...]:
        return (*self.window, self.x[-1] // self.groups, self.features)

    @property
    def y(self) -> tuple[int, ...]:
        return (self.x[0], *places(self.x[1:-1], self.window, self.geometry), self.features)

    def __str__(self) -> str:
        changed = [f"{k}={v}" for k, v in vars(self).items() if v not in ((), 1)]
        return " ".join(changed).replace(", ", ",")


SAME = ((1, 1), (1, 1))
CASES = [
    Case((2, 8, 8, 16), (3, 3), 32, padding=SAME),
    Case((3, 28, 28, 1), (5, 5), 32, padding=((2, 2), (2, 2))),
    Case((1, 33, 31, 3), (7, 7), 64, strides=(2, 2), padding=((3, 2), (3, 2))),
    Case((2, 9, 7, 5), (3, 2), 7, padding=((1, 2), (0, 1))),
    Case((2, 9, 7, 5), (3, 2), 7, padding=((1, 2), (0, 1)), strides=(2, 3)),
    Case((2, 9, 11, 40), (3, 3), 70, padding=((2, 2), (2, 2)), dilation=(2, 3)),
    Case((2, 5, 6, 700), (3, 3), 33, padding=((2, 2), (2, 2))),
    Case((2, 9, 11, 700), (1, 1), 300, strides=(2, 2)),
    Case((1, 17, 2), (1,), 1),
    Case((5, 40, 12), (4,), 10, groups=2),
    Case((2, 8, 8, 24), (3, 3), 48, groups=4, padding=SAME, strides=(1, 2)),
    Case((1, 5, 6, 7, 3), (2, 3, 2), 48, padding=((1, 1), (0, 0), (2, 1))),
    Case((2, 9, 7, 5), (3, 2), 7, padding=((1, 2), (2, 1)), spread=(2, 3)),
    Case(
        (2, 9, 7, 5),
        (3, 2),
        7,
        padding=((1, 2), (2, 1)),
        spread=(2, 3),
        strides=(3, 2),
        dilation=(2, 1),
    ),
    Case((2, 9, 7, 5), (1, 1), 7, padding=((0, 1), (0, 1)), spread=(2, 2)),
    # rows of 14 or 42 places: windows of tiles are packed together
    Case((2, 14, 14, 32), (5, 5), 64, padding=((2, 2), (2, 2))),
    Case((2, 15, 16, 64), (3, 3), 40),
    Case((2, 28, 28, 48), (3, 3), 40, padding=SAME, strides=(2, 2)),
    Case((2, 5, 14, 14, 48), (2, 3, 3), 10, padding=((1, 1), (1, 1), (1, 1))),
    Case((1, 3, 42, 40), (2, 3), 10, padding=((0, 1), (2, 0))),
    Case((2, 2, 42, 48), (1, 3), 20, padding=((1, 1), (1, 1)), spread=(3, 1)),
    Case((2, 9, 7, 5), (2, 3), 7, spread=(2, 2), dilation=(2, 2), strides=(2, 2)),
    Case((2, 9, 7, 5), (3, 3), 7, padding=((-1, -2), (2, -3))),
    # few outputs of many channels: added up from what elements add to windows
    Case((2, 9, 10, 40), (3, 3), 1, padding=SAME),
    Case((1, 12, 9, 64), (5, 3), 2, padding=((2, 1), (0, 1)), dilation=(1, 2)),
    Case((3, 30, 64), (7,), 1, padding=((-1, 3),)),
    # depthwise: channels are columns
    Case((2, 15, 14, 40), (3, 3), 40, padding=SAME, groups=40),
    Case((3, 9, 11, 32), (3, 3), 32, padding=SAME, strides=(2, 2), groups=32),
    Case((2, 9, 7, 3), (2, 3), 3, strides=(1, 4), padding=((1, 0), (2, 2)), groups=3),
    Case((2, 9, 9, 70), (3, 3), 70, dilation=(2, 3), padding=((2, 2), (3, 3)), groups=70),
    Case((1, 50, 20), (7,), 20, padding=((3, 3),), groups=20),
    Case((2, 5, 6, 7, 17), (2, 3, 2), 17, padding=((1, 1), (0, 0), (2, 1)), groups=17),
    Case((2, 5, 4, 6), (1, 1), 6, groups=6),
    Case((2, 9, 7, 5), (3, 2), 5, spread=(2, 3), padding=((1, 2), (2, 1)), groups=5),
    Case((40, 3, 3, 33), (3, 3), 33, groups=33),
    Case((0, 9, 7, 5), (3, 3), 5, groups=5),
    # windows that do not fit as they are: many rows, far apart, longer than a block of terms
    Case((1, 40, 30, 2), (33, 21), 3, dilation=(1, 1)),
    Case((1, 3, 1500, 2), (2, 700), 4, padding=((0, 0), (3, 2))),
    Case((1, 70, 70, 3), (3, 3), 5, dilation=(30, 30)),
    Case((2, 41, 43, 6), (3, 3), 20, strides=(13, 17)),
    Case((1, 900, 3), (1,), 20),
    Case((1, 900, 3), (5,), 20, padding=((2, 2),)),
    Case((30, 7, 7, 24), (7, 7), 40),
    Case((5, 4, 4, 130), (3, 3), 20, padding=SAME),
    Case((2, 15, 13, 3), (3, 1), 9, padding=((1, 1), (0, 0))),
    Case((0, 9, 7, 5), (3, 3), 7),
    Case((2, 2, 2, 3), (1, 1), 0),
]
TARGETS = {
    "host": host_target(),
    "32 bytes": replace(host_target(), vector_bytes=32),
    "16 bytes": replace(host_target(), vector_bytes=16, has_fma=False),
}
OPS = ["convolve", "convolve_filter", "input_gradient"]


def graph_of(name: str, case: Case, dtype: str = "f32", batch: str = "") -> Graph:
    """One op of a case; `input_gradient` is a convolution of a cotangent."""
    builder = GraphBuilder("g")

    def operand(shape: tuple[int, ...], label: str, batched: bool) -> Term:
        sizes = [batch or shape[0], *shape[1:]] if batched else shape
        return Term(
            builder, builder.input(parse_type(f"{dtype}[{', '.join(map(str, sizes))}]"), label)
        )

    if name == "convolve":
        x, w = operand(case.x, "x", True), operand(case.w, "w", False)
        found = x.op(name, w, **case.geometry)
    elif name == "convolve_filter":
        x, ct = operand(case.x, "x", True), operand(case.y, "ct", True)
        found = x.op(name, ct, window=case.window, **case.geometry)
    else:
        ct, w = operand(case.y, "ct", True), operand(case.w, "w", False)
        found = input_gradient(ct, w, case.x[1:-1], case.geometry)
    return builder.finish([found.value])


def arrays_for(name: str, case: Case, dtype: str = "f32") -> list[np.ndarray[Any, Any]]:
    shapes = {
        "convolve": (case.x, case.w),
        "convolve_filter": (case.x, case.y),
        "input_gradient": (case.y, case.w),
    }[name]
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(DType.parse(dtype).numpy) for shape in shapes]  # type: ignore[union-attr]


def assert_close(found: Any, expected: Any) -> None:
    tolerance = 1e-5 if expected.dtype == np.float32 else 1e-14
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale, strict=True)


@pytest.mark.parametrize(
    ("case", "name", "on"), one_in(2, list(itertools.product(CASES, OPS, TARGETS))), ids=str
)
def test_values(case: Case, name: str, on: str) -> None:
    target = TARGETS[on]
    if target.vector_bytes > host_target().vector_bytes:
        pytest.skip("the machine has no such vectors")
    graph, arrays = graph_of(name, case), arrays_for(name, case)
    (expected,) = interpret(graph, arrays)
    (found,) = run_native(graph, *arrays, target=target)
    assert_close(found, expected)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("case", CASES[:8], ids=str)
def test_float64(case: Case, name: str) -> None:
    graph, arrays = graph_of(name, case, "f64"), arrays_for(name, case, "f64")
    (expected,) = interpret(graph, arrays)
    assert_close(run_native(graph, *arrays)[0], expected)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize(
    "case",
    [
        Case((4, 12, 9, 6), (3, 3), 20, padding=SAME, strides=(2, 1)),
        Case((4, 12, 9, 24), (3, 3), 24, padding=SAME, groups=24),
        Case((4, 12, 9, 48), (3, 3), 1, padding=SAME),
        Case((4, 12, 9, 1), (3, 3), 48, padding=SAME),
    ],
    ids=str,
)
def test_any_number_of_examples(case: Case, name: str) -> None:
    graph = graph_of(name, case, batch="n")
    executable = compile_native(graph)
    for count in (2, 4, 37):
        some = replace(case, x=(count, *case.x[1:]))
        arrays = arrays_for(name, some)
        (expected,) = interpret(graph, arrays)
        assert_close(executable.call(*arrays)[0], expected)


@pytest.mark.parametrize("name", OPS)
def test_all_sizes_but_the_window_may_be_open(name: str) -> None:
    builder = GraphBuilder("g")
    x = Term(builder, builder.input(parse_type("f32[n, h, v, c]"), "x"))
    w = Term(builder, builder.input(parse_type("f32[3, 2, c, m]"), "w"))
    case = Case((3, 11, 8, 37), (3, 2), 19, padding=((2, 1), (0, 1)), strides=(2, 2))
    y = x.op("convolve", w, **case.geometry)
    if name == "convolve_filter":
        y = x.op(name, y, window=case.window, **case.geometry)
    elif name == "input_gradient":
        y = input_gradient(y, w, x.shape[1:-1], case.geometry)
    graph, arrays = builder.finish([y.value]), arrays_for("convolve", case)
    (expected,) = interpret(graph, arrays)
    assert_close(run_native(graph, *arrays)[0], expected)


@pytest.mark.parametrize("name", OPS)
def test_narrow_groups_can_all_be_written_out(name: str) -> None:
    """As for GPUs; strides of 2 are written out for every device, but for the filter."""
    case = Case((2, 9, 8, 6), (3, 3), 6, padding=SAME, groups=6)
    graph, arrays = graph_of(name, case), arrays_for(name, case)
    assert isinstance(lower_graph(graph).steps[0], Convolution)
    plain = write_out_narrow_convolutions(graph)
    assert not any(node.op.kind is Kind.CONVOLVE for node in plain.nodes)
    for found, expected in zip(interpret(plain, arrays), interpret(graph, arrays), strict=True):
        assert_close(found, expected)
    strided = replace(case, strides=(2, 2))
    (step, *_) = lower_graph(graph_of(name, strided)).steps
    assert isinstance(step, Convolution) == (name != "convolve")


def test_operands_are_read_where_they_lie() -> None:
    """A part of an array, along other axes than the last, needs no copy."""
    builder = GraphBuilder("g")
    x = Term(builder, builder.input(parse_type("f32[2, 9, 10, 8]"), "x"))
    w = Term(builder, builder.input(parse_type("f32[3, 3, 8, 16]"), "w"))
    case = Case((2, 4, 10, 8), (3, 3), 16)
    part = x.slice([0, 1, 0, 0], [1, 2, 1, 1], (2, 4, 10, 8))
    graph = builder.finish([part.op("convolve", w.flip(0), **case.geometry).value])
    (step,) = lower_graph(graph).steps
    assert isinstance(step, Convolution)
    arrays = [
        arrays_for("convolve", replace(case, x=(2, 9, 10, 8)))[0],
        arrays_for("convolve", case)[1],
    ]
    (expected,) = interpret(graph, arrays)
    assert_close(run_native(graph, *arrays)[0], expected)


def test_what_lies_outside_of_an_array_is_not_read() -> None:
    """Not a number beside x: if any of it took part, the result would show it."""
    case = Case((2, 7, 9, 5), (3, 3), 8, padding=SAME)
    wide = np.full((4, 7, 9, 5), np.nan, np.float32)
    x, w = arrays_for("convolve", case)
    wide[1:3] = x
    graph = graph_of("convolve", case)
    assert_close(run_native(graph, wide[1:3], w)[0], interpret(graph, (x, w))[0])


@pytest.mark.parametrize("name", OPS)
def test_infinities_stay_where_they_are(name: str) -> None:
    case = Case((2, 7, 9, 5), (3, 3), 8, padding=SAME)
    arrays = arrays_for(name, case)
    arrays[0][0, 3, 4, 2] = np.inf
    graph = graph_of(name, case)
    with np.errstate(invalid="ignore"):
        (expected,) = interpret(graph, arrays)
    np.testing.assert_array_equal(np.isfinite(run_native(graph, *arrays)[0]), np.isfinite(expected))


# -- epilogues ------------------------------------------------------------------------------------

EPILOGUE = """graph @g(
    %x: f32[N, 9, 10, 8], %w: f32[3, 3, 8, F], %b: f32[F], %r: f32[N, 7, 8, F]
) {
  %0: f32[N, 7, 8, F] = convolve(%x, %w)
    {dilation=[1, 1], groups=1, padding=[[0, 0], [0, 0]], spread=[1, 1], strides=[1, 1]}
  %1: f32[N, 7, 8, F] = broadcast(%b) {dims=[3], shape=[N, 7, 8, F]}
  %2: f32[N, 7, 8, F] = add(%0, %1)
  %3: f32[] = constant() {value=0.0}
  %4: f32[N, 7, 8, F] = broadcast(%3) {dims=[], shape=[N, 7, 8, F]}
  %5: f32[N, 7, 8, F] = maximum(%2, %4)
  %6: f32[N, 7, 8, F] = add(%5, %r)
  %7: f32[N, 7, 8, F] = negative(%0)
  %8: bool[N, 7, 8, F] = less(%2, %0)
  %9: f32[F] = reduce_sum(%5) {axes=[0, 1, 2]}
  return RESULTS
}"""


def epilogue_graph(results: str, features: int, batch: str = "2") -> Graph:
    text = EPILOGUE.replace("\n    ", " ").replace("\n) {", ") {")
    text = text.replace("N,", f"{batch},").replace("F]", f"{features}]")
    return PRUNE.run(parse(text.replace("RESULTS", results)))


@pytest.mark.parametrize("batch", ["2", "n"])
@pytest.mark.parametrize("features", [7, 36, 64, 300])
@pytest.mark.parametrize(
    ("results", "kinds"),
    [
        ("%6", "c"),
        ("%7", "c"),
        ("%6, %2, %8", "c"),
        ("%5, %0", "c"),
        ("%9", "ck"),
        ("%5, %9", "ck"),
    ],
)
def test_epilogues(results: str, kinds: str, features: int, batch: str) -> None:
    graph = epilogue_graph(results, features, batch)
    steps = lower_graph(graph).steps
    assert "".join("c" if isinstance(s, Convolution) else "k" for s in steps) == kinds
    rng = np.random.default_rng(0)
    shapes = [(2, 9, 10, 8), (3, 3, 8, features), (features,), (2, 7, 8, features)]
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    for found, expected in zip(run_native(graph, *arrays), interpret(graph, arrays), strict=True):
        if expected.dtype == bool:
            assert np.mean(found == expected) > 0.999  # sums in another order
        else:
            assert_close(found, expected)


def test_a_result_that_only_its_epilogue_reads_has_no_memory() -> None:
    step = lower_graph(epilogue_graph("%6", 64)).steps[0]
    assert isinstance(step, Convolution)
    assert not step.keeps
    assert lower_graph(epilogue_graph("%6", 64)).arena == ()


# -- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize(
    "case",
    [
        Case((32, 28, 28, 1), (5, 5), 32, padding=((2, 2), (2, 2))),
        Case((4, 14, 14, 96), (3, 3), 200, padding=SAME),
        Case((16, 15, 13, 40), (3, 3), 70, padding=SAME, strides=(2, 2)),
    ],
    ids=str,
)
def test_the_same_bits_for_any_number_of_threads(case: Case, name: str) -> None:
    executable, arrays = compile_native(graph_of(name, case)), arrays_for(name, case)
    before = tw.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            tw.set_num_threads(threads)
            found.append(executable.call(*arrays)[0].copy())
    finally:
        tw.set_num_threads(before)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


@pytest.mark.parametrize("shape", [(1, 15, 1, 8), (2, 9, 3, 20), (1, 3, 17, 32), (1, 1, 1, 4)])
@pytest.mark.parametrize("strides", [1, 2])
def test_nothing_behind_the_input_is_read(shape: tuple[int, ...], strides: int) -> None:
    """Windows of one element are read where they lie, the last ones before a page of no access."""
    with page_end(shape) as x:
        w = np.random.default_rng(0).standard_normal((1, 1, shape[-1], 40), np.float32)
        x[...] = np.random.default_rng(1).standard_normal(shape, np.float32)
        found = tw.jit(lambda x, w: tw.conv(x, w, strides=strides))(x, w)
        expected = x[:, ::strides, ::strides] @ w[0, 0]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
