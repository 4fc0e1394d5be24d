"""NumPy's creation functions while a trace runs: `np.zeros((n, 3))`, `np.array([a, b])`.

Layer: frontend. NumPy does not dispatch them, since no argument is an array, so the functions in
the numpy module are replaced while at least one trace runs in the process. A replacement calls
the original unless it is called by the user's code, on a thread that is tracing. Compiled
extensions find the replacements in the numpy module too, have no frame of their own, and take what
they get for an ndarray without a check: so the call must be seen in the caller's byte code. Small
arrays of concrete numbers are made by NumPy at once and stay *known* (see tracer.py); larger ones
and those with symbolic sizes go into the graph.

The functions of `np.random` are replaced in the same way, by an error: a number drawn while tracing
would be the same in every call. And `len` is replaced, because Python makes an int of what
`__len__` gives, which would fix the size: of a traced array it gives a `SymInt` as `x.shape[0]` is.
"""

from __future__ import annotations

import builtins
import dis
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from ..compiler.errors import UnsupportedError
from .context import current
from .location import user_location
from .numpy_api import create
from .tracer import Tracer

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
    name = original.__name__

    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        if current() is None or not _is_users_call(sys._getframe(1), name):
            return original(*args, **kwargs)
        return traced(*args, **kwargs)

    return create


def _traced_length(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def length(obj: Any, /) -> Any:
        if type(obj) is Tracer and obj.ndim and obj._context is current():
            return obj.shape[0]
        return original(obj)

    return length


def _refusal(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def draw(*args: Any, **kwargs: Any) -> Any:
        if current() is None or not _is_users_call(sys._getframe(1), name):
            return original(*args, **kwargs)
        raise UnsupportedError(
            f"np.random.{name} would be called once, while tracing, and give every later call"
            " the same numbers",
            loc=user_location(),
            hint="draw the numbers outside of the function and pass them as an argument, or use"
            " tw.random.stateless_normal and its like, functions of a seed (docs/random.md)",
        )

    return draw


def _is_users_call(caller: FrameType, name: str) -> bool:
    """Whether this frame is the user's, and what it executes is a call of `name`."""
    package = caller.f_globals.get("__name__", "").partition(".")[0]
    return package not in _CONCRETE_PACKAGES and _callee(caller.f_code, caller.f_lasti) == name


@functools.lru_cache(maxsize=4096)
def _callee(code: CodeType, offset: int) -> str:
    """The name that ends the function's expression in the call at this offset; "" if unknown.

    In the source the call starts where that expression starts, and reaches beyond its end.
    """
    line, last_line, column, last_column = list(code.co_positions())[offset // 2]
    if line is None or last_line is None or last_column is None:
        return ""  # compiled without positions (-X no_debug_ranges)
    name, name_end = "", (0, 0)
    for instruction in dis.get_instructions(code):
        at = instruction.positions
        if at is None or (at.lineno, at.col_offset) != (line, column):
            continue
        end = (at.end_lineno or 0, at.end_col_offset or 0)
        if instruction.opname.startswith("LOAD_") and name_end < end < (last_line, last_column):
            name, name_end = str(instruction.argval), end
    return name


class _Patch:
    """Counts the running traces; the numpy module is changed by the first, restored by the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces = 0
        # (module, name) -> (original, replacement)
        self._functions: dict[tuple[ModuleType, str], tuple[Any, Any]] = {}
        for name, traced in _IMPLEMENTATIONS.items():
            original = getattr(np, name)
            self._functions[np, name] = original, _replacement(original, traced)
        self._functions[builtins, "len"] = len, _traced_length(len)
        self._knows_random = False

    def _add_random(self) -> bool:
        """Include `np.random`, which NumPy loads when it is first used; whether this is new."""
        module = sys.modules.get("numpy.random")
        if module is None or self._knows_random:
            return False
        for name in module.__all__:
            original = getattr(module, name)
            if callable(original) and not isinstance(original, type):
                self._functions[module, name] = original, _refusal(original, name)
        self._knows_random = True
        return True

    def has_grown(self) -> bool:
        """Whether the trace has loaded `np.random` itself: its calls there were not replaced."""
        with self._lock:
            if not self._add_random():
                return False
            for (module, name), (original, replacement) in self._functions.items():
                _exchange(module, name, original, replacement)
            return True

    def enter(self) -> None:
        with self._lock:
            self._traces += 1
            if self._traces == 1:
                self._add_random()
                for (module, name), (original, replacement) in self._functions.items():
                    _exchange(module, name, original, replacement)

    def leave(self) -> None:
        with self._lock:
            self._traces -= 1
            if self._traces == 0:
                self._restore()

    def _restore(self) -> None:
        for (module, name), (original, replacement) in self._functions.items():
            _exchange(module, name, replacement, original)

    def before_fork(self) -> None:
        """Let no other thread be in the middle of a change."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Forget the traces of threads that are not in the child."""
        if self._traces and current() is None:
            self._traces = 0
            self._restore()
        self._lock.release()


def _exchange(module: ModuleType, name: str, old: Any, new: Any) -> None:
    # Somebody else's replacement stays.
    if getattr(module, name) is old:
        setattr(module, name, new)


_PATCH = _Patch()
os.register_at_fork(
    before=_PATCH.before_fork,
    after_in_parent=_PATCH.after_fork_in_parent,
    after_in_child=_PATCH.after_fork_in_child,
)


@contextmanager
def patched_numpy() -> Iterator[_Patch]:
    """Creation functions make traced arrays on threads that trace, as long as this is open."""
    _PATCH.enter()
    try:
        yield _PATCH
    finally:
        _PATCH.leave()
