"""`tf.initializers` of TensorFlow 1: what makes initial values of variables."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Initialisers with TensorFlow 1's arguments."""
    return namespaces.find("initializers", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("initializers"))
