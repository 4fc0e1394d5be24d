"""The one table from NumPy functions and Python operators to their traced implementations.

Layer: frontend, imports nothing of ours but errors, context and location. Keys are the callables
themselves: NumPy functions (`np.sum`), ufuncs (`np.divmod`, where the generic rule does not do),
ndarray methods (`np.ndarray.astype`) and Python operators (`operator.getitem`). The modules that
implement them register here when they are imported, before the first trace. Strings are keys for
ufunc methods ("reduce"), for ufuncs of SciPy ("scipy.special.expit") and for functions that our own
modules share.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ..compiler.errors import UnsupportedError
from .location import user_location

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)

FUNCTIONS: dict[Any, Function] = {}


def implements(*functions: Any) -> Callable[[F], F]:
    """Register the decorated function as the traced form of each of `functions`."""

    def register(implementation: F) -> F:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return register


def lookup(function: Any) -> Function:
    """The traced form of a function; UnsupportedError if it has none."""
    found = find(function)
    if found is None:
        raise unsupported(function)
    return found


def find(function: Any) -> Function | None:
    """The traced form of a function. All ufuncs share one, each method of ufuncs too."""
    if type(function) is np.ufunc:
        return partial(FUNCTIONS[np.ufunc], function)
    found = FUNCTIONS.get(function)
    if found is None:
        owner = getattr(function, "__self__", None)
        if type(owner) is np.ufunc and function.__name__ in FUNCTIONS:
            return partial(FUNCTIONS[function.__name__], owner)
    return found


def name_of(function: Any) -> str:
    """How a user writes the function: np.linalg.norm, ndarray.astype, np.add.reduce, x[i]."""
    if isinstance(function, np.ufunc):
        module = "np" if getattr(np, function.__name__, None) is function else "scipy.special"
        return f"{module}.{function.__name__}"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{name_of(owner)}.{function.__name__}"
    if getattr(function, "__objclass__", None) is np.ndarray:
        return f"ndarray.{function.__name__}"
    module = getattr(function, "__module__", None) or ""
    if module == "_operator":
        return _OPERATORS.get(function, f"operator.{function.__name__}")
    name = getattr(function, "__name__", repr(function))
    return f"{module}.{name}".replace("numpy.", "np.", 1) if module else name


_OPERATORS = {operator.getitem: "x[index]", operator.setitem: "x[index] = value"}


def unsupported(function: Any) -> UnsupportedError:
    """The error for a NumPy function that has no traced form, with the nearest ones that have."""
    # for this message alone
    import difflib

    name = name_of(function)
    # Compared by the last part of the name: np. and ndarray. would make all names alike.
    known = {name_of(f): name_of(f).rpartition(".")[2] for f in FUNCTIONS if callable(f)}
    close = difflib.get_close_matches(name.rpartition(".")[2], set(known.values()), 3, 0.75)
    near = sorted(full for full, last in known.items() if last in close)[:3]
    return UnsupportedError(
        f"{name} is not supported on traced arrays",
        loc=user_location(),
        hint=f"supported and similar: {', '.join(near)}" if near else "",
    )
