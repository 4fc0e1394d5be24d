"""Pictures as PNG files.

Layer: frontend. Source: https://www.w3.org/TR/png/. The least that the format needs: a head, the
rows compressed, an end.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> the format's kind of colour
_FILTER_SUB = 1


def encode_png(image: np.ndarray, compression: int = -1) -> bytes:
    """The file of a picture.

    Args:
        image: uint8 or uint16 [height, width, channels]; one to four channels: grey, grey and
            alpha, RGB, RGBA.
        compression: zlib's level, 0 to 9; -1 for its default.

    Raises:
        ValueError: the array is no such picture.
    """
    if (
        image.ndim != 3
        or image.shape[2] not in _COLOURS
        or image.dtype not in (np.uint8, np.uint16)
    ):
        raise ValueError(
            "a picture is uint8 or uint16 [height, width, 1 to 4 channels], got"
            f" {image.dtype.name} {list(image.shape)}"
        )
    height, width, channels = image.shape
    size = image.itemsize
    head = struct.pack(">IIBBBBB", width, height, 8 * size, _COLOURS[channels], 0, 0, 0)
    row_bytes = image.astype(f">u{size}").view(np.uint8).reshape(height, width * channels * size)
    packed = zlib.compress(_differences(row_bytes, channels * size).tobytes(), compression)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _differences(rows: np.ndarray, pixel: int) -> np.ndarray:
    """Each byte less the same one of the pixel before, behind the number of that filter."""
    found = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    found[:, 0] = _FILTER_SUB
    found[:, 1 : pixel + 1] = rows[:, :pixel]
    found[:, pixel + 1 :] = rows[:, pixel:] - rows[:, :-pixel]
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
