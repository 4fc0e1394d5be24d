"""`tf.data` of TensorFlow 1: datasets, and iterators over them."""

from typing import Any

from ... import data as _newer
from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names of graphs; else what has not changed since."""
    return namespaces.find("data", name, [_newer])


def __dir__() -> list[str]:
    return sorted({*namespaces.names("data"), *dir(_newer)})
