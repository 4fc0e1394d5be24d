"""Ops that make elements in groups: the same numbers however a kernel walks, on every processor."""

import platform

import numpy as np
import pytest

import tensorwright as tw
from tensorwright.compiler.codegen.llvm.machine import host_target
from tensorwright.compiler.ir.types import DType
from tensorwright.compiler.ops.random import RANDOM_BITS, RANDOM_NORMAL
from tensorwright.compiler.target import Target
from tensorwright.frontend import jit
from tensorwright.frontend.drawing import drawn

START = np.array([2**64 - 3, 5 << 40, 0x0123456789ABCDEF], np.uint64)
U32, U64, F32 = np.dtype(np.uint32), np.dtype(np.uint64), np.dtype(np.float32)
TARGETS = {
    "x86-64": Target("x86-64", "", 16, False),
    "haswell": Target("haswell", "", 32, True),
    "own": None,
}


@pytest.fixture(params=TARGETS)
def target(request, monkeypatch):
    chosen, own = TARGETS[request.param], host_target()
    if chosen is None:
        return own
    if platform.machine() != "x86_64" or chosen.vector_bytes > own.vector_bytes:
        pytest.skip("another processor")
    monkeypatch.setattr(jit, "host_target", lambda: chosen)
    return chosen


def expected(op, shape, dtype):
    index = np.arange(np.prod(shape, dtype=int))
    parts = [np.full(index.shape, x) for x in START.astype(np.int64)]
    return op.reference(index, *parts, dtype=DType.of(dtype)).reshape(shape)


@pytest.mark.parametrize("shape", [(1,), (3,), (4,), (64,), (1000,), (6, 5), (7, 16), (3, 2, 9)])
@pytest.mark.parametrize("dtype", [U32, U64])
def test_bits_in_all_sorts_of_kernels(target, shape, dtype):
    bits = expected(RANDOM_BITS, shape, dtype)

    @tw.jit
    def f(start, x):
        b = drawn("random_bits", start, x.shape, dtype=DType.of(dtype))
        part = b[..., 1:]  # begins inside of a group
        swapped = drawn("random_bits", start, x.shape[::-1], dtype=DType.of(dtype)).T
        return b, b & x, np.max(b, axis=-1), b.T ^ x.T, part, swapped

    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    swapped = expected(RANDOM_BITS, shape[::-1], dtype).T
    wanted = bits, bits & x, bits.max(-1), bits.T ^ x.T, bits[..., 1:], swapped
    for found, right in zip(f(START, x), wanted, strict=True):
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("columns", [5, 8])
def test_sizes_that_are_open(target, columns):
    f = tw.jit(lambda start, x: drawn("random_bits", start, x.shape, dtype=DType.U32) + x)
    for rows in (2, 3, 50, 51):
        x = np.ones((rows, columns), U32)
        bits = expected(RANDOM_BITS, (rows, columns), U32)
        np.testing.assert_array_equal(f(START, x), bits + x)


def test_threads_change_nothing():
    f = tw.jit(lambda start: np.sin(drawn("random_normal", start, (1 << 18,), dtype=DType.F32)))
    before = tw.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            tw.set_num_threads(threads)
            found.append(f(START))
    finally:
        tw.set_num_threads(before)
    assert all(np.array_equal(found[0], x) for x in found[1:])
    close = np.sin(expected(RANDOM_NORMAL, (1 << 18,), F32))
    np.testing.assert_allclose(found[0], close, rtol=1e-5, atol=1e-6)


def test_a_group_is_made_once_for_its_elements():
    f = tw.jit(lambda start, x: drawn("random_bits", start, x.shape, dtype=DType.U32) + x)
    text = f.lower(START, np.zeros(4096, U32)).text("llvm")
    products = [line for line in text.splitlines() if " = mul <" in line]
    lanes = host_target().vector_bytes * 4 // 8  # of u32, four for each 64-bit integer
    assert len(products) == 20
    assert all(f"<{lanes // 4} x i64>" in line for line in products)
