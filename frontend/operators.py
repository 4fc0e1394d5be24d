"""Operators and ndarray methods of a traced array, as calls of the functions in the table.

Layer: frontend, imports nothing of ours. Each one is handed on under the callable that NumPy users
know it by: `x + y` as `operator.add`, `x.sum()` as `np.ndarray.sum`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Operators) -> Any:
        return self._call(function, self)

    return method


def _binary(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Operators, other: Any) -> Any:
        if _defers(self, other):
            return NotImplemented
        return self._call(function, self, other)

    return method


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Operators, other: Any) -> Any:
        if _defers(self, other):
            return NotImplemented
        return self._call(function, other, self)

    return method


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np.ndarray, name)

    def method(self: Operators, *args: Any, **kwargs: Any) -> Any:
        return self._call(function, self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As `numpy.ndarray.{name}`."
    return method


def _defers(this: Operators, other: Any) -> bool:
    """Whether `other` asks to be left alone by arrays (NumPy's rule), or outranks this one."""
    if isinstance(other, Operators):
        return other._rank > this._rank
    return getattr(other, "__array_ufunc__", True) is None


class Operators:
    """Everything that Python's syntax and ndarray's methods can ask of an array."""

    __slots__ = ()
    _rank = 0  # the higher one of two operands is called

    def _call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    __add__ = _binary(operator.add)
    __sub__ = _binary(operator.sub)
    __mul__ = _binary(operator.mul)
    __truediv__ = _binary(operator.truediv)
    __floordiv__ = _binary(operator.floordiv)
    __mod__ = _binary(operator.mod)
    __divmod__ = _binary(divmod)
    __pow__ = _binary(operator.pow)
    __matmul__ = _binary(operator.matmul)
    __and__ = _binary(operator.and_)
    __or__ = _binary(operator.or_)
    __xor__ = _binary(operator.xor)
    __lshift__ = _binary(operator.lshift)
    __rshift__ = _binary(operator.rshift)

    __radd__ = _reflected(operator.add)
    __rsub__ = _reflected(operator.sub)
    __rmul__ = _reflected(operator.mul)
    __rtruediv__ = _reflected(operator.truediv)
    __rfloordiv__ = _reflected(operator.floordiv)
    __rmod__ = _reflected(operator.mod)
    __rdivmod__ = _reflected(divmod)
    __rpow__ = _reflected(operator.pow)
    __rmatmul__ = _reflected(operator.matmul)
    __rand__ = _reflected(operator.and_)
    __ror__ = _reflected(operator.or_)
    __rxor__ = _reflected(operator.xor)
    __rlshift__ = _reflected(operator.lshift)
    __rrshift__ = _reflected(operator.rshift)

    __iadd__ = _binary(operator.iadd)
    __isub__ = _binary(operator.isub)
    __imul__ = _binary(operator.imul)
    __itruediv__ = _binary(operator.itruediv)
    __ifloordiv__ = _binary(operator.ifloordiv)
    __imod__ = _binary(operator.imod)
    __ipow__ = _binary(operator.ipow)
    __imatmul__ = _binary(operator.imatmul)
    __iand__ = _binary(operator.iand)
    __ior__ = _binary(operator.ior)
    __ixor__ = _binary(operator.ixor)
    __ilshift__ = _binary(operator.ilshift)
    __irshift__ = _binary(operator.irshift)

    __lt__ = _binary(operator.lt)
    __le__ = _binary(operator.le)
    __gt__ = _binary(operator.gt)
    __ge__ = _binary(operator.ge)
    __eq__ = _binary(operator.eq)
    __ne__ = _binary(operator.ne)

    __neg__ = _unary(operator.neg)
    __pos__ = _unary(operator.pos)
    __invert__ = _unary(operator.invert)
    __abs__ = _unary(abs)

    # `__eq__` compares elements; identity is what dicts and sets of traced arrays need.
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __round__(self, ndigits: int | None = None) -> Any:
        return self._call(round, self, ndigits)

    def __getitem__(self, index: Any) -> Any:
        return self._call(operator.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._call(operator.setitem, self, index, value)

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())  # type: ignore[attr-defined]

    def __copy__(self) -> Any:
        return self._call(np.ndarray.copy, self)

    def __deepcopy__(self, memo: Any) -> Any:
        return self._call(np.ndarray.copy, self)


# Every public method, those without a traced form too: their error names them.
for _name in dir(np.ndarray):
    if not _name.startswith("_") and callable(getattr(np.ndarray, _name)):
        setattr(Operators, _name, _method(_name))
