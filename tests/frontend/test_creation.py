"""Creation functions inside of traced functions, and arrays that are known while tracing."""

import builtins
import subprocess
import sys
import threading

import numpy as np
import pytest

from support.tracing import check, check_all_sizes, graph_of, run_traced
from tensorwright import UnsupportedError

X = np.arange(12.0).reshape(3, 4)
V = np.arange(6.0)

CASES = {
    "zeros": (lambda x: np.zeros(3) + x[:, 0], X),
    "zeros_large": (lambda x: (np.zeros((100, 100)), np.ones((90, 40), int) * x[0, 0]), X),
    "zeros_shape": (lambda x: np.zeros(x.shape), X),
    "zeros_size": (lambda x: np.zeros(x.shape[0], dtype=int), X),
    "ones": (lambda x: np.ones((2, x.shape[1])) * x[0], X),
    "full": (lambda x: (np.full((2, 3), 7), np.full(2, 1.5), np.full(3, True)), X),
    "full_traced": (lambda x: np.full((2, 3), x[0, 1]), X),
    "full_dtype": (lambda x: np.full((2, x.shape[0]), 7, np.float32), X),
    "full_row": (lambda x: np.full((2, x.shape[1]), x[0]), X),
    "likes": (lambda x: (np.zeros_like(x), np.ones_like(x, int), np.full_like(x, 3)), X),
    "likes_shape": (lambda x: (np.zeros_like(x, shape=(2,)), np.ones_like([1, 2])), X),
    "full_like_traced": (lambda x: np.full_like(x, x[0]), X),
    "arange": (lambda x: (np.arange(5), np.arange(2, 8, 3), np.arange(5, 0, -2)), X),
    "arange_float": (lambda x: (np.arange(0.0, 1.0, 0.3), np.arange(3.0)), X),
    "arange_size": (lambda x: np.arange(x.shape[0]) * x[:, 0], X),
    "arange_sizes": (lambda x: np.arange(1, x.shape[1], 2), X),
    "arange_down": (lambda x: np.arange(x.shape[1], 0, -1), X),
    "arange_dtype": (lambda x: np.arange(x.shape[1], dtype=np.float32), X),
    "arange_large": (lambda x: np.arange(5000) * x[0, 1], X),
    "linspace": (lambda x: np.linspace(0, 1, 5) * x[0, 1], X),
    "linspace_size": (lambda x: np.linspace(0, 1, x.shape[0]) * x[:, 0], X),
    "linspace_traced": (lambda x: np.linspace(x[0, 0], x[2, 1], 4), X),
    "linspace_open": (lambda x: np.linspace(x[0, 1], 3, 4, endpoint=False), X),
    "linspace_arrays": (lambda x: np.linspace(x[0], x[1], 3), X),
    "linspace_int": (lambda x: np.linspace(x[0, 1], 9, 4, dtype=int), X),
    "eye": (lambda x: (np.eye(3), np.eye(2, 4, 1), np.identity(2)), X),
    "eye_size": (lambda x: np.eye(x.shape[0]) @ x, X),
    "tri": (lambda x: (np.tri(3), np.tri(x.shape[0], x.shape[1], -1)), X),
    "array": (lambda x: np.array([[1, 2], [3, 4]]) * x[0, 1], X),
    "array_traced": (lambda x: np.array([x[0], x[1] * 2]), X),
    "array_mixed": (lambda x: np.array([[x[0, 0], 0.0], [1.0, x[1, 1]]]), X),
    "array_copies": (lambda x: np.array(x), X),
    "array_dtype": (lambda x: np.array([x[0, 0], 2], dtype=np.float32), X),
    "array_ndmin": (lambda x: np.array(x[0], ndmin=3), X),
    "asarray": (lambda x: (np.asarray(x), np.asarray(x, np.float32), np.asarray([1.5])), X),
    "ascontiguousarray": (lambda x: np.ascontiguousarray(x.T), X),
    "python_scalars": (lambda a: np.array([a, 1.0]), 2.5),
}


@pytest.mark.parametrize("name", CASES)
def test_creation(name):
    function, *args = CASES[name]
    check_all_sizes(function, *args)


def test_known_arrays_steer_python():
    def function(x):
        steps = np.arange(1, 4)
        total = 0.0
        for step in steps:
            if step != 2:
                total = total + x[step]
        for k in range(int(steps.sum())):
            total = total * 2 - x[k % 3] if steps[k % 3] > 1 else total
        weights = np.array([1.0, 2.0])
        weights /= weights.sum()
        names = {steps[0]: x[0]}
        if (weights > 0.5).any() and len(steps) == 3:
            total = total + weights[1] * names[1]
        return total, [float(w) for w in weights], steps.tolist(), steps.max().item()

    check_all_sizes(function, V)


def test_known_arrays_run_any_numpy_function():
    def function(x):
        matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
        inverse = np.linalg.inv(matrix)
        return inverse @ x[:2] + np.sort(np.array([3.0, 1.0])) + np.hanning(4)[1:3]

    check_all_sizes(function, V, rtol=1e-14)


def test_permutation_by_a_known_array():
    check_all_sizes(lambda x: x.transpose(np.array([1, 0])).sum(axis=np.arange(1)[0]), X)
    check_all_sizes(lambda x: x[np.arange(3)[::-1]], X)


def test_small_constants_are_one_node():
    graph = graph_of(lambda x: x + np.ones(12).reshape(3, 4) * 2, X)
    assert [n.op.name for n in graph.nodes] == ["constant", "broadcast", "add"]


def test_equally_spaced_constants_are_counted():
    graph = graph_of(lambda v: v[:4] * np.array([3, 5, 7, 9]), V)
    assert "iota" in [n.op.name for n in graph.nodes]


def test_numpy_is_restored():
    before = {name: getattr(np, name) for name in ("zeros", "array", "arange", "eye", "full_like")}
    graph_of(lambda x: np.zeros(3) + x[:, 0], X)

    def broken(x):
        assert np.zeros is not before["zeros"]
        raise KeyError("inside")

    length = builtins.len
    with pytest.raises(KeyError):
        graph_of(broken, X)
    assert builtins.len is length
    for name, function in before.items():
        assert getattr(np, name) is function


def test_other_threads_get_ndarrays():
    found = []

    def function(x):
        thread = threading.Thread(target=lambda: found.append(np.zeros(3)))
        thread.start()
        thread.join()
        return x

    graph_of(function, X)
    assert type(found[0]) is np.ndarray


def test_objects_and_text_stay_concrete():
    def function(x):
        names = np.array(["a", "b"])
        mixed = np.array([None, "x"], dtype=object)
        return x[names.tolist().index("b")] + len(mixed)

    check(function, X)


def test_arrays_from_outside_are_constants():
    weights = np.linspace(0, 1, 4)
    check_all_sizes(lambda x: x @ weights, X, rtol=1e-14)
    check(lambda x: (weights, x), X)


def test_assigning_traced_values_to_outside_arrays():
    outside = np.zeros(4)
    with pytest.raises(TypeError, match="create that array inside of"):
        run_traced(lambda x: outside.__setitem__(0, x[0, 0]), X)
    with pytest.raises(TypeError, match="create that array inside of"):
        run_traced(lambda x: outside.__setitem__(slice(None), x[0]), X)
    with pytest.raises(NotImplementedError, match="out= is an array from outside"):
        run_traced(lambda x: np.add(x[0], 1, out=outside), X)

    def in_place(x):
        y = outside
        y += x[0]

    with pytest.raises(NotImplementedError, match="out= is an array from outside"):
        run_traced(in_place, X)


def test_constant_results():
    check(lambda x: None, X)
    check(lambda x: 3, X)
    check(lambda x: (1.5, "text", None, [x]), X)
    check(lambda x: np.zeros(3), X)
    check(lambda x: x, X)
    check(lambda x: (x, x), X)
    check(lambda x: np.float32(2), X)
    check(lambda: np.arange(3) * 2)


@pytest.mark.parametrize("draw", ["rand(*x.shape)", "normal()", "default_rng(0).random(3)"])
def test_random_numbers_would_be_constants(draw):
    function = eval(f"lambda x: x + np.random.{draw}", {"np": np})
    name = draw.partition("(")[0]
    with pytest.raises(UnsupportedError, match=f"np.random.{name} would be called once"):
        graph_of(function, X)
    assert np.random.rand(2).shape == (2,)


def test_random_numbers_in_the_first_trace_of_a_process():
    code = """if True:
        import sys, numpy as np, tensorwright as tw
        assert "numpy.random" not in sys.modules
        try:
            tw.jit(lambda x: x + np.random.rand(3))(np.ones(3))
        except tw.UnsupportedError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "np.random.rand would be called once" in done.stdout
