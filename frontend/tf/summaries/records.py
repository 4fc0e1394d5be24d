"""Record files (TFRecord): byte strings behind their length, with checksums of both.

Layer: frontend. A record is its length (8 bytes), that one's checksum (4), the data, its checksum;
numbers are little-endian. Event files are such files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..errors import DataLossError
from .checksum import masked

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")


def framed(data: bytes) -> bytes:
    """The bytes of one record."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _TAIL.pack(masked(length)), data, _TAIL.pack(masked(data))))


def read_records(file: BinaryIO) -> Iterator[bytes]:
    """The data of each record from here to the end of the file.

    Raises:
        DataLossError: a checksum is wrong, or the file ends within a record.
    """
    offset = file.tell()
    while head := file.read(_HEAD.size):
        length = _checked_length(head, offset)
        data, tail = file.read(length), file.read(_TAIL.size)
        if len(tail) < _TAIL.size:
            raise DataLossError(None, None, f"truncated record at {offset}")
        if _TAIL.unpack(tail)[0] != masked(data):
            raise DataLossError(None, None, f"corrupted record at {offset}")
        yield data
        offset += _HEAD.size + length + _TAIL.size


def _checked_length(head: bytes, offset: int) -> int:
    if len(head) < _HEAD.size:
        raise DataLossError(None, None, f"truncated record at {offset}")
    length, checksum = _HEAD.unpack(head)
    if checksum != masked(head[:8]):
        raise DataLossError(None, None, f"corrupted record at {offset}")
    return int(length)


class RecordWriter:
    """Writes a record file (`tf.io.TFRecordWriter`).

    Args:
        path: the file, which is made anew.
        options: compression, which is refused.

    Raises:
        NotImplementedError: `options` ask for compression.
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        if getattr(options, "compression_type", options) not in (None, ""):
            raise NotImplementedError("TFRecordWriter writes no compressed files")
        self._file = open(path, "wb")  # noqa: SIM115  (until close)

    def write(self, record: bytes) -> None:
        """Add one record."""
        self._file.write(framed(bytes(record)))

    def flush(self) -> None:
        """Put what is held back into the file."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a file (`tf.io.tf_record_iterator` of TensorFlow 1)."""
    if getattr(options, "compression_type", options) not in (None, ""):
        raise NotImplementedError("tf_record_iterator reads no compressed files")
    with open(path, "rb") as file:
        yield from read_records(file)
