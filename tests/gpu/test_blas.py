"""Products by a library: the order of its arguments, and how they stand for kernels."""

from __future__ import annotations

import enum
from types import SimpleNamespace

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.launches import Memory
from tensorwright.runtime.cuda import blas
from tensorwright.runtime.cuda.protocol import ARRAY_WORDS

STREAM = 77


class Device:
    """What the library is told of a device."""

    stream, target = STREAM, "sm_90"

    def allocate(self, nbytes):
        return 256


class Simulator(Device):
    target = "simulator"


class Operation(enum.IntEnum):
    N = 0
    T = 1


class FakeCublas:
    """cuBLAS as its documentation has it: matrices are columns, one after the other."""

    Operation = Operation

    def __init__(self):
        self.streams = []

    def create(self):
        return 5

    def set_stream(self, handle, stream):
        self.streams.append((handle, stream))

    def sgemm_strided_batched_64(self, *arguments):
        self._gemm(np.float32, *arguments)

    def dgemm_strided_batched_64(self, *arguments):
        self._gemm(np.float64, *arguments)

    def _gemm(self, dtype, handle, transa, transb, m, n, k, alpha, *rest):
        a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c, batch = rest
        assert handle == 5
        assert lda >= (k if transa else m)
        assert ldb >= (n if transb else k)
        assert ldc >= m
        factor, kept = (_memory(pointer, dtype, 1)[0] for pointer in (alpha, beta))
        for i in range(batch):
            x = _columns(a, dtype, i * step_a, lda, (k, m) if transa else (m, k))
            y = _columns(b, dtype, i * step_b, ldb, (n, k) if transb else (k, n))
            z = _columns(c, dtype, i * step_c, ldc, (m, n))
            product = (x.T if transa else x) @ (y.T if transb else y)
            z[...] = factor * product + (kept * z if kept else 0)


def _memory(address, dtype, count):
    kind = np.ctypeslib.as_ctypes_type(dtype)
    return np.ctypeslib.as_array((kind * count).from_address(address))


def _columns(address, dtype, offset, leading, shape):
    rows, columns = shape
    start = address + offset * np.dtype(dtype).itemsize
    flat = _memory(start, dtype, leading * (columns - 1) + rows)
    itemsize = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, (itemsize, leading * itemsize))


def run(function, types, *arrays, sizes=()):
    """A program's only product by the library: the result's flat memory."""
    program = tw.jit(function).lower(*types).compilation.gpu
    launch = next(each for each in program.launches() if each.library)
    places = {Memory.IN: list(arrays), Memory.OUT: []}
    leaf = program.signature.outputs[0].type
    values = dict(zip(program.signature.size_names, sizes, strict=True))
    count = int(np.prod([values.get(str(s), s) for s in leaf.shape]))
    result = np.full(count, np.nan, leaf.dtype.numpy)
    words = []
    for operand in launch.operands:
        known = operand.memory in places and places[operand.memory]
        array = places[Memory.IN][operand.index] if known else result
        words += [0, 0, array.size, array.itemsize, array.ctypes.data, array.size, array.itemsize]
    assert len(words) == ARRAY_WORDS * len(launch.operands)
    library = FakeCublas()
    kernel = blas.LibraryKernel(
        blas.Blas(library, STREAM),
        launch.library,
        len(launch.operands),
        program.signature.size_names,
    )
    kernel.queue(np.array([*words, *sizes, 0], np.int64))
    assert library.streams == [(5, STREAM)]
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_transposes(dtype, left, right):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(70, 50) if left else (50, 70)).astype(dtype)
    b = rng.normal(size=(40, 70) if right else (70, 40)).astype(dtype)

    def product(a, b):
        return (a.T if left else a) @ (b.T if right else b)

    short = {"float32": "f32", "float64": "f64"}[dtype]
    types = [f"{short}{list(x.shape)}" for x in (a, b)]
    got = run(product, types, a, b)
    np.testing.assert_allclose(got.reshape(50, 40), product(a, b), rtol=1e-4, atol=1e-4)


def test_batches():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(6, 30, 20)), rng.normal(size=(6, 20, 40))
    got = run(lambda a, b: a @ b, ["f64[6, 30, 20]", "f64[6, 20, 40]"], a, b)
    np.testing.assert_allclose(got.reshape(6, 30, 40), a @ b)


def test_sizes_that_are_symbols():
    a = np.random.default_rng(2).normal(size=(33, 64))
    got = run(lambda a: a @ a.T, ["f64[n, 64]"], a, sizes=[33])
    np.testing.assert_allclose(got.reshape(33, 33), a @ a.T)


def test_a_deep_product_leaves_nothing_to_be_added():
    a, b = np.ones((4096, 64), np.float32), np.ones((4096, 32), np.float32)
    program = tw.jit(lambda a, b: a.T @ b).lower("f32[4096, 64]", "f32[4096, 32]").compilation.gpu
    product, rest = program.steps
    assert product.library is not None and rest.is_rest
    got = run(lambda a, b: a.T @ b, ["f32[4096, 64]", "f32[4096, 32]"], a, b)
    np.testing.assert_array_equal(got, 4096)


def test_another_stream_is_used_for_one_product():
    library, workspaces = FakeCublas(), []
    library.set_workspace = lambda handle, address, nbytes: workspaces.append((address, nbytes))
    made = blas.Blas(library, STREAM, 256)
    made._multiply = lambda call, words, sizes: None
    made.multiply(None, None, {}, stream=9)
    assert library.streams == [(5, STREAM), (5, 9), (5, STREAM)]
    assert workspaces == [(256, 32 << 20)] * 3  # each change of the stream takes it away


def test_without_the_library_kernels_stay(monkeypatch):
    program = tw.jit(lambda a, b: a @ b).lower("f32[64, 64]", "f32[64, 64]").compilation.gpu
    kernels = {each.kernel: object() for each in program.launches()}
    monkeypatch.setattr(blas, "_library", lambda device: None)
    assert blas.with_library(program, kernels, Device()) is kernels


def test_with_the_library_products_are_replaced(monkeypatch):
    program = tw.jit(lambda a, b: (a.T @ b) * 2).lower("f32[4096, 64]", "f32[4096, 32]")
    program = program.compilation.gpu
    kernels = {each.kernel: object() for each in program.launches()}
    monkeypatch.setattr(blas, "_library", lambda device: blas.Blas(FakeCublas(), device.stream))
    found = blas.with_library(program, kernels, Device())
    replaced = [isinstance(kernel, blas.LibraryKernel) for kernel in found.values()]
    assert replaced == [bool(each.library or each.is_rest) for each in program.launches()]
    assert blas.with_library(program, kernels, Simulator()) is kernels


def test_a_library_that_cannot_be_loaded(monkeypatch):
    def create():
        raise RuntimeError("no libcublas.so")

    module = SimpleNamespace(create=create)
    monkeypatch.setitem(
        __import__("sys").modules, "nvmath.bindings", SimpleNamespace(cublas=module)
    )
    monkeypatch.setitem(__import__("sys").modules, "nvmath", SimpleNamespace())
    blas._library.cache_clear()
    assert blas._library(Device()) is None
    blas._library.cache_clear()
