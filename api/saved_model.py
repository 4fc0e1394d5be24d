"""`tf.saved_model`: modules that run without their Python classes."""

from .frontend.tf.saving.model import DEFAULT_SIGNATURE as DEFAULT_SERVING_SIGNATURE_DEF_KEY
from .frontend.tf.saving.model import contains_saved_model, load, save

__all__ = [
    "DEFAULT_SERVING_SIGNATURE_DEF_KEY",
    "contains_saved_model",
    "load",
    "save",
]
