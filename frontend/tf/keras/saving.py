"""Weights in files.

Layer: frontend. A file of weights is NumPy's archive (`.npz` content) whatever its name ends in,
also ".weights.h5": one array per weight, named by its number and its variable.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_HDF5 = b"\x89HDF\r\n\x1a\n"


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model.

    Raises:
        ValueError: the model has none yet.
        FileExistsError: the file exists, and `overwrite` is false.
    """
    path = Path(filepath)
    weights = model.weights
    if not weights and not model.built:
        raise ValueError(
            f"You are saving a model that has not yet been built: call {model.name} on a batch of"
            " data first."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    arrays = {f"{k:05d}:{v._cell.name}": v.numpy() for k, v in enumerate(weights)}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Read the weights of a model of the same structure; matched by their order.

    Args:
        model: whose weights are assigned.
        filepath: a file that `save_weights` has written.
        skip_mismatch: whether weights of other shapes are left as they are.

    Raises:
        ValueError: it is no such file, or has weights of another number or shape.
    """
    path = Path(filepath)
    with path.open("rb") as file:
        if file.read(len(_HDF5)) == _HDF5:
            raise ValueError(
                f"{path} is an HDF5 file; only files that `save_weights` of this package has"
                " written can be read"
            )
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[name] for name in sorted(archive.files)]
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} is no file of weights") from error
    variables = model.weights
    if len(variables) != len(arrays):
        raise ValueError(
            f"Layer count mismatch when loading weights from file: the model has {len(variables)}"
            f" weights, the file {len(arrays)}. Build the model by calling it on data first."
        )
    for variable, array in zip(variables, arrays, strict=True):
        if variable.shape.is_compatible_with(array.shape):
            variable.assign(array.astype(variable.dtype.numpy))
        elif not skip_mismatch:
            raise ValueError(
                f"Shape mismatch for weight {variable.name}: the model has {variable.shape}, the"
                f" file {array.shape}"
            )
