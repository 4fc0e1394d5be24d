"""`tf.keras.utils`: helpers."""

from ..frontend.tf.keras.utils import (
    clear_session,
    normalize,
    pad_sequences,
    register_keras_serializable,
    set_random_seed,
    to_categorical,
)

__all__ = [
    "clear_session",
    "normalize",
    "pad_sequences",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
