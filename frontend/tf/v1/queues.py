"""What is refused of TensorFlow 1: queues, readers, supervisors; with what to do instead.

Layer: frontend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

_DATA = (
    "queues are not supported. Read data with tf.data.Dataset (shuffle, batch, repeat), or give"
    " NumPy arrays to session.run(..., feed_dict=...)"
)
_SUPERVISOR = "use tf.train.MonitoredTrainingSession, which saves, restores and writes summaries"
_INSTEAD = {
    "queue": (
        "ConditionalAccumulator FIFOQueue PaddingFIFOQueue PriorityQueue QueueBase"
        " RandomShuffleQueue SparseConditionalAccumulator",
        _DATA,
    ),
    "input": (
        "QueueRunner add_queue_runner batch batch_join input_producer limit_epochs maybe_batch"
        " maybe_batch_join maybe_shuffle_batch maybe_shuffle_batch_join range_input_producer"
        " shuffle_batch shuffle_batch_join slice_input_producer string_input_producer",
        _DATA,
    ),
    "reader": (
        "FixedLengthRecordReader IdentityReader LMDBReader ReaderBase TFRecordReader"
        " TextLineReader WholeFileReader",
        "readers take file names from queues, which are not supported. Read files with"
        " tf.data.Dataset, tf.io.read_file or tf.python_io.tf_record_iterator",
    ),
    "supervisor": ("SessionManager Supervisor", _SUPERVISOR),
    "profiler": (
        "ProfilerHook",
        "pass options=tf.RunOptions(trace_level=...) and run_metadata to session.run",
    ),
    "several": (
        "GlobalStepWaiterHook SyncReplicasOptimizer WorkerSessionCreator",
        "training runs in one process: use the optimizer itself",
    ),
}


def _refused(name: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name} is not supported: {instead}.")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Refused: {instead}."
    return refuse


REFUSED = {
    name: _refused(name, instead) for names, instead in _INSTEAD.values() for name in names.split()
}


def __getattr__(name: str) -> Any:
    """The functions that refuse, by name."""
    if name in REFUSED:
        return REFUSED[name]
    raise AttributeError(name)


def start_queue_runners(
    sess: Any = None,
    coord: Any = None,
    daemon: bool = True,
    start: bool = True,
    collection: str = "queue_runners",
) -> list[Any]:
    """The threads that fill queues: none, as there are no queues."""
    return []
