"""A peer's process: reads questions, one JSON object a line, and answers each with one line.

What the peer prints by itself goes to standard error, so that the answers stay readable.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from typing import Any

import numpy as np

from ..timing import FULL, QUICK, Plan, contest, spread, workload_timer
from ..workload import Arguments, leaves
from ..workloads import BY_NAME
from .translate import Translator, load

SHARE_THAT_AGREES = 0.99  # a peer may contract a*b + c, which moves a few counts of `mandelbrot`


def measure(peer: Translator, question: dict[str, str], plan: Plan) -> dict[str, float]:
    """Seconds per run, and of the first call beyond that; nothing where there is no translation."""
    workload = BY_NAME[question["workload"]]
    dtype = question["dtype"]
    arguments = workload.make(dtype, question["size"])
    translated = convert(arguments, peer)
    begin = time.perf_counter()
    function = peer.translate(workload)
    if function is None:
        return {}
    result = function(*translated)
    first = time.perf_counter() - begin
    check(result, workload.function(*arguments))
    begin = time.perf_counter()
    function(*translated)
    warm = time.perf_counter() - begin
    (samples,) = contest([workload_timer(workload, function, translated)], plan)
    return {"seconds": spread(samples).median, "compile": max(first - warm, 0.0)}


def convert(arguments: Arguments, peer: Translator) -> Arguments:
    """The arguments, in nested tuples, each in the peer's own class."""
    return tuple(
        convert(each, peer) if isinstance(each, tuple) else peer.argument(each)
        for each in arguments
    )


def check(got: Any, expected: Any) -> None:
    """Raise unless the peer computes what NumPy computes: a wrong program has no figures."""
    for left, right in zip(leaves(got), leaves(expected), strict=True):
        left, right = np.asarray(left), np.asarray(right)
        # Numba gives a Python number for a scalar of any dtype.
        if left.shape != right.shape or (right.ndim and left.dtype != right.dtype):
            kinds = f"{left.dtype}{left.shape}, NumPy gives {right.dtype}{right.shape}"
            raise ValueError(f"different result: {kinds}")
        rtol = 1e-3 if right.dtype == np.float32 else 1e-6
        scale = float(np.max(np.abs(right), initial=0.0))
        if np.isclose(left, right, rtol, rtol * scale).mean() < SHARE_THAT_AGREES:
            raise ValueError("different values")


def describe(error: BaseException) -> str:
    """An error on one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:200]


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
    main(sys.argv[1], QUICK if "quick" in sys.argv[2:] else FULL)
