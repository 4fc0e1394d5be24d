"""Layers.

Layer: frontend. base.py is what all have in common; the others are grouped by what they do.
"""

from . import core, noise, windows
from .base import FAMILY, Layer, deserialize, serialize

__all__ = ["FAMILY", "Layer", "core", "deserialize", "noise", "serialize", "windows"]
