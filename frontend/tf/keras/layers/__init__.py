"""Layers.

Layer: frontend. base.py is what all have in common; the others are grouped by what they do.
"""

from . import convolutions, core, noise, pooling, recurrent
from .base import FAMILY, Layer, deserialize, serialize

__all__ = [
    "FAMILY",
    "Layer",
    "convolutions",
    "core",
    "deserialize",
    "noise",
    "pooling",
    "recurrent",
    "serialize",
]
