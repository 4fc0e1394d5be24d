"""Processes that answer questions, a line of JSON each: libraries that do not share a process.

The one side calls `serve`, the other makes a `Server` of the command that does so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SHORT = 1e-4  # seconds: calls below it are timed in runs
RUN = 50


def serve(answer: Callable[[Any], Any]) -> None:
    """Say that this process is ready, then answer the questions on its input until that ends."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def median_seconds(call: Callable[[], Any], seconds: float) -> float:
    """The median time of a call, over this many seconds and one call at least."""
    begin = time.perf_counter()
    end = begin + seconds
    call()
    first = time.perf_counter() - begin
    runs, samples = (1, [first]) if first >= SHORT else (RUN, [])
    while not samples or time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in range(runs):
            call()
        samples.append((time.perf_counter() - begin) / runs)
    return statistics.median(samples)


class Server:
    """A process that calls `serve`.

    Args:
        command: what starts it.
        environment: variables that it gets besides those of this process.

    Attributes:
        is_ready: whether it has got that far; it has not where a module is missing.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = " ".join(command)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.is_ready = bool(self._line())

    def ask(self, question: Any) -> Any:
        """The answer to a question."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._line()
        if not line:
            raise SystemExit(f"{self._command} has ended")
        return json.loads(line)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
