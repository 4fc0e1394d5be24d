"""Timing: the same work done in turn by several callables, medians and spread.

The contestants alternate (A B A B ...), so that a slow moment of the machine, or its clock, hits
all of them. A sample repeats its call until it lasts long enough for the timer. Where a contestant
leaves threads that are busy, the next one begins when they are at rest: those of a BLAS wait busily
for more work, for a tenth of a second, and whoever comes next would share the processors with them.
Meanwhile processors fall asleep, so that one begins with calls that do not count.
"""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .workload import Arguments, Workload

GLANCE = 12e-3  # seconds that a look at the threads lasts; systems count their time every 10 ms
AT_REST = 0.3  # busy for less than this part of it, threads are at rest
PATIENCE = 0.5  # seconds: nobody is waited for any longer
AWAKE = 5e-3  # seconds of work after which processors that have slept are as quick as before


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: seconds per sample at least, per contest at most, and sample counts."""

    sample: float = 2e-3
    contest: float = 4.0
    least: int = 5
    most: int = 41


FULL = Plan()
QUICK = Plan(sample=5e-4, contest=0.15, least=3, most=15)


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the 10th and the 90th percentile."""

    low: float
    median: float
    high: float


def spread(samples: Sequence[float]) -> Spread:
    """The spread of some samples; fewer than ten give their least and their largest value."""
    ordered = sorted(samples)
    edge = len(ordered) // 10
    return Spread(ordered[edge], statistics.median(ordered), ordered[-1 - edge])


def timer(function: Callable[..., Any], arguments: Arguments) -> timeit.Timer:
    """A timer of `function(*arguments)` whose own cost is a loop step, some 10 ns."""
    scope = {"function": function, **{f"a{k}": a for k, a in enumerate(arguments)}}
    names = ", ".join(f"a{k}" for k in range(len(arguments)))
    return timeit.Timer(f"function({names})", globals=scope)


def workload_timer(
    workload: Workload, function: Callable[..., Any], arguments: Arguments
) -> timeit.Timer:
    """A timer of the workload's steps, done by `function` in place of its own."""
    if workload.steps == 1:
        return timer(function, arguments)
    return timer(lambda: workload.run(function, arguments, workload.steps), ())


def contest(timers: Sequence[timeit.Timer], plan: Plan) -> list[list[float]]:
    """Seconds per call, one list per timer; entry k of all lists was taken in one round."""
    numbers, restless = [], []
    for each in timers:
        numbers.append(_calls_per_sample(each, plan.sample))
        restless.append(wait_for_rest())
    samples: list[list[float]] = [[] for _ in timers]
    begin, has_waited = time.perf_counter(), False
    for done in range(plan.most):
        if done >= plan.least and time.perf_counter() - begin > plan.contest:
            break
        for k, each in enumerate(timers):
            if has_waited:
                _wake(each)
            samples[k].append(each.timeit(numbers[k]) / numbers[k])
            has_waited = restless[k] and wait_for_rest()
    return samples


def wait_for_rest() -> bool:
    """Return when no thread of this process is busy, or when patience ends; whether any was."""
    begin = time.perf_counter()
    was_busy = False
    while time.perf_counter() - begin < PATIENCE:
        look, used = time.perf_counter(), time.process_time()
        time.sleep(GLANCE)
        if time.process_time() - used < AT_REST * (time.perf_counter() - look):
            break
        was_busy = True
    return was_busy


def _wake(timer: timeit.Timer) -> None:
    """Call until the processors are as quick as they are in the middle of work."""
    end = time.perf_counter() + AWAKE
    while time.perf_counter() < end:
        timer.timeit(1)


def _calls_per_sample(timer: timeit.Timer, least: float) -> int:
    """How many calls make a sample of `least` seconds; the calls made here warm the caches."""
    number = 1
    while True:
        seconds = timer.timeit(number)
        if seconds >= least:
            return number
        number = max(2 * number, int(number * least / max(seconds, 1e-9)))
