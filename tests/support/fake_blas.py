"""A stand-in for `nvmath.bindings.cublas` on the host's memory, as its documentation has it."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np


class Operation(enum.IntEnum):
    N = 0
    T = 1


class Math(enum.IntEnum):
    DEFAULT_MATH = 0
    TF32_TENSOR_OP_MATH = 3


class cuBLASError(Exception):
    """A code of the library that is no success."""


class FakeCublas:
    """Matrices are columns, one after the other; `streams` has what it was told of them."""

    Operation, Math = Operation, Math
    cuBLASError = cuBLASError

    def __init__(self) -> None:
        self.streams: list[tuple[int, int]] = []
        self.workspaces: list[tuple[int, int]] = []
        self.products = 0
        self.mode = Math.DEFAULT_MATH
        self.modes: list[Math] = []  # of the products

    def create(self) -> int:
        return 5

    def set_stream(self, handle: int, stream: int) -> None:
        self.streams.append((handle, stream))

    def set_math_mode(self, handle: int, mode: Math) -> None:
        self.mode = mode

    def set_workspace(self, handle: int, address: int, nbytes: int) -> None:
        self.workspaces.append((address, nbytes))

    def sgemm_strided_batched_64(self, *arguments: Any) -> None:
        self._gemm(np.float32, *arguments)

    def dgemm_strided_batched_64(self, *arguments: Any) -> None:
        self._gemm(np.float64, *arguments)

    def _gemm(self, dtype: Any, handle: int, *arguments: Any) -> None:
        transa, transb, m, n, k, alpha, *rest = arguments
        a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c, batch = rest
        assert handle == 5
        assert lda >= (k if transa else m)
        assert ldb >= (n if transb else k)
        assert ldc >= m
        self.products += 1
        self.modes.append(self.mode)
        factor, kept = (_memory(pointer, dtype, 1)[0] for pointer in (alpha, beta))
        for i in range(batch):
            x = _columns(a, dtype, i * step_a, lda, (k, m) if transa else (m, k))
            y = _columns(b, dtype, i * step_b, ldb, (n, k) if transb else (k, n))
            z = _columns(c, dtype, i * step_c, ldc, (m, n))
            product = (x.T if transa else x) @ (y.T if transb else y)
            z[...] = factor * product + (kept * z if kept else 0)


def _memory(address: int, dtype: Any, count: int) -> np.ndarray:
    kind = np.ctypeslib.as_ctypes_type(dtype)
    return np.ctypeslib.as_array((kind * count).from_address(address))


def _columns(
    address: int, dtype: Any, offset: int, leading: int, shape: tuple[int, int]
) -> np.ndarray:
    rows, columns = shape
    start = address + offset * np.dtype(dtype).itemsize
    flat = _memory(start, dtype, leading * (columns - 1) + rows)
    itemsize = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, shape, (itemsize, leading * itemsize))
