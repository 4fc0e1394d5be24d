"""IDX files: the arrays of MNIST.

Layer: frontend. Two zero bytes, the kind of the elements, the number of axes, the sizes of the axes
as 32 bits, highest first, and the elements. Source: http://yann.lecun.com/exdb/mnist/. Files may be
compressed with gzip.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_GZIP = b"\x1f\x8b"
_BYTES = 8  # the format's number for uint8


class DamagedFileError(ValueError):
    """A file that is not what it should be."""


def read_idx(path: Any, rank: int) -> np.ndarray:
    """The uint8 array in a file.

    Args:
        path: the file, compressed or not.
        rank: how many axes the array has to have.

    Raises:
        DamagedFileError: the file is no such array, or not complete.
    """
    return parse_idx(_unpacked(Path(path)), rank, str(path))


def parse_idx(data: bytes, rank: int, name: str) -> np.ndarray:
    """The uint8 array that the data of a file stand for; `name` is for errors.

    Raises:
        DamagedFileError: the data are no such array, or not complete.
    """
    start = 4 + 4 * rank
    if len(data) < start:
        raise DamagedFileError(f"{name}: the file has {len(data)} bytes, and ends within its head")
    found, wanted = int.from_bytes(data[:4]), _BYTES << 8 | rank
    if found != wanted:
        raise DamagedFileError(
            f"{name}: the file starts with the number {found}; an IDX file of bytes with {rank}"
            f" axes starts with {wanted}"
        )
    sizes = struct.unpack(f">{rank}I", data[4:start])
    count = int(np.prod(sizes, dtype=np.int64))
    if len(data) - start != count:
        raise DamagedFileError(
            f"{name}: an array of sizes {list(sizes)} has {count} bytes, the file has"
            f" {len(data) - start} behind its head"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(sizes)


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] != _GZIP:
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DamagedFileError(f"{path}: the compressed file is damaged: {error}") from None
