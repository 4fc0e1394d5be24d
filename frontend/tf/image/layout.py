"""Parts of images, images in larger ones, and images turned round.

Layer: frontend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..apply import apply
from ..convert import convert_to_tensor
from ..shaping import pad
from ..static import integer
from ..tensors import Tensor


def _images(op: str, x: Any) -> Tensor:
    found = convert_to_tensor(x)
    if found.ndim not in (3, 4):
        raise ValueError(f"'image' must have either 3 or 4 dimensions. [{op}]")
    return found


def _flipped(x: Any, *, axis: int) -> Any:
    return np.flip(x, axis)


def flip_left_right(image: Any) -> Tensor:
    """The mirror image."""
    found: Tensor = apply("Reverse", _flipped, [_images("flip_left_right", image)], {"axis": -2})
    return found


def flip_up_down(image: Any) -> Tensor:
    """The image upside down."""
    found: Tensor = apply("Reverse", _flipped, [_images("flip_up_down", image)], {"axis": -3})
    return found


def _turned(x: Any, *, k: int) -> Any:
    return np.rot90(x, k, axes=(-3, -2))


def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """The image turned to the left by k times 90 degrees."""
    found: Tensor = apply("Rot90", _turned, [_images("rot90", image)], {"k": integer(k, "k") % 4})
    return found


def _transposed(x: Any) -> Any:
    return np.swapaxes(x, -3, -2)


def transpose(image: Any, name: str | None = None) -> Tensor:
    """The image with height and width exchanged."""
    found: Tensor = apply("Transpose", _transposed, [_images("transpose", image)])
    return found


def _cropped(x: Any, *, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    return x[..., slice(*rows), slice(*columns), :]


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """A part of images.

    Raises:
        ValueError: the part does not lie inside of the images.
    """
    x = _images("crop_to_bounding_box", image)
    box = [
        (integer(start, "an offset"), integer(size, "a size"))
        for start, size in ((offset_height, target_height), (offset_width, target_width))
    ]
    for (start, size), whole in zip(box, x._value.shape[-3:-1], strict=True):
        if start < 0 or size <= 0 or (isinstance(whole, int) and start + size > whole):
            raise ValueError(
                f"a part from {start} on of {size} pixels does not lie in an image of {whole}"
            )
    rows, columns = ((start, start + size) for start, size in box)
    found: Tensor = apply("Slice", _cropped, [x], {"rows": rows, "columns": columns})
    return found


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """Zeros around images.

    Raises:
        ValueError: the images do not fit into the new size.
    """
    x = _images("pad_to_bounding_box", image)
    sides = []
    for start, size, whole in zip(
        (offset_height, offset_width),
        (target_height, target_width),
        x._value.shape[-3:-1],
        strict=True,
    ):
        after = size - start - whole
        if start < 0 or (isinstance(after, int) and after < 0):
            raise ValueError(
                f"an image of {whole} pixels does not fit into {size}, from {start} on"
            )
        sides.append((start, after))
    return pad(x, [(0, 0)] * (x.ndim - 3) + [*sides, (0, 0)])


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of images, a part of the height and of the width.

    Raises:
        ValueError: the part is not in (0, 1].
    """
    x = _images("central_crop", image)
    if not 0 < central_fraction <= 1:
        raise ValueError("central_fraction must be within (0, 1]")
    height, width = x._value.shape[-3:-1]
    top, left = (int((n - n * central_fraction) / 2) for n in (height, width))
    return crop_to_bounding_box(x, top, left, height - 2 * top, width - 2 * left)


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """The middle of images, or images with zeros around them: whatever gives the new size."""
    x = _images("resize_with_crop_or_pad", image)
    height, width = x._value.shape[-3:-1]
    cut = [max(n - wanted, 0) for n, wanted in ((height, target_height), (width, target_width))]
    add = [max(wanted - n, 0) for n, wanted in ((height, target_height), (width, target_width))]
    part = crop_to_bounding_box(
        x, cut[0] // 2, cut[1] // 2, min(height, target_height), min(width, target_width)
    )
    return pad_to_bounding_box(part, add[0] // 2, add[1] // 2, target_height, target_width)
