"""Memory-bound building blocks: a few operations per element, arrays far beyond the caches."""

import numpy as np

from ..workload import Workload, uniform


def axpy(a, x, y):
    return a * x + y


def muladd(a, b, c):
    return a * b + c


def scale(x):
    return x * 3


def sum_all(x):
    return np.sum(x)


def dot(x, y):
    return np.dot(x, y)


def argmax(x):
    return np.argmax(x)


def cumsum(x):
    return np.cumsum(x)


def axpy_inputs(rng, dtype, n):
    x, y = (rng.random(n, dtype=dtype) for _ in range(2))
    return dtype.type(2.5), x, y


def random_arrays(count):
    """`count` arrays in [0, 1), made in their dtype at once: 2^26 elements are too many to cast."""

    def make(rng, dtype, n):
        return tuple(rng.random(n, dtype=dtype) for _ in range(count))

    return make


SIZES = ((2**26,), (2**18,), (8,))

WORKLOADS = (
    Workload("axpy", axpy, axpy_inputs, *SIZES),
    Workload("muladd", muladd, random_arrays(3), *SIZES),
    Workload("scale", scale, random_arrays(1), *SIZES),
    Workload("sum", sum_all, random_arrays(1), *SIZES),
    # BLAS is off by 4e-4 when it adds up 2^26 float32 products; a better sum differs by as much.
    Workload("dot", dot, random_arrays(2), *SIZES, tolerance=(2e-3, 1e-10)),
    Workload("argmax", argmax, random_arrays(1), *SIZES),
    # A running sum of 2^26 float32 values has lost its last digits; see NumPy's own result.
    Workload("cumsum", cumsum, uniform(-1.0, 1.0), *SIZES, tolerance=(1e-3, 1e-10)),
)
