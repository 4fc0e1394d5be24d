"""Runs one workload: checks the result against NumPy, then takes the figures."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorwright as tw

from . import fresh
from .ours import source
from .peers.client import Peer
from .report import Record
from .timing import Plan, contest, spread, timer, workload_timer
from .workload import Arguments, Workload

CHECKED_STEPS = 3  # of a workload in steps: enough to see that a result can be passed on
COMPILES = 3  # the median of so many


def run(
    workload: Workload, dtype: str, size: str, plan: Plan, peers: list[Peer], *, first: bool
) -> Record:
    """All figures of one workload in one dtype; `first` also starts a new process for it."""
    record = Record(workload.name, dtype, getattr(workload, size))
    # NumPy's warnings on values (a division by zero in a corner) are not what is looked at.
    with np.errstate(all="ignore"):
        try:
            _measure(record, workload, size, plan, first=first)
        # A compiler that stumbles over one workload must not end the run, whatever it raises.
        except Exception as error:
            record.error = one_line(error)
    for peer in peers:
        record.peers[peer.name] = peer.ask(workload.name, dtype, size)
    return record


def compile_seconds(make: Callable[[], Any], arguments: Arguments) -> float:
    """Tracing and compiling: the first call of a new compiled function, less a warm call."""
    costs = []
    for _ in range(COMPILES):
        jitted = make()
        begin = time.perf_counter()
        jitted(*arguments)
        middle = time.perf_counter()
        jitted(*arguments)
        costs.append(2 * middle - begin - time.perf_counter())
    return max(spread(costs).median, 0.0)


def one_line(error: BaseException) -> str:
    """An error on one line, with its class."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:300]


def _measure(record: Record, workload: Workload, size: str, plan: Plan, *, first: bool) -> None:
    arguments = workload.make(record.dtype, size)
    written = source(workload)
    jitted = tw.jit(written)
    steps = min(workload.steps, CHECKED_STEPS)
    got = workload.run(jitted, arguments, steps)
    expected = workload.run(workload.function, arguments, steps)
    record.error = workload.difference(record.dtype, got, expected)
    record.wrong = bool(record.error)
    del got, expected
    if record.wrong:
        return
    contestants = (workload.function, jitted)
    timers = [workload_timer(workload, each, arguments) for each in contestants]
    theirs, ours = contest(timers, plan)
    record.numpy, record.ours = spread(theirs).median, spread(ours).median
    record.ratio = spread([a / b for a, b in zip(theirs, ours, strict=True)])
    record.compile = compile_seconds(lambda: tw.jit(written), arguments)
    tiny = workload.make(record.dtype, "tiny")
    # Its own jit object: a second size would turn the sizes of `jitted` into symbols.
    jitted = tw.jit(written)
    jitted(*tiny)
    theirs, ours = contest([timer(each, tiny) for each in (workload.function, jitted)], plan)
    record.tiny_numpy, record.tiny = spread(theirs).median, spread(ours).median
    if first:
        record.first = fresh.first_call_seconds(workload.name, record.dtype, "quick")


def silence() -> None:
    """Hide NumPy's warnings on floating-point values; a compiled function gives none."""
    warnings.filterwarnings("ignore", category=RuntimeWarning)
