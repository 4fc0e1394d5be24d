"""Sizes that may differ from call to call, as users meet them in `x.shape`.

Layer: frontend. A `SymInt` computes like an int; `+ - * //` with ints and other SymInts stay
exact, comparisons are decided for the call that is traced and become guards, and whatever needs a
plain int (`range`, a dict key) restarts the trace with that size fixed. Everything else, such as
`1 / n`, makes it a traced Python int.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable
from typing import Any

from ..compiler.errors import LeakedTracerError
from ..compiler.ir.dims import Dim
from ..compiler.ir.types import Shape, Size
from .context import TraceContext, current
from .location import user_location
from .table import FUNCTIONS, lookup


def wrap_size(context: TraceContext, size: Size) -> Any:
    """An int as it is, a symbolic size as a SymInt."""
    return size if isinstance(size, int) else SymInt(context, size)


def sizes(context: TraceContext, shape: Shape) -> tuple[Any, ...]:
    """A shape for users."""
    return tuple([s if isinstance(s, int) else SymInt(context, s) for s in shape])


def size_of(x: Any) -> Size:
    """The size that a user's int or SymInt stands for; TypeError for anything else."""
    if isinstance(x, SymInt):
        return x._size
    return operator.index(x)


def is_sequence(x: Any) -> bool:
    """Whether x is several sizes or axes; an array without axes is one number."""
    return hasattr(x, "__len__") and getattr(x, "ndim", 1) > 0


def _arithmetic(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """The operator and its reflection."""

    def forward(self: SymInt, other: Any) -> Any:
        return self._combine(function, self, other)

    def backward(self: SymInt, other: Any) -> Any:
        return self._combine(function, other, self)

    return forward, backward


class SymInt:
    """A size known as an expression over the sizes of the arguments."""

    __slots__ = ("_context", "_size")
    __array_priority__ = 1000.0

    def __init__(self, context: TraceContext, size: Dim) -> None:
        self._context = context
        self._size = size

    def _combine(self, function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        self._check()
        if isinstance(a, (list, tuple, str)) or isinstance(b, (list, tuple, str)):
            return NotImplemented  # [0] * n: Python repeats it, after asking for an int
        x, y = _plain(a), _plain(b)
        if x is not None and y is not None:
            result = _exact(function, x, y)
            if result is not NotImplemented:
                return wrap_size(self._context, result)
            if function is not operator.truediv:  # may be used as a size: an int it must be
                return function(self._context.static(x), self._context.static(y))
        return FUNCTIONS[function](a, b)

    __add__, __radd__ = _arithmetic(operator.add)
    __sub__, __rsub__ = _arithmetic(operator.sub)
    __mul__, __rmul__ = _arithmetic(operator.mul)
    __truediv__, __rtruediv__ = _arithmetic(operator.truediv)
    __floordiv__, __rfloordiv__ = _arithmetic(operator.floordiv)
    __mod__, __rmod__ = _arithmetic(operator.mod)
    __pow__, __rpow__ = _arithmetic(operator.pow)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        return 0 - self

    def __pos__(self) -> SymInt:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def _compare(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        self._check()
        y = _plain(other)
        if y is None:
            return FUNCTIONS[function](self, other)
        return _RELATIONS[function](self._context, self._size, y)

    def __lt__(self, other: Any) -> Any:
        return self._compare(operator.lt, other)

    def __le__(self, other: Any) -> Any:
        return self._compare(operator.le, other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(operator.gt, other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(operator.ge, other)

    def __eq__(self, other: Any) -> Any:
        return False if other is None else self._compare(operator.eq, other)

    def __ne__(self, other: Any) -> Any:
        return True if other is None else self._compare(operator.ne, other)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __index__(self) -> int:
        self._check()
        return self._context.static(self._size)

    __int__ = __index__

    def __hash__(self) -> int:
        return hash(self.__index__())

    def __float__(self) -> float:
        return float(self.__index__())

    def __format__(self, spec: str) -> str:
        return format(self.__index__(), spec) if spec else str(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        self._check()
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return lookup(function)(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self._check()
        return lookup(function)(*args, **kwargs)

    def __repr__(self) -> str:
        return str(self._size)

    def _check(self) -> None:
        if self._context is not current():
            raise LeakedTracerError(
                f"a size is used after the trace of {self._context.function} has ended",
                got=str(self._size),
                loc=user_location(),
                hint="return it from the function instead of storing it",
            )


# For `isinstance(n, numbers.Integral)` in the user's code.
numbers.Integral.register(SymInt)


def _plain(x: Any) -> Size | None:
    if isinstance(x, SymInt):
        return x._size
    return int(x) if type(x) in (int, bool) else None


def _exact(function: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    """The result as a size, NotImplemented where it is none."""
    if function in (operator.add, operator.sub, operator.mul):
        return function(x, y)
    if function is operator.floordiv and isinstance(y, int) and y > 0:
        return x // y
    if function is operator.mod and isinstance(y, int) and y > 0:
        return x - y * (x // y)
    if function is operator.pow and isinstance(y, int) and 0 <= y <= 8:
        result = 1
        for _ in range(y):
            result = result * x
        return result
    return NotImplemented


_RELATIONS: dict[Any, Callable[[TraceContext, Size, Size], bool]] = {
    operator.lt: lambda ctx, x, y: not ctx.at_least(x, y),
    operator.le: lambda ctx, x, y: ctx.at_least(y, x),
    operator.gt: lambda ctx, x, y: not ctx.at_least(y, x),
    operator.ge: lambda ctx, x, y: ctx.at_least(x, y),
    operator.eq: lambda ctx, x, y: ctx.equal(x, y),
    operator.ne: lambda ctx, x, y: not ctx.equal(x, y),
}
