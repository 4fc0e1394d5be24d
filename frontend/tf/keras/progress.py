"""What training prints.

Layer: frontend. With `verbose=1` a bar that moves, if the package rich is installed and the output
is a terminal; otherwise, and with `verbose=2`, a line per epoch.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from .callbacks import Callback


class Progress(Callback):
    """Prints epochs, steps, times and logs."""

    def __init__(self, verbose: int, steps: int | None) -> None:
        super().__init__()
        self._steps = steps
        self._lines = _bar_class() is None or verbose != 1 or not sys.stdout.isatty()
        self._done, self._begin = 0, time.perf_counter()
        self._bar: Any = None
        self._label = ""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Print the epoch's number."""
        print(f"Epoch {epoch + 1}/{self.params.get('epochs', 1)}")
        self._start()

    def on_test_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        if not self.params.get("epochs"):  # not within training
            self._start()

    on_predict_begin = on_test_begin

    def _start(self) -> None:
        self._done, self._begin = 0, time.perf_counter()
        if not self._lines:
            self._bar = _bar_class()()  # type: ignore[misc]
            self._task = self._bar.add_task("", total=self._steps)
            self._bar.start()

    def step(self) -> None:
        """Count one batch."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, advance=1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the logs."""
        self._finish(logs)

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Print the logs."""
        if not self.params.get("epochs"):
            self._finish(logs)

    on_predict_end = on_test_end

    def _finish(self, logs: dict[str, float] | None) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        print(line(self._done, time.perf_counter() - self._begin, logs or {}))


def line(steps: int, seconds: float, logs: dict[str, float]) -> str:
    """`8/8 - 0s - 1ms/step - loss: 0.2340 - accuracy: 0.9100`."""
    each = seconds / max(steps, 1)
    unit = f"{each:.0f}s" if each >= 1 else f"{each * 1e3:.0f}ms" if each >= 1e-3 else ""
    pace = unit or f"{each * 1e6:.0f}us"
    parts = [f"{steps}/{steps}", f"{seconds:.0f}s", f"{pace}/step"]
    for name, value in logs.items():
        parts.append(f"{name}: {_text(value)}")
    return " - ".join(parts)


def _bar_class() -> Any:
    """rich's progress bar, or None if it is not installed."""
    try:
        # an extra, which most programs do not need
        from rich.progress import Progress as Bar
    except ImportError:
        return None
    return Bar


def _text(value: Any) -> str:
    if np.ndim(value):
        return np.array2string(value, precision=4)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"
