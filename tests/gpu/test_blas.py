"""Products by a library: the order of its arguments, and how they stand for kernels."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tensorwright as tw
from support.fake_blas import FakeCublas, cuBLASError
from support.one_thread import CountingDriver, executable, use
from tensorwright.compiler.errors import DeviceError
from tensorwright.compiler.launches import Launch, LibraryStep
from tensorwright.runtime.cuda import blas, memory
from tensorwright.runtime.cuda import executable as executables
from tensorwright.runtime.cuda.arrays import DeviceArray
from tensorwright.runtime.cuda.libraries import Libraries

STREAM = 77
SHORT = {"float32": "f32", "float64": "f64"}


@pytest.fixture
def cublas(monkeypatch):
    """The library's stand-in, used by programs of a simulated device."""
    device, cublas = CountingDriver(), FakeCublas()
    use(monkeypatch, device)
    made = blas.Blas(cublas, device.stream)
    monkeypatch.setattr(executables, "libraries", lambda device: Libraries(lambda: made))
    return cublas


def run(function, types, *arrays):
    """A program's results for arrays on the device."""
    return executable(function, *types)(*map(DeviceArray.from_host, arrays))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_transposes(cublas, dtype, left, right):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(70, 50) if left else (50, 70)).astype(dtype)
    b = rng.normal(size=(40, 70) if right else (70, 40)).astype(dtype)

    def product(a, b):
        return (a.T if left else a) @ (b.T if right else b)

    types = [f"{SHORT[dtype]}{list(x.shape)}" for x in (a, b)]
    (got,) = run(product, types, a, b)
    np.testing.assert_allclose(np.asarray(got), product(a, b), rtol=1e-4, atol=1e-4)
    assert cublas.products == 1 and set(cublas.streams) == {(5, 2)}


def test_batches(cublas):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(6, 30, 20)), rng.normal(size=(6, 20, 40))
    (got,) = run(lambda a, b: a @ b, ["f64[6, 30, 20]", "f64[6, 20, 40]"], a, b)
    np.testing.assert_allclose(np.asarray(got), a @ b)
    assert cublas.products == 1


def test_sizes_that_are_symbols(cublas):
    product = executable(lambda a: a @ a.T, "f64[n, 64]")
    for rows in (33, 5):
        a = np.random.default_rng(2).normal(size=(rows, 64))
        np.testing.assert_allclose(np.asarray(product(DeviceArray.from_host(a))[0]), a @ a.T)
    assert cublas.products == 2


def test_a_deep_product_leaves_nothing_to_be_added(cublas):
    a, b = np.ones((4096, 64), np.float32), np.ones((4096, 32), np.float32)
    program = tw.jit(lambda a, b: a.T @ b).lower("f32[4096, 64]", "f32[4096, 32]").compilation.gpu
    (step,) = program.steps
    assert isinstance(step, LibraryStep) and len(step.operands) == 3
    (got,) = run(lambda a, b: a.T @ b, ["f32[4096, 64]", "f32[4096, 32]"], a, b)
    np.testing.assert_array_equal(np.asarray(got), 4096)


def test_what_is_around_a_product_stays_kernels(cublas):
    a, b = np.ones((8, 4)), np.ones((4, 3))
    f = executable(lambda a, b: np.exp(a) @ b * 2 + 1, "f64[8, 4]", "f64[4, 3]")
    for _ in range(3):  # queued, recorded as a graph, and replayed
        (got,) = f(*map(DeviceArray.from_host, (a, b)))
        np.testing.assert_allclose(np.asarray(got), np.exp(a) @ b * 2 + 1)
        del got
    assert cublas.products == 3


def test_products_of_halves_may_multiply_fewer_bits(cublas):
    a, b = np.ones((8, 4), np.float16), np.ones((4, 3), np.float16)
    wide = b.astype(np.float32)
    (got,) = run(lambda a, b: np.maximum(a, 0) @ b.T.T, ["f16[8, 4]", "f16[4, 3]"], a, b)
    assert np.asarray(got).dtype == np.float16 and np.asarray(got).tolist() == (a @ b).tolist()
    run(lambda a, b: a @ b, ["f16[8, 4]", "f32[4, 3]"], a, wide)
    assert [mode.name for mode in cublas.modes] == ["TF32_TENSOR_OP_MATH", "DEFAULT_MATH"]


def test_products_in_loops(cublas):
    def power(a):
        return tw.while_loop(lambda v: v[0] < 3, lambda v: (v[0] + 1, v[1] @ a), (0, a))[1]

    a = np.random.default_rng(3).normal(size=(5, 5))
    (got,) = run(power, ["f64[5, 5]"], a)
    np.testing.assert_allclose(np.asarray(got), np.linalg.matrix_power(a, 4))
    assert cublas.products == 3


def test_empty_products_are_not_asked_for(cublas):
    (got,) = run(lambda a, b: a @ b, ["f64[0, 4]", "f64[4, 3]"], np.ones((0, 4)), np.ones((4, 3)))
    assert np.asarray(got).shape == (0, 3) and cublas.products == 0


def test_another_stream_is_used_for_one_product():
    cublas = FakeCublas()
    made = blas.Blas(cublas, STREAM, SimpleNamespace(address=256))
    a, b, c = np.ones((2, 3)), np.ones((3, 4)), np.empty((2, 4))
    program = tw.jit(lambda a, b: a @ b).lower("f64[2, 3]", "f64[3, 4]").compilation.gpu
    made.work(program.steps[0].call, {}).queue([x.ctypes.data for x in (a, b, c)], 9)
    assert c.tolist() == (a @ b).tolist()
    assert cublas.streams == [(5, STREAM), (5, 9), (5, STREAM)]
    assert cublas.workspaces == [(256, 32 << 20)] * 3  # each change of the stream takes it away


def test_what_the_library_refuses_is_told(cublas, monkeypatch):
    def refuse(*arguments):
        raise cuBLASError("CUBLAS_STATUS_EXECUTION_FAILED")

    monkeypatch.setattr(cublas, "dgemm_strided_batched_64", refuse)
    with pytest.raises(DeviceError, match=r"cuBLAS failed\n.*EXECUTION_FAILED"):
        run(lambda a: a @ a, ["f64[3, 3]"], np.ones((3, 3)))


def test_without_the_library_there_are_kernels():
    program = tw.jit(lambda a, b: a @ b).lower("f32[64, 64]", "f32[64, 64]").compilation.gpu
    (step,) = program.steps
    assert list(program.launches()) == list(step.launches)
    assert all(isinstance(launch, Launch) for launch in step.launches)
    assert Libraries().work(step.call, {}, [0, 0, 0]) is None


def test_a_library_that_cannot_be_loaded(monkeypatch):
    def create():
        raise RuntimeError("no libcublas.so")

    bindings = SimpleNamespace(cublas=SimpleNamespace(create=create))
    monkeypatch.setitem(sys.modules, "nvmath", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "nvmath.bindings", bindings)
    use(monkeypatch, CountingDriver())
    assert blas.load(STREAM, memory.allocate) is None
    monkeypatch.setitem(sys.modules, "nvmath.bindings", None)
    assert blas.load(STREAM, memory.allocate) is None
