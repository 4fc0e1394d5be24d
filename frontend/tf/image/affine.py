"""Images seen through affine transforms: turned, moved, scaled.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply
from ..sizes import numbers
from ..tensors import Tensor

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


def transformed(
    images: Tensor, matrices: Tensor, fill_mode: str, interpolation: str, fill_value: float
) -> Tensor:
    """Images whose pixel at (column, row) is what lies at another place of the old image.

    Args:
        images: [batch, height, width, channels] floats.
        matrices: [batch, 6] (a, b, c, d, e, f): it lies at (a * column + b * row + c,
            d * column + e * row + f).
        fill_mode: what is outside: `reflect`ed, `wrap`ped, `constant`, or the `nearest` pixel.
        interpolation: `bilinear` or `nearest`.
        fill_value: the constant.
    """
    attrs = {
        "mode": fill_mode, "is_nearest": interpolation == "nearest", "fill": float(fill_value),
    }  # fmt: skip
    found: Tensor = apply("AffineTransform", _transformed, [images, matrices], attrs)
    return found


def _transformed(x: Any, m: Any, *, mode: str, is_nearest: bool, fill: float) -> Any:
    height, width = x.shape[1:3]
    rows = np.arange(height, dtype=m.dtype)[None, :, None]
    columns = np.arange(width, dtype=m.dtype)[None, None, :]
    a, b, c, d, e, f = (m[:, k][:, None, None] for k in range(6))
    across = _inside(a * columns + b * rows + c, width, mode)
    down = _inside(d * columns + e * rows + f, height, mode)
    if is_nearest:
        return _read(x, np.floor(down + 0.5), np.floor(across + 0.5), fill)
    top, left = np.floor(down), np.floor(across)
    below, right = (down - top)[..., None], (across - left)[..., None]
    upper = _mixed(_read(x, top, left, fill), _read(x, top, left + 1, fill), right)
    lower = _mixed(_read(x, top + 1, left, fill), _read(x, top + 1, left + 1, fill), right)
    return _mixed(upper, lower, below)


def _mixed(first: Any, second: Any, share: Any) -> Any:
    return first + (second - first) * share.astype(first.dtype)


def _inside(place: Any, size: int, mode: str) -> Any:
    """Places along an axis, so that those outside of it have one inside; not for `constant`."""
    if mode == "constant":
        return place
    if mode == "reflect":  # at the outer edges of the outermost pixels
        found = np.mod(place + 0.5, 2 * size)
        place = np.minimum(found, 2 * size - found) - 0.5
    elif mode == "wrap":
        period = max(size - 1, 1)
        later = place + size * (np.floor(-place / period) + 1)
        earlier = place - size * np.floor(place / period)
        place = np.where(place < 0, later, np.where(place > size - 1, earlier, place))
    return np.clip(place, 0, size - 1)


def _read(x: Any, down: Any, across: Any, fill: float) -> Any:
    """The pixels at places that are whole numbers; the fill value outside."""
    height, width = x.shape[1:3]
    is_inside = (down >= 0) & (down <= height - 1) & (across >= 0) & (across <= width - 1)
    row = np.clip(down, 0, height - 1).astype(np.int64)
    column = np.clip(across, 0, width - 1).astype(np.int64)
    batch = numbers(x.shape[0])[:, None, None]
    return np.where(is_inside[..., None], x[batch, row, column], x.dtype.type(fill))
