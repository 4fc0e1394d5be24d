"""Programs on Numba's CUDA simulator, checked case by case.

Run as a script, it reads names of cases and answers each with a line of JSON, because the simulator
replaces `numba.cuda` for a whole process.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

import tensorwright as tw
from benchmarks.workloads import WORKLOADS
from support import op_cases, structural_cases
from tensorwright.compiler.codegen.cuda.module import emit_program
from tensorwright.compiler.errors import UnsupportedError
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.graph import Graph
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.types import TensorType
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.compiler.kernel.write_out_sorts import write_out_sorts
from tensorwright.compiler.launches import GpuProgram
from tensorwright.compiler.options import simulates_gpu
from tensorwright.compiler.program import LeafKind, LeafSpec, Signature, tuple_of_leaves
from tensorwright.runtime.cuda.executable import GpuExecutable
from tests.kernel.test_programs import CASES as PROGRAMS

Check = Callable[[], None]
ELEMENTS = 24  # of each operand of an elementwise op


def gpu_program(graph: Graph, few_threads: bool | None = None) -> GpuProgram:
    """The kernels of a graph, without any graph pass; for few threads where they are simulated."""
    leaves = [
        tuple(LeafSpec(LeafKind.ARRAY, v.type) for v in values)
        for values in (graph.inputs, graph.outputs)
    ]
    nests = [tuple_of_leaves(len(each)) for each in leaves]
    few = simulates_gpu() if few_threads is None else few_threads
    signature = Signature(leaves[0], leaves[1], nests[0], nests[1], graph.guards)
    kernels = lower_graph(write_out_sorts(graph))
    return emit_program(kernels, signature, graph.name, simulated=few)


def assert_same(graph: Graph, *arrays: Any, rtol: float) -> None:
    """Simulated kernels and interpreter agree in dtype, shape and values."""
    results = GpuExecutable(gpu_program(graph))(*arrays)
    for got, wanted in zip(results, interpret(graph, arrays), strict=True):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)


# -- cases --------------------------------------------------------------------------------------


def elementwise() -> Iterator[tuple[str, Check]]:
    """Every elementwise op, all its dtypes at once."""
    for op, cases in groupby(op_cases.cases(), key=lambda case: case.op.name):
        yield f"op {op}", _op_check(list(cases))


def _op_check(cases: list[op_cases.Case]) -> Check:
    def check() -> None:
        builder, rng = GraphBuilder("g"), np.random.default_rng(0)
        arrays, outputs, own = [], [], []
        for case in cases:
            operands = op_cases.operands(case, exhaustive=False)
            chosen = rng.integers(0, len(operands[0]), ELEMENTS)
            own.append([operand[chosen] for operand in operands])
            arrays += own[-1]
            types = [TensorType(d, (Dim.symbol("n"),)) for d in case.dtypes]
            inputs = [builder.input(t) for t in types]
            outputs.append(builder.emit(case.op, *inputs, **case.attrs))
        results = GpuExecutable(gpu_program(builder.finish(outputs)))(*arrays)
        for case, operands, got in zip(cases, own, results, strict=True):
            op_cases.check(case, operands, got)

    return check


def structural() -> Iterator[tuple[str, Check]]:
    """Every other op and its derivatives."""
    for case in structural_cases.CASES:
        for mode in ("forward", "reverse"):
            yield f"{mode} {case}", _structural_check(case, mode)


def _structural_check(case: structural_cases.StructuralCase, mode: str) -> Check:
    def check() -> None:
        more = case.floats(seed=1) if mode == "forward" else [case.like_result(seed=2)]
        assert_same(getattr(case, mode)(), *case.inputs(case.floats(), *more), rtol=1e-12)

    return check


def programs() -> Iterator[tuple[str, Check]]:
    """The graphs that the CPU's kernels are tested with."""
    for case in PROGRAMS:
        arrays = [np.random.default_rng(1).standard_normal(shape) for shape in case.shapes]
        graph = parse(case.text)
        yield f"program {case.name}", lambda g=graph, a=arrays: assert_same(g, *a, rtol=1e-13)


def workloads() -> Iterator[tuple[str, Check]]:
    """The benchmarks at their smallest size, against the CPU."""
    for workload in WORKLOADS:
        for dtype in workload.dtypes:
            yield f"workload {workload.name} {dtype}", _workload_check(workload, dtype)


def _workload_check(workload: Any, dtype: str) -> Check:
    def check() -> None:
        arguments = workload.make(dtype, "tiny")
        got = tw.jit(workload.function, device="gpu")(*arguments)
        expected = tw.jit(workload.function)(*arguments)
        difference = workload.difference(dtype, got, expected)
        assert not difference, difference

    return check


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _standard_scores(x: Any) -> Any:
    return (x - x.mean()) / x.std(), x.argmax(), x.max()


def _columns(x: Any) -> Any:
    scaled = x / x.sum(axis=1, keepdims=True)
    return scaled.sum(axis=0), scaled.max(axis=0), x * 2


def _histogram(i: Any) -> Any:
    counts = np.zeros(7, np.int64)
    np.add.at(counts, i, 1)
    return counts


def _scan(x: Any) -> Any:
    def step(total: Any, row: Any) -> Any:
        total = total * 0.5 + row
        return total, np.sin(total)

    return tw.scan(step, np.zeros(3), x)


def _while(x: Any) -> Any:
    return tw.while_loop(lambda x: (x < 10).all(), lambda x: x * 2, x)


def _gradient(x: Any) -> Any:
    return tw.grad(lambda x: (_scan(x)[1] ** 2).sum())(x)


def _gradient_of_while(x: Any) -> Any:
    def loss(x: Any) -> Any:
        return (
            tw.while_loop(lambda x: (x < 10).all(), lambda x: x * 1.5 + np.sin(x), x) ** 2
        ).sum()

    return tw.grad(loss)(x)


def _branch(x: Any) -> Any:
    return tw.cond(x.sum() > 3, lambda x: x * 2, lambda x: x - 1, x)


def functions() -> Iterator[tuple[str, Check]]:
    """Sizes for which walks are shared out in each of the ways there are."""
    rng = np.random.default_rng(3)
    for name, function, x in (
        ("rows by blocks", _softmax, rng.normal(size=(3, 100))),
        ("rows by threads", _softmax, rng.normal(size=(20, 5))),
        ("whole arrays", _standard_scores, rng.normal(size=331)),
        ("columns in parts", _columns, rng.random((70, 9))),
        ("scatter", _histogram, rng.integers(-7, 7, 50)),
        ("running sums", lambda x: np.cumsum(x, axis=0), rng.normal(size=(6, 5))),
        ("products", lambda x: x @ x.T @ x, rng.normal(size=(19, 11))),
        ("scan", _scan, rng.normal(size=(5, 3))),
        ("gradient of a scan", _gradient, rng.normal(size=(5, 3))),
        ("while", _while, rng.uniform(1.0, 2.0, 4)),
        ("gradient of a while", _gradient_of_while, rng.uniform(1.0, 2.0, 4)),
        ("one branch", _branch, np.ones(2)),
        ("other branch", _branch, np.ones(4)),
        ("running sum of a whole array", np.cumsum, rng.normal(size=700)),
        ("running sums of rows", lambda x: np.cumsum(x * 2, axis=1) + x, rng.normal(size=(3, 130))),
        ("columns of few rows", lambda x: (x.max(axis=0), x.argmax(axis=0)), rng.random((70, 9))),
        ("deep products", lambda x: x.T @ x, rng.normal(size=(1100, 3))),
        ("empty", lambda x: (x.sum(), x * 2, x.sum(axis=0)), np.zeros((0, 3))),
        ("sorts", lambda x: (np.sort(x, axis=0), np.argsort(x)), rng.normal(size=(5, 9))),
        ("median and its gradient", lambda x: (np.median(x), _of_median(x)), rng.random(7)),
    ):
        yield f"function {name}", _function_check(function, x)


def _of_median(x: Any) -> Any:
    return tw.grad(lambda x: np.median(x) ** 2)(x)


def _function_check(function: Callable[..., Any], x: np.ndarray) -> Check:
    def check() -> None:
        got, expected = tw.jit(function, device="gpu")(x), tw.jit(function)(x)
        pairs = zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]
        for left, right in pairs:
            assert (left.dtype, left.shape) == (right.dtype, right.shape)
            np.testing.assert_allclose(left, right, rtol=1e-13, atol=1e-13)

    return check


FULL_BLOCKS = """graph @g(%x: f64[9,256], %i: i32[700]) {
  %0: f64[9] = reduce_max(%x) {axes=[1]}
  %1: f64[9,256] = broadcast(%0) {shape=[9,256], dims=[0]}
  %2: f64[9,256] = subtract(%x, %1)
  %3: f64[9] = reduce_sum(%2) {axes=[1]}
  %4: f64[256] = reduce_sum(%x) {axes=[0]}
  %5: i32[700] = cumsum(%i) {axis=0}
  %6: i64[] = argmax(%x) {axes=[0, 1]}
  return %2, %3, %4, %5, %6
}"""


def full_blocks() -> Iterator[tuple[str, Check]]:
    """Blocks and warps of as many threads as a device has."""

    def check() -> None:
        rng = np.random.default_rng(4)
        x, i = rng.normal(size=(9, 256)), rng.integers(-9, 9, 700).astype(np.int32)
        graph = parse(FULL_BLOCKS)
        results = GpuExecutable(gpu_program(graph, few_threads=False))(x, i)
        for got, wanted in zip(results, interpret(graph, [x, i]), strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)

    yield "full blocks", check


def faults() -> Iterator[tuple[str, Check]]:
    """Faults in data."""

    def out_of_bounds() -> None:
        taken = tw.jit(lambda x, i: x[i], device="gpu")
        try:
            taken(np.arange(4.0), np.array([1, 4]))
        except IndexError as error:
            assert "out of bounds" in str(error)
        else:
            raise AssertionError("an index out of bounds is accepted")

    yield "fault index", out_of_bounds


GROUPS = (elementwise, structural, programs, workloads, functions, full_blocks, faults)


def cases() -> dict[str, Check]:
    """All cases by name."""
    return {name: check for group in GROUPS for name, check in group()}


def _outcome(check: Check) -> str:
    """'' for a case that passes, 'unsupported: ...', or the error."""
    try:
        check()
    except UnsupportedError as error:
        return f"unsupported: {error.what}"
    except Exception:
        return traceback.format_exc()
    return ""


def _answer() -> None:
    """Read names of cases, write what became of them."""
    checks = cases()
    for line in sys.stdin:
        print(json.dumps(_outcome(checks[line.rstrip("\n")])), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # NumPy's of overflows, in every simulated thread
    # The simulator's main thread looks all the time whether others wait for each other. By default
    # it may do so for 5 ms before one of them goes on.
    sys.setswitchinterval(5e-4)
    _answer()
