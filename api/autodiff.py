"""tf.autodiff: the tape."""

from .frontend.tf.tape import (
    GradientTape,
)

__all__ = [
    "GradientTape",
]
