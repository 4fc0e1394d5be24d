"""`tf.feature_column`: how features become columns of numbers."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names of this namespace."""
    return namespaces.find("feature_column", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("feature_column"))
