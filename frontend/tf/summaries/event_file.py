"""Event files: what TensorBoard reads.

Layer: frontend. A record file of `Event` messages, whose first says the version of the format. Its
name says when and on which machine it was made.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..proto.events import Event
from ..proto.wire import BYTES, key, with_length
from .records import framed, read_records

_SUMMARY = key(Event.FIELDS["summary"].number, BYTES)
VERSION = "brain.Event:2"


class EventFile:
    """A new event file.

    Args:
        folder: where it is made, together with the folder.
        max_queue: how many events are held back at most.
        flush_secs: for how long at most, counted whenever one is added.
        suffix: the end of the file's name.
    """

    def __init__(self, folder: str, max_queue: int, flush_secs: float, suffix: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self.path, self._file = _new_file(folder, suffix)
        self._max_queue = max(max_queue, 1)
        self._flush_secs = flush_secs
        self._lock = threading.Lock()
        self._count = 0  # of events held back
        self._flushed = time.monotonic()
        # Events are not lost when the program ends or forgets the writer.
        self._closing = weakref.finalize(self, self._file.close)
        self.add(Event(file_version=VERSION))
        self.flush()

    def add(self, event: Event, summary: bytes = b"") -> None:
        """Add an event; it gets the current time if it has none.

        Args:
            event: the event.
            summary: a summary in bytes, which becomes the event's.
        """
        if not event.wall_time:
            event.wall_time = time.time()
        content = event.SerializeToString()
        data = framed(content + _SUMMARY + with_length(summary) if summary else content)
        with self._lock:
            self._file.write(data)
            self._count += 1
            late = time.monotonic() - self._flushed > self._flush_secs
            if late or self._count >= self._max_queue:
                self._flush()

    def flush(self) -> None:
        """Put what is held back into the file."""
        with self._lock:
            if not self._file.closed:
                self._flush()

    def _flush(self) -> None:
        self._file.flush()
        self._count = 0
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write what is held back, and close the file."""
        self._closing()


def _new_file(folder: str, suffix: str) -> tuple[str, BinaryIO]:
    """A file of a name that no file has: several may be made within a second."""
    name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
    number = 0
    while True:
        path = os.path.join(folder, name + (f".{number}" if number else "") + suffix)
        try:
            return path, open(path, "xb")
        except FileExistsError:
            number += 1


def read_events(path: Any) -> Iterator[Event]:
    """The events of a file (`tf.train.summary_iterator` of TensorFlow 1).

    Raises:
        DataLossError: the file is damaged.
    """
    with open(path, "rb") as file:
        for data in read_records(file):
            yield Event.FromString(data)
