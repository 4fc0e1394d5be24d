"""How an op is applied: operands to tensors, dtypes checked, the work done, the result recorded.

Layer: frontend. An op is a name and a function on arrays, written with NumPy; the same function
serves concrete and traced arrays. Tapes that record (tape.py) get each application as a `Record`:
they replay it later, on traced arrays, to differentiate it.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from typing import Any, NamedTuple

import numpy as np

from ...compiler.errors import ShapeError
from ..lift import lift
from ..placement import GPU
from ..tracer import Tracer
from ..values import kind_of
from . import dtypes, placing
from .convert import convert_to_tensor, has_tensor
from .dtypes import DType
from .errors import InvalidArgumentError
from .tensors import STATE, Tensor

Function = Callable[..., Any]
_NO_ATTRS: Mapping[str, Any] = {}


def _without_warnings() -> tuple[contextvars.ContextVar[Any], Any]:
    """NumPy's variable for what it does about 1 / 0, and the value that says nothing about it."""
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    ((variable, value),) = context.items()
    return variable, value


# As np.errstate(all="ignore"), at a tenth of its time: TensorFlow does not warn.
_ON_ERROR, _IGNORE = _without_warnings()


class Record(NamedTuple):
    """One application: `function(*values, **attrs)` gave the outputs."""

    name: str
    function: Function
    inputs: tuple[Tensor, ...]
    attrs: Mapping[str, Any]
    outputs: tuple[Tensor, ...]
    is_tuple: bool  # whether the function gives a tuple


def apply(
    name: str, function: Function, inputs: Sequence[Tensor], attrs: Mapping[str, Any] = _NO_ATTRS
) -> Any:
    """Apply an op.

    Args:
        name: TensorFlow's name of the op, for messages: "AddV2".
        function: takes one array per input (and `attrs`), gives an array or a tuple of arrays. It
            has to be a function of a module, not made anew for each call: programs are kept by it.
        inputs: tensors.
        attrs: hashable, but for arrays.

    Returns:
        A tensor, or a tuple of tensors.

    Raises:
        InvalidArgumentError: shapes do not fit together.
    """
    token = _ON_ERROR.set(_IGNORE)
    try:
        arrays = [t._value for t in inputs]
        if STATE.function is not None and len(arrays) > 1:
            arrays = _of_one_kind(arrays)
        if "ml_dtypes" in sys.modules and name not in _AS_THEY_ARE and _has_bfloat16(arrays):
            function = _in_float32(function)
        found = placing.run(function, arrays, attrs) if GPU.in_use else function(*arrays, **attrs)
    except (ShapeError, ValueError) as error:
        raise _invalid(name, inputs, error) from None
    finally:
        _ON_ERROR.reset(token)
    if type(found) is tuple:
        outputs = tuple([Tensor(_plain(x)) for x in found])
        if STATE.recorders:
            _record(Record(name, function, tuple(inputs), attrs, outputs, True))
        return outputs
    output = Tensor(_plain(found))
    if STATE.recorders:
        _record(Record(name, function, tuple(inputs), attrs, (output,), False))
    return output


def _of_one_kind(arrays: list[Any]) -> list[Any]:
    """Concrete arrays beside traced ones as traced ones, too.

    NumPy asks some operands only what to do: not the index of `x[index]`, nor that of `np.take`.
    """
    if not any(type(x) is Tracer for x in arrays):
        return arrays
    return [lift(x) if type(x) is np.ndarray and kind_of(x.dtype) in "biuf" else x for x in arrays]


# Ops whose results have a dtype that is asked for, and programs made of other ops.
_AS_THEY_ARE = frozenset(
    {
        "ApplyGradients", "Bitcast", "Cast", "CustomGradient", "Empty", "Gradient", "OnesLike",
        "PartitionedCall", "Share", "StatefulPartitionedCall", "UpdateState", "ZerosLike",
    }
)  # fmt: skip


def _has_bfloat16(arrays: Sequence[Any]) -> bool:
    wanted = dtypes.bfloat16.numpy
    return any(x.dtype == wanted for x in arrays)


@cache
def _in_float32(function: Function) -> Function:
    """The function for arrays of bfloat16: computed in float32, results rounded once.

    NumPy's promotion does not know the dtype: beside a Python float it becomes float32.
    """

    @wraps(function)
    def widened(*arrays: Any, **attrs: Any) -> Any:
        narrow = dtypes.bfloat16.numpy
        wide = [x.astype(np.float32) if x.dtype == narrow else x for x in arrays]
        found = function(*wide, **attrs)
        if type(found) is tuple:
            return tuple([_rounded(x) for x in found])
        return _rounded(found)

    return widened


def _rounded(x: Any) -> Any:
    return x.astype(dtypes.bfloat16.numpy) if x.dtype == np.float32 else x


def _plain(x: Any) -> Any:
    """Arrays of shape () as scalars, the one form that they have in tensors."""
    if type(x) is np.ndarray:
        return x[()] if not x.ndim and x.dtype != object else x
    return x[()] if type(x) is Tracer and not x._scalar and not x.ndim else x


def _record(record: Record) -> None:
    for tape in STATE.recorders:
        tape._record(record)


def _invalid(name: str, inputs: Sequence[Tensor], error: Exception) -> Exception:
    """TensorFlow's error for shapes that do not fit, which names the op and the operands."""
    if isinstance(error, InvalidArgumentError):
        return error
    what = str(getattr(error, "what", error)).rstrip(".")
    if "broadcast" in what:
        shapes = " vs. ".join(f"[{','.join(map(str, t.shape))}]" for t in inputs)
        return InvalidArgumentError(f"Incompatible shapes: {shapes} [Op:{name}] name: ")
    shapes = ", ".join(f"{t.shape} {t.dtype.name}" for t in inputs)
    return InvalidArgumentError(f"{what} (operands: {shapes}) [Op:{name}] name: ")


# -- operands -----------------------------------------------------------------------------------


def pair(name: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Two operands of one dtype: what is no tensor takes the dtype of what is one.

    Raises:
        InvalidArgumentError: two tensors of different dtypes.
        TypeError: a Python number that the other operand's dtype does not hold.
    """
    if not isinstance(x, Tensor):
        if isinstance(y, Tensor) or hasattr(y, "_read_tensor"):
            y = convert_to_tensor(y)
            x = like(name, x, y.dtype)
        else:
            x = convert_to_tensor(x)
    if not isinstance(y, Tensor):
        y = like(name, y, x.dtype)
    if x.dtype is not y.dtype:
        raise different_dtypes(name, 1, x.dtype, y.dtype)
    return x, y


def like(name: str, x: Any, dtype: DType) -> Tensor:
    """An operand beside a tensor of this dtype: Python and NumPy numbers are converted to it.

    Raises:
        TypeError: a Python number that the dtype does not hold.
    """
    kind = type(x)
    if kind is int or kind is float:
        if kind is float and name == "AddV2" and dtype.is_integer:  # as TensorFlow's fast path
            raise different_dtypes(name, 1, dtype, dtypes.float32)
        return convert_to_tensor(x, dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        return convert_to_tensor(x.astype(dtype.numpy) if kind_of(x.dtype) in "biuf" else x)
    if hasattr(x, "_read_tensor"):
        return convert_to_tensor(x)
    if kind is bool and dtype.is_numeric:
        return convert_to_tensor(int(x), dtype)
    if isinstance(x, (list, tuple)) and not dtype.is_bool:
        return convert_to_tensor(x, None if has_tensor(x) else dtype)
    return convert_to_tensor(x, dtype_hint=dtype)


_OPERAND_NAMES = {"MatMul": ("a", "b"), "SelectV2": ("t", "e")}


def different_dtypes(name: str, position: int, expected: DType, got: DType) -> InvalidArgumentError:
    """The error for an operand of another dtype than the first one, or than the op takes."""
    error = InvalidArgumentError(
        f"cannot compute {name} as input #{position}(zero-based) was expected to be a "
        f"{expected.kernel_name} tensor but is a {got.kernel_name} tensor [Op:{name}] name: "
    )
    first, second = _OPERAND_NAMES.get(name, ("x", "y"))
    wanted = f"match type {expected.name} of argument '{first}'"
    if position == 0:
        second, wanted = first, f"match expected type of {expected.name}"
    error.type_error = (
        f"Input '{second}' of '{name}' Op has type {got.name} that does not {wanted}."
    )
    return error


def many(name: str, xs: Sequence[Any]) -> list[Tensor]:
    """Several operands of one dtype; Python numbers take that of the first tensor."""
    first = next((x for x in xs if isinstance(x, Tensor) or hasattr(x, "_read_tensor")), None)
    if first is None:
        joined = [convert_to_tensor(x) for x in xs]
    else:
        dtype = convert_to_tensor(first).dtype
        joined = [x if isinstance(x, Tensor) else like(name, x, dtype) for x in xs]
    for k, t in enumerate(joined):
        if t.dtype is not joined[0].dtype:
            error = different_dtypes(name, k, joined[0].dtype, t.dtype)
            error.type_error = (
                f"Tensors in list passed to 'values' of '{name}' Op have types"
                f" [{', '.join(t.dtype.name for t in joined)}] that don't all match."
            )
            raise error
    return joined


# -- making ops ---------------------------------------------------------------------------------


def unary(name: str, function: Function, doc: str, accepts: str = "") -> Function:
    """A public op of one operand; `accepts` are kinds of NumPy dtypes ("f", "iuf"), "" for all."""

    def op(x: Any, name: str | None = None) -> Any:
        return apply(op_name, function, [checked(op_name, convert_to_tensor(x), accepts)])

    op_name = name
    return _named(op, function, doc)


def binary(name: str, function: Function, doc: str, accepts: str = "") -> Function:
    """A public op of two operands of one dtype, which are broadcast."""

    def op(x: Any, y: Any, name: str | None = None) -> Any:
        if accepts == "b" and isinstance(x, Tensor):
            checked(op_name, x, accepts)
        a, b = pair(op_name, x, y)
        if accepts:
            checked(op_name, a, accepts)
        return apply(op_name, function, (a, b))

    op_name = name
    return _named(op, function, doc)


def checked(name: str, x: Tensor, accepts: str) -> Tensor:
    """The tensor; InvalidArgumentError if its kind of dtype is not among those accepted."""
    if accepts and x.dtype.kind not in accepts:
        if accepts == "b":
            raise different_dtypes(name, 0, dtypes.bool_, x.dtype)
        allowed = [d for d in dtypes.ALL if d.kind in accepts]
        error = InvalidArgumentError(
            f"Value for attr 'T' of {x.dtype.kernel_name} is not in the list of allowed values: "
            f"{', '.join(d.kernel_name for d in allowed)} [Op:{name}] name: "
        )
        error.type_error = (
            f"Value passed to parameter 'x' has DataType {x.dtype.name} not in list of allowed"
            f" values: {', '.join(d.name for d in allowed)}"
        )
        raise error
    return x


def _named(op: Function, function: Function, doc: str) -> Function:
    op.__doc__ = doc
    op.__name__ = op.__qualname__ = getattr(function, "__name__", "op").lstrip("_")
    return op
