"""`tf.compat.v1.train`: `tf.train` and the optimisers of TensorFlow 1."""

from typing import Any

from ... import train as _newer
from ...frontend.tf.v1.optimizers import (
    AdadeltaOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
)

__all__ = [
    "AdadeltaOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "RMSPropOptimizer",
]


def __getattr__(name: str) -> Any:
    """What has not changed since."""
    return getattr(_newer, name)
