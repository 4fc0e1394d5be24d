"""Colours and brightness of images, and their dtypes.

Layer: frontend. The last axis has red, green and blue. Integers stand for [0, 1]: adjustments are
made in float32, and converted back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..elementwise import cast, floordiv, multiply, saturate_cast
from ..tensors import Tensor

_GREY = (0.2989, 0.5870, 0.1140)
# Rows are what red, green and blue contribute.
_YIQ = (
    (0.299, 0.59590059, 0.2115),
    (0.587, -0.27455667, -0.52273617),
    (0.114, -0.32134392, 0.31119955),
)
_YUV = (
    (0.299, -0.14714119, 0.61497538),
    (0.587, -0.28886916, -0.51496512),
    (0.114, 0.43601035, -0.10001026),
)

_FROM_YIQ = (
    (1.0, 1.0, 1.0),
    (0.95598634, -0.27201283, -1.10674021),
    (0.6208248, -0.64720424, 1.70423049),
)
_FROM_YUV = (
    (1.0, 1.0, 1.0),
    (0.0, -0.394642334, 2.03206185),
    (1.13988303, -0.58062185, 0.0),
)


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """The image in another dtype: floats are in [0, 1], integers use their whole range.

    Args:
        image: of any dtype.
        dtype: of the result.
        saturate: whether what is beyond the range of an integer becomes its end.
        name: for TensorFlow's signature.
    """
    x, wanted = convert_to_tensor(image), dtypes.as_dtype(dtype)
    if x.dtype is wanted:
        return x
    convert = saturate_cast if saturate else cast
    if x.dtype.is_floating:
        if wanted.is_floating:
            return cast(x, wanted)
        return convert(multiply(x, float(_largest(wanted)) + 0.5), wanted)
    if wanted.is_floating:
        return multiply(cast(x, wanted), 1.0 / _largest(x.dtype))
    above, below = _largest(x.dtype) + 1, _largest(wanted) + 1
    if above > below:
        return convert(floordiv(x, above // below), wanted)
    return multiply(convert(x, wanted), below // above)


def _largest(dtype: Any) -> int:
    return int(np.iinfo(dtype.numpy).max)


def _as_floats(op: str, function: Callable[..., Any], images: Any, *parameters: Any) -> Tensor:
    """`function` of the images as floats; the result in their dtype."""
    x = convert_to_tensor(images)
    floats = x if x.dtype.is_floating else convert_image_dtype(x, dtypes.float32)
    given = [convert_to_tensor(p, floats.dtype) for p in parameters]
    found: Tensor = apply(op, function, [floats, *given])
    return convert_image_dtype(found, x.dtype, saturate=True)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """The image with `delta` added, where 1 is the largest brightness."""
    return _as_floats("AdjustBrightness", _brighter, image, delta)


def _brighter(x: Any, delta: Any) -> Any:
    return x + delta


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Distances from the mean of each channel, times a factor."""
    return _as_floats("AdjustContrastv2", _contrast, images, contrast_factor)


def _contrast(x: Any, factor: Any) -> Any:
    mean = np.mean(x, axis=(-3, -2), keepdims=True)
    return (x - mean) * factor + mean


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """gain * image ** gamma; ValueError for a negative gamma."""
    if isinstance(gamma, (int, float)) and gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _as_floats("AdjustGamma", _gamma, image, gamma, gain)


def _gamma(x: Any, gamma: Any, gain: Any) -> Any:
    return gain * np.power(x, gamma)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """The saturation of each pixel times a factor."""
    return _as_floats("AdjustSaturation", _saturation, image, saturation_factor)


def _saturation(x: Any, factor: Any) -> Any:
    h, s, v = _hue_saturation_value(x)
    return _from_hue(h, np.clip(s * factor, 0, 1), v)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """The hue of each pixel turned by `delta`, where 1 is the whole circle."""
    return _as_floats("AdjustHue", _hue, image, delta)


def _hue(x: Any, delta: Any) -> Any:
    h, s, v = _hue_saturation_value(x)
    return _from_hue(np.remainder(h + delta, x.dtype.type(1)), s, v)


def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Red, green and blue as hue, saturation and value, all in [0, 1]."""
    found: Tensor = apply("RGBToHSV", _to_hsv, [convert_to_tensor(images)])
    return found


def _to_hsv(x: Any) -> Any:
    return np.stack(_hue_saturation_value(x), axis=-1)


def _hue_saturation_value(x: Any) -> tuple[Any, Any, Any]:
    of = x.dtype.type
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    value = np.maximum(np.maximum(r, g), b)
    spread = value - np.minimum(np.minimum(r, g), b)
    is_grey = spread <= 0
    saturation = np.where(value > 0, spread / np.where(value > 0, value, of(1)), of(0))
    unit = of(1) / (of(6) * np.where(is_grey, of(1), spread))
    hue = np.where(
        r == value,
        unit * (g - b),
        np.where(g == value, unit * (b - r) + of(2 / 6), unit * (r - g) + of(4 / 6)),
    )
    hue = np.where(is_grey, of(0), np.where(hue < 0, hue + of(1), hue))
    return hue, saturation, value


def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Hue, saturation and value, all in [0, 1], as red, green and blue."""
    found: Tensor = apply("HSVToRGB", _to_rgb, [convert_to_tensor(images)])
    return found


def _to_rgb(x: Any) -> Any:
    return _from_hue(x[..., 0], x[..., 1], x[..., 2])


def _from_hue(hue: Any, saturation: Any, value: Any) -> Any:
    of = hue.dtype.type
    sixth = hue * of(6)
    parts = (
        np.abs(sixth - of(3)) - of(1),
        of(2) - np.abs(sixth - of(2)),
        of(2) - np.abs(sixth - of(4)),
    )
    grey = of(1) - saturation
    return np.stack([(grey + saturation * np.clip(p, 0, 1)) * value for p in parts], axis=-1)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """One channel: the brightness that the three make for the eye."""
    x = convert_to_tensor(images)
    if x.shape[-1] not in (3, None):
        raise ValueError(f"The last dimension of images must be 3, got shape {x.shape}")
    floats = convert_image_dtype(x, dtypes.float32)
    found: Tensor = apply("Grayscale", _mixed, [floats], {"factors": tuple((f,) for f in _GREY)})
    return convert_image_dtype(found, x.dtype)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Three equal channels."""
    x = convert_to_tensor(images)
    if x.ndim < 1 or x.shape[-1] not in (1, None):
        raise ValueError(f"Last dimension of a grayscale image should be size 1, got {x.shape}")
    found: Tensor = apply("Repeat", _three, [x])
    return found


def _three(x: Any) -> Any:
    return np.concatenate([x, x, x], axis=-1)


def _mixed(x: Any, *, factors: tuple[tuple[float, ...], ...]) -> Any:
    """Each new channel a sum of the old ones: one column of `factors`."""
    channels = [x[..., k] for k in range(len(factors))]
    made = []
    for column in zip(*factors, strict=True):
        total = channels[0] * x.dtype.type(column[0])
        for channel, factor in zip(channels[1:], column[1:], strict=True):
            total = total + channel * x.dtype.type(factor)
        made.append(total)
    return np.stack(made, axis=-1)


def _linear(name: str, factors: tuple[tuple[float, ...], ...], doc: str) -> Callable[[Any], Tensor]:
    def convert(images: Any) -> Tensor:
        found: Tensor = apply(name, _mixed, [convert_to_tensor(images)], {"factors": factors})
        return found

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = doc
    return convert


rgb_to_yiq = _linear("rgb_to_yiq", _YIQ, "Red, green and blue as brightness and two colours: YIQ.")
yiq_to_rgb = _linear("yiq_to_rgb", _FROM_YIQ, "The inverse of `rgb_to_yiq`.")
rgb_to_yuv = _linear("rgb_to_yuv", _YUV, "Red, green and blue as brightness and two colours: YUV.")
yuv_to_rgb = _linear("yuv_to_rgb", _FROM_YUV, "The inverse of `rgb_to_yuv`.")


def per_image_standardization(image: Any) -> Tensor:
    """Each image with mean 0 and variance 1, as float32 if it has integers."""
    x = convert_to_tensor(image)
    floats = x if x.dtype.is_floating else cast(x, dtypes.float32)
    found: Tensor = apply("Standardize", _standard, [floats])
    return found


def _standard(x: Any) -> Any:
    axes = (-3, -2, -1)
    away = x - np.mean(x, axis=axes, keepdims=True)
    spread = np.sqrt(np.mean(away * away, axis=axes, keepdims=True))
    count = np.mean(np.sum(np.ones_like(x), axis=axes, keepdims=True))
    return away / np.maximum(spread, x.dtype.type(1) / np.sqrt(count))
