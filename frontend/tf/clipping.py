"""Norms of gradients limited: clip_by_norm, clip_by_global_norm.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import static
from .apply import apply, checked
from .convert import convert_to_tensor
from .linalg import global_norm
from .tensors import Tensor


def _clip_by_norm(x: Any, limit: Any, *, axes: Any) -> Any:
    squares = np.sum(np.square(x), axis=axes, keepdims=True, dtype=x.dtype)
    positive = squares > 0
    norm = np.where(positive, np.sqrt(np.where(positive, squares, x.dtype.type(1))), squares)
    return x * limit / np.maximum(norm, limit)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """A tensor scaled so that its euclidean norm (along axes) is at most `clip_norm`."""
    x = checked("ClipByNorm", convert_to_tensor(t), "f")
    limit = convert_to_tensor(clip_norm, None if hasattr(clip_norm, "dtype") else x.dtype)
    attrs = {"axes": static.axes(axes, x.ndim, "ClipByNorm")}
    return apply("ClipByNorm", _clip_by_norm, (x, limit), attrs)  # type: ignore[no-any-return]


def _scale(x: Any, limit: Any, norm: Any) -> Any:
    factor = limit * np.minimum(x.dtype.type(1) / norm, x.dtype.type(1) / limit)
    # an infinite norm makes all NaN, as in TensorFlow, so that it does not go unnoticed
    return x * np.where(np.isfinite(norm), factor, x.dtype.type(np.nan)).astype(x.dtype)


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """Tensors scaled by one factor so that the norm of all is at most `clip_norm`, and that norm.

    Args:
        t_list: tensors; None stays None.
        clip_norm: the limit.
        use_norm: the norm of all, if it is known.
        name: for TensorFlow's signature.
    """
    if isinstance(t_list, (str, bytes, Tensor)) or not hasattr(t_list, "__iter__"):
        raise TypeError("`t_list` should be a sequence of tensors or None values")
    tensors = [None if t is None else convert_to_tensor(t) for t in t_list]
    norm = convert_to_tensor(use_norm) if use_norm is not None else global_norm(tensors)
    limit = convert_to_tensor(clip_norm, None if hasattr(clip_norm, "dtype") else norm.dtype)
    clipped = [None if t is None else apply("Clip", _scale, (t, limit, norm)) for t in tensors]
    return clipped, norm
