"""Images changed at random: turned round, cut, brighter, in other colours.

Layer: frontend. Each op exists twice: with a seed of its own, and as a pure function of a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..random import stateful, stateless
from ..static import shape as static_shape
from ..tensors import Tensor
from . import colours

Draw = Callable[..., Tensor]


def _draws(seed: Any, is_pure: bool) -> Draw:

    def draw(shape: Any, low: Any, high: Any, **options: Any) -> Tensor:
        if is_pure:
            return stateless.stateless_uniform(shape, seed, low, high, **options)
        return stateful.uniform(shape, low, high, seed=seed, **options)

    return draw


def _either(x: Any, drawn: Any, *, axis: int) -> Any:
    """The mirror image of those whose number is below one half."""
    return np.where(drawn < drawn.dtype.type(0.5), np.flip(x, axis), x)


def _flip(x: Any, axis: int, draw: Draw) -> Tensor:
    image = convert_to_tensor(x)
    if image.ndim == 3:
        drawn = draw([], 0.0, 1.0)
        found: Tensor = apply("RandomFlip", _either, [image, drawn], {"axis": axis})
        return found
    drawn = draw([image._value.shape[0]], 0.0, 1.0)
    flipped: Tensor = apply("RandomFlip", _rounded, [image, drawn], {"axis": axis})
    return flipped


def _rounded(x: Any, drawn: Any, *, axis: int) -> Any:
    return np.where(np.rint(drawn).reshape((-1, 1, 1, 1)) > 0, np.flip(x, axis), x)


def _bounds(low: Any, high: Any) -> tuple[float, float]:
    if high <= low:
        raise ValueError("upper must be > lower.")
    if low < 0:
        raise ValueError("lower must be non-negative.")
    return low, high


def _width(delta: Any, name: str) -> float:
    if delta < 0:
        raise ValueError(f"{name} must be non-negative.")
    return float(delta)


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """The mirror image, or not; each of a batch on its own."""
    return _flip(image, -2, _draws(seed, False))


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """The image upside down, or not; each of a batch on its own."""
    return _flip(image, -3, _draws(seed, False))


def stateless_random_flip_left_right(image: Any, seed: Any) -> Tensor:
    """As `random_flip_left_right`, a function of the seed."""
    return _flip(image, -2, _draws(seed, True))


def stateless_random_flip_up_down(image: Any, seed: Any) -> Tensor:
    """As `random_flip_up_down`, a function of the seed."""
    return _flip(image, -3, _draws(seed, True))


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_brightness` by a number in [-max_delta, max_delta)."""
    delta = _width(max_delta, "max_delta")
    return colours.adjust_brightness(image, _draws(seed, False)([], -delta, delta))


def stateless_random_brightness(image: Any, max_delta: float, seed: Any) -> Tensor:
    """As `random_brightness`, a function of the seed."""
    delta = _width(max_delta, "max_delta")
    return colours.adjust_brightness(image, _draws(seed, True)([], -delta, delta))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_contrast` by a factor in [lower, upper)."""
    return colours.adjust_contrast(image, _draws(seed, False)([], *_bounds(lower, upper)))


def stateless_random_contrast(image: Any, lower: float, upper: float, seed: Any) -> Tensor:
    """As `random_contrast`, a function of the seed."""
    return colours.adjust_contrast(image, _draws(seed, True)([], *_bounds(lower, upper)))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_saturation` by a factor in [lower, upper)."""
    return colours.adjust_saturation(image, _draws(seed, False)([], *_bounds(lower, upper)))


def stateless_random_saturation(image: Any, lower: float, upper: float, seed: Any) -> Tensor:
    """As `random_saturation`, a function of the seed."""
    return colours.adjust_saturation(image, _draws(seed, True)([], *_bounds(lower, upper)))


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_hue` by a number in [-max_delta, max_delta), at most 0.5."""
    delta = _hue_width(max_delta)
    return colours.adjust_hue(image, _draws(seed, False)([], -delta, delta))


def stateless_random_hue(image: Any, max_delta: float, seed: Any) -> Tensor:
    """As `random_hue`, a function of the seed."""
    delta = _hue_width(max_delta)
    return colours.adjust_hue(image, _draws(seed, True)([], -delta, delta))


def _hue_width(delta: Any) -> float:
    if delta > 0.5:
        raise ValueError("max_delta must be <= 0.5.")
    return _width(delta, "max_delta")


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A part of this size, from anywhere.

    Raises:
        ValueError: the size is larger than the value.
    """
    return _crop(value, size, _draws(seed, False))


def stateless_random_crop(value: Any, size: Any, seed: Any, name: str | None = None) -> Tensor:
    """As `random_crop`, a function of the seed."""
    return _crop(value, size, _draws(seed, True))


def _crop(value: Any, size: Any, draw: Draw) -> Tensor:
    x, sizes = convert_to_tensor(value), static_shape(size, "image.random_crop")
    whole = tuple(x._value.shape)
    sizes = tuple(n if s == -1 else s for s, n in zip(sizes, whole, strict=True))
    if any(s > n for s, n in zip(sizes, whole, strict=True)):
        raise ValueError(f"Need value.shape >= size, got {list(whole)} and {list(sizes)}")
    starts = draw([len(sizes)], 0, np.iinfo(np.int32).max, dtype=dtypes.int32)
    found: Tensor = apply("RandomCrop", _part, [x, starts], {"size": sizes})
    return found


def _part(x: Any, starts: Any, *, size: tuple[int, ...]) -> Any:
    for axis, (length, whole) in enumerate(zip(size, x.shape, strict=True)):
        if length != whole:
            first = starts[axis].astype(np.int64) % (whole - length + 1)
            x = np.take(x, first + np.arange(length), axis=axis)
    return x
