"""`tf.compat`: other versions' names, and conversions of strings."""

from ..frontend.tf.v1.text import as_bytes, as_str, as_str_any, as_text, path_to_str
from . import v1, v2

__all__ = ["as_bytes", "as_str", "as_str_any", "as_text", "path_to_str", "v1", "v2"]
