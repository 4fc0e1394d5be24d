"""Layers.

Layer: frontend. base.py is what all have in common; the others are grouped by what they do.
"""

from . import attention, convolutions, core, grouped, noise, pooling, recurrent, repeating
from .base import FAMILY, Layer, deserialize, serialize

__all__ = [
    "FAMILY",
    "Layer",
    "attention",
    "convolutions",
    "core",
    "deserialize",
    "grouped",
    "noise",
    "pooling",
    "recurrent",
    "repeating",
    "serialize",
]
