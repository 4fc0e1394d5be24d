"""`tf.gfile` of TensorFlow 1: files and folders."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """What is `tf.io.gfile` since, under older names."""
    return namespaces.find("gfile", name, [])


def __dir__() -> list[str]:
    return namespaces.names("gfile")
