"""Tensors shared with other libraries through DLPack.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .convert import convert_to_tensor
from .static import value
from .tensors import Tensor


def to_dlpack(tf_tensor: Any) -> Any:
    """The capsule of a tensor's elements, which are not copied."""
    return value(tf_tensor, "experimental.dlpack.to_dlpack").__dlpack__()


class _Capsule:
    """A capsule as the object that NumPy asks for one."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the CPU


def from_dlpack(dlcapsule: Any) -> Tensor:
    """A tensor of a capsule, or of an object that gives one."""
    source = dlcapsule if hasattr(dlcapsule, "__dlpack__") else _Capsule(dlcapsule)
    return convert_to_tensor(np.from_dlpack(source))
