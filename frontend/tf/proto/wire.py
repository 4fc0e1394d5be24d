"""Protocol Buffers' wire format: keys, numbers of variable length, values with a length.

Layer: frontend. Source: https://protobuf.dev/programming-guides/encoding/. A message is a row of
fields; each is a key, `number << 3 | wire type`, and a value.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_MASK = (1 << 64) - 1


class DecodeError(ValueError):
    """Bytes that are no message."""


class Item(NamedTuple):
    """One field as it stands in a message; `value` is an int for VARINT, bytes for the others."""

    number: int
    wire: int
    value: int | bytes


def varint(value: int) -> bytes:
    """A number, seven bits per byte, lowest first; negative ones as 64 bits."""
    value &= _MASK
    if value < 0x80:
        return bytes((value,))
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def key(number: int, wire: int) -> bytes:
    """What stands before the value of field `number`."""
    return varint(number << 3 | wire)


def with_length(value: bytes) -> bytes:
    """Bytes behind their length."""
    return varint(len(value)) + value


def signed(value: int) -> int:
    """The signed number that 64 bits stand for."""
    return value - (1 << 64) if value >> 63 else value


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at an offset, and the offset behind it.

    Raises:
        DecodeError: it is cut off, or longer than 64 bits need.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise DecodeError("the data ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, at
    raise DecodeError("a number has more than 64 bits")


def read_varints(data: bytes) -> Iterator[int]:
    """All numbers of a packed field."""
    at = 0
    while at < len(data):
        value, at = read_varint(data, at)
        yield value


def read(data: bytes) -> Iterator[Item]:
    """The fields of a message, in their order.

    Raises:
        DecodeError: the data is no message.
    """
    at = 0
    while at < len(data):
        found, at = read_varint(data, at)
        number, wire = found >> 3, found & 7
        if number == 0:
            raise DecodeError("a field has the number 0")
        value: int | bytes
        if wire == VARINT:
            value, at = read_varint(data, at)
        else:
            size, at = _size(wire, data, at)
            value, at = data[at : at + size], at + size
            if len(value) != size:
                raise DecodeError(f"the data ends within field {number}")
        yield Item(number, wire, value)


def _size(wire: int, data: bytes, at: int) -> tuple[int, int]:
    if wire == BYTES:
        return read_varint(data, at)
    if wire in _FIXED:
        return _FIXED[wire], at
    raise DecodeError(f"there is no wire type {wire}")


def write(item: Item) -> bytes:
    """A field as `read` found it."""
    before = key(item.number, item.wire)
    if isinstance(item.value, int):
        return before + varint(item.value)
    return before + (with_length(item.value) if item.wire == BYTES else item.value)


def unpack(form: str, data: bytes) -> float:
    """The one number in `data`.

    Raises:
        DecodeError: the length is another one's.
    """
    try:
        found: float = struct.unpack(form, data)[0]
    except struct.error as error:
        raise DecodeError(str(error)) from None
    return found
