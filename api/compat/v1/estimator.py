"""`tf.estimator`: models that train, evaluate and predict by themselves."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names of this namespace."""
    if name == "inputs":
        return namespaces.Space("estimator.inputs")
    return namespaces.find("estimator", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("estimator"))
