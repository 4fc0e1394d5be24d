"""CRC-32C, the checksum of record files, of short and of long data.

Layer: frontend. Short data is done byte by byte; a Python loop takes about 120 ns for each. Longer
data is cut into rows of equal length which NumPy works on side by side, two bytes a step; then the
checksums of neighbours are combined. The checksum of `a + b` is that of `a` followed by zeros, xor
that of `b`, when it starts from 0; and following zeros are a linear map of the 32 bits.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_ONES = 0xFFFFFFFF
_LONG = 3000  # bytes; shorter ones are done faster by the loop
_ROW = 64  # bytes at least; longer data has longer rows, about as many as a row has bytes


def crc32c(data: bytes) -> int:
    """The checksum of the data."""
    if len(data) < _LONG:
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
def _pair_table() -> np.ndarray:
    """The checksum of each pair of bytes, started from 0."""
    table = np.array(_byte_table(), np.uint32)
    pairs = np.arange(1 << 16, dtype=np.uint32)
    once = table[pairs & 0xFF]
    return table[(once ^ (pairs >> 8)) & 0xFF] ^ (once >> 8)


def _long(data: bytes) -> int:
    row = _ROW
    while row * row < len(data):
        row *= 2
    count = 1 << (-(-len(data) // row) - 1).bit_length()
    # Leading zeros change nothing, as the sum starts from 0; starting from ones is to invert the
    # first four bytes of the data.
    padded = np.zeros(count * row, np.uint8)
    start = padded.size - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    padded[start : start + 4] ^= 0xFF
    crcs = _rows(padded.view("<u2").reshape(count, row // 2))
    length = row
    while crcs.size > 1:
        crcs = _followed(length, crcs[0::2]) ^ crcs[1::2]
        length *= 2
    return int(crcs[0])


def _rows(pairs: np.ndarray) -> np.ndarray:
    """The checksum of each row, started from 0."""
    table = _pair_table()
    crcs = np.zeros(len(pairs), np.uint32)
    for column in np.ascontiguousarray(pairs.T):
        crcs = table[(crcs ^ column) & 0xFFFF] ^ (crcs >> 16)
    return crcs


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
