"""`tf.train.Coordinator`: lets several threads stop together, and hands on their errors.

Layer: frontend.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import OutOfRangeError


class Coordinator:
    """Threads ask `should_stop`, anyone calls `request_stop`, and `join` waits for all.

    Args:
        clean_stop_exception_types: errors that count as a wish to stop; `OutOfRangeError` by
            default.
    """

    def __init__(
        self, clean_stop_exception_types: tuple[type[BaseException], ...] | None = None
    ) -> None:
        self._clean = tuple(clean_stop_exception_types or (OutOfRangeError,))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._threads: set[threading.Thread] = set()
        self._is_joined = False

    def should_stop(self) -> bool:
        """Whether threads are to end."""
        return self._stop.is_set()

    def request_stop(self, ex: Any = None) -> None:
        """Let all threads end.

        Args:
            ex: an error, or what `sys.exc_info()` gives, that `join` raises.
        """
        error = ex[1] if isinstance(ex, tuple) else ex
        with self._lock:
            if self._is_joined and isinstance(error, BaseException):
                raise error
            if not self._stop.is_set():
                if isinstance(error, BaseException) and not isinstance(error, self._clean):
                    self._error = error
                self._stop.set()

    def clear_stop(self) -> None:
        """Begin anew."""
        with self._lock:
            self._is_joined, self._error = False, None
            self._stop.clear()

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until threads are to end; whether they are."""
        return self._stop.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Let `join` wait for this thread too."""
        with self._lock:
            self._threads.add(thread)

    @contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Let all threads end if there is an error inside."""
        try:
            yield
        except Exception as error:
            self.request_stop(error)

    def join(
        self,
        threads: Iterable[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Wait for threads; raise the error of the one that has failed.

        Args:
            threads: beside those that are registered.
            stop_grace_period_secs: how long they have once they are to stop.
            ignore_live_threads: whether it is no error if some go on.

        Raises:
            RuntimeError: some go on.
        """
        waiting = list(self._threads.union(threads or ()))
        while any(t.is_alive() for t in waiting) and not self.wait_for_stop(0.05):
            pass
        self._stop.set()
        end = time.monotonic() + stop_grace_period_secs
        for thread in waiting:
            thread.join(max(0.0, end - time.monotonic()))
        alive = [t.name for t in waiting if t.is_alive()]
        with self._lock:
            self._is_joined = True
            self._threads = set()
        if self._error is not None:
            raise self._error
        if alive and not ignore_live_threads:
            raise RuntimeError(f"Coordinator stopped with threads still running: {' '.join(alive)}")

    @property
    def joined(self) -> bool:
        """Whether `join` has been called."""
        return self._is_joined

    def raise_requested_exception(self) -> None:
        """Raise the error that a thread has handed on, if there is one."""
        if self._error is not None:
            raise self._error
