"""How much images differ, and how much they change from pixel to pixel.

Layer: frontend. Images are [..., height, width, channels].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..tensors import Tensor
from .colours import convert_image_dtype


def _pair(a: Any, b: Any, max_val: Any) -> tuple[list[Tensor], float]:
    """Two images and the largest value, as floats."""
    x, y = convert_to_tensor(a), convert_to_tensor(b)
    limit = convert_to_tensor(max_val, x.dtype)
    limit = convert_image_dtype(limit, dtypes.float32)
    return [convert_image_dtype(t, dtypes.float32) for t in (x, y)], float(limit.numpy())


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Tensor:
    """The peak signal-to-noise ratio of each image, in decibel.

    Args:
        a: images.
        b: images of the same shape.
        max_val: the largest value that a pixel may have.
        name: for TensorFlow's signature.
    """
    pair, limit = _pair(a, b, max_val)
    found: Tensor = apply("PSNR", _psnr, pair, {"limit": limit})
    return found


def _psnr(a: Any, b: Any, *, limit: float) -> Any:
    of = a.dtype.type
    error = np.mean(np.square(a - b), axis=(-3, -2, -1))
    return of(20 * np.log10(limit)) - of(10 / np.log(10)) * np.log(error)


def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> Tensor:
    """The structural similarity of each pair of images (Wang et al., 2004).

    Args:
        img1: images.
        img2: images of the same shape.
        max_val: the largest value that a pixel may have.
        filter_size: of the window.
        filter_sigma: the width of the Gaussian in the window.
        k1: see the paper.
        k2: see the paper.
        return_index_map: whether the result has a number for each window.

    Raises:
        ValueError: the images are smaller than the window.
    """
    pair, limit = _pair(img1, img2, max_val)
    if min(pair[0]._value.shape[-3:-1]) < filter_size:
        raise ValueError(f"images {pair[0].shape} are smaller than the filter of {filter_size}")
    places = np.arange(filter_size) - (filter_size - 1) / 2
    weights = np.exp(-0.5 * np.square(places / filter_sigma))
    attrs = {
        "window": tuple(map(float, weights / weights.sum())), "c1": (k1 * limit) ** 2,
        "c2": (k2 * limit) ** 2, "whole": not return_index_map,
    }  # fmt: skip
    found: Tensor = apply("SSIM", _ssim, pair, attrs)
    return found


def _ssim(a: Any, b: Any, *, window: tuple[float, ...], c1: float, c2: float, whole: bool) -> Any:
    mean_a, mean_b = _blurred(a, window), _blurred(b, window)
    both, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    light = (2 * both + c1) / (squares + c1)
    covariance = _blurred(a * b, window) - both
    variances = _blurred(a * a + b * b, window) - squares
    index = np.mean(light * (2 * covariance + c2) / (variances + c2), axis=-1)
    return np.mean(index, axis=(-2, -1)) if whole else index


def _blurred(x: Any, window: tuple[float, ...]) -> Any:
    """The weighted mean of each window, which has one row of weights for both axes."""
    for axis in (-3, -2):
        count = x.shape[axis] - len(window) + 1
        total = 0
        for k, weight in enumerate(window):
            part = x[..., k : k + count, :] if axis == -2 else x[..., k : k + count, :, :]
            total = total + part * x.dtype.type(weight)
        x = total
    return x


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of the absolute differences of neighbouring pixels, for each image."""
    x = convert_to_tensor(images)
    if x.ndim not in (3, 4):
        raise ValueError("'images' must be either 3 or 4-dimensional.")
    found: Tensor = apply("TotalVariation", _variation, [x])
    return found


def _variation(x: Any) -> Any:
    axes = (-3, -2, -1)
    down = np.sum(np.abs(x[..., 1:, :, :] - x[..., :-1, :, :]), axis=axes)
    return down + np.sum(np.abs(x[..., 1:, :] - x[..., :-1, :]), axis=axes)


def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """The differences to the pixels below and to the right, 0 at the end: [batch, h, w, c] each."""
    x = convert_to_tensor(image)
    if x.ndim != 4:
        raise ValueError(
            f"image_gradients expects a 4D tensor [batch_size, h, w, d], not {x.shape}."
        )
    found: tuple[Tensor, Tensor] = apply("ImageGradients", _differences, [x])
    return found


def _differences(x: Any) -> tuple[Any, Any]:
    down = np.pad(x[:, 1:] - x[:, :-1], ((0, 0), (0, 1), (0, 0), (0, 0)))
    right = np.pad(x[:, :, 1:] - x[:, :, :-1], ((0, 0), (0, 0), (0, 1), (0, 0)))
    return down, right


def sobel_edges(image: Any) -> Tensor:
    """Sobel's derivatives down and to the right: [batch, height, width, channels, 2]."""
    found: Tensor = apply("SobelEdges", _sobel, [convert_to_tensor(image)])
    return found


def _sobel(x: Any) -> Any:
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")

    def at(row: int, column: int) -> Any:
        return padded[:, row : row + height, column : column + width]

    down = at(2, 0) + 2 * at(2, 1) + at(2, 2) - at(0, 0) - 2 * at(0, 1) - at(0, 2)
    right = at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0)
    return np.stack([down, right], axis=-1)


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Tensor:
    """The pixels of each window, one behind the other, as channels.

    Args:
        images: [batch, height, width, channels].
        sizes: [1, height, width, 1] of a window.
        strides: from window to window, as `sizes`.
        rates: from pixel to pixel in a window, as `sizes`.
        padding: "VALID" or "SAME", which puts zeros around the image.
        name: for TensorFlow's signature.
    """
    if padding not in ("VALID", "SAME"):
        raise ValueError(f"padding must be 'VALID' or 'SAME', got {padding!r}")
    attrs = {
        "sizes": tuple(sizes[1:3]), "strides": tuple(strides[1:3]), "rates": tuple(rates[1:3]),
        "same": padding == "SAME",
    }  # fmt: skip
    found: Tensor = apply("ExtractImagePatches", _patches, [convert_to_tensor(images)], attrs)
    return found


def _patches(x: Any, *, sizes: Any, strides: Any, rates: Any, same: bool) -> Any:
    reach = [(n - 1) * r + 1 for n, r in zip(sizes, rates, strict=True)]
    if same:
        sides = []
        for n, size, stride in zip(x.shape[1:3], reach, strides, strict=True):
            extra = max((-(-n // stride) - 1) * stride + size - n, 0)
            sides.append((extra // 2, extra - extra // 2))
        x = np.pad(x, ((0, 0), *sides, (0, 0)))
    counts = [max(n - r, -s) // s + 1 for n, r, s in zip(x.shape[1:3], reach, strides, strict=True)]
    parts = []
    for row in range(sizes[0]):
        for column in range(sizes[1]):
            places = [
                slice(first, first + (count - 1) * stride + 1, stride) if count else slice(0, 0)
                for first, count, stride in zip(
                    (row * rates[0], column * rates[1]), counts, strides, strict=True
                )
            ]
            parts.append(x[:, places[0], places[1]])
    return np.concatenate(parts, axis=-1)
