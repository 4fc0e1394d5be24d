"""Matrix products, from sizes where the call costs more than the work to BLAS's home ground."""

from ..workload import Workload


def matrix_product(a, b):
    return a @ b


def square_matrices(rng, dtype, n):
    return tuple(rng.standard_normal((n, n), dtype=dtype) for _ in range(2))


def matrix_batches(rng, dtype, count, n):
    return tuple(rng.standard_normal((count, n, n), dtype=dtype) for _ in range(2))


def gemm(n, quick):
    return Workload(
        f"gemm_{n}",
        matrix_product,
        square_matrices,
        (n,),
        (quick,),
        (4,),
        tolerance=(1e-4, 1e-11),
    )


WORKLOADS = (
    *(gemm(n, min(n, 256)) for n in (16, 32, 64, 128, 512, 2048)),
    Workload(
        "batched_gemm",
        matrix_product,
        matrix_batches,
        (1000, 16),
        (100, 16),
        (2, 4),
        tolerance=(1e-4, 1e-11),
    ),
)
