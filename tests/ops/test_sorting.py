"""Sorts of rows: machine code against the reference, for all dtypes, sizes and orders of data."""

from dataclasses import replace

import numpy as np
import pytest

from support.native import compile_native, run_native
from support.same import same_bits
from tensorwright.compiler.codegen.llvm import sorting
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.errors import ShapeError
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.types import DType, TensorType
from tensorwright.compiler.kernel.form import Sort
from tensorwright.compiler.kernel.printer import print_program
from tensorwright.compiler.kernel.steps import lower_graph
from tensorwright.runtime import threads

OPS = ("sort", "argsort")
SHAPES = [(0,), (1,), (40, 7), (3, 65), (2, 700), (3, 0)]


def graph_of(op, dtype, shape):
    sizes = ", ".join(map(str, shape))
    result = "i64" if op == "argsort" else dtype
    return parse(f"""graph @f(%x: {dtype}[{sizes}]) {{
      %0: {result}[{sizes}] = {op}(%x)
      return %0
    }}""")


def mixed(dtype, shape, seed=0):
    """Data with ties, and of floats with zeros, NaNs and infinities of both signs."""
    rng = np.random.default_rng(seed)
    if dtype.is_bool:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy)
        wide = rng.integers(info.min, info.max, shape, dtype.numpy, endpoint=True)
        return np.where(rng.random(shape) < 0.3, wide % dtype.numpy.type(5), wide)
    x = rng.normal(size=shape).astype(dtype.numpy)
    special = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.0, -1.0], dtype.numpy)
    chosen = special[rng.integers(0, special.size, shape)]
    return np.where(rng.random(shape) < 0.5, chosen, x)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", DType, ids=str)
def test_all_dtypes(dtype, op):
    for shape in SHAPES:
        x = mixed(dtype, shape)
        graph = graph_of(op, dtype, shape)
        assert same_bits(run_native(graph, x)[0], interpret(graph, [x])[0]), shape


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", [DType.I16, DType.F32, DType.F64], ids=str)
def test_symbolic_sizes(dtype, op):
    graph = graph_of(op, dtype, ("n", "m"))
    program = compile_native(graph)
    for shape in [(2, 4), (4, 2), (3, 17), (100, 33)]:
        x = mixed(dtype, shape)
        assert same_bits(program.call(x)[0], interpret(graph, [x])[0]), shape


@pytest.mark.parametrize("op", OPS)
def test_narrower_vectors(op):
    """The library has functions for each width."""
    host = host_target()
    for width in (16, 32):
        target = replace(host, vector_bytes=width)
        for dtype in (DType.U8, DType.F32, DType.F64):
            x = mixed(dtype, (3, 333))
            graph = graph_of(op, dtype, x.shape)
            assert same_bits(run_native(graph, x, target=target)[0], interpret(graph, [x])[0])


ORDERS = {
    "rising": np.arange(1000.0),
    "falling": -np.arange(1000.0),
    "equal": np.zeros(1000),
    "saw": np.arange(1000.0) % 7,
    "organ pipe": -abs(np.arange(1000.0) - 500),
    "one out of place": np.roll(np.arange(1000.0), 1),
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_data(name):
    for count in range(1, 70):
        x = ORDERS[name][-count:]
        for op in OPS:
            graph = graph_of(op, DType.F64, x.shape)
            if count % 23 == 0:  # each size is a program
                assert same_bits(run_native(graph, x)[0], interpret(graph, [x])[0])


def test_equal_bits_for_any_number_of_threads():
    x = mixed(DType.F64, (200, 3001))
    found = []
    before = threads.get_num_threads()
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            found.append([run_native(graph_of(op, DType.F64, x.shape), x)[0] for op in OPS])
    finally:
        threads.set_num_threads(before)
    for others in found[1:]:
        assert all(same_bits(a, b) for a, b in zip(found[0], others, strict=True))


def test_reference_is_numpys():
    x = mixed(DType.F64, (7, 50))
    sort, argsort = (REGISTRY[op].reference for op in OPS)
    assert same_bits(sort(x), np.sort(x, kind="stable"))
    assert same_bits(argsort(x), np.argsort(x, kind="stable"))


def test_a_scalar_has_no_order():
    for op in OPS:
        with pytest.raises(ShapeError, match=f"{op}: needs an axis to sort along"):
            REGISTRY[op].infer([TensorType(DType.F64, ())], {})


# --- steps -------------------------------------------------------------------------------------


def step_of(op, dtype, shape):
    (step,) = lower_graph(graph_of(op, dtype, shape)).steps
    assert isinstance(step, Sort)
    return step


def test_steps():
    assert step_of("sort", DType.F64, (3, 8)).pieces == 3
    assert step_of("sort", DType.F64, (1000, 8)).pieces == 32
    assert not step_of("argsort", DType.F32, (3, 8)).pairs
    assert step_of("argsort", DType.F32, (3, "n")).pairs  # a size may not fit into 32 bits
    assert step_of("argsort", DType.F64, (3, 8)).pairs
    program = lower_graph(graph_of("argsort", DType.F32, (3, "n")))
    text = print_program(program, lambda kernel: "")
    assert "argsort @k0 3 rows of n f32 in 3 pieces\n  out0[0] = argsort(in0[0])" in text


def test_operand_is_laid_out_in_rows():
    graph = parse("""graph @f(%x: f64[5, 3]) {
      %0: f64[3, 5] = transpose(%x) {permutation=[1, 0]}
      %1: f64[3, 5] = sort(%0)
      return %1
    }""")
    assert len(lower_graph(graph).steps) == 2
    x = mixed(DType.F64, (5, 3))
    assert same_bits(run_native(graph, x)[0], np.sort(x.T, kind="stable"))


def test_sort_beside_its_operand():
    """The operand stays as it is: scratch memory is not taken from it."""
    graph = parse("""graph @f(%x: f64[4, 50]) {
      %0: f64[4, 50] = add(%x, %x)
      %1: f64[4, 50] = sort(%0)
      %2: i64[4, 50] = argsort(%0)
      %3: f64[4, 50] = subtract(%1, %0)
      return %1, %2, %3
    }""")
    x = np.random.default_rng(0).normal(size=(4, 50))
    for got, wanted in zip(run_native(graph, x), interpret(graph, [x]), strict=True):
        assert same_bits(got, wanted)


@pytest.mark.parametrize("dtype", [DType.U8, DType.BF16, DType.F32], ids=str)
def test_positions_beside_narrow_keys(dtype, monkeypatch):
    """As for rows of more than 2**32 elements."""
    monkeypatch.setattr(sorting, "PACKED", 50)
    graph = graph_of("argsort", dtype, (3, "n"))
    program = compile_native(graph)
    for size in (49, 50, 333):
        x = mixed(dtype, (3, size))
        assert same_bits(program.call(x)[0], interpret(graph, [x])[0])
