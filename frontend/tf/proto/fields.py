"""Kinds of fields: what they accept, how they are written, read and printed.

Layer: frontend. A `Kind` describes one value; a `Field` places it in a message: once, repeated, or
as the values of a map with strings as keys.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .wire import BYTES, FIXED32, FIXED64, VARINT, DecodeError, signed, unpack, varint, with_length

ONE, MANY, MAP = "one", "many", "map"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value: its wire type and default, and its conversions."""

    name: str
    wire: int
    default: Any
    check: Callable[[Any], Any]  # to what is stored; TypeError or ValueError if there is no way
    encode: Callable[[Any], bytes]  # the value without its key
    decode: Callable[[Any], Any]  # from what wire.read gives
    text: Callable[[Any], str]
    form: str = ""  # of struct, for kinds of a fixed size

    def encode_many(self, values: Sequence[Any]) -> bytes:
        """Packed values."""
        if self.form:
            return struct.pack(f"<{len(values)}{self.form}", *values)
        return b"".join(map(self.encode, values))

    @property
    def packed(self) -> bool:
        """Whether repeated values stand behind one key."""
        return self.wire != BYTES


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a message. Of the fields with the same `group` only one is set at a time."""

    name: str
    number: int
    kind: Any  # a Kind, or a subclass of Message
    label: str = ONE
    group: str = ""


Table = dict[str, Field]  # fields of a message by name


def one(name: str, number: int, kind: Any, group: str = "") -> Field:
    """A field with one value."""
    return Field(name, number, kind, ONE, group)


def many(name: str, number: int, kind: Any) -> Field:
    """A field with any number of values."""
    return Field(name, number, kind, MANY)


def table(*fields: Field) -> Table:
    """The fields of a message by name, in the order of their numbers."""
    return {f.name: f for f in sorted(fields, key=lambda f: f.number)}


# -- kinds ----------------------------------------------------------------------------------------


def _integer(bits: int, lowest: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        found = operator.index(value)
        if not lowest <= found < lowest + (1 << bits):
            raise ValueError(f"Value out of range: {found}")
        return found

    return check


def _whole(name: str, bits: int, lowest: int) -> Kind:
    decode = signed if lowest else operator.index
    return Kind(name, VARINT, 0, _integer(bits, lowest), varint, decode, str)


def _real(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return float(value)


def _single(value: Any) -> float:
    """As a float32 holds it; larger numbers are infinite."""
    found = _real(value)
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", found))[0]
    except OverflowError:
        return float("inf") if found > 0 else float("-inf")
    return rounded


def _float_text(value: float) -> str:
    """Six digits if they say it, else nine."""
    short = f"{value:.6g}"
    return short if _single(float(short)) == value or value != value else f"{value:.9g}"


def _double_text(value: float) -> str:
    """Fifteen digits if they say it, else seventeen."""
    short = f"{value:.15g}"
    return short if float(short) == value or value != value else f"{value:.17g}"


def _float_kind(name: str, form: str, wire: int, check: Any, text: Any) -> Kind:
    def encode(value: float) -> bytes:
        return struct.pack(form, value)

    def decode(data: bytes) -> float:
        return unpack(form, data)

    return Kind(name, wire, 0.0, check, encode, decode, text, form[1:])


def _check_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"bad argument type for bytes: {type(value).__name__}")
    return bytes(value)


def _check_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"bad argument type for a string: {type(value).__name__}")
    return str(value)


def _decode_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DecodeError("a string is no UTF-8") from None


_ESCAPES = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 39: "\\'", 92: "\\\\"}


def _quoted(value: bytes) -> str:
    parts = [_ESCAPES.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in value]
    return f'"{"".join(parts)}"'


def _quoted_text(value: str) -> str:
    parts = []
    for character in value:
        code = ord(character)
        control = code < 32 or code == 127
        parts.append(_ESCAPES.get(code) or (f"\\{code:03o}" if control else character))
    return f'"{"".join(parts)}"'


DOUBLE = _float_kind("double", "<d", FIXED64, _real, _double_text)
FLOAT = _float_kind("float", "<f", FIXED32, _single, _float_text)
INT32 = _whole("int32", 32, -(1 << 31))
INT64 = _whole("int64", 64, -(1 << 63))
UINT32 = _whole("uint32", 32, 0)
UINT64 = _whole("uint64", 64, 0)
BOOL = Kind("bool", VARINT, False, bool, lambda x: varint(int(x)), bool, lambda x: str(x).lower())
STRING = Kind(
    "string", BYTES, "", _check_text, lambda x: with_length(x.encode()), _decode_text, _quoted_text
)
RAW = Kind("bytes", BYTES, b"", _check_bytes, with_length, bytes, _quoted)


def enum(name: str, numbers: Mapping[str, int]) -> Kind:
    """Numbers that have names; a value can be given by either."""
    names = {number: text for text, number in numbers.items()}

    def check(value: Any) -> int:
        if isinstance(value, str):
            if value not in numbers:
                raise ValueError(f'unknown label "{value}" of enum {name}')
            return numbers[value]
        return _integer(32, -(1 << 31))(getattr(value, "as_datatype_enum", value))

    def text(value: int) -> str:
        return names.get(value, str(value))

    return Kind(name, VARINT, 0, check, varint, signed, text)
