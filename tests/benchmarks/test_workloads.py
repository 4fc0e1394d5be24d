"""Every workload, tiny: the compiled function gives what NumPy gives."""

import warnings

import numpy as np
import pytest

import tensorwright as tw
from benchmarks.workload import compare
from benchmarks.workloads import BY_NAME, WORKLOADS

CASES = [(workload.name, dtype) for workload in WORKLOADS for dtype in workload.dtypes]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_inputs_have_the_dtype_and_are_the_same_each_time(name, dtype):
    workload = BY_NAME[name]
    first, second = workload.make(dtype, "tiny"), workload.make(dtype, "tiny")
    assert compare(first, second, 0.0) == ""
    floats = [a for a in first if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    assert all(array.dtype == dtype for array in floats)


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_compiled_workload_equals_numpy(name, dtype):
    workload = BY_NAME[name]
    steps = min(workload.steps, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = workload.run(workload.function, workload.make(dtype, "tiny"), steps)
        got = workload.run(tw.jit(workload.function), workload.make(dtype, "tiny"), steps)
    assert workload.difference(dtype, got, expected) == ""


def test_names_are_unique():
    assert len(BY_NAME) == len(WORKLOADS)


def test_a_wrong_result_is_found():
    right = (np.ones(3), np.float32(2.0))
    assert compare(right, right, 1e-6) == ""
    assert "differs" in compare((np.ones(3), np.float32(2.1)), right, 1e-6)
    assert "shape" in compare((np.ones(4), np.float32(2.0)), right, 1e-6)
    assert "dtype" in compare((np.ones(3, np.float32), np.float32(2.0)), right, 1e-6)
    assert "results" in compare(np.ones(3), right, 1e-6)
