"""Products of matrices and vectors, compiled and run, against NumPy itself.

Elements are small multiples of 1/4, so that every sum of products is exact.
"""

import itertools

import numpy as np
import pytest

import tensorwright as tw
from support.expressions import check_expressions
from support.ufunc_cases import DTYPES
from tensorwright.compiler.ir.types import DType

RNG = np.random.default_rng(19)


def numbers(shape, dtype="f8"):
    dtype, made = np.dtype(dtype), RNG.integers(-5, 6, shape)
    if dtype.kind == "f":
        return np.asarray(made / 4).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(made > 2)
    return np.asarray(abs(made) if dtype.kind == "u" else made).astype(dtype)


def pair(x, y, first="f8", second="f8"):
    return {"x": numbers(x, first), "y": numbers(y, second)}


PRODUCTS = ("x @ y", "np.matmul(x, y)", "np.dot(x, y)", "x.dot(y)")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_matrices_of_every_dtype(dtype):
    expressions = [
        *PRODUCTS,
        "np.inner(x, y.T)",
        "np.tensordot(x, y, 1)",
    ]
    if dtype == DType.BF16.numpy:  # NumPy makes float32 of two of these, and has no einsum
        expressions = ["np.dot(x, y)", "x.dot(y)"]
    else:
        expressions.append("np.einsum('ij,jk', x, y)")
    sizes = [((3, 4), (4, 5)), ((7, 2), (2, 33)), ((18, 9), (9, 1))]
    check_expressions(expressions, *(pair(x, y, dtype, dtype) for x, y in sizes))


def test_mixed_dtypes():
    for first, second in itertools.permutations(("?", "i1", "u4", "i8", "f2", "f4", "f8"), 2):
        call = pair((3, 4), (4, 5), first, second)
        check_expressions(["x @ y", "np.dot(x[0], y)", "np.outer(x[0], y[0])"], call)


SHAPES = [
    [((4,), (4,)), ((70,), (70,))],
    [((3, 4), (4,)), ((9, 33), (33,))],
    [((4,), (4, 3)), ((33,), (33, 9))],
    [((1, 4), (4, 1)), ((1, 33), (33, 1))],
    [((5, 1), (1, 6)), ((9, 1), (1, 33))],
    [((2, 3, 4), (4, 5)), ((7, 3, 9), (9, 5))],
    [((3, 4), (2, 4, 5)), ((3, 9), (7, 9, 5))],
    [((2, 3, 4), (2, 4, 5)), ((5, 3, 8), (5, 8, 2))],
    [((2, 1, 3, 4), (6, 4, 5)), ((3, 1, 3, 4), (7, 4, 5))],
    [((1, 3, 4), (7, 4, 5))],
    [((2, 3, 4), (4,)), ((5, 3, 9), (9,))],
    [((4,), (2, 4, 5))],
    [((0, 4), (4, 3))],
    [((3, 0), (0, 2))],
    [((3, 4), (4, 0))],
    [((0,), (0,))],
    [((2, 0, 3), (3, 4))],
    [((1, 1), (1, 1))],
    [((3, 4), (3, 4))],  # does not fit
    [((3, 4), (5,))],
    [((), (3,))],
]


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "?"])
def test_shapes(dtype):
    expressions = [
        *PRODUCTS,
        "np.inner(x, y)",
        "np.outer(x, y)",
        "np.tensordot(x, y, 0)",
        "np.kron(x, y)",
    ]
    for shapes in SHAPES:
        check_expressions(expressions, *(pair(x, y, dtype, dtype) for x, y in shapes))


def test_layouts_of_operands():
    """Transposed, reversed and sliced operands, and results that are used further."""
    expressions = [
        "x @ x.T",
        "x.T @ x",
        "x.T @ y",
        "y.T @ x",
        "x[::-1].T @ y",
        "x[:, ::2].T @ y[:, 1:]",
        "x[::2] @ y[::2].T",
        "(x.T @ y).T",
        "(x + 1).T @ (y * 2)",
        "x[0] @ y[0]",
        "x @ y[0]",
        "x[:, 0] @ y",
        "x[:, :1] @ y[:1]",
        "np.broadcast_to(x[0], x.shape).T @ y",
        "(x.T @ y).sum(axis=0) + 1",
        "np.maximum(x @ y.T, 0) @ x",
        "x @ np.ones((x.shape[1], 2))",
        "np.ones(x.shape[0]) @ x",
        "x.astype('f4').T @ y",
        "x[None] @ y.T",
        "np.stack([x, y]) @ np.stack([y.T, x.T])",
        "x.reshape(-1) @ y.reshape(-1)",
        "np.matmul(x, y.T, out=np.empty((x.shape[0], x.shape[0])))",
    ]
    sizes = ((3, 4), (7, 18), (33, 9))
    check_expressions(expressions, *(pair(s, s) for s in sizes))
    for s in ((1, 1), (2, 1), (1, 5)):
        check_expressions(expressions, pair(s, s))


def test_einsum():
    subscripts = [
        "ij,kj->ik",
        "ij,kj",
        "ij,ij->",
        "ij,ij->ij",
        "ij,ij->i",
        "ij,kl->ijkl",
        "ij,kj->j",
        "ij,kl->",
        "ij,kj->kij",
        "...j,...j",
        "...j,...j->...",
        "i...,k...->ik...",
        "ij , ij -> ji",
    ]
    expressions = [f"np.einsum('{s}', x, y)" for s in subscripts]
    alone = ["ij->ji", "ij->", "ij->j", "ij", "ji", "...", "i...->...", "ij->ij"]
    expressions += [f"np.einsum('{s}', x)" for s in alone]
    expressions += [
        "np.einsum('ij,kj,kl->il', x, y, x)",
        "np.einsum('ij,ij,ij->j', x, y, x)",
        "np.einsum('ii', x @ y.T)",
        "np.einsum('ii->i', x @ y.T)",
        "np.einsum(x, [0, 1], y, [2, 1], [0, 2])",
        "np.einsum('ij,jk', x, y)",
        "np.einsum('ij,kj->ikz', x, y)",
        "np.einsum('ij', x, y)",
    ]
    for dtype in ("f8", "i4", "f4"):
        calls = (pair(s, s, dtype, dtype) for s in ((3, 4), (5, 9), (18, 2)))
        check_expressions(expressions, *calls)


def test_tensordot_and_others():
    expressions = [
        "np.tensordot(x, y, axes=([1], [0]))",
        "np.tensordot(x, y, axes=([1, 0], [0, 1]))",
        "np.tensordot(x, y, 2)",
        "np.tensordot(x, x, 2)",
        "np.tensordot(x, y, 0)",
        "np.tensordot(x[None], y[None], axes=((0, 2), (0, 1)))",
        "np.vdot(x, y)",
        "np.vdot(x.T, x.T)",
        "np.vecdot(x, y.T)",
        "np.linalg.norm(x[0] * 0 + 2)",
        "np.linalg.multi_dot([x, y, x])",
        "np.trace(x @ y)",
        "np.cross(x[:, :3], x[:, 1:4])",
        "np.outer(x, y[0])",
        "np.linalg.matrix_power(x @ y, 2)",
        "np.convolve(x[0], y[0])",
    ]
    sizes = (((3, 4), (4, 3)), ((5, 9), (9, 5)), ((2, 33), (33, 2)))
    for dtype in ("f8", "i8"):
        check_expressions(expressions, *(pair(x, y, dtype, dtype) for x, y in sizes), close=1e-14)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_accuracy(dtype):
    """No worse than the bound of any order of additions."""
    function = tw.jit(lambda x, y: (x @ y, x[0] @ y[:, 0], np.einsum("ij,jk->ik", x, y)))
    for m, k, n in ((3, 4, 5), (17, 300, 9), (64, 1000, 33)):
        x, y = RNG.normal(size=(m, k)).astype(dtype), RNG.normal(size=(k, n)).astype(dtype)
        exact = x.astype(np.longdouble) @ y.astype(np.longdouble)
        bound = k * np.finfo(dtype).eps * (abs(x).astype("f8") @ abs(y).astype("f8"))
        whole, one, again = function(x, y)
        assert whole.dtype == one.dtype == again.dtype == dtype
        assert (abs(whole - exact) <= bound).all() and (abs(again - exact) <= bound).all()
        assert abs(one - exact[0, 0]) <= bound[0, 0]
