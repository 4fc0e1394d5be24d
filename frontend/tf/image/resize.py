"""`tf.image.resize`: images of other sizes.

Layer: frontend. The axes are done one after the other: by reading a few neighbours and adding them
up, or, where many pixels make up one, as a product with a matrix of weights.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..apply import apply, checked
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..shaping import expand_dims, squeeze
from ..static import integers
from ..tensors import Tensor
from . import weights


class ResizeMethod:
    """The methods of `resize`."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


# These change an image along an axis whose size stays, too.
SMOOTHING = frozenset({"gaussian", "mitchellcubic"})
METHODS = frozenset({*weights.TAPS, *weights.KERNELS, "area"})


def resize(
    images: Any,
    size: Any,
    method: str = ResizeMethod.BILINEAR,
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Tensor:
    """Images of another size.

    Args:
        images: [batch, height, width, channels] or [height, width, channels].
        size: the new height and width.
        method: one of `ResizeMethod`.
        preserve_aspect_ratio: whether the result is made smaller than `size` along one axis, so
            that nothing is stretched.
        antialias: whether an image that shrinks is smoothed before. The methods "nearest" and
            "area" have no use for it.
        name: for TensorFlow's signature.

    Returns:
        The images as float32; with the method "nearest" in their dtype.

    Raises:
        ValueError: the images have another number of axes, the size is not two positive numbers,
            there is no such method, or the images' size is not known.
    """
    x = checked("Resize", convert_to_tensor(images), "iuf")
    if x.ndim not in (3, 4):
        raise ValueError("'images' must have either 3 or 4 dimensions.")
    if method not in METHODS:
        raise ValueError(f"Resize method is not implemented: {method!r}")
    if x.ndim == 3:
        batch = expand_dims(x, 0)
        found = resize(batch, size, method, preserve_aspect_ratio, antialias)
        single: Tensor = squeeze(found, [0])
        return single
    wanted = integers(size, "the size of tf.image.resize")
    if len(wanted) != 2:
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    old = x._value.shape[1:3]
    if not all(isinstance(n, int) for n in (*old, *wanted)):
        raise ValueError("tf.image.resize needs sizes of images that are known")
    if min(wanted) < 1 or min(old) < 1:
        raise ValueError(f"sizes have to be positive, got {list(wanted)} of {list(old)}")
    if preserve_aspect_ratio:
        scale = min(wanted[0] / old[0], wanted[1] / old[1])
        wanted = tuple(max(round(n * scale), 1) for n in old)
    if method != "nearest":
        x = cast(x, "float32")
    if tuple(old) == wanted and method not in SMOOTHING:
        return x
    attrs = {"size": wanted, "method": method, "antialias": bool(antialias)}
    result: Tensor = apply("Resize", _resize, [x], attrs)
    return result


def _resize(x: Any, *, size: tuple[int, int], method: str, antialias: bool) -> Any:
    # first along the axis that makes it smaller
    order = sorted((1, 2), key=lambda axis: size[axis - 1] / x.shape[axis])
    for axis in order:
        if x.shape[axis] != size[axis - 1] or method in SMOOTHING:
            x = _along(x, axis, size[axis - 1], method, antialias)
    return x


def _along(x: Any, axis: int, new_size: int, method: str, antialias: bool) -> Any:
    size = int(x.shape[axis])
    if method == "nearest":
        return np.take(x, weights.nearest(size, new_size)[0][:, 0], axis=axis)
    if method in weights.TAPS and not antialias:
        return _taps(x, axis, *weights.TAPS[method](size, new_size))
    matrix = _matrix(size, new_size, method, antialias).astype(x.dtype)
    found = np.tensordot(x, matrix, axes=((axis,), (1,)))
    return np.moveaxis(found, -1, axis)


def _taps(x: Any, axis: int, indices: np.ndarray, factors: np.ndarray) -> Any:
    shape = tuple(-1 if k == axis else 1 for k in range(x.ndim))
    total = None
    for index, factor in zip(indices.T, factors.astype(x.dtype).T, strict=True):
        part = np.take(x, index, axis=axis) * factor.reshape(shape)
        total = part if total is None else total + part
    return total


@functools.lru_cache(maxsize=64)
def _matrix(size: int, new_size: int, method: str, antialias: bool) -> np.ndarray:
    if method == "area":
        return weights.area(size, new_size)
    kernel, radius = weights.KERNELS[method]
    return weights.sampled(size, new_size, kernel, radius, antialias)
