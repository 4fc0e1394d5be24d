"""Random numbers in functions of the NumPy dialect: `tw.jit`, `tw.grad`, `tw.scan`.

Layer: frontend. There the stateless functions take and give (traced) arrays; a generator can be
made of a traced state. What would draw once, while tracing, raises an error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ....compiler.errors import UnsupportedError
from ...context import current
from ...location import user_location
from ..tensors import STATE, Tensor

F = TypeVar("F", bound=Callable[..., Any])


def traces_arrays() -> bool:
    """Whether a function of the NumPy dialect is traced."""
    return current() is not None and STATE.function is None and STATE.environment is None


def for_arrays(function: F) -> F:
    """A decorator: where a function of the NumPy dialect is traced, tensors are given as arrays."""

    @functools.wraps(function)
    def drawing(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if isinstance(found, Tensor) and traces_arrays():
            return found._value
        return found

    return drawing  # type: ignore[return-value]


def refuse_state(what: str) -> None:
    """Raise where a function of the NumPy dialect is traced: its state would change once."""
    if traces_arrays():
        raise UnsupportedError(
            f"{what} would draw once, while tracing, and give every later call the same numbers",
            loc=user_location(),
            hint="pass a seed as an argument and call tw.random.stateless_normal(shape, seed) or"
            " another stateless function, or pass a state and make a generator of it:"
            " tw.random.Generator.from_state(state)",
        )
