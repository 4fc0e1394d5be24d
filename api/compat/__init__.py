"""`tf.compat`: other versions' names, and conversions of strings."""

import importlib
from typing import Any

from ..frontend.tf.graph.state import MODE
from ..frontend.tf.v1.text import as_bytes, as_str, as_str_any, as_text, path_to_str

__all__ = ["as_bytes", "as_str", "as_str_any", "as_text", "path_to_str", "v1", "v2"]


def __getattr__(name: str) -> Any:
    """The modules of other versions. Reached like this, `v1` leaves eager execution on."""
    if name not in ("v1", "v2"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    before, MODE.reached_as_attribute = MODE.reached_as_attribute, True
    try:
        return importlib.import_module(f"{__name__}.{name}")
    finally:
        MODE.reached_as_attribute = before
