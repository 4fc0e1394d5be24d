"""What convolutions and pooling have in common: arguments for each spatial axis, padding, formats.

Layer: frontend. Arrays are [batch, *spatial, channels]; the other order is transposed first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidArgumentError
from ..static import integers

Padding = str | tuple[tuple[int, int], ...]
FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


@dataclass(frozen=True)
class Geometry:
    """How a window moves, for each spatial axis."""

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Padding
    channels_first: bool

    @staticmethod
    def read(
        op: str, spatial: int, strides: Any, padding: Any, data_format: str | None, dilations: Any
    ) -> Geometry:
        """From TensorFlow's arguments.

        Raises:
            ValueError: an argument has no value that is allowed.
        """
        first = is_channels_first(data_format, spatial)
        return Geometry(
            per_axis(strides, spatial, "strides", first),
            per_axis(1 if dilations is None else dilations, spatial, "dilations", first),
            _padding(op, padding, spatial, first),
            first,
        )

    def spatial(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        """The spatial sizes among those of an array."""
        count = len(self.strides)
        start = len(shape) - count - (0 if self.channels_first else 1)
        return tuple(shape[start : start + count])

    def channels(self, shape: Sequence[Any]) -> Any:
        """The size of the channels' axis."""
        return shape[-1 - len(self.strides)] if self.channels_first else shape[-1]

    def extents(self, window: Sequence[int]) -> list[int]:
        """How many neighbours a window of these sizes spans."""
        return [(n - 1) * d + 1 for n, d in zip(window, self.dilations, strict=True)]

    def check_fit(self, op: str, sizes: Sequence[Any], window: Sequence[Any]) -> None:
        """Raise unless the window has a place.

        Raises:
            InvalidArgumentError: there is none.
        """
        if self.padding == "SAME":
            return
        pads = ((0, 0),) * len(sizes) if isinstance(self.padding, str) else self.padding
        for size, pair, extent in zip(sizes, pads, self.extents(window), strict=True):
            if isinstance(size, int) and size + sum(pair) < extent:
                raise InvalidArgumentError(
                    f"Computed output size would be negative: a window of {extent} does not fit"
                    f" into {size + sum(pair)} elements [Op:{op}]"
                )


def per_axis(x: Any, spatial: int, what: str, channels_first: bool = False) -> tuple[int, ...]:
    """A size for each spatial axis: of one number, of one each, or with batch and channels too.

    Raises:
        ValueError: another count of numbers, or batch and channels are not 1.
    """
    found = integers(x, what)
    if len(found) == 1:
        return found * spatial
    if len(found) == spatial + 2:
        inner, outer = (
            (found[2:], found[:2]) if channels_first else (found[1:-1], (found[0], found[-1]))
        )
        if outer != (1, 1):
            raise ValueError(f"{what} of the batch and channel axes have to be 1, got {found}")
        return inner
    if len(found) != spatial:
        raise ValueError(f"{what} should be of length 1, {spatial} or {spatial + 2}, got {found}")
    return found


def _padding(op: str, padding: Any, spatial: int, channels_first: bool) -> Padding:
    """ "SAME", "VALID", or zeros before and after each spatial axis."""
    if isinstance(padding, (list, tuple)):
        given = tuple(tuple(integers(p, "padding")) for p in padding)
        if len(given) != spatial + 2 or any(len(p) != 2 for p in given):
            raise ValueError(
                f"padding should be a pair of numbers for each of {spatial + 2} axes, got {padding}"
            )
        return given[2:] if channels_first else given[1:-1]  # type: ignore[return-value]
    text = str(padding).upper()
    if text not in ("SAME", "VALID"):
        raise ValueError(
            f"Value for attr 'padding' of {padding!r} is not in the list of allowed values:"
            f' "SAME", "VALID", "EXPLICIT" [Op:{op}]'
        )
    return text


def is_channels_first(data_format: str | None, spatial: int) -> bool:
    """Whether channels come before the spatial axes.

    Raises:
        ValueError: there is no such format.
    """
    last, first = FORMATS[spatial]
    if data_format in (None, last):
        return False
    if data_format == first:
        return True
    raise ValueError(f"data_format must be {last!r} or {first!r}, got {data_format!r}")


def channels_last(x: Any, geometry: Geometry) -> Any:
    """An array with its channels behind the spatial axes."""
    return np.moveaxis(x, 1, -1) if geometry.channels_first else x


def channels_back(x: Any, geometry: Geometry) -> Any:
    """A result in the format that was asked for."""
    return np.moveaxis(x, -1, 1) if geometry.channels_first else x
