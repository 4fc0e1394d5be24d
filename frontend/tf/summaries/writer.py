"""`tf.summary.FileWriter` of TensorFlow 1: summaries, graphs and logs as events of a file.

Layer: frontend. A graph is anything with `as_graph_def`.
"""

from __future__ import annotations

import os
import threading
import warnings
from typing import Any, ClassVar

from ..proto.events import Event, SessionLog, Summary, TaggedRunMetadata
from ..proto.graphs import GraphDef
from ..proto.message import Message
from .event_file import EventFile
from .values import tags, without_metadata


class FileWriter:
    """Writes an event file for TensorBoard.

    Args:
        logdir: the folder.
        graph: added at once.
        max_queue: how many events are held back at most.
        flush_secs: for how many seconds at most; counted when an event is added.
        graph_def: as `graph`, under an older name.
        filename_suffix: the end of the file's name.
        session: for TensorFlow's signature.
    """

    def __init__(
        self,
        logdir: Any,
        graph: Any = None,
        max_queue: int | None = 10,
        flush_secs: float | None = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        self._logdir = os.fsdecode(logdir)
        queue = 10 if max_queue is None else max_queue
        seconds = 120.0 if flush_secs is None else flush_secs
        self._settings = queue, seconds, filename_suffix or ""
        self._file: EventFile | None = EventFile(self._logdir, *self._settings)
        self._described: set[str] = set()  # tags whose metadata are in the file
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Add a summary: a `Summary`, or bytes as `session.run` gives them.

        Raises:
            DecodeError: the bytes are no summary.
        """
        data = summary.SerializeToString() if isinstance(summary, Summary) else bytes(summary)
        found = [tag for tag, is_described in tags(data) if is_described]
        if not self._described.isdisjoint(found):
            data = without_metadata(data, self._described)
        self._described.update(found)
        self._add(Event(), global_step, data)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Add a graph.

        Raises:
            TypeError: it is neither a graph nor a `GraphDef`.
            ValueError: there is none, or two.
        """
        if graph is not None and graph_def is not None:
            raise ValueError("Please pass only graph, or graph_def (deprecated), but not both.")
        given = graph_def if graph is None else graph
        if isinstance(given, GraphDef):
            found = given
        elif hasattr(given, "as_graph_def"):
            found = given.as_graph_def(add_shapes=True)
        else:
            raise TypeError(
                "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"
            )
        self._add(Event(graph_def=found.SerializeToString()), global_step)

    def add_session_log(self, session_log: SessionLog, global_step: Any = None) -> None:
        """Add that a session started, stopped, or wrote a checkpoint."""
        self._add(Event(session_log=session_log), global_step)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Add what a run of a session measured; of `tf.RunMetadata` only that there was a run."""
        is_message = isinstance(run_metadata, Message)
        data = run_metadata.SerializeToString() if is_message else b""
        tagged = TaggedRunMetadata(tag=tag, run_metadata=data)
        self._add(Event(tagged_run_metadata=tagged), global_step)

    def add_event(self, event: Event) -> None:
        """Add any event."""
        self._add(event, None)

    def _add(self, event: Event, global_step: Any, summary: bytes = b"") -> None:
        if self._file is None:
            warnings.warn(
                "Attempting to use a closed FileWriter. The operation will be a noop unless the"
                " FileWriter is explicitly reopened.",
                stacklevel=3,
            )
            return
        if global_step is not None:
            event.step = int(global_step)
        self._file.add(event, summary)

    def flush(self) -> None:
        """Put what is held back into the file."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file; events that are added later are dropped, with a warning."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def reopen(self) -> None:
        """Go on after `close`, in a new file."""
        if self._file is None:
            self._file = EventFile(self._logdir, *self._settings)
            self._described.clear()

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


class FileWriterCache:
    """One `FileWriter` per folder."""

    _writers: ClassVar[dict[str, FileWriter]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def get(cls, logdir: Any) -> FileWriter:
        """The writer of a folder, made on first use."""
        folder = os.fsdecode(logdir)
        with cls._lock:
            if folder not in cls._writers:
                cls._writers[folder] = FileWriter(folder)
            return cls._writers[folder]

    @classmethod
    def clear(cls) -> None:
        """Close all writers, and forget them."""
        with cls._lock:
            for writer in cls._writers.values():
                writer.close()
            cls._writers.clear()
