"""Matrix products by cuBLAS, where nvmath-python and the library are installed (the extra `blas`).

Layer: runtime. A `LibraryKernel` takes the place of a loaded kernel: it is queued with the same
parameters, and the driver captures it where graphs are made. cuBLAS counts along columns first, so
it is asked for the transpose of each result: `c.T = b.T @ a.T`, whose operands are, for it, the
rows that are there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from ...compiler.ir.dims import evaluate
from ...compiler.ir.types import DType, Size
from ...compiler.launches import GpuProgram, Launch, Matrix, ProductCall
from .protocol import ARRAY_WORDS, Driver

_WORKSPACE = 32 << 20  # bytes; what NVIDIA advises for the largest devices
_ADDRESS = 4  # which word of an array's is its address
_FUNCTIONS = {
    DType.F32: ("sgemm_strided_batched_64", ctypes.c_float),
    DType.F64: ("dgemm_strided_batched_64", ctypes.c_double),
}


class Blas:
    """cuBLAS on one stream.

    Args:
        cublas: the module `nvmath.bindings.cublas`.
        stream: the stream that products are queued on.
        workspace: the address of memory for it; without any it allocates its own for each graph,
            which then cannot be a part of others.
    """

    def __init__(self, cublas: Any, stream: int, workspace: int | None = None) -> None:
        self._cublas = cublas
        self._stream = stream
        self._workspace = workspace
        self._lock = Lock()
        self._handle = cublas.create()
        self._use(stream)

    def _use(self, stream: int) -> None:
        self._cublas.set_stream(self._handle, stream)
        if self._workspace is not None:  # a new stream takes it away
            self._cublas.set_workspace(self._handle, self._workspace, _WORKSPACE)

    def multiply(
        self,
        call: ProductCall,
        words: np.ndarray,
        sizes: Mapping[str, int],
        stream: int | None = None,
    ) -> None:
        """Queue a product; `words` are the parameters of the launch that it stands for.

        `stream` is another one to queue it on.
        """
        with self._lock:
            if stream is None:
                self._multiply(call, words, sizes)
                return
            self._use(stream)
            try:
                self._multiply(call, words, sizes)
            finally:
                self._use(self._stream)

    def _multiply(self, call: ProductCall, words: np.ndarray, sizes: Mapping[str, int]) -> None:
        def number(size: Size) -> int:
            return evaluate(size, sizes)

        name, kind = _FUNCTIONS[call.dtype]
        m, n, k, batch = map(number, (call.m, call.n, call.k, call.batch))
        alpha, beta = kind(call.alpha), kind(call.beta)
        operation = self._cublas.Operation

        def operand(matrix: Matrix, rows: int, columns: int) -> tuple[int, int, int]:
            """Address, distance of rows, and distance of matrices."""
            address = int(words[matrix.operand * ARRAY_WORDS + _ADDRESS])
            place = address + number(matrix.offset) * call.dtype.itemsize
            # of one row, any distance is true, but the library wants that of whole rows
            fewest = rows if matrix.transposed else columns
            return place, max(number(matrix.leading), fewest, 1), number(matrix.step)

        a, b, c = operand(call.a, m, k), operand(call.b, k, n), operand(call.c, m, n)
        getattr(self._cublas, name)(
            self._handle,
            int(operation.T if call.b.transposed else operation.N),
            int(operation.T if call.a.transposed else operation.N),
            *(n, m, k),
            ctypes.addressof(alpha),
            *b,
            *a,
            ctypes.addressof(beta),
            *c,
            batch,
        )


class LibraryKernel:
    """What is queued in place of a kernel: a product, or nothing where one has done it all."""

    def __init__(
        self, blas: Blas, call: ProductCall | None, arrays: int, size_names: Sequence[str]
    ) -> None:
        self._blas = blas
        self._call = call
        self._first_size = arrays * ARRAY_WORDS
        self._size_names = tuple(size_names)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is done."""
        return self._call is None

    def queue(self, words: np.ndarray, stream: int | None = None) -> None:
        """Queue it with the parameters of the kernel, perhaps on another stream."""
        if self._call is None:
            return
        first = self._first_size
        numbers = words[first : first + len(self._size_names)].tolist()
        sizes = dict(zip(self._size_names, numbers, strict=True))
        self._blas.multiply(self._call, words, sizes, stream)


def with_library(
    program: GpuProgram, kernels: Mapping[str, Any], device: Driver
) -> Mapping[str, Any]:
    """The kernels of a program, those of products replaced if the library is there."""
    calls = [each for each in program.launches() if each.library or each.is_rest]
    blas = _library(device) if calls and device.target.startswith("sm_") else None
    if blas is None:
        return kernels
    names = program.signature.size_names
    return {**kernels, **{each.kernel: _in_place_of(each, blas, names) for each in calls}}


def _in_place_of(launch: Launch, blas: Blas, size_names: Sequence[str]) -> LibraryKernel:
    return LibraryKernel(blas, launch.library, len(launch.operands), size_names)


@lru_cache(maxsize=1)
def _library(device: Driver) -> Blas | None:
    try:
        # optional (the extra `blas`)
        from nvmath.bindings import cublas
    except ImportError:
        return None
    try:
        return Blas(cublas, device.stream, device.allocate(_WORKSPACE))
    except Exception:  # the bindings have many for a library that is not there
        return None
