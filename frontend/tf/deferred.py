"""Functions of tensors that may have no values: a call with one becomes a note of the call.

Layer: frontend. A tensor that stands for the input of a model yet to be made raises `NoValue` when
an op asks for its array. The public function that the program has called catches it, and hands
itself and its arguments to whoever keeps notes. Calls with ordinary tensors pay for no question.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from types import FunctionType
from typing import Any

# Of a function's public name, the function, and the arguments of a call.
Record = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class NoValue(TypeError):
    """A tensor has no value. `record` notes the call of a function instead; None: it cannot be."""

    def __init__(self, message: str, record: Record | None) -> None:
        super().__init__(message)
        self.record = record

    def noted(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What stands for the result of a call."""
        if self.record is None:
            raise self
        return self.record(name, function, args, kwargs)


@cache
def deferring(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function of this public name, whose calls with tensors without values are noted."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except NoValue as error:
            return error.noted(name, function, args, kwargs)

    return call


def wrap(namespace: dict[str, Any], names: list[str]) -> None:
    """Put functions whose calls can be noted in place of those of a module."""
    for name in names:
        found = namespace[name]
        if isinstance(found, FunctionType):
            namespace[name] = deferring(found, name)
