"""Products of matrices and vectors against NumPy."""

import numpy as np
import pytest

from support.tracing import check, check_all_sizes, graph_of, run_traced
from tensorwright.compiler.ir.types import DType

RNG = np.random.default_rng(1)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 5))
V3, V4 = RNG.normal(size=3), RNG.normal(size=4)
T = RNG.normal(size=(2, 3, 4))
U = RNG.normal(size=(2, 4, 5))

CASES = {
    "matmul": (lambda a, b: a @ b, A, B),
    "matmul_function": (lambda a, b: np.matmul(a, b), A, B),
    "matrix_vector": (lambda a, v: a @ v, A, V4),
    "vector_matrix": (lambda v, a: v @ a, V3, A),
    "vector_vector": (lambda v: v @ v, V3),
    "batched": (lambda t, u: t @ u, T, U),
    "batched_broadcast": (lambda t, b: t @ b, T, B),
    "batched_vector": (lambda t, v: t @ v, T, V4),
    "transposed": (lambda a, b: b.T @ a.T, A, B),
    "constant": (lambda a: a @ np.ones((4, 2)), A),
    "dot": (lambda a, b: np.dot(a, b), A, B),
    "dot_method": (lambda a, v: a.dot(v), A, V4),
    "dot_scalar": (lambda a: (np.dot(a, 2), np.dot(3.0, a)), A),
    "dot_high": (lambda t, b: np.dot(t, b), T, B),
    "dot_higher": (lambda t, u: np.dot(t, u), T, U),
    "vdot": (lambda a: np.vdot(a, a), A),
    "inner": (lambda a, t: np.inner(a, t), A, T),
    "inner_vectors": (lambda v: (np.inner(v, v), np.inner(v, 2)), V3),
    "outer": (lambda v, w: np.outer(v, w), V3, A),
    "vecdot": (lambda a, t: np.vecdot(a, t), A, T),
    "tensordot": (lambda t, u: np.tensordot(t, u, axes=([0, 2], [0, 1])), T, U),
    "tensordot_1": (lambda a, b: np.tensordot(a, b, 1), A, B),
    "tensordot_0": (lambda a, b: np.tensordot(a, b, 0), A, B),
    "tensordot_2": (lambda a: np.tensordot(a, a), A),
    "kron": (lambda a, b: np.kron(a, b), A, B),
    "kron_vectors": (lambda v, w: np.kron(v, w), V3, A),
    "cross": (lambda v, a: np.cross(v, a.T), V3, A),
    "cross_axis": (lambda a: np.cross(a, a * 2 + 1, axis=0), A),
    "norm": (lambda a: np.linalg.norm(a), A),
    "norm_axis": (lambda a: np.linalg.norm(a, axis=1), A),
    "norm_keepdims": (lambda a: np.linalg.norm(a, axis=-1, keepdims=True), A),
    "norm_orders": (
        lambda a: [np.linalg.norm(a, o, axis=0) for o in (0, 1, 2, 3, np.inf, -np.inf)], A,
    ),
    "norm_matrix": (lambda a: [np.linalg.norm(a, o) for o in ("fro", 1, -1, np.inf, -np.inf)], A),
    "norm_flat": (lambda t: np.linalg.norm(t), T),
    "norm_int": (lambda v: np.linalg.norm((v * 5).astype(int)), V3),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_product(name):
    function, *args = CASES[name]
    check_all_sizes(function, *args, rtol=1e-13)


# of two arrays of bfloat16, NumPy makes float32: see test_bfloat16.py
@pytest.mark.parametrize("dtype", [d.numpy for d in DType if d is not DType.BF16], ids=str)
def test_matmul_dtypes(dtype):
    a = RNG.integers(0, 4, (3, 4)).astype(dtype)
    b = RNG.integers(0, 4, (4, 2)).astype(dtype)
    for other in (dtype, np.float32, np.int64):
        check(lambda a, b: a @ b, a, b.astype(other), rtol=2e-3)
        check(lambda a, b: a @ b, a[0], b[:, 0].astype(other), rtol=2e-3)
        check(lambda a, b: np.dot(a, b), a, b[:, 0].astype(other), rtol=2e-3)


def test_matmul_of_floats_is_one_op():
    nodes = graph_of(lambda a, b: a @ b, A, B).nodes
    assert [n.op.name for n in nodes] == ["matmul"]


def test_in_place_matmul():
    def function(a, b):
        a = a.copy()
        c = a
        a @= b
        return a, c

    check(function, A, RNG.normal(size=(4, 4)), rtol=1e-13)


EINSUMS = [
    ("ij,jk->ik", A, B),
    ("ij,jk", A, B),
    ("ij->ji", A),
    ("ji", A),
    ("ij->", A),
    ("ij->i", A),
    ("ii->", RNG.normal(size=(3, 3))),
    ("ii->i", RNG.normal(size=(3, 3))),
    ("ij,ij->ij", A, A),
    ("ij,ij->", A, A),
    ("ij,ij->i", A, A),
    ("i,j->ij", V3, V4),
    ("i,i", V3, V3),
    ("bij,bjk->bik", T, U),
    ("bij,bjk->ikb", T, U),
    ("...ij,jk->...ik", T, B),
    ("...ij,...jk->...ik", T, U),
    ("...i->...", T),
    ("i...->...", T),
    ("ij,jk,kl->il", A, B, RNG.normal(size=(5, 2))),
    ("ij,jk,ik->", A, B, RNG.normal(size=(3, 5))),
    ("i,ij,j->", V3, A, V4),
    ("i,j,k->ijk", V3, V4, V3),
    ("bij,bik,bjk->b", T, T[:, :, :2], RNG.normal(size=(2, 4, 2))),
    ("ij , kj -> ik", A, A),
    ("ij,j->ij", A, V4),
    ("iji->j", RNG.normal(size=(3, 2, 3))),
]  # fmt: skip


@pytest.mark.parametrize("case", EINSUMS, ids=lambda c: c[0])
def test_einsum(case):
    subscripts, *arrays = case
    check_all_sizes(lambda *a: np.einsum(subscripts, *a), *arrays, rtol=1e-12)


def test_einsum_other_forms():
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), A, B, rtol=1e-13)
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), A, B, rtol=1e-13)
    check(lambda a: np.einsum("ij,kj->ik", a, a, optimize=True), A, rtol=1e-13)
    check(lambda a: np.einsum("ij,jk->ik", a, np.ones((4, 2))), A, rtol=1e-13)
    check(
        lambda a, b: np.einsum("ij,jk->ik", a, b), np.arange(6).reshape(2, 3), np.eye(3, dtype=int)
    )
    check(lambda a, b: np.einsum("ij,j->i", a, b), np.ones((2, 1)), np.ones(3), rtol=1e-13)


def test_einsum_errors():
    with pytest.raises(ValueError, match="number of operands"):
        run_traced(lambda a: np.einsum("ij,jk->ik", a), A)
    with pytest.raises(ValueError, match="axes called 'j' differ in size"):
        run_traced(lambda a, b: np.einsum("ij,jk->ik", a, b), A, A)


def test_shape_errors():
    with pytest.raises(ValueError, match="summed over differ"):
        run_traced(lambda a: a @ a, A)
    with pytest.raises(ValueError, match="scalar operands are not allowed"):
        run_traced(lambda a: np.matmul(a, 2), A)
