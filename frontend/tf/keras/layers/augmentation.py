"""Images changed at random in training, and brought to one size.

Layer: frontend. Random layers work on one image, or draw for each image of a batch. They change
images also where nobody says whether this is training, as Keras's do; `predict` and `evaluate` do
say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...apply import apply
from ...arrays import zeros
from ...convert import convert_to_tensor
from ...elementwise import cast
from ...image.affine import FILL_MODES, INTERPOLATIONS, transformed
from ...image.layout import crop_to_bounding_box
from ...image.resize import resize
from ...random.stateful import uniform
from ...shaping import expand_dims, squeeze, stack
from ...tensors import Tensor
from .base import FAMILY, Layer

_FLIPS = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}


def _range(factor: Any, low: float, high: float, name: str = "factor") -> tuple[float, float]:
    """A number f as (-f, f), within bounds; or two numbers in order."""
    is_pair = isinstance(factor, (tuple, list))
    pair: Sequence[float] = factor if is_pair else (max(-abs(factor), low), abs(factor))
    if len(pair) != 2 or not all(
        low <= x <= high for x in (*pair, *(() if is_pair else (factor,)))
    ):
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) in the range"
            f" [{low}, {high}]. Received: {name}={factor}"
        )
    first, second = sorted(pair)
    return float(first), float(second)


class _Augmenting(Layer):
    """A layer that draws a change for each image, in training."""

    training_by_default = True

    def call(self, inputs: Any, training: bool = True) -> Any:
        """The images, changed in training; floats in the layer's dtype.

        Raises:
            ValueError: the input is no image, and no batch of images.
        """
        images = cast(convert_to_tensor(inputs), self.dtype_policy.compute)
        if images.ndim not in (3, 4):
            raise ValueError(
                f"Expected the input image to be rank 3 or 4. Received inputs.shape={images.shape}"
            )
        if images.ndim == 4:
            return self._changed(images, training)
        return squeeze(self._changed(expand_dims(images, 0), training), [0])

    def _changed(self, images: Tensor, training: bool) -> Tensor:
        return self._augmented(images) if training else images

    def _augmented(self, images: Tensor) -> Tensor:
        raise NotImplementedError

    def _drawn(self, images: Tensor, bounds: tuple[float, float]) -> Any:
        """A number for each image."""
        return uniform([images._value.shape[0]], *bounds, seed=self.seed)  # type: ignore[attr-defined]


def _flipped(x: Any, drawn: Any, *, axes: tuple[int, ...]) -> Any:
    turned = drawn.reshape((-1, 1, 1, 1)) <= drawn.dtype.type(0.5)
    for axis in axes:
        x = np.where(turned, np.flip(x, axis), x)
    return x


@FAMILY.add()
class RandomFlip(_Augmenting):
    """Mirrors images, each with a chance of one half.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical".
        seed: of the draws.
        options: see `Layer`.
    """

    fields = ("mode", "seed")

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(**_without_format(options))
        if mode not in _FLIPS:
            raise ValueError(f"`mode` has to be one of {', '.join(_FLIPS)}. Received: mode={mode}")
        self.mode, self.seed = mode, seed

    def _augmented(self, images: Tensor) -> Tensor:
        drawn = self._drawn(images, (0.0, 1.0))
        found: Tensor = apply("RandomFlip", _flipped, [images, drawn], {"axes": _FLIPS[self.mode]})
        return found


class _Moving(_Augmenting):
    """A layer that moves pixels."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        options: dict[str, Any],
    ) -> None:
        super().__init__(**_without_format(options))
        for name, value, known in (
            ("fill_mode", fill_mode, FILL_MODES),
            ("interpolation", interpolation, INTERPOLATIONS),
        ):
            if value not in known:
                raise NotImplementedError(f"Unknown `{name}` {value}. Expected of one {known}.")
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.seed, self.fill_value = seed, fill_value

    def _seen(self, images: Tensor, entries: Sequence[Any]) -> Tensor:
        """The images through matrices, whose entries are numbers or one number for each image."""
        zero: Any = zeros([images._value.shape[0]])
        matrices = stack([zero + x for x in entries], axis=1)
        return transformed(images, matrices, self.fill_mode, self.interpolation, self.fill_value)


def _turns(angle: Any, *, middle: tuple[float, float]) -> Any:
    """The entries of matrices that turn images by an angle."""
    across, down = (angle.dtype.type(x) for x in middle)
    cos, sin = np.cos(angle), np.sin(angle)
    shift = across - across * cos + down * sin
    return np.stack([cos, -sin, shift, sin, cos, down - across * sin - down * cos], axis=1)


@FAMILY.add()
class RandomRotation(_Moving):
    """Turns images about their middle.

    Args:
        factor: the largest angle, as a part of a full turn; or the smallest and the largest.
        fill_mode: see `image.affine`, like the arguments that follow.
        interpolation: see above.
        seed: of the draws.
        fill_value: see above.
        options: see `Layer`.
    """

    fields = ("factor", "fill_mode", "interpolation", "seed", "fill_value")

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, options)
        self.factor = _range(factor, -1.0, 1.0)

    def _augmented(self, images: Tensor) -> Tensor:
        low, high = self.factor
        angle = self._drawn(images, (2 * math.pi * low, 2 * math.pi * high))
        height, width = _sizes(images)
        middle = ((width - 1) / 2, (height - 1) / 2)
        matrices: Tensor = apply("Turns", _turns, [angle], {"middle": middle})
        return transformed(images, matrices, self.fill_mode, self.interpolation, self.fill_value)


class _HeightAndWidth(_Moving):
    """A layer with one range for the height and one for the width."""

    fields = ("height_factor", "width_factor", "fill_mode", "interpolation", "seed", "fill_value")

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, options)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = _range(height_factor, -1.0, 1.0, "height_factor")
        self._width = None
        if width_factor is not None:
            self._width = _range(width_factor, -1.0, 1.0, "width_factor")


@FAMILY.add()
class RandomTranslation(_HeightAndWidth):
    """Moves images.

    Args:
        height_factor: how far down at most, as a part of the height, or from where to where; up if
            it is negative.
        width_factor: likewise, to the right.
        fill_mode: see `image.affine`, like the arguments that follow.
        interpolation: see above.
        seed: of the draws.
        fill_value: see above.
        options: see `Layer`.
    """

    def __init__(self, height_factor: Any, width_factor: Any, *args: Any, **options: Any) -> None:
        super().__init__(height_factor, width_factor, *args, **options)

    def _augmented(self, images: Tensor) -> Tensor:
        assert self._width is not None
        height, width = _sizes(images)
        down, right = self._drawn(images, self._height), self._drawn(images, self._width)
        return self._seen(images, [1.0, 0.0, -right * width, 0.0, 1.0, -down * height])


@FAMILY.add()
class RandomZoom(_HeightAndWidth):
    """Shows more or less than the images, about their middle.

    Args:
        height_factor: by which part more of the height is shown, at most, or from where to where;
            negative if less is shown.
        width_factor: likewise; by default both are the same in each image.
        fill_mode: see `image.affine`, like the arguments that follow.
        interpolation: see above.
        seed: of the draws.
        fill_value: see above.
        options: see `Layer`.
    """

    def _augmented(self, images: Tensor) -> Tensor:
        height, width = _sizes(images)
        down = self._drawn(images, self._height) + 1.0
        across = down if self._width is None else self._drawn(images, self._width) + 1.0
        left, top = (1.0 - across) * ((width - 1) / 2), (1.0 - down) * ((height - 1) / 2)
        return self._seen(images, [across, 0.0, left, 0.0, down, top])


class _Colouring(_Augmenting):
    """A layer that changes the pixels' values, within a range."""

    fields = ("factor", "value_range", "seed")
    _bounds = (-1.0, 1.0)

    def __init__(
        self,
        factor: Any,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**_without_format(options))
        self.factor = _range(factor, *self._bounds)
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ValueError(
                "The `value_range` argument should be a list of two numbers. Received:"
                f" value_range={value_range}"
            )
        self.value_range, self.seed = tuple(sorted(value_range)), seed

    @property
    def _attrs(self) -> dict[str, float]:
        low, high = self.value_range
        return {"low": float(low), "high": float(high)}


def _brighter(x: Any, drawn: Any, *, low: float, high: float) -> Any:
    more = (drawn * (high - low)).reshape((-1, 1, 1, 1)).astype(x.dtype)
    return np.clip(x + more, x.dtype.type(low), x.dtype.type(high))


@FAMILY.add()
class RandomBrightness(_Colouring):
    """Adds a number to all pixels of an image.

    Args:
        factor: the largest number, as a part of the range of values; or from which to which.
        value_range: the smallest and the largest value of pixels.
        seed: of the draws.
        options: see `Layer`.
    """

    def _augmented(self, images: Tensor) -> Tensor:
        drawn = self._drawn(images, self.factor)
        found: Tensor = apply("RandomBrightness", _brighter, [images, drawn], self._attrs)
        return found


def _contrasted(x: Any, drawn: Any, *, low: float, high: float) -> Any:
    mean = np.mean(x, axis=(1, 2), keepdims=True, dtype=np.float32).astype(x.dtype)
    found = (x - mean) * drawn.reshape((-1, 1, 1, 1)).astype(x.dtype) + mean
    return np.clip(found, x.dtype.type(low), x.dtype.type(high))


@FAMILY.add()
class RandomContrast(_Colouring):
    """Moves the pixels of each channel away from their mean, or towards it.

    Args:
        factor: f, for factors between 1 - f and 1 + f; or two numbers, the first for the lower
            bound and the second for the upper one.
        value_range: the smallest and the largest value of pixels.
        seed: of the draws.
        options: see `Layer`.
    """

    def __init__(
        self,
        factor: Any,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **options: Any,
    ) -> None:
        pair = factor if isinstance(factor, (tuple, list)) else (factor, factor)
        super().__init__(0.0, value_range, seed, **options)
        for part in pair:
            _range(part, 0.0, 1.0)
        if len(pair) != 2:
            raise ValueError(f"The `factor` argument should have two numbers. Received: {factor}")
        self.factor = (float(pair[0]), float(pair[1]))

    def _augmented(self, images: Tensor) -> Tensor:
        lower, upper = self.factor
        drawn = self._drawn(images, (1.0 - lower, 1.0 + upper))
        found: Tensor = apply("RandomContrast", _contrasted, [images, drawn], self._attrs)
        return found


def _cut(x: Any, starts: Any, *, size: tuple[int, int]) -> Any:
    for axis, length in enumerate(size, 1):
        first = (starts[axis - 1] * (x.shape[axis] - length + 1)).astype(np.int64)
        x = np.take(x, first + np.arange(length), axis=axis)
    return x


@FAMILY.add()
class RandomCrop(_Augmenting):
    """A part of this size: from anywhere in training, else the middle, scaled to the size.

    All images of a batch are cut at the same place. Images that are too small are scaled.

    Args:
        height: of the part.
        width: see above.
        seed: of the draws.
        options: see `Layer`.
    """

    fields = ("height", "width", "seed")

    def __init__(self, height: int, width: int, seed: int | None = None, **options: Any) -> None:
        super().__init__(**_without_format(options))
        self.height, self.width, self.seed = int(height), int(width), seed

    def _changed(self, images: Tensor, training: bool) -> Tensor:
        height, width = _sizes(images)
        if not training or height < self.height or width < self.width:
            return _middle(images, self.height, self.width)
        starts = uniform([2], 0.0, 1.0, seed=self.seed)
        size = (self.height, self.width)
        found: Tensor = apply("RandomCrop", _cut, [images, starts], {"size": size})
        return found


@FAMILY.add()
class CenterCrop(Layer):
    """The middle of images; of images that are too small, the middle part that is scaled to it.

    Args:
        height: of the part.
        width: see above.
        options: see `Layer`.
    """

    fields = ("height", "width")

    def __init__(self, height: int, width: int, **options: Any) -> None:
        super().__init__(**_without_format(options))
        self.height, self.width = int(height), int(width)

    def call(self, inputs: Any) -> Any:
        """The result, in the layer's dtype."""
        images = cast(convert_to_tensor(inputs), self.dtype_policy.compute)
        height, width = _sizes(images)
        if height < self.height or width < self.width:
            return _middle(images, self.height, self.width)
        top, left = (height - self.height) // 2, (width - self.width) // 2
        return crop_to_bounding_box(images, top, left, self.height, self.width)


@FAMILY.add()
class Resizing(Layer):
    """Images in another size.

    Args:
        height: of the result.
        width: see above.
        interpolation: a method of `tf.image.resize`.
        crop_to_aspect_ratio: whether what does not have the result's proportions is cut off first.
        antialias: whether larger images are smoothed.
        options: see `Layer`.
    """

    fields = ("height", "width", "interpolation", "crop_to_aspect_ratio", "antialias")

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        antialias: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**_without_format(options))
        self.height, self.width = int(height), int(width)
        self.interpolation, self.antialias = interpolation, bool(antialias)
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)

    def call(self, inputs: Any) -> Any:
        """The result, in the dtype of the images."""
        images = convert_to_tensor(inputs)
        if self.crop_to_aspect_ratio:
            images = _proportioned(images, self.height, self.width)
        found = resize(
            images, (self.height, self.width), self.interpolation, antialias=self.antialias
        )
        if images.dtype.is_integer and found.dtype is not images.dtype:
            found = apply("Round", np.rint, [found])
        return found if found.dtype is images.dtype else cast(found, images.dtype)


def _without_format(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a layer; that channels come last needs not be said."""
    if options.pop("data_format", None) not in (None, "channels_last"):
        raise ValueError("Layers of images need data_format='channels_last'")
    return options


def _sizes(images: Tensor) -> tuple[int, int]:
    height, width = images._value.shape[-3:-1]
    if not isinstance(height, int) or not isinstance(width, int):
        raise ValueError(f"The size of the images has to be known. Received: {images.shape}")
    return height, width


def _proportioned(images: Tensor, height: int, width: int) -> Tensor:
    """The largest part in the middle with the proportions of a size."""
    rows, columns = _sizes(images)
    high = max(min(rows, columns * height // width), 1)
    wide = max(min(columns, rows * width // height), 1)
    return crop_to_bounding_box(images, (rows - high) // 2, (columns - wide) // 2, high, wide)


def _middle(images: Tensor, height: int, width: int) -> Tensor:
    """The largest part in the middle with these proportions, in this size."""
    found = resize(_proportioned(images, height, width), (height, width))
    return found if found.dtype is images.dtype else cast(found, images.dtype)


__all__ = [
    "CenterCrop", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip",
    "RandomRotation", "RandomTranslation", "RandomZoom", "Resizing",
]  # fmt: skip
