"""Sizes that differ from call to call: what users compute with them, and which guards follow."""

import math
import numbers

import numpy as np
import pytest

from support.tracing import check, check_all_sizes, graph_of, run_traced

X = np.arange(12.0).reshape(3, 4)
V = np.arange(6.0)
W = np.arange(6.0) + 1


def guards(function, *args, symbolic="equal"):
    return [str(g) for g in graph_of(function, *args, symbolic=symbolic).guards]


def types(function, *args, symbolic="equal"):
    graph = graph_of(function, *args, symbolic=symbolic)
    return [str(v.type) for v in (*graph.inputs, *graph.outputs)]


def test_arithmetic_of_sizes():
    def function(x):
        n, m = x.shape
        return (
            n + m, n - 1, 2 * n, n * m, n // 2, n % 2, (n + 1) // 2, n**2, -n, abs(n), divmod(n, 2),
            n / 2, n * 0.5, 1 / n, n**0.5, x / n, x * (n - 1), x.size, x.nbytes, math.prod(x.shape),
            10 - n, 3 * n - n, max(n, 2), min(n, m), n == m, n < m, bool(n), n != 3, n >= 1,
        )  # fmt: skip

    check_all_sizes(function, X)


def test_sizes_meet_arrays_as_python_ints():
    check_all_sizes(lambda x: x + x.shape[0], np.arange(3, dtype=np.int8))
    check_all_sizes(lambda x: (np.sqrt(x.shape[0]), np.float32(2) * x.shape[0]), V)
    check_all_sizes(lambda x: x.sum() / len(x), V)
    check_all_sizes(lambda x: np.prod(x.shape) + np.add(x.shape[0], 1), X)


def test_comparisons_become_guards():
    assert guards(lambda x: x * 2, V) == []
    assert guards(lambda x: x[3:], V) == ["n6 - 4 >= 0"]
    assert guards(lambda x: x[:-1] + x[1:], V) == []
    assert guards(lambda x: x * 2 if x.shape[0] > 4 else x, V) == ["n6 - 5 >= 0"]
    assert guards(lambda x: x * 2 if x.shape[0] > 9 else x, V) == ["-n6 + 9 >= 0"]
    assert guards(lambda x: x * 2 if x.shape[0] == 9 else x, V) == ["n6 - 9 != 0"]
    assert guards(lambda x: x if x.shape[0] != x.shape[1] else x.T, X) == ["n3 - n4 != 0"]


def test_sizes_of_two_or_more_need_no_guard():
    assert guards(lambda x: x[1:] if x.shape[0] > 1 else x, V) == []
    assert guards(lambda x: x + np.ones((1, 1)), X) == []


def test_equal_sizes_are_unified():
    assert types(lambda x, y: x + y, V, W, symbolic="apart") == ["f64[d0]", "f64[d0]", "f64[d0]"]
    assert types(lambda x, y: x @ y, X, X.T, symbolic="apart") == [
        "f64[d0, d1]", "f64[d1, d3]", "f64[d0, d3]",
    ]  # fmt: skip
    check_all_sizes(lambda x, y: x + y, V, W)


def test_plain_ints_fix_the_size():
    assert types(lambda x: x * int(x.shape[0]), V) == ["f64[6]", "f64[6]"]
    assert types(lambda x: sum(x[k] for k in range(x.shape[0])), V) == ["f64[6]", "f64[]"]
    assert types(lambda x: {x.shape[0]: x}[6], V) == ["f64[6]", "f64[6]"]
    assert types(lambda x: x * math.sqrt(x.shape[0]), V) == ["f64[6]", "f64[6]"]
    assert types(lambda x: x + np.arange(6), V) == ["f64[6]", "f64[6]"]
    assert types(lambda x: next(iter(x)), X) == ["f64[3, n4]", "f64[n4]"]


def test_shapes_stay_symbolic():
    assert types(lambda x: x.reshape(-1), X)[-1] == "f64[n3*n4]"
    assert types(lambda x: x.reshape(-1).reshape(x.shape), X)[-1] == "f64[n3, n4]"
    assert types(lambda x: x.T.reshape(x.shape[1], -1), X)[-1] == "f64[n4, n3]"
    assert types(lambda x: np.concatenate((x, x[:1])), X)[-1] == "f64[n3 + 1, n4]"
    assert types(lambda x: np.zeros((x.shape[0], 2)), X)[-1] == "f64[n3, 2]"
    assert types(lambda x: np.arange(x.shape[0] - 1), X)[-1] == "i64[n3 - 1]"
    assert types(lambda x: x[::2], V)[-1] == "f64[(n6 + 1)//2]"
    assert types(lambda x: np.pad(x, 1), X)[-1] == "f64[n3 + 2, n4 + 2]"
    assert types(lambda x: np.tile(x, 2), V)[-1] == "f64[2*n6]"
    assert types(lambda x: np.repeat(x, 3), V)[-1] == "f64[3*n6]"
    assert types(lambda x: np.kron(x, x), V)[-1] == "f64[n6*n6]"
    assert types(lambda x: np.einsum("ij,kj->ik", x, x), X)[-1] == "f64[n3, n3]"
    assert types(lambda x: x.mean(axis=0), X)[-1] == "f64[n4]"
    assert types(lambda x: np.roll(x, 1), V)[-1] == "f64[n6]"
    assert types(lambda x: np.array_split(x, 1)[0], V)[-1] == "f64[n6]"
    assert types(lambda x: np.insert(x, 1, 0.0), V)[-1] == "f64[n6 + 1]"
    assert types(lambda x: np.delete(x, -1), V)[-1] == "f64[n6 - 1]"
    assert types(lambda x: np.diag(x, -1), V)[-1] == "f64[n6 + 1, n6 + 1]"
    assert types(lambda x: np.trace(x @ x.T), X)[0] == "f64[n3, n4]"


def test_len_is_a_size():
    def function(x):
        n = len(x)
        filled = np.zeros_like(x)
        np.fill_diagonal(filled, n)
        return x.sum(axis=0) / n, np.arange(n) + len([1, 2]), n - 1, x[: len(x) // 2], filled

    assert types(function, X)[0] == "f64[n3, n4]"
    check_all_sizes(function, X)
    check_all_sizes(lambda x: [0] * len(x), X)
    check_all_sizes(lambda x: [len(x) for _ in range(len(x))], X)
    with pytest.raises(TypeError, match="unsized"):
        run_traced(lambda x: len(x), np.float64(1))


def test_restarts_pass_through_except_exception():
    def function(x):
        try:
            return x * int(x.shape[0])
        except Exception:
            return x

    check(function, V, symbolic="equal")


def test_sizes_pass_for_integers():
    kinds = []
    graph_of(lambda x: kinds.append(isinstance(x.shape[0], numbers.Integral)), V, symbolic="equal")
    assert kinds == [True]
    assert run_traced(lambda x: f"{x.shape[0]:03d}", V, symbolic="equal") == "006"


def test_sizes_in_messages():
    with pytest.raises(ValueError, match=r"cannot reshape array of size n6 into shape \(4,\)"):
        run_traced(lambda x: x.reshape(4), V, symbolic="equal")
    assert run_traced(lambda x: f"{x.shape}", V, symbolic="equal") == "(n6,)"
