"""`tf.Module`: an object that finds the variables among its attributes.

Layer: frontend.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from .variables import Variable

_IDENTIFIER = re.compile(r"[a-zA-Z_]\w*")


class Module:
    """Base of classes that hold variables.

    Args:
        name: an identifier; by default the class's name in lower case with underscores.
    """

    # Attributes in which variables are not looked for.
    _TF_MODULE_IGNORED_PROPERTIES: frozenset[str] = frozenset()

    def __init__(self, name: str | None = None) -> None:
        chosen = _snake_case(type(self).__name__) if name is None else name
        if not _IDENTIFIER.fullmatch(chosen):
            raise ValueError(
                f"{chosen!r} is not a valid module name. Module names must be valid Python"
                " identifiers (e.g. a valid class name)."
            )
        self._name = chosen

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A context of this name; it changes nothing."""
        return _scope(self._name)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables of this module and those inside of it."""
        return tuple(self._flatten(predicate=lambda x: isinstance(x, Variable)))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """Those variables that are trainable."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """Those variables that are not trainable."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules inside of this one."""
        return tuple(self._flatten(predicate=is_module))

    def _flatten(self, predicate: Callable[[Any], bool]) -> Iterator[Any]:
        """What fulfils the predicate among the attributes: this module's own first."""
        seen = {id(self)}
        modules: list[Any] = [self]
        for module in modules:
            for _, found in _leaves(module):
                if id(_identity(found)) in seen:
                    continue
                seen.add(id(_identity(found)))
                if predicate(found):
                    yield found
                if is_module(found):
                    modules.append(found)

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method that runs in the module's name scope."""

        @wraps(method)
        def scoped(self: Any, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return scoped


def _identity(x: Any) -> Any:
    """What all objects for a variable share."""
    return x.handle if isinstance(x, Variable) else x


def is_module(x: Any) -> bool:
    """Whether x is a module, or something like one: a layer, which knows its variables too."""
    return isinstance(x, Module) or (
        hasattr(type(x), "trainable_variables") and hasattr(x, "__dict__")
    )


def _leaves(module: Any) -> Iterator[tuple[str, Any]]:
    ignored = getattr(module, "_TF_MODULE_IGNORED_PROPERTIES", ())
    for name in sorted(vars(module)):
        if name not in ignored:
            yield from _inside(name, vars(module)[name])


def _inside(path: str, x: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(x, dict):
        for key in sorted(x, key=str):
            yield from _inside(f"{path}/{key}", x[key])
    elif isinstance(x, (list, tuple)):
        for k, item in enumerate(x):
            yield from _inside(f"{path}/{k}", item)
    else:
        yield path, x


@contextmanager
def _scope(name: str) -> Iterator[str]:
    yield f"{name}/"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
