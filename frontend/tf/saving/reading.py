"""Looking into checkpoints: names, shapes and arrays, whichever way they were saved.

Layer: frontend.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import NotFoundError
from .bundle import BundleReader
from .state import OBJECTS, prefix_of
from .tree import read_arrays


class _ObjectsReader:
    """The arrays of a checkpoint of objects; see `BundleReader`."""

    def __init__(self, prefix: str) -> None:
        self._arrays, _ = read_arrays(prefix + OBJECTS)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The sizes of each array."""
        return {name: list(a.shape) for name, a in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """The dtype of each array."""
        return {name: dtypes.of_numpy(a.dtype) for name, a in self._arrays.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is an array of this name."""
        return tensor_str in self._arrays

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """An array.

        Raises:
            NotFoundError: there is none of this name.
        """
        if tensor_str not in self._arrays:
            raise NotFoundError(None, None, f"Key {tensor_str} not found in checkpoint")
        return self._arrays[tensor_str]


def load_checkpoint(ckpt_dir_or_file: Any) -> Any:
    """What reads the arrays of a checkpoint: `get_tensor(name)`, `get_variable_to_shape_map()`.

    Args:
        ckpt_dir_or_file: a prefix, or a folder, whose newest checkpoint is read.

    Raises:
        NotFoundError: there is no such checkpoint.
        ValueError: the folder has no checkpoints.
    """
    prefix = prefix_of(ckpt_dir_or_file)
    if os.path.exists(prefix + OBJECTS):
        return _ObjectsReader(prefix)
    return BundleReader(prefix)


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """The names and shapes of the arrays in a checkpoint; see `load_checkpoint`."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """One array of a checkpoint; see `load_checkpoint`.

    Raises:
        NotFoundError: there is none of this name.
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))
