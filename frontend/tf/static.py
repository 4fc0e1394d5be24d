"""Arguments that an op needs while it is traced: axes, sizes, shapes, depths.

Layer: frontend. They may be Python numbers, arrays or tensors; a tensor whose value is known only
when the function runs is refused with an error that says so. Sizes may be symbolic (`SymInt`).
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..placement import on_host
from ..symint import SymInt
from ..tracer import Tracer
from .convert import convert_to_tensor
from .errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from .shapes import TensorShape
from .sizes import sizes_of
from .tensors import Tensor


def known(x: Any, what: str) -> Any:
    """The array of a tensor, on the host, or the Python value itself.

    Raises:
        OperatorNotAllowedInGraphError: it is known only when the function runs.
    """
    reader = getattr(x, "_read_tensor", None)
    if reader is not None:
        x = reader()
    if isinstance(x, Tensor):
        x = x._value
    if type(x) is Tracer:
        if not x._is_known:
            raise OperatorNotAllowedInGraphError(
                f"{what} has to be known while a tf.function is traced, but it depends on an"
                " argument of the function"
            )
        x = x._known
    return on_host(x)


def integer(x: Any, what: str) -> int:
    """One int, or a symbolic size.

    Raises:
        TypeError: it is no integer.
    """
    if type(x) is int:
        return x
    symbolic = _symbolic(x)
    if symbolic is not None and len(symbolic) == 1:
        return symbolic[0]  # type: ignore[no-any-return]
    found = known(x, what)
    if isinstance(found, SymInt):
        return found  # type: ignore[return-value]
    if isinstance(found, np.ndarray) and found.size == 1:
        found = found.reshape(())[()]
    try:
        return operator.index(found)
    except TypeError:
        raise TypeError(f"{what} has to be an integer, got {x!r}") from None


def integers(x: Any, what: str) -> tuple[int, ...]:
    """Several ints: of a sequence, a vector, or one number."""
    symbolic = _symbolic(x)
    if symbolic is not None:
        return symbolic
    if isinstance(x, (list, tuple)):
        return tuple([integer(k, what) for k in x])
    if isinstance(x, TensorShape):
        return tuple([integer(k, what) for k in x.as_list()])
    found = known(x, what)
    if isinstance(found, np.ndarray) and found.ndim:
        return tuple(found.tolist())
    return (integer(found, what),)


def _symbolic(x: Any) -> tuple[Any, ...] | None:
    """The sizes that a traced tensor stands for, if it was made of sizes."""
    return sizes_of(x._value) if isinstance(x, Tensor) and x.is_symbolic else None


def shape(x: Any, op: str) -> tuple[int, ...]:
    """A shape: sizes of at least 0.

    Raises:
        ValueError: a size is not known.
    """
    if isinstance(x, TensorShape) and not x.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape {x} to a Tensor.")
    found = integers(x, f"the shape of tf.{op}")
    if any(type(s) is int and s < 0 for s in found):
        raise InvalidArgumentError(f"Dimension {min(found)} must be >= 0 [Op:{op}] name: ")
    return found


def axis(x: Any, rank: int, op: str, what: str = "axis") -> int:
    """One axis, counted from the start.

    Raises:
        InvalidArgumentError: there is no such axis.
    """
    found = integer(x, f"the {what} of {op}")
    if not -rank <= found < rank:
        raise InvalidArgumentError(
            f"Expected {what} in the range [{-rank}, {rank}), but got {found} [Op:{op}] name: "
        )
    return found % rank if rank else 0


def axes(x: Any, rank: int, op: str) -> tuple[int, ...] | None:
    """The axes of a reduction; None for all.

    Raises:
        InvalidArgumentError: there is no such axis, or one is named twice.
    """
    if x is None:
        return None
    if type(x) is int and -rank <= x < rank:
        return (x % rank,)
    found = integers(x, f"the axis of {op}")
    for k in found:
        if not -rank <= k < rank:
            raise InvalidArgumentError(
                f"Invalid reduction dimension ({k} for input with {rank} dimension(s) [Op:{op}]"
                " name: "
            )
    wrapped = tuple(k % rank for k in found)
    if len(set(wrapped)) < len(wrapped):
        raise InvalidArgumentError(
            f"Invalid reduction arguments: Axes contains duplicate dimension: {_repeated(wrapped)}"
            f" [Op:{op}] name: "
        )
    return wrapped


def _repeated(axes: tuple[int, ...]) -> int:
    return next(k for i, k in enumerate(axes) if k in axes[:i])


def is_size(x: Tensor) -> bool:
    """Whether integers are known while tracing, or made of sizes."""
    return not x.is_symbolic or _symbolic(x) is not None


def is_known(*tensors: Tensor) -> bool:
    """Whether all have values now."""
    return not any(t.is_symbolic for t in tensors)


def value(x: Any, op: str, dtype: Any = None) -> np.ndarray:
    """The concrete array of a tensor, for ops that run eagerly only.

    Raises:
        OperatorNotAllowedInGraphError: there is no value while a function is traced.
    """
    tensor = convert_to_tensor(x, dtype)
    if tensor.is_symbolic:
        raise OperatorNotAllowedInGraphError(
            f"tf.{op} needs values, and there are none while a tf.function is traced: call it"
            f" outside of the function (operand: {tensor.shape} {tensor.dtype.name})"
        )
    return np.asarray(tensor._concrete(op))
