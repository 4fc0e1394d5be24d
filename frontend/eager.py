"""Functions of this package that work on traces, called outside of one: compiled, and run.

Layer: frontend. `tw.scan(f, init, xs)` at top level becomes a jitted function of (init, xs). It is
kept for as long as `f` lives, so that the next call with the same `f` finds it compiled.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .jit import Jitted

J = TypeVar("J", bound=Jitted)
T = TypeVar("T", bound=Callable[..., Any])
Held = Mapping[str, Callable[[], Any]]


class _Programs:
    """Jitted functions by what they call. The functions of users are not kept alive."""

    def __init__(self) -> None:
        self._found: dict[Any, Jitted] = {}

    def get(self, key: Any) -> Jitted | None:
        """The one that is kept under this key."""
        return self._found.get(key)

    def keep(self, key: Any, jitted: Jitted, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Keep one until the first of these functions is gone."""
        self._found[key] = jitted
        for function in functions.values():
            weakref.finalize(function, self._found.pop, key, None).atexit = False


_PROGRAMS = _Programs()


def run_eagerly(
    control: Callable[..., Any],
    functions: Mapping[str, Callable[..., Any]],
    data: Mapping[str, Any],
    **options: Any,
) -> Any:
    """`control(**functions, **data, **options)`, compiled for data like these.

    Args:
        control: works on traced data.
        functions: the user's functions. What they read from outside of themselves is read when
            they are compiled.
        data: nested structures of arrays and numbers.
        options: Python values; other values compile anew.
    """
    jitted = kept(
        control,
        functions,
        options,
        lambda held: _jitted(control, held, list(data), options),
    )
    return jitted(*data.values())


def kept(
    control: Callable[..., Any],
    functions: Mapping[str, Callable[..., Any]],
    options: Mapping[str, Any],
    make: Callable[[Held], J],
) -> J:
    """What `make` has made for these functions and options of `control`, kept while they live.

    `make` gets the functions as references, to be called for the function: a program must not keep
    alive what it is kept by.
    """
    key = _key(control, functions, options)
    found: Any = None if key is None else _PROGRAMS.get(key)
    if found is None:
        refs = {name: weakref.ref(f) if key else (lambda f=f: f) for name, f in functions.items()}
        found = make(refs)
        if key is not None:
            _PROGRAMS.keep(key, found, functions)
    return found


def _key(
    control: Callable[..., Any], functions: Mapping[str, Any], options: Mapping[str, Any]
) -> Any:
    """What to keep a program under; None if it cannot be kept."""
    try:
        refs = tuple([weakref.ref(f) for f in functions.values()])
        key = (control, refs, tuple(options.items()))
        hash(key)
    except TypeError:
        return None
    return key


def _jitted(
    control: Callable[..., Any],
    held: Held,
    names: list[str],
    options: Mapping[str, Any],
) -> Jitted:
    def program(*args: Any) -> Any:
        functions = {name: ref() for name, ref in held.items()}
        return control(**functions, **dict(zip(names, args, strict=True)), **options)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in names]
    program.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    program.__name__ = control.__name__
    return Jitted(program)


_REMEMBERED = "_tensorwright_transforms"


def remembers(transform: T) -> T:
    """A transform of functions that gives one result for one function; a decorator.

    So `tw.grad(f)(x)` written in a loop compiles once. What is made of a function is kept in its
    attributes, and goes with it.
    """

    @functools.wraps(transform)
    def remembering(function: Any, *args: Any, **kwargs: Any) -> Any:
        attributes = getattr(function, "__dict__", None)
        key = (transform, id(function), args, tuple(kwargs.items()))
        if not isinstance(attributes, dict) or not _is_hashable(key):
            return transform(function, *args, **kwargs)
        # Wrappers share their function's attributes; what is made for a function keeps it alive,
        # so no other one has its id.
        made = attributes.setdefault(_REMEMBERED, {})
        if key not in made:
            made[key] = transform(function, *args, **kwargs)
        return made[key]

    return remembering  # type: ignore[return-value]


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True
