"""`tf.keras.models`: models."""

from ..frontend.tf.keras.models import Model, Sequential, clone_model, load_model

__all__ = ["Model", "Sequential", "clone_model", "load_model"]
