"""Objects by name, and their configurations as dicts.

Layer: frontend. Each family (initialisers, losses ...) is a `Family`: a table from names to classes
or functions, which gives `get`, `serialize` and `deserialize`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .settings import snake_case

# Classes and functions of users, by the name that they were registered with.
CUSTOM: dict[str, Any] = {}


class Family:
    """Named objects of one kind, for example "initializer"."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.table: dict[str, Any] = {}

    def add(self, *names: str) -> Callable[[Any], Any]:
        """Register a class or function under its own name and these."""

        def register(made: Any) -> Any:
            own = made.__name__
            for name in (own, own.lower(), snake_case(own), *names):
                self.table[name] = made
            return made

        return register

    def get(self, identifier: Any) -> Any:
        """The object for a name, a configuration or an object; None for None.

        Raises:
            ValueError: there is none.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            found = self._find(identifier)
        elif callable(identifier) or hasattr(identifier, "get_config"):
            found = identifier
        else:
            raise self._unknown(identifier)
        return found() if inspect.isclass(found) else found

    def _find(self, name: str, custom_objects: dict[str, Any] | None = None) -> Any:
        for table in (custom_objects or {}, CUSTOM, self.table):
            if name in table:
                return table[name]
        raise self._unknown(name)

    def _unknown(self, identifier: Any) -> ValueError:
        return ValueError(
            f"Could not interpret {self.kind} identifier: {identifier!r}. "
            f"Known names: {', '.join(sorted(self.table))}"
        )

    def serialize(self, made: Any) -> Any:
        """A configuration, or the name of a function."""
        if made is None:
            return None
        if hasattr(made, "get_config"):
            return {"class_name": type(made).__name__, "config": made.get_config()}
        return getattr(made, "__name__", type(made).__name__)

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """What `serialize` gave the configuration for."""
        if config is None:
            return None
        if isinstance(config, str):
            found = self._find(config, custom_objects)
            return found() if inspect.isclass(found) else found
        found = self._find(config["class_name"], custom_objects)
        if hasattr(found, "from_config"):
            return found.from_config(config["config"])
        return found(**config["config"])


class Configured:
    """Something whose configuration is the attributes named in `fields`."""

    fields: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal object."""
        return {name: getattr(self, name) for name in self.fields}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object with this configuration."""
        return cls(**config)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Any:
    """A decorator: make a class or function known to `deserialize` by its name."""

    def register(made: Any) -> Any:
        CUSTOM[name or made.__name__] = made
        return made

    return register
