"""`tf.test` of TensorFlow 1: a test case with sessions."""

from typing import Any

from ... import test as _newer
from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names of this namespace."""
    return namespaces.find("test", name, [_newer])


def __dir__() -> list[str]:
    return sorted({*namespaces.names("test"), *dir(_newer)})
