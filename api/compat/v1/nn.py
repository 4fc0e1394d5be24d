"""`tf.compat.v1.nn`: `tf.nn`, with TensorFlow 1's arguments where they differ."""

from typing import Any

from ... import nn as _newer
from ...frontend.tf.elementwise import tanh
from ...frontend.tf.v1.names import (
    dropout,
    moments,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)

__all__ = [
    "dropout",
    "moments",
    "sigmoid_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy_with_logits",
    "tanh",
]


def __getattr__(name: str) -> Any:
    """What has not changed since."""
    return getattr(_newer, name)
