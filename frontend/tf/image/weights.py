"""Which pixels make up a pixel of a resized image, with which weights: one axis at a time.

Layer: frontend, NumPy alone. Pixels have their centres at 0.5, 1.5 and so on (TensorFlow 2's rule):
pixel i of the result lies at (i + 0.5) * size / new_size of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Kernel = Callable[[np.ndarray], np.ndarray]
# Pixels that are read, and their weights: [new_size, taps] each.
Taps = tuple[np.ndarray, np.ndarray]

_STEPS = 1024  # positions between two pixels that TensorFlow's bicubic method tells apart


def _centres(size: int, new_size: int) -> np.ndarray:
    """Where the pixels of the result lie, in pixels of the image, the first at 0."""
    scale = np.float32(size) / np.float32(new_size)
    return ((np.arange(new_size, dtype=np.float32) + np.float32(0.5)) * scale).astype(np.float64)


def nearest(size: int, new_size: int) -> Taps:
    """The pixel in which the centre lies."""
    index = np.clip(np.floor(_centres(size, new_size)).astype(int), 0, size - 1)
    return index[:, None], np.ones((new_size, 1))


def bilinear(size: int, new_size: int) -> Taps:
    """The two pixels around the centre, by distance."""
    at = _centres(size, new_size) - 0.5
    low = np.floor(at)
    part = at - low
    indices = np.stack([low, np.ceil(at)], axis=1).astype(int)
    return np.clip(indices, 0, size - 1), np.stack([1 - part, part], axis=1)


def bicubic(size: int, new_size: int) -> Taps:
    """The four pixels around the centre, by Keys' cubic with a = -0.5."""
    at = _centres(size, new_size) - 0.5
    low = np.floor(at)
    part = np.rint((at - low) * _STEPS) / _STEPS
    indices = low[:, None].astype(int) + np.arange(-1, 3)
    weights = keys_cubic(np.stack([1 + part, part, 1 - part, 2 - part], axis=1))
    weights = np.where((indices < 0) | (indices >= size), 0, weights)
    return np.clip(indices, 0, size - 1), weights / weights.sum(axis=1, keepdims=True)


def area(size: int, new_size: int) -> np.ndarray:
    """The part of each pixel that lies under a pixel of the result: [new_size, size]."""
    edges = np.arange(new_size + 1) * (size / new_size)
    pixels = np.arange(size)
    first, last = edges[:-1, None], edges[1:, None]
    overlap = np.minimum(last, pixels + 1) - np.maximum(first, pixels)
    weights = np.maximum(overlap, 0)
    return weights / weights.sum(axis=1, keepdims=True)


def sampled(size: int, new_size: int, kernel: Kernel, radius: float, antialias: bool) -> np.ndarray:
    """Weights by distance from the centre: [new_size, size].

    With `antialias`, the kernel of an image that shrinks is as wide as a pixel of the result.
    """
    # in single precision, as TensorFlow: it decides what lies at the kernel's very edge
    one, half = np.float32(1), np.float32(0.5)
    step = one / (np.float32(new_size) / np.float32(size))
    stretch = max(step, one) if antialias else one
    at = (np.arange(new_size, dtype=np.float32) + half)[:, None] * step
    pixels = np.arange(size, dtype=np.float32) + half
    reach = np.float32(radius) * stretch
    first, last = np.ceil(at - reach - half), np.floor(at + reach - half)
    inside = (pixels - half >= first) & (pixels - half <= last)
    distance = np.abs(pixels - at) * (one / stretch)
    weights = np.where(inside, kernel(distance.astype(np.float64)), 0)
    return weights / weights.sum(axis=1, keepdims=True)


# -- kernels: the weight at a distance ------------------------------------------------------------


def triangle(x: np.ndarray) -> np.ndarray:
    """Of linear interpolation."""
    return np.maximum(1 - x, 0)


def keys_cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -0.5."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def mitchell_cubic(x: np.ndarray) -> np.ndarray:
    """Mitchell's and Netravali's cubic, B = C = 1/3."""
    near = ((7 * x - 12) * x * x) / 6 + 16 / 18
    far = (((-7 / 3 * x + 12) * x - 20) * x + 32 / 3) / 6
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def gaussian(x: np.ndarray) -> np.ndarray:
    """A normal distribution, cut off at 1.5."""
    sigma = 1.5 / 3
    return np.where(x >= 1.5, 0, np.exp(-x * x / (2 * sigma * sigma)))


def lanczos(radius: float) -> Kernel:
    """A windowed sinc."""

    def kernel(x: np.ndarray) -> np.ndarray:
        safe = np.where(x <= 1e-3, 1, x) * math.pi
        found = radius * np.sin(safe) * np.sin(safe / radius) / (safe * safe)
        return np.where(x > radius, 0, np.where(x <= 1e-3, 1, found))

    return kernel


KERNELS: dict[str, tuple[Kernel, float]] = {
    "bilinear": (triangle, 1.0),
    "bicubic": (keys_cubic, 2.0),
    "lanczos3": (lanczos(3.0), 3.0),
    "lanczos5": (lanczos(5.0), 5.0),
    "gaussian": (gaussian, 1.5),
    "mitchellcubic": (mitchell_cubic, 2.0),
}
TAPS: dict[str, Callable[[int, int], Taps]] = {
    "nearest": nearest,
    "bilinear": bilinear,
    "bicubic": bicubic,
}
