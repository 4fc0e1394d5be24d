"""tf.linalg: products, diagonals, norms, decompositions."""

from .frontend.tf.arrays import (
    eye,
)
from .frontend.tf.linalg import (
    adjoint,
    band_part,
    cross,
    diag,
    diag_part,
    einsum,
    global_norm,
    l2_normalize,
    matmul,
    matrix_transpose,
    matvec,
    norm,
    normalize,
    set_diag,
    tensor_diag,
    tensor_diag_part,
    tensordot,
    trace,
)

__all__ = [
    "adjoint",
    "band_part",
    "cross",
    "diag",
    "diag_part",
    "einsum",
    "eye",
    "global_norm",
    "l2_normalize",
    "matmul",
    "matrix_transpose",
    "matvec",
    "norm",
    "normalize",
    "set_diag",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
]
