"""x[mask] with a mask that is only known when the function runs."""

import operator

import numpy as np
import pytest

from support.tracing import check, check_all_sizes, run_traced

X = np.array([[1.5, -2.0, 3.0, np.nan], [0.5, 4.0, -1.0, 2.0], [7.0, -3.0, 0.0, 1.0]])
V = np.array([4.0, -9.0, 1.0, 16.0, -1.0])


def update_in_place(x):
    y = x.copy()
    y[x > 1] += 10
    y[x < 0] *= x[x < 0]
    return y


def transform(x):
    y = np.zeros_like(x)
    positive = x > 0
    y[positive] = np.log(x[positive]) * 2 + 1
    y[~positive] = -x[~positive]
    return y


def same_mask_written_twice(x):
    y = x.copy()
    y[x > 0] = np.sqrt(x[x > 0])
    return y


def rows(x):
    y = x.copy()
    keep = x[:, 0] > 1
    y[keep] = x[keep] * x[0] + np.arange(4)
    y[keep, 1] = x[keep, 2] - 1
    y[keep, 2:] = x[keep, 2:].clip(0, 2)
    return y


def functions(x):
    y = x.copy()
    part = x[x > 0]
    y[x > 0] = np.where(part > 2, part, 0) + np.clip(part, 1, 2) + np.round(part / 3, 1)
    y[x > 0] += (part**2).astype(np.float32).astype(np.float64) + abs(part) - 2.0 * part
    y[x > 0] = np.maximum(y[x > 0], x[x > 0]) + divmod(part, 2)[1]
    return y


def assigned_part(x):
    part = x[x > 0]
    same = part
    part += 1
    y = x.copy()
    y[x > 0] = same
    return y, x * 1


@pytest.mark.parametrize(
    "function",
    [update_in_place, transform, same_mask_written_twice, rows, functions, assigned_part],
    ids=lambda f: f.__name__,
)
def test_assignment_under_the_same_mask(function):
    check_all_sizes(function, X)


REDUCTIONS = [np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.any, np.all]


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reductions(function):
    check_all_sizes(lambda x: function(x[x > 0]), X, rtol=1e-14)
    check_all_sizes(lambda x: function(x[x[:, 1] < 0], axis=0), X, rtol=1e-14)
    check_all_sizes(lambda x: function(x[x[:, 1] < 0]), X, rtol=1e-14)
    for dtype in (np.int32, np.float32, bool, np.uint8):
        v = np.abs(V).astype(dtype)
        check(lambda v, m: function(v[m]), v, V > 0, rtol=1e-6)


def test_methods_and_counts():
    def function(v):
        part = v[v > 0]
        return (
            part.sum(), part.mean(), part.max(), part.min(), part.std(ddof=1), part.size,
            np.count_nonzero(part > 2), (part > 2).any(), part.dot(part), part @ part,
            part.sum() / part.size, np.sum(part, dtype=np.float32), np.max(part, initial=99),
        )  # fmt: skip

    check_all_sizes(function, V, rtol=1e-14)
    check(lambda x: x[x[:, 0] > 1].size, X)
    check(lambda v: (v[v > 99].sum(), v[v > 99].size, v[v > 99].any()), V)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_empty_selections():
    check(lambda v: v[v > 99].mean(), V)
    for function in (np.max, np.min):
        with pytest.raises(ValueError, match="zero-size array to reduction operation"):
            run_traced(lambda v, f=function: f(v[v > 99]), V)


def test_known_arrays_selected_by_traced_masks():
    check_all_sizes(lambda v: np.arange(5)[v > 0].sum(), V)


REFUSED = {
    "returned": lambda v: v[v > 0],
    "len": lambda v: len(v[v > 0]),
    "shape": lambda v: v[v > 0].shape,
    "index": lambda v: v[v > 0][0],
    "iterate": lambda v: list(v[v > 0]),
    "concatenate": lambda v: np.concatenate((v[v > 0], v[v < 0])),
    "sort": lambda v: np.sort(v[v > 0]),
    "cumsum": lambda v: v[v > 0].cumsum(),
    "argmax": lambda v: v[v > 0].argmax(),
    "other array": lambda v: v[v > 0] + v,
    "array left": lambda v: v + v[v > 0],
    "ufunc": lambda v: np.add(v, v[v > 0]),
    "whole assignment": lambda v: v.copy().__setitem__(slice(None), v[v > 0]),
    "truth": lambda v: bool(v[v > 0]),
    "keepdims": lambda v: v[v > 0].sum(keepdims=True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(NotImplementedError, match="selects is only known when") as error:
        run_traced(REFUSED[name], V)
    assert f"{__file__}:" in str(error.value) or name == "returned"


def test_different_masks_are_refused():
    with pytest.raises(NotImplementedError, match="different numbers of elements"):
        run_traced(lambda v: v[v > 0] + v[v > 1], V)
    with pytest.raises(NotImplementedError, match="different numbers of elements"):
        run_traced(lambda v: operator.setitem(v.copy(), v > 0, v[v > 1]), V)
    with pytest.raises(IndexError, match="boolean index did not match"):
        run_traced(lambda v: v[(v > 0)[:3]].sum(), V)
    with pytest.raises(NotImplementedError, match="a mask must come first"):
        run_traced(lambda x: x[:, x[0] > 0].sum(), X)
