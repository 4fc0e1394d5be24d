"""Matrix products by cuBLAS: the only module that touches nvmath-python (the extra `blas`).

Layer: runtime. cuBLAS counts along columns first, so it is asked for the transpose of each result:
`c.T = b.T @ a.T`, whose operands are, for it, the rows that are there. Of matrices that were made
of halves it may multiply the upper bits alone (TF32), which are all that they have.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ...compiler.errors import DeviceError
from ...compiler.ir.dims import evaluate
from ...compiler.ir.types import DType
from ...compiler.launches import Matrix, ProductCall
from .memory import Block

WORKSPACE = 32 << 20  # bytes; what NVIDIA advises for the largest devices
_FUNCTIONS = {
    DType.F32: ("sgemm_strided_batched_64", ctypes.c_float),
    DType.F64: ("dgemm_strided_batched_64", ctypes.c_double),
}


class Blas:
    """cuBLAS on one stream.

    Args:
        cublas: the module `nvmath.bindings.cublas`.
        stream: the stream that products are queued on.
        workspace: memory for it; without any it allocates its own for each graph, which then cannot
            be a part of others.
    """

    def __init__(self, cublas: Any, stream: int, workspace: Block | None = None) -> None:
        self._cublas = cublas
        self._stream = stream
        self._workspace = workspace
        self._lock = Lock()
        self._handle = cublas.create()
        self._use(stream)

    def _use(self, stream: int) -> None:
        self._cublas.set_stream(self._handle, stream)
        if self._workspace is not None:  # a new stream takes it away
            self._cublas.set_workspace(self._handle, self._workspace.address, WORKSPACE)

    def work(self, call: ProductCall, sizes: Mapping[str, int]) -> Product | None:
        """A product of these sizes; None for what is empty."""
        m, n, k, batch = (evaluate(size, sizes) for size in (call.m, call.n, call.k, call.batch))
        if not m * n * batch:
            return None

        def operand(matrix: Matrix, rows: int, columns: int) -> _Place:
            # of one row, any distance is true, but the library wants that of whole rows
            fewest = rows if matrix.transposed else columns
            return _Place(
                matrix.operand,
                evaluate(matrix.offset, sizes) * call.dtype.itemsize,
                max(evaluate(matrix.leading, sizes), fewest, 1),
                evaluate(matrix.step, sizes),
                matrix.transposed,
            )

        places = operand(call.a, m, k), operand(call.b, k, n), operand(call.c, m, n)
        factors = call.alpha, call.beta
        return Product(self, call.dtype, (m, n, k, batch), places, factors, call.of_halves)

    def multiply(self, product: Product, addresses: Sequence[int], stream: int | None) -> None:
        """Queue a product, perhaps on another stream."""
        name, kind = _FUNCTIONS[product.dtype]
        (m, n, k, batch), (a, b, c) = product.sizes, product.places
        alpha, beta = map(kind, product.factors)
        operation, modes = self._cublas.Operation, self._cublas.Math
        arguments = (
            int(operation.T if b.transposed else operation.N),
            int(operation.T if a.transposed else operation.N),
            *(n, m, k),
            ctypes.addressof(alpha),
            *b.at(addresses),
            *a.at(addresses),
            ctypes.addressof(beta),
            *c.at(addresses),
            batch,
        )
        with self._lock:
            try:
                if stream is not None:
                    self._use(stream)
                if product.of_halves:
                    self._cublas.set_math_mode(self._handle, modes.TF32_TENSOR_OP_MATH)
                getattr(self._cublas, name)(self._handle, *arguments)
            except self._cublas.cuBLASError as error:
                raise DeviceError("cuBLAS failed", got=str(error)) from None
            finally:
                if product.of_halves:
                    self._cublas.set_math_mode(self._handle, modes.DEFAULT_MATH)
                if stream is not None:
                    self._use(self._stream)


@dataclass(frozen=True, slots=True)
class _Place:
    """A matrix in an operand from byte `offset` on, and the distances of rows and matrices."""

    operand: int
    offset: int
    leading: int
    step: int
    transposed: bool

    def at(self, addresses: Sequence[int]) -> tuple[int, int, int]:
        """As arguments of cuBLAS."""
        return addresses[self.operand] + self.offset, self.leading, self.step


@dataclass(frozen=True, slots=True)
class Product:
    """Follows `LibraryWork`: `sizes` are m, n, k and the batch, `places` those of a, b and c."""

    blas: Blas
    dtype: DType
    sizes: tuple[int, int, int, int]
    places: tuple[_Place, _Place, _Place]
    factors: tuple[float, float]
    of_halves: bool

    def queue(self, addresses: Sequence[int], stream: int | None = None) -> None:
        """As `LibraryWork.queue`."""
        self.blas.multiply(self, addresses, stream)


def load(stream: int, allocate: Callable[[int], Block]) -> Blas | None:
    """cuBLAS, if it is installed."""
    try:
        # optional (the extra `blas`)
        from nvmath.bindings import cublas
    except ImportError:
        return None
    try:
        return Blas(cublas, stream, allocate(WORKSPACE))
    except Exception:  # the bindings have many for a library that is not there
        return None
