"""`tf.logging`: messages of a program."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names of this namespace."""
    return namespaces.find("logging", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("logging"))
