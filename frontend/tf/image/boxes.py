"""Parts of images by boxes, and which of overlapping boxes to keep.

Layer: frontend. A box is (top, left, bottom, right), in parts of the image's height and width.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..apply import apply
from ..convert import convert_to_tensor
from ..elementwise import cast
from ..static import integer, value
from ..tensors import Tensor
from .layout import pad_to_bounding_box
from .resize import ResizeMethod, resize


def resize_with_pad(
    image: Any,
    target_height: int,
    target_width: int,
    method: str = ResizeMethod.BILINEAR,
    antialias: bool = False,
) -> Tensor:
    """The image as large as fits, its proportions kept, with zeros around it."""
    x = convert_to_tensor(image)
    height, width = x._value.shape[-3:-1]
    ratio = max(width / target_width, height / target_height)
    exact = height / ratio, width / ratio
    rows, columns = (max(1, int(n)) for n in exact)
    found = resize(x, (rows, columns), method, antialias=antialias)
    above, left = (
        max(0, int((whole - part) / 2))
        for whole, part in zip((target_height, target_width), exact, strict=True)
    )
    return pad_to_bounding_box(found, above, left, target_height, target_width)


def crop_and_resize(
    image: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """Parts of images, all resized to one size.

    Args:
        image: [batch, height, width, channels].
        boxes: [boxes, 4]; the corners are the centres of pixels.
        box_indices: [boxes], which image each box is of.
        crop_size: height and width of the result.
        method: "bilinear" or "nearest".
        extrapolation_value: of pixels outside of the image.
        name: for TensorFlow's signature.

    Returns:
        [boxes, height, width, channels], float32.
    """
    if method not in ("bilinear", "nearest"):
        raise ValueError(f"method must be 'bilinear' or 'nearest', got {method!r}")
    rows, columns = (integer(n, "crop_size") for n in np.asarray(value(crop_size, "crop_size")))
    given = [
        cast(image, dtypes.float32),
        convert_to_tensor(boxes, dtypes.float32),
        convert_to_tensor(box_indices, dtypes.int32),
    ]
    attrs = {"size": (rows, columns), "method": method, "outside": float(extrapolation_value)}
    found: Tensor = apply("CropAndResize", _crops, given, attrs)
    return found


def _places(low: Any, high: Any, size: int, count: int) -> Any:
    """[boxes, count]: where the pixels of the result are in the image."""
    of = low.dtype.type
    if count == 1:
        return (of(0.5) * (low + high) * of(size - 1))[:, None]
    step = (high - low) * of(size - 1) / of(count - 1)
    return (low * of(size - 1))[:, None] + step[:, None] * np.arange(count).astype(low.dtype)


def _crops(
    images: Any, boxes: Any, which: Any, *, size: tuple[int, int], method: str, outside: float
) -> Any:
    height, width = images.shape[1:3]
    rows = _places(boxes[:, 0], boxes[:, 2], height, size[0])
    columns = _places(boxes[:, 1], boxes[:, 3], width, size[1])
    inside = ((rows >= 0) & (rows <= height - 1))[:, :, None] & (
        (columns >= 0) & (columns <= width - 1)
    )[:, None, :]
    image = which.astype(np.int64)[:, None, None]

    def at(r: Any, c: Any) -> Any:
        r = np.clip(r, 0, height - 1).astype(np.int64)[:, :, None]
        c = np.clip(c, 0, width - 1).astype(np.int64)[:, None, :]
        return images[image, r, c]

    if method == "nearest":
        half = rows.dtype.type(0.5)  # halves go away from zero
        found = at(np.floor(rows + half), np.floor(columns + half))
    else:
        top, left = np.floor(rows), np.floor(columns)
        down, right = (rows - top)[:, :, None, None], (columns - left)[:, None, :, None]
        above = at(top, left) * (1 - right) + at(top, left + 1) * right
        below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
        found = above * (1 - down) + below * down
    return np.where(inside[..., None], found, found.dtype.type(outside))


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    name: str | None = None,
) -> Tensor:
    """Numbers of the best boxes, none of which covers much of a better one.

    Args:
        boxes: [boxes, 4], two opposite corners each.
        scores: [boxes].
        max_output_size: how many at most.
        iou_threshold: overlaps, as parts of the union, up to this are allowed.
        score_threshold: boxes up to this score are not taken.
        name: for TensorFlow's signature.

    The result's size depends on values, so in a `tf.function` this is an error.
    """
    all_boxes = np.asarray(value(boxes, "image.non_max_suppression"), np.float32)
    all_scores = np.asarray(value(scores, "image.non_max_suppression"), np.float32)
    limit = integer(max_output_size, "max_output_size")
    order = np.argsort(-all_scores, kind="stable")
    left = list(order[all_scores[order] > score_threshold])
    kept: list[int] = []
    while left and len(kept) < limit:
        best = left.pop(0)
        kept.append(int(best))
        left = [k for k in left if _overlap(all_boxes[best], all_boxes[k]) <= iou_threshold]
    return convert_to_tensor(np.array(kept, np.int32))


def _overlap(a: Any, b: Any) -> float:
    """The size of what two boxes share, divided by that of their union."""
    (low_a, high_a), (low_b, high_b) = (
        (np.minimum(x[:2], x[2:]), np.maximum(x[:2], x[2:])) for x in (a, b)
    )
    shared = np.prod(np.maximum(np.minimum(high_a, high_b) - np.maximum(low_a, low_b), 0))
    union = np.prod(high_a - low_a) + np.prod(high_b - low_b) - shared
    return float(shared / union) if union > 0 else 0.0
