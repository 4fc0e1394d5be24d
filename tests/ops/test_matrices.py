"""Ops on matrices: what they mean, machine code against their references, derivatives."""

import numpy as np
import pytest

from support.native import assert_same
from support.structural_cases import StructuralCase
from tensorwright.compiler.errors import DTypeError, ShapeError
from tensorwright.compiler.ir.builder import GraphBuilder
from tensorwright.compiler.ir.dims import Dim
from tensorwright.compiler.ir.interpret import interpret
from tensorwright.compiler.ir.opdef import REGISTRY
from tensorwright.compiler.ir.parser import parse_type
from tensorwright.compiler.ir.types import DType, TensorType

# of a stack, and how many rows are on the other side
SHAPES = [
    ((1, 1), 1),
    ((4, 4), 3),
    ((3, 5, 5), 2),
    ((2, 3, 2, 2), 1),
    ((0, 0), 2),
    ((3, 0, 0), 1),
    ((0, 2, 2), 0),
]
DTYPES = [DType.F32, DType.F64]


def matrices(shape, dtype, seed=0):
    """Matrices with symmetric positive definite lower triangles."""
    a = np.random.default_rng(seed).standard_normal(shape)
    wide = a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])
    return np.tril(wide).astype(dtype.numpy) + np.triu(a, 1).astype(dtype.numpy)


def rows(shape, count, dtype):
    draw = np.random.default_rng(1)
    return draw.standard_normal((*shape[:-2], count, shape[-1])).astype(dtype.numpy)


def graph_of(write, *types):
    builder = GraphBuilder()
    inputs = [builder.input(t) for t in types]
    return builder.finish(write(builder, *inputs))


def emit(builder, name, *operands, **attrs):
    return builder.emit_node(REGISTRY[name], operands, **attrs).outputs


def everything(builder, a, b):
    """Results of all ops, and of some with transposed and broadcast operands."""
    factors, pivots, info = emit(builder, "lu", a)
    found = [factors, pivots, info, *emit(builder, "cholesky", a)]
    found += emit(builder, "log_determinant", a, factors, pivots)
    for transposed in (False, True):
        found += emit(builder, "lu_solve", a, factors, pivots, b, transposed=transposed)
        for lower in (False, True):
            attrs = {"lower": lower, "transposed": transposed}
            found += emit(builder, "triangular_solve", a, b, **attrs)
    return found


def named(sizes, name):
    """Symbols for the sizes; 0 and 1 are always known."""
    return [Dim.symbol(f"{name}{size}") if size > 1 else size for size in sizes]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("shape", "count"), SHAPES)
def test_machine_code(shape, count, dtype, symbolic):
    a, b = matrices(shape, dtype), rows(shape, count, dtype)
    sizes, n, k = shape[:-2], shape[-1], count
    if symbolic:
        sizes, (n,), (k,) = named(sizes, "s"), named([n], "n"), named([k], "k")
    types = [TensorType(dtype, (*sizes, n, n)), TensorType(dtype, (*sizes, k, n))]
    graph = graph_of(everything, *types)
    assert_same(graph, a, b, rtol=1e-4 if dtype is DType.F32 else 1e-12)


def test_meaning():
    a, b = matrices((3, 4, 4), DType.F64), rows((3, 4, 4), 2, DType.F64)
    types = [TensorType(DType.F64, x.shape) for x in (a, b)]
    found = interpret(graph_of(everything, *types), [a, b])
    names = ["factors", "pivots", "info", "cholesky", "state", "sign", "log"]
    named = dict(zip(names, found, strict=False))
    symmetric = np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)
    np.testing.assert_allclose(named["cholesky"], np.linalg.cholesky(symmetric), rtol=1e-12)
    np.testing.assert_allclose(named["sign"] * np.exp(named["log"]), np.linalg.det(a), rtol=1e-12)
    turned = np.swapaxes(a, -1, -2)
    plain, upper, lower, back, upper_back, lower_back = found[len(names) :]
    for x, matrix in [
        (plain, a), (upper, np.triu(a)), (lower, np.tril(a)),
        (back, turned), (upper_back, np.tril(turned)), (lower_back, np.triu(turned)),
    ]:  # fmt: skip
        np.testing.assert_allclose(x @ matrix, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_number_says_what_failed(dtype):
    a = np.stack([np.eye(3), np.ones((3, 3)), -np.eye(3)]).astype(dtype.numpy)
    a[1, 1:, 1:] = 2  # of rank 2

    def write(builder, a):
        factors, pivots, info = emit(builder, "lu", a)
        return [
            info,
            *emit(builder, "log_determinant", a, factors, pivots),
            *emit(builder, "cholesky", a),
        ]

    graph = graph_of(write, TensorType(dtype, a.shape))
    assert_same(graph, a, rtol=1e-6)
    info, sign, log, factor, state = interpret(graph, [a])
    assert (info != 0).tolist() == [False, True, False]
    assert sign.tolist() == [1, 0, -1] and log.tolist() == [0, -np.inf, 0]
    assert (state != 0).tolist() == [False, True, True]
    assert np.isnan(factor[1:]).all()


def test_operands_may_be_views():
    """Of the factors and of both sides: broadcast, transposed, with rows in reverse."""

    def write(builder, a, b):
        factors, pivots, _ = emit(builder, "lu", a)
        wide = [
            builder.emit(REGISTRY["broadcast"], x, shape=(3, *x.type.shape), dims=dims)
            for x, dims in ((a, (1, 2)), (factors, (1, 2)), (pivots, (1,)))
        ]
        b = builder.emit(REGISTRY["transpose"], b, permutation=(0, 2, 1))
        (x,) = emit(builder, "lu_solve", *wide, b, transposed=False)
        back = builder.emit(REGISTRY["slice"], factors, starts=(3, 0), steps=(-1, 1), shape=(4, 4))
        return [
            *emit(builder, "lu", back),
            x,
            *emit(builder, "lu_solve", a, factors, pivots, a, transposed=True),
        ]

    types = [TensorType(DType.F64, s) for s in ((4, 4), (3, 4, 2))]
    a, b = matrices((4, 4), DType.F64), np.random.default_rng(2).standard_normal((3, 4, 2))
    assert_same(graph_of(write, *types), a, b, rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "types", "error"),
    [
        ("lu", ["f64[2, 3]"], "lu: needs a stack of square matrices"),
        ("cholesky", ["f64[3]"], "cholesky: needs a stack of square matrices"),
        ("lu", ["i64[3, 3]"], "lu: needs matrices of f32 or f64"),
        ("cholesky", ["f16[3, 3]"], "cholesky: needs matrices of f32 or f64"),
        ("triangular_solve", ["f64[3, 3]", "f64[2, 4]"], "needs rows as long as those"),
        ("triangular_solve", ["f64[3, 3]", "f32[2, 3]"], "needs arrays of one dtype"),
        ("lu_solve", ["f64[3, 3]", "f64[3, 3]", "i32[4]", "f64[2, 3]"], "are no factors of it"),
        ("log_determinant", ["f64[3, 3]", "f64[2, 2]", "i32[3]"], "are no factors of it"),
        ("require_success", ["f64[3]", "i64[3]"], "needs an i32 and a known failure"),
        ("require_success", ["f64[3]", "i32[2]"], "operands differ in shape"),
    ],
)  # fmt: skip
def test_type_errors(name, types, error):
    op = REGISTRY[name]
    attrs = {"transposed": False, "lower": True, "failure": "singular"}
    with pytest.raises((ShapeError, DTypeError), match=error):
        op.infer([parse_type(t) for t in types], {a: attrs[a] for a in op.attrs})


# --- derivatives -------------------------------------------------------------------------------

# Those of solutions by factors and of determinants are tested as NumPy's functions.
CASES = [
    StructuralCase("triangular_solve", shapes, {"lower": lower, "transposed": transposed})
    for shapes in (((3, 3), (2, 3)), ((2, 2, 2), (2, 3, 2)), ((1, 1), (1, 1)))
    for lower in (False, True)
    for transposed in (False, True)
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_triangular_derivatives(case):
    xs, along, ct = case.floats(), case.floats(seed=1), case.like_result(seed=2)
    (tangent,) = interpret(case.forward(), case.inputs(xs, *along))
    ahead, back = (
        case.reference([x + step * d for x, d in zip(xs, along, strict=True)])
        for step in (1e-6, -1e-6)
    )
    np.testing.assert_allclose(tangent, (ahead - back) / 2e-6, rtol=1e-6, atol=1e-6)
    cts = interpret(case.reverse(), case.inputs(xs, ct))
    by_operands = sum(np.sum(c * d) for c, d in zip(cts, along, strict=True))
    np.testing.assert_allclose(by_operands, np.sum(ct * tangent), rtol=1e-10)
