"""Indices whose slices are containers, so that tensors in them are found.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Part(NamedTuple):
    """A slice as a container."""

    start: Any
    stop: Any
    step: Any


def packed_index(index: Any) -> Any:
    """An index with `Part`s for slices."""
    if isinstance(index, tuple):
        return tuple(packed_index(k) for k in index)
    if isinstance(index, slice):
        return Part(index.start, index.stop, index.step)
    return index


def unpacked_index(index: Any) -> Any:
    """The index itself."""
    if isinstance(index, Part):
        return slice(index.start, index.stop, index.step)
    if isinstance(index, tuple):
        return tuple(unpacked_index(k) for k in index)
    return index
