"""Functions that move elements, compiled and run, against NumPy itself."""

import itertools

import numpy as np
import pytest

from support.expressions import check_expressions

RNG = np.random.default_rng(13)
DTYPES = ("f8", "i2", "?", "f4", "u8")
# two sizes for each rank: the second call has symbolic sizes; then odd ones by themselves
CASES = [
    [(5,), (34,)],
    [(3, 4), (7, 18)],
    [(2, 3, 4), (3, 5, 18)],
    [(1,)],
    [(0,)],
    [()],
    [(1, 5)],
    [(4, 1)],
    [(0, 3)],
    [(3, 0)],
    [(1, 1, 1)],
    [(2, 0, 3)],
]


def numbers(shape, dtype="f8"):
    made = RNG.integers(0, 100, shape)
    return np.asarray(made % 2 if dtype == "?" else made).astype(dtype)


def check(expressions):
    for k, shapes in enumerate(CASES):
        dtype = DTYPES[k % len(DTYPES)]
        check_expressions(expressions, *({"x": numbers(s, dtype)} for s in shapes))


def test_reshape():
    check(
        [
            "x.reshape(-1)",
            "x.ravel()",
            "x.flatten()",
            "np.ravel(x.T)",
            "x.reshape(x.shape[::-1])",
            "x.reshape(x.size)",
            "np.reshape(x, (1, -1, 1))",
            "x.reshape(-1, 2)",
            "x.reshape((2, -1))",
            "x.T.reshape(-1)",
            "x[::-1].reshape(-1)",
            "x.reshape(x.shape[0], -1)",
            "x.reshape(-1, x.shape[-1])",
            "x.reshape(-1, -1)",
            "x.reshape(3, 5)",
            "x.reshape(())",
            "np.resize(x, (3, 4))",
            "x.reshape(-1)[::2].reshape(1, -1)",
            "np.atleast_1d(x)",
            "np.atleast_2d(x)",
            "np.atleast_3d(x)",
            "np.array(x, ndmin=4)",
        ]
    )


def test_axes():
    check(
        [
            "x.T",
            "x.mT",
            "np.transpose(x)",
            "x.transpose(-1, 0)",
            "np.transpose(x, (1, 0, 2))",
            "np.transpose(x, (0, 0))",
            "np.swapaxes(x, 0, -1)",
            "x.swapaxes(1, 2)",
            "np.moveaxis(x, 0, -1)",
            "np.moveaxis(x, [0, 1], [-1, -2])",
            "np.rollaxis(x, -1)",
            "np.expand_dims(x, 0)",
            "np.expand_dims(x, (-1, 1))",
            "np.expand_dims(x, 7)",
            "np.squeeze(x)",
            "np.squeeze(x, 0)",
            "np.squeeze(x, axis=(-1, 1))",
            "x[None].squeeze(0)",
            "np.matrix_transpose(x)",
            "np.permute_dims(x)",
        ]
    )


def test_order_of_elements():
    check(
        [
            "np.flip(x)",
            "np.flip(x, 0)",
            "np.flip(x, (0, -1))",
            "np.fliplr(x)",
            "np.flipud(x)",
            "np.rot90(x)",
            "np.rot90(x, 3, (1, 0))",
            "np.rot90(x, 2)",
            "np.roll(x, 1)",
            "np.roll(x, -2, axis=0)",
            "np.roll(x, 100, axis=-1)",
            "np.roll(x, (1, 2), axis=(0, 1))",
            "np.roll(x, (1, 2), axis=0)",
            "np.roll(x, x.size // 2)",
            "np.triu(x)",
            "np.tril(x, -1)",
            "np.triu(x, 2)",
            "np.diag(x)",
            "np.diag(x, 1)",
            "np.diag(x, -2)",
            "np.diagonal(x)",
            "np.diagonal(x, -1, 1, 0)",
            "np.trace(x)",
        ]
    )


def test_joining():
    check(
        [
            "np.concatenate([x, x])",
            "np.concatenate([x, x[::-1], x[:1]], axis=0)",
            "np.concatenate([x, x * 2], axis=-1)",
            "np.concatenate([x, x], axis=None)",
            "np.concatenate((x, np.zeros(x.shape, 'f4')))",
            "np.concatenate((x, x.astype('i4')), dtype='f8')",
            "np.concatenate([x, x[None]])",
            "np.concatenate([])",
            "np.stack([x, x])",
            "np.stack([x, x + 1, x], axis=-1)",
            "np.stack([x, x], axis=1)",
            "np.vstack([x, x])",
            "np.hstack([x, x])",
            "np.dstack([x, x])",
            "np.column_stack([x, x])",
            "np.append(x, 3)",
            "np.append(x, x[:1], axis=0)",
            "np.block([[x, x], [x, x]])",
            "np.array([x, x + 1])",
            "np.array([[x, x], [x, x]])",
            "np.insert(x, 1, 7, axis=0)",
            "np.delete(x, 0, axis=-1)",
        ]
    )


def test_splitting():
    check(
        [
            "np.split(x, 1)",
            "np.split(x, [1, 3])",
            "np.split(x, [2], axis=-1)",
            "np.split(x, 3)",
            "np.array_split(x, 3)",
            "np.array_split(x, 4, axis=-1)",
            "np.hsplit(x, [1])",
            "np.vsplit(x, [1])",
            "np.dsplit(x, [1])",
            "list(np.unstack(x))",
            "[row + 1 for row in x]",
            "[a * b for a, b in zip(x, x[::-1])]",
        ]
    )


def test_repeating():
    check(
        [
            "np.tile(x, 2)",
            "np.tile(x, (2, 1, 3))",
            "np.tile(x, 0)",
            "np.repeat(x, 3)",
            "np.repeat(x, 2, axis=0)",
            "x.repeat(2, axis=-1)",
            "np.repeat(x, 0, axis=0)",
            "np.repeat(x[:3], [1, 0, 2], axis=0)",
            "np.broadcast_to(x, (2, *x.shape))",
            "np.broadcast_to(x, (3, 4))",
            "np.broadcast_arrays(x, x[:1])",
            "np.meshgrid(x, x[:2])",
            "np.meshgrid(x, x[:2], indexing='ij')",
            "np.kron(x, np.ones((2, 1), x.dtype))",
        ]
    )


MODES = ("constant", "edge", "reflect", "symmetric", "wrap")
WIDTHS = ("1", "(2, 0)", "((1, 2),)", "0", "9")


@pytest.mark.parametrize("mode", MODES)
def test_pad(mode):
    expressions = [f"np.pad(x, {width}, mode='{mode}')" for width in WIDTHS]
    expressions += [f"np.pad(x, [(0, 0)] * (x.ndim - 1) + [(3, 1)], '{mode}')"]
    if mode == "constant":
        expressions += [
            "np.pad(x, 1, constant_values=7)",
            "np.pad(x, (1, 2), constant_values=(3, 4))",
            "np.pad(x, 1)",
        ]
    check(expressions)


def test_choosing():
    check(
        [
            "np.where(x > 3, x, 0)",
            "np.where(x, x, -1.5)",
            "np.where(x[:1] > 3, 1, x)",
            "np.where([True], x, 2)",
            "np.where(x.astype(bool), x.astype('i1'), x.astype('f4'))",
            "np.select([x > 50, x > 20], [x, x * 2], 5)",
            "np.clip(x.astype('i4'), 3, 20)",
            "np.clip(x.astype('f4'), None, 20.5)",
            "x.astype('i8').clip(min=50)",
            "np.clip(x.astype('f8'), x[::-1], 70)",
            "np.clip(x.astype('u1'), 5, 3)",
            "np.clip(x.astype('u1'), -3, 300)",
            "np.round(x / 7.0, 2)",
            "np.nan_to_num(x / x)",
            "np.diff(x.astype('i4'))",
            "np.diff(x.astype('f4'), n=2, axis=0)",
            "np.searchsorted(np.array([3, 20, 50]), x)",
            "np.isin(x, [1, 2, 3])",
            "np.interp(x.astype('f8'), [0.0, 10, 50], [1.0, 5, 2])",
        ]
    )


def test_creation():
    check(
        [
            "np.zeros(x.shape)",
            "np.ones_like(x)",
            "np.full(x.shape, 3)",
            "np.full_like(x, 1)",
            "np.arange(x.shape[-1])",
            "np.arange(1, x.shape[0] * 2, 3)",
            "np.arange(x.shape[-1], 0, -1) * 0.5",
            "np.linspace(0, 1, x.shape[-1])",
            "np.linspace(2.5, -1, x.shape[0], endpoint=False)",
            "np.eye(x.shape[0])",
            "np.eye(x.shape[-1], 3, k=1, dtype=bool)",
            "np.identity(x.shape[0])",
            "np.tri(x.shape[0])",
            "np.array(x.shape)",
            "np.asarray(x, dtype='f4')",
            "np.indices(x.shape) if x.ndim == 1 else x",
            "np.zeros((x.shape[0], 2), dtype=x.dtype)[:, 0]",
            "x.astype('f8').astype('i1')",
            "(x.shape, x.ndim, x.size, len(x), x.nbytes)",
        ]
    )


def test_dtypes_of_joined_arrays():
    pairs = itertools.combinations(("?", "i1", "u1", "i4", "u8", "f2", "f4", "f8"), 2)
    expressions = [
        form.format(f"x.astype('{a}')", f"x.astype('{b}')")
        for a, b in pairs
        for form in ("np.concatenate([{}, {}])", "np.where(x > 1, {}, {})", "np.stack([{}, {}])")
    ]
    check_expressions(expressions, {"x": numbers((5,))}, {"x": numbers((9,))})
