"""Functions of tensors for the NumPy dialect: in `tw.jit` and the like they take and give arrays.

Layer: frontend. A traced array among the arguments says so; in functions of TensorFlow's dialect
there are tensors instead. Calls with tensors without values are noted (deferred.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..tracer import Tracer
from .deferred import NoValue
from .tensors import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def of_either(function: F, name: str) -> F:
    """The function of this public name, whose results of traced arrays are traced arrays."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            found = function(*args, **kwargs)
        except NoValue as error:
            return error.noted(name, function, args, kwargs)
        for x in args:
            if type(x) is Tracer:
                return _as_arrays(found)
        if kwargs and any(type(x) is Tracer for x in kwargs.values()):
            return _as_arrays(found)
        return found

    return call  # type: ignore[return-value]


def _as_arrays(found: Any) -> Any:
    if isinstance(found, Tensor):
        return found._value
    if isinstance(found, tuple):
        parts = [_as_arrays(x) for x in found]
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)
    return [_as_arrays(x) for x in found] if isinstance(found, list) else found


def wrap(namespace: dict[str, Any], names: list[str]) -> None:
    """Put the functions of a module that work for both dialects in place of those for one."""
    for name in names:
        found = namespace[name]
        if callable(found) and not isinstance(found, type):
            namespace[name] = of_either(found, name)
