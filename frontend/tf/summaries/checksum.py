"""CRC-32C, the checksum of record files.

Layer: frontend. Started from 0, the checksum is linear: that of data is the xor of what each byte
gives, which depends on the byte and on how many follow. So a block of bytes is one look-up in a
table for all places and values, and an xor of the results. The checksum of two blocks is that of
the first followed by zeros, xor that of the second; neighbours are combined until one is left.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_ONES = 0xFFFFFFFF
_SHORT = 80  # bytes; a Python loop is faster
_BLOCK = 256  # bytes: the table has 256 KiB
_PART = 1 << 11  # blocks that are looked up at a time: indices have eight bytes for each byte


def crc32c(data: bytes) -> int:
    """The checksum of the data."""
    if len(data) < _SHORT:
        table = _byte_table()
        crc = _ONES
        for byte in data:
            crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
        return crc ^ _ONES
    return _long(data) ^ _ONES


def masked(data: bytes) -> int:
    """The checksum as records hold it: rotated and moved, since data may hold checksums itself."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ONES


@cache
def _byte_table() -> list[int]:
    found = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        found.append(crc)
    return found


@cache
def _place_table() -> tuple[np.ndarray, np.ndarray]:
    """The checksum of each byte at each place of a block, flat, and where each place begins."""
    table = np.array(_byte_table(), np.uint32)
    places = [table]
    while len(places) < _BLOCK:
        last = places[-1]
        places.append(table[last & 0xFF] ^ (last >> 8))
    return np.concatenate(places[::-1]), np.arange(_BLOCK) * 256


def _long(data: bytes) -> int:
    """The checksum started from ones, of data of at least four bytes."""
    # Leading zeros change nothing, as the sum starts from 0; starting from ones is to invert the
    # first four bytes of the data.
    count = -(-len(data) // _BLOCK)
    padded = np.zeros(count * _BLOCK, np.uint8)
    start = padded.size - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    padded[start : start + 4] ^= 0xFF
    blocks = padded.reshape(count, _BLOCK)
    table, places = _place_table()
    crcs = np.zeros(1 << (count - 1).bit_length(), np.uint32)
    first = crcs.size - count
    for k in range(0, count, _PART):
        found = table.take(blocks[k : k + _PART] + places)
        crcs[first + k : first + k + len(found)] = np.bitwise_xor.reduce(found, axis=1)
    length = _BLOCK
    while crcs.size > 1:
        crcs = _followed(length, crcs[0::2]) ^ crcs[1::2]
        length *= 2
    return int(crcs[0])


def _followed(length: int, crcs: np.ndarray) -> np.ndarray:
    """Checksums after `length` zeros, a power of two."""
    tables = _zeros(length)
    found = tables[0][crcs & 0xFF]
    for i in range(1, 4):
        found = found ^ tables[i][crcs >> (8 * i) & 0xFF]
    return found


@cache
def _zeros(length: int) -> np.ndarray:
    """What `length` zeros make of each byte of a checksum: [4, 256]; a power of two."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    if length == 1:
        table = np.array(_byte_table(), np.uint32)
        columns = table[bits & 0xFF] ^ (bits >> 8)
    else:
        columns = _followed(length // 2, _followed(length // 2, bits))
    set_bits = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    parts = np.where(set_bits[None], columns.reshape(4, 1, 8), np.uint32(0))
    return np.bitwise_xor.reduce(parts, axis=2)
