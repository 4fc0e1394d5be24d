"""Conversion of a Python int whose value is not known while compiling.

Layer: compiler/ops. A Python int takes the dtype of the array it meets; NumPy raises an
OverflowError if that dtype cannot hold it. Traced, the check runs inside of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.types import DType, TensorType
from .elementwise import elementwise
from .scalar import STATUS_PYTHON_INT, Scalar, ScalarBuilder


def _infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    (x,) = types
    if x.dtype is not DType.I64 or not attrs["dtype"].is_integer:
        raise DTypeError(
            "cast_python_int: converts i64 to an integer dtype", got=f"{x} to {attrs['dtype']}"
        )
    return (x.with_dtype(attrs["dtype"]),)


def _reference(x: Any, *, dtype: DType) -> Any:
    info = np.iinfo(dtype.numpy)
    for value in np.ravel(x).tolist():
        if not info.min <= value <= info.max:
            raise OverflowError(f"Python integer {value} out of bounds for {dtype.numpy}")
    return np.asarray(x).astype(dtype.numpy)


def _lower(s: ScalarBuilder, x: Scalar, *, dtype: DType) -> Scalar:
    info = np.iinfo(dtype.numpy)
    outside = x < int(info.min)
    if info.max <= np.iinfo(np.int64).max:
        outside = outside | (x > int(info.max))
    s.flag(outside, STATUS_PYTHON_INT)
    return s.cast(x, dtype)


CAST_PYTHON_INT = elementwise(
    "cast_python_int",
    1,
    infer=_infer,
    reference=_reference,
    lower=_lower,
    attrs=("dtype",),
    cost=3.0,
    doc="A Python int in another integer dtype; an error when the program runs if it does not fit.",
)
