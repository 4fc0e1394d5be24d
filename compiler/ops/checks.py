"""Facts about Python ints and indices that NumPy checks before it computes.

Layer: compiler/ops. Traced, the numbers are not known, so the checks run inside of the kernels: a
Python int takes the dtype of the array it meets, which must be able to hold it, and an index must
lie inside of its axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.derivative import pointwise
from ..ir.types import DType, TensorType
from .elementwise import elementwise
from .infer import check_shapes, same_dtype, shown
from .scalar import STATUS_EMPTY, STATUS_INDEX, STATUS_PYTHON_INT, Scalar, ScalarBuilder


def _cast_infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
    (x,) = types
    if x.dtype is not DType.I64 or not attrs["dtype"].is_integer:
        raise DTypeError(
            "cast_python_int: converts i64 to an integer dtype", got=f"{x} to {attrs['dtype']}"
        )
    return (x.with_dtype(attrs["dtype"]),)


def _cast_reference(x: Any, *, dtype: DType) -> Any:
    info = np.iinfo(dtype.numpy)
    for value in np.ravel(x).tolist():
        if not info.min <= value <= info.max:
            raise OverflowError(f"Python integer {value} out of bounds for {dtype.numpy}")
    return np.asarray(x).astype(dtype.numpy)


def _cast_lower(s: ScalarBuilder, x: Scalar, *, dtype: DType) -> Scalar:
    info = np.iinfo(dtype.numpy)
    outside = x < int(info.min)
    if info.max <= np.iinfo(np.int64).max:
        outside = outside | (x > int(info.max))
    s.flag(outside, STATUS_PYTHON_INT)
    return s.cast(x, dtype)


def _wrap_reference(index: Any, size: Any) -> Any:
    for i, n in np.broadcast(index, size):
        if not -n <= i < n:
            raise IndexError(f"index {i} is out of bounds for an axis of size {n}")
    return np.where(index < 0, index + size, index)


def _wrap_lower(s: ScalarBuilder, index: Scalar, size: Scalar) -> Scalar:
    s.flag((index >= size) | (index < -size), STATUS_INDEX)
    return s.select(index < 0, index + size, index)


def _nonempty_infer(
    types: Sequence[TensorType], attrs: Mapping[str, Any]
) -> tuple[TensorType, ...]:
    x, count = types
    if count.dtype is not DType.I64:
        raise DTypeError("require_nonempty: the count must be i64", got=shown(types))
    check_shapes("require_nonempty", types)
    return (x,)


def _nonempty_reference(x: Any, count: Any) -> Any:
    if np.any(np.equal(count, 0)):
        raise ValueError("zero-size array to reduction operation which has no identity")
    return np.asarray(x)


def _nonempty_lower(s: ScalarBuilder, x: Scalar, count: Scalar) -> Scalar:
    s.flag(count.eq(0), STATUS_EMPTY)
    return x


CAST_PYTHON_INT = elementwise(
    "cast_python_int",
    1,
    infer=_cast_infer,
    reference=_cast_reference,
    lower=_cast_lower,
    harmless=lambda k, dtype: 0,
    attrs=("dtype",),
    cost=3.0,
    doc="A Python int in another integer dtype; an error when the program runs if it does not fit.",
)

WRAP_INDEX = elementwise(
    "wrap_index",
    2,
    infer=same_dtype("wrap_index", frozenset({DType.I64})),
    reference=_wrap_reference,
    lower=_wrap_lower,
    harmless=lambda k, dtype: k,  # index 0 of an axis of size 1
    cost=3.0,
    doc="An index into an axis of the size given second, counted from the start; an error when the"
    " program runs if it is out of bounds.",
)

REQUIRE_NONEMPTY = elementwise(
    "require_nonempty",
    2,
    infer=_nonempty_infer,
    reference=_nonempty_reference,
    lower=_nonempty_lower,
    harmless=lambda k, dtype: 1 if k == 1 else None,
    derivative=pointwise(lambda ct, out, x, count: ct, None),
    cost=2.0,
    doc="x, the largest or smallest of `count` elements; an error when the program runs if there"
    " are none.",
)
