"""Batching of every op: the batched graph gives what a loop over the examples gives."""

import random

import numpy as np
import pytest

from support.batches import batched, loop, stacked
from support.graphs import random_array, random_graph, random_sizes
from tensorwright.compiler.errors import UnsupportedError
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.interpret import concrete, interpret
from tensorwright.compiler.ir.opdef import REGISTRY, Kind, OpDef
from tensorwright.compiler.ir.parser import parse
from tensorwright.compiler.ir.types import DType, TensorType
from tensorwright.compiler.transforms.batch import batch

# Sums whose terms may be added in another order; they are exact on small integers.
REORDERED = ("reduce_sum", "reduce_prod", "matmul")


def check(graph, mapped, arrays, size, exact=True, symbolic=False):
    dim = Dim.symbol("batch") if symbolic and any(mapped) else size
    found = interpret(batched(graph, mapped, dim), arrays)
    expected = loop(graph, mapped, size, arrays)
    for f, e in zip(stacked(found, expected), expected, strict=True):
        # NumPy's loops for contiguous arrays may round otherwise than those for single numbers
        tolerance = 1e-5 if f.dtype.itemsize <= 4 else 1e-12
        np.testing.assert_allclose(f, e, rtol=0 if exact else tolerance, strict=True)


def test_every_op_has_a_rule_or_needs_none():
    plain = (Kind.ELEMENTWISE, Kind.SOURCE)
    assert not [op.name for op in REGISTRY if op.kind not in plain and op.batch is None]


def drawn(seed: int, **options):
    """A random graph with inputs, some of them mapped."""
    rng = random.Random(seed)
    graph = random_graph(rng, **options)
    size = rng.choice([0, 1, 2, 3, 5])
    mapped = [rng.random() < 0.6 for _ in graph.inputs]
    sizes = random_sizes(rng, graph)
    shapes = [concrete(v.type.shape, sizes) for v in graph.inputs]
    shapes = [(size, *s) if m else s for s, m in zip(shapes, mapped, strict=True)]
    return rng, graph, mapped, shapes, size


@pytest.mark.parametrize("seed", range(300))
def test_random_graphs(seed: int):
    def allow(op: OpDef) -> bool:
        return op.name not in REORDERED

    rng, graph, mapped, shapes, size = drawn(seed, allow=allow)
    arrays = [random_array(rng, v.type.dtype, s) for v, s in zip(graph.inputs, shapes, strict=True)]
    check(graph, mapped, arrays, size, exact=False, symbolic=seed % 2 == 1)


@pytest.mark.parametrize("seed", range(200))
def test_random_graphs_of_sums(seed: int):
    def allow(op: OpDef) -> bool:
        return op.kind is not Kind.ELEMENTWISE or op.name in ("add", "maximum", "negative")

    rng, graph, mapped, shapes, size = drawn(
        seed, allow=allow, max_nodes=8, dtypes=(DType.F64, DType.I64)
    )
    draw = np.random.default_rng(rng.getrandbits(32))
    arrays = [
        np.asarray(draw.integers(-2, 3, s)).astype(v.type.dtype.numpy)
        for v, s in zip(graph.inputs, shapes, strict=True)
    ]
    check(graph, mapped, arrays, size, exact=False, symbolic=seed % 2 == 1)


# --- products ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mapped", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("m", "n"), [(2, 4), (1, 4), (2, 1), (1, 1)])
@pytest.mark.parametrize("k", [3, 1])
@pytest.mark.parametrize("stack", [(), (2,), (2, 3)])
def test_products_of_all_shapes(mapped, m: int, n: int, k: int, stack):
    builder = GraphBuilder()
    a = builder.input(TensorType(DType.F64, (*stack, m, k)))
    b = builder.input(TensorType(DType.F64, (*stack, k, n)))
    graph = builder.finish([builder.emit(REGISTRY["matmul"], a, b)])
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(-9, 10, (5, *v.type.shape) if is_mapped else v.type.shape).astype(float)
        for v, is_mapped in zip(graph.inputs, mapped, strict=True)
    ]
    check(graph, mapped, arrays, 5)
    check(graph, mapped, arrays, 5, symbolic=True)


@pytest.mark.parametrize("mapped", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions(mapped, groups: int):
    attrs = {
        "strides": (2,), "padding": ((1, 0),), "dilation": (1,), "spread": (1,), "groups": groups,
    }  # fmt: skip
    x, w, ct = (TensorType(DType.F64, s) for s in ((2, 6, 4), (3, 4 // groups, 6), (2, 3, 6)))
    for name, second, more in (
        ("convolve", w, {}),
        ("convolve_filter", ct, {"window": (3,)}),
    ):
        builder = GraphBuilder()
        inputs = [builder.input(x), builder.input(second)]
        graph = builder.finish([builder.emit(REGISTRY[name], *inputs, **attrs, **more)])
        rng = np.random.default_rng(0)
        arrays = [
            rng.integers(-9, 10, (3, *v.type.shape) if is_mapped else v.type.shape).astype(float)
            for v, is_mapped in zip(graph.inputs, mapped, strict=True)
        ]
        check(graph, mapped, arrays, 3)
        check(graph, mapped, arrays, 3, symbolic=True)


def test_a_shared_matrix_takes_one_product():
    text = """graph @f(%a: f64[2, 3], %b: f64[3, 4]) {
      %0: f64[2, 4] = matmul(%a, %b)
      return %0
    }"""
    (product,) = [n for n in batched(parse(text), (True, False), 7).nodes if n.op.name == "matmul"]
    assert product.output.type.shape == (14, 4)


def test_what_no_example_changes_is_computed_once():
    text = """graph @f(%x: f64[3], %y: f64[3]) {
      %0: f64[3] = exp(%y)
      %1: f64[3] = multiply(%x, %0)
      return %1, %0
    }"""
    graph = batched(parse(text), (True, False), 7)
    assert graph.nodes[0].output.type.shape == (3,)
    assert [v.type.shape for v in graph.outputs] == [(7, 3), (3,)]


# --- refusals ----------------------------------------------------------------------------------


def test_an_op_without_a_rule_is_named(monkeypatch):
    graph = parse("""graph @f(%x: f64[3]) {
      %0: f64[3] = cumsum(%x) {axis=0}  # model.py:7
      return %0
    }""")
    bare = OpDef(**{**_fields(REGISTRY["cumsum"]), "batch": None})
    builder = GraphBuilder()
    x = builder.input(TensorType(DType.F64, (2, 3)))
    object.__setattr__(graph.nodes[0], "op", bare)
    with pytest.raises(UnsupportedError, match=r"cumsum cannot be batched") as caught:
        batch(builder, graph, [x], [True], 2)
    assert "model.py:7" in str(caught.value)


def _fields(op: OpDef):
    return {name: getattr(op, name) for name in OpDef.__dataclass_fields__}
