"""Sorted tables of keys and values in a file, as LevelDB writes them: the index of a checkpoint.

Layer: frontend. Source: LevelDB's doc/table_format.md. A table is blocks of entries, an index with
the last key of each block, and a footer that says where the index is. A key is written as what
differs from the key before it. A block is followed by its kind of compression and a checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from ..errors import DataLossError, UnimplementedError
from ..proto.wire import read_varint, varint
from ..summaries.checksum import masked

_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER = 48
_TRAILER = struct.Struct("<BI")  # kind of compression, checksum
_NUMBER = struct.Struct("<I")
_BLOCK_SIZE = 1 << 18
_RESTART = 16  # entries between keys that are written in full

Entry = tuple[bytes, bytes]


def write_table(entries: Iterable[Entry]) -> bytes:
    """The bytes of a table.

    Args:
        entries: keys and values, by key.
    """
    parts: list[bytes] = []
    size = 0
    index: list[Entry] = []

    def put(block: bytes) -> bytes:
        """Add a block; gives its place and size."""
        nonlocal size
        place = varint(size) + varint(len(block))
        parts.append(block + _TRAILER.pack(0, masked(block + b"\0")))
        size += len(parts[-1])
        return place

    for group in _groups(entries):
        index.append((group[-1][0], put(_block(group))))
    nothing = put(_block([]))
    places = nothing + put(_block(index))
    return b"".join([*parts, places.ljust(_FOOTER - len(_MAGIC), b"\0"), _MAGIC])


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Entries, so many that each group has about the size of a block."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        group.append(entry)
        size += len(entry[0]) + len(entry[1])
        if size >= _BLOCK_SIZE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _block(entries: Sequence[Entry]) -> bytes:
    parts: list[bytes] = []
    restarts = []
    size, last = 0, b""
    for k, (key, value) in enumerate(entries):
        shared = 0
        if k % _RESTART == 0:
            restarts.append(size)
        else:
            pairs = zip(last, key, strict=False)
            shared = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(last), len(key)))
        parts.append(
            varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        )
        size += len(parts[-1])
        last = key
    numbers = [*(restarts or [0]), len(restarts or [0])]
    return b"".join([*parts, *map(_NUMBER.pack, numbers)])


def read_table(data: bytes) -> dict[bytes, bytes]:
    """The entries of a table.

    Raises:
        DataLossError: the data are no table, or a checksum is wrong.
        UnimplementedError: blocks are compressed.
    """
    if len(data) < _FOOTER or data[-len(_MAGIC) :] != _MAGIC:
        raise DataLossError(None, None, "not an sstable (bad magic number)")
    at = len(data) - _FOOTER
    for _ in range(2):  # the place of a block that is not used
        _, at = read_varint(data, at)
    found: dict[bytes, bytes] = {}
    for _, place in _entries(_block_at(data, data, at)):
        found.update(_entries(_block_at(data, place, 0)))
    return found


def _block_at(data: bytes, source: bytes, at: int) -> bytes:
    """The block whose place and size are written at an offset of `source`."""
    start, at = read_varint(source, at)
    size, _ = read_varint(source, at)
    block = data[start : start + size]
    tail = data[start + size : start + size + _TRAILER.size]
    if len(tail) < _TRAILER.size:
        raise DataLossError(None, None, "truncated block read")
    kind, checksum = _TRAILER.unpack(tail)
    if checksum != masked(block + tail[:1]):
        raise DataLossError(None, None, "block checksum mismatch")
    if kind:
        raise UnimplementedError(
            "the index of this checkpoint is compressed, which is not supported: save it again with"
            " a newer TensorFlow"
        )
    return block


def _entries(block: bytes) -> Iterator[Entry]:
    (count,) = _NUMBER.unpack(block[-_NUMBER.size :])
    end = len(block) - _NUMBER.size * (count + 1)
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        rest, at = read_varint(block, at)
        size, at = read_varint(block, at)
        key = key[:shared] + block[at : at + rest]
        at += rest
        yield key, block[at : at + size]
        at += size
