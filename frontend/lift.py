"""Operands of all kinds as traced arrays: numbers, ndarrays, sizes, nested lists.

Layer: frontend. NumPy's rules for what may be an operand, and which dtype it brings (NEP 50): a
Python int, float or size is weak, everything else has the dtype it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiler.errors import DTypeError, PythonIntError, UnsupportedError
from ..compiler.ir.graph import Value
from ..compiler.ir.types import DType, Shape
from . import values
from .context import TraceContext, require
from .location import user_location
from .symint import SymInt
from .table import FUNCTIONS
from .tracer import Tracer

BOOL = np.dtype(bool)
_WEAK = (int, float)


def tracer(ctx: TraceContext, value: Value, *, weak: type | None = None) -> Tracer:
    """The result of a computation: of shape () it is a scalar, as NumPy's results are."""
    type = value.type
    return Tracer(ctx, type, value, scalar=not type.shape, weak=weak)


def in_order_of(result: Tracer, operands: Sequence[Any]) -> Tracer:
    """The result of an elementwise function, laid out in memory like its operands."""
    for x in operands:
        if type(x) is Tracer and (x._root is not None or x._like) and len(x._type.shape) > 1:
            result._like = tuple([y for y in operands if type(y) is Tracer and y._type.shape])
            break
    return result


def array(ctx: TraceContext, value: Value) -> Tracer:
    """A new array, of shape () too."""
    return Tracer(ctx, value.type, value)


def weak_of(x: Any) -> Any:
    """int or float for a weak operand, else its NumPy dtype; lists must be lifted before."""
    cls = type(x)
    if cls is Tracer:
        weak = x._weak
        return weak if weak in _WEAK else x._type.dtype.numpy
    if cls is float or cls is int:
        return cls
    if cls is bool:
        return BOOL
    if cls is SymInt:
        return int
    raise TypeError(f"not an operand: {cls}")


def operand(x: Any) -> Any:
    """A Tracer, a Python number or a SymInt; anything else as a Tracer of its elements."""
    cls = type(x)
    if cls is Tracer or cls is float or cls is int or cls is bool or cls is SymInt:
        return x
    return lift(x)


def lift(x: Any) -> Tracer:
    """Anything that NumPy takes for an array, as a Tracer (Python numbers get their default)."""
    if isinstance(x, Tracer):
        return x
    ctx = require()
    if isinstance(x, SymInt):
        return tracer(ctx, size_value(ctx, x), weak=int)
    if isinstance(x, (list, tuple)) and _has_traced(x):
        return FUNCTIONS[np.stack]([lift(y) for y in x])
    if isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
        weak = bool if isinstance(x, bool) else int if isinstance(x, int) else float
        dtype = {bool: DType.BOOL, int: DType.I64, float: DType.F64}[weak]
        return tracer(ctx, number(ctx, x, dtype), weak=weak)
    concrete = _concrete_array(x)
    value = values.constant(ctx, concrete)
    return Tracer(ctx, value.type, value, scalar=isinstance(x, np.generic))


def as_array(x: Any) -> Any:
    """`lift`, for code that hands the result to NumPy functions, which are annotated for arrays."""
    return lift(x)


def _concrete_array(x: Any) -> np.ndarray:
    if isinstance(x, np.ma.MaskedArray):
        raise UnsupportedError(
            "masked arrays are not supported",
            loc=user_location(),
            hint="compute with x.filled(...) and the mask as two arrays",
        )
    concrete = np.asarray(x)
    if DType.of(concrete.dtype) is None:
        if concrete.dtype == object:
            raise DTypeError(
                f"an object of class {type(x).__name__} is not an array or a number",
                loc=user_location(),
            )
        concrete = values.native(concrete)
    return concrete


def _has_traced(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_has_traced(y) for y in x)
    return isinstance(x, (Tracer, SymInt))


def shape_of(x: Any) -> Shape:
    """The shape of an operand."""
    return x._type.shape if type(x) is Tracer else ()


def value_as(ctx: TraceContext, x: Any, dtype: DType) -> Value:
    """An operand's value in the dtype of the loop that it goes into."""
    if type(x) is Tracer:
        value = x._read()
        if x._weak is int and dtype.is_integer and dtype is not DType.I64:
            return ctx.emit_once("cast_python_int", value, dtype=dtype)
        return values.cast(ctx, value, dtype)
    if type(x) is SymInt:
        value = size_value(ctx, x)
        if dtype.is_integer and dtype is not DType.I64:
            return ctx.emit_once("cast_python_int", value, dtype=dtype)
        return values.cast(ctx, value, dtype)
    return number(ctx, x, dtype)


def size_value(ctx: TraceContext, size: SymInt) -> Value:
    """A size as an i64[]."""
    return ctx.emit_once("dim", size=size._size)


def number(ctx: TraceContext, x: Any, dtype: DType) -> Value:
    """A Python number as a constant of this dtype; OverflowError if an int does not fit."""
    key = (type(x), x, dtype) if x else None  # 0.0 and -0.0 are equal keys
    value = ctx.cache.get(key) if key else None
    if value is None:
        try:
            with np.errstate(over="ignore"):  # a large float becomes inf, as in NumPy
                value = values.constant(ctx, x, dtype)
        except OverflowError as error:
            raise PythonIntError(str(error), loc=user_location()) from None
        if key:
            ctx.cache[key] = value
    return value


def type_text(x: Any) -> str:
    """An operand's type for messages: f64[3], Python int."""
    if type(x) is Tracer:
        return f"Python {x._weak.__name__}" if x._weak else str(x._type)
    if isinstance(x, (SymInt, int, float, bool)) and not isinstance(x, np.generic):
        return "size" if isinstance(x, SymInt) else f"Python {type(x).__name__}"
    return str(lift(x)._type)
