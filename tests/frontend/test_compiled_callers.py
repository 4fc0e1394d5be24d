"""Creation functions called by compiled extensions while a trace runs.

Cython code looks `np.empty` up in the numpy module like everybody else, has no Python frame, and
takes the result for an ndarray without a check: a traced array would crash the process.
"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import signal, special

import tensorwright as tw

X = np.arange(9.0).reshape(3, 3)


def test_cython_code_gets_real_arrays():
    def noisy(x):
        noise = np.random.RandomState(0).rand(3)
        seen.append(noise)
        return x + noise + np.zeros(3)

    seen = []
    assert_array_equal(tw.jit(noisy)(X), X + seen[0])
    assert type(seen[0]) is np.ndarray


@pytest.mark.parametrize(
    "concrete",
    [lambda: special.roots_legendre(3)[0], lambda: signal.windows.hann(3)],
    ids=["roots_legendre", "hann"],
)
def test_libraries_compute_constants(concrete):
    assert_array_equal(tw.jit(lambda x: x + concrete())(X), X + concrete())


def over_many_lines(x):
    return (
        np
        .zeros(
            (x.shape[0], 3),
        )
        + np.array([x[0, 0], 1.0, x[1, 1]])
    )  # fmt: skip


def in_a_comprehension(x):
    return np.stack([np.full(3, x[k, k]) for k in range(3)])


def nested(x):
    return np.array([np.sum(x), np.empty(3).size, np.array([x[0, 0], x[1, 1]])[1]])


@pytest.mark.parametrize("function", [over_many_lines, in_a_comprehension, nested])
def test_direct_calls_are_recognised(function):
    assert_array_equal(tw.jit(function)(X), function(X))


def test_a_function_under_another_name_makes_a_concrete_array():
    make = np.ones
    assert_array_equal(tw.jit(lambda x: x + make(3))(X), X + 1)
