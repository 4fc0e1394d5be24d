"""A peer's process: reads questions, one JSON object a line, and answers each with one line.

What the peer prints by itself goes to standard error, so that the answers stay readable.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..timing import FULL, QUICK, Plan, contest, spread, workload_timer
from ..workload import Arguments, Workload, leaves, map_leaves
from ..workloads import BY_NAME, LOSS_BY_NAME
from .translate import Function, Translator, load

SHARE_THAT_AGREES = 0.99  # a peer may contract a*b + c, which moves a few counts of `mandelbrot`


def measure(peer: Translator, question: dict[str, Any], plan: Plan) -> dict[str, float]:
    """Seconds per run, and of the first call beyond that; nothing where there is no translation."""
    if question["gradient"]:
        return measure_gradient(peer, question, plan)
    workload = BY_NAME[question["workload"]]
    arguments = workload.make(question["dtype"], question["size"])
    translated = map_leaves(peer.argument, arguments)
    function, result, first = first_call(lambda: peer.translate(workload), translated)
    if function is None:
        return {}
    check(result, workload.function(*arguments))
    return further_calls(workload, function, translated, first, plan)


def measure_gradient(peer: Translator, question: dict[str, Any], plan: Plan) -> dict[str, float]:
    """The same for the gradient of a loss, which has to be the one that the suite has kept."""
    loss = LOSS_BY_NAME[question["workload"]]
    arguments = loss.make(question["dtype"], question["size"])
    translated = tuple(
        map_leaves(peer.variable if k in loss.argnums else peer.constant, argument)
        for k, argument in enumerate(arguments)
    )
    function, result, first = first_call(lambda: peer.gradient(loss), translated)
    if function is None:
        return {}
    if question["like"]:
        with np.load(question["like"]) as ours:
            check(result, list(ours.values()))
    return further_calls(loss, function, translated, first, plan)


def first_call(
    make: Callable[[], Function | None], arguments: Arguments
) -> tuple[Function | None, Any, float]:
    """A function, the result of its first call, and the seconds that both took."""
    begin = time.perf_counter()
    function = make()
    result = None if function is None else function(*arguments)
    return function, result, time.perf_counter() - begin


def further_calls(
    workload: Workload, function: Function, arguments: Arguments, first: float, plan: Plan
) -> dict[str, float]:
    """The figures, where the first call took `first` seconds."""
    begin = time.perf_counter()
    function(*arguments)
    warm = time.perf_counter() - begin
    (samples,) = contest([workload_timer(workload, function, arguments)], plan)
    return {"seconds": spread(samples).median, "compile": max(first - warm, 0.0)}


def check(got: Any, expected: Any) -> None:
    """Raise unless the peer computes what is expected: a wrong program has no figures."""
    for left, right in zip(leaves(got), leaves(expected), strict=True):
        left, right = np.asarray(left), np.asarray(right)
        # Numba gives a Python number for a scalar of any dtype.
        if left.shape != right.shape or (right.ndim and left.dtype != right.dtype):
            kinds = f"{left.dtype}{left.shape}, expected {right.dtype}{right.shape}"
            raise ValueError(f"different result: {kinds}")
        rtol = 1e-3 if right.dtype == np.float32 else 1e-6
        scale = float(np.max(np.abs(right), initial=0.0))
        if np.isclose(left, right, rtol, rtol * scale).mean() < SHARE_THAT_AGREES:
            raise ValueError("different values")


def describe(error: BaseException) -> str:
    """An error on one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:200]


def use_threads(count: int) -> None:
    """Keep the process to so many of its processors: not all peers read OMP_NUM_THREADS."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def main(name: str, plan: Plan) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    try:
        peer = load(name)
    except Exception as error:
        print(json.dumps({"error": describe(error), "fatal": True}), file=answers, flush=True)
        return
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            answer = measure(peer, json.loads(line), plan)
        # Whatever a peer raises, and they raise much that is not documented, is its answer.
        except Exception as error:
            answer = {"error": describe(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    for option in sys.argv[2:]:
        if option.startswith("threads="):
            use_threads(int(option.removeprefix("threads=")))
    main(sys.argv[1], QUICK if "quick" in sys.argv[2:] else FULL)
