"""`tf.summary` of TensorFlow 1: ops that give summaries, and writers of event files."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names with TensorFlow 1's arguments."""
    return namespaces.find("summary", name, [])


def __dir__() -> list[str]:
    return namespaces.names("summary")
