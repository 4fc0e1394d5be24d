"""`tf.contrib`: the few parts of it that programs for beginners use.

TensorFlow 2 removed `tf.contrib`; other names say what to use instead.
"""

from typing import Any

from ...frontend.tf.graph import namespaces

_SPACES = ("layers", "learn", "rnn")
_INSTEAD = {
    "eager": "tf.enable_eager_execution",
    "data": "tf.data",
    "estimator": "tf.estimator",
    "losses": "tf.losses",
    "metrics": "tf.metrics",
    "opt": "tf.train",
    "slim": "tf.layers",
    "summary": "tf.summary",
}


def __getattr__(name: str) -> Any:
    """`layers`, `learn` and `rnn`.

    Raises:
        AttributeError: for all others.
    """
    if name in _SPACES:
        return namespaces.Space(f"contrib.{name}")
    if name.startswith("__"):
        raise AttributeError(name)
    instead = _INSTEAD.get(name, "tf.layers, tf.keras or tf.estimator")
    raise AttributeError(
        f"module 'tensorwright.compat.v1.contrib' has no attribute {name!r}: tf.contrib was removed"
        f" in TensorFlow 2; use {instead}"
    )


def __dir__() -> list[str]:
    return list(_SPACES)
