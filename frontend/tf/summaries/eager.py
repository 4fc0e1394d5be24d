"""`tf.summary` of TensorFlow 2: a default writer, a default step, functions that write at once.

Layer: frontend. Eager only: while a function is traced there are no values.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from ..convert import convert_to_tensor
from ..errors import OperatorNotAllowedInGraphError
from ..proto.arrays import tensor_proto
from ..proto.events import Event, Summary, SummaryMetadata
from ..proto.graphs import GraphDef
from ..scopes import in_scope
from ..tensors import Tensor
from . import plugins
from .event_file import EventFile

_numbers = count()


class _Defaults(threading.local):
    """What a thread writes to, at which step, and whether it does."""

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None
        self.step: Any = None
        self.is_recording: Any = True


_DEFAULTS = _Defaults()


class SummaryWriter:
    """Writes summaries; made by `tf.summary.create_file_writer`."""

    def __init__(self, file: EventFile | None) -> None:
        self._file = file
        self._is_closed = False

    def _add(self, event: Event) -> None:
        if self._file is not None:
            self._file.add(event)

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeError(f"SummaryWriter {self!r} is already closed")

    def set_as_default(self, step: Any = None) -> None:
        """Let functions of this thread write here; at `step`, if it is given."""
        self._check_open()
        _DEFAULTS.writer = self
        if step is not None:
            set_step(step)

    @contextmanager
    def as_default(self, step: Any = None) -> Iterator[SummaryWriter]:
        """Inside of it functions write here; at `step`, if it is given."""
        self._check_open()
        writer, before = _DEFAULTS.writer, _DEFAULTS.step
        _DEFAULTS.writer = self
        if step is not None:
            _DEFAULTS.step = step
        try:
            yield self
        finally:
            _DEFAULTS.writer = writer
            if step is not None:
                _DEFAULTS.step = before
            self.flush()

    def init(self) -> None:
        """For TensorFlow's signature: the file is there already."""
        self._check_open()

    def flush(self) -> None:
        """Put what is held back into the file."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        if self._file is not None:
            self._file.close()
            self._is_closed = True


def create_file_writer(
    logdir: Any,
    max_queue: Any = None,
    flush_millis: Any = None,
    filename_suffix: Any = None,
    name: str | None = None,
    experimental_trackable: bool = False,
) -> SummaryWriter:
    """A writer of a new event file in a folder.

    Args:
        logdir: the folder; made if needed.
        max_queue: how many events are held back at most, 10 by default.
        flush_millis: for how long, 120,000 by default; counted when an event is added.
        filename_suffix: the end of the file's name, ".v2" by default.
        name: for TensorFlow's signature.
        experimental_trackable: for TensorFlow's signature.
    """
    if isinstance(logdir, Tensor):
        logdir = logdir.numpy()
    suffix = ".v2" if filename_suffix is None else str(filename_suffix)
    return SummaryWriter(
        EventFile(
            os.fsdecode(logdir),
            10 if max_queue is None else int(max_queue),
            120.0 if flush_millis is None else float(flush_millis) / 1000,
            f".{os.getpid()}.{next(_numbers)}{suffix}",
        )
    )


def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing."""
    return SummaryWriter(None)


# -- what holds for the functions below -----------------------------------------------------------


def set_step(step: Any) -> None:
    """The step of summaries that are given none: an int, a tensor, a variable, or None."""
    _DEFAULTS.step = step


def get_step() -> Any:
    """The step of summaries that are given none."""
    return _DEFAULTS.step


@contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Inside of it summaries are written only if the condition holds.

    Args:
        condition: a bool, or a function without arguments that gives one.
    """
    before, _DEFAULTS.is_recording = _DEFAULTS.is_recording, condition
    try:
        yield
    finally:
        _DEFAULTS.is_recording = before


def should_record_summaries() -> Tensor:
    """Whether summaries are written: there is a default writer, and `record_if` agrees."""
    return convert_to_tensor(_is_recording())


def _is_recording() -> bool:
    condition = _DEFAULTS.is_recording
    return _DEFAULTS.writer is not None and bool(condition() if callable(condition) else condition)


def flush(writer: SummaryWriter | None = None, name: str | None = None) -> None:
    """Put what a writer, by default the default one, holds back into its file."""
    chosen = _DEFAULTS.writer if writer is None else writer
    if chosen is not None:
        chosen.flush()


# -- summaries ------------------------------------------------------------------------------------


def write(
    tag: str,
    tensor: Any,
    step: Any = None,
    metadata: SummaryMetadata | bytes | None = None,
    name: str | None = None,
) -> Tensor:
    """Write a tensor (or what a function without arguments gives) to the default writer.

    Args:
        tag: the summary's name.
        tensor: the value.
        step: by default that of `set_step`.
        metadata: which plugin of TensorBoard shows it.
        name: for TensorFlow's signature.

    Returns:
        Whether it was written.

    Raises:
        ValueError: there is a writer, but no step.
    """

    def array() -> np.ndarray:
        return _array(tensor() if callable(tensor) else tensor)

    given = SummaryMetadata.FromString(metadata) if isinstance(metadata, bytes) else metadata
    return _write(str(tag), array, step, given)


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> Tensor:
    """Write one number (as float32); see `write` for step and result."""
    return _write(
        in_scope(name),
        lambda: plugins.scalar(_array(data)),
        step,
        plugins.metadata("scalars", description),
    )


def histogram(
    name: str, data: Any, step: Any = None, buckets: Any = None, description: str | None = None
) -> Tensor:
    """Write how elements are spread over `buckets` (30) of equal width; see `write`."""
    return _write(
        in_scope(name),
        lambda: plugins.histogram(_array(data), buckets),
        step,
        plugins.metadata("histograms", description),
    )


def image(
    name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None
) -> Tensor:
    """Write pictures [batch, height, width, channels], floats from 0 to 1 or uint8; see `write`."""
    return _write(
        in_scope(name),
        lambda: plugins.image(_array(data), int(max_outputs)),
        step,
        plugins.metadata("images", description),
    )


def audio(
    name: str,
    data: Any,
    sample_rate: Any,
    step: Any = None,
    max_outputs: int = 3,
    encoding: str | None = None,
    description: str | None = None,
) -> Tensor:
    """Write sounds: floats [batch, frames, channels] from -1 to 1, as WAV; see `write`.

    Raises:
        ValueError: `encoding` is not "wav".
    """
    if encoding not in (None, "wav"):
        raise ValueError(f"Unknown encoding: {encoding!r}")
    return _write(
        in_scope(name),
        lambda: plugins.audio(_array(data), int(sample_rate), int(max_outputs)),
        step,
        plugins.metadata("audio", description),
    )


def text(name: str, data: Any, step: Any = None, description: str | None = None) -> Tensor:
    """Write strings, which TensorBoard shows as Markdown; see `write`."""
    return _write(
        in_scope(name),
        lambda: plugins.text(_array(data)),
        step,
        plugins.metadata("text", description),
    )


def _write(
    tag: str, array: Callable[[], np.ndarray], step: Any, metadata: SummaryMetadata | None
) -> Tensor:
    if not _is_recording():
        return convert_to_tensor(False)
    at = _step(step)
    summary = Summary()
    summary.value.add(tag=tag, tensor=tensor_proto(array()), metadata=metadata)
    assert _DEFAULTS.writer is not None
    _DEFAULTS.writer._add(Event(step=at, summary=summary))
    return convert_to_tensor(True)


def _step(step: Any) -> int:
    chosen = _DEFAULTS.step if step is None else step
    if chosen is None:
        raise ValueError(
            "No step set. Please specify one either through the `step` argument or through"
            " tf.summary.experimental.set_step()"
        )
    return int(_array(chosen))


def _array(data: Any) -> np.ndarray:
    tensor = convert_to_tensor(data)
    if tensor.is_symbolic:
        raise OperatorNotAllowedInGraphError(
            "tf.summary writes values, and there are none while a tf.function is traced: return the"
            " tensor from the function, and write the summary where it is called"
        )
    return np.asarray(tensor._concrete("tf.summary"))


def write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> Tensor:
    """Write a summary that is given as bytes, as TensorFlow 1's functions make them."""
    if not _is_recording():
        return convert_to_tensor(False)
    at, data = _step(step), bytes(_array(tensor).item())
    assert _DEFAULTS.writer is not None
    _DEFAULTS.writer._add(Event(step=at, summary=Summary.FromString(data)))
    return convert_to_tensor(True)


def graph(graph_data: Any) -> Tensor:
    """Write a graph: a `tf.Graph` or `GraphDef`.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(graph_data, GraphDef) and not hasattr(graph_data, "as_graph_def"):
        raise TypeError("graph_data is a tf.Graph or a GraphDef")
    if not _is_recording():
        return convert_to_tensor(False)
    is_message = isinstance(graph_data, GraphDef)
    found = graph_data if is_message else graph_data.as_graph_def(add_shapes=True)
    assert _DEFAULTS.writer is not None
    _DEFAULTS.writer._add(Event(graph_def=found.SerializeToString()))
    return convert_to_tensor(True)


@contextmanager
def summary_scope(
    name: str, default_name: str = "summary", values: Any = None
) -> Iterator[tuple[str, str]]:
    """The tag and the scope of a custom summary function."""
    label = in_scope(name or default_name)
    yield label, f"{label}/"


# -- traces of functions --------------------------------------------------------------------------


def trace_on(graph: bool = True, profiler: bool = False, profiler_outdir: Any = None) -> None:
    """Accepted, with a warning: graphs and times of functions are not recorded."""
    warnings.warn(
        "tf.summary.trace_on: graphs and times of tf.functions are not recorded;"
        " tw.jit(...).lower(...) shows what is compiled",
        stacklevel=2,
    )


def trace_off() -> None:
    """Accepted: nothing is recorded."""


def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Accepted, with a warning: nothing was recorded."""
    warnings.warn("tf.summary.trace_export: nothing was recorded", stacklevel=2)
