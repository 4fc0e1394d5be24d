"""What `while` loops record for their derivatives, as long as nobody knows how much it will be.

Layer: runtime. A tape is a piece of memory that is replaced by one of twice the size when it is
full. Programs know a tape by a number, its token, which lies on the device and may be stored there
like any other number.
"""

from __future__ import annotations

from typing import Protocol

from .views import View

_FIRST_CAPACITY = 16  # iterations


class Room(Protocol):
    """Where the memory of tapes comes from."""

    def room(self, nbytes: int) -> View:
        """New memory."""

    def leave(self, view: View) -> None:
        """Memory that is no longer used."""

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """A copy on the device."""


class Tape:
    """Records of `nbytes` each."""

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes
        self._data: View | None = None
        self._capacity = 0

    def at(self, index: int) -> View:
        """Where the record of an iteration is."""
        assert self._data is not None
        return self._data.part(index * self._nbytes, self._nbytes)

    def grow(self, count: int, room: Room) -> None:
        """Make room for one record more than `count`."""
        if count < self._capacity:
            return
        self._capacity = max(2 * self._capacity, _FIRST_CAPACITY)
        before, self._data = self._data, room.room(self._capacity * self._nbytes)
        if before is not None:
            room.copy(self._data, before, count * self._nbytes)
            room.leave(before)

    def drop(self, room: Room) -> None:
        """Give the memory back."""
        if self._data is not None:
            room.leave(self._data)


class Tapes:
    """All tapes of a call: the token of a tape is its place in the order in which they are made."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._tapes: list[Tape] = []

    def __len__(self) -> int:
        return len(self._tapes)

    def __getitem__(self, token: int) -> Tape:
        return self._tapes[token]

    def new(self, nbytes: int) -> int:
        """The token of a new tape."""
        self._tapes.append(Tape(nbytes))
        return len(self._tapes) - 1

    def keep(self, count: int) -> None:
        """Drop all but the first tapes."""
        for tape in self._tapes[count:]:
            tape.drop(self._room)
        del self._tapes[count:]
