"""The base class of messages: fields as attributes, written and printed as Protocol Buffers do.

Layer: frontend. Methods have the names that programs know (`SerializeToString`, `CopyFrom`). A
field that was not set reads as its default. Reading a message within a message makes it, but it
counts as set only once something in it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Self

from . import wire
from .fields import MANY, MAP, ONE, Field, Kind, Table
from .wire import BYTES, DecodeError, Item


class Message:
    """A record with the fields of `FIELDS`. Keywords set fields."""

    FIELDS: ClassVar[Table] = {}
    __slots__ = ("__weakref__", "_drafts", "_marked", "_unknown", "_values")

    def __init__(self, **fields: Any) -> None:
        self._reset()
        for name, value in fields.items():
            if value is not None:
                self._fill(_field(self, name, ValueError), value)

    def _reset(self) -> None:
        put = object.__setattr__
        put(self, "_values", {})  # what is set
        put(self, "_drafts", {})  # messages and lists that were read, and perhaps filled since
        put(self, "_unknown", b"")  # fields that no table has; kept as they came
        put(self, "_marked", False)  # set on purpose, though nothing in it may be

    def _fill(self, field: Field, value: Any) -> None:
        """Take over the value that the constructor got."""
        if field.label == MANY:
            getattr(self, field.name).extend(value)
        elif field.label == MAP:
            for key, each in value.items():
                getattr(self, field.name)[key].CopyFrom(each)
        elif isinstance(field.kind, Kind):
            setattr(self, field.name, value)
        else:
            child = field.kind(**value) if isinstance(value, dict) else field.kind()
            if not isinstance(value, dict):
                child.CopyFrom(value)
            self._set(field, child)

    # -- fields as attributes ---------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        field = type(self).FIELDS.get(name)
        if field is None:
            raise AttributeError(name)
        self._settle()
        if name in self._values:
            return self._values[name]
        if field.label == ONE and isinstance(field.kind, Kind):
            return field.kind.default
        if name not in self._drafts:
            self._drafts[name] = _empty(field)
        return self._drafts[name]

    def __setattr__(self, name: str, value: Any) -> None:
        field = _field(self, name, AttributeError)
        if field.label != ONE or not isinstance(field.kind, Kind):
            raise AttributeError(
                f'Assignment not allowed to message, map, or repeated field "{name}" in protocol'
                f" message object."
            )
        self._set(field, field.kind.check(value))

    def _set(self, field: Field, value: Any) -> None:
        if field.group:
            for other in type(self).FIELDS.values():
                if other.group == field.group:
                    self._values.pop(other.name, None)
                    self._drafts.pop(other.name, None)
        self._values[field.name] = value

    def _settle(self) -> None:
        """Count drafts that have been filled as set."""
        for name, draft in list(self._drafts.items()):
            if not _is_empty(draft):
                del self._drafts[name]
                self._set(type(self).FIELDS[name], draft)

    def _present(self) -> Iterator[tuple[Field, Any]]:
        """The fields that are written, in the order of their numbers."""
        self._settle()
        for name, field in type(self).FIELDS.items():
            value = self._values.get(name)
            if value is None or (field.label != ONE and not value):
                continue
            if field.label != ONE or field.group or not _is_default(field.kind, value):
                yield field, value

    # -- what is set ------------------------------------------------------------------------------

    def HasField(self, name: str) -> bool:
        """Whether a message, or one of several alternatives, is set.

        Raises:
            ValueError: the field is neither.
        """
        field = _field(self, name, ValueError)
        if field.label != ONE or (isinstance(field.kind, Kind) and not field.group):
            raise ValueError(f"Field {type(self).__name__}.{name} does not have presence.")
        self._settle()
        return name in self._values

    def WhichOneof(self, group: str) -> str | None:
        """The name of the alternative that is set."""
        fields = type(self).FIELDS.values()
        if not any(f.group == group for f in fields):
            raise ValueError(f'Protocol message has no oneof "{group}" field.')
        self._settle()
        return next((f.name for f in fields if f.group == group and f.name in self._values), None)

    def ListFields(self) -> list[tuple[Field, Any]]:
        """(field, value) of what is set."""
        return list(self._present())

    def SetInParent(self) -> None:
        """Count as set, though empty."""
        object.__setattr__(self, "_marked", True)

    def ClearField(self, name: str) -> None:
        """Unset one field."""
        _field(self, name, ValueError)
        self._values.pop(name, None)
        self._drafts.pop(name, None)

    def Clear(self) -> None:
        """Unset all fields."""
        self._reset()

    # -- bytes ------------------------------------------------------------------------------------

    def SerializeToString(self, deterministic: bool = True) -> bytes:
        """The message as bytes: fields by number, maps by key."""
        parts = [part for field, value in self._present() for part in _written(field, value)]
        return b"".join((*parts, self._unknown))

    def ByteSize(self) -> int:
        """The number of bytes."""
        return len(self.SerializeToString())

    def ParseFromString(self, data: bytes) -> int:
        """Become what the bytes say; gives their number.

        Raises:
            DecodeError: they are no such message.
        """
        self._reset()
        return self.MergeFromString(data)

    def MergeFromString(self, data: bytes) -> int:
        """Add what the bytes say.

        Raises:
            DecodeError: they are no such message.
        """
        data = bytes(data)
        fields = {f.number: f for f in type(self).FIELDS.values()}
        unknown = [self._unknown]
        for item in wire.read(data):
            field = fields.get(item.number)
            if field is None or not self._read(field, item):
                unknown.append(wire.write(item))
        object.__setattr__(self, "_unknown", b"".join(unknown))
        self.SetInParent()
        return len(data)

    def _read(self, field: Field, item: Item) -> bool:
        """Take one item over; False if it has another wire type than the field."""
        kind = field.kind
        if field.label == MAP:
            if item.wire != BYTES:
                return False
            key, content = _entry(item.value)
            getattr(self, field.name)[key].MergeFromString(content)
        elif not isinstance(kind, Kind):
            if item.wire != BYTES:
                return False
            self._read_message(field, item.value)
        elif field.label == MANY:
            if item.wire != kind.wire and item.wire != BYTES:
                return False
            list.extend(getattr(self, field.name), _numbers(kind, item))
        elif item.wire != kind.wire:
            return False
        else:
            self._set(field, kind.decode(item.value))
        return True

    def _read_message(self, field: Field, data: Any) -> None:
        if field.label == MANY:
            getattr(self, field.name).add().MergeFromString(data)
            return
        child = getattr(self, field.name)
        child.MergeFromString(data)
        self._set(field, child)

    @classmethod
    def FromString(cls, data: bytes) -> Self:
        """The message that the bytes say.

        Raises:
            DecodeError: they are no such message.
        """
        found = cls()
        found.ParseFromString(data)
        return found

    # -- the whole --------------------------------------------------------------------------------

    def CopyFrom(self, other: Message) -> None:
        """Become a copy of a message of the same class."""
        self._check_class(other)
        if other is not self:
            self.ParseFromString(other.SerializeToString())

    def MergeFrom(self, other: Message) -> None:
        """Add what a message of the same class says."""
        self._check_class(other)
        self.MergeFromString(other.SerializeToString())

    def _check_class(self, other: object) -> None:
        if type(other) is not type(self):
            raise TypeError(
                f"Parameter must be instance of same class: expected {type(self).__name__}"
                f" got {type(other).__name__}."
            )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.SerializeToString() == other.SerializeToString()

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self).FromString(self.SerializeToString())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).FromString, (self.SerializeToString(),)

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        for field, value in self._present():
            if field.label == MAP:
                for key, each in sorted(value.items()):
                    yield f"{field.name} {{"
                    yield f'  key: "{key}"'
                    yield from _indented("  value", each)
                    yield "}"
                continue
            for each in value if field.label == MANY else [value]:
                if isinstance(field.kind, Kind):
                    yield f"{field.name}: {field.kind.text(each)}"
                else:
                    yield from _indented(field.name, each, outer="")

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *type(self).FIELDS]


class Repeated(list[Any]):
    """The values of a repeated field."""

    __slots__ = ("_kind",)

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self._kind = kind

    def add(self, **fields: Any) -> Any:
        """Append a new message, and give it."""
        if isinstance(self._kind, Kind):
            raise AttributeError("only repeated messages have add()")
        made = self._kind(**fields)
        super().append(made)
        return made

    def append(self, value: Any) -> None:
        """Add one value at the end."""
        super().append(self._checked(value))

    def extend(self, values: Iterable[Any]) -> None:
        """Add values at the end."""
        super().extend([self._checked(v) for v in values])

    def insert(self, index: Any, value: Any) -> None:
        """Add one value before another."""
        super().insert(index, self._checked(value))

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            super().__setitem__(index, [self._checked(v) for v in value])
        else:
            super().__setitem__(index, self._checked(value))

    def MergeFrom(self, other: Iterable[Any]) -> None:
        """Add the values of another repeated field."""
        self.extend(other)

    def _checked(self, value: Any) -> Any:
        if isinstance(self._kind, Kind):
            return self._kind.check(value)
        if isinstance(value, dict):
            return self._kind(**value)
        found = self._kind()
        found.CopyFrom(value)
        return found


class Keyed(dict[str, Any]):
    """The messages of a map; one that is missing is made when it is read."""

    __slots__ = ("_kind",)

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, key: str) -> Any:
        super().__setitem__(key, made := self._kind())
        return made

    def __setitem__(self, key: str, value: Any) -> None:
        raise ValueError("Direct assignment of submessage not allowed: use [key].CopyFrom(value)")


def _field(message: Message, name: str, error: type[Exception]) -> Field:
    found = type(message).FIELDS.get(name)
    if found is None:
        raise error(f'Protocol message {type(message).__name__} has no "{name}" field.')
    return found


def _empty(field: Field) -> Any:
    if field.label == MANY:
        return Repeated(field.kind)
    return Keyed(field.kind) if field.label == MAP else field.kind()


def _is_default(kind: Any, value: Any) -> bool:
    """Whether a number or string is its kind's default, which is not written; -0.0 is."""
    return isinstance(kind, Kind) and not value and kind.encode(value) == kind.encode(kind.default)


def _is_empty(draft: Any) -> bool:
    if isinstance(draft, Message):
        if draft._marked or draft._unknown:
            return False
        return next(draft._present(), None) is None
    return not draft


def _content(kind: Any, value: Any) -> bytes:
    if isinstance(kind, Kind):
        return kind.encode(value)
    return wire.with_length(value.SerializeToString())


def _written(field: Field, value: Any) -> Iterator[bytes]:
    kind = field.kind
    start = wire.key(field.number, kind.wire if isinstance(kind, Kind) else BYTES)
    if field.label == ONE:
        yield start + _content(kind, value)
    elif field.label == MAP:
        for key, each in sorted(value.items()):
            entry = wire.key(1, BYTES) + wire.with_length(key.encode())
            entry += wire.key(2, BYTES) + _content(kind, each)
            yield start + wire.with_length(entry)
    elif isinstance(kind, Kind) and kind.packed:
        yield wire.key(field.number, BYTES) + wire.with_length(kind.encode_many(value))
    else:
        yield from (start + _content(kind, each) for each in value)


def _entry(data: Any) -> tuple[str, bytes]:
    """Key and value of one entry of a map."""
    found: dict[int, Any] = {item.number: item.value for item in wire.read(data)}
    try:
        return bytes(found.get(1, b"")).decode(), bytes(found.get(2, b""))
    except UnicodeDecodeError:
        raise DecodeError("a key of a map is no UTF-8") from None


def _numbers(kind: Kind, item: Item) -> list[Any]:
    """The values of a repeated field that one item holds, packed or not."""
    if item.wire == kind.wire:
        return [kind.decode(item.value)]
    data: Any = item.value
    if kind.wire == wire.VARINT:
        return [kind.decode(v) for v in wire.read_varints(data)]
    size = len(kind.encode(0.0))
    if len(data) % size:
        raise DecodeError("a packed field has a broken length")
    return [kind.decode(data[i : i + size]) for i in range(0, len(data), size)]


def _indented(name: str, message: Message, outer: str = "  ") -> Iterator[str]:
    yield f"{name} {{"
    yield from (f"{outer}  {line}" for line in message._lines())
    yield f"{outer}}}"
