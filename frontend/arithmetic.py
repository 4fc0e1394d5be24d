"""Python's operators on traced arrays and traced Python numbers.

Layer: frontend. With an array on either side an operator is its ufunc. Between Python numbers it
is Python's own arithmetic, whose result is a Python number again (weak). In-place operators write
to arrays, and make new values of scalars.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..compiler.ir.types import DType
from . import lift, ufuncs, values
from .context import require
from .symint import SymInt
from .table import FUNCTIONS, implements
from .tracer import Tracer

_UFUNCS: dict[Any, np.ufunc] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.true_divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.and_: np.bitwise_and,
    operator.or_: np.bitwise_or,
    operator.xor: np.bitwise_xor,
    operator.lshift: np.left_shift,
    operator.rshift: np.right_shift,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    divmod: np.divmod,
}
IN_PLACE: dict[Any, Any] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ifloordiv: operator.floordiv,
    operator.imod: operator.mod,
    operator.ipow: operator.pow,
    operator.imatmul: operator.matmul,
    operator.iand: operator.and_,
    operator.ior: operator.or_,
    operator.ixor: operator.xor,
    operator.ilshift: operator.lshift,
    operator.irshift: operator.rshift,
}
_UNARY: dict[Any, np.ufunc] = {
    operator.neg: np.negative,
    operator.pos: np.positive,
    operator.invert: np.invert,
    abs: np.absolute,
}
# All that compute element by element and give a new array.
OPERATORS = frozenset({*_UFUNCS, *_UNARY, operator.pow})
_BITWISE = frozenset({np.bitwise_and, np.bitwise_or, np.bitwise_xor})


def is_python(x: Any) -> bool:
    """Whether an operand is a Python number (traced or not) or a size."""
    if type(x) is Tracer:
        return x._weak is not None
    return type(x) in (int, float, bool) or type(x) is SymInt


def _binary(function: Any, ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def implementation(a: Any, b: Any) -> Any:
        if is_python(a) and is_python(b):
            return _python(ufunc, a, b)
        if ufunc in ufuncs.COMPARISONS and (_incomparable(a) or _incomparable(b)):
            return ufunc is np.not_equal
        special = FUNCTIONS.get(ufunc)
        return special(a, b) if special else ufuncs.elementwise(ufunc, a, b)

    return implementation


def _incomparable(x: Any) -> bool:
    """None and strings equal no number."""
    return x is None or isinstance(x, (str, bytes))


def _unary(function: Any, ufunc: np.ufunc) -> Callable[[Any], Any]:
    def implementation(x: Any) -> Any:
        return _python(ufunc, x) if is_python(x) else ufuncs.elementwise(ufunc, x)

    return implementation


def _in_place(plain: Any) -> Callable[[Any, Any], Any]:
    def implementation(a: Any, b: Any) -> Any:
        result = FUNCTIONS[plain](a, b)
        if a._scalar:
            return result
        name = {operator.pow: "power", operator.matmul: "matmul"}.get(plain)
        return ufuncs.store(name or _UFUNCS[plain].__name__, result, a)

    return implementation


for _function, _ufunc in _UFUNCS.items():
    implements(_function)(_binary(_function, _ufunc))
for _function, _ufunc in _UNARY.items():
    implements(_function)(_unary(_function, _ufunc))
for _function, _plain in IN_PLACE.items():
    implements(_function)(_in_place(_plain))


def python_class(x: Any) -> type:
    """int, float or bool for a Python number or size."""
    if type(x) is Tracer:
        return x._weak or float
    return int if type(x) is SymInt else type(x)


def _python(ufunc: np.ufunc, *operands: Any) -> Any:
    """Python's arithmetic: bools count as ints except in logic, and the result is weak."""
    ctx = require()
    classes = [python_class(x) for x in operands]
    if ufunc is np.power and classes[0] is not float and _is_negative(operands[1]):
        classes[0] = float
    cls: type = int
    if all(c is bool for c in classes) and (ufunc in _BITWISE or ufunc in ufuncs.COMPARISONS):
        cls = bool
    elif float in classes or ufunc is np.true_divide:
        cls = float
    dtype = {bool: DType.BOOL, int: DType.I64, float: DType.F64}[cls]
    strong = []
    for x in operands:
        value = lift.value_as(ctx, lift.operand(x), dtype)
        strong.append(lift.tracer(ctx, value))
    if ufunc is np.power and type(operands[1]) in (int, float):
        if operands[1] == 2:
            return _weakened(ufuncs.elementwise(np.square, strong[0]))
        return _weakened(ufuncs.elementwise(np.power, *strong))
    return _weakened(ufuncs.apply(ufunc, *strong))


def _is_negative(x: Any) -> bool:
    """Whether an exponent is a negative number for certain: then ints have a float power."""
    return type(x) in (int, float) and x < 0


def _weakened(result: Any) -> Any:
    """A strong result as the Python number it stands for."""
    if isinstance(result, tuple):
        return tuple(_weakened(r) for r in result)
    ctx, value = require(), result._read()
    weak = {"b": bool, "i": int, "f": float}[value.type.dtype.kind]
    return lift.tracer(ctx, value, weak=weak)


@implements(operator.pow)
def power(a: Any, b: Any) -> Any:
    """`a ** b`: NumPy's loops take a few constant exponents by other functions."""
    if is_python(a) and is_python(b):
        return _python(np.power, a, b)
    is_array = isinstance(a, Tracer) and not a._scalar
    if is_array and a._type.dtype.is_bool and type(b) is int and b == 2:
        return ufuncs.elementwise(np.square, a)  # an int8, while np.power gives an int64
    if isinstance(a, Tracer) and a._scalar and not isinstance(b, (int, Tracer)):
        # NumPy scalars go to the math library's pow, which treats -inf ** 0.5 differently
        return ufuncs.elementwise(np.power, a, b)
    return numpy_power(a, b)


@implements(np.power)
def numpy_power(a: Any, b: Any) -> Any:
    """`np.power(a, b)`."""
    exponent = _constant_exponent(b)
    if exponent is None:
        return ufuncs.elementwise(np.power, a, b)
    key = lift.weak_of(b) if type(b) in (int, float, bool) else b.dtype
    _, (dtype,) = ufuncs.loop_dtypes(np.power, (lift.weak_of(lift.operand(a)), key))
    if exponent == 2:
        return ufuncs.elementwise(np.square, a, dtype=dtype.numpy)
    if dtype.is_float:
        shortcut = _SHORTCUTS.get(exponent)
        if shortcut is not None:
            return ufuncs.elementwise(shortcut, a, dtype=dtype.numpy)
    return ufuncs.elementwise(np.power, a, b)


_SHORTCUTS: dict[float, np.ufunc] = {0.5: np.sqrt, 1.0: np.positive, -1.0: np.reciprocal}


def _constant_exponent(b: Any) -> float | None:
    if type(b) in (int, float) or (isinstance(b, np.generic) and values.kind_of(b.dtype) in "iuf"):
        return b if abs(b) < 4 else None
    return None


@implements(round)
def python_round(x: Any, ndigits: int | None) -> Any:
    """`round(x)`: an int of a Python number, else as np.round."""
    result = FUNCTIONS[np.round](x, ndigits or 0)
    if not is_python(x):
        return result
    ctx, value = require(), result._read()
    if ndigits is None or python_class(x) is not float:
        return lift.tracer(ctx, values.cast(ctx, value, DType.I64), weak=int)
    return lift.tracer(ctx, value, weak=float)
