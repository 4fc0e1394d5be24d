"""The memory that a gradient takes while it runs, in a new process.

`python -m benchmarks.memory 10000000` prints the largest growth of the process, in arrays, during
a call of a gradient that is compiled already, less the arrays that the call returns.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tensorwright as tw

LINKS = 10
OPERATIONS = 5 * LINKS  # of the function, on each element, before the sum
STATUS = Path("/proc/self/status")


def spare_arrays(elements: int) -> float:
    """How many arrays of the input's size a gradient needs beside its input and its result."""
    command = [sys.executable, "-m", "benchmarks.memory", str(elements)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a new process failed: {last}")
    return float(done.stdout)


def long_chain(x):
    """The sum of OPERATIONS operations on each element, one after the other."""
    for k in range(LINKS):
        x = np.sin(x) * np.exp(-x) + 0.1 * (k + 1)
    return np.sum(x)


def measure(gradient: Callable[..., Any], elements: int) -> float:
    """Arrays of `elements` float64s by which the process grows in a call, less the one returned."""
    for size in (1_000, 2_000):  # the second compiles the program that serves all sizes
        gradient(np.linspace(0.0, 1.0, size))
    x = np.linspace(0.0, 1.0, elements)
    before, earlier = _status("VmRSS"), _status("VmHWM")
    result = gradient(x)
    after = _status("VmHWM")
    assert after > earlier, "the call is hidden by what was freed before it"
    return (after - before - result.nbytes) / x.nbytes


def _status(name: str) -> int:
    """A figure of the process, in bytes."""
    for line in STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return 1024 * int(value.split()[0])
    raise RuntimeError(f"{STATUS} has no {name}")


if __name__ == "__main__":
    print(measure(tw.grad(long_chain), int(sys.argv[1])))
