"""`tf.nn` of TensorFlow 1: its arguments where they differ."""

import importlib
from typing import Any

from ... import nn as _newer
from ...frontend.tf.graph import namespaces


def __getattr__(name: str) -> Any:
    """Names with TensorFlow 1's arguments; else what has not changed since."""
    if name == "rnn_cell":
        return importlib.import_module(".rnn_cell", __package__)
    return namespaces.find("nn", name, [_newer])


def __dir__() -> list[str]:
    return sorted({*namespaces.names("nn"), "rnn_cell", *dir(_newer)})
