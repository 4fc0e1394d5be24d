"""The same programs under two modules, side by side: tensorwright and TensorFlow.

Each module runs in a process of its own, all programs once per round, the modules alternating; the
median over the rounds is reported. Without TensorFlow only our own times are shown.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .servers import Server, median_seconds, serve

ROUNDS = 5
SECONDS = 0.3  # for each program in each round


class Comparison(NamedTuple):
    """Programs, and where they run.

    `programs` make a function of no arguments from the module; `targets` are (number, unit): of the
    peer's time ("x"), or seconds ("s").
    """

    name: str  # of the module of this package that has it
    ours: str
    peer: str
    programs: Mapping[str, Callable[[Any], Callable[[], Any]]]
    targets: Mapping[str, tuple[float, str]]


def _serve(comparison: Comparison, module: str) -> None:
    """Answer each question with the seconds per call of all programs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tf = importlib.import_module(module)
    calls = {name: make(tf) for name, make in comparison.programs.items()}
    for call in calls.values():
        call()
    serve(lambda seconds: {name: median_seconds(call, seconds) for name, call in calls.items()})


def _server(python: str, comparison: Comparison, module: str) -> Server:
    return Server([python, "-m", f"benchmarks.{comparison.name}", "--serve", module])


def main(comparison: Comparison, description: str, arguments: list[str]) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{comparison.name}", description=description
    )
    parser.add_argument("--tensorflow-python", default=sys.executable, metavar="PATH")
    parser.add_argument("--serve", metavar="MODULE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        _serve(comparison, options.serve)
        return 0
    servers = [_server(sys.executable, comparison, comparison.ours)]
    peer = _server(options.tensorflow_python, comparison, comparison.peer)
    if peer.is_ready:
        servers.append(peer)
    else:
        print("there is no TensorFlow to compare with", file=sys.stderr)
    rounds = [[server.ask(SECONDS) for server in servers] for _ in range(ROUNDS)]
    for server in servers:
        server.close()
    _print(comparison, rounds)
    return 0


def _print(comparison: Comparison, rounds: list[list[dict[str, float]]]) -> None:
    print(f"{'program':28} {'tensorwright':>14} {'tensorflow':>12} {'ratio':>7}  target")
    for name in comparison.programs:
        times = [statistics.median(r[k][name] for r in rounds) for k in range(len(rounds[0]))]
        shown = [f"{seconds * 1e6:.1f} us" for seconds in times] + ["-"] * (2 - len(times))
        ratio = times[0] / times[1] if len(times) == 2 else None
        print(
            f"{name:28} {shown[0]:>14} {shown[1]:>12}"
            f" {f'{ratio:.3f}' if ratio else '-':>7}"
            f"  {_verdict(comparison.targets.get(name), times[0], ratio)}"
        )


def _verdict(target: tuple[float, str] | None, seconds: float, ratio: float | None) -> str:
    if target is None:
        return ""
    bound, unit = target
    value = seconds if unit == "s" else ratio
    shown = f"<= {bound * 1e6:g} us" if unit == "s" else f"<= {bound:g}x"
    if value is None:
        return shown
    return f"{shown} {'met' if value <= bound else 'MISSED'}"
