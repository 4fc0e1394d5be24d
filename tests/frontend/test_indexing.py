"""x[index] and x[index] = value against NumPy, with fixed and with symbolic sizes."""

import numpy as np
import pytest

from support.tracing import check, check_all_sizes, graph_of, run_traced

X = np.arange(60.0).reshape(3, 4, 5)
M = np.arange(12.0).reshape(3, 4)
V = np.arange(8.0)
I = np.array([2, 0, 1])  # noqa: E741
J = np.array([[0, 3], [1, -1]])

# What comes between the brackets; each is read, and assigned a scalar, and itself doubled.
BASIC = [
    np.s_[0], np.s_[-1], np.s_[1, 2], np.s_[1, 2, 3], np.s_[1, -2, -3], np.s_[:], np.s_[...],
    np.s_[1:], np.s_[:2], np.s_[1:2], np.s_[:, 1:3], np.s_[:, ::2], np.s_[:, ::-1], np.s_[::-1],
    np.s_[:, 3:0:-2], np.s_[:, -1:-3:-1], np.s_[5:], np.s_[2:1], np.s_[:, -100:100], np.s_[..., 0],
    np.s_[0, ..., 1], np.s_[None], np.s_[:, None], np.s_[..., None], np.s_[None, 1, None, :, 2],
    np.s_[1, ...], np.s_[1, 2, 3, ...], np.s_[:, :, 4], np.s_[:, 2:2], np.s_[np.int64(1)],
    np.s_[1:-1, 1:-1, 1:-1], np.s_[::2, ::3, ::-4], np.s_[()], np.s_[:, :, ::-2],
    np.s_[-2:, -3:-1],
]  # fmt: skip
ADVANCED = [
    np.s_[[0, 2]], np.s_[[2, 0, 2]], np.s_[:, [0, 3]], np.s_[[0, 1], [1, 2]],
    np.s_[[0, 1], :, [1, 2]],
    np.s_[:, [0, 1], [1, 2]], np.s_[0, :, [1, 2]], np.s_[:, 0, [1, 2]], np.s_[[0, 1], 1:3],
    np.s_[[[0], [1]], [1, 2]], np.s_[..., [1, 2]], np.s_[[0, 1], ..., [3, 4]], np.s_[None, [0, 1]],
    np.s_[[0, 1], None, [1, 2]], np.s_[[]], np.s_[[-1, -3]], np.s_[[True, False, True]],
    np.s_[:, [True, False, True, True]], np.s_[np.array([1, 1]), 2, ::-1], np.s_[[0, 1, 2]],
    np.s_[:, [3, 2, 1, 0]], np.s_[:, :, [0, 2, 4]],
]  # fmt: skip


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=str)
def test_read(index):
    check_all_sizes(lambda x: x[index], X)


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=str)
def test_assign(index):
    def scalar(x):
        y = x.copy()
        y[index] = -1
        return y

    def array(x):
        y = x.copy()
        y[index] = x[index] * 2
        return y

    def in_place(x):
        y = x * 1
        y[index] += 100
        return y

    for function in (scalar, array, in_place):
        check_all_sizes(function, X)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, bool])
def test_traced_index_arrays(dtype):
    i, j = (np.abs(I) % 2).astype(dtype), np.abs(J).astype(dtype)
    if dtype is bool:
        return
    check_all_sizes(lambda x, i: x[i], X, i)
    check_all_sizes(lambda x, i: x[:, i], X, i)
    check_all_sizes(lambda x, i: x[i, i], X, i)
    check_all_sizes(lambda x, i: x[i, :, i], X, i)
    check_all_sizes(lambda x, j: x[:, j], X, j)
    check_all_sizes(lambda x, i, j: x[i[:2], j], X, i, j)


def test_negative_traced_indices():
    check_all_sizes(lambda x, i: (x[i], x[:, i - 3]), X, I)


def test_traced_integers():
    check_all_sizes(lambda x, i: (x[i], x[:, i], x[i, 1:], x[..., i], x[i, i, i]), X, 2)
    check_all_sizes(lambda x, i: (x[i], x[:, i]), X, np.int64(-1))
    check_all_sizes(lambda v: v[np.argmax(v)], V)


def test_rows_by_label():
    labels = np.array([1, 0, 3])
    check_all_sizes(lambda x, labels: x[np.arange(3), labels], M, labels)
    check_all_sizes(lambda x, labels: x[np.arange(x.shape[0]), labels], M, labels)
    check_all_sizes(lambda x, labels: x[np.arange(len(labels)), labels].sum(), M, labels)


def test_index_out_of_bounds_while_running():
    with pytest.raises(IndexError):
        run_traced(lambda x, i: x[i], V, np.array([8]))
    with pytest.raises(IndexError):
        run_traced(lambda x, i: x[i], V, -9)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (3, "index 3 is out of bounds for axis 0 with size 3"),
        (np.s_[0, -5], "index -5 is out of bounds for axis 1 with size 4"),
        (np.s_[0, 0, 0], "too many indices for array: array is 2-dimensional, but 3 were indexed"),
        (np.s_[..., ...], "an index can only have a single ellipsis"),
        (1.5, "only integers, slices"),
        ("a", "only integers, slices"),
        ([0, 5], "index 5 is out of bounds for axis 0 with size 3"),
        (np.array([0.5]), "arrays used as indices must be of integer"),
    ],
)
def test_errors_have_numpys_text(index, message):
    with pytest.raises(IndexError, match=message.replace("(", r"\(")[:40]):
        M[index]
    for symbolic in ("", "equal"):
        with pytest.raises(IndexError, match=message):
            run_traced(lambda x: x[index], M, symbolic=symbolic)


def test_masks():
    def function(x):
        y = x.copy()
        y[x > 7] = -1
        y[x[:, 0] > 2] = np.arange(4)
        y[x[:, 1] > 7, 0] = 5
        y[:, x[0] > 1] = 9
        y[x < 1, ...] = 2.5
        y[1][x[0] > 2] = 77
        return y

    check_all_sizes(function, M)
    with pytest.raises(NotImplementedError, match="which element goes where"):
        run_traced(lambda x: x.copy().__setitem__(x > 1, x.ravel()[:3]), M)
    with pytest.raises(IndexError, match="boolean index did not match"):
        run_traced(lambda x: x.copy().__setitem__(x[:, :2] > 1, 0), M)


def test_concrete_masks():
    mask = M > 5
    check(lambda x: x[mask], M)
    check(lambda x: x[mask[:, 0]], M)

    def function(x):
        y = x.copy()
        y[mask] = x[mask][::-1]
        return y

    check(function, M)


def test_assign_at_traced_indices():
    def function(x, i, j):
        y = x.copy()
        y[i] = 7
        y[i, j] = -1
        y[:, j] += 1
        y[np.array([0, 2]), i] = x[:2, 0]
        return y

    check_all_sizes(function, M, 1, 2)
    check_all_sizes(function, M, np.int64(-1), -2)

    def many(x, i):
        y = x.copy()
        y[i] = np.arange(3.0)[:, None]
        return y

    check_all_sizes(many, M, np.array([2, 2, 0]))
    with pytest.raises(IndexError):
        run_traced(function, M, 5, 0)
    with pytest.raises(NotImplementedError, match="many positions"):
        run_traced(lambda x, i: x.copy().__setitem__(i, 0), V, np.zeros(100, int))


def test_assignment_converts_and_broadcasts():
    def function(x):
        y = np.zeros((2, 3), np.int32)
        y[0] = x
        y[1, 1:] = x[None, None, 1:]
        y[1, 0] = 2.75
        return y

    check_all_sizes(function, np.array([1.5, -2.5, 3.0]))
    with pytest.raises(ValueError, match=r"could not broadcast input array from shape \(3,\)"):
        run_traced(lambda x: x.copy().__setitem__(slice(0, 2), x[:3]), V)
    with pytest.raises(OverflowError, match="Python integer 300 out of bounds for int8"):
        run_traced(lambda x: x.copy().__setitem__(0, 300), np.zeros(3, np.int8))


def test_take():
    check_all_sizes(lambda x: np.take(x, [0, 2], axis=1), M)
    check_all_sizes(lambda x, i: np.take(x, i), M, J)
    check_all_sizes(lambda x, i: x.take(i, axis=-1), M, J)
    check_all_sizes(lambda x, i: np.take(x, i, 0, mode="wrap"), M, I + 7)
    check_all_sizes(lambda x, i: np.take(x, i, 0, mode="clip"), M, I * 5 - 3)
    check_all_sizes(lambda x: np.take(x, 1), M)


def test_take_along_axis():
    check_all_sizes(lambda x: np.take_along_axis(x, np.argmax(x, 1, keepdims=True), 1), M)
    order = np.argsort(-M, axis=0)
    check_all_sizes(lambda x, i: np.take_along_axis(x, i, axis=0), M, order)
    check_all_sizes(lambda x, i: np.take_along_axis(x, i, axis=None), M, np.array([3, 1]))


def test_symbolic_bounds():
    check_all_sizes(lambda x: x[: x.shape[0] // 2], V)
    check_all_sizes(lambda x: x[x.shape[0] - 3 :], V)
    check_all_sizes(lambda x: x[x.shape[0] - 1], V)
    check_all_sizes(lambda x: x[1 : x.shape[0] : 3], V)
    check_all_sizes(lambda x: x[-3 : x.size], V)
    check_all_sizes(lambda x: (x[3:], x[:3], x[:-3], x[100:], x[6:2:-1], x[::-3]), V)


def test_stencil_keeps_symbolic_sizes():
    def step(x):
        y = x.copy()
        y[1:-1] = 0.5 * (x[2:] + x[:-2])
        return y

    graph = graph_of(step, V, symbolic="equal")
    assert str(graph.outputs[0].type) == "f64[n8]"
    check_all_sizes(step, V)
