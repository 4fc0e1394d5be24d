"""`tf.nn.rnn_cell` of TensorFlow 1: cells of recurrent networks."""

from typing import Any

from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """The cells."""
    return namespaces.find("nn.rnn_cell", name, [])


def __dir__() -> list[str]:
    return sorted(namespaces.names("nn.rnn_cell"))
