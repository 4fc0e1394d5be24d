"""Ops without operands: constants, counters, sizes.

Layer: compiler/ops. Their results depend on attributes (and symbolic sizes in them) only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.literal import Literal
from ..ir.opdef import Kind, op
from ..ir.types import DType, TensorType

Attrs = Mapping[str, Any]


def _constant_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    return (attrs["value"].type,)


def _constant_reference(*, value: Literal) -> Any:
    return value.array


CONSTANT = op(
    "constant",
    Kind.SOURCE,
    arity=0,
    infer=_constant_infer,
    reference=_constant_reference,
    attrs=("value",),
    cost=0.0,
    doc="An array known while compiling.",
)


def _iota_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    size, dtype = attrs["size"], attrs["dtype"]
    if dtype.is_bool:
        raise DTypeError("iota: needs a number type", got=str(dtype))
    if isinstance(size, int) and size < 0:
        raise ShapeError("iota: the size is negative", got=str(size))
    return (TensorType(dtype, (size,)),)


def _iota_reference(*, size: int, dtype: DType) -> Any:
    # counted in i64 and cast, as a kernel does it: wraps for small integer types
    return np.arange(size, dtype=np.int64).astype(dtype.numpy)


IOTA = op(
    "iota",
    Kind.SOURCE,
    arity=0,
    infer=_iota_infer,
    reference=_iota_reference,
    attrs=("size", "dtype"),
    cost=1.0,
    doc="The numbers 0, 1, ..., size - 1.",
)


def _dim_infer(types: Sequence[TensorType], attrs: Attrs) -> tuple[TensorType, ...]:
    return (TensorType(DType.I64, ()),)


def _dim_reference(*, size: int) -> Any:
    return np.asarray(size, np.int64)


DIM = op(
    "dim",
    Kind.SOURCE,
    arity=0,
    infer=_dim_infer,
    reference=_dim_reference,
    attrs=("size",),
    cost=0.0,
    doc="The value of a size expression, as a 0-d array.",
)
