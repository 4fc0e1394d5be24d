"""Type rules that elementwise ops share.

Layer: compiler/ops. A rule takes the operand types and the attributes of a node and gives the
result types, or raises `ShapeError` or `DTypeError`. Operands of an elementwise op have one shape;
broadcasts and casts are nodes of their own, made before the op is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import DTypeError, ShapeError
from ..ir.types import DType, TensorType

Infer = Callable[[Sequence[TensorType], Mapping[str, Any]], tuple[TensorType, ...]]
DTypes = frozenset[DType]

BOOL: DTypes = frozenset({DType.BOOL})
INTEGERS: DTypes = frozenset(d for d in DType if d.is_integer)
FLOATS: DTypes = frozenset(d for d in DType if d.is_float)
NUMBERS: DTypes = INTEGERS | FLOATS
ALL: DTypes = BOOL | NUMBERS

_GROUPS = {"bool": BOOL, "integers": INTEGERS, "floats": FLOATS}


def shown(types: Sequence[TensorType]) -> str:
    """Operand types as messages show them: `f32[4] and i64[4]`."""
    return " and ".join(map(str, types))


def _described(accepts: DTypes) -> str:
    """`integers or floats`; single dtypes where a group is not accepted as a whole."""
    groups = [label for label, group in _GROUPS.items() if group <= accepts]
    grouped = frozenset().union(*(_GROUPS[label] for label in groups))
    return " or ".join([*groups, *(str(d) for d in DType if d in accepts - grouped)])


def check_shapes(name: str, types: Sequence[TensorType]) -> None:
    """Raise unless all operands have one shape."""
    if any(t.shape != types[0].shape for t in types):
        raise ShapeError(
            f"{name}: operands differ in shape", got=shown(types), expected="equal shapes"
        )


def check_dtypes(name: str, types: Sequence[TensorType], accepts: DTypes, hint: str = "") -> None:
    """Raise unless every dtype is one of `accepts`; `hint` says what to write instead."""
    refused = [t.dtype for t in types if t.dtype not in accepts]
    if refused:
        raise DTypeError(
            f"{name}: does not accept {refused[0]}",
            got=shown(types),
            expected=_described(accepts),
            hint=hint,
        )


def check_one_dtype(name: str, types: Sequence[TensorType]) -> None:
    """Raise unless all operands have one dtype."""
    if any(t.dtype is not types[0].dtype for t in types):
        raise DTypeError(
            f"{name}: operands differ in dtype", got=shown(types), expected="one dtype"
        )


def same_dtype(name: str, accepts: DTypes, result: DType | None = None, hint: str = "") -> Infer:
    """Operands of one shape and one dtype of `accepts`; the result has it too, or is `result`."""

    def infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
        check_dtypes(name, types, accepts, hint)
        check_one_dtype(name, types)
        check_shapes(name, types)
        return (types[0].with_dtype(result or types[0].dtype),)

    return infer


def comparison(name: str) -> Infer:
    """As `same_dtype(name, ALL, BOOL)`, but i64 may meet u64: no dtype holds both exactly."""
    one_dtype = same_dtype(name, ALL, DType.BOOL)

    def infer(types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[TensorType, ...]:
        if {t.dtype for t in types} != {DType.I64, DType.U64}:
            return one_dtype(types, attrs)
        check_shapes(name, types)
        return (types[0].with_dtype(DType.BOOL),)

    return infer
