"""`tf.losses` of TensorFlow 1."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """The functions of the namespace."""
    return namespaces.find("losses", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("losses"))
