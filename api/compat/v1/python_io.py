"""`tf.python_io` of TensorFlow 1: record files."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """The reader and the writer."""
    return namespaces.find("python_io", name, [])


def __dir__() -> list[str]:
    return namespaces.names("python_io")
