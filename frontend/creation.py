"""NumPy's creation functions while a trace runs: `np.zeros((n, 3))`, `np.array([a, b])`.

Layer: frontend. NumPy does not dispatch them, since no argument is an array, so the functions in
the numpy module are replaced while at least one trace runs in the process. A replacement calls
the original unless its caller is the user's code on a thread that is tracing. Small arrays of
concrete numbers are made by NumPy at once and stay *known* (see tracer.py); larger ones and those
with symbolic sizes go into the graph.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .context import current
from .numpy_api import create

_IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "array": create.array,
    "asarray": create.asarray,
    "asanyarray": create.asarray,
    "ascontiguousarray": create.asarray,
    "asfortranarray": create.asarray,
    "zeros": create.zeros,
    "ones": create.ones,
    "empty": create.empty,
    "full": create.full,
    "zeros_like": create.zeros_like,
    "ones_like": create.ones_like,
    "empty_like": create.empty_like,
    "full_like": create.full_like,
    "arange": create.arange,
    "linspace": create.linspace,
    "eye": create.eye,
    "identity": create.identity,
    "tri": create.tri,
}
# Code of these packages works on concrete arrays, also when the traced function calls it.
_CONCRETE_PACKAGES = frozenset({"numpy", "scipy", "tensorwright"})


def _replacement(original: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        if current() is None or _caller_package() in _CONCRETE_PACKAGES:
            return original(*args, **kwargs)
        return traced(*args, **kwargs)

    return create


def _caller_package() -> str:
    """The top-level package of the code that called the replacement."""
    name = sys._getframe(2).f_globals.get("__name__", "")
    return name.partition(".")[0]


class _Patch:
    """Counts the running traces; the numpy module is changed by the first, restored by the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces = 0
        self._originals = {name: getattr(np, name) for name in _IMPLEMENTATIONS}
        self._replacements = {
            name: _replacement(self._originals[name], traced)
            for name, traced in _IMPLEMENTATIONS.items()
        }

    def enter(self) -> None:
        with self._lock:
            self._traces += 1
            if self._traces == 1:
                self._exchange(self._originals, self._replacements)

    def leave(self) -> None:
        with self._lock:
            self._traces -= 1
            if self._traces == 0:
                self._exchange(self._replacements, self._originals)

    def _exchange(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        for name in old:
            # Somebody else's replacement stays.
            if getattr(np, name) is old[name]:
                setattr(np, name, new[name])


_PATCH = _Patch()


@contextmanager
def patched_numpy() -> Iterator[None]:
    """Creation functions make traced arrays on threads that trace, as long as this is open."""
    _PATCH.enter()
    try:
        yield
    finally:
        _PATCH.leave()
