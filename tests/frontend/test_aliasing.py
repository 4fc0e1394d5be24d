"""Assignments reach every view of an array, as in NumPy."""

import copy

import numpy as np
import pytest

from support.tracing import check_all_sizes, run_traced

X = np.arange(12.0).reshape(3, 4)


def view_of_copy(x):
    y = x.copy()
    v = y[1:]
    v += 1
    return y, v


def base_seen_through_view(x):
    y = x.copy()
    v = y[:, 1]
    y *= 2
    y[0, 1] = -5
    return v


def sibling_views(x):
    y = x.copy()
    a, b = y[:2], y[1:]
    a[1] = 7
    b[0, 0] = 8
    return a, b, y


def view_of_view(x):
    y = x.copy()
    v = y[::-1][1:].T
    v[0] = 100
    return y, v


def transposed(x):
    y = x.copy()
    y.T[1] = 3
    np.transpose(y)[2, 0] = 4
    y.swapaxes(0, 1)[0, 2] = 5
    np.moveaxis(y, 0, 1)[3, 1] = 6
    return y


def reshaped(x):
    y = x.copy()
    y.reshape(-1)[5] = 50
    y.ravel()[6] = 60
    y.reshape(4, 3)[0] = 1
    np.expand_dims(y, 1)[2, 0, 3] = 9
    y[:, None][1] = 2
    return y


def flattened_is_a_copy(x):
    y = x.copy()
    y.flatten()[0] = 5
    y.T.ravel()[1] = 6
    y[:, ::2].reshape(-1)[2] = 7
    return y


def contiguous_part_is_a_view(x):
    y = x.copy()
    y[1:].reshape(-1)[0] = 5
    y[:, 1].reshape(3, 1)[0] = 6
    y.T[1:].reshape(3, 3, 1)[0, 0] = 8
    return y


def advanced_is_a_copy(x):
    y = x.copy()
    y[[0, 1]][0] = 5
    y[np.array([0, 2])] *= 2
    return y


def flipped(x):
    y = x.copy()
    np.flip(y, 0)[0] = 1
    np.fliplr(y)[1, 0] = 2
    np.rot90(y)[0, 0] = 3
    return y


def split_parts(x):
    y = x.copy()
    a, b = np.split(y, 2, axis=1)
    a += 10
    b[0] = 0
    return y


def rows(x):
    y = x.copy()
    for row in y:
        row *= 2
        row[0] = -1
    return y


def scalars_are_copies(x):
    y = x.copy()
    s = y[0, 0]
    s += 5
    total = y.sum()
    same = total
    total += 1
    return y, s, total, same


def zero_dimensional(x):
    y = np.zeros(())
    y += x[1, 1]
    y[...] = y + 1
    z = x[0, 1, ...]
    return y * 1, z * 2


def overlapping(x):
    y = x.copy()
    y[1:] = y[:-1]
    y[:, ::-1] += y
    return y


def out_argument(x):
    y = x.copy()
    np.add(y[0], 1, out=y[1])
    np.multiply(y, 2, out=y)
    np.cumsum(y[0], out=y[2])
    return y


def helpers(x):
    y = x.copy()
    y.fill(2)
    np.copyto(y[1], x[2])
    np.copyto(y, -1, where=x > 9)
    return y


def names_are_not_copies(x):
    y = x.copy()
    z = y
    z += 1
    w = np.asarray(y)
    w[0] = 0
    return y


def swap(x):
    y = x.copy()
    y[0], y[1] = y[1].copy(), y[0].copy()
    y[[0, 2]] = y[[2, 0]]
    return y


def created(x):
    out = np.zeros_like(x)
    out[1:-1, 1:-1] = x[1:-1, 1:-1] * 2
    grid = np.empty(x.shape)
    grid[...] = 1
    grid[0] = x[0]
    full = np.full((3, 4), 2.5)
    full[x > 3] = 0
    counts = np.arange(4)
    counts[1:] -= 1
    return out, grid, full, counts


def known_becomes_traced(x):
    table = np.zeros(4)
    head = table[:2]
    table[1] = 5
    head[0] = x[0, 1]
    tail = table[1:]
    head *= 2
    return table, head, tail


def copies(x):
    y = copy.copy(x)
    z = copy.deepcopy(y)
    y += 1
    return y, z


FUNCTIONS = [
    view_of_copy, base_seen_through_view, sibling_views, view_of_view, transposed, reshaped,
    flattened_is_a_copy, contiguous_part_is_a_view, advanced_is_a_copy, flipped, split_parts, rows,
    scalars_are_copies, zero_dimensional, overlapping, out_argument, helpers, names_are_not_copies,
    swap, created, known_becomes_traced, copies,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_aliasing(function):
    check_all_sizes(function, X)


IN_PLACE = ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="]


@pytest.mark.parametrize("operator", IN_PLACE)
@pytest.mark.parametrize("dtype", [np.int32, np.float32, bool])
def test_in_place_operators(operator, dtype):
    scope = {}
    exec(f"def f(x, y):\n  x = x.copy()\n  x {operator} y\n  return x", scope)
    x = np.array([7, 5, 3]).astype(dtype)
    for other in (2, 1.5, True, np.array([1, 2, 3], np.int64), np.array([1.0, 2.0, 4.0])):
        try:
            scope["f"](x, other)
        except TypeError as error:
            with pytest.raises(TypeError) as found:
                run_traced(scope["f"], x, other)
            # a traced exponent is not known to be 2, for which NumPy takes another ufunc
            if "output" in str(error) and "square" not in str(error):
                assert str(error) in str(found.value)
        else:
            check_all_sizes(scope["f"], x, other)


def test_arguments_are_not_assigned_to():
    def index(x):
        x[0] = 1

    def in_place(x):
        x += 1

    def through_view(x):
        x.T[1:] *= 2

    def out(x):
        np.add(x, 1, out=x)

    for function in (index, in_place, through_view, out):
        with pytest.raises(NotImplementedError, match="would change the caller's array") as error:
            run_traced(function, X)
        assert "copy it first: x = x.copy()" in str(error.value)


def test_scalar_arguments_are_rebound():
    def function(a, b, x):
        a += 1
        b *= 2
        return a, b, x * a + b

    check_all_sizes(function, 2.5, np.float32(3), X)


def test_read_only_results():
    for function in (
        lambda x: np.broadcast_to(x, (2, 3, 4)).__setitem__(0, 1),
        lambda x: np.diagonal(x).__setitem__(0, 1),
    ):
        with pytest.raises(ValueError, match="read-only"):
            function(X.copy())
        with pytest.raises(NotImplementedError):
            run_traced(function, X)
