"""`tf.train` of TensorFlow 1: optimisers, savers, sessions that look after themselves."""

from typing import Any

from ... import train as _newer
from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names with TensorFlow 1's arguments; else what has not changed since."""
    return namespaces.find("train", name, [_newer])


def __dir__() -> list[str]:
    return sorted({*namespaces.names("train"), *dir(_newer)})
