"""`tf.layers` of TensorFlow 1: layers whose weights are found by name."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Layers, as functions and as classes."""
    return namespaces.find("layers", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("layers"))
